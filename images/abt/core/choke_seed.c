// SPDX-License-Identifier: GPL-2.0-or-later
/* A seed's rules: nobody gives it anything, so its slots go round. */
#include "images/abt/core/choke.h"

#define ROUNDS_KEPT 3

static bool is_served(const struct choker *choker, const struct choke_peer *peer)
{
	(void)choker;
	return !peer->choked && peer->interested;
}

/* Was it unchoked a short while ago, or do its requests wait for the rate limit alone? */
static bool is_recent(const struct choker *choker, const struct choke_peer *peer)
{
	return peer->unchoked_round + ROUNDS_KEPT > choker->round ||
	       (peer->waiting && peer->flushed);
}

/* The recent ones, the latest first, then the others; of equals the one that takes more. */
static bool is_kept_rather(const struct choker *choker, const struct choke_peer *peer,
			   const struct choke_peer *than)
{
	bool recent = is_recent(choker, peer);

	if (recent != is_recent(choker, than)) {
		return recent;
	}
	if (recent && peer->unchoked_round != than->unchoked_round) {
		return peer->unchoked_round > than->unchoked_round;
	}
	return peer->sent_bytes_s > than->sent_bytes_s;
}

static const struct choke_rule keep = { is_served, is_kept_rather };

/* Slots that must change hands now: a third of all in 30 s, less what was offered between. */
static unsigned to_change(struct choker *choker, bool is_round)
{
	unsigned third = (choker->max_uploads + 2) / 3;
	unsigned due = (third + choker->round % ROUNDS_KEPT) / ROUNDS_KEPT;

	if (!is_round) {
		return 0;
	}
	return due > choker->offered ? due - choker->offered : 0;
}

/* Does @peer, which was not kept, take one of the @left slots? */
static bool takes_slot(const struct choke_peer *peer, unsigned left)
{
	return peer->interested && left > 0 && (!peer->choked || peer->flushed);
}

void choke_seed(struct choker *choker, bool is_round)
{
	unsigned kept = choke_prefer(choker, &keep,
				     choker->max_uploads - to_change(choker, is_round));
	unsigned left = choker->max_uploads - kept;
	size_t last = choker->count;

	choker->offered = is_round ? 0 : choker->offered + left;
	for (size_t i = 0; i < choker->count; i++) {
		struct choke_peer *peer = choker->list[i];

		if (peer->preferred) {
			continue;
		}
		choke_set(choker, peer, !takes_slot(peer, left));
		if (!peer->choked && --left == 0) {
			last = i;
		}
	}
	/* Who got the last slot goes to the end. */
	if (last < choker->count) {
		choke_turn(choker, last + 1);
	}
}
