/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route - where a packet goes, by its destination: the longest prefix that matches.
 *
 * Theory.  All prefixes lie in one hash table, keyed by what is fixed in them and by
 * their length.  A look-up tries the lengths in use, the longest first, so its cost depends
 * on how many different lengths there are (hosts and their networks: two or three) and not on
 * how many prefixes: 1000 groups cost what 10 do.  A walk over rules, as P2PLab's firewall does
 * it, costs one step each.
 *
 * A table holds several spaces of addresses that know nothing of each other: the public one
 * and the inside of each LAN, where the same private addresses may occur again.
 */
#ifndef LENTO_ROUTE_H
#define LENTO_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/ip.h"

#define ROUTE_NONE UINT32_MAX
#define ROUTE_LENGTHS 129

struct route_entry {
	struct ip_addr net;
	uint32_t space;
	uint32_t to;           /* ROUTE_NONE: the place is free */
	uint8_t bits;
};

struct route {
	struct route_entry *slots;
	uint32_t mask, count, room;
	/* Lengths in use, the longest first, for IPv4 and for IPv6. */
	uint8_t lengths[2][ROUTE_LENGTHS];
	unsigned length_count[2];
};

/* Room for @room prefixes. */
int route_init(struct route *r, uint32_t room, struct err *err);
void route_fini(struct route *r);

/*
 * What goes to @net/@bits (0..128; an IPv4 prefix has IP_V4_BITS more) in @space goes to
 * @to.  ERR_FAILED when that prefix leads elsewhere already.
 */
int route_add(struct route *r, uint32_t space, struct ip_addr net, unsigned bits, uint32_t to,
	      struct err *err);
/* ROUTE_NONE: nowhere. */
uint32_t route_find(const struct route *r, uint32_t space, struct ip_addr addr);

#endif
