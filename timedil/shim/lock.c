// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lock - waits for other threads, all with absolute deadlines.
 *
 * libc's own code does the waiting, on CLOCK_MONOTONIC through its clock-taking
 * functions; it gets the thread's slot (wait.h) as deadline and reads it anew after
 * each interruption, so a kick takes effect inside libc's loops.  Where libc has no
 * clock-taking form (glibc before 2.30, musl), its CLOCK_REALTIME one serves.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

#include "next.h"
#include "wait.h"

static enum wait_form form_for(bool has_clock)
{
	return has_clock ? WAIT_ABSOLUTE : WAIT_ABSOLUTE_REALTIME;
}

/* These report an invalid time only when they would wait: libc decides that. */
static bool pass_through(const struct timedil_page *page, clockid_t id, const struct timespec *abs,
			 int64_t *virt_ns)
{
	return !page || !abs || !ts_valid(abs) ||
	       (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC) ||
	       !deadline_at(page, id, abs, virt_ns);
}

/*
 * A function of the shape int f(object *, abs) and its clock-taking form, which
 * return an error number.
 */
#define LOCK_CALLS(object, timed, clocked)                                              \
	static int timed##_until(const struct timedil_page *page, object *o, int64_t virt_ns)   \
	{                                                                               \
		struct wait w;                                                          \
		int ret;                                                                \
                                                                                        \
		wait_begin(&w, page, form_for(next.clocked != NULL), virt_ns);          \
		do {                                                                    \
			struct timespec *ts = wait_arm(&w);                             \
                                                                                        \
			ret = next.clocked ? next.clocked(o, CLOCK_MONOTONIC, ts) :     \
					     next.timed(o, ts);                         \
		} while (wait_again(&w, ret == ETIMEDOUT ? -ETIMEDOUT : 1));            \
		wait_end(&w);                                                           \
		return ret;                                                             \
	}                                                                               \
                                                                                        \
	EXPORT int timed(object *restrict o, const struct timespec *restrict abs)       \
	{                                                                               \
		const struct timedil_page *page = shim_page();                          \
		int64_t virt_ns;                                                        \
                                                                                        \
		if (pass_through(page, CLOCK_REALTIME, abs, &virt_ns)) {                \
			return next.timed(o, abs);                                      \
		}                                                                       \
		return timed##_until(page, o, virt_ns);                                 \
	}                                                                               \
                                                                                        \
	EXPORT int clocked(object *restrict o, clockid_t id, const struct timespec *restrict abs) \
	{                                                                               \
		const struct timedil_page *page = shim_page();                          \
		int64_t virt_ns;                                                        \
                                                                                        \
		if (pass_through(page, id, abs, &virt_ns)) {                            \
			return next.clocked ? next.clocked(o, id, abs) : ENOSYS;        \
		}                                                                       \
		return timed##_until(page, o, virt_ns);                                 \
	}

LOCK_CALLS(pthread_mutex_t, pthread_mutex_timedlock, pthread_mutex_clocklock)

#define pthread_rwlock_timedrdlock_until rwlock_rd_until
#define pthread_rwlock_timedwrlock_until rwlock_wr_until
LOCK_CALLS(pthread_rwlock_t, pthread_rwlock_timedrdlock, pthread_rwlock_clockrdlock)
LOCK_CALLS(pthread_rwlock_t, pthread_rwlock_timedwrlock, pthread_rwlock_clockwrlock)

/* --- C11 mutexes are POSIX ones ---------------------------------------------- */

EXPORT int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict abs)
{
	switch (pthread_mutex_timedlock((pthread_mutex_t *)mutex, abs)) {
	case 0:
		return thrd_success;
	case ETIMEDOUT:
		return thrd_timedout;
	default:
		return thrd_error;
	}
}

/* --- semaphores ---------------------------------------------------------------- */

static int sem_until(const struct timedil_page *page, sem_t *sem, int64_t virt_ns)
{
	struct wait w;
	int ret;

	wait_begin(&w, page, form_for(next.sem_clockwait != NULL), virt_ns);
	do {
		struct timespec *ts = wait_arm(&w);

		ret = next.sem_clockwait ? next.sem_clockwait(sem, CLOCK_MONOTONIC, ts) :
					   next.sem_timedwait(sem, ts);
	} while (ret != 0 && wait_again(&w, -*shim_errno()));
	wait_end(&w);
	return ret;
}

EXPORT int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict abs)
{
	const struct timedil_page *page = shim_page();
	int64_t virt_ns;

	if (pass_through(page, CLOCK_REALTIME, abs, &virt_ns)) {
		return next.sem_timedwait(sem, abs);
	}
	return sem_until(page, sem, virt_ns);
}

EXPORT int sem_clockwait(sem_t *restrict sem, clockid_t id, const struct timespec *restrict abs)
{
	const struct timedil_page *page = shim_page();
	int64_t virt_ns;

	if (pass_through(page, id, abs, &virt_ns)) {
		return next.sem_clockwait ? next.sem_clockwait(sem, id, abs) :
					    (int)shim_result(-ENOSYS);
	}
	return sem_until(page, sem, virt_ns);
}

/* --- joining ------------------------------------------------------------------- */

static int join_until(const struct timedil_page *page, pthread_t thread, void **result,
		      int64_t virt_ns)
{
	struct wait w;
	int ret;

	wait_begin(&w, page, form_for(next.pthread_clockjoin_np != NULL), virt_ns);
	do {
		struct timespec *ts = wait_arm(&w);

		ret = next.pthread_clockjoin_np ?
			      next.pthread_clockjoin_np(thread, result, CLOCK_MONOTONIC, ts) :
			      next.pthread_timedjoin_np(thread, result, ts);
	} while (wait_again(&w, ret == ETIMEDOUT ? -ETIMEDOUT : 1));
	wait_end(&w);
	return ret;
}

EXPORT int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *abs)
{
	const struct timedil_page *page = shim_page();
	int64_t virt_ns;

	if (pass_through(page, CLOCK_REALTIME, abs, &virt_ns)) {
		return next.pthread_timedjoin_np(thread, result, abs);
	}
	return join_until(page, thread, result, virt_ns);
}

EXPORT int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t id,
				const struct timespec *abs)
{
	const struct timedil_page *page = shim_page();
	int64_t virt_ns;

	if (pass_through(page, id, abs, &virt_ns)) {
		return next.pthread_clockjoin_np ?
			       next.pthread_clockjoin_np(thread, result, id, abs) :
			       ENOSYS;
	}
	return join_until(page, thread, result, virt_ns);
}
