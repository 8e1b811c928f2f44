// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cond - condition variables.
 *
 * A wait that timed out although the clock has been slowed down meanwhile is not
 * taken up again here: while the mutex was being locked, a signal for us may have
 * been given away.  It returns as a spurious wake-up, which every caller must
 * expect, and the caller looks at its condition and waits again.
 */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "next.h"
#include "wait.h"

/* Which clock an abstime is on.  glibc keeps it as a flag beside the counter of
 * waiters, musl in a word of its own. */
static clockid_t cond_clock(const pthread_cond_t *cond)
{
#ifdef __GLIBC__
	return cond->__data.__wrefs & 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
#else
	return ((const clockid_t *)cond)[4];
#endif
}

static int cond_until(const struct timedil_page *page, pthread_cond_t *cond,
		      pthread_mutex_t *mutex, int64_t virt_ns)
{
	bool realtime = !next.pthread_cond_clockwait && cond_clock(cond) == CLOCK_REALTIME;
	struct timespec *ts;
	struct wait w;
	int ret;

	wait_begin(&w, page, realtime ? WAIT_ABSOLUTE_REALTIME : WAIT_ABSOLUTE, virt_ns);
	ts = wait_arm(&w);
	ret = next.pthread_cond_clockwait ?
		      next.pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, ts) :
		      next.pthread_cond_timedwait(cond, mutex, ts);
	if (ret == ETIMEDOUT && !wait_reached(&w)) {
		ret = 0;
	}
	wait_end(&w);
	return ret;
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
				  const struct timespec *restrict abs)
{
	const struct timedil_page *page = shim_page();
	int64_t virt_ns;

	if (!page || !ts_valid(abs) || !deadline_at(page, cond_clock(cond), abs, &virt_ns)) {
		return next.pthread_cond_timedwait(cond, mutex, abs);
	}
	return cond_until(page, cond, mutex, virt_ns);
}

EXPORT int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
				  clockid_t id, const struct timespec *restrict abs)
{
	const struct timedil_page *page = shim_page();
	int64_t virt_ns;

	if (!page || !ts_valid(abs) || (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC) ||
	    !deadline_at(page, id, abs, &virt_ns)) {
		return next.pthread_cond_clockwait ?
			       next.pthread_cond_clockwait(cond, mutex, id, abs) :
			       ENOSYS;
	}
	return cond_until(page, cond, mutex, virt_ns);
}

/* C11's condition variables are POSIX ones on CLOCK_REALTIME. */
EXPORT int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
			 const struct timespec *restrict abs)
{
	switch (pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, abs)) {
	case 0:
		return thrd_success;
	case ETIMEDOUT:
		return thrd_timedout;
	default:
		return thrd_error;
	}
}
