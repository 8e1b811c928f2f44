// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What concerns several sections at once: addresses, the number of peers, and
 * that there is a payload, a tracker and a seed where somebody needs them.
 */
#include <stdio.h>

#include "base/clean.h"
#include "topo/alloc.h"
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

/* A prefix that somebody has; one inside a LAN with a NAT may be another LAN's as well. */
struct claim {
	const struct prefix *prefix;
	const struct node *at;
	const char *what, *name; /* "group", "leechers" */
	bool inside;
};

static int check_claim(struct exp_reader *r, const struct claim *claims, size_t index)
{
	const struct claim *c = &claims[index];
	const struct tree *tree = r->base.tree;

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (overlap(c->prefix, &reserved[i].prefix)) {
			return node_fail(tree, c->at, r->base.err,
					 "\"%s\" overlaps %s, which peers cannot have", c->at->text,
					 reserved[i].what);
		}
	}
	for (size_t i = 0; i < index; i++) {
		if (overlap(c->prefix, claims[i].prefix) && !(c->inside && claims[i].inside)) {
			return node_fail(tree, c->at, r->base.err,
					 "\"%s\" overlaps \"%s\" of the %s \"%s\"", c->at->text,
					 claims[i].at->text, claims[i].what, claims[i].name);
		}
	}
	return 0;
}

static int check_claims(struct exp_reader *r)
{
	const struct experiment *exp = r->exp;
	CLEAN_FREE struct claim *claims =
		must_calloc(exp->group_count + 2 * exp->lan_count, sizeof(*claims));
	size_t count = 0;

	for (size_t i = 0; i < exp->group_count; i++) {
		if (exp->groups[i].lan == NO_LAN) {
			claims[count++] = (struct claim){&exp->groups[i].addresses, r->places[i].addresses,
							 "group", exp->groups[i].name, false};
		}
	}
	for (size_t i = 0; i < exp->lan_count; i++) {
		const struct lan_spec *lan = &exp->lans[i];
		bool nat = lan->nat.kind != NAT_NONE;

		claims[count++] = (struct claim){&lan->addresses, r->lan_places[i].addresses, "LAN",
						 lan->name, nat};
		if (nat) {
			claims[count++] = (struct claim){&lan->public, r->lan_places[i].public,
							 "LAN", lan->name, false};
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (check_claim(r, claims, i)) {
			return -1;
		}
	}
	return 0;
}

/* How many peers a prefix has addresses for. */
static uint64_t room_in(const struct prefix *prefix)
{
	return prefix->bits > LONGEST_PREFIX ? 0 : (UINT64_C(1) << (32 - prefix->bits)) - 2;
}

static int check_lan_room(struct exp_reader *r, size_t index)
{
	const struct lan_spec *lan = &r->exp->lans[index];
	const struct lan_places *at = &r->lan_places[index];
	uint64_t room = room_in(&lan->addresses);

	/* One is the gateway's. */
	if (lan->hosts + 1 > room) {
		return node_fail(r->base.tree, at->addresses, r->base.err,
				 "\"%s\" holds a gateway and %llu peers; the LAN \"%s\" has %u",
				 at->addresses->text, (unsigned long long)(room ? room - 1 : 0),
				 lan->name, lan->hosts);
	}
	if (lan->nat.kind == NAT_NONE) {
		return 0;
	}
	room = lan->public.bits == 32 ? 1 : room_in(&lan->public);
	if (lan->count > room) {
		return node_fail(r->base.tree, at->public, r->base.err,
				 "\"%s\" holds %llu gateways; of the LAN \"%s\" there are %u",
				 at->public->text, (unsigned long long)room, lan->name, lan->count);
	}
	return 0;
}

static int check_room(struct exp_reader *r, uint32_t index)
{
	const struct group_spec *group = &r->exp->groups[index];
	const struct node *at = r->places[index].addresses;
	uint64_t room = room_in(&group->addresses);

	if (group->count > room) {
		return node_fail(r->base.tree, at, r->base.err,
				 "\"%s\" holds %llu peers; the group \"%s\" has %u", at->text,
				 (unsigned long long)room, group->name, group->count);
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
		if (group->lan != NO_LAN) {
			struct lan_spec *lan = &exp->lans[group->lan];

			group->lan_host = lan->hosts;
			lan->hosts += (group->count + lan->count - 1) / lan->count;
		} else if (check_room(r, i)) {
			return -1;
		}
		draw_links(exp, group);
	}
	for (size_t i = 0; i < exp->lan_count; i++) {
		if (check_lan_room(r, i)) {
			return -1;
		}
	}
	return check_claims(r);
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
