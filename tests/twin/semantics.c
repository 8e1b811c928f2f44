// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * semantics - what calls return besides the time they take: rests, errors, and the
 * surroundings in which they must work (signals, fork, vfork, cancellation, exec).
 *
 * Run under timedil at any factor; SEMANTICS_TDF says which.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "check.h"

static double factor;

static int64_t wall_of(int64_t virt_ns)
{
	return (int64_t)((double)virt_ns * factor);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	(void)sig;
	caught++;
}

static void catch(int sig)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(sig, &act, NULL);
}

/* Send ourselves a signal after some virtual time, from a process that sleeps on the
 * ruler. */
static pid_t signal_after(int64_t virt_ns, int sig)
{
	pid_t target = getpid(), pid = fork();

	if (pid == 0) {
		ruler_sleep(wall_of(virt_ns));
		kill(target, sig);
		_exit(0);
	}
	return pid;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
	}
}

/* Close to @want: nothing ends early, and a busy machine may be late by some wall time. */
static int near(int64_t got, int64_t want)
{
	int64_t off = want - got;

	return off > -2 * NS_PER_MS && off < (int64_t)(40e6 / factor) + 2 * NS_PER_MS;
}

/* --- rests ----------------------------------------------------------------------------- */

static void test_rests(void)
{
	struct timespec req = ts_of(1000 * NS_PER_MS), rest = { 0, 0 };
	pid_t pid;
	unsigned left;
	int ret;

	catch(SIGUSR1);
	pid = signal_after(400 * NS_PER_MS, SIGUSR1);
	ret = nanosleep(&req, &rest);
	check(ret == -1 && errno == EINTR && near(ns_of(rest), 600 * NS_PER_MS),
	      "nanosleep: interrupted at 0.4 of 1 s, %.3f s are left", (double)ns_of(rest) / 1e9);
	reap(pid);

	pid = signal_after(400 * NS_PER_MS, SIGUSR1);
	ret = clock_nanosleep(CLOCK_BOOTTIME, 0, &req, &rest);
	check(ret == EINTR && near(ns_of(rest), 600 * NS_PER_MS),
	      "clock_nanosleep: interrupted, %.3f s are left", (double)ns_of(rest) / 1e9);
	reap(pid);

	pid = signal_after(400 * NS_PER_MS, SIGUSR1);
	req = in_ns(CLOCK_MONOTONIC, 1000 * NS_PER_MS);
	rest = ts_of(7);
	ret = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &req, &rest);
	check(ret == EINTR && ns_of(rest) == 7, "clock_nanosleep absolute: no rest is written");
	reap(pid);

	pid = signal_after(600 * NS_PER_MS, SIGUSR1);
	left = sleep(2);
	check(left == 1 || left == 2, "sleep(2): interrupted at 0.6 s, returns %u", left);
	reap(pid);
}

static void test_select_rest(void)
{
	struct timeval tv = { 1, 0 };
	int fds[2], ret;
	int64_t left;
	fd_set set;
	pid_t pid;

	if (pipe(fds) != 0) {
		return;
	}
	pid = fork();
	if (pid == 0) {
		ruler_sleep(wall_of(400 * NS_PER_MS));
		_exit(write(fds[1], "x", 1) != 1);
	}
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	ret = select(fds[0] + 1, &set, NULL, NULL, &tv);
	left = tv.tv_sec * NS_PER_S + tv.tv_usec * 1000;
	check(ret == 1 && FD_ISSET(fds[0], &set) && near(left, 600 * NS_PER_MS),
	      "select: ready at 0.4 of 1 s, %.3f s are left", (double)left / 1e9);
	reap(pid);
	tv = (struct timeval){ 0, 300000 };
	ret = select(fds[0] + 1, &set, NULL, NULL, &tv);
	check(ret == 1 && tv.tv_usec > 200000, "select: ready at once, %ld us are left",
	      (long)tv.tv_usec);
	close(fds[0]);
	close(fds[1]);
}

static void test_alarm_rest(void)
{
	struct itimerval off = { .it_value = { 0, 0 } }, old;
	unsigned first, second;
	double left;

	catch(SIGALRM);
	first = alarm(100);
	second = alarm(0);
	/* To the nearest second, and a busy machine may take a part of one in between. */
	check(first == 0 && second >= 98 && second <= 100, "alarm: of 100 s, %u are left", second);
	alarm(3);
	setitimer(ITIMER_REAL, &off, &old);
	left = (double)old.it_value.tv_sec + (double)old.it_value.tv_usec / 1e6;
	/* The kernel rounds up, so all of it may be left; how much has gone depends on the machine. */
	check(left > 2 && left <= 3 && old.it_interval.tv_sec == 0,
	      "setitimer: the old value of alarm(3) is %ld.%06ld s", (long)old.it_value.tv_sec,
	      (long)old.it_value.tv_usec);
	getitimer(ITIMER_REAL, &old);
	check(old.it_value.tv_sec == 0 && old.it_value.tv_usec == 0, "getitimer: disarmed reads zero");
}

/* --- errors ------------------------------------------------------------------------------ */

static void test_errors(void)
{
	struct timespec bad = { 0, NS_PER_S }, negative = { -1, 0 }, huge = { LONG_MAX / 2, 0 };
	struct itimerspec its = { .it_value = bad };
	struct timeval tv = { -1, 0 };
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	int64_t begin;
	sem_t sem;
	pid_t pid;
	int fd, ret;

	check(nanosleep(&bad, NULL) == -1 && errno == EINVAL, "nanosleep: 1e9 ns is EINVAL");
	check(nanosleep(&negative, NULL) == -1 && errno == EINVAL, "nanosleep: -1 s is EINVAL");
	check(nanosleep(NULL, NULL) == -1 && errno == EFAULT, "nanosleep: NULL is EFAULT");
	check(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &negative, NULL) == EINVAL,
	      "clock_nanosleep: thread CPU time is EINVAL");
	check(clock_nanosleep(99, 0, &negative, NULL) != 0, "clock_nanosleep: unknown clock");
	check(clock_gettime(99, &bad) == -1 && errno == EINVAL, "clock_gettime: unknown clock");
	bad = (struct timespec){ 0, NS_PER_S };
	check(ppoll(NULL, 0, &bad, NULL) == -1 && errno == EINVAL, "ppoll: 1e9 ns is EINVAL");
	check(select(0, NULL, NULL, NULL, &tv) == -1 && errno == EINVAL, "select: -1 s is EINVAL");
	check(pselect(0, NULL, NULL, NULL, &bad, NULL) == -1 && errno == EINVAL,
	      "pselect: 1e9 ns is EINVAL");
	check(select(-1, NULL, NULL, NULL, &(struct timeval){ 1, 0 }) == -1 && errno == EINVAL,
	      "select: -1 descriptors are EINVAL");
	check(epoll_wait(-1, (struct epoll_event[1]){ { 0 } }, 1, 10) == -1 && errno == EBADF,
	      "epoll_wait: EBADF");
	pthread_mutex_lock(&mutex);
	check(pthread_cond_timedwait(&cond, &mutex, &bad) == EINVAL,
	      "pthread_cond_timedwait: 1e9 ns is EINVAL");
	check(pthread_cond_timedwait(&cond, &mutex, &negative) == ETIMEDOUT,
	      "pthread_cond_timedwait: -1 s is over");
	check(pthread_mutex_timedlock(&mutex, &negative) == ETIMEDOUT,
	      "pthread_mutex_timedlock: -1 s is over");
	sem_init(&sem, 0, 1);
	check(sem_timedwait(&sem, &negative) == 0, "sem_timedwait: free, whatever the time");
	check(sem_timedwait(&sem, &bad) == -1 && errno == EINVAL, "sem_timedwait: 1e9 ns is EINVAL");
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	check(timerfd_settime(fd, 0, &its, NULL) == -1 && errno == EINVAL,
	      "timerfd_settime: 1e9 ns is EINVAL");
	check(timerfd_settime(0, 0, &(struct itimerspec){ { 0, 0 }, { 1, 0 } }, NULL) == -1 &&
		      errno == EINVAL,
	      "timerfd_settime: no timerfd is EINVAL");
	close(fd);

	catch(SIGUSR1);
	pid = signal_after(100 * NS_PER_MS, SIGUSR1);
	begin = ruler_ns();
	ret = nanosleep(&huge, &huge);
	check(ret == -1 && errno == EINTR && ruler_ns() - begin >= wall_of(90 * NS_PER_MS) &&
		      huge.tv_sec > 1000000000,
	      "nanosleep: for ever, until a signal");
	reap(pid);
	pid = signal_after(50 * NS_PER_MS, SIGUSR1);
	check(poll(NULL, 0, -1) == -1 && errno == EINTR, "poll: without an end, until a signal");
	reap(pid);
}

static void test_no_wait(void)
{
	struct timespec zero = { 0, 0 };
	int64_t begin = ruler_ns();
	struct timeval tv = { 0, 0 };
	struct epoll_event e;
	int ep = epoll_create1(0);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	for (int i = 0; i < 100; i++) {
		poll(NULL, 0, 0);
		ppoll(NULL, 0, &zero, NULL);
		select(0, NULL, NULL, NULL, &tv);
		epoll_wait(ep, &e, 1, 0);
		nanosleep(&zero, NULL);
		sigtimedwait(&set, NULL, &zero);
	}
	check(ruler_ns() - begin < 500 * NS_PER_MS, "time-outs of zero do not wait");
	close(ep);
}

/* --- signals -------------------------------------------------------------------------------- */

static volatile int64_t handler_last;
static volatile sig_atomic_t handler_backward, handler_runs;

static void read_clocks(int sig)
{
	struct timespec ts = { 0, 1000 };
	struct timeval tv;
	int64_t now;

	(void)sig;
	clock_gettime(CLOCK_REALTIME, &ts);
	gettimeofday(&tv, NULL);
	now = now_ns(CLOCK_MONOTONIC);
	handler_backward += now < handler_last;
	handler_last = now;
	handler_runs++;
	if (handler_runs % 50 == 0) {
		ts = (struct timespec){ 0, 1000 };
		nanosleep(&ts, NULL);
		poll(NULL, 0, 1);
	}
}

static void test_handler(void)
{
	struct sigaction act = { .sa_handler = read_clocks };
	struct itimerval itv = { { 0, 1000 }, { 0, 1000 } }, off = { .it_value = { 0, 0 } };
	int64_t last = 0, now, end = ruler_ns() + 500 * NS_PER_MS;
	int backward = 0, early = 0;

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &itv, NULL);
	while (ruler_ns() < end) {
		now = now_ns(CLOCK_MONOTONIC);
		backward += now < last;
		last = now;
		poll(NULL, 0, 2);
		early += now_ns(CLOCK_MONOTONIC) < now;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	check(handler_runs > 10 && !handler_backward && !backward && !early,
	      "clock reads and waits in %d signal handlers", (int)handler_runs);
}

static sigjmp_buf jump;

static void jump_out(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

/* Waits that are left by a jump leave nothing behind that hurts. */
static void test_jump(void)
{
	struct sigaction act = { .sa_handler = jump_out };
	volatile int jumps = 0;
	int64_t begin;

	sigaction(SIGALRM, &act, NULL);
	while (jumps < 50) {
		struct itimerval itv = { .it_value = { 0, 2000 } };

		if (sigsetjmp(jump, 1)) {
			jumps++;
			continue;
		}
		setitimer(ITIMER_REAL, &itv, NULL);
		if (jumps % 2) {
			poll(NULL, 0, 10000);
		} else {
			sleep(10);
		}
	}
	set_clock("3");
	set_clock(getenv("SEMANTICS_TDF"));
	begin = ruler_ns();
	usleep(50000);
	check(ruler_ns() - begin >= wall_of(50 * NS_PER_MS), "50 jumps out of waits, then a kick");
}

/* --- processes and threads -------------------------------------------------------------------- */

static int spinning;

static void *spin(void *unused)
{
	while (__atomic_load_n(&spinning, __ATOMIC_RELAXED)) {
		struct itimerspec its = { .it_value = { 0, 1000 } };
		struct timespec ts = { 0, 50000 };
		int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

		timerfd_settime(fd, 0, &its, NULL);
		now_ns(CLOCK_REALTIME);
		nanosleep(&ts, NULL);
		close(fd);
	}
	return unused;
}

static void child_work(void)
{
	struct itimerspec its = { .it_value = { 0, 100000 } };
	struct timespec ts = { 0, 100000 };
	int64_t before = now_ns(CLOCK_MONOTONIC);
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t n;

	timerfd_settime(fd, 0, &its, NULL);
	alarm(20);
	nanosleep(&ts, NULL);
	_exit(read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n) ||
	      now_ns(CLOCK_MONOTONIC) < before + 100000);
}

/* Fork while other threads are in the middle of everything. */
static void test_fork(void)
{
	pthread_t threads[4];
	int good = 0;

	spinning = 1;
	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, spin, NULL);
	}
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			child_work();
		}
		waitpid(pid, &status, 0);
		good += status == 0;
	}
	__atomic_store_n(&spinning, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	check(good == 300, "300 forks from five threads: %d children were well", good);
}

static void test_vfork(void)
{
	volatile int64_t seen = 0;
	int64_t before = now_ns(CLOCK_MONOTONIC);
	pid_t pid;
	int status = -1;

	pid = vfork(); /* NOLINT: what is tested */
	if (pid == 0) {
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		seen = ns_of(ts);
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 7 && seen >= before,
	      "a clock read in a vfork child, then exec");
}

/* Another program, another process: the same clock. */
static void test_same_clock(void)
{
	int64_t before = now_ns(CLOCK_REALTIME), after, seen;
	char text[64] = "";
	FILE *f = popen("date +%s%N", "r");

	if (f && !fgets(text, sizeof(text), f)) {
		text[0] = '\0';
	}
	if (f) {
		pclose(f);
	}
	after = now_ns(CLOCK_REALTIME);
	seen = strtoll(text, NULL, 10);
	check(seen >= before && seen <= after, "another program reads the same clock");
}

static int c_nanosleep(void)
{
	struct timespec ts = { 1000, 0 };

	return nanosleep(&ts, NULL);
}

static int c_poll(void)
{
	return poll(NULL, 0, 1000000);
}

static int c_poll_for_ever(void)
{
	return poll(NULL, 0, -1);
}

static int c_select(void)
{
	struct timeval tv = { 1000, 0 };

	return select(0, NULL, NULL, NULL, &tv);
}

static int c_epoll(void)
{
	struct epoll_event e;

	return epoll_wait(epoll_create1(0), &e, 1, 1000000);
}

static int c_sigtimedwait(void)
{
	struct timespec ts = { 1000, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &ts);
}

static int c_sem(void)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, 1000 * NS_PER_S);
	sem_t sem;

	sem_init(&sem, 0, 0);
	return sem_timedwait(&sem, &ts);
}

static int c_cond(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec ts = in_ns(CLOCK_REALTIME, 1000 * NS_PER_S);

	pthread_mutex_lock(&mutex);
	return pthread_cond_timedwait(&cond, &mutex, &ts);
}

static int c_pause(void)
{
	return pause();
}

static const struct {
	const char *name;
	int (*call)(void);
} cancelled[] = {
	{ "nanosleep", c_nanosleep }, { "poll", c_poll },	{ "poll for ever", c_poll_for_ever },
	{ "select", c_select },	      { "epoll_wait", c_epoll }, { "sigtimedwait", c_sigtimedwait },
	{ "sem_timedwait", c_sem },   { "pthread_cond_timedwait", c_cond }, { "pause", c_pause },
};

static int cleaned;

static void clean(void *unused)
{
	(void)unused;
	__atomic_fetch_add(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void *be_cancelled(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	cancelled[(uintptr_t)arg].call();
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_cancel(void)
{
	for (uintptr_t i = 0; i < sizeof(cancelled) / sizeof(cancelled[0]); i++) {
		int before = cleaned;
		pthread_t thread;
		void *result;

		pthread_create(&thread, NULL, be_cancelled, (void *)i);
		ruler_sleep(20 * NS_PER_MS);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		check(result == PTHREAD_CANCELED && cleaned == before + 1, "cancelled in %s",
		      cancelled[i].name);
	}
}

/* --- ways to reach a function ---------------------------------------------------------------------- */

static void test_symbols(void)
{
	int (*by_name)(clockid_t, struct timespec *);
	int (*by_version)(clockid_t, struct timespec *);
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	struct timespec ts = { 0, 0 };
	int64_t before = now_ns(CLOCK_REALTIME);

	*(void **)&by_name = dlsym(RTLD_DEFAULT, "clock_gettime");
	*(void **)&by_version = dlvsym(RTLD_DEFAULT, "clock_gettime", "GLIBC_2.17");
	by_name(CLOCK_REALTIME, &ts);
	check(ns_of(ts) >= before && ns_of(ts) <= now_ns(CLOCK_REALTIME), "by dlsym()");
	check(!by_version || by_version == by_name, "by dlvsym()");
	if (libc) {
		dlclose(libc);
	}
}

/* What a file's date reads as does not depend on when it is asked for. */
static void test_file_dates(void)
{
	static const char *const settings[] = { "7", "pause", "run", "0.3", "2" };
	char names[6][32];
	struct stat st[6], again;
	int moved = 0, disordered = 0;

	for (int i = 0; i < 6; i++) {
		snprintf(names[i], sizeof(names[i]), "/tmp/semantics-XXXXXX");
		close(mkstemp(names[i]));
		ruler_sleep(20 * NS_PER_MS);
		set_clock(i < 5 ? settings[i] : getenv("SEMANTICS_TDF"));
		stat(names[i], &st[i]);
	}
	for (int i = 0; i < 6; i++) {
		stat(names[i], &again);
		moved += memcmp(&again.st_mtim, &st[i].st_mtim, sizeof(again.st_mtim)) != 0;
		disordered += i > 0 && ns_of(st[i].st_mtim) < ns_of(st[i - 1].st_mtim);
		unlink(names[i]);
	}
	check(!moved && !disordered, "dates of files stay when the clock changes: %d moved, %d "
	      "disordered", moved, disordered);
	stat("/bin/sh", &again);
	check(again.st_mtim.tv_sec < time(NULL) - 3600, "an old file is old");
}

static void test_monotone_changes(void)
{
	static const char *const settings[] = { "0.1", "7", "pause", "run", "1", "50", "0.5" };
	int64_t last = 0, last_real = 0, step = 0;
	int backward = 0;
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 21; i++) {
			set_clock(settings[i % 7]);
		}
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		int64_t now = now_ns(CLOCK_MONOTONIC), real = now_ns(CLOCK_REALTIME);

		backward += now < last || real < last_real;
		step = last && now - last > step ? now - last : step;
		last = now;
		last_real = real;
	}
	set_clock(getenv("SEMANTICS_TDF"));
	/* At TDF 0.1 a wall pause of this process looks ten times as long. */
	check(!backward && step < 3 * NS_PER_S, "no step back in 21 changes; the longest step is %.1f ms",
	      (double)step / 1e6);
}

int main(void)
{
	const char *tdf = getenv("SEMANTICS_TDF");

	factor = tdf ? atof(tdf) : 1;
	test_rests();
	test_select_rest();
	test_alarm_rest();
	test_errors();
	test_no_wait();
	test_handler();
	test_fork();
	test_vfork();
	test_same_clock();
	test_cancel();
	if (!ruler_door()) { /* a static program has no symbols to look up */
		test_symbols();
	}
	if (tdf) {
		test_jump();
		if (!ruler_door()) { /* the trap leaves them real */
			test_file_dates();
		}
		test_monotone_changes();
	}
	return checks_end();
}
