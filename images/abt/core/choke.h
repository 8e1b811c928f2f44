/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * choke - whom a leecher uploads to: the rules of mainline 4.0.4.
 *
 * Connections stand in a list, a new one at a place drawn by lot.  Each round of 10 s
 * the peers that gave most are unchoked, and the list is walked for the optimistic
 * unchoke; each third round the list is turned first, so that another peer gets it.
 * A seed's rules are others and are not here.
 */
#ifndef ABT_CHOKE_H
#define ABT_CHOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choke_peer {
	uint64_t rate_bps;  /* received from it */
	bool interested;    /* it is, in us */
	bool snubbed;       /* sent no piece data for the snub time */
	bool choked;        /* by us: the result */
	bool preferred;     /* unchoked for its rate, not by the walk: the result's reason */
};

/* Upload slots for an upload rate in kB/s, 0 for no limit: the cluster paper's eq. (1). */
unsigned choke_slots(uint32_t rate_kbytes_s);

/* Turn the list until the first peer that is choked and interested is at its head. */
void choke_rotate(struct choke_peer **list, size_t count);

/* Sets choked and preferred of each peer.  Of equal rates, the first in the list is better. */
void choke_leech(struct choke_peer **list, size_t count, unsigned max_uploads,
		 unsigned min_uploads);

#endif
