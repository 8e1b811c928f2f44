/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fabric - the emulated network: links, addresses, delays between groups, and every
 * packet on its way.  Pure: no descriptor and no clock; instants come in as
 * arguments, packets that have arrived go out through a call-back.
 *
 * The way of a packet, and where it may end:
 *
 *	fabric_feed        source address is the link's own?  destination known?
 *	up queue and line  full, or too long for RED or CoDel: queue drop
 *	                   up loss
 *	                   a cut between the two groups: lost
 *	in flight          up delay and its jitter, + delay between the two groups
 *	down queue, line   as up
 *	                   down loss
 *	in flight          down delay and its jitter
 *	deliver()          refused: fault drop; peer gone: unknown destination
 *
 * A peer in a LAN has the LAN's switch, its gateway and the WAN line between its own line and
 * the rest; fabric_lan.c shows that way.
 *
 * Each stage is entered at the exact instant at which the one before was left,
 * however late the emulator itself is: fabric_run() works through the pending events in
 * the order of their instants, never by the instant at which it is called.
 */
#ifndef LENTO_FABRIC_H
#define LENTO_FABRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"
#include "wire/packet.h"
#include "wire/linkstats.h"
#include "wire/wire.h"

struct fabric;

enum fabric_fate {
	FABRIC_DELIVERED,
	FABRIC_REFUSED,  /* the device would not take it: our fault */
	FABRIC_GONE,     /* there is no peer any more */
};

/* Hand @pkt to the peer at link pkt->dst; it was due at @due.  The packet stays the fabric's. */
typedef enum fabric_fate (*fabric_deliver_fn)(void *ctx, const struct packet *pkt, virt_t due);

/*
 * What becomes of a packet at one end of the network, for those who look on: a peer's line has
 * two directions, and each packet on it either passes or is dropped there.
 */
enum fabric_sight {
	FABRIC_PASSED,     /* up: the peer has sent it; down: the peer has been given it */
	FABRIC_QUEUE_FULL,
	FABRIC_EARLY,      /* by RED or CoDel */
	FABRIC_LOST,
	FABRIC_CUT,        /* the line, or the way between two groups */
	FABRIC_FAULT,      /* ours: the device refused it, or no buffer was left */
	FABRIC_UNKNOWN,    /* nobody has its destination address */
	FABRIC_SPOOFED,
	FABRIC_MALFORMED,
	FABRIC_NAT,        /* a gateway's would not translate it */
	FABRIC_SIGHTS,
};

/* Called on the path of each packet, so it must not wait.  @pkt holds pkt->len bytes. */
typedef void (*fabric_observe_fn)(void *ctx, uint32_t link, int dir, enum fabric_sight sight,
				  const struct packet *pkt, virt_t at);

struct fabric_config {
	uint32_t max_links, max_groups;
	uint64_t seed;
	uint64_t buffer_bytes;
	uint32_t nat_sessions;    /* of all NATs together; 0: a default */
	struct stats *stats;      /* max_links wide; outlives the fabric */
	fabric_deliver_fn deliver;
	void *ctx;
};

int fabric_create(const struct fabric_config *cfg, struct fabric **fabric, struct err *err);
void fabric_destroy(struct fabric *f);

/*
 * Add link @id.  An id whose peer has gone (fabric_link_gone) may be added anew, then
 * with the same address.
 */
int fabric_add_link(struct fabric *f, virt_t now, uint32_t id, const struct wire_link *link,
		    struct err *err);
/* Of a gateway with a NAT; before the peers talk. */
int fabric_add_forward(struct fabric *f, uint32_t id, const struct wire_forward *forward,
		       struct err *err);
/* Replace the lines at @now; all else stays.  Packets that are past a
 * stage keep what they got there. */
int fabric_set_link(struct fabric *f, virt_t now, uint32_t id, const struct wire_link *link,
		    struct err *err);
/* Add series @id, of which there are as many already; @values, from malloc(), are the fabric's from
 * here on, also on failure. */
int fabric_add_series(struct fabric *f, uint32_t id, int64_t *values, size_t count,
		      struct err *err);
int fabric_set_delay(struct fabric *f, uint32_t group_a, uint32_t group_b, int64_t delay_ns,
		     struct err *err);
/* The peer is no more: what still reaches it is dropped by deliver(). */
void fabric_link_gone(struct fabric *f, uint32_t id);

/* From now on tell @observe of each packet; NULL: nobody. */
void fabric_watch(struct fabric *f, fabric_observe_fn observe, void *ctx);

/* A buffer of PACKET_BYTES to read a packet into; NULL when all are in use. */
struct packet *fabric_buffer(struct fabric *f);
/* Give an unused one back. */
void fabric_unbuffer(struct fabric *f, struct packet *pkt);
/* The peer at link @id has sent a packet that no buffer was left for. */
void fabric_no_buffer(struct fabric *f, uint32_t id);

/*
 * Take over @pkt, of @len bytes, sent by the peer at link @id at @now.  All events up
 * to @now have been run.
 */
void fabric_feed(struct fabric *f, virt_t now, uint32_t id, struct packet *pkt, uint32_t len);

/*
 * The same, where one device carries the packets of several peers: the source address tells
 * whose it is.  Of no peer: a stray, dropped.
 */
void fabric_feed_any(struct fabric *f, virt_t now, struct packet *pkt, uint32_t len);

/* The instant of the next event; false when nothing is on its way. */
bool fabric_next(const struct fabric *f, virt_t *when);
/* Do all that is due up to and including @now. */
void fabric_run(struct fabric *f, virt_t now);

#endif
