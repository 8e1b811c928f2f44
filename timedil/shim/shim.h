/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim - what the files of libtimedil.so share.
 *
 * Theory of operation.  The library is preloaded in front of libc.  It has one
 * mapped clock page, or none: then every call passes through.  A clock read is
 * the kernel's vDSO read, brought onto the page's line; it takes no lock, no
 * heap, no system call.  A wait becomes a virtual deadline; the matching wall
 * instant goes to the kernel, and what comes back is judged by the virtual clock
 * again (wait.h).  A change of the clock reaches a sleeping thread as a kick
 * (timedil/kick.h), whose handler corrects the instants in place.
 *
 * The library depends on nothing: it has no DT_NEEDED entry.  What it needs of
 * libc it looks up itself (next.h), so that it can be called before libc is
 * ready, and from code that stands in for libc.
 *
 * Everything here is async-signal-safe.
 */
#ifndef TIMEDIL_SHIM_H
#define TIMEDIL_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "sys.h"
#include "timedil/page.h"
#include "timedil/vtime_math.h"

#define EXPORT __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)
#define US_PER_S INT64_C(1000000)

typedef int clock_reader(clockid_t id, struct timespec *ts);

struct shim {
	const struct timedil_page *page; /* NULL: not dilated */
	clock_reader *read_wall;         /* the kernel's; returns -errno */
	clock_reader *trap_wall;         /* the same, past timedil/trap; NULL: that is not at work */
	bool ready;
};

extern struct shim shim;

/* Find vDSO, libc and page; the first caller does it, the constructor at the
 * latest.  Afterwards shim.ready. */
void shim_init(void);

/* The page, or NULL when calls are to pass through. */
static inline const struct timedil_page *shim_page(void)
{
	if (UNLIKELY(!shim.ready)) {
		shim_init();
	}
	return shim.page;
}

/* errno's home in libc, and the usual turn of a kernel result into a libc one. */
int *shim_errno(void);
long shim_result(long kernel_result);

static inline int64_t ts_to_ns_sat(const struct timespec *ts)
{
	if (ts->tv_sec > INT64_MAX / NS_PER_S - 1) {
		return INT64_MAX;
	}
	if (ts->tv_sec < INT64_MIN / NS_PER_S + 1) {
		return INT64_MIN;
	}
	return ts->tv_sec * NS_PER_S + ts->tv_nsec;
}

static inline bool ts_valid(const struct timespec *ts)
{
	return ts->tv_nsec >= 0 && ts->tv_nsec < NS_PER_S;
}

/* @ns >= 0. */
static inline struct timespec ns_to_ts(int64_t ns)
{
	uint64_t sec = (uint64_t)ns / (uint64_t)NS_PER_S;

	return (struct timespec){ (time_t)sec, (long)((uint64_t)ns - sec * (uint64_t)NS_PER_S) };
}

static inline int64_t wall_ns(clockid_t id)
{
	struct timespec ts;

	shim.read_wall(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Wall clock @id minus wall CLOCK_MONOTONIC. */
int64_t wall_offset_ns(clockid_t id);

/* --- the clock at one instant ---------------------------------------------- */

/* The line of the page and where on it we are. */
struct moment {
	int64_t wall_ns, virt_ns;
	int64_t wall0_ns, virt0_ns;
	uint64_t mult;
	uint32_t shift, state, generation;
};

void moment_take(const struct timedil_page *page, struct moment *m);
int64_t moment_to_wall(const struct moment *m, int64_t virt_ns);
/* For wall instants near the present, such as a packet's time stamp. */
int64_t moment_to_virt(const struct moment *m, int64_t wall_ns);
int64_t moment_dur_to_wall(const struct moment *m, int64_t dur_vns);
int64_t moment_dur_to_virt(const struct moment *m, int64_t dur_wns);

int64_t virt_now_ns(const struct timedil_page *page);

/*
 * The offset of virtual clock @id from virtual CLOCK_MONOTONIC.  False for
 * clocks that are not dilated: CPU time, clocks of devices, unknown numbers.
 */
bool clock_offset(const struct timedil_page *page, clockid_t id, int64_t *off_ns);

#endif
