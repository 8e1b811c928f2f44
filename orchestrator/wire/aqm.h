/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aqm - queue disciplines that drop or mark before a queue is full: what they decide,
 * not what happens to the packet.  Pure, on invented time.
 *
 * RED (Floyd and Jacobson, "Random early detection gateways for congestion avoidance",
 * IEEE/ACM ToN 1(4), 1993) looks at the mean queue when a packet arrives: below min nothing,
 * from min to max a chance that rises to `probability`, spaced evenly by counting the packets
 * since the last hit; gentle (Floyd 2000): from max to 2 max it rises on to 1; beyond that
 * all are dropped.  The queue is measured in bytes, a packet's chance does not depend on its size
 * (RFC 7141).  An idle line is taken as one that sent small packets: the mean decays.
 *
 * CoDel (RFC 8289) looks at how long the packet at the head has waited when the line is about to
 * take it: when that has been above target for a whole interval, it hits one, and goes on to
 * do so at shorter and shorter distances until the wait is below the target.
 */
#ifndef LENTO_AQM_H
#define LENTO_AQM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "timedil/vtime.h"
#include "wire/wire.h"

enum aqm_verdict {
	AQM_PASS,
	AQM_HIT,   /* mark it where that is agreed on, else drop it */
	AQM_DROP,  /* marks have not helped: drop it */
};

struct red {
	double mean_bytes;
	int64_t since_hit;  /* packets let pass since the last hit, or since the mean was below min */
	virt_t idle_since;
};

struct codel {
	bool hitting;
	bool above;         /* since above_until - interval the wait is above the target */
	virt_t above_until, next_hit;
	uint32_t count, last_count;
};

void red_init(struct red *red);
/* The line has sent all there was, at @now. */
void red_idle(struct red *red, virt_t now);
/* A packet arrives at a queue of @queue_bytes in front of a line of @rate_bps. */
enum aqm_verdict red_arrival(struct red *red, const struct wire_aqm *cfg, uint64_t rate_bps,
			     virt_t now, uint64_t queue_bytes, struct rng *rng);

/*
 * The packet at the head has waited for @wait_ns, and @left_bytes wait behind it.  Asked
 * again, with the next packet and the same @now, after a hit that dropped one.
 * @again says that this is such a question.
 */
bool codel_hits(struct codel *codel, const struct wire_aqm *cfg, virt_t now, int64_t wait_ns,
		uint64_t left_bytes, bool again);

/*
 * Set "congestion experienced" in the IPv4 header at @ip, whose checksum is kept right.
 * False where the sender has not agreed to marks (RFC 3168).
 */
bool ecn_mark(uint8_t *ip);

#endif
