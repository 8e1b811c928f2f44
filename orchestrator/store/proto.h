/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proto - what lento and lento-store say to each other.
 *
 * lento-store is started with a SOCK_SEQPACKET socket as descriptor 3 and the
 * statistics memory, a memfd of store_stats_bytes(), as descriptor 4.
 *
 * It sends one STORE_READY reply (seq 0) when the file system is mounted, or
 * the reason why not.  Then each request gets one reply of the same seq, in order.
 * When the other end is closed, or its process has ended, lento-store unmounts
 * and exits.
 *
 * The statistics: a head, one struct store_progress for each peer, and for each
 * peer an array of piece times (int64_t, virtual ns, 0: not yet).  lento-store is
 * the only writer; every field is written in one aligned store.
 */
#ifndef LENTO_STORE_PROTO_H
#define LENTO_STORE_PROTO_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define STORE_PROTO_MAGIC UINT32_C(0x6f747364)
#define STORE_PROTO_VERSION 1
#define STORE_CONTROL_FD 3
#define STORE_STATS_FD 4
#define STORE_NAME_BYTES 256
#define STORE_TEXT_BYTES 512

enum store_msg_type {
	STORE_READY = 0, /* reply only */
	STORE_PING = 1,
	STORE_ADD_PEER = 2,
	STORE_EXIT = 3,
};

struct store_request {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint64_t seq;
	/* STORE_ADD_PEER: */
	uint32_t index, uid, gid;
	uint32_t complete; /* 0 or 1 */
	char name[STORE_NAME_BYTES];
};

struct store_reply {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
	uint64_t seq;
	uint32_t err_kind; /* enum err_kind; 0: done */
	uint32_t pad;
	char text[STORE_TEXT_BYTES];
};

struct store_stats_head {
	uint32_t magic;
	uint16_t version;
	uint16_t head_bytes;
	uint32_t max_peers;
	uint32_t pieces;
};

static_assert(sizeof(struct store_request) == 288, "one layout on both sides");
static_assert(sizeof(struct store_reply) == 536, "one layout on both sides");
static_assert(sizeof(struct store_stats_head) == 16, "one layout on both sides");
static_assert(sizeof(struct store_progress) == 72, "one layout on both sides");

static inline size_t store_stats_bytes(uint32_t max_peers, uint32_t pieces)
{
	return sizeof(struct store_stats_head) + max_peers * sizeof(struct store_progress) +
	       (size_t)max_peers * pieces * sizeof(int64_t);
}

static inline struct store_progress *store_stats_peer(struct store_stats_head *head,
						      uint32_t index)
{
	return (struct store_progress *)(void *)(head + 1) + index;
}

static inline int64_t *store_stats_times(struct store_stats_head *head, uint32_t index)
{
	int64_t *times = (int64_t *)(void *)store_stats_peer(head, head->max_peers);

	return times + (size_t)index * head->pieces;
}

#endif
