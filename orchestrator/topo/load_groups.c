// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/image.h"
#include "topo/limits.h"
#include "topo/load.h"

#define MIN_MEMORY_BYTES (UINT64_C(4) << 20)
#define MAX_MEMORY_BYTES (UINT64_C(1) << 42)
#define DEFAULT_MEMORY_BYTES (UINT64_C(512) << 20)
#define MIN_PIDS 4u
#define MAX_PIDS 65536u
#define DEFAULT_PIDS 128u

const char *const after_words[] = {
	[AFTER_SEED] = "seed", [AFTER_LEAVE] = "leave", NULL,
};

const char *const expect_words[] = {
	[EXPECT_COMPLETE] = "complete", [EXPECT_RUNNING] = "running", [EXPECT_EXIT] = "exit",
	[EXPECT_ANY] = "any", NULL,
};

static struct group_places *places_of(struct reader *r, const struct group_spec *group)
{
	return &exp_reader(r)->places[group - exp_reader(r)->exp->groups];
}

static int load_image_once(struct exp_reader *r, const char *name, const struct image **image)
{
	struct experiment *exp = r->exp;
	struct image *loaded;

	for (size_t i = 0; i < exp->image_count; i++) {
		if (strcmp(exp->images[i]->name, name) == 0) {
			*image = exp->images[i];
			return 0;
		}
	}
	if (image_load(r->image_dir, name, &loaded, r->base.err)) {
		return -1;
	}
	exp->images = must_grow(exp->images, exp->image_count, sizeof(struct image *));
	exp->images[exp->image_count++] = loaded;
	*image = loaded;
	return 0;
}

static int read_image(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	struct group_places *at = places_of(r, group);
	const char *name = "";
	char **known;
	bool found = false;
	int result = 0;

	if (read_name(r, node, "an image's name", &name)) {
		return -1;
	}
	known = image_list(exp_reader(r)->image_dir);
	for (char **k = known; *k; k++) {
		found = found || strcmp(*k, name) == 0;
	}
	if (!found) {
		result = fail_unknown(r, node, name, "image", (const char *const *)known);
	}
	texts_free(known);
	if (result) {
		return result;
	}
	group->image_name = must_strdup(name);
	at->image = node;
	return load_image_once(exp_reader(r), name, &group->image);
}

static int read_role(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	struct group_places *at = places_of(r, group);
	int role = ROLE_NONE;

	at->role = node;
	if (read_word(r, node, image_role_words, &role)) {
		return -1;
	}
	group->role = (enum peer_role)role;
	return 0;
}

static int read_count(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	struct group_places *at = places_of(r, group);
	uint64_t count = 0;

	at->count = node;
	if (read_number(r, node, 1, LIMIT_PEERS, &count)) {
		return -1;
	}
	group->count = (uint32_t)count;
	return 0;
}

static int read_link(struct reader *r, const struct node *node, void *object)
{
	return load_group_link(r, node, object);
}

static int read_addresses(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	struct group_places *at = places_of(r, group);
	const char *text = "", *why;
	char shown[NODE_SHOW_BYTES];

	at->addresses = node;
	if (read_text(r, node, "an IPv4 prefix", &text)) {
		return -1;
	}
	if (units_parse_prefix(text, &group->addresses, &why)) {
		return node_fail(r->tree, node, r->err, "%s: %s", node_show(node, shown), why);
	}
	return 0;
}

static int read_lan(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	const char *name = "";

	places_of(r, group)->lan = node;
	return read_text(r, node, "a LAN's name", &name) || find_lan(r, node, name, &group->lan) ?
	       -1 : 0;
}

static int read_start(struct reader *r, const struct node *node, void *object)
{
	return load_start(r, node, object);
}

static int read_after(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	struct group_places *at = places_of(r, group);
	int word = AFTER_SEED;

	at->after = node;
	if (read_word(r, node, after_words, &word)) {
		return -1;
	}
	group->after = (enum after_complete)word;
	return 0;
}

static int read_expect(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;
	struct group_places *at = places_of(r, group);
	int word = EXPECT_ANY;

	at->expect = node;
	if (read_word(r, node, expect_words, &word)) {
		return -1;
	}
	group->expect = (enum expect_end)word;
	return 0;
}

static int read_memory(struct reader *r, const struct node *node, void *object)
{
	return read_size(r, node, MIN_MEMORY_BYTES, MAX_MEMORY_BYTES,
			 &((struct group_spec *)object)->memory_bytes);
}

static int read_pids(struct reader *r, const struct node *node, void *object)
{
	uint64_t pids = 0;

	if (read_number(r, node, MIN_PIDS, MAX_PIDS, &pids)) {
		return -1;
	}
	((struct group_spec *)object)->pids = (uint32_t)pids;
	return 0;
}

static int read_args(struct reader *r, const struct node *node, void *object)
{
	struct group_spec *group = object;

	if (read_texts(r, node, "\"args\"", &group->args)) {
		return -1;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (image_check_text(r, node->items[i], group->args[i])) {
			return -1;
		}
	}
	return 0;
}

/* In this order: "start" needs the count. */
static const struct field group_fields[] = {
	{.key = "image", .required = true, .read = read_image},
	{.key = "role", .read = read_role},
	{.key = "count", .read = read_count},
	{.key = "link", .required = true, .read = read_link},
	{.key = "lan", .read = read_lan},
	{.key = "addresses", .read = read_addresses},
	{.key = "start", .read = read_start},
	{.key = "after", .read = read_after},
	{.key = "expect", .read = read_expect},
	{.key = "memory", .read = read_memory},
	{.key = "pids", .read = read_pids},
	{.key = "args", .read = read_args},
};
const struct field_map group_map = {"group", "a group", group_fields, ARRAY_LEN(group_fields)};

/* --- what is not written -------------------------------------------------- */

/* A group has addresses of its own, or those of its LAN. */
static int settle_addresses(struct reader *r, const struct group_spec *group)
{
	const struct group_places *at = places_of(r, group);

	if (!at->addresses && !at->lan) {
		return node_fail(r->tree, at->body, r->err,
				 "a group needs the key \"addresses\", or a \"lan\" that has some");
	}
	if (at->addresses && at->lan) {
		return node_fail(r->tree, at->addresses, r->err,
				 "the LAN \"%s\" gives the group its addresses", at->lan->text);
	}
	return 0;
}

/* An image that plays one role only needs no word about it. */
static int settle_role(struct reader *r, struct group_spec *group)
{
	const struct group_places *at = places_of(r, group);
	const struct image_role *roles = group->image->roles;
	char plays[64] = "";
	unsigned count = 0, only = 0;

	for (unsigned i = 0; image_role_words[i]; i++) {
		if (roles[i].argv) {
			size_t n = strlen(plays);

			snprintf(plays + n, sizeof(plays) - n, "%s%s", count ? ", " : "",
				 image_role_words[i]);
			only = i;
			count++;
		}
	}
	if (!at->role && count > 1) {
		return node_fail(r->tree, at->body, r->err,
				 "a group needs the key \"role\" here: the image \"%s\" plays %s",
				 group->image_name, plays);
	}
	if (!at->role) {
		group->role = (enum peer_role)only;
	}
	if (!roles[group->role].argv) {
		return node_fail(r->tree, at->role, r->err,
				 "the image \"%s\" does not play the role \"%s\"; it plays %s",
				 group->image_name, image_role_words[group->role], plays);
	}
	return 0;
}

static int settle_end(struct reader *r, struct group_spec *group)
{
	static const enum expect_end by_role[] = {
		[ROLE_SEED] = EXPECT_RUNNING, [ROLE_LEECH] = EXPECT_COMPLETE,
		[ROLE_TRACKER] = EXPECT_RUNNING, [ROLE_NONE] = EXPECT_ANY,
	};
	const struct group_places *at = places_of(r, group);

	if (!at->expect) {
		group->expect = by_role[group->role];
	}
	if (group->expect == EXPECT_COMPLETE && group->role != ROLE_LEECH &&
	    group->role != ROLE_SEED) {
		return node_fail(r->tree, at->expect, r->err,
				 "\"complete\" is for groups of role seed or leech; here allowed are running, exit, any");
	}
	if (group->after == AFTER_LEAVE && group->role != ROLE_LEECH) {
		return node_fail(r->tree, at->after, r->err,
				 "\"leave\" is for groups of role leech: nothing is completed here");
	}
	return 0;
}

static int load_group(struct reader *r, const struct node *key, const struct node *body,
		      struct group_spec *group)
{
	const char *name = "";

	*places_of(r, group) = (struct group_places){.group = key, .body = body};
	if (read_name(r, key, "a group's name", &name)) {
		return -1;
	}
	for (size_t i = 0; i < exp_reader(r)->exp->lan_count; i++) {
		if (strcmp(exp_reader(r)->exp->lans[i].name, name) == 0) {
			return node_fail(r->tree, key, r->err, "there is a LAN named \"%s\"", name);
		}
	}
	group->name = must_strdup(name);
	group->line = key->line;
	group->count = 1;
	group->lan = NO_LAN;
	group->memory_bytes = DEFAULT_MEMORY_BYTES;
	group->pids = DEFAULT_PIDS;
	group->args = must_calloc(1, sizeof(*group->args));
	if (read_fields(r, &group_map, body, group)) {
		return -1;
	}
	return settle_addresses(r, group) || settle_role(r, group) || settle_end(r, group) ? -1 : 0;
}

int load_groups(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;

	if (read_map(r, node, "\"groups\"")) {
		return -1;
	}
	if (node->count == 0) {
		return node_fail(r->tree, node, r->err, "an experiment needs at least one group");
	}
	exp->groups = must_calloc(node->count, sizeof(*exp->groups));
	exp_reader(r)->places = must_calloc(node->count, sizeof(struct group_places));
	for (size_t i = 0; i < node->count; i++) {
		exp->group_count++;
		if (load_group(r, node->keys[i], node->items[i], &exp->groups[i])) {
			return -1;
		}
	}
	return load_forwards(r);
}

int find_group(struct reader *r, const struct node *node, const char *word, uint32_t *index)
{
	const struct experiment *exp = exp_reader(r)->exp;
	const char **names = must_calloc(exp->group_count + 1, sizeof(*names));
	int result = -1;

	for (uint32_t i = 0; i < exp->group_count; i++) {
		names[i] = exp->groups[i].name;
		if (strcmp(names[i], word) == 0) {
			*index = i;
			result = 0;
		}
	}
	if (result) {
		fail_unknown(r, node, word, "group", names);
	}
	free(names);
	return result;
}
