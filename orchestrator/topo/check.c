// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What concerns several sections at once: addresses, the number of peers, and
 * that there is a payload, a tracker and a seed where somebody needs them.
 */
#include <stdio.h>

#include "base/clean.h"
#include "topo/image.h"
#include "topo/limits.h"
#include "topo/load.h"

/* A prefix must leave room for a network, a broadcast and a peer address. */
#define LONGEST_PREFIX 30u

struct reserved {
	struct prefix prefix;
	const char *what;
};

static const struct reserved reserved[] = {
	{{UINT32_C(0x00000000), 8}, "0.0.0.0/8 (no host addresses)"},
	{{UINT32_C(0x7f000000), 8}, "127.0.0.0/8 (loopback)"},
	{{UINT32_C(0xe0000000), 4}, "224.0.0.0/4 (multicast)"},
	{{UINT32_C(0xf0000000), 4}, "240.0.0.0/4 (reserved)"},
	{{RESERVED_PROBE_NETWORK, RESERVED_PROBE_BITS}, "198.19.255.0/24 (lento's own probes)"},
};

static bool overlap(const struct prefix *a, const struct prefix *b)
{
	unsigned bits = a->bits < b->bits ? a->bits : b->bits;

	return bits == 0 || (a->network ^ b->network) >> (32 - bits) == 0;
}

static int check_addresses(struct exp_reader *r, uint32_t index)
{
	const struct experiment *exp = r->exp;
	const struct group_spec *group = &exp->groups[index];
	const struct node *at = r->places[index].addresses;
	const struct tree *tree = r->base.tree;
	uint64_t room = group->addresses.bits > LONGEST_PREFIX ?
				0 : (UINT64_C(1) << (32 - group->addresses.bits)) - 2;

	if (group->count > room) {
		return node_fail(tree, at, r->base.err,
				 "\"%s\" holds %llu peers; the group \"%s\" has %u", at->text,
				 (unsigned long long)room, group->name, group->count);
	}
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (overlap(&group->addresses, &reserved[i].prefix)) {
			return node_fail(tree, at, r->base.err, "\"%s\" overlaps %s, which peers cannot have",
					 at->text, reserved[i].what);
		}
	}
	for (uint32_t i = 0; i < index; i++) {
		if (overlap(&group->addresses, &exp->groups[i].addresses)) {
			return node_fail(tree, at, r->base.err,
					 "\"%s\" overlaps \"%s\" of the group \"%s\"", at->text,
					 r->places[i].addresses->text, exp->groups[i].name);
		}
	}
	return 0;
}

/* The peers get their indices here. */
static int check_groups(struct exp_reader *r)
{
	struct experiment *exp = r->exp;

	for (uint32_t i = 0; i < exp->group_count; i++) {
		struct group_spec *group = &exp->groups[i];

		if (group->count > LIMIT_PEERS - exp->peer_count) {
			const struct group_places *at = &r->places[i];

			return node_fail(r->base.tree, at->count ? at->count : at->group, r->base.err,
					 "more than %u peers in all with those of the group \"%s\"",
					 LIMIT_PEERS, group->name);
		}
		group->first_peer = exp->peer_count;
		exp->peer_count += group->count;
		if (check_addresses(r, i)) {
			return -1;
		}
		draw_links(exp, group);
	}
	return 0;
}

static int fail_group(struct exp_reader *r, uint32_t index, const char *text)
{
	const struct group_spec *group = &r->exp->groups[index];

	return node_fail(r->base.tree, r->places[index].group, r->base.err,
			 "the group \"%s\" has the role %s, but %s", group->name,
			 image_role_words[group->role], text);
}

static int check_swarm(struct exp_reader *r)
{
	const struct experiment *exp = r->exp;
	bool role[4] = {false};

	for (uint32_t i = 0; i < exp->group_count; i++) {
		role[exp->groups[i].role] = true;
	}
	for (uint32_t i = 0; i < exp->group_count; i++) {
		const struct group_spec *group = &exp->groups[i];

		if (group->role != ROLE_LEECH && group->role != ROLE_SEED) {
			continue;
		}
		if (!r->payload) {
			return fail_group(r, i, "there is no \"payload\"");
		}
		if (group->role == ROLE_LEECH && !role[ROLE_TRACKER]) {
			return fail_group(r, i, "no group is a tracker");
		}
		if (group->role == ROLE_LEECH && group->expect == EXPECT_COMPLETE &&
		    !role[ROLE_SEED]) {
			return fail_group(r, i, "no group is a seed: nobody can become complete (\"expect: any\" allows that)");
		}
	}
	return 0;
}

int check_experiment(struct exp_reader *r)
{
	return check_groups(r) || check_swarm(r) ? -1 : 0;
}
