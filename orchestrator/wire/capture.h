/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture - what peers send and get, packet by packet, in a pcapng file for each.
 *
 * A file has two interfaces.  "eth0" holds what the peer has sent, when it did, and what it was
 * given, when that was due: what tcpdump in its container would see.  "drops" holds a copy of
 * each packet that was dropped on the peer's line, at the instant, with the reason as its comment.
 * Time stamps are virtual CLOCK_REALTIME.
 *
 * Theory.  The thread that moves packets must never wait for a disk.  It writes whole
 * blocks into a ring of fixed size, mapped twice in a row so that no block is ever broken
 * in two; a thread of our own takes them out and writes them.  When the ring is full
 * the packet goes uncaptured: that is counted, and the next block of the file says how many are
 * missing before it.  When a file cannot be written (a full disk), it ends with the last whole
 * block.
 *
 * One thread calls all of this.
 */
#ifndef LENTO_CAPTURE_H
#define LENTO_CAPTURE_H

#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"
#include "wire/fabric.h"
#include "wire/linkstats.h"

struct capture;

/* @stats, where the packets are counted, outlives the capture; ids 0 .. @max_links - 1. */
int capture_create(uint32_t max_links, struct wire_link_stats *stats, struct capture **capture,
		   struct err *err);

/*
 * From now on write what link @id sees to @fd, which is the capture's from here on, also on
 * failure; no more than @snap bytes of each packet.  @name: of the peer.
 * @realtime_off_ns: virtual CLOCK_REALTIME - CLOCK_MONOTONIC.
 */
int capture_add(struct capture *c, uint32_t id, const char *name, uint32_t snap, int fd,
		int64_t realtime_off_ns, struct err *err);

/* A fabric_observe_fn; @ctx is the capture. */
void capture_observe(void *ctx, uint32_t id, int dir, enum fabric_sight sight,
		     const struct packet *pkt, virt_t at);

/* Write what is left, close the files and free.  NULL is fine. */
void capture_destroy(struct capture *c);

#endif
