// SPDX-License-Identifier: GPL-2.0-or-later
/* io_uring, by its library. */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stddef.h>
#include <unistd.h>

#include "twin.h"

/* What the shim takes for the layout of liburing's structures (timedil/shim/uring.h). */
static_assert(offsetof(struct io_uring, sq.kring_mask) == 16 &&
		      offsetof(struct io_uring, sq.sqes) == 56 &&
		      offsetof(struct io_uring, sq.sqe_head) == 64 &&
		      offsetof(struct io_uring, sq.sqe_tail) == 68 &&
		      offsetof(struct io_uring, flags) == 192,
	      "liburing's binary interface");

static struct __kernel_timespec kts_of(int64_t ns)
{
	return (struct __kernel_timespec){ ns / NS_PER_S, ns % NS_PER_S };
}

/* False where the kernel has none, or forbids it. */
static int start(struct io_uring *ring)
{
	int ret = io_uring_queue_init(8, ring, 0);

	twin_begin();
	return ret == 0;
}

/* A time-out that is an operation of the ring. */
static int prepare(struct io_uring *ring, struct __kernel_timespec *ts, unsigned flags)
{
	if (!start(ring)) {
		return 0;
	}
	io_uring_prep_timeout(io_uring_get_sqe(ring), ts, 0, flags);
	return 1;
}

static int64_t await(struct io_uring *ring, int64_t ns)
{
	struct io_uring_cqe *cqe = NULL;

	return io_uring_wait_cqe(ring, &cqe) == 0 && cqe->res == -ETIME ? ns : fail("no time-out");
}

#define RING_TIMEOUT(name, time, flags, submit)                          \
	TWIN(name, WAIT)                                                 \
	{                                                                \
		struct __kernel_timespec ts = kts_of(time);              \
		struct io_uring_cqe *cqe = NULL;                         \
		struct io_uring ring;                                    \
                                                                         \
		(void)cqe;                                               \
		if (!prepare(&ring, &ts, flags)) {                       \
			return TWIN_SKIPPED;                             \
		}                                                        \
		return (submit) >= 0 ? await(&ring, ns) : fail(#submit); \
	}

RING_TIMEOUT(io_uring_submit, ns, 0, io_uring_submit(&ring))
RING_TIMEOUT(io_uring_submit_and_get_events, ns, 0, io_uring_submit_and_get_events(&ring))
RING_TIMEOUT(__io_uring_get_cqe, ns, 0,
	     (io_uring_submit(&ring), __io_uring_get_cqe(&ring, &cqe, 0, 1, NULL)))
RING_TIMEOUT(uring_timeout_abs, now_ns(CLOCK_MONOTONIC) + ns, IORING_TIMEOUT_ABS,
	     io_uring_submit(&ring))
RING_TIMEOUT(uring_timeout_abs_realtime, now_ns(CLOCK_REALTIME) + ns,
	     IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME, io_uring_submit(&ring))

/* More of them than fit on the shim's stack; what is prepared stays as it was made. */
TWIN(uring_many_timeouts, WAIT)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring_sqe *entry = NULL;
	struct io_uring ring;

	if (io_uring_queue_init(64, &ring, 0) != 0) {
		return TWIN_SKIPPED;
	}
	twin_begin();
	for (int i = 0; i < 60; i++) {
		entry = io_uring_get_sqe(&ring);
		io_uring_prep_timeout(entry, &ts, 0, 0);
	}
	if (io_uring_submit(&ring) != 60 || entry->addr != (uintptr_t)&ts || ts.tv_sec != ns / NS_PER_S ||
	    ts.tv_nsec != ns % NS_PER_S) {
		return fail("the entry, or the program's own time, has changed");
	}
	return await(&ring, ns);
}

/* A time-out linked to a read that never ends. */
TWIN(io_uring_submit_and_wait, WAIT)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring_cqe *cqe = NULL;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int fds[2];
	char c;

	if (!start(&ring) || pipe(fds) != 0) {
		return TWIN_SKIPPED;
	}
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, fds[0], &c, 1, 0);
	sqe->flags |= IOSQE_IO_LINK;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_link_timeout(sqe, &ts, 0);
	return io_uring_submit_and_wait(&ring, 1) == 2 && io_uring_wait_cqe(&ring, &cqe) == 0 ?
		       ns :
		       fail("no time-out");
}

TWIN(io_uring_wait_cqe_timeout, WAIT)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring_cqe *cqe = NULL;
	struct io_uring ring;

	if (!start(&ring)) {
		return TWIN_SKIPPED;
	}
	return io_uring_wait_cqe_timeout(&ring, &cqe, &ts) == -ETIME ? ns : fail("no time-out");
}

TWIN(io_uring_submit_and_wait_timeout, WAIT)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring_cqe *cqe = NULL;
	struct io_uring ring;

	if (!start(&ring)) {
		return TWIN_SKIPPED;
	}
	return io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL) == -ETIME ?
		       ns :
		       fail("no time-out");
}

TWIN(io_uring_wait_cqes, WAIT)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring_cqe *cqe = NULL;
	struct io_uring ring;

	if (!start(&ring)) {
		return TWIN_SKIPPED;
	}
	return io_uring_wait_cqes(&ring, &cqe, 1, &ts, NULL) == -ETIME ? ns : fail("no time-out");
}

/* --- the system call, by the library's function and by number -------------------------------- */

static int64_t enter(int64_t ns, int by_number)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	struct io_uring ring;
	int ret;

	if (!start(&ring)) {
		return TWIN_SKIPPED;
	}
	if (by_number) {
		ret = (int)syscall(SYS_io_uring_enter, ring.ring_fd, 0, 1,
				   IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));
		ret = ret == -1 ? -errno : ret;
	} else {
		ret = io_uring_enter2((unsigned)ring.ring_fd, 0, 1,
				      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, (void *)&arg,
				      sizeof(arg));
	}
	return ret == -ETIME ? ns : fail("no time-out");
}

TWIN(io_uring_enter2, WAIT)
{
	return enter(ns, 0);
}

TWIN(io_uring_enter_by_number, WAIT)
{
	return enter(ns, 1);
}

/* Without a time-out of its own: it waits for an operation's. */
TWIN(io_uring_enter, WAIT)
{
	struct __kernel_timespec ts = kts_of(ns);
	struct io_uring ring;

	if (!prepare(&ring, &ts, 0)) {
		return TWIN_SKIPPED;
	}
	io_uring_submit(&ring);
	return io_uring_enter((unsigned)ring.ring_fd, 0, 1, IORING_ENTER_GETEVENTS, NULL) >= 0 ?
		       ns :
		       fail("io_uring_enter");
}
