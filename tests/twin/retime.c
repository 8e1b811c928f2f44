// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * retime - waits that are under way, and timers that are armed, when the clock changes.
 *
 * Threads begin all kinds of waits; then the clock is slowed down, sped up or paused.
 * Each must end at its virtual deadline: never before, and at most 10 ms of wall time
 * after it.  What the machine's other work adds is measured by a thread that does
 * nothing but sleep on the ruler, and granted.
 *
 * Run under timedil; $TIMEDIL names the program that changes the clock.
 */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <threads.h>

#include "check.h"

#define LATE_MAX_NS (10 * NS_PER_MS)

/* --- the waits: each waits @ns and returns 0, or complains --------------------------- */

static int w_nanosleep(int64_t ns)
{
	struct timespec ts = ts_of(ns);

	return nanosleep(&ts, NULL);
}

static int w_sleep_abs_realtime(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
}

static int w_poll(int64_t ns)
{
	return poll(NULL, 0, (int)(ns / NS_PER_MS));
}

static int w_ppoll_all_blocked(int64_t ns)
{
	struct timespec ts = ts_of(ns);
	sigset_t all;

	sigfillset(&all);
	return ppoll(NULL, 0, &ts, &all);
}

static int w_select(int64_t ns)
{
	struct timeval tv = { ns / NS_PER_S, ns % NS_PER_S / 1000 };
	int fds[2], ret;
	fd_set set;

	if (pipe(fds) != 0) {
		return -1;
	}
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	ret = select(fds[0] + 1, &set, NULL, NULL, &tv);
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static int w_epoll_wait(int64_t ns)
{
	struct epoll_event e;
	int fd = epoll_create1(EPOLL_CLOEXEC), ret;

	ret = epoll_wait(fd, &e, 1, (int)(ns / NS_PER_MS));
	close(fd);
	return ret;
}

static int w_cond_timedwait(int64_t ns)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);
	int ret;

	pthread_mutex_lock(&mutex);
	do {
		ret = pthread_cond_timedwait(&cond, &mutex, &ts);
	} while (ret == 0);
	pthread_mutex_unlock(&mutex);
	return ret != ETIMEDOUT;
}

static int w_cond_clockwait(int64_t ns)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec ts = in_ns(CLOCK_MONOTONIC, ns);
	int ret;

	pthread_mutex_lock(&mutex);
	do {
		ret = pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &ts);
	} while (ret == 0);
	pthread_mutex_unlock(&mutex);
	return ret != ETIMEDOUT;
}

static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER, held_pi;
static pthread_rwlock_t held_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_t holder;

static int w_mutex_timedlock(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	return pthread_mutex_timedlock(&held_mutex, &ts) != ETIMEDOUT;
}

static int w_mutex_pi(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	return pthread_mutex_timedlock(&held_pi, &ts) != ETIMEDOUT;
}

static int w_rwlock(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_MONOTONIC, ns);

	return pthread_rwlock_clockwrlock(&held_rwlock, CLOCK_MONOTONIC, &ts) != ETIMEDOUT;
}

static int w_sem_timedwait(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);
	sem_t sem;

	sem_init(&sem, 0, 0);
	return !(sem_timedwait(&sem, &ts) == -1 && errno == ETIMEDOUT);
}

static int w_timedjoin(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	return pthread_timedjoin_np(holder, NULL, &ts) != ETIMEDOUT;
}

static int w_futex_wait(int64_t ns)
{
	struct timespec ts = ts_of(ns);
	int word = 0;

	return !(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0) == -1 &&
		 errno == ETIMEDOUT);
}

static int w_futex_bitset(int64_t ns)
{
	struct timespec ts = in_ns(CLOCK_MONOTONIC, ns);
	int word = 0;

	return !(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &ts, NULL,
			 FUTEX_BITSET_MATCH_ANY) == -1 &&
		 errno == ETIMEDOUT);
}

static int w_sigtimedwait(int64_t ns)
{
	struct timespec ts = ts_of(ns);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGURG); /* a kick must not come out here */
	return !(sigtimedwait(&set, NULL, &ts) == -1 && errno == EAGAIN);
}

static int w_timerfd(int64_t ns)
{
	struct itimerspec its = { .it_value = ts_of(ns) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t n = 0;
	ssize_t ret;

	timerfd_settime(fd, 0, &its, NULL);
	ret = read(fd, &n, sizeof(n));
	close(fd);
	return !(ret == (ssize_t)sizeof(n) && n == 1);
}

/* Five ticks that nobody reads until they all have come. */
static int w_timerfd_unread(int64_t ns)
{
	struct itimerspec its = { ts_of(ns / 5), ts_of(ns / 5) };
	int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
	struct timespec until;
	uint64_t n = 0;

	until = ts_of(now_ns(CLOCK_MONOTONIC) + ns);
	timerfd_settime(fd, 0, &its, NULL);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	/* The last tick is due just now. */
	ruler_sleep(2 * NS_PER_MS);
	if (read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n)) {
		return -1;
	}
	close(fd);
	return n != 5;
}

static int w_timer_interval(int64_t ns)
{
	struct itimerspec its = { ts_of(ns / 5), ts_of(ns / 5) };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1 };
	sigset_t set;
	timer_t timer;
	int got;

	ev._sigev_un._tid = gettid();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) {
		return -1;
	}
	timer_settime(timer, 0, &its, NULL);
	for (got = 0; got < 5; got++) {
		if (sigwaitinfo(&set, NULL) < 0) {
			return -1;
		}
		got += timer_getoverrun(timer);
	}
	timer_delete(timer);
	return got != 5;
}

/* A signal that is pending when the clock changes is not lost. */
static int w_timer_pending(int64_t ns)
{
	struct itimerspec its = { ts_of(10 * ns), ts_of(ns / 50) };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2 };
	struct timespec until = in_ns(CLOCK_MONOTONIC, ns), none = { 0, 0 };
	sigset_t set;
	timer_t timer;
	int ret;

	ev._sigev_un._tid = gettid();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) {
		return -1;
	}
	timer_settime(timer, 0, &its, NULL);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	ret = sigtimedwait(&set, NULL, &none) != SIGRTMIN + 2;
	timer_delete(timer);
	return ret;
}

static int timed_socket(int name, int64_t ns)
{
	struct timeval tv = { ns / NS_PER_S, ns % NS_PER_S / 1000 };
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 &&
			       setsockopt(fds[0], SOL_SOCKET, name, &tv, sizeof(tv)) == 0 ?
		       fds[0] :
		       -1;
}

/* The time-out reads back as set, whatever the clock does. */
static int w_recv(int64_t ns)
{
	int fd = timed_socket(SO_RCVTIMEO, ns);
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);
	char c;

	if (recv(fd, &c, 1, 0) != -1 || errno != EAGAIN) {
		return -1;
	}
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	close(fd);
	return tv.tv_sec * NS_PER_S + tv.tv_usec * 1000 != ns;
}

static int w_recvmsg(int64_t ns)
{
	struct msghdr msg = { .msg_name = NULL };

	return !(recvmsg(timed_socket(SO_RCVTIMEO, ns), &msg, 0) == -1 && errno == EAGAIN);
}

static int w_write(int64_t ns)
{
	static char block[1 << 16];
	int fd = timed_socket(SO_SNDTIMEO, ns);

	while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0) {
	}
	return !(write(fd, block, sizeof(block)) == -1 && errno == EAGAIN);
}

static int w_semtimedop(int64_t ns)
{
	struct sembuf take = { 0, -1, 0 };
	struct timespec ts = ts_of(ns);
	int id = semget(IPC_PRIVATE, 1, 0600), ret, error;

	ret = semtimedop(id, &take, 1, &ts);
	error = errno;
	semctl(id, 0, IPC_RMID);
	return !(ret == -1 && error == EAGAIN);
}

static int w_mq_timedreceive(int64_t ns)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);
	char name[32], data[8];
	mqd_t mq;
	int ret;

	snprintf(name, sizeof(name), "/retime-%d", (int)getpid());
	mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	mq_unlink(name);
	ret = !(mq_timedreceive(mq, data, sizeof(data), NULL, &ts) == -1 && errno == ETIMEDOUT);
	mq_close(mq);
	return ret;
}

static int w_aio_suspend(int64_t ns)
{
	static struct aiocb cb;
	const struct aiocb *const list[] = { &cb };
	struct timespec ts = ts_of(ns);
	static char byte;
	int fds[2];

	if (cb.aio_nbytes == 0 && pipe(fds) == 0) {
		cb = (struct aiocb){ .aio_fildes = fds[0], .aio_buf = &byte, .aio_nbytes = 1 };
		aio_read(&cb);
	}
	return !(aio_suspend(list, 1, &ts) == -1 && errno == EAGAIN);
}

static sem_t rung;

static void on_alarm(int sig)
{
	(void)sig;
	sem_post(&rung);
}

static int w_setitimer(int64_t ns)
{
	struct itimerval itv = { .it_value = { ns / NS_PER_S, ns % NS_PER_S / 1000 } };

	setitimer(ITIMER_REAL, &itv, NULL);
	while (sem_wait(&rung) != 0) {
	}
	return 0;
}

static const struct {
	const char *name;
	int (*wait)(int64_t ns);
	int by_ticks; /* the kernel's timer wheel may be late by an eighth of the rest */
} waits[] = {
	{ "nanosleep", w_nanosleep, 0 },
	{ "clock_nanosleep absolute", w_sleep_abs_realtime, 0 },
	{ "poll", w_poll, 0 },
	{ "ppoll with all signals blocked", w_ppoll_all_blocked, 0 },
	{ "select", w_select, 0 },
	{ "epoll_wait", w_epoll_wait, 0 },
	{ "pthread_cond_timedwait", w_cond_timedwait, 0 },
	{ "pthread_cond_clockwait", w_cond_clockwait, 0 },
	{ "pthread_mutex_timedlock", w_mutex_timedlock, 0 },
	{ "pthread_mutex_timedlock, priority inheritance", w_mutex_pi, 0 },
	{ "pthread_rwlock_clockwrlock", w_rwlock, 0 },
	{ "sem_timedwait", w_sem_timedwait, 0 },
	{ "pthread_timedjoin_np", w_timedjoin, 0 },
	{ "futex wait", w_futex_wait, 0 },
	{ "futex wait, absolute", w_futex_bitset, 0 },
	{ "sigtimedwait", w_sigtimedwait, 0 },
	{ "timerfd", w_timerfd, 0 },
	{ "timerfd, ticks unread", w_timerfd_unread, 0 },
	{ "POSIX timer with an interval", w_timer_interval, 0 },
	{ "setitimer", w_setitimer, 0 },
	{ "POSIX timer, signal pending", w_timer_pending, 0 },
	{ "recv with SO_RCVTIMEO", w_recv, 1 },
	{ "recvmsg with SO_RCVTIMEO", w_recvmsg, 1 },
	{ "write with SO_SNDTIMEO", w_write, 1 },
	{ "semtimedop", w_semtimedop, 1 },
	{ "mq_timedreceive", w_mq_timedreceive, 0 },
	{ "aio_suspend", w_aio_suspend, 0 },
};

#define WAITS (sizeof(waits) / sizeof(waits[0]))

/* --- scenarios ---------------------------------------------------------------------------- */

static const struct scenario {
	const char *name;
	const char *start, *middle, *end; /* settings; end may be NULL */
	double end_factor;                /* wall per virtual when the waits end */
	int64_t wait_vns, middle_wns, end_wns;
} scenarios[] = {
	{ "sped up", "10", "0.5", NULL, 0.5, 1000 * NS_PER_MS, 400 * NS_PER_MS, 0 },
	{ "slowed down", "1", "5", NULL, 5, 500 * NS_PER_MS, 400 * NS_PER_MS, 0 },
	{ "paused", "2", "pause", "run", 2, 400 * NS_PER_MS, 400 * NS_PER_MS, 600 * NS_PER_MS },
	{ "changed twice", "0.2", "100", "1", 1, 3000 * NS_PER_MS, 300 * NS_PER_MS, 300 * NS_PER_MS },
};

struct waiter {
	pthread_t thread;
	unsigned which;
	int64_t wait_vns, late_vns;
	int result;
};

static pthread_barrier_t ready;

static void *wait_one(void *arg)
{
	struct waiter *w = arg;
	int64_t begin;

	pthread_barrier_wait(&ready);
	begin = now_ns(CLOCK_MONOTONIC);
	w->result = waits[w->which].wait(w->wait_vns);
	w->late_vns = now_ns(CLOCK_MONOTONIC) - begin - w->wait_vns;
	return NULL;
}

/* How late a plain sleeper is on this machine meanwhile. */
static int64_t noise_ns;
static int measuring;

static void *measure_noise(void *unused)
{
	while (__atomic_load_n(&measuring, __ATOMIC_RELAXED)) {
		int64_t begin = ruler_ns(), late;

		ruler_sleep(3 * NS_PER_MS);
		late = ruler_ns() - begin - 3 * NS_PER_MS;
		noise_ns = late > noise_ns ? late : noise_ns;
	}
	return unused;
}

static int64_t late_max_wns(const struct waiter *w, const struct scenario *s)
{
	int64_t late = LATE_MAX_NS + noise_ns;

	/* The test's own pause before it reads. */
	if (waits[w->which].wait == w_timerfd_unread) {
		late += 2 * NS_PER_MS;
	}
	if (waits[w->which].by_ticks) {
		late += (int64_t)((double)s->wait_vns * s->end_factor / 8) + 10 * NS_PER_MS;
	}
	return late;
}

static int in_time(const struct waiter *w, const struct scenario *s)
{
	double late_wns = (double)w->late_vns * s->end_factor;

	return w->result == 0 && w->late_vns >= 0 && late_wns <= (double)late_max_wns(w, s);
}

static void run_scenario(const struct scenario *s, struct waiter *waiters)
{
	pthread_t noise;

	set_clock(s->start);
	noise_ns = 0;
	measuring = 1;
	pthread_create(&noise, NULL, measure_noise, NULL);
	pthread_barrier_init(&ready, NULL, WAITS + 1);
	for (unsigned i = 0; i < WAITS; i++) {
		waiters[i] = (struct waiter){ .which = i, .wait_vns = s->wait_vns };
		pthread_create(&waiters[i].thread, NULL, wait_one, &waiters[i]);
	}
	pthread_barrier_wait(&ready);
	ruler_sleep(s->middle_wns);
	set_clock(s->middle);
	if (s->end) {
		ruler_sleep(s->end_wns);
		set_clock(s->end);
	}
	for (unsigned i = 0; i < WAITS; i++) {
		pthread_join(waiters[i].thread, NULL);
	}
	pthread_barrier_destroy(&ready);
	__atomic_store_n(&measuring, 0, __ATOMIC_RELAXED);
	pthread_join(noise, NULL);
	if (s->end && strcmp(s->middle, "pause") != 0) {
		set_clock("1");
	}
}

/* Late may be the machine's fault: such a scenario is run again, twice at most. */
static void try_scenario(const struct scenario *s)
{
	struct waiter waiters[WAITS];

	for (int chance = 0; chance < 3; chance++) {
		int bad = 0;

		run_scenario(s, waiters);
		for (unsigned i = 0; i < WAITS; i++) {
			bad += !in_time(&waiters[i], s);
		}
		if (!bad) {
			break;
		}
	}
	for (unsigned i = 0; i < WAITS; i++) {
		check(in_time(&waiters[i], s), "%s: %s: %.2f ms of wall time late, result %d", s->name,
		      waits[i].name, (double)waiters[i].late_vns * s->end_factor / 1e6,
		      waiters[i].result);
	}
}

static sem_t held;

static void *hold(void *unused)
{
	pthread_mutex_lock(&held_mutex);
	pthread_mutex_lock(&held_pi);
	pthread_rwlock_wrlock(&held_rwlock);
	sem_post(&held);
	ruler_sleep(3600 * NS_PER_S);
	return unused;
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_alarm };
	pthread_mutexattr_t attr;

	sigaction(SIGALRM, &act, NULL);
	sem_init(&rung, 0, 0);
	sem_init(&held, 0, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&held_pi, &attr);
	pthread_create(&holder, NULL, hold, NULL);
	while (sem_wait(&held) != 0) {
	}
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		try_scenario(&scenarios[i]);
	}
	return checks_end();
}
