// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ipc - message queues, System V IPC and asynchronous I/O.
 *
 * Those without a time-out are here because the kernel does not restart them after a
 * kick.
 */
#include <aio.h>
#include <errno.h>
#include <mqueue.h>
#include <netdb.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "next.h"
#include "signals.h"
#include "wait.h"

/* libaio's, whose header need not be there. */
struct io_context;
struct io_event;
int io_getevents(struct io_context *context, long min, long max, struct io_event *events,
		 struct timespec *timeout);
int io_pgetevents(struct io_context *context, long min, long max, struct io_event *events,
		  struct timespec *timeout, sigset_t *mask);

/* Repeat a call that only a kick has ended. */
#define UNLESS_KICKED(ret, call)                              \
	do {                                                  \
		unsigned kicks_;                              \
                                                              \
		do {                                          \
			kicks_ = wait_kicks();                \
			(ret) = (call);                       \
		} while ((ret) == -EINTR && kicks_ != wait_kicks()); \
	} while (0)

/* --- POSIX message queues: absolute, CLOCK_REALTIME ------------------------------------- */

static bool waits_until(const struct timedil_page *page, const struct timespec *abs,
			int64_t *virt_ns)
{
	return page && abs && ts_valid(abs) && deadline_at(page, CLOCK_REALTIME, abs, virt_ns);
}

EXPORT ssize_t mq_timedreceive(mqd_t mq, char *restrict data, size_t len, unsigned *restrict prio,
			       const struct timespec *restrict abs)
{
	const struct timedil_page *page = shim_page();
	struct wait w;
	int64_t virt_ns;
	long ret;

	if (!waits_until(page, abs, &virt_ns)) {
		return shim_result(sys_wait5(SYS_mq_timedreceive, mq, data, len, prio, abs));
	}
	wait_begin(&w, page, WAIT_ABSOLUTE_REALTIME, virt_ns);
	do {
		ret = sys_wait5(SYS_mq_timedreceive, mq, data, len, prio, wait_arm(&w));
	} while (ret < 0 && wait_again(&w, ret));
	wait_end(&w);
	return shim_result(ret);
}

EXPORT int mq_timedsend(mqd_t mq, const char *data, size_t len, unsigned prio,
			const struct timespec *abs)
{
	const struct timedil_page *page = shim_page();
	struct wait w;
	int64_t virt_ns;
	long ret;

	if (!waits_until(page, abs, &virt_ns)) {
		return (int)shim_result(sys_wait5(SYS_mq_timedsend, mq, data, len, prio, abs));
	}
	wait_begin(&w, page, WAIT_ABSOLUTE_REALTIME, virt_ns);
	do {
		ret = sys_wait5(SYS_mq_timedsend, mq, data, len, prio, wait_arm(&w));
	} while (ret < 0 && wait_again(&w, ret));
	wait_end(&w);
	return (int)shim_result(ret);
}

/* --- System V ------------------------------------------------------------------------------ */

/* Without blocking the same error means something else. */
static bool may_block(const struct sembuf *ops, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ops[i].sem_flg & IPC_NOWAIT) {
			return false;
		}
	}
	return true;
}

EXPORT int semtimedop(int id, struct sembuf *ops, size_t n, const struct timespec *timeout)
{
	const struct timedil_page *page = shim_page();
	struct wait w;
	long ret;

	if (!page || !timeout || !ts_valid(timeout) || timeout->tv_sec < 0) {
		UNLESS_KICKED(ret, sys4(SYS_semtimedop, id, ops, n, timeout));
		return (int)shim_result(ret);
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, ts_to_ns_sat(timeout)));
	do {
		ret = sys4(SYS_semtimedop, id, ops, n, wait_arm(&w));
	} while (ret < 0 &&
		 wait_again(&w, ret == -EAGAIN && may_block(ops, n) ? -ETIMEDOUT : ret));
	wait_end(&w);
	return (int)shim_result(ret);
}

EXPORT int semop(int id, struct sembuf *ops, size_t n)
{
	return semtimedop(id, ops, n, NULL);
}

EXPORT int msgsnd(int id, const void *msg, size_t len, int flags)
{
	long ret;

	shim_page();
	UNLESS_KICKED(ret, sys_wait4(SYS_msgsnd, id, msg, len, flags));
	return (int)shim_result(ret);
}

EXPORT ssize_t msgrcv(int id, void *msg, size_t len, long type, int flags)
{
	long ret;

	shim_page();
	UNLESS_KICKED(ret, sys_wait5(SYS_msgrcv, id, msg, len, type, flags));
	return shim_result(ret);
}

/* --- asynchronous I/O ------------------------------------------------------------------------ */

/* libc turns this into a wait of its own, counted from now: long steps would miss a
 * change of the clock, but a kick ends it. */
EXPORT int aio_suspend(const struct aiocb *const list[], int n,
		       const struct timespec *restrict timeout)
{
	const struct timedil_page *page = shim_page();
	struct wait w;
	unsigned kicks;
	int ret;

	if (!page || !timeout || !ts_valid(timeout) || timeout->tv_sec < 0) {
		do {
			kicks = wait_kicks();
			ret = next.aio_suspend(list, n, timeout);
		} while (ret != 0 && *shim_errno() == EINTR && kicks != wait_kicks());
		return ret;
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, ts_to_ns_sat(timeout)));
	do {
		ret = next.aio_suspend(list, n, wait_arm(&w));
	} while (ret != 0 &&
		 wait_again(&w, *shim_errno() == EAGAIN ? -ETIMEDOUT : -*shim_errno()));
	wait_end(&w);
	return ret;
}

/* The same for names being looked up; returns EAI_* codes. */
EXPORT int gai_suspend(const struct gaicb *const list[], int n, const struct timespec *timeout)
{
	const struct timedil_page *page = shim_page();
	struct wait w;
	unsigned kicks;
	int ret;

	if (!page || !timeout || !ts_valid(timeout) || timeout->tv_sec < 0) {
		do {
			kicks = wait_kicks();
			ret = next.gai_suspend(list, n, timeout);
		} while (ret == EAI_INTR && kicks != wait_kicks());
		return ret;
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, ts_to_ns_sat(timeout)));
	do {
		ret = next.gai_suspend(list, n, wait_arm(&w));
	} while ((ret == EAI_AGAIN && wait_again(&w, -ETIMEDOUT)) ||
		 (ret == EAI_INTR && wait_again(&w, -EINTR)));
	wait_end(&w);
	return ret;
}

/*
 * libaio's waits are bare system calls: how many events came, fewer than asked for when
 * the time was up, or -errno.
 */
struct events_call {
	struct io_context *context;
	long min, max;
	struct io_event *events;
	struct {
		const sigset_t *mask;
		size_t bytes;
	} mask;
};

static long get_events(const struct events_call *c, const struct timespec *ts)
{
	if (c->mask.mask) {
		return sys6(SYS_io_pgetevents, c->context, c->min, c->max, c->events, ts, &c->mask);
	}
	return sys6(SYS_io_getevents, c->context, c->min, c->max, c->events, ts, 0);
}

static int wait_events(const struct timedil_page *page, const struct events_call *c,
		       const struct timespec *timeout)
{
	struct wait w;
	long ret;

	if (!page || !timeout || !ts_valid(timeout) || timeout->tv_sec < 0 ||
	    (timeout->tv_sec == 0 && timeout->tv_nsec == 0)) {
		UNLESS_KICKED(ret, get_events(c, timeout));
		return (int)ret;
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, ts_to_ns_sat(timeout)));
	do {
		ret = get_events(c, wait_arm(&w));
	} while ((ret == 0 && c->min > 0 && wait_again(&w, 0)) ||
		 (ret == -EINTR && wait_again(&w, ret)));
	wait_end(&w);
	return (int)ret;
}

EXPORT int io_getevents(struct io_context *context, long min, long max, struct io_event *events,
			struct timespec *timeout)
{
	struct events_call call = { context, min, max, events, { NULL, 0 } };

	return wait_events(shim_page(), &call, timeout);
}

EXPORT int io_pgetevents(struct io_context *context, long min, long max, struct io_event *events,
			 struct timespec *timeout, sigset_t *mask)
{
	struct events_call call = { context, min, max, events, { mask, KERNEL_MASK_BYTES } };
	const struct timedil_page *page = shim_page();
	struct kick_mask unblocked;

	if (page) {
		call.mask.mask = mask_without_kick(mask, &unblocked);
	}
	return wait_events(page, &call, timeout);
}

int aio_suspend64(const struct aiocb64 *const list[], int n,
		  const struct timespec *restrict timeout)
	__attribute__((alias("aio_suspend"), visibility("default")));
