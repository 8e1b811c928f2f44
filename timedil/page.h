/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * page - the clock page: the one clock that everything in a run reads.
 *
 * A file, mapped read-only by everybody but its single writer.  The fields
 * below `seq` are guarded by it: the writer makes it odd, writes, makes it even;
 * a reader copies the fields between two equal even values (vtime.h does so).
 *
 *	virtual = virt0 + ((wall - wall0) * mult >> shift)      while running
 *	virtual = virt0                                         while paused
 *
 * `wall` is CLOCK_MONOTONIC of the host's initial time namespace, `virtual` is
 * virtual CLOCK_MONOTONIC; both in nanoseconds.  The other virtual clocks lie at
 * constant offsets from it.  Virtual time is continuous and never steps back:
 * a change of rate sets (wall0, virt0) to one and the same instant.
 *
 * This is an ABI: programs map pages that another build wrote.  A change of
 * layout or meaning needs a new TIMEDIL_PAGE_VERSION.
 */
#ifndef TIMEDIL_PAGE_H
#define TIMEDIL_PAGE_H

#include <assert.h>
#include <stdint.h>

#define TIMEDIL_PAGE_MAGIC UINT32_C(0x746e656c) /* "lent", little endian */
#define TIMEDIL_PAGE_VERSION 1
#define TIMEDIL_PAGE_BYTES 4096

/* Environment variable that names the page's file to the shim. */
#define TIMEDIL_PAGE_ENV "TIMEDIL_PAGE"

enum timedil_state {
	TIMEDIL_PAUSED = 0,
	TIMEDIL_RUNNING = 1,
};

struct timedil_page {
	uint32_t magic;
	uint16_t version;
	uint16_t bytes;            /* sizeof(struct timedil_page) */
	uint32_t seq;              /* odd while the writer is at work */
	uint32_t generation;       /* changes of rate or state so far; futex word */
	uint32_t state;            /* enum timedil_state */
	uint32_t shift;
	uint64_t mult;
	int64_t wall0_ns;
	int64_t virt0_ns;
	int64_t realtime_off_ns;   /* virtual CLOCK_REALTIME - virtual CLOCK_MONOTONIC */
	int64_t boottime_off_ns;   /* the same for CLOCK_BOOTTIME */
	int64_t tai_off_ns;        /* the same for CLOCK_TAI */
	int64_t origin_virt_ns;    /* virtual CLOCK_MONOTONIC when the run began */
	uint32_t tdf_num;          /* the factor as the user gave it: num / den */
	uint32_t tdf_den;
};

/*
 * The lines that held before, for instants before the last change (the time of a
 * file, of a packet).  A ring: of `total` lines so far the last ones are kept, line k
 * at k % TIMEDIL_PAST_LINES.  Line k holds from its wall0_ns to that of line k + 1.
 * Guarded by `seq` as well.
 */
#define TIMEDIL_PAST_LINES 117
#define TIMEDIL_PAST_OFFSET 256

struct timedil_past {
	uint64_t total;
	int64_t wall_realtime_off_ns; /* wall CLOCK_REALTIME - CLOCK_MONOTONIC, when made */
	struct timedil_line {
		int64_t wall0_ns, virt0_ns;
		uint64_t mult;
		uint32_t shift, state;
	} line[TIMEDIL_PAST_LINES];
};

/*
 * Environment variable: when set, the shim brings the times of files (stat, utime)
 * onto the virtual clock.  Its value lists directories, separated by colons, whose
 * file systems keep virtual times already.
 */
#define TIMEDIL_FILES_ENV "TIMEDIL_FILES"

static_assert(sizeof(struct timedil_page) == 88, "the clock page is an ABI");
static_assert(sizeof(struct timedil_page) <= TIMEDIL_PAST_OFFSET, "room to grow");
static_assert(TIMEDIL_PAST_OFFSET + sizeof(struct timedil_past) <= TIMEDIL_PAGE_BYTES, "one page");

#endif
