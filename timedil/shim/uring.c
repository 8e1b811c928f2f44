// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * uring - time-outs of io_uring, for programs that use liburing as a shared library.
 *
 * A time-out is an operation in a ring that program and kernel share.  No call carries it
 * but the one that submits: just before that, the entries prepared are gone through, and
 * those with a time point to a wall time of ours instead; the kernel reads it while it
 * takes the entry.  Afterwards they are put back, for those the kernel did not take.
 *
 * Such an operation, once submitted, is not re-armed when the clock changes; the waits below
 * (io_uring_wait_cqes and its like) are.  Out of reach: a ring whose kernel thread takes
 * entries by itself (SQPOLL), and programs that make the system calls without the library.
 */
#include "uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <sys/mman.h>

#include "next.h"
#include "wait.h"

#ifndef IORING_ENTER_ABS_TIMER
#define IORING_ENTER_ABS_TIMER (1U << 5)
#endif
#ifndef IORING_SETUP_SQE128
#define IORING_SETUP_SQE128 (1U << 10)
#endif

static_assert(sizeof(struct timespec) == sizeof(struct __kernel_timespec), "64-bit machines only");

/* liburing may have been loaded after us, by dlopen(). */
#define FIND(name)                                                                \
	__extension__({                                                           \
		if (UNLIKELY(!next.name)) {                                       \
			next.name = (__typeof__(next.name))next_find(#name);      \
		}                                                                 \
		next.name;                                                        \
	})

/* --- operations with a time ------------------------------------------------------------ */

/* An entry as the program made it, and the time that the kernel is to read. */
struct changed {
	struct io_uring_sqe *entry;
	uint64_t address;
	uint32_t flags;
	struct timespec wall;
};

#define FEW 32

struct changes {
	struct changed few[FEW], *all;
	unsigned count;
	size_t map_bytes;
};

/* Where the entry keeps the address of its time, or NULL. */
static uint64_t *time_of(struct io_uring_sqe *entry)
{
	__u64 *at = NULL;

	if (entry->opcode == IORING_OP_TIMEOUT || entry->opcode == IORING_OP_LINK_TIMEOUT) {
		at = &entry->addr;
	} else if (entry->opcode == IORING_OP_TIMEOUT_REMOVE &&
		   (entry->timeout_flags & IORING_TIMEOUT_UPDATE)) {
		at = &entry->addr2;
	}
	return at && *at ? (uint64_t *)at : NULL;
}

static struct io_uring_sqe *entry_at(const struct io_uring *ring, unsigned i)
{
	unsigned shift = ring->flags & IORING_SETUP_SQE128 ? 1 : 0;

	return &ring->sq.sqes[(i & *ring->sq.ring_mask) << shift];
}

static struct timespec wall_time(const struct timedil_page *page, const struct moment *m,
				 const struct timespec *ts, uint32_t flags)
{
	clockid_t id = flags & IORING_TIMEOUT_REALTIME ? CLOCK_REALTIME :
		       flags & IORING_TIMEOUT_BOOTTIME ? CLOCK_BOOTTIME :
							 CLOCK_MONOTONIC;
	int64_t ns;

	if (!ts_valid(ts) || ts->tv_sec < 0) {
		return *ts;
	}
	if (!(flags & IORING_TIMEOUT_ABS)) {
		return ns_to_ts(moment_dur_to_wall(m, ts_to_ns_sat(ts)));
	}
	deadline_at(page, id, ts, &ns);
	ns = moment_to_wall(m, ns);
	return ns_to_ts(ns > 0 ? ns : 0);
}

static void change(const struct timedil_page *page, const struct moment *m, struct changed *c,
		   struct io_uring_sqe *entry)
{
	uint64_t *at = time_of(entry);

	*c = (struct changed){ .entry = entry, .address = *at, .flags = entry->timeout_flags };
	c->wall = wall_time(page, m, (const struct timespec *)(uintptr_t)*at, c->flags);
	*at = (uintptr_t)&c->wall;
	if (c->flags & IORING_TIMEOUT_ABS) {
		entry->timeout_flags &= ~(IORING_TIMEOUT_REALTIME | IORING_TIMEOUT_BOOTTIME);
	}
}

static struct changed *room_for(struct changes *cs, unsigned count)
{
	long map;

	cs->map_bytes = 0;
	if (count <= FEW) {
		return cs->few;
	}
	map = sys6(SYS_mmap, NULL, count * sizeof(struct changed), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map < 0 && map > -4096) {
		return NULL;
	}
	cs->map_bytes = count * sizeof(struct changed);
	return (struct changed *)map;
}

/* Before the ring is submitted. */
static void to_wall_times(const struct timedil_page *page, struct io_uring *ring,
			  struct changes *cs)
{
	unsigned count = 0;
	struct moment m;

	*cs = (struct changes){ .count = 0 };
	if (!page || (ring->flags & IORING_SETUP_SQPOLL)) {
		return;
	}
	for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		count += time_of(entry_at(ring, i)) != NULL;
	}
	if (count == 0 || !(cs->all = room_for(cs, count))) {
		return;
	}
	moment_take(page, &m);
	for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		if (time_of(entry_at(ring, i))) {
			change(page, &m, &cs->all[cs->count++], entry_at(ring, i));
		}
	}
}

static void to_virtual_times(struct changes *cs)
{
	for (unsigned i = 0; i < cs->count; i++) {
		*time_of(cs->all[i].entry) = cs->all[i].address;
		cs->all[i].entry->timeout_flags = cs->all[i].flags;
	}
	if (cs->map_bytes) {
		sys2(SYS_munmap, cs->all, cs->map_bytes);
	}
}

/* --- submitting -------------------------------------------------------------------------- */

/* @call submits, and may wait without an end: as @result, again if only a kick ended it. */
#define SUBMIT(ring, result, call)                                       \
	do {                                                             \
		struct changes cs;                                       \
		unsigned kicks;                                          \
                                                                         \
		do {                                                     \
			kicks = wait_kicks();                            \
			to_wall_times(shim_page(), (ring), &cs);         \
			(result) = (call);                               \
			to_virtual_times(&cs);                           \
		} while ((result) == -EINTR && kicks != wait_kicks());   \
	} while (0)

EXPORT int io_uring_submit(struct io_uring *ring)
{
	int ret;

	SUBMIT(ring, ret, FIND(io_uring_submit)(ring));
	return ret;
}

EXPORT int io_uring_submit_and_wait(struct io_uring *ring, unsigned wait_nr)
{
	int ret;

	SUBMIT(ring, ret, FIND(io_uring_submit_and_wait)(ring, wait_nr));
	return ret;
}

EXPORT int io_uring_submit_and_get_events(struct io_uring *ring)
{
	int ret;

	SUBMIT(ring, ret, FIND(io_uring_submit_and_get_events)(ring));
	return ret;
}

EXPORT int __io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned submit,
			      unsigned wait_nr, sigset_t *mask)
{
	int ret;

	SUBMIT(ring, ret, FIND(__io_uring_get_cqe)(ring, cqe, submit, wait_nr, mask));
	return ret;
}

/* --- waiting with a time-out ----------------------------------------------------------------- */

typedef int ring_waiter(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned wait_nr,
			struct __kernel_timespec *ts, sigset_t *mask);

static int wait_in_ring(ring_waiter *waiter, struct io_uring *ring, struct io_uring_cqe **cqe,
			unsigned wait_nr, struct __kernel_timespec *timeout, sigset_t *mask)
{
	const struct timedil_page *page = shim_page();
	const struct timespec *ts = (const struct timespec *)timeout;
	struct wait w;
	int ret;

	if (!page || !ts || !ts_valid(ts) || ts->tv_sec < 0) {
		SUBMIT(ring, ret, waiter(ring, cqe, wait_nr, timeout, mask));
		return ret;
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, ts_to_ns_sat(ts)));
	do {
		struct changes cs;

		to_wall_times(page, ring, &cs);
		ret = waiter(ring, cqe, wait_nr, (struct __kernel_timespec *)wait_arm(&w), mask);
		to_virtual_times(&cs);
	} while ((ret == -ETIME || ret == -EINTR) && wait_again(&w, ret == -ETIME ? -ETIMEDOUT : ret));
	wait_end(&w);
	return ret;
}

EXPORT int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
					    unsigned wait_nr, struct __kernel_timespec *ts,
					    sigset_t *mask)
{
	return wait_in_ring(FIND(io_uring_submit_and_wait_timeout), ring, cqe, wait_nr, ts, mask);
}

EXPORT int io_uring_wait_cqes(struct io_uring *ring, struct io_uring_cqe **cqe, unsigned wait_nr,
			      struct __kernel_timespec *ts, sigset_t *mask)
{
	return wait_in_ring(FIND(io_uring_wait_cqes), ring, cqe, wait_nr, ts, mask);
}

EXPORT int io_uring_wait_cqe_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
				     struct __kernel_timespec *ts)
{
	return io_uring_wait_cqes(ring, cqe, 1, ts, NULL);
}

/* --- the system call ------------------------------------------------------------------------- */

/* The kernel's extended argument, whose time is that of the wait. */
static long enter_until(const struct timedil_page *page, unsigned fd, unsigned submit,
			unsigned wait_nr, unsigned flags, const struct io_uring_getevents_arg *given)
{
	const struct timespec *ts = (const struct timespec *)(uintptr_t)given->ts;
	struct io_uring_getevents_arg arg = *given;
	int64_t virt_ns = deadline_in(page, ts_to_ns_sat(ts));
	struct wait w;
	long ret;

	if (flags & IORING_ENTER_ABS_TIMER) {
		deadline_at(page, CLOCK_MONOTONIC, ts, &virt_ns);
	}
	wait_begin(&w, page, WAIT_RELATIVE, virt_ns);
	do {
		arg.ts = (uintptr_t)wait_arm(&w);
		ret = sys6(SYS_io_uring_enter, fd, submit, wait_nr, flags & ~IORING_ENTER_ABS_TIMER,
			   &arg, sizeof(arg));
	} while ((ret == -ETIME || ret == -EINTR) && wait_again(&w, ret == -ETIME ? -ETIMEDOUT : ret));
	wait_end(&w);
	return ret;
}

EXPORT int io_uring_enter2(unsigned fd, unsigned submit, unsigned wait_nr, unsigned flags, void *arg,
			   size_t bytes)
{
	const struct timedil_page *page = shim_page();
	const struct io_uring_getevents_arg *extended = arg;
	unsigned kicks;
	long ret;

	if (page && (flags & IORING_ENTER_EXT_ARG) && arg && bytes == sizeof(*extended) &&
	    extended->ts && ts_valid((const struct timespec *)(uintptr_t)extended->ts)) {
		return (int)enter_until(page, fd, submit, wait_nr, flags, extended);
	}
	do {
		kicks = wait_kicks();
		ret = sys6(SYS_io_uring_enter, fd, submit, wait_nr, flags, arg, bytes);
	} while (ret == -EINTR && kicks != wait_kicks());
	return (int)ret;
}

EXPORT int io_uring_enter(unsigned fd, unsigned submit, unsigned wait_nr, unsigned flags, sigset_t *mask)
{
	return io_uring_enter2(fd, submit, wait_nr, flags, mask, sizeof(uint64_t));
}
