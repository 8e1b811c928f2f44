// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * calls - what becomes of each system call that the filter catches.
 *
 * A call that the shim has a wrapper for goes to that wrapper, which the trap links; the
 * rows that wait are in wait.c.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <unistd.h>

#include "trap.h"

/* With a NULL the kernel says EFAULT. */
#define NEEDS(pointer) do { if (!(pointer)) { return -EFAULT; } } while (0)

/* The kernel's vDSO asks the kernel for clocks that it cannot read itself. */
static bool from_vdso(const struct call *c)
{
	return c->from >= trap.vdso_begin && c->from < trap.vdso_end;
}

static long call_clock_gettime(const struct call *c)
{
	if (from_vdso(c)) {
		return call_as_is(c);
	}
	NEEDS(c->a[1]);
	return clock_gettime((clockid_t)c->a[0], (struct timespec *)c->a[1]);
}

/* The kernel's timer numbers are ints. */
static long call_timer_create(const struct call *c)
{
	timer_t id = NULL;
	long ret;

	NEEDS(c->a[2]);
	ret = timer_create((clockid_t)c->a[0], (struct sigevent *)c->a[1], &id);
	if (ret == 0) {
		*(int *)c->a[2] = (int)(uintptr_t)id;
	}
	return ret;
}

static timer_t timer_of(const struct call *c)
{
	return (timer_t)(uintptr_t)(int)c->a[0];
}

static long call_timer(const struct call *c)
{
	switch (c->nr) {
	case SYS_timer_create:
		return call_timer_create(c);
	case SYS_timer_delete:
		return timer_delete(timer_of(c));
	case SYS_timer_gettime:
		NEEDS(c->a[1]);
		return timer_gettime(timer_of(c), (struct itimerspec *)c->a[1]);
	case SYS_timer_settime:
		return timer_settime(timer_of(c), (int)c->a[1], (const struct itimerspec *)c->a[2],
				     (struct itimerspec *)c->a[3]);
	case SYS_timerfd_create:
		return timerfd_create((int)c->a[0], (int)c->a[1]);
	case SYS_timerfd_settime:
		return timerfd_settime((int)c->a[0], (int)c->a[1], (const struct itimerspec *)c->a[2],
				       (struct itimerspec *)c->a[3]);
	case SYS_timerfd_gettime:
		return timerfd_gettime((int)c->a[0], (struct itimerspec *)c->a[1]);
	case SYS_setitimer:
		return setitimer((__itimer_which_t)c->a[0], (const struct itimerval *)c->a[1],
				 (struct itimerval *)c->a[2]);
	case SYS_getitimer:
		return getitimer((__itimer_which_t)c->a[0], (struct itimerval *)c->a[1]);
	default:
		return alarm((unsigned)c->a[0]);
	}
}

static long call_read(const struct call *c)
{
	switch (c->nr) {
	case SYS_clock_gettime:
		return call_clock_gettime(c);
	case SYS_gettimeofday:
		return from_vdso(c) ? call_as_is(c) :
				      gettimeofday((struct timeval *)c->a[0], (void *)c->a[1]);
	case SYS_time:
		return from_vdso(c) ? call_as_is(c) : time((time_t *)c->a[0]);
	case SYS_times:
		return times((struct tms *)c->a[0]);
	case SYS_sysinfo:
		return sysinfo((struct sysinfo *)c->a[0]);
	case SYS_clock_adjtime:
		return clock_adjtime((clockid_t)c->a[0], (struct timex *)c->a[1]);
	default:
		return adjtimex((struct timex *)c->a[0]);
	}
}

long trap_call(const struct call *c)
{
	long result;

	switch (c->nr) {
	case SYS_clock_gettime:
	case SYS_gettimeofday:
	case SYS_time:
	case SYS_times:
	case SYS_sysinfo:
	case SYS_clock_adjtime:
	case SYS_adjtimex:
		return call_read(c);
	case SYS_timer_create:
	case SYS_timer_delete:
	case SYS_timer_gettime:
	case SYS_timer_settime:
	case SYS_timerfd_create:
	case SYS_timerfd_settime:
	case SYS_timerfd_gettime:
	case SYS_setitimer:
	case SYS_getitimer:
	case SYS_alarm:
		return call_timer(c);
	case SYS_setsockopt:
		return call_setsockopt(c);
	case SYS_getsockopt:
		return getsockopt((int)c->a[0], (int)c->a[1], (int)c->a[2], (void *)c->a[3],
				  (socklen_t *)c->a[4]);
#define SOCKET_CALL(name) case SYS_##name:
#include "socket.def"
#undef SOCKET_CALL
		return call_in_socket(c);
	case SYS_rt_sigaction:
		return call_sigaction(c);
	case SYS_rt_sigprocmask:
		return call_sigprocmask(c);
	case SYS_execve:
		return call_execve(c);
	case SYS_execveat:
		return call_execveat(c);
	default:
		return wait_call(c, &result) ? result : call_as_is(c);
	}
}
