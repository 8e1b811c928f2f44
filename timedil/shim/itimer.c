// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * itimer - setitimer's real timer, which alarm() and ualarm() share.
 *
 * The CPU timers (ITIMER_VIRTUAL, ITIMER_PROF) count CPU time, which is real.
 */
#include <errno.h>
#include <sys/time.h>
#include <unistd.h>

#include "timers.h"

static struct armed real_timer;

void itimer_forget(void)
{
	real_timer = (struct armed){ 0 };
}

static struct timespec tv_to_ts(struct timeval tv)
{
	return (struct timespec){ tv.tv_sec, tv.tv_usec * 1000 };
}

/* Rounded up: a rest of less than a microsecond must not read as "not armed". */
static struct timeval ts_to_tv(struct timespec ts)
{
	int64_t us = (ts.tv_nsec + 999) / 1000;

	return (struct timeval){ ts.tv_sec + us / US_PER_S, us % US_PER_S };
}

static struct itimerspec to_timespecs(const struct itimerval *itv)
{
	return (struct itimerspec){ .it_interval = tv_to_ts(itv->it_interval),
				    .it_value = tv_to_ts(itv->it_value) };
}

static struct itimerval to_timevals(const struct itimerspec *its)
{
	return (struct itimerval){ .it_interval = ts_to_tv(its->it_interval),
				   .it_value = ts_to_tv(its->it_value) };
}

/* This one takes relative times only.  If we were held up on the way to the kernel, the
 * timer came out late: once more. */
static long arm(const struct itimerspec *wall, struct itimerval *before)
{
	struct itimerval ignored;
	long ret = 0;

	for (int i = 0; i < 10; i++) {
		struct itimerspec left = *wall;
		int64_t now = wall_ns(CLOCK_MONOTONIC), due = ts_to_ns_sat(&wall->it_value);
		struct itimerval set;

		if (due > 0) {
			left.it_value = ns_to_ts(due > now ? due - now : 1);
		}
		set = to_timevals(&left);
		ret = sys3(SYS_setitimer, ITIMER_REAL, &set, i == 0 ? before : &ignored);
		if (ret != 0 || due <= now || wall_ns(CLOCK_MONOTONIC) - now < NS_PER_MS / 2) {
			break;
		}
	}
	return ret;
}

static long read_left(const void *unused, struct itimerspec *left)
{
	struct itimerval now;
	long ret = sys2(SYS_getitimer, ITIMER_REAL, &now);

	(void)unused;
	*left = to_timespecs(&now);
	return ret;
}

void itimer_rearm(const struct moment *m)
{
	struct itimerspec wall;
	struct itimerval ignored;

	if (armed_again(&real_timer, m, read_left, NULL, &wall)) {
		arm(&wall, &ignored);
	}
}

static bool tv_valid(const struct timeval *tv)
{
	return tv->tv_sec >= 0 && tv->tv_usec >= 0 && tv->tv_usec < US_PER_S;
}

static long real_get(const struct timedil_page *page, struct itimerval *out)
{
	struct itimerspec left;
	struct moment m;
	kernel_mask mask;
	long ret;

	mask = timers_lock();
	moment_take(page, &m);
	ret = read_left(NULL, &left);
	if (ret == 0) {
		left = armed_left(&real_timer, &m, &left);
		*out = to_timevals(&left);
	}
	timers_unlock(mask);
	return ret;
}

static long real_set(const struct timedil_page *page, const struct itimerval *want,
		     struct itimerval *out)
{
	struct itimerspec want_ts = to_timespecs(want), wall, left;
	struct itimerval before;
	struct armed old;
	struct moment m;
	kernel_mask mask;
	long ret;

	mask = timers_lock();
	old = real_timer;
	moment_take(page, &m);
	wall = armed_set(&real_timer, &m, &want_ts, false, 0);
	ret = arm(&wall, &before);
	if (ret != 0) {
		real_timer = old;
	} else if (out) {
		left = to_timespecs(&before);
		left = armed_left(&old, &m, &left);
		*out = to_timevals(&left);
	}
	timers_unlock(mask);
	return ret;
}

EXPORT int setitimer(__itimer_which_t which, const struct itimerval *restrict want,
		     struct itimerval *restrict old)
{
	const struct timedil_page *page = shim_page();
	struct itimerval none = { .it_value = { 0, 0 } };

	if (!page || (int)which != ITIMER_REAL) {
		return (int)shim_result(sys3(SYS_setitimer, which, want, old));
	}
	if (!want) {
		want = &none;
	}
	if (!tv_valid(&want->it_value) || !tv_valid(&want->it_interval)) {
		return (int)shim_result(-EINVAL);
	}
	return (int)shim_result(real_set(page, want, old));
}

EXPORT int getitimer(__itimer_which_t which, struct itimerval *now)
{
	const struct timedil_page *page = shim_page();

	if (!page || (int)which != ITIMER_REAL) {
		return (int)shim_result(sys2(SYS_getitimer, which, now));
	}
	if (!now) {
		return (int)shim_result(-EFAULT);
	}
	return (int)shim_result(real_get(page, now));
}

EXPORT unsigned alarm(unsigned seconds)
{
	struct itimerval want = { .it_value = { seconds, 0 } }, old;

	if (setitimer(ITIMER_REAL, &want, &old) != 0) {
		return 0;
	}
	/* The kernel's rounding: to the nearest second, but never to none. */
	if (old.it_value.tv_usec >= US_PER_S / 2 ||
	    (old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0)) {
		old.it_value.tv_sec++;
	}
	return (unsigned)old.it_value.tv_sec;
}

EXPORT useconds_t ualarm(useconds_t us, useconds_t interval_us)
{
	struct itimerval want = {
		.it_value = { us / US_PER_S, us % US_PER_S },
		.it_interval = { interval_us / US_PER_S, interval_us % US_PER_S },
	};
	struct itimerval old;

	if (setitimer(ITIMER_REAL, &want, &old) != 0) {
		return (useconds_t)-1;
	}
	return (useconds_t)(old.it_value.tv_sec * US_PER_S + old.it_value.tv_usec);
}
