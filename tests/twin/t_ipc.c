// SPDX-License-Identifier: GPL-2.0-or-later
/* Message queues, semaphores, asynchronous I/O. */
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <unistd.h>

#include "twin.h"

/* A queue of one message, without a name once it is open. */
static mqd_t queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32];
	mqd_t mq;

	snprintf(name, sizeof(name), "/twin-%d", (int)getpid());
	mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	mq_unlink(name);
	return mq;
}

TWIN(mq_timedreceive, WAIT)
{
	mqd_t mq = queue();
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);
	char data[8];

	if (mq == (mqd_t)-1) {
		return TWIN_SKIPPED;
	}
	return mq_timedreceive(mq, data, sizeof(data), NULL, &ts) == -1 && errno == ETIMEDOUT ?
		       ns :
		       fail("mq_timedreceive");
}

TWIN(mq_timedsend, WAIT)
{
	mqd_t mq = queue();
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	if (mq == (mqd_t)-1) {
		return TWIN_SKIPPED;
	}
	if (mq_timedsend(mq, "x", 1, 0, &ts) != 0) {
		return fail("the first message is refused");
	}
	return mq_timedsend(mq, "x", 1, 0, &ts) == -1 && errno == ETIMEDOUT ? ns :
									      fail("mq_timedsend");
}

static void set_off(int64_t ns)
{
	struct itimerval itv = { .it_value = { ns / NS_PER_S, ns % NS_PER_S / 1000 } };

	setitimer(ITIMER_REAL, &itv, NULL);
}

static volatile sig_atomic_t fired;

static void on_alarm(int sig)
{
	(void)sig;
	fired++;
}

static void catch_alarm(void)
{
	struct sigaction act = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &act, NULL);
}

TWIN(semtimedop, WAIT)
{
	struct sembuf take = { 0, -1, 0 }, look = { 0, -1, IPC_NOWAIT };
	struct timespec ts = ts_of(ns);
	int id = semget(IPC_PRIVATE, 1, 0600), ret, error;

	if (semtimedop(id, &look, 1, &ts) != -1 || errno != EAGAIN) {
		return fail("semtimedop with IPC_NOWAIT");
	}
	ret = semtimedop(id, &take, 1, &ts);
	error = errno;
	semctl(id, 0, IPC_RMID);
	return ret == -1 && error == EAGAIN && ns_of(ts) == ns ? ns : fail("semtimedop");
}

/* Without a time-out: until an alarm. */
TWIN(semop, WAIT)
{
	struct sembuf take = { 0, -1, 0 };
	int id = semget(IPC_PRIVATE, 1, 0600), ret, error;

	catch_alarm();
	set_off(ns);
	ret = semop(id, &take, 1);
	error = errno;
	semctl(id, 0, IPC_RMID);
	return ret == -1 && error == EINTR && fired == 1 ? ns : fail("semop");
}

struct message {
	long type;
	char text[8];
};

TWIN(msgrcv, WAIT)
{
	int id = msgget(IPC_PRIVATE, 0600), error;
	struct message m;
	ssize_t ret;

	catch_alarm();
	set_off(ns);
	ret = msgrcv(id, &m, sizeof(m.text), 0, 0);
	error = errno;
	msgctl(id, IPC_RMID, NULL);
	return ret == -1 && error == EINTR && fired == 1 ? ns : fail("msgrcv");
}

TWIN(msgsnd, WAIT)
{
	int id = msgget(IPC_PRIVATE, 0600), error;
	struct message m = { .type = 1 };

	while (msgsnd(id, &m, sizeof(m.text), IPC_NOWAIT) == 0) {
	}
	catch_alarm();
	twin_begin();
	set_off(ns);
	if (msgsnd(id, &m, sizeof(m.text), 0) != -1) {
		return fail("msgsnd");
	}
	error = errno;
	msgctl(id, IPC_RMID, NULL);
	return error == EINTR && fired == 1 ? ns : fail("msgsnd");
}

/* A read from a pipe that nothing is ever written to. */
static void start_aio(struct aiocb *cb)
{
	static char byte;
	int fds[2];

	if (pipe(fds) == 0) {
		*cb = (struct aiocb){ .aio_fildes = fds[0], .aio_buf = &byte, .aio_nbytes = 1 };
		aio_read(cb);
	}
	twin_begin();
}

TWIN(aio_suspend, WAIT)
{
	static struct aiocb cb;
	const struct aiocb *const list[] = { &cb };
	struct timespec ts = ts_of(ns);

	start_aio(&cb);
	return aio_suspend(list, 1, &ts) == -1 && errno == EAGAIN ? ns : fail("aio_suspend");
}

TWIN(aio_suspend64, WAIT)
{
	static struct aiocb cb;
	const struct aiocb64 *const list[] = { (const struct aiocb64 *)&cb };
	struct timespec ts = ts_of(ns);

	start_aio(&cb);
	return aio_suspend64(list, 1, &ts) == -1 && errno == EAGAIN ? ns : fail("aio_suspend64");
}

/* A look-up that cannot come to an end: its name server is a socket that nobody reads.
 * Without the network's configuration changed, an empty list must do: it returns at
 * once, EAI_ALLDONE. */
TWIN(gai_suspend, CHECK)
{
	const struct gaicb *const list[] = { NULL };
	struct timespec ts = ts_of(ns);

	return gai_suspend(list, 1, &ts) == EAI_ALLDONE ? 0 : fail("gai_suspend");
}

/* --- Linux's own asynchronous I/O ---------------------------------------------------------- */

/* libaio's functions exist only where it is loaded; ours stand in front.  Natively, and
 * in a static program, its place is taken by the system call. */
static int64_t wait_events(const char *name, long number, int64_t ns)
{
	int (*get)(void *, long, long, void *, struct timespec *, void *);
	struct timespec ts = ts_of(ns);
	void *context = NULL;
	char event[64];
	long ret;

	*(void **)&get = dlsym(RTLD_DEFAULT, name);
	if (!get && twin_dilated() && !ruler_door()) {
		return fail("not defined");
	}
	if (raw_syscall(SYS_io_setup, 8, (long)&context, 0, 0, 0, 0) != 0) {
		return TWIN_SKIPPED;
	}
	twin_begin();
	ret = get ? get(context, 1, 1, event, &ts, NULL) :
		    syscall(number, context, 1L, 1L, event, &ts, NULL);
	return ret == 0 ? ns : fail(name);
}

TWIN(io_getevents, WAIT)
{
	return wait_events("io_getevents", SYS_io_getevents, ns);
}

TWIN(io_pgetevents, WAIT)
{
	return wait_events("io_pgetevents", SYS_io_pgetevents, ns);
}
