/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline - the course of a run, one row each wall second, as timeline.csv.
 *
 * Rows are appended and flushed one by one, so that a run which is killed leaves
 * everything up to its last second.
 */
#ifndef LENTO_TIMELINE_H
#define LENTO_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct timeline_row {
	int64_t virt_ns;          /* virtual, since the run's origin */
	int64_t wall_ns;          /* wall, since the same instant */
	struct tdf tdf;
	bool paused;
	uint32_t started;         /* peers, so far */
	uint32_t complete;
	uint32_t failed;          /* ended in another way than expected */
	uint32_t running;         /* now */
	uint64_t payload_bytes;   /* held and verified, all leechers together */
	uint64_t wire_bytes;      /* IP bytes delivered so far */
	uint64_t wire_held_bytes; /* in queues and in flight now */
	int64_t late_max_vns;     /* worst lateness of a packet so far, virtual */
};

struct timeline;

/* Begin timeline.csv in @dir with its header line. */
int timeline_open(const char *dir, struct timeline **tl, struct err *err);
/* Append a row.  The payload rate, in bits per virtual second, is reckoned from
 * the row before; it is 0 in the first one and while virtual time stands still. */
int timeline_add(struct timeline *tl, const struct timeline_row *row, struct err *err);
/* NULL is fine. */
void timeline_close(struct timeline *tl);

#endif
