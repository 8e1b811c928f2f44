// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose packets are captured: peers and whole groups, by name.
 */
#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

static int read_snap(struct reader *r, const struct node *node, void *object)
{
	uint64_t bytes = 0;

	if (read_size(r, node, LIMIT_SNAP_MIN, LIMIT_SNAP_MAX, &bytes)) {
		return -1;
	}
	((struct capture_spec *)object)->snap_bytes = (uint32_t)bytes;
	return 0;
}

/* "leechers-3" is a peer where no group has that very name. */
static bool find_peer(const struct experiment *exp, const char *word, struct peers_spec *of)
{
	const char *dash = strrchr(word, '-');

	if (!dash || dash[1] == '0' || strlen(dash + 1) > 9 ||
	    dash[1 + strspn(dash + 1, "0123456789")] != '\0') {
		return false;
	}
	for (uint32_t i = 0; i < exp->group_count; i++) {
		const struct group_spec *group = &exp->groups[i];
		size_t len = (size_t)(dash - word);

		if (strncmp(group->name, word, len) == 0 && group->name[len] == '\0') {
			*of = (struct peers_spec){i, (uint32_t)strtoul(dash + 1, NULL, 10)};
			return of->number >= 1 && of->number <= group->count;
		}
	}
	return false;
}

int find_peers(struct reader *r, const struct node *node, struct peers_spec *of)
{
	const struct experiment *exp = exp_reader(r)->exp;
	const char *word = "";

	if (read_text(r, node, "the name of a peer or a group", &word)) {
		return -1;
	}
	for (uint32_t i = 0; i < exp->group_count; i++) {
		if (strcmp(exp->groups[i].name, word) == 0) {
			*of = (struct peers_spec){.group = i};
			return 0;
		}
	}
	if (find_peer(exp, word, of)) {
		return 0;
	}
	return node_fail(r->tree, node, r->err,
			 "\"%s\" is no group and no peer; a peer's name is that of its group and a number up to its \"count\", like %s-1",
			 word, exp->groups[0].name);
}

static int read_peers(struct reader *r, const struct node *node, void *object)
{
	struct capture_spec *capture = object;

	if (read_list(r, node, "\"peers\"")) {
		return -1;
	}
	capture->of = must_calloc(node->count, sizeof(*capture->of));
	for (size_t i = 0; i < node->count; i++) {
		if (find_peers(r, node->items[i], &capture->of[i])) {
			return -1;
		}
		capture->count++;
	}
	return 0;
}

static const struct field capture_fields[] = {
	{.key = "peers", .required = true, .read = read_peers},
	{.key = "snap", .read = read_snap},
};
const struct field_map capture_map = {
	"capture", "a capture", capture_fields, ARRAY_LEN(capture_fields),
};

int load_capture(struct reader *r, const struct node *node, void *object)
{
	return read_fields(r, &capture_map, node, &((struct experiment *)object)->capture);
}
