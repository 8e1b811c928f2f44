/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linkq - one direction of an access link: a queue in front of a line
 * that sends at a fixed rate and loses some packets, one by one or in bursts.  Pure: instants come in as
 * arguments, packets go out to the caller; tests run it on invented time.
 *
 * Theory.  The line sends one packet at a time; a packet of b bits takes b/rate.
 * That is rarely a whole number of nanoseconds, so the end of a transmission is
 * kept as an instant in ns plus a remainder in units of 1/rate ns, and a packet that
 * follows without a gap starts at exactly that point: rounding never adds up, and n
 * packets back to back take floor(sum of bits / rate).  A change of rate finds
 * the work left of the packet on the line, in units of 1e-9 bit, and goes on with it
 * at the new rate.
 *
 * The limit counts all packets from feed to the end of their transmission, the one
 * on the line whole.  So a limit of rate * t makes the longest sojourn t.  An empty
 * queue takes any packet, else a limit below one packet would close the link.
 *
 * The queue drops what it has no room for; RED drops or marks some before, when they arrive,
 * and CoDel some when the line is about to take them.  What they drop is counted here
 * and kept until linkq_dropped() fetches it.
 *
 * Behind the line lies the delay, with its jitter: linkq_arrival() tells when a packet that
 * has left the line comes out at the far end.
 *
 * Packets leave through linkq_take() at the instants that linkq_next() names.  The
 * caller takes them in the order of time over all its queues, and before it
 * feeds a packet of a later instant; it may do so late, the instants stay exact.
 */
#ifndef LENTO_LINKQ_H
#define LENTO_LINKQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "timedil/vtime.h"
#include "wire/aqm.h"
#include "wire/packet.h"
#include "wire/series.h"
#include "wire/wire.h"

#define LINKQ_RATE_MAX UINT64_C(1000000000000)

/* What is drawn, each from a stream of its own. */
enum linkq_draw { LINKQ_LOSS, LINKQ_JITTER, LINKQ_RED, LINKQ_DRAWS };

struct linkq {
	struct wire_line cfg;
	struct packet *head, *tail; /* head is on the line */
	struct packet *dropped; /* to be fetched */
	struct red red;
	struct codel codel;
	uint64_t bytes;         /* on the line, with overhead */
	uint32_t packets;
	virt_t line_free;       /* end of the head's (or last) transmission */
	uint64_t line_rem;      /* plus this many 1/rate ns */
	const struct series *jitter_table, *trace; /* what cfg refers to */
	int64_t opportunity;    /* of the trace, the last one used */
	uint32_t unused;        /* bytes of it */
	bool bad;               /* the state of the loss, see struct wire_loss */
	virt_t far_end;         /* when the last packet comes out there */
	struct rng rng[LINKQ_DRAWS];
	struct wire_dir_stats *stats; /* losses and peaks are counted here */
};

/* What a packet of @len bytes takes on the line. */
uint32_t linkq_line_bytes(const struct wire_overhead *overhead, uint32_t len);

/* @stats outlives the queue.  @rng, by enum linkq_draw, is copied. */
void linkq_init(struct linkq *q, const struct wire_line *cfg, const struct rng rng[LINKQ_DRAWS],
		struct wire_dir_stats *stats);

/* The series that the parameters refer to, or NULL; said after linkq_init() and before
 * linkq_set().  They outlive the queue. */
void linkq_refer(struct linkq *q, const struct series *jitter_table, const struct series *trace);

/* Change the parameters at @now; what is queued stays queued, unless the line is cut: then
 * linkq_dropped() has it. */
void linkq_set(struct linkq *q, virt_t now, const struct wire_line *cfg);

/*
 * Take over @pkt at @now; RED may drop it at once, a line that is cut does.  False when the queue is full: the packet
 * stays the caller's, who knows what kind of drop it is.
 */
bool linkq_feed(struct linkq *q, virt_t now, struct packet *pkt);

/* The instant when the next packet has left the line; false when there is none. */
bool linkq_next(const struct linkq *q, virt_t *when);

/*
 * Take the next packet off, as of its instant.  *lost says that it fell to the link's
 * loss (counted).  The packet is the caller's; NULL when there is none.
 */
struct packet *linkq_take(struct linkq *q, bool *lost);

/* A packet that the queue has dropped, now the caller's; NULL when there is no more.  Asked
 * for after each linkq_feed() and linkq_take(). */
struct packet *linkq_dropped(struct linkq *q);

/*
 * When the packet that has left the line at @left comes out at the far end.  Called once
 * for each packet that is not lost, in their order.
 */
virt_t linkq_arrival(struct linkq *q, virt_t left);

#endif
