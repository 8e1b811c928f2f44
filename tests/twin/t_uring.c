// SPDX-License-Identifier: GPL-2.0-or-later
/* io_uring, by its library. */
#include <errno.h>
#include <liburing.h>

#include "twin.h"

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

/* A time-out that is an operation of the ring, waited for. */
static int64_t ring_timeout(struct __kernel_timespec ts, unsigned flags, int64_t ns)
{
	struct io_uring_cqe *cqe = NULL;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int ret;

	if (!start(&ring)) {
		return TWIN_SKIPPED;
	}
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_timeout(sqe, &ts, 0, flags);
	io_uring_submit(&ring);
	ret = io_uring_wait_cqe(&ring, &cqe);
	return ret == 0 && cqe->res == -ETIME ? ns : fail("no time-out");
}

TWIN(uring_timeout, WAIT)
{
	return ring_timeout(kts_of(ns), 0, ns);
}

TWIN(uring_timeout_abs, WAIT)
{
	return ring_timeout(kts_of(now_ns(CLOCK_MONOTONIC) + ns), IORING_TIMEOUT_ABS, ns);
}

TWIN(uring_timeout_abs_realtime, WAIT)
{
	return ring_timeout(kts_of(now_ns(CLOCK_REALTIME) + ns),
			    IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME, ns);
}

/* A time-out linked to a read that never ends. */
TWIN(uring_link_timeout, WAIT)
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
