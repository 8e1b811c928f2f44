// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/route.h"

#include <stdlib.h>
#include <string.h>

int route_init(struct route *r, uint32_t room, struct err *err)
{
	uint32_t slots = 4;

	memset(r, 0, sizeof(*r));
	if (room > UINT32_C(1) << 28) {
		return err_set(err, ERR_USAGE, "%u routes are too many", room);
	}
	while (slots < 2 * room) {
		slots *= 2;
	}
	r->slots = malloc(slots * sizeof(*r->slots));
	if (!r->slots) {
		return err_errno(err, ERR_FAILED, "room for %u routes", room);
	}
	for (uint32_t i = 0; i < slots; i++) {
		r->slots[i].to = ROUTE_NONE;
	}
	r->mask = slots - 1;
	r->room = room;
	return 0;
}

void route_fini(struct route *r)
{
	free(r->slots);
	memset(r, 0, sizeof(*r));
}

static uint32_t hash(uint32_t space, struct ip_addr net, unsigned bits)
{
	uint64_t h = net.lo ^ (uint64_t)space << 40 ^ (uint64_t)bits << 56;

	h = (h ^ net.hi * UINT64_C(0xbf58476d1ce4e5b9)) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

/* The place of a prefix, or the free one where it would go. */
static struct route_entry *find_slot(const struct route *r, uint32_t space, struct ip_addr net,
				     unsigned bits)
{
	for (uint32_t i = hash(space, net, bits);; i++) {
		struct route_entry *e = &r->slots[i & r->mask];

		if (e->to == ROUTE_NONE ||
		    (ip_equal(e->net, net) && e->space == space && e->bits == bits)) {
			return e;
		}
	}
}

static void note_length(struct route *r, int family, unsigned bits)
{
	uint8_t *lengths = r->lengths[family];
	unsigned i = 0, n = r->length_count[family];

	while (i < n && lengths[i] > bits) {
		i++;
	}
	if (i < n && lengths[i] == bits) {
		return;
	}
	memmove(lengths + i + 1, lengths + i, n - i);
	lengths[i] = (uint8_t)bits;
	r->length_count[family]++;
}

int route_add(struct route *r, uint32_t space, struct ip_addr net, unsigned bits, uint32_t to,
	      struct err *err)
{
	struct route_entry *e;

	if (bits > 128 || to == ROUTE_NONE) {
		return err_set(err, ERR_USAGE, "a route of %u bits to %u", bits, to);
	}
	net = ip_prefix(net, bits);
	e = find_slot(r, space, net, bits);
	if (e->to != ROUTE_NONE) {
		return e->to == to ? 0 : err_set(err, ERR_FAILED,
						 "the address leads to %u already", e->to);
	}
	if (r->count == r->room) {
		return err_set(err, ERR_FAILED, "more than %u routes", r->room);
	}
	*e = (struct route_entry){.net = net, .space = space, .to = to, .bits = (uint8_t)bits};
	r->count++;
	note_length(r, !ip_is_v4(net), bits);
	return 0;
}

uint32_t route_find(const struct route *r, uint32_t space, struct ip_addr addr)
{
	int family = !ip_is_v4(addr);

	for (unsigned i = 0; i < r->length_count[family]; i++) {
		unsigned bits = r->lengths[family][i];
		const struct route_entry *e = find_slot(r, space, ip_prefix(addr, bits), bits);

		if (e->to != ROUTE_NONE) {
			return e->to;
		}
	}
	return ROUTE_NONE;
}
