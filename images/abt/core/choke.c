// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/choke.h"

static const struct {
	uint32_t below_kbytes_s;
	unsigned slots;
} slot_steps[] = {
	{ 1, 7 }, /* no limit is known */
	{ 9, 2 },
	{ 15, 3 },
	{ 42, 4 },
};

unsigned choke_slots(uint32_t rate_kbytes_s)
{
	unsigned slots = 0;

	for (size_t i = 0; i < sizeof(slot_steps) / sizeof(slot_steps[0]); i++) {
		if (rate_kbytes_s < slot_steps[i].below_kbytes_s) {
			return slot_steps[i].slots;
		}
	}
	/* The root of 0.6 times the rate, rounded down. */
	while ((uint64_t)(slots + 1) * (slots + 1) * 5 <= (uint64_t)rate_kbytes_s * 3) {
		slots++;
	}
	return slots;
}

static void reverse(struct choke_peer **list, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct choke_peer *peer = list[i];

		list[i] = list[count - 1 - i];
		list[count - 1 - i] = peer;
	}
}

void choke_rotate(struct choke_peer **list, size_t count)
{
	size_t head = 0;

	while (head < count && !(list[head]->choked && list[head]->interested)) {
		head++;
	}
	if (head == count) {
		return;
	}
	reverse(list, head);
	reverse(list + head, count - head);
	reverse(list, count);
}

/* The candidate that gives most and is not preferred yet; NULL if there is none. */
static struct choke_peer *best_left(struct choke_peer **list, size_t count)
{
	struct choke_peer *best = NULL;

	for (size_t i = 0; i < count; i++) {
		struct choke_peer *peer = list[i];

		if (peer->interested && !peer->snubbed && !peer->preferred &&
		    (!best || peer->rate_bps > best->rate_bps)) {
			best = peer;
		}
	}
	return best;
}

static unsigned prefer(struct choke_peer **list, size_t count, unsigned slots)
{
	struct choke_peer *peer;
	unsigned used = 0;

	for (size_t i = 0; i < count; i++) {
		list[i]->preferred = false;
	}
	while (used < slots && (peer = best_left(list, count))) {
		peer->preferred = true;
		used++;
	}
	return used;
}

void choke_leech(struct choke_peer **list, size_t count, unsigned max_uploads,
		 unsigned min_uploads)
{
	unsigned used = prefer(list, count, max_uploads > 0 ? max_uploads - 1 : 0);
	unsigned optimistic = min_uploads > used + 1 ? min_uploads - used : 1;

	for (size_t i = 0; i < count; i++) {
		struct choke_peer *peer = list[i];

		peer->choked = !peer->preferred && optimistic == 0;
		/* One that is not interested is unchoked in passing, and takes no slot. */
		if (!peer->preferred && !peer->choked && peer->interested) {
			optimistic--;
		}
	}
}
