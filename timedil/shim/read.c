// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * read - clock reads.
 *
 * Whatever the clock, the wall instant comes from CLOCK_MONOTONIC (the coarse one
 * for coarse clocks and time(), as in libc), and the virtual clocks lie at constant
 * offsets: a step of the host's CLOCK_REALTIME does not reach a dilated program.
 * CLOCK_MONOTONIC_RAW, which the page has no place for, reads as CLOCK_MONOTONIC.
 *
 * A coarse wall clock may lag behind the last change of rate; it is taken as that
 * instant then, which keeps coarse clocks monotone and never ahead of the fine ones.
 */
#include <errno.h>
#include <sys/time.h>
#include <sys/timeb.h>

#include "next.h"
#include "shim.h"
#include "timedil/timedil.h"

/* Virtual CLOCK_MONOTONIC; @id is the wall clock to read. */
static inline __attribute__((always_inline)) int64_t read_virt(const struct timedil_page *page,
								clockid_t id)
{
	struct timespec ts;
	int64_t wall0, virt0, delta;
	uint64_t mult;
	uint32_t seq, shift, state;

	do {
		seq = vseq_begin(page);
		shim.read_wall(id, &ts);
		wall0 = VPAGE_GET(page, wall0_ns);
		virt0 = VPAGE_GET(page, virt0_ns);
		mult = VPAGE_GET(page, mult);
		shift = VPAGE_GET(page, shift);
		state = VPAGE_GET(page, state);
	} while (vseq_retry(page, seq));
	delta = ts.tv_sec * NS_PER_S + ts.tv_nsec - wall0;
	if (UNLIKELY(state == TIMEDIL_PAUSED || delta < 0)) {
		return virt0;
	}
	return virt0 + vmath_scale(delta, mult, shift);
}

static int64_t read_realtime_coarse(const struct timedil_page *page)
{
	return read_virt(page, CLOCK_MONOTONIC_COARSE) + VPAGE_GET(page, realtime_off_ns);
}

static __attribute__((noinline)) int read_other(const struct timedil_page *page, clockid_t id,
						struct timespec *ts)
{
	bool coarse = id == CLOCK_MONOTONIC_COARSE || id == CLOCK_REALTIME_COARSE;
	int64_t off;

	if (!page || !clock_offset(page, id, &off)) {
		return (int)shim_result(shim.read_wall(id, ts));
	}
	if (id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM) {
		int ret = shim.read_wall(id, ts);

		if (ret != 0) {
			return (int)shim_result(ret); /* no such clock here */
		}
	}
	*ts = ns_to_ts(read_virt(page, coarse ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC) + off);
	return 0;
}

EXPORT int clock_gettime(clockid_t id, struct timespec *ts)
{
	const struct timedil_page *page = shim.page;
	int64_t now;

	if (UNLIKELY(!page)) {
		return read_other(shim_page(), id, ts);
	}
	if (LIKELY(id == CLOCK_MONOTONIC)) {
		now = read_virt(page, CLOCK_MONOTONIC);
	} else if (LIKELY(id == CLOCK_REALTIME)) {
		now = read_virt(page, CLOCK_MONOTONIC) + VPAGE_GET(page, realtime_off_ns);
	} else {
		return read_other(page, id, ts);
	}
	*ts = ns_to_ts(now);
	return 0;
}

EXPORT int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	const struct timedil_page *page = shim_page();
	struct timespec ts;

	if (UNLIKELY(tz != NULL)) {
		*(struct timezone *)tz = (struct timezone){ 0, 0 };
	}
	if (UNLIKELY(!tv)) {
		return 0;
	}
	if (LIKELY(page != NULL)) {
		ts = ns_to_ts(read_virt(page, CLOCK_MONOTONIC) + VPAGE_GET(page, realtime_off_ns));
	} else {
		shim.read_wall(CLOCK_REALTIME, &ts);
	}
	*tv = (struct timeval){ ts.tv_sec, (suseconds_t)((uint32_t)ts.tv_nsec / 1000) };
	return 0;
}

EXPORT time_t time(time_t *out)
{
	const struct timedil_page *page = shim_page();
	struct timespec ts;
	time_t now;

	if (LIKELY(page != NULL)) {
		now = read_realtime_coarse(page) / NS_PER_S;
	} else {
		shim.read_wall(CLOCK_REALTIME_COARSE, &ts);
		now = ts.tv_sec;
	}
	if (out) {
		*out = now;
	}
	return now;
}

EXPORT int ftime(struct timeb *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*out = (struct timeb){ .time = ts.tv_sec, .millitm = (unsigned short)(ts.tv_nsec / NS_PER_MS) };
	return 0;
}

EXPORT int timespec_get(struct timespec *ts, int base)
{
	if (base != TIME_UTC) {
		return shim_page(), next.timespec_get ? next.timespec_get(ts, base) : 0;
	}
	clock_gettime(CLOCK_REALTIME, ts);
	return base;
}

EXPORT int timedil_wall_gettime(clockid_t id, struct timespec *ts)
{
	shim_page();
	return (int)shim_result((shim.trap_wall ? shim.trap_wall : shim.read_wall)(id, ts));
}
