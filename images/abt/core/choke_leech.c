// SPDX-License-Identifier: GPL-2.0-or-later
/* A leecher's rules: tit for tat, and the optimistic unchoke. */
#include "images/abt/core/choke.h"

void choke_rotate(struct choker *choker)
{
	size_t head = 0;

	while (head < choker->count &&
	       !(choker->list[head]->choked && choker->list[head]->interested)) {
		head++;
	}
	if (head < choker->count) {
		choke_turn(choker, head);
	}
}

static bool may_earn(const struct choker *choker, const struct choke_peer *peer)
{
	(void)choker;
	return peer->interested && !peer->snubbed;
}

static bool gives_more(const struct choker *choker, const struct choke_peer *peer,
		       const struct choke_peer *than)
{
	(void)choker;
	return peer->received_bytes_s > than->received_bytes_s;
}

static const struct choke_rule tit_for_tat = { may_earn, gives_more };

void choke_leech(struct choker *choker)
{
	unsigned slots = choker->max_uploads > 0 ? choker->max_uploads - 1 : 0;
	unsigned used = choke_prefer(choker, &tit_for_tat, slots);
	unsigned optimistic = choker->min_uploads > used + 1 ? choker->min_uploads - used : 1;

	for (size_t i = 0; i < choker->count; i++) {
		struct choke_peer *peer = choker->list[i];

		choke_set(choker, peer, !peer->preferred && optimistic == 0);
		/* One that is not interested is unchoked in passing, and takes no slot. */
		if (!peer->preferred && !peer->choked && peer->interested) {
			optimistic--;
		}
	}
}
