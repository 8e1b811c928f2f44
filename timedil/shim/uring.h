/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * uring - the part of liburing's binary interface that uring.c stands in front of.
 *
 * Ours depends on no library, so the layout is repeated here; it is fixed by liburing's inline
 * functions, which programs have compiled in.  tests/twin/t_uring.c holds it against
 * the real header.
 */
#ifndef TIMEDIL_SHIM_URING_H
#define TIMEDIL_SHIM_URING_H

#include <signal.h>
#include <stdint.h>

struct io_uring_sqe;
struct io_uring_cqe;
struct __kernel_timespec;

struct io_uring {
	struct {
		unsigned *head, *tail, *ring_mask, *ring_entries, *flags, *dropped, *array;
		struct io_uring_sqe *sqes;
		unsigned sqe_head, sqe_tail; /* prepared, and not yet submitted */
		uint64_t rest[4];
	} sq;
	uint64_t cq[11];
	unsigned flags; /* of io_uring_setup() */
	int ring_fd;
};

int io_uring_submit(struct io_uring *ring);
int io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr);
int io_uring_submit_and_get_events(struct io_uring *ring);
int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
				     unsigned wait_nr, struct __kernel_timespec *ts,
				     sigset_t *mask);
int io_uring_wait_cqes(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned wait_nr,
		       struct __kernel_timespec *ts, sigset_t *mask);
int io_uring_wait_cqe_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
			      struct __kernel_timespec *ts);
int __io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned submit,
		       unsigned wait_nr, sigset_t *mask);
int io_uring_enter(unsigned fd, unsigned submit, unsigned wait_nr, unsigned flags, sigset_t *mask);
int io_uring_enter2(unsigned fd, unsigned submit, unsigned wait_nr, unsigned flags, void *arg,
		    size_t bytes);

#endif
