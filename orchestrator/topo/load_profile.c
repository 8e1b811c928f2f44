// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which link the peers of a group have: one for all, or a draw for each from a mix of
 * links with weights.  A profile is a file with such a mix (topologies/profiles): its lines become
 * links named PROFILE-LINE, and the group's mix is of these, so a resolved experiment
 * needs the file no more.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/rng.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

#define LIMIT_WEIGHT UINT64_C(1000000000)
#define LIMIT_PROFILE_LINES 4096u

static void add_to_mix(struct mix_spec *mix, uint32_t link, uint64_t weight)
{
	mix->links = must_grow(mix->links, mix->count, sizeof(*mix->links));
	mix->weights = must_grow(mix->weights, mix->count, sizeof(*mix->weights));
	mix->links[mix->count] = link;
	mix->weights[mix->count++] = weight;
}

/* --- profiles ---------------------------------------------------------------- */

/* A profile file while it is read: its lines go to the experiment and to the mix. */
struct profile_reading {
	const char *name;
	const struct node *at;     /* where the experiment names it */
	struct reader *r;          /* of the experiment */
	struct mix_spec *mix;
};

struct line_reading {
	struct profile_reading *profile;
	const char *name;
	uint64_t weight;
	uint32_t link;
};

/* For readers of the file: of no use to us but that they are there. */
static int read_about(struct reader *r, const struct node *node, void *object)
{
	const char *text = "";

	(void)object;
	return read_text(r, node, "a text", &text);
}

static int read_weight(struct reader *r, const struct node *node, void *object)
{
	return read_number(r, node, 1, LIMIT_WEIGHT, &((struct line_reading *)object)->weight);
}

/* Found there already: another group has named the profile before. */
static bool known_line(const struct experiment *exp, const char *name, uint32_t *link)
{
	for (uint32_t i = 0; i < exp->link_count; i++) {
		if (strcmp(exp->links[i].name, name) == 0) {
			*link = i;
			return true;
		}
	}
	return false;
}

static int read_line_link(struct reader *r, const struct node *node, void *object)
{
	struct line_reading *line = object;
	struct profile_reading *profile = line->profile;
	struct experiment *exp = exp_reader(r)->exp;
	char *name = str_format("%s-%s", profile->name, line->name);

	if (strlen(name) > LIMIT_NAME_CHARS) {
		free(name);
		return node_fail(r->tree, node, r->err,
				 "the name of the profile and of its line have more than %u characters",
				 LIMIT_NAME_CHARS);
	}
	if (known_line(exp, name, &line->link)) {
		bool ours = exp->links[line->link].from_profile;
		int result = ours ? 0 : node_fail(profile->r->tree, profile->at, profile->r->err,
						  "the profile has a line \"%s\", and a link has that name", name);

		free(name);
		return result;
	}
	exp->links = reallocarray(exp->links, exp->link_count + 1, sizeof(*exp->links));
	if (!exp->links) {
		abort();
	}
	line->link = (uint32_t)exp->link_count++;
	if (load_link(r, node, name, &exp->links[line->link])) {
		return -1;
	}
	exp->links[line->link].from_profile = true;
	return 0;
}

static const struct field profile_line_fields[] = {
	{.key = "weight", .required = true, .read = read_weight},
	{.key = "link", .required = true, .read = read_line_link},
};
const struct field_map profile_line_map = {
	"profile_line", "a profile's line", profile_line_fields, ARRAY_LEN(profile_line_fields),
};

static int read_lines(struct reader *r, const struct node *node, void *object)
{
	struct profile_reading *profile = object;

	if (read_map(r, node, "\"lines\"")) {
		return -1;
	}
	if (node->count == 0 || node->count > LIMIT_PROFILE_LINES) {
		return node_fail(r->tree, node, r->err, "a profile has from 1 to %u lines",
				 LIMIT_PROFILE_LINES);
	}
	for (size_t i = 0; i < node->count; i++) {
		struct line_reading line = {.profile = profile};

		if (read_name(r, node->keys[i], "a line's name", &line.name) ||
		    read_fields(r, &profile_line_map, node->items[i], &line)) {
			return -1;
		}
		add_to_mix(profile->mix, line.link, line.weight);
	}
	return 0;
}

static const struct field profile_fields[] = {
	{.key = "description", .required = true, .read = read_about},
	{.key = "source", .required = true, .read = read_about},
	{.key = "lines", .required = true, .read = read_lines},
};
const struct field_map profile_map = {
	"profile", "a profile", profile_fields, ARRAY_LEN(profile_fields),
};

/* Beside the experiment file first, then among our own, which lie beside the images. */
static char *find_profile(const struct exp_reader *r, const char *name)
{
	const char *slash = strrchr(r->exp->path, '/');
	char *path = str_format("%.*sprofiles/%s.yaml",
				slash ? (int)(slash - r->exp->path + 1) : 0, r->exp->path, name);

	if (access(path, F_OK) == 0) {
		return path;
	}
	free(path);
	path = str_format("%s/../topologies/profiles/%s.yaml", r->image_dir, name);
	if (access(path, F_OK) == 0) {
		return path;
	}
	free(path);
	return NULL;
}

static int read_profile(struct reader *r, const struct node *node, void *object)
{
	struct exp_reader inner = *exp_reader(r);
	struct profile_reading profile = {.at = node, .r = r, .mix = object};
	CLEAN_FREE char *path = NULL;
	struct tree *tree;
	int result;

	if (read_name(r, node, "a profile's name", &profile.name)) {
		return -1;
	}
	path = find_profile(&inner, profile.name);
	if (!path) {
		return node_fail(r->tree, node, r->err,
				 "there is no profile \"%s\", neither in profiles/ beside this file nor in topologies/profiles/",
				 profile.name);
	}
	if (tree_load(path, &tree, r->err)) {
		return -1;
	}
	inner.base.tree = tree;
	result = read_fields(&inner.base, &profile_map, tree->root, &profile);
	tree_destroy(tree);
	return result;
}

/* --- mixes -------------------------------------------------------------------- */

static int read_mix(struct reader *r, const struct node *node, void *object)
{
	struct mix_spec *mix = object;

	if (read_map(r, node, "\"mix\"")) {
		return -1;
	}
	if (node->count == 0) {
		return node_fail(r->tree, node, r->err, "a mix names at least one link");
	}
	for (size_t i = 0; i < node->count; i++) {
		uint32_t link = 0;
		uint64_t weight = 0;

		if (find_link(r, node->keys[i], node->keys[i]->text, &link) ||
		    read_number(r, node->items[i], 1, LIMIT_WEIGHT, &weight)) {
			return -1;
		}
		add_to_mix(mix, link, weight);
	}
	return 0;
}

static const struct field group_link_fields[] = {
	{.key = "profile", .read = read_profile},
	{.key = "mix", .read = read_mix},
};
const struct field_map group_link_map = {
	"group_link", "a group's link", group_link_fields, ARRAY_LEN(group_link_fields),
};

int load_group_link(struct reader *r, const struct node *node, struct group_spec *group)
{
	const char *name = "";

	if (node->kind != NODE_MAP) {
		return read_text(r, node, "a link's name", &name) ||
		       find_link(r, node, name, &group->link) ? -1 : 0;
	}
	if (node->count > 1) {
		return node_fail(r->tree, node, r->err,
				 "a group's link is a name, a \"profile\" or a \"mix\"; not both");
	}
	if (read_fields(r, &group_link_map, node, &group->mix)) {
		return -1;
	}
	if (group->mix.count == 0) {
		return node_fail(r->tree, node, r->err, "a group's link needs a \"profile\" or a \"mix\"");
	}
	group->link = group->mix.links[0];
	return 0;
}

/* Each peer draws from a stream of its own: more peers change nothing for the others. */
void draw_links(const struct experiment *exp, struct group_spec *group)
{
	const struct mix_spec *mix = &group->mix;
	CLEAN_FREE char *stream = str_format("link %s", group->name);
	uint64_t sum = 0;

	if (mix->count == 0) {
		return;
	}
	for (size_t i = 0; i < mix->count; i++) {
		sum += mix->weights[i];
	}
	group->peer_links = must_calloc(group->count, sizeof(*group->peer_links));
	for (uint32_t k = 0; k < group->count; k++) {
		struct rng rng;
		uint64_t at;
		size_t i = 0;

		rng_stream(&rng, exp->seed, stream, k);
		for (at = rng_below(&rng, sum); at >= mix->weights[i]; i++) {
			at -= mix->weights[i];
		}
		group->peer_links[k] = mix->links[i];
	}
}
