/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vtime - two clocks that cannot be mixed up, and the arithmetic between them.
 *
 * Instants are one-member structs: wall_t (CLOCK_MONOTONIC of the host) and
 * virt_t (virtual CLOCK_MONOTONIC).  Durations are int64_t nanoseconds, named
 * *_wns (wall) or *_vns (virtual).  Only this module converts.
 *
 * The time dilation factor (TDF) is a ratio: TDF 10 means that ten wall seconds
 * pass for one virtual second.  A factor below 1 makes virtual time the faster one.
 */
#ifndef TIMEDIL_VTIME_H
#define TIMEDIL_VTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "page.h"

typedef struct { int64_t ns; } wall_t;
typedef struct { int64_t ns; } virt_t;

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

/* A factor as an exact ratio; 1/1000 <= TDF <= 1000, both parts <= 1000000. */
struct tdf {
	uint32_t num, den;
};

/* "10", "0.2", "1/8".  0, or -1 when @text is no factor or out of bounds. */
int tdf_parse(const char *text, struct tdf *tdf);
/* The shortest decimal form ("10", "0.2"), or a ratio; into @buf. */
const char *tdf_format(struct tdf tdf, char *buf, unsigned long len);
double tdf_double(struct tdf tdf);

/* A consistent copy of a page: what a reader works on. */
struct vclock {
	int64_t wall0_ns, virt0_ns;
	uint64_t mult;
	uint32_t shift, state, generation;
	int64_t realtime_off_ns, boottime_off_ns, tai_off_ns, origin_virt_ns;
	struct tdf tdf;
};

/* --- readers ------------------------------------------------------------- */

/*
 * Map the page at @path read-only.  NULL with errno set when it cannot be
 * opened, EPROTO when it is no clock page or of another version.
 */
const struct timedil_page *vtime_map(const char *path);
void vtime_unmap(const struct timedil_page *page);

/* Copy the page's fields; spins (for nanoseconds) while the writer is at work. */
void vtime_load(const struct timedil_page *page, struct vclock *clk);

/* Pure conversions.  vtime_to_wall gives INT64_MAX for the future while paused;
 * it rounds up, so that at the returned wall instant @v has been reached. */
virt_t vtime_to_virt(const struct vclock *clk, wall_t w);
wall_t vtime_to_wall(const struct vclock *clk, virt_t v);
/* A virtual duration in wall ns at the present rate, rounded up; INT64_MAX while paused. */
int64_t vtime_dur_to_wall(const struct vclock *clk, int64_t dur_vns);
int64_t vtime_dur_to_virt(const struct vclock *clk, int64_t dur_wns);

wall_t wall_now(void);
virt_t vtime_now(const struct timedil_page *page);

/* --- the one writer ------------------------------------------------------ */

/*
 * Create (or replace) the page at @path, paused, with virtual CLOCK_MONOTONIC
 * and all other virtual clocks equal to the wall ones at this instant, and map
 * it for writing.  NULL with errno set.
 */
struct timedil_page *vpage_create(const char *path, struct tdf tdf);
/* Map an existing page for writing: the writer starts anew.  NULL with errno set. */
struct timedil_page *vpage_open(const char *path);
void vpage_close(struct timedil_page *page);

/* Change factor or state at the wall instant @now; continuous in virtual time.
 * @now must not lie in the future; since readers went on while the caller worked,
 * the change takes effect at the instant of the write when that is later than @now.
 * Each bumps the generation and wakes futex waiters on it.  Sleepers in other
 * processes are woken by kick.h, which the caller uses next. */
void vpage_set_tdf(struct timedil_page *page, wall_t now, struct tdf tdf);
void vpage_run(struct timedil_page *page, wall_t now);
void vpage_pause(struct timedil_page *page, wall_t now);
/* Make virtual CLOCK_REALTIME read @realtime_ns now, before anybody has read it. */
void vpage_set_date(struct timedil_page *page, int64_t realtime_ns);
/* Say "the run begins here": origin_virt_ns = virtual now. */
void vpage_mark_origin(struct timedil_page *page, wall_t now);

#endif
