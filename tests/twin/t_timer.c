// SPDX-License-Identifier: GPL-2.0-or-later
/* Timers.  What they set going is waited for with calls that have no time-out. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "twin.h"

static volatile sig_atomic_t fired;

static void on_fire(int sig)
{
	(void)sig;
	fired++;
}

static void catch(int sig)
{
	struct sigaction act = { .sa_handler = on_fire };

	sigaction(sig, &act, NULL);
}

/* Wait for @n signals, by a system call of our own. */
static void await(int n)
{
	while (fired < n) {
		struct timespec ms = { 0, 200000 };

		raw_syscall(SYS_nanosleep, (long)&ms, 0, 0, 0, 0, 0);
	}
}

static struct timeval tv_of(int64_t ns)
{
	return (struct timeval){ ns / NS_PER_S, ns % NS_PER_S / 1000 };
}

static int64_t ns_of_tv(struct timeval tv)
{
	return tv.tv_sec * NS_PER_S + tv.tv_usec * 1000;
}

/* --- alarm, setitimer ---------------------------------------------------------------- */

/*
 * What may be left of a timer of @whole ns that runs since @begin (by the ruler) and for @ns at
 * least: how much longer depends on the machine, but not on the timer, so the ruler bounds it.
 */
static int is_rest(int64_t rest, int64_t whole, int64_t ns, int64_t begin)
{
	int64_t gone = (int64_t)((double)(ruler_ns() - begin) / twin_factor());
	int64_t slack = NS_PER_MS / 10; /* the kernel's rounding */

	return rest <= whole - ns + slack && rest >= whole - gone - slack;
}

TWIN(alarm, WAIT)
{
	unsigned s = (unsigned)((ns + NS_PER_S - 1) / NS_PER_S), rest;

	catch(SIGALRM);
	/* Rounded to a second, and a busy machine may take a part of one in between. */
	if (alarm(s + 5) != 0 || (rest = alarm(s)) > s + 5 || rest < s + 3) {
		return fail("alarm does not return the rest");
	}
	await(1);
	return s * NS_PER_S;
}

/* Below a second, as POSIX wants it. */
TWIN(ualarm, WAIT)
{
	ns = ns < NS_PER_S ? ns : NS_PER_S - NS_PER_MS;
	catch(SIGALRM);
	ualarm((useconds_t)(ns / 1000), 0);
	await(1);
	return ns;
}

TWIN(setitimer, WAIT)
{
	struct itimerval itv = { .it_value = tv_of(ns) };

	catch(SIGALRM);
	if (setitimer(ITIMER_REAL, &itv, NULL) != 0) {
		return fail("setitimer");
	}
	await(1);
	return ns;
}

TWIN(setitimer_interval, WAIT)
{
	struct itimerval itv = { .it_value = tv_of(ns / 5), .it_interval = tv_of(ns / 5) };

	catch(SIGALRM);
	setitimer(ITIMER_REAL, &itv, NULL);
	await(5);
	return ns;
}

/* Half the time has gone: half is left. */
TWIN(getitimer, CHECK)
{
	struct itimerval itv = { .it_value = tv_of(2 * ns), .it_interval = tv_of(7 * ns) };
	int64_t begin = ruler_ns();

	setitimer(ITIMER_REAL, &itv, NULL);
	ruler_sleep((int64_t)((double)ns * twin_factor()));
	memset(&itv, 0, sizeof(itv));
	getitimer(ITIMER_REAL, &itv);
	if (ns_of_tv(itv.it_interval) != 7 * ns) {
		return fail("another interval");
	}
	return is_rest(ns_of_tv(itv.it_value), 2 * ns, ns, begin) ? 0 : fail("another rest");
}

/* --- POSIX timers ----------------------------------------------------------------------- */

static int64_t wait_timer(clockid_t id, int flags, int64_t ns)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec its = { .it_value = ts_of(ns) };
	timer_t timer;

	catch(SIGUSR1);
	if (timer_create(id, &ev, &timer) != 0) {
		return fail("timer_create");
	}
	if (flags) {
		its.it_value = in_ns(id, ns);
	}
	if (timer_settime(timer, flags, &its, NULL) != 0) {
		return fail("timer_settime");
	}
	await(1);
	timer_delete(timer);
	return ns;
}

TWIN(timer_create, WAIT)
{
	return wait_timer(CLOCK_BOOTTIME, 0, ns);
}

TWIN(timer_settime, WAIT)
{
	return wait_timer(CLOCK_MONOTONIC, 0, ns);
}

TWIN(timer_rel_realtime, WAIT)
{
	return wait_timer(CLOCK_REALTIME, 0, ns);
}

TWIN(timer_abs_realtime, WAIT)
{
	return wait_timer(CLOCK_REALTIME, TIMER_ABSTIME, ns);
}

TWIN(timer_abs_monotonic, WAIT)
{
	return wait_timer(CLOCK_MONOTONIC, TIMER_ABSTIME, ns);
}

TWIN(timer_gettime, CHECK)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec its = { ts_of(7 * ns), ts_of(2 * ns) }, now, old;
	int64_t begin = ruler_ns();
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &its, NULL);
	ruler_sleep((int64_t)((double)ns * twin_factor()));
	timer_gettime(timer, &now);
	timer_settime(timer, 0, &its, &old);
	if (ns_of(now.it_interval) != 7 * ns || ns_of(old.it_interval) != 7 * ns) {
		return fail("another interval");
	}
	if (!is_rest(ns_of(now.it_value), 2 * ns, ns, begin)) {
		return fail("another rest");
	}
	return ns_of(old.it_value) <= ns_of(now.it_value) &&
			       is_rest(ns_of(old.it_value), 2 * ns, ns, begin) ?
		       0 :
		       fail("another old value");
}

TWIN(timer_delete, CHECK)
{
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec its = { .it_value = ts_of(ns) };
	timer_t timer;

	/* More than one chunk of records, so that they are re-used. */
	for (int i = 0; i < 500; i++) {
		if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0 ||
		    timer_settime(timer, 0, &its, NULL) != 0 || timer_delete(timer) != 0) {
			return fail("timer_delete");
		}
	}
	return 0;
}

static sem_t posted;

static void on_thread(union sigval value)
{
	(void)value;
	sem_post(&posted);
}

TWIN(timer_thread, WAIT)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD };
	struct itimerspec its = { .it_value = ts_of(ns) };
	timer_t timer;

	ev.sigev_notify_function = on_thread;
	sem_init(&posted, 0, 0);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) {
		return fail("timer_create");
	}
	twin_begin();
	timer_settime(timer, 0, &its, NULL);
	while (sem_wait(&posted) != 0) {
	}
	return ns;
}

/* Five expiries of a signal that is blocked meanwhile: four overruns. */
TWIN(timer_interval, CHECK)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec its = { ts_of(ns / 4), ts_of(ns / 4) };
	siginfo_t info;
	timer_t timer;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &its, NULL);
	ruler_sleep((int64_t)((double)ns * 1.375 * twin_factor()));
	sigwaitinfo(&set, &info);
	return timer_getoverrun(timer) == 4 ? 0 : fail("another count of overruns");
}

TWIN(timer_by_number, WAIT)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec its;
	int id;

	catch(SIGUSR1);
	if (syscall(SYS_timer_create, CLOCK_REALTIME, &ev, &id) != 0) {
		return fail("SYS_timer_create");
	}
	its = (struct itimerspec){ .it_value = in_ns(CLOCK_REALTIME, ns) };
	syscall(SYS_timer_settime, id, TIMER_ABSTIME, &its, NULL);
	await(1);
	syscall(SYS_timer_delete, id);
	return ns;
}

/* --- timerfd ------------------------------------------------------------------------------ */

static int64_t wait_timerfd(clockid_t id, int flags, int64_t ns, int64_t interval_ns, uint64_t want)
{
	struct itimerspec its = { ts_of(interval_ns), ts_of(ns) };
	int fd = timerfd_create(id, TFD_CLOEXEC);
	uint64_t ticks = 0, n;

	if (fd < 0) {
		return fail("timerfd_create");
	}
	if (flags) {
		its.it_value = in_ns(id, ns);
	}
	if (timerfd_settime(fd, flags, &its, NULL) != 0) {
		return fail("timerfd_settime");
	}
	while (ticks < want) {
		if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
			ticks += n;
		}
	}
	return ns + interval_ns * (int64_t)(ticks - 1);
}

TWIN(timerfd_create, WAIT)
{
	return wait_timerfd(CLOCK_BOOTTIME, 0, ns, 0, 1);
}

TWIN(timerfd_settime, WAIT)
{
	return wait_timerfd(CLOCK_MONOTONIC, 0, ns, 0, 1);
}

TWIN(timerfd_rel_realtime, WAIT)
{
	return wait_timerfd(CLOCK_REALTIME, 0, ns, 0, 1);
}

TWIN(timerfd_abs_realtime, WAIT)
{
	return wait_timerfd(CLOCK_REALTIME, TFD_TIMER_ABSTIME, ns, 0, 1);
}

TWIN(timerfd_abs_monotonic, WAIT)
{
	return wait_timerfd(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, ns, 0, 1);
}

TWIN(timerfd_abs_boottime, WAIT)
{
	return wait_timerfd(CLOCK_BOOTTIME, TFD_TIMER_ABSTIME, ns, 0, 1);
}

TWIN(timerfd_interval, WAIT)
{
	return wait_timerfd(CLOCK_MONOTONIC, 0, ns / 5, ns / 5, 5);
}

TWIN(timerfd_gettime, CHECK)
{
	struct itimerspec its = { ts_of(7 * ns), ts_of(2 * ns) }, now, old;
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	int64_t begin = ruler_ns();

	timerfd_settime(fd, 0, &its, NULL);
	ruler_sleep((int64_t)((double)ns * twin_factor()));
	timerfd_gettime(fd, &now);
	timerfd_settime(fd, 0, &its, &old);
	if (ns_of(now.it_interval) != 7 * ns || ns_of(old.it_interval) != 7 * ns) {
		return fail("another interval");
	}
	if (!is_rest(ns_of(now.it_value), 2 * ns, ns, begin)) {
		return fail("another rest");
	}
	return ns_of(old.it_value) <= ns_of(now.it_value) &&
			       is_rest(ns_of(old.it_value), 2 * ns, ns, begin) ?
		       0 :
		       fail("another old value");
}

TWIN(timerfd_by_number, WAIT)
{
	int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
	struct itimerspec its = { .it_value = in_ns(CLOCK_MONOTONIC, ns) };
	uint64_t n;

	syscall(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &its, NULL);
	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? ns : fail("read");
}

/* --- signals, set off by a timer -------------------------------------------------------------- */

static void set_off(int64_t ns)
{
	struct itimerval itv = { .it_value = tv_of(ns) };

	setitimer(ITIMER_REAL, &itv, NULL);
}

static sigset_t only(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

TWIN(sigtimedwait, WAIT)
{
	sigset_t set = only(SIGUSR2);
	struct timespec ts = ts_of(ns);

	return sigtimedwait(&set, NULL, &ts) == -1 && errno == EAGAIN ? ns : fail("sigtimedwait");
}

TWIN(sigwaitinfo, WAIT)
{
	sigset_t set = only(SIGALRM);
	siginfo_t info;

	sigprocmask(SIG_BLOCK, &set, NULL);
	set_off(ns);
	return sigwaitinfo(&set, &info) == SIGALRM && info.si_signo == SIGALRM ? ns :
										   fail("sigwaitinfo");
}

TWIN(sigwait, WAIT)
{
	sigset_t set = only(SIGALRM);
	int sig = 0;

	sigprocmask(SIG_BLOCK, &set, NULL);
	set_off(ns);
	return sigwait(&set, &sig) == 0 && sig == SIGALRM ? ns : fail("sigwait");
}

TWIN(pause, WAIT)
{
	catch(SIGALRM);
	set_off(ns);
	return pause() == -1 && errno == EINTR && fired == 1 ? ns : fail("pause");
}

TWIN(sigsuspend, WAIT)
{
	sigset_t set = only(SIGALRM), all;

	catch(SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_off(ns);
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	return sigsuspend(&all) == -1 && errno == EINTR && fired == 1 ? ns : fail("sigsuspend");
}

TWIN(sigaction, WAIT)
{
	struct sigaction act = { .sa_handler = on_fire }, old;
	struct timespec ts = ts_of(3600 * NS_PER_S);

	sigfillset(&act.sa_mask);
	sigaction(SIGALRM, &act, NULL);
	sigaction(SIGALRM, NULL, &old);
	if (old.sa_handler != on_fire) {
		return fail("the handler reads back differently");
	}
	set_off(ns);
	return nanosleep(&ts, NULL) == -1 && errno == EINTR && fired == 1 ? ns : fail("sigaction");
}

TWIN(signal, WAIT)
{
	/* The kick's own number must still work for the program. */
	if (signal(SIGURG, on_fire) != SIG_DFL || signal(SIGURG, on_fire) != on_fire) {
		return fail("signal(SIGURG) returns another handler");
	}
	raise(SIGURG);
	if (fired != 1) {
		return fail("a SIGURG of the program's was lost");
	}
	signal(SIGALRM, on_fire);
	set_off(ns);
	await(2);
	return ns;
}

extern sighandler_t bsd_signal(int sig, sighandler_t handler);
extern sighandler_t __sysv_signal(int sig, sighandler_t handler);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* A handler set in this way serves for SIGURG, too; @stays: for more than once. */
static int64_t serves(sighandler_t (*set)(int, sighandler_t), int stays)
{
	if (set(SIGURG, on_fire) != SIG_DFL) {
		return fail("another handler was there");
	}
	raise(SIGURG);
	raise(SIGURG);
	if (fired != 1 + stays) {
		return fail("another number of signals came");
	}
	return set(SIGURG, SIG_DFL) == (stays ? on_fire : SIG_DFL) ? 0 : fail("not put back");
}

TWIN(bsd_signal, CHECK)
{
	(void)ns;
	return serves(bsd_signal, 1);
}

TWIN(ssignal, CHECK)
{
	(void)ns;
	return serves(ssignal, 1);
}

TWIN(__sysv_signal, CHECK)
{
	(void)ns;
	return serves(__sysv_signal, 0);
}

TWIN(sysv_signal, CHECK)
{
	(void)ns;
	return serves(sysv_signal, 0);
}

/* Whatever is blocked, kicks still get through. */
static int64_t wait_blocked(int (*mask)(int, const sigset_t *, sigset_t *), int64_t ns)
{
	sigset_t all, old;
	uint64_t blocked = 0;
	siginfo_t info;

	sigfillset(&all);
	if (mask(SIG_SETMASK, &all, &old) != 0 || sigismember(&old, SIGALRM)) {
		return fail("mask");
	}
	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&blocked, 8, 0, 0);
	if (!(blocked >> (SIGALRM - 1) & 1)) {
		return fail("SIGALRM is not blocked");
	}
	if (twin_dilated() && (blocked >> (SIGURG - 1) & 1)) {
		return fail("kicks are blocked");
	}
	set_off(ns);
	all = only(SIGALRM);
	return sigwaitinfo(&all, &info) == SIGALRM ? ns : fail("sigwaitinfo");
}

TWIN(sigprocmask, WAIT)
{
	return wait_blocked(sigprocmask, ns);
}

TWIN(pthread_sigmask, WAIT)
{
	return wait_blocked(pthread_sigmask, ns);
}

static int64_t masks(int (*set)(int), int keeps)
{
	uint64_t blocked = 0;
	int before = sigblock(1 << (SIGUSR1 - 1));

	set(~0);
	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&blocked, 8, 0, 0);
	if (twin_dilated() && (blocked >> (SIGURG - 1) & 1)) {
		return fail("kicks are blocked");
	}
	if (!(blocked >> (SIGUSR2 - 1) & 1)) {
		return fail("SIGUSR2 is not blocked");
	}
	set(0);
	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&blocked, 8, 0, 0);
	return before == 0 && (int)(blocked >> (SIGUSR2 - 1) & 1) == keeps ? 0 : fail("another mask");
}

TWIN(sigblock, CHECK)
{
	(void)ns;
	return masks(sigblock, 1);
}

TWIN(sigsetmask, CHECK)
{
	(void)ns;
	return masks(sigsetmask, 0);
}
