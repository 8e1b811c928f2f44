// SPDX-License-Identifier: GPL-2.0-or-later
/* Waits for other threads, none of which ever obliges. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <unistd.h>

#include "twin.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static int64_t timed_out(int error, int64_t ns)
{
	return error == ETIMEDOUT ? ns : fail("no time-out");
}

/* --- condition variables -------------------------------------------------------- */

static int64_t wait_cond(clockid_t attr, clockid_t clockwait, int64_t ns)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	struct timespec ts = in_ns(clockwait >= 0 ? clockwait : attr, ns);
	pthread_condattr_t ca;
	pthread_cond_t cond;
	int ret;

	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, attr);
	pthread_cond_init(&cond, &ca);
	pthread_mutex_lock(&mutex);
	ret = clockwait >= 0 ? pthread_cond_clockwait(&cond, &mutex, clockwait, &ts) :
			       pthread_cond_timedwait(&cond, &mutex, &ts);
	return timed_out(ret, ns);
}

TWIN(pthread_cond_timedwait, WAIT)
{
	return wait_cond(CLOCK_REALTIME, -1, ns);
}

TWIN(cond_monotonic, WAIT)
{
	return wait_cond(CLOCK_MONOTONIC, -1, ns);
}

TWIN(pthread_cond_clockwait, WAIT)
{
	return wait_cond(CLOCK_REALTIME, CLOCK_MONOTONIC, ns);
}

TWIN(cond_clockwait_realtime, WAIT)
{
	return wait_cond(CLOCK_MONOTONIC, CLOCK_REALTIME, ns);
}

TWIN(cnd_timedwait, WAIT)
{
	struct timespec ts;
	mtx_t mutex;
	cnd_t cond;

	mtx_init(&mutex, mtx_plain);
	cnd_init(&cond);
	mtx_lock(&mutex);
	timespec_get(&ts, TIME_UTC);
	ts = ts_of(ns_of(ts) + ns);
	return cnd_timedwait(&cond, &mutex, &ts) == thrd_timedout ? ns : fail("cnd_timedwait");
}

/* --- locks held by another thread ------------------------------------------------- */

static pthread_mutex_t held_mutex;
static pthread_rwlock_t held_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t holding;

static void *hold(void *unused)
{
	pthread_mutex_lock(&held_mutex);
	pthread_rwlock_wrlock(&held_rwlock);
	sem_post(&holding);
	ruler_sleep(3600 * NS_PER_S);
	return unused;
}

static pthread_t start_holder(int protocol)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	sem_init(&holding, 0, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutex_init(&held_mutex, &attr);
	pthread_create(&thread, NULL, hold, NULL);
	while (sem_wait(&holding) != 0) {
	}
	twin_begin();
	return thread;
}

#define LOCK_TEST(name, call, clock)                     \
	TWIN(name, WAIT)                                 \
	{                                                \
		struct timespec ts;                      \
                                                         \
		start_holder(PTHREAD_PRIO_NONE);         \
		ts = in_ns(clock, ns);                   \
		return timed_out(call, ns);              \
	}

LOCK_TEST(pthread_mutex_timedlock, pthread_mutex_timedlock(&held_mutex, &ts), CLOCK_REALTIME)
LOCK_TEST(pthread_mutex_clocklock, pthread_mutex_clocklock(&held_mutex, CLOCK_MONOTONIC, &ts),
	  CLOCK_MONOTONIC)
LOCK_TEST(mutex_clocklock_realtime, pthread_mutex_clocklock(&held_mutex, CLOCK_REALTIME, &ts),
	  CLOCK_REALTIME)
LOCK_TEST(pthread_rwlock_timedrdlock, pthread_rwlock_timedrdlock(&held_rwlock, &ts),
	  CLOCK_REALTIME)
LOCK_TEST(pthread_rwlock_timedwrlock, pthread_rwlock_timedwrlock(&held_rwlock, &ts),
	  CLOCK_REALTIME)
LOCK_TEST(pthread_rwlock_clockrdlock,
	  pthread_rwlock_clockrdlock(&held_rwlock, CLOCK_MONOTONIC, &ts), CLOCK_MONOTONIC)
LOCK_TEST(pthread_rwlock_clockwrlock,
	  pthread_rwlock_clockwrlock(&held_rwlock, CLOCK_MONOTONIC, &ts), CLOCK_MONOTONIC)

TWIN(mutex_pi, WAIT)
{
	struct timespec ts;

	start_holder(PTHREAD_PRIO_INHERIT);
	ts = in_ns(CLOCK_REALTIME, ns);
	return timed_out(pthread_mutex_timedlock(&held_mutex, &ts), ns);
}

TWIN(mutex_pi_monotonic, WAIT)
{
	struct timespec ts;
	int ret;

	start_holder(PTHREAD_PRIO_INHERIT);
	ts = in_ns(CLOCK_MONOTONIC, ns);
	ret = pthread_mutex_clocklock(&held_mutex, CLOCK_MONOTONIC, &ts);
	return ret == EINVAL ? TWIN_SKIPPED : timed_out(ret, ns);
}

TWIN(mtx_timedlock, WAIT)
{
	struct timespec ts;

	start_holder(PTHREAD_PRIO_NONE);
	ts = in_ns(CLOCK_REALTIME, ns);
	return mtx_timedlock((mtx_t *)&held_mutex, &ts) == thrd_timedout ? ns : fail("mtx_timedlock");
}

TWIN(pthread_timedjoin_np, WAIT)
{
	pthread_t thread = start_holder(PTHREAD_PRIO_NONE);
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	return timed_out(pthread_timedjoin_np(thread, NULL, &ts), ns);
}

TWIN(pthread_clockjoin_np, WAIT)
{
	pthread_t thread = start_holder(PTHREAD_PRIO_NONE);
	struct timespec ts = in_ns(CLOCK_MONOTONIC, ns);

	return timed_out(pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &ts), ns);
}

/* --- semaphores -------------------------------------------------------------------- */

TWIN(sem_timedwait, WAIT)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);
	sem_t sem;

	sem_init(&sem, 0, 0);
	return sem_timedwait(&sem, &ts) == -1 ? timed_out(errno, ns) : fail("sem_timedwait");
}

TWIN(sem_clockwait, WAIT)
{
	struct timespec ts = in_ns(CLOCK_MONOTONIC, ns);
	sem_t sem;

	sem_init(&sem, 0, 0);
	return sem_clockwait(&sem, CLOCK_MONOTONIC, &ts) == -1 ? timed_out(errno, ns) :
								  fail("sem_clockwait");
}

/* --- futex by number ---------------------------------------------------------------- */

static int64_t wait_futex(int op, struct timespec ts, int64_t ns)
{
	int word = 0;

	return syscall(SYS_futex, &word, op | FUTEX_PRIVATE_FLAG, 0, &ts, NULL,
		       FUTEX_BITSET_MATCH_ANY) == -1 ?
		       timed_out(errno, ns) :
		       fail("futex");
}

TWIN(futex_wait, WAIT)
{
	return wait_futex(FUTEX_WAIT, ts_of(ns), ns);
}

TWIN(futex_wait_bitset_monotonic, WAIT)
{
	return wait_futex(FUTEX_WAIT_BITSET, in_ns(CLOCK_MONOTONIC, ns), ns);
}

TWIN(futex_wait_bitset_realtime, WAIT)
{
	return wait_futex(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, in_ns(CLOCK_REALTIME, ns), ns);
}

static int pi_word;

static void *hold_pi(void *unused)
{
	syscall(SYS_futex, &pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	sem_post(&holding);
	ruler_sleep(3600 * NS_PER_S);
	return unused;
}

TWIN(futex_lock_pi, WAIT)
{
	struct timespec ts;
	pthread_t thread;

	sem_init(&holding, 0, 0);
	pthread_create(&thread, NULL, hold_pi, NULL);
	while (sem_wait(&holding) != 0) {
	}
	twin_begin();
	ts = in_ns(CLOCK_REALTIME, ns);
	return syscall(SYS_futex, &pi_word, FUTEX_LOCK_PI, 0, &ts, NULL, 0) == -1 ?
		       timed_out(errno, ns) :
		       fail("FUTEX_LOCK_PI");
}

TWIN(futex_waitv, WAIT)
{
	struct {
		uint64_t value, address;
		uint32_t flags, reserved;
	} waiter = { .flags = 2 | FUTEX_PRIVATE_FLAG };
	struct timespec ts = in_ns(CLOCK_MONOTONIC, ns);
	uint32_t word = 0;

	waiter.address = (uintptr_t)&word;
	if (syscall(SYS_futex_waitv, &waiter, 1, 0, &ts, CLOCK_MONOTONIC) != -1) {
		return fail("futex_waitv");
	}
	return errno == ENOSYS ? TWIN_SKIPPED : timed_out(errno, ns);
}
