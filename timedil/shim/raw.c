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

#include "next.h"
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

/* --- one function a number --------------------------------------------------------------- */

/* All of one form; each returns as syscall() does: -1 and errno. */
typedef long raw_call(const struct timedil_page *page, const args a);

/* @name takes the arguments as the kernel does: hand them on, with their types. */
#define RAW(name, ...)                                                           \
	static long raw_##name(const struct timedil_page *page, const args a)    \
	{                                                                        \
		(void)page;                                                      \
		(void)a;                                                         \
		return name(__VA_ARGS__);                                        \
	}

#define P(type, i) ((type *)(uintptr_t)a[i])
#define TIMER(i) ((timer_t)(long)(int)a[i])

RAW(clock_gettime, (clockid_t)a[0], P(struct timespec, 1))
RAW(gettimeofday, P(struct timeval, 0), P(void, 1))
RAW(nanosleep, P(const struct timespec, 0), P(struct timespec, 1))
RAW(epoll_pwait, (int)a[0], P(struct epoll_event, 1), (int)a[2], (int)a[3], P(const sigset_t, 4))
RAW(epoll_pwait2, (int)a[0], P(struct epoll_event, 1), (int)a[2], P(const struct timespec, 3),
    P(const sigset_t, 4))
RAW(sigtimedwait, P(const sigset_t, 0), P(siginfo_t, 1), P(const struct timespec, 2))
RAW(timerfd_create, (clockid_t)a[0], (int)a[1])
RAW(timerfd_settime, (int)a[0], (int)a[1], P(const struct itimerspec, 2), P(struct itimerspec, 3))
RAW(timerfd_gettime, (int)a[0], P(struct itimerspec, 1))
RAW(timer_settime, TIMER(0), (int)a[1], P(const struct itimerspec, 2), P(struct itimerspec, 3))
RAW(timer_gettime, TIMER(0), P(struct itimerspec, 1))
RAW(timer_delete, TIMER(0))
RAW(setitimer, (int)a[0], P(const struct itimerval, 1), P(struct itimerval, 2))
RAW(getitimer, (int)a[0], P(struct itimerval, 1))
RAW(times, P(struct tms, 0))
RAW(sysinfo, P(struct sysinfo, 0))
RAW(clock_adjtime, (clockid_t)a[0], P(struct timex, 1))
RAW(adjtimex, P(struct timex, 0))
RAW(mq_timedreceive, (mqd_t)a[0], P(char, 1), (size_t)a[2], P(unsigned, 3),
    P(const struct timespec, 4))
RAW(mq_timedsend, (mqd_t)a[0], P(const char, 1), (size_t)a[2], (unsigned)a[3],
    P(const struct timespec, 4))
RAW(semtimedop, (int)a[0], P(struct sembuf, 1), (size_t)a[2], P(const struct timespec, 3))
RAW(statx, (int)a[0], P(const char, 1), (int)a[2], (unsigned)a[3], P(struct statx, 4))
RAW(setsockopt, (int)a[0], (int)a[1], (int)a[2], P(const void, 3), (socklen_t)a[4])
RAW(getsockopt, (int)a[0], (int)a[1], (int)a[2], P(void, 3), P(socklen_t, 4))
RAW(recvmsg, (int)a[0], P(struct msghdr, 1), (int)a[2])
RAW(recvmmsg, (int)a[0], P(struct mmsghdr, 1), (unsigned)a[2], (int)a[3], P(struct timespec, 4))
#ifdef SYS_time
RAW(time, P(time_t, 0))
#endif
#ifdef SYS_poll
RAW(poll, P(struct pollfd, 0), (nfds_t)a[1], (int)a[2])
#endif
#ifdef SYS_select
RAW(select, (int)a[0], P(fd_set, 1), P(fd_set, 2), P(fd_set, 3), P(struct timeval, 4))
#endif
#ifdef SYS_epoll_wait
RAW(epoll_wait, (int)a[0], P(struct epoll_event, 1), (int)a[2], (int)a[3])
#endif
#ifdef SYS_alarm
RAW(alarm, (unsigned)a[0])
#endif
#ifdef SYS_pause
RAW(pause)
#endif

static long raw_ppoll(const struct timedil_page *page, const args a)
{
	struct timespec *ts = P(struct timespec, 2);
	int64_t start = virt_now_ns(page);
	long ret = ppoll(P(struct pollfd, 0), (nfds_t)a[1], ts, P(const sigset_t, 3));

	if (ts && ts_valid(ts)) {
		put_left(ts, start, page);
	}
	return ret;
}

static long raw_pselect6(const struct timedil_page *page, const args a)
{
	struct timespec *ts = P(struct timespec, 4);
	const long *mask = P(const long, 5);
	int64_t start = virt_now_ns(page);
	long ret = pselect((int)a[0], P(fd_set, 1), P(fd_set, 2), P(fd_set, 3), ts,
			   mask ? (const sigset_t *)mask[0] : NULL);

	if (ts && ts_valid(ts)) {
		put_left(ts, start, page);
	}
	return ret;
}

static long raw_clock_nanosleep(const struct timedil_page *page, const args a)
{
	(void)page;
	return shim_result(-clock_nanosleep((clockid_t)a[0], (int)a[1], P(const struct timespec, 2),
					    P(struct timespec, 3)));
}

static long raw_futex_call(const struct timedil_page *page, const args a)
{
	return shim_result(raw_futex(page, a));
}

static long raw_futex_waitv(const struct timedil_page *page, const args a)
{
	return shim_result(raw_futex_clocked(page, SYS_futex_waitv, a, 3));
}

static long raw_futex_wait(const struct timedil_page *page, const args a)
{
	return shim_result(raw_futex_clocked(page, SYS_futex_wait, a, 4));
}

static long raw_timer_create(const struct timedil_page *page, const args a)
{
	int *id = P(int, 2);
	long ret = sys3(SYS_timer_create, a[0], a[1], a[2]);

	(void)page;
	if (ret == 0 &&
	    !ptimer_register((clockid_t)a[0], P(const struct sigevent, 1), (timer_t)(long)*id)) {
		sys1(SYS_timer_delete, *id);
		ret = -EAGAIN;
	}
	return shim_result(ret);
}

static long raw_sigprocmask(const struct timedil_page *page, const args a)
{
	const sigset_t *set = P(const sigset_t, 1);
	struct kick_mask buf;

	(void)page;
	if (a[0] != SIG_UNBLOCK) {
		set = mask_without_kick(set, &buf);
	}
	return shim_result(sys4(SYS_rt_sigprocmask, a[0], set, a[2], a[3]));
}

/* The kernel's call without a path is libc's for a descriptor. */
static long raw_utimensat(const struct timedil_page *page, const args a)
{
	(void)page;
	return a[1] ? utimensat((int)a[0], P(const char, 1), P(const struct timespec, 2), (int)a[3]) :
		      futimens((int)a[0], P(const struct timespec, 2));
}

static long raw_uring_enter(const struct timedil_page *page, const args a)
{
	(void)page;
	return shim_result(io_uring_enter2((unsigned)a[0], (unsigned)a[1], (unsigned)a[2],
					   (unsigned)a[3], P(void, 4), (size_t)a[5]));
}

static long raw_execve(const struct timedil_page *page, const args a)
{
	(void)page;
	return execve(P(const char, 0), P(char *const, 1), P(char *const, 2));
}

/* --- the dispatch --------------------------------------------------------------------- */

/* By number; what is not here goes to the kernel as it is. */
static raw_call *const calls[] = {
	[SYS_clock_gettime] = raw_clock_gettime,
	[SYS_gettimeofday] = raw_gettimeofday,
	[SYS_nanosleep] = raw_nanosleep,
	[SYS_clock_nanosleep] = raw_clock_nanosleep,
	[SYS_ppoll] = raw_ppoll,
	[SYS_pselect6] = raw_pselect6,
	[SYS_epoll_pwait] = raw_epoll_pwait,
	[SYS_epoll_pwait2] = raw_epoll_pwait2,
	[SYS_futex] = raw_futex_call,
	[SYS_futex_waitv] = raw_futex_waitv,
	[SYS_futex_wait] = raw_futex_wait,
	[SYS_rt_sigtimedwait] = raw_sigtimedwait,
	[SYS_rt_sigprocmask] = raw_sigprocmask,
	[SYS_timerfd_create] = raw_timerfd_create,
	[SYS_timerfd_settime] = raw_timerfd_settime,
	[SYS_timerfd_gettime] = raw_timerfd_gettime,
	[SYS_timer_create] = raw_timer_create,
	[SYS_timer_settime] = raw_timer_settime,
	[SYS_timer_gettime] = raw_timer_gettime,
	[SYS_timer_delete] = raw_timer_delete,
	[SYS_setitimer] = raw_setitimer,
	[SYS_getitimer] = raw_getitimer,
	[SYS_times] = raw_times,
	[SYS_sysinfo] = raw_sysinfo,
	[SYS_clock_adjtime] = raw_clock_adjtime,
	[SYS_adjtimex] = raw_adjtimex,
	[SYS_mq_timedreceive] = raw_mq_timedreceive,
	[SYS_mq_timedsend] = raw_mq_timedsend,
	[SYS_semtimedop] = raw_semtimedop,
	[SYS_statx] = raw_statx,
	[SYS_utimensat] = raw_utimensat,
	[SYS_setsockopt] = raw_setsockopt,
	[SYS_getsockopt] = raw_getsockopt,
	[SYS_recvmsg] = raw_recvmsg,
	[SYS_recvmmsg] = raw_recvmmsg,
	[SYS_io_uring_enter] = raw_uring_enter,
	[SYS_execve] = raw_execve,
/* These exist on some machines only. */
#ifdef SYS_time
	[SYS_time] = raw_time,
#endif
#ifdef SYS_poll
	[SYS_poll] = raw_poll,
#endif
#ifdef SYS_select
	[SYS_select] = raw_select,
#endif
#ifdef SYS_epoll_wait
	[SYS_epoll_wait] = raw_epoll_wait,
#endif
#ifdef SYS_alarm
	[SYS_alarm] = raw_alarm,
#endif
#ifdef SYS_pause
	[SYS_pause] = raw_pause,
#endif
};

EXPORT long syscall(long n, ...)
{
	const struct timedil_page *page = shim_page();
	raw_call *call;
	va_list list;
	args a;

	va_start(list, n);
	for (int i = 0; i < 6; i++) {
		a[i] = va_arg(list, long);
	}
	va_end(list);
	call = page && n >= 0 && n < (long)(sizeof(calls) / sizeof(calls[0])) ? calls[n] : NULL;
	return call ? call(page, a) : shim_result(sys_call6(n, a[0], a[1], a[2], a[3], a[4], a[5]));
}
