/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * choke - whom we upload to: the rules of mainline 4.0.4.
 *
 * Connections stand in a list, a new one at a place drawn by lot.  Each round of 10 s
 *
 * - a leecher unchokes the peers that gave most, and walks the list for the optimistic
 *   unchoke; each third round the list is turned first, so that another peer gets it;
 * - a seed keeps whom it unchoked in the last three rounds or is still serving, and
 *   gives so many slots to the next in the list that a third of them go round in 30 s.
 *
 * Between rounds the rules are applied again when an unchoked peer leaves or changes
 * its interest.  Who calls fills in what was measured; the rules set @choked.
 */
#ifndef ABT_CHOKE_H
#define ABT_CHOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "images/abt/core/instant.h"

#define CHOKE_ROUND_NS (10 * ABT_S_NS)
#define CHOKE_SNUB_NS  (30 * ABT_S_NS) /* mainline's snub_time */

struct choke_peer {
	uint64_t received_bytes_s; /* from it */
	uint64_t sent_bytes_s;     /* to it */
	uint32_t unchoked_round;   /* the round in which it was unchoked last */
	bool interested;           /* it is, in us */
	bool snubbed;              /* sent no piece data for the snub time */
	bool flushed;              /* its connection has nothing left to be sent */
	bool waiting;              /* requests of it are still to be served */
	bool choked;               /* by us: the result */
	bool preferred;            /* for its rate, not by the walk: the result's reason */
};

struct choker {
	struct choke_peer **list;
	size_t count;
	uint32_t capacity;
	unsigned max_uploads;
	unsigned min_uploads;
	uint32_t round;
	unsigned offered; /* slots a seed offered between rounds */
	struct rng rng;
};

/* Upload slots for an upload rate in kB/s, 0 for no limit: the cluster paper's eq. (1). */
unsigned choke_slots(uint32_t rate_kbytes_s);

/* Has a peer that sent its last piece data at @last snubbed us?  One that sent none has. */
bool choke_is_snubbed(instant_t now, instant_t last);

void choker_init(struct choker *choker, unsigned max_uploads, unsigned min_uploads,
		 uint64_t seed);
/* The peers are the caller's. */
void choker_release(struct choker *choker);

/* @peer, choked, comes at a place drawn by lot.  Ends the program if memory is out. */
void choker_join(struct choker *choker, struct choke_peer *peer);
void choker_leave(struct choker *choker, const struct choke_peer *peer);

/* The rules, once a round (a timer's) or between rounds. */
void choker_apply(struct choker *choker, bool is_seed, bool is_round);

/* --- the rules' parts ---------------------------------------------------------- */

/* Of equal rates, the first in the list is better. */
void choke_leech(struct choker *choker);
void choke_seed(struct choker *choker, bool is_round);

/* Turn the list until the first peer that is choked and interested is at its head. */
void choke_rotate(struct choker *choker);

/* Turn the list until what is at @head is at its head. */
void choke_turn(struct choker *choker, size_t head);

/* Whom a rule prefers. */
struct choke_rule {
	bool (*is_candidate)(const struct choker *choker, const struct choke_peer *peer);
	bool (*is_better)(const struct choker *choker, const struct choke_peer *peer,
			  const struct choke_peer *than);
};

/* Mark the best @slots candidates, and no other, as preferred.  Returns how many there are. */
unsigned choke_prefer(struct choker *choker, const struct choke_rule *rule, unsigned slots);

void choke_set(const struct choker *choker, struct choke_peer *peer, bool choked);

#endif
