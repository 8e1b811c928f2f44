/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linkstats - the counters that lento-wire shares with lento: one memory file,
 * made by lento (which so keeps it when lento-wire dies), written by lento-wire.
 *
 *	struct stats_header | wire_link_stats[max_links] | stats_pair[max_links^2]
 *
 * The pair matrix is sparse: a page of it exists once a pair in it has talked.
 * One thread writes; a reader sees each 64-bit counter whole, though not all
 * of them at the same instant.
 */
#ifndef LENTO_LINKSTATS_H
#define LENTO_LINKSTATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/wire.h"

#define STATS_VERSION 6

struct stats_header {
	uint32_t version;
	uint32_t max_links;
	struct wire_totals totals;
};

struct stats_pair {
	uint64_t bytes, packets;
};

/* A mapping of the memory file. */
struct stats {
	struct stats_header *header;
	struct wire_link_stats *links;
	struct stats_pair *pairs;   /* [src * max_links + dst] */
	size_t map_bytes;
};

/* Make the memory file and map it; *fd is the caller's. */
int stats_create(struct stats *stats, uint32_t max_links, int *fd, struct err *err);
/* Map the file that another process made, for writing. */
int stats_attach(struct stats *stats, int fd, struct err *err);
void stats_unmap(struct stats *stats);
/* Count from zero again, but for what is held just now; for the process that counts. */
void stats_reset(struct stats *stats);

static inline void stat_set(uint64_t *counter, uint64_t value)
{
	__atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

static inline void stat_add(uint64_t *counter, uint64_t n)
{
	stat_set(counter, *counter + n);
}

static inline void stat_max(uint64_t *counter, uint64_t value)
{
	if (value > *counter) {
		stat_set(counter, value);
	}
}

static inline void stat_set_ns(int64_t *ns, int64_t value)
{
	__atomic_store_n(ns, value, __ATOMIC_RELAXED);
}

static inline void stat_max_ns(int64_t *ns, int64_t value)
{
	if (value > *ns) {
		stat_set_ns(ns, value);
	}
}

/* The histogram's bucket for a lateness, wall or virtual; see WIRE_LATE_BUCKETS. */
unsigned stats_late_bucket(int64_t late_ns);

#endif
