// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * raw - system calls by number, through libc's syscall().
 *
 * Language run-times call futex and a few others this way.  A number that has to do
 * with time goes to the wrapper of its call; where the kernel's own form differs from
 * libc's (it writes the time left back), the difference is made good here.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <mqueue.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <unistd.h>

#include "signals.h"
#include "timers.h"
#include "wait.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

typedef long args[6];

/* --- futex ------------------------------------------------------------------------ */

/* Issue call @n with argument @at replaced by the wait's timespec. */
static long wait_in_kernel(const struct timedil_page *page, long n, const args in, int at,
			   enum wait_form form, int64_t virt_ns)
{
	struct wait w;
	args a;
	long ret;

	for (int i = 0; i < 6; i++) {
		a[i] = in[i];
	}
	wait_begin(&w, page, form, virt_ns);
	do {
		a[at] = (long)(uintptr_t)wait_arm(&w);
		ret = sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]);
	} while (ret != 0 && wait_again(&w, ret));
	wait_end(&w);
	return ret;
}

/* Only these operations have a time-out in the fourth argument; in others a number
 * stands there. */
static long raw_futex(const struct timedil_page *page, const args a)
{
	int op = (int)a[1], cmd = op & FUTEX_CMD_MASK;
	const struct timespec *ts = (const struct timespec *)a[3];
	args b = { a[0], a[1], a[2], a[3], a[4], a[5] };
	enum wait_form form = WAIT_ABSOLUTE;
	int64_t virt_ns;
	bool realtime;

	if ((cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_LOCK_PI &&
	     cmd != FUTEX_LOCK_PI2 && cmd != FUTEX_WAIT_REQUEUE_PI) ||
	    !ts || !ts_valid(ts) || ts->tv_sec < 0) {
		return sys_call6(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	if (cmd == FUTEX_WAIT) {
		return wait_in_kernel(page, SYS_futex, b, 3, WAIT_RELATIVE,
				      deadline_in(page, ts_to_ns_sat(ts)));
	}
	realtime = (op & FUTEX_CLOCK_REALTIME) || cmd == FUTEX_LOCK_PI;
	deadline_at(page, realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC, ts, &virt_ns);
	if (cmd == FUTEX_LOCK_PI) {
		form = WAIT_ABSOLUTE_REALTIME; /* has no other clock */
	} else {
		b[1] &= ~(long)FUTEX_CLOCK_REALTIME;
	}
	return wait_in_kernel(page, SYS_futex, b, 3, form, virt_ns);
}

/* futex_waitv and futex_wait: an absolute time and the clock behind it. */
static long raw_futex_clocked(const struct timedil_page *page, long n, const args a, int at)
{
	const struct timespec *ts = (const struct timespec *)a[at];
	clockid_t id = (clockid_t)a[at + 1];
	args b = { a[0], a[1], a[2], a[3], a[4], a[5] };
	int64_t virt_ns;

	if (!ts || !ts_valid(ts) || ts->tv_sec < 0 || (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC)) {
		return sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	deadline_at(page, id, ts, &virt_ns);
	b[at + 1] = CLOCK_MONOTONIC;
	return wait_in_kernel(page, n, b, at, WAIT_ABSOLUTE, virt_ns);
}

/* --- calls that write the rest back -------------------------------------------------- */

static void put_left(struct timespec *ts, int64_t start_vns, const struct timedil_page *page)
{
	int64_t left = vmath_sub_sat(ts_to_ns_sat(ts), virt_now_ns(page) - start_vns);

	*ts = ns_to_ts(left > 0 ? left : 0);
}

static long raw_ppoll(const struct timedil_page *page, const args a)
{
	struct timespec *ts = (struct timespec *)a[2];
	int64_t start = virt_now_ns(page);
	long ret = ppoll((struct pollfd *)a[0], (nfds_t)a[1], ts, (const sigset_t *)a[3]);

	if (ts && ts_valid(ts)) {
		put_left(ts, start, page);
	}
	return ret;
}

static long raw_pselect6(const struct timedil_page *page, const args a)
{
	struct timespec *ts = (struct timespec *)a[4];
	const long *mask = (const long *)a[5];
	int64_t start = virt_now_ns(page);
	long ret = pselect((int)a[0], (fd_set *)a[1], (fd_set *)a[2], (fd_set *)a[3], ts,
			   mask ? (const sigset_t *)mask[0] : NULL);

	if (ts && ts_valid(ts)) {
		put_left(ts, start, page);
	}
	return ret;
}

static long raw_clock_nanosleep(const args a)
{
	int error = clock_nanosleep((clockid_t)a[0], (int)a[1], (const struct timespec *)a[2],
				    (struct timespec *)a[3]);

	return shim_result(-error);
}

static long raw_timer_create(const args a)
{
	int *id = (int *)a[2];
	long ret = sys3(SYS_timer_create, a[0], a[1], a[2]);

	if (ret == 0 && !ptimer_register((clockid_t)a[0], (const struct sigevent *)a[1], (timer_t)(long)*id)) {
		sys1(SYS_timer_delete, *id);
		ret = -EAGAIN;
	}
	return shim_result(ret);
}

static long raw_sigprocmask(const args a)
{
	const sigset_t *set = (const sigset_t *)a[1];
	struct kick_mask buf;

	if (a[0] != SIG_UNBLOCK) {
		set = mask_without_kick(set, &buf);
	}
	return shim_result(sys4(SYS_rt_sigprocmask, a[0], set, a[2], a[3]));
}

/* --- the dispatch --------------------------------------------------------------------- */

/* Calls that exist on some machines only. */
static bool legacy_call(long n, const args a, long *ret)
{
#ifdef SYS_time
	if (n == SYS_time) {
		*ret = time((time_t *)a[0]);
		return true;
	}
#endif
#ifdef SYS_poll
	if (n == SYS_poll) {
		*ret = poll((struct pollfd *)a[0], (nfds_t)a[1], (int)a[2]);
		return true;
	}
#endif
#ifdef SYS_select
	if (n == SYS_select) {
		*ret = select((int)a[0], (fd_set *)a[1], (fd_set *)a[2], (fd_set *)a[3],
			      (struct timeval *)a[4]);
		return true;
	}
#endif
#ifdef SYS_epoll_wait
	if (n == SYS_epoll_wait) {
		*ret = epoll_wait((int)a[0], (struct epoll_event *)a[1], (int)a[2], (int)a[3]);
		return true;
	}
#endif
#ifdef SYS_alarm
	if (n == SYS_alarm) {
		*ret = alarm((unsigned)a[0]);
		return true;
	}
#endif
#ifdef SYS_pause
	if (n == SYS_pause) {
		*ret = pause();
		return true;
	}
#endif
	(void)n;
	(void)a;
	(void)ret;
	return false;
}

static long dispatch(const struct timedil_page *page, long n, const args a)
{
	long ret;

	switch (n) {
	case SYS_clock_gettime:
		return clock_gettime((clockid_t)a[0], (struct timespec *)a[1]);
	case SYS_gettimeofday:
		return gettimeofday((struct timeval *)a[0], (void *)a[1]);
	case SYS_nanosleep:
		return nanosleep((const struct timespec *)a[0], (struct timespec *)a[1]);
	case SYS_clock_nanosleep:
		return raw_clock_nanosleep(a);
	case SYS_ppoll:
		return raw_ppoll(page, a);
	case SYS_pselect6:
		return raw_pselect6(page, a);
	case SYS_epoll_pwait:
		return epoll_pwait((int)a[0], (struct epoll_event *)a[1], (int)a[2], (int)a[3],
				   (const sigset_t *)a[4]);
	case SYS_epoll_pwait2:
		return epoll_pwait2((int)a[0], (struct epoll_event *)a[1], (int)a[2],
				    (const struct timespec *)a[3], (const sigset_t *)a[4]);
	case SYS_futex:
		return shim_result(raw_futex(page, a));
	case SYS_futex_waitv:
		return shim_result(raw_futex_clocked(page, n, a, 3));
	case SYS_futex_wait:
		return shim_result(raw_futex_clocked(page, n, a, 4));
	case SYS_rt_sigtimedwait:
		return sigtimedwait((const sigset_t *)a[0], (siginfo_t *)a[1],
				    (const struct timespec *)a[2]);
	case SYS_rt_sigprocmask:
		return raw_sigprocmask(a);
	case SYS_timerfd_create:
		return timerfd_create((clockid_t)a[0], (int)a[1]);
	case SYS_timerfd_settime:
		return timerfd_settime((int)a[0], (int)a[1], (const struct itimerspec *)a[2],
				       (struct itimerspec *)a[3]);
	case SYS_timerfd_gettime:
		return timerfd_gettime((int)a[0], (struct itimerspec *)a[1]);
	case SYS_timer_create:
		return raw_timer_create(a);
	case SYS_timer_settime:
		return timer_settime((timer_t)(long)(int)a[0], (int)a[1],
				     (const struct itimerspec *)a[2], (struct itimerspec *)a[3]);
	case SYS_timer_gettime:
		return timer_gettime((timer_t)(long)(int)a[0], (struct itimerspec *)a[1]);
	case SYS_timer_delete:
		return timer_delete((timer_t)(long)(int)a[0]);
	case SYS_setitimer:
		return setitimer((int)a[0], (const struct itimerval *)a[1], (struct itimerval *)a[2]);
	case SYS_getitimer:
		return getitimer((int)a[0], (struct itimerval *)a[1]);
	case SYS_times:
		return times((struct tms *)a[0]);
	case SYS_sysinfo:
		return sysinfo((struct sysinfo *)a[0]);
	case SYS_clock_adjtime:
		return clock_adjtime((clockid_t)a[0], (struct timex *)a[1]);
	case SYS_adjtimex:
		return adjtimex((struct timex *)a[0]);
	case SYS_mq_timedreceive:
		return mq_timedreceive((mqd_t)a[0], (char *)a[1], (size_t)a[2], (unsigned *)a[3],
				       (const struct timespec *)a[4]);
	case SYS_mq_timedsend:
		return mq_timedsend((mqd_t)a[0], (const char *)a[1], (size_t)a[2], (unsigned)a[3],
				    (const struct timespec *)a[4]);
	case SYS_semtimedop:
		return semtimedop((int)a[0], (struct sembuf *)a[1], (size_t)a[2],
				  (const struct timespec *)a[3]);
	case SYS_statx:
		return statx((int)a[0], (const char *)a[1], (int)a[2], (unsigned)a[3],
			     (struct statx *)a[4]);
	case SYS_utimensat:
		return a[1] ? utimensat((int)a[0], (const char *)a[1], (const struct timespec *)a[2],
					(int)a[3]) :
			      futimens((int)a[0], (const struct timespec *)a[2]);
	case SYS_setsockopt:
		return setsockopt((int)a[0], (int)a[1], (int)a[2], (const void *)a[3], (socklen_t)a[4]);
	case SYS_getsockopt:
		return getsockopt((int)a[0], (int)a[1], (int)a[2], (void *)a[3], (socklen_t *)a[4]);
	case SYS_recvmsg:
		return recvmsg((int)a[0], (struct msghdr *)a[1], (int)a[2]);
	case SYS_recvmmsg:
		return recvmmsg((int)a[0], (struct mmsghdr *)a[1], (unsigned)a[2], (int)a[3],
				(struct timespec *)a[4]);
	default:
		if (legacy_call(n, a, &ret)) {
			return ret;
		}
		return shim_result(sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]));
	}
}

EXPORT long syscall(long n, ...)
{
	const struct timedil_page *page = shim_page();
	va_list list;
	args a;

	va_start(list, n);
	for (int i = 0; i < 6; i++) {
		a[i] = va_arg(list, long);
	}
	va_end(list);
	if (!page) {
		return shim_result(sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]));
	}
	return dispatch(page, n, a);
}
