// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/choke.h"

#include <stdlib.h>
#include <string.h>

#include "images/abt/core/memory.h"

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

bool choke_is_snubbed(instant_t now, instant_t last)
{
	return instant_is_past(now, last, CHOKE_SNUB_NS);
}

void choker_init(struct choker *choker, unsigned max_uploads, unsigned min_uploads,
		 uint64_t seed)
{
	*choker = (struct choker){ .max_uploads = max_uploads, .min_uploads = min_uploads };
	rng_stream(&choker->rng, seed, "choker", 0);
}

void choker_release(struct choker *choker)
{
	free(choker->list);
}

void choker_join(struct choker *choker, struct choke_peer *peer)
{
	size_t place = (size_t)rng_below(&choker->rng, choker->count + 1);

	choker->list = memory_room(choker->list, (uint32_t)choker->count, &choker->capacity,
				   sizeof(choker->list[0]));
	memmove(choker->list + place + 1, choker->list + place,
		(choker->count - place) * sizeof(choker->list[0]));
	choker->list[place] = peer;
	choker->count++;
	peer->choked = true;
}

void choker_leave(struct choker *choker, const struct choke_peer *peer)
{
	size_t place = 0;

	while (place < choker->count && choker->list[place] != peer) {
		place++;
	}
	if (place < choker->count) {
		choker->count--;
		memmove(choker->list + place, choker->list + place + 1,
			(choker->count - place) * sizeof(choker->list[0]));
	}
}

void choker_apply(struct choker *choker, bool is_seed, bool is_round)
{
	choker->round += is_round;
	if (is_seed) {
		choke_seed(choker, is_round);
		return;
	}
	if (is_round && choker->round % 3 == 0) {
		choke_rotate(choker);
	}
	choke_leech(choker);
}

static void reverse(struct choke_peer **list, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct choke_peer *peer = list[i];

		list[i] = list[count - 1 - i];
		list[count - 1 - i] = peer;
	}
}

void choke_turn(struct choker *choker, size_t head)
{
	reverse(choker->list, head);
	reverse(choker->list + head, choker->count - head);
	reverse(choker->list, choker->count);
}

/* The best candidate that is not preferred yet; NULL if there is none. */
static struct choke_peer *best_left(const struct choker *choker, const struct choke_rule *rule)
{
	struct choke_peer *best = NULL;

	for (size_t i = 0; i < choker->count; i++) {
		struct choke_peer *peer = choker->list[i];

		if (!peer->preferred && rule->is_candidate(choker, peer) &&
		    (!best || rule->is_better(choker, peer, best))) {
			best = peer;
		}
	}
	return best;
}

unsigned choke_prefer(struct choker *choker, const struct choke_rule *rule, unsigned slots)
{
	struct choke_peer *peer;
	unsigned used = 0;

	for (size_t i = 0; i < choker->count; i++) {
		choker->list[i]->preferred = false;
	}
	while (used < slots && (peer = best_left(choker, rule))) {
		peer->preferred = true;
		used++;
	}
	return used;
}

void choke_set(const struct choker *choker, struct choke_peer *peer, bool choked)
{
	if (peer->choked && !choked) {
		peer->unchoked_round = choker->round;
	}
	peer->choked = choked;
}
