// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stress - 100 threads that wait, are signalled and cancelled, forks, and a clock that keeps
 * changing: nothing hangs, nothing is lost, nothing is left over.
 *
 *	stress [FORKS]
 *
 * Run under timedil; $TIMEDIL names the program that changes the clock.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/timerfd.h>

#include "check.h"

#define THREADS 100
#define FORKS 1000
#define CHANGES 40

static int running = 1;
static uint64_t waits_done, waits_early;
static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	struct timespec ts;

	(void)sig;
	clock_gettime(CLOCK_REALTIME, &ts);
	signals++;
}

/* One short wait of some kind; it may be interrupted, but not be over early. */
static void wait_some_way(unsigned kind)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	struct timespec ts = { 0, 20000000 }, abs = in_ns(CLOCK_REALTIME, 20000000);
	struct itimerspec its = { .it_value = ts };
	int early_counts = 1, fd;
	uint64_t n;
	sem_t sem;

	switch (kind % 5) {
	case 0:
		early_counts = nanosleep(&ts, NULL) == 0;
		break;
	case 1:
		early_counts = ppoll(NULL, 0, &ts, NULL) == 0;
		break;
	case 2:
		sem_init(&sem, 0, 0);
		early_counts = sem_timedwait(&sem, &abs) == -1 && errno == ETIMEDOUT;
		break;
	case 3:
		early_counts = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &abs, NULL) == 0;
		break;
	default:
		/* Expires in the kernel: early if that is just between change and kick. */
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		timerfd_settime(fd, 0, &its, NULL);
		early_counts = read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n) && errno != EINTR;
		close(fd);
		break;
	}
	__atomic_fetch_add(&waits_done, 1, __ATOMIC_RELAXED);
	if (early_counts && now_ns(CLOCK_MONOTONIC) - begin < 20000000) {
		__atomic_fetch_add(&waits_early, 1, __ATOMIC_RELAXED);
	}
}

static void *worker(void *arg)
{
	unsigned kind = (unsigned)(uintptr_t)arg;

	while (__atomic_load_n(&running, __ATOMIC_RELAXED)) {
		wait_some_way(kind++);
	}
	return arg;
}

static void *sleeper(void *arg)
{
	sleep(100000);
	return arg;
}

/* Threads that are born, sleep, and are cancelled. */
static void *canceller(void *arg)
{
	uintptr_t cancelled = 0;

	while (__atomic_load_n(&running, __ATOMIC_RELAXED)) {
		pthread_t thread;
		void *result;

		if (pthread_create(&thread, NULL, sleeper, NULL) != 0) {
			break;
		}
		ruler_sleep(NS_PER_MS);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		cancelled += result == PTHREAD_CANCELED;
	}
	*(uintptr_t *)arg = cancelled;
	return NULL;
}

static void *signaller(void *arg)
{
	while (__atomic_load_n(&running, __ATOMIC_RELAXED)) {
		kill(getpid(), SIGUSR1);
		ruler_sleep(2 * NS_PER_MS);
	}
	return arg;
}

static void *changer(void *arg)
{
	static const char *const settings[] = { "0.5", "2", "pause", "run", "1", "0.1" };

	for (int i = 0; i < CHANGES; i++) {
		set_clock(settings[i % 6]);
		ruler_sleep(20 * NS_PER_MS);
	}
	set_clock("run");
	set_clock("0.5");
	return arg;
}

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir)) {
		count++;
	}
	closedir(dir);
	return count;
}

/* A child does what a shell's would, and ends. */
static int fork_once(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		struct timespec ts = { 0, 1000 };
		int64_t begin = now_ns(CLOCK_MONOTONIC);

		/* The clock may stand still just now: no wait then. */
		poll(NULL, 0, 0);
		clock_gettime(CLOCK_REALTIME, &ts);
		_exit(now_ns(CLOCK_MONOTONIC) < begin);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return pid > 0 && status == 0;
}

int main(int argc, char **argv)
{
	int forks = argc > 1 ? atoi(argv[1]) : FORKS;
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t threads[THREADS], cancels, signs, changes;
	uintptr_t cancelled = 0;
	int before = open_fds(), forked = 0;

	sigaction(SIGUSR1, &act, NULL);
	for (uintptr_t i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, worker, (void *)i);
	}
	pthread_create(&cancels, NULL, canceller, &cancelled);
	pthread_create(&signs, NULL, signaller, NULL);
	pthread_create(&changes, NULL, changer, NULL);
	for (int i = 0; i < forks; i++) {
		forked += fork_once();
	}
	pthread_join(changes, NULL);
	__atomic_store_n(&running, 0, __ATOMIC_RELAXED);
	pthread_join(signs, NULL);
	pthread_join(cancels, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	check(forked == forks, "%d of %d children were well", forked, forks);
	check(waits_early == 0, "%llu of %llu waits ended early", (unsigned long long)waits_early,
	      (unsigned long long)waits_done);
	check(waits_done > 5000, "%llu waits", (unsigned long long)waits_done);
	check(cancelled > 10, "%lu threads were cancelled asleep", (unsigned long)cancelled);
	check(signals > 10, "%d signals came", (int)signals);
	check(open_fds() == before, "no descriptor is left open");
	check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
	return checks_end();
}
