// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lies between groups: delays; the rule that ends the run; and the payload.
 */
#include <stdio.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/image.h"
#include "topo/limits.h"
#include "topo/load.h"

#define DEFAULT_PIECE_BYTES (UINT64_C(256) << 10)
#define MIN_PIECE_BYTES (UINT64_C(16) << 10)
#define MAX_PIECE_BYTES (UINT64_C(64) << 20)
#define MAX_FILE_NAME 100u

/* --- delays --------------------------------------------------------------- */

/* A group outside of LANs, or a LAN. */
static int find_site(struct reader *r, const struct node *node, uint32_t *site)
{
	const struct experiment *exp = exp_reader(r)->exp;
	const struct group_spec *group;
	const char *name = "";

	if (read_text(r, node, "a group's name", &name)) {
		return -1;
	}
	for (size_t i = 0; i < exp->lan_count; i++) {
		if (strcmp(exp->lans[i].name, name) == 0) {
			*site = (uint32_t)(exp->group_count + i);
			return 0;
		}
	}
	if (find_group(r, node, name, site)) {
		return -1;
	}
	group = &exp->groups[*site];
	return group->lan == NO_LAN ? 0 :
	       node_fail(r->tree, node, r->err,
			 "the group \"%s\" is in the LAN \"%s\": name that, its line leads to the others",
			 name, exp->lans[group->lan].name);
}

int load_pair(struct reader *r, const struct node *node, const char *what,
	      struct delay_spec *pair)
{
	char name[32];

	snprintf(name, sizeof(name), "\"%s\"", what);
	if (read_list(r, node, name)) {
		return -1;
	}
	if (node->count != 2) {
		return node_fail(r->tree, node, r->err,
				 "\"%s\" names two groups, [a, b], or one twice, [a, a]", what);
	}
	return find_site(r, node->items[0], &pair->a) || find_site(r, node->items[1], &pair->b) ?
	       -1 : 0;
}

static int read_between(struct reader *r, const struct node *node, void *object)
{
	return load_pair(r, node, "between", object);
}

static int read_delay(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_DELAY_NS, &((struct delay_spec *)object)->delay_ns);
}

static const struct field delays_fields[] = {
	{.key = "between", .required = true, .read = read_between},
	{.key = "delay", .required = true, .read = read_delay},
};
const struct field_map delays_map = {
	"between", "a delay between groups", delays_fields, ARRAY_LEN(delays_fields),
};

int load_delays(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;
	size_t sites = exp->group_count + exp->lan_count;
	CLEAN_FREE bool *seen = NULL;

	if (read_list(r, node, "\"delays\"")) {
		return -1;
	}
	exp->delays = must_calloc(node->count, sizeof(*exp->delays));
	seen = must_calloc(sites * sites, sizeof(*seen));
	for (size_t i = 0; i < node->count; i++) {
		struct delay_spec *d = &exp->delays[i];

		if (read_fields(r, &delays_map, node->items[i], d)) {
			return -1;
		}
		exp->delay_count++;
		if (seen[d->a * sites + d->b]) {
			return node_fail(r->tree, node->items[i], r->err,
					 "a delay between \"%s\" and \"%s\" is given already",
					 experiment_site_name(exp, d->a),
					 experiment_site_name(exp, d->b));
		}
		seen[d->a * sites + d->b] = true;
		seen[d->b * sites + d->a] = true;
	}
	return 0;
}

/* --- stop ----------------------------------------------------------------- */

/* "leechers" is every group that leeches, unless a group has that very name. */
static int select_groups(struct reader *r, const struct node *node, const char *word,
			 struct stop_spec *stop)
{
	const struct experiment *exp = exp_reader(r)->exp;
	uint32_t group = 0;
	bool named = false, any = false;

	for (size_t i = 0; i < exp->group_count; i++) {
		named = named || strcmp(exp->groups[i].name, word) == 0;
	}
	if (named || strcmp(word, "leechers") != 0) {
		if (find_group(r, node, word, &group)) {
			return -1;
		}
		stop->groups[group] = true;
		return 0;
	}
	for (size_t i = 0; i < exp->group_count; i++) {
		if (exp->groups[i].role == ROLE_LEECH) {
			stop->groups[i] = true;
			any = true;
		}
	}
	return any ? 0 : node_fail(r->tree, node, r->err, "no group has the role leech");
}

/* "all GROUP [GROUP ...] complete"; *stop is half filled when it is no rule. */
static int parse_rule(struct reader *r, const struct node *node, char *text,
		      struct stop_spec *stop)
{
	char *save = NULL, *word = strtok_r(text, " ", &save), *next;
	char shown[NODE_SHOW_BYTES];
	bool any = false;

	if (word && strcmp(word, "all") == 0) {
		for (word = strtok_r(NULL, " ,", &save); word; word = next) {
			next = strtok_r(NULL, " ,", &save);
			if (!next && any && strcmp(word, "complete") == 0) {
				stop->kind = STOP_ALL_COMPLETE;
				return 0;
			}
			if (!next && any && strcmp(word, "exited") == 0) {
				stop->kind = STOP_ALL_EXITED;
				return 0;
			}
			if (!next) {
				break;
			}
			if (select_groups(r, node, word, stop)) {
				return -1;
			}
			any = true;
		}
	}
	return node_fail(r->tree, node, r->err,
			 "%s is no rule; allowed are \"all leechers complete\", \"all GROUP complete\", \"all GROUP exited\", \"limit\"",
			 node_show(node, shown));
}

static int read_when(struct reader *r, const struct node *node, void *object)
{
	struct stop_spec *stop = object;
	const struct experiment *exp = exp_reader(r)->exp;
	CLEAN_FREE char *rule = NULL;

	if (read_string(r, node, "the rule", &rule)) {
		return -1;
	}
	if (strcmp(rule, "limit") == 0) {
		stop->kind = STOP_LIMIT;
		return 0;
	}
	if (parse_rule(r, node, rule, stop)) {
		return -1;
	}
	for (size_t i = 0; stop->kind == STOP_ALL_COMPLETE && i < exp->group_count; i++) {
		if (stop->groups[i] && exp->groups[i].role != ROLE_LEECH) {
			return node_fail(r->tree, node, r->err,
					 "the group \"%s\" has the role %s: it never becomes complete",
					 exp->groups[i].name, image_role_words[exp->groups[i].role]);
		}
	}
	return 0;
}

static int read_linger(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_TIME_NS, &((struct stop_spec *)object)->linger_ns);
}

static const struct field stop_fields[] = {
	{.key = "when", .required = true, .read = read_when},
	{.key = "linger", .read = read_linger},
};
const struct field_map exp_stop_map = {
	"stop", "\"stop\"", stop_fields, ARRAY_LEN(stop_fields),
};

int load_stop(struct reader *r, const struct node *node, void *object)
{
	exp_reader(r)->has_stop = true;
	return read_fields(r, &exp_stop_map, node, &((struct experiment *)object)->stop);
}

/* --- payload -------------------------------------------------------------- */

static int read_payload_size(struct reader *r, const struct node *node, void *object)
{
	return read_size(r, node, 1, LIMIT_PAYLOAD_BYTES,
			 &((struct payload_spec *)object)->size_bytes);
}

static int read_payload_file(struct reader *r, const struct node *node, void *object)
{
	struct payload_spec *payload = object;
	uint64_t bytes = 0;

	if (payload->size_bytes > 0) {
		return node_fail(r->tree, node, r->err,
				 "a payload has a \"size\" or a \"file\", not both");
	}
	if (find_file(r, node, &payload->path, &bytes)) {
		return -1;
	}
	if (bytes == 0 || bytes > LIMIT_PAYLOAD_BYTES) {
		return node_fail(r->tree, node, r->err, "the file has %llu bytes; from 1B to 1TiB is allowed",
				 (unsigned long long)bytes);
	}
	payload->size_bytes = bytes;
	return 0;
}

static int read_piece(struct reader *r, const struct node *node, void *object)
{
	struct payload_spec *payload = object;
	char shown[NODE_SHOW_BYTES];

	if (read_size(r, node, MIN_PIECE_BYTES, MAX_PIECE_BYTES, &payload->piece_bytes)) {
		return -1;
	}
	if (payload->piece_bytes & (payload->piece_bytes - 1)) {
		return node_fail(r->tree, node, r->err,
				 "%s; a piece is a power of two, for example 256KiB",
				 node_show(node, shown));
	}
	return 0;
}

/* Peers see this name in their command lines and files: nothing to quote in it. */
static int read_file_name(struct reader *r, const struct node *node, void *object)
{
	const char *text = "";
	char shown[NODE_SHOW_BYTES];

	if (read_text(r, node, "a file name", &text)) {
		return -1;
	}
	if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
		    strlen(text) || strlen(text) > MAX_FILE_NAME || *text == '.' || *text == '-') {
		return node_fail(r->tree, node, r->err,
				 "%s; the payload's name has at most %u of a-z, A-Z, 0-9, \".\", \"_\", \"-\"; the first is no \".\" and no \"-\"",
				 node_show(node, shown), MAX_FILE_NAME);
	}
	return read_string(r, node, "a file name", &((struct payload_spec *)object)->name);
}

static const struct field payload_fields[] = {
	{.key = "size", .read = read_payload_size},
	{.key = "file", .read = read_payload_file},
	{.key = "piece", .read = read_piece},
	{.key = "name", .read = read_file_name},
};
const struct field_map payload_map = {
	"payload", "\"payload\"", payload_fields, ARRAY_LEN(payload_fields),
};

int load_payload(struct reader *r, const struct node *node, void *object)
{
	struct payload_spec *payload = &((struct experiment *)object)->payload;
	uint64_t pieces;

	exp_reader(r)->payload = node;
	payload->piece_bytes = DEFAULT_PIECE_BYTES;
	if (read_fields(r, &payload_map, node, payload)) {
		return -1;
	}
	if (payload->size_bytes == 0) {
		return node_fail(r->tree, node, r->err, "\"payload\" needs the key \"size\" or \"file\"");
	}
	pieces = (payload->size_bytes + payload->piece_bytes - 1) / payload->piece_bytes;
	if (pieces > LIMIT_PIECES) {
		return node_fail(r->tree, node, r->err, "%llu pieces; at most %u are allowed, take larger ones",
				 (unsigned long long)pieces, LIMIT_PIECES);
	}
	if (!payload->name) {
		payload->name = must_strdup("payload.bin");
	}
	return 0;
}
