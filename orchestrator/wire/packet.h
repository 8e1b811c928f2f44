/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet - packets held by the emulator, and where their bytes lie.
 *
 * All packets come from one pool of fixed size, made at the start; that bound is the
 * bound on everything the emulator holds.  Free packets form a stack, so a lightly
 * loaded emulator touches only a few of its pages.
 */
#ifndef LENTO_PACKET_H
#define LENTO_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"

/* Room for one packet.  A longer one arrives cut off, and is malformed by that. */
#define PACKET_BYTES 2048

struct packet {
	struct packet *next;  /* in the queue or free list that holds it */
	uint8_t *data;
	uint32_t len;         /* IP bytes */
	uint32_t line_bytes;  /* what it takes on the line where it is queued */
	uint32_t src, dst;    /* link ids */
	virt_t since;         /* entered the queue that holds it */
};

struct pool {
	struct packet *packets;
	uint8_t *slab;
	struct packet *free;
	uint32_t count, used;
};

/* @bytes: bound on the memory for packet data; at least one packet is made. */
int pool_init(struct pool *pool, uint64_t bytes, struct err *err);
void pool_fini(struct pool *pool);

/* NULL when all are in use. */
struct packet *pool_get(struct pool *pool);
void pool_put(struct pool *pool, struct packet *pkt);

#endif
