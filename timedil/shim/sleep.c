// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sleep - sleeps.  Each becomes an absolute one on the wall CLOCK_MONOTONIC.
 */
#include <errno.h>
#include <threads.h>
#include <unistd.h>

#include "next.h"
#include "wait.h"

/* Sleep to a virtual instant; the kernel's result.  @left, if given, is set when
 * a signal cut the sleep short. */
static long sleep_until(const struct timedil_page *page, int64_t virt_ns, struct timespec *left)
{
	struct wait w;
	long ret;

	wait_begin(&w, page, WAIT_ABSOLUTE, virt_ns);
	do {
		ret = sys_wait4(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, wait_arm(&w),
				NULL);
	} while (wait_again(&w, ret));
	if (ret == -EINTR && left) {
		*left = ns_to_ts(wait_left_ns(&w));
	}
	wait_end(&w);
	return ret;
}

static long sleep_for(const struct timespec *req, struct timespec *left)
{
	const struct timedil_page *page = shim_page();

	if (!page) {
		return sys_wait4(SYS_clock_nanosleep, CLOCK_REALTIME, 0, req, left);
	}
	if (!req) {
		return -EFAULT;
	}
	if (!ts_valid(req) || req->tv_sec < 0) {
		return -EINVAL;
	}
	return sleep_until(page, deadline_in(page, ts_to_ns_sat(req)), left);
}

EXPORT int nanosleep(const struct timespec *req, struct timespec *left)
{
	return (int)shim_result(sleep_for(req, left));
}

/* An alarm clock needs a privilege and a device: let the kernel judge first. */
static long alarm_clock_usable(clockid_t id)
{
	const struct timespec none = { 0, 0 };

	if (id != CLOCK_REALTIME_ALARM && id != CLOCK_BOOTTIME_ALARM) {
		return 0;
	}
	return sys4(SYS_clock_nanosleep, id, 0, &none, NULL);
}

EXPORT int clock_nanosleep(clockid_t id, int flags, const struct timespec *req,
			   struct timespec *left)
{
	const struct timedil_page *page = shim_page();
	int64_t off, virt;
	long ret;

	if (!page || !clock_offset(page, id, &off) || id == CLOCK_MONOTONIC_RAW ||
	    id == CLOCK_MONOTONIC_COARSE || id == CLOCK_REALTIME_COARSE) {
		return next.clock_nanosleep ? next.clock_nanosleep(id, flags, req, left) : ENOSYS;
	}
	ret = alarm_clock_usable(id);
	if (ret != 0) {
		return (int)-ret;
	}
	if (!req) {
		return EFAULT;
	}
	if (!ts_valid(req) || req->tv_sec < 0) {
		return EINVAL;
	}
	if (flags & TIMER_ABSTIME) {
		virt = vmath_sub_sat(ts_to_ns_sat(req), off);
		left = NULL;
	} else {
		virt = deadline_in(page, ts_to_ns_sat(req));
	}
	return (int)-sleep_until(page, virt, left);
}

EXPORT int usleep(useconds_t us)
{
	struct timespec req = { us / 1000000, (long)(us % 1000000) * 1000 };

	return (int)shim_result(sleep_for(&req, NULL));
}

EXPORT unsigned sleep(unsigned seconds)
{
	struct timespec req = { seconds, 0 }, left = { 0, 0 };

	return sleep_for(&req, &left) == 0 ? 0 : (unsigned)left.tv_sec;
}

EXPORT int thrd_sleep(const struct timespec *req, struct timespec *left)
{
	long ret = sleep_for(req, left);

	if (ret == 0) {
		return 0;
	}
	return ret == -EINTR ? -1 : -2;
}
