// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * poll - waits for descriptors: the poll, select and epoll families.
 *
 * Each goes to the system call of its family that takes a timespec, since only a
 * timespec in memory can be corrected by the kick handler.  A time-out of zero goes
 * straight to the kernel; an infinite one is only guarded against kicks.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>

#include "signals.h"
#include "wait.h"

#define MASK_BYTES 8 /* of the kernel's signal set */

#define FOR_EVER (-1)

/* --- poll ------------------------------------------------------------------ */

static long kernel_ppoll(struct pollfd *fds, nfds_t n, struct timespec *ts, const sigset_t *mask)
{
	return sys_wait5(SYS_ppoll, fds, n, ts, mask, MASK_BYTES);
}

/* @dur_vns: virtual ns, 0 = look and return, FOR_EVER = no end. */
static long poll_for(struct pollfd *fds, nfds_t n, int64_t dur_vns, const sigset_t *mask)
{
	const struct timedil_page *page = shim_page();
	struct timespec ts = { 0, 0 };
	struct kick_mask unblocked;
	struct wait w;
	long ret;

	if (page) {
		mask = mask_without_kick(mask, &unblocked);
	}
	if (dur_vns == FOR_EVER) {
		unsigned kicks;

		do {
			kicks = wait_kicks();
			ret = kernel_ppoll(fds, n, NULL, mask);
		} while (ret == -EINTR && kicks != wait_kicks());
		return ret;
	}
	if (dur_vns == 0 || !page) {
		ts = ns_to_ts(dur_vns);
		return kernel_ppoll(fds, n, &ts, mask);
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, dur_vns));
	do {
		ret = kernel_ppoll(fds, n, wait_arm(&w), mask);
	} while (wait_again(&w, ret));
	wait_end(&w);
	return ret;
}

static int64_t ms_to_ns(int ms)
{
	return ms < 0 ? FOR_EVER : ms * NS_PER_MS;
}

EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return (int)shim_result(poll_for(fds, n, ms_to_ns(timeout_ms), NULL));
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (timeout && (!ts_valid(timeout) || timeout->tv_sec < 0)) {
		return (int)shim_result(-EINVAL);
	}
	return (int)shim_result(
		poll_for(fds, n, timeout ? ts_to_ns_sat(timeout) : FOR_EVER, mask));
}

/* The fortified forms check the array's size first; so do we. */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t bytes);

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes)
{
	if (bytes / sizeof(*fds) < n) {
		__builtin_trap();
	}
	return poll(fds, n, timeout_ms);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask, size_t bytes)
{
	if (bytes / sizeof(*fds) < n) {
		__builtin_trap();
	}
	return ppoll(fds, n, timeout, mask);
}

/* --- select ---------------------------------------------------------------- */

struct fd_sets {
	fd_set *set[3]; /* read, write, except; each may be NULL */
};

/* The kernel's pair of pointer and size, its sixth argument. */
struct mask_arg {
	const sigset_t *mask;
	size_t bytes;
};

static size_t set_bytes(int n)
{
	return ((size_t)n + 63) / 64 * 8;
}

static void copy_sets(int n, const struct fd_sets *from, const struct fd_sets *to)
{
	for (int i = 0; i < 3; i++) {
		const unsigned long *s = (const void *)from->set[i];
		unsigned long *d = (void *)to->set[i];

		for (size_t k = 0; s && k < set_bytes(n) / sizeof(*s); k++) {
			d[k] = s[k];
		}
	}
}

static long kernel_pselect(int n, const struct fd_sets *sets, struct timespec *ts,
			   const struct mask_arg *arg)
{
	return sys_wait6(SYS_pselect6, n, sets->set[0], sets->set[1], sets->set[2], ts, arg);
}

/* On a time-out the kernel has cleared the sets; to wait once more, they are needed
 * again: @spare holds them. */
static long select_until(const struct timedil_page *page, int n, const struct fd_sets *sets,
			 const struct fd_sets *spare, int64_t virt_ns, const struct mask_arg *arg)
{
	struct wait w;
	bool again;
	long ret;

	copy_sets(n, sets, spare);
	wait_begin(&w, page, WAIT_RELATIVE, virt_ns);
	do {
		ret = kernel_pselect(n, sets, wait_arm(&w), arg);
		again = wait_again(&w, ret);
		if (again && ret == 0) {
			copy_sets(n, spare, sets);
		}
	} while (again);
	wait_end(&w);
	return ret;
}

/* Spare sets on the stack where they are small, else in a mapping. */
static long select_spared(const struct timedil_page *page, int n, const struct fd_sets *sets,
			  int64_t virt_ns, const struct mask_arg *arg)
{
	unsigned long small[3][FD_SETSIZE / 64];
	struct fd_sets spare;
	long map = 0, ret;

	if (n > FD_SETSIZE) {
		map = sys6(SYS_mmap, NULL, 3 * set_bytes(n), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map < 0 && map > -4096) {
			return map;
		}
	}
	for (size_t i = 0; i < 3; i++) {
		spare.set[i] = map ? (void *)((char *)map + i * set_bytes(n)) : (void *)small[i];
	}
	ret = select_until(page, n, sets, &spare, virt_ns, arg);
	if (map) {
		sys2(SYS_munmap, map, 3 * set_bytes(n));
	}
	return ret;
}

/* @dur_vns as in poll_for; *left_vns, if asked for, is the rest. */
static long select_for(int n, const struct fd_sets *sets, int64_t dur_vns, const sigset_t *mask,
		       int64_t *left_vns)
{
	const struct timedil_page *page = shim_page();
	struct mask_arg arg = { mask, MASK_BYTES };
	struct timespec ts = { 0, 0 };
	struct kick_mask unblocked;
	int64_t deadline;
	long ret;

	if (page) {
		arg.mask = mask_without_kick(mask, &unblocked);
	}
	if (dur_vns == FOR_EVER) {
		unsigned kicks;

		do {
			kicks = wait_kicks();
			ret = kernel_pselect(n, sets, NULL, &arg);
		} while (ret == -EINTR && kicks != wait_kicks());
		return ret;
	}
	if (dur_vns == 0 || !page || n < 0) {
		ts = ns_to_ts(dur_vns);
		ret = kernel_pselect(n, sets, &ts, &arg);
		if (left_vns) {
			*left_vns = ts_to_ns_sat(&ts);
		}
		return ret;
	}
	deadline = deadline_in(page, dur_vns);
	ret = select_spared(page, n, sets, deadline, &arg);
	if (left_vns) {
		*left_vns = vmath_sub_sat(deadline, virt_now_ns(page));
		*left_vns = *left_vns > 0 && ret != 0 ? *left_vns : 0;
	}
	return ret;
}

EXPORT int select(int n, fd_set *restrict readable, fd_set *restrict writable,
		  fd_set *restrict except, struct timeval *restrict timeout)
{
	struct fd_sets sets = { { readable, writable, except } };
	int64_t dur, left;
	long ret;

	if (!timeout) {
		return (int)shim_result(select_for(n, &sets, FOR_EVER, NULL, NULL));
	}
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0) {
		return (int)shim_result(-EINVAL);
	}
	dur = ts_to_ns_sat(&(struct timespec){ timeout->tv_sec, 0 });
	dur = vmath_add_sat(dur, timeout->tv_usec / US_PER_S * NS_PER_S);
	dur = vmath_add_sat(dur, timeout->tv_usec % US_PER_S * NS_PER_US);
	ret = select_for(n, &sets, dur, NULL, &left);
	*timeout = (struct timeval){ left / NS_PER_S, left % NS_PER_S / NS_PER_US };
	return (int)shim_result(ret);
}

EXPORT int pselect(int n, fd_set *restrict readable, fd_set *restrict writable,
		   fd_set *restrict except, const struct timespec *restrict timeout,
		   const sigset_t *restrict mask)
{
	struct fd_sets sets = { { readable, writable, except } };

	if (timeout && (!ts_valid(timeout) || timeout->tv_sec < 0)) {
		return (int)shim_result(-EINVAL);
	}
	return (int)shim_result(
		select_for(n, &sets, timeout ? ts_to_ns_sat(timeout) : FOR_EVER, mask, NULL));
}

/* --- epoll ----------------------------------------------------------------- */

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* Kernels before 5.11 have no epoll_pwait2: milliseconds, rounded up. */
static long kernel_epoll(int fd, struct epoll_event *events, int max, const struct timespec *ts,
			 const sigset_t *mask)
{
	long ret = sys_wait6(SYS_epoll_pwait2, fd, events, max, ts, mask, MASK_BYTES);
	int64_t ms = -1;

	if (LIKELY(ret != -ENOSYS)) {
		return ret;
	}
	if (ts) {
		ms = ts->tv_sec > INT32_MAX / 1000 - 1 ?
			     INT32_MAX :
			     ts->tv_sec * 1000 + (ts->tv_nsec + NS_PER_MS - 1) / NS_PER_MS;
	}
	return sys_wait6(SYS_epoll_pwait, fd, events, max, ms, mask, MASK_BYTES);
}

static long epoll_for(int fd, struct epoll_event *events, int max, int64_t dur_vns,
		      const sigset_t *mask)
{
	const struct timedil_page *page = shim_page();
	struct kick_mask unblocked;
	struct timespec ts;
	struct wait w;
	long ret;

	if (page) {
		mask = mask_without_kick(mask, &unblocked);
	}
	if (dur_vns == FOR_EVER) {
		unsigned kicks;

		do {
			kicks = wait_kicks();
			ret = kernel_epoll(fd, events, max, NULL, mask);
		} while (ret == -EINTR && kicks != wait_kicks());
		return ret;
	}
	if (dur_vns == 0 || !page) {
		ts = ns_to_ts(dur_vns);
		return kernel_epoll(fd, events, max, &ts, mask);
	}
	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, dur_vns));
	do {
		ret = kernel_epoll(fd, events, max, wait_arm(&w), mask);
	} while (wait_again(&w, ret));
	wait_end(&w);
	return ret;
}

EXPORT int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	return (int)shim_result(epoll_for(fd, events, max, ms_to_ns(timeout_ms), NULL));
}

EXPORT int epoll_pwait(int fd, struct epoll_event *events, int max, int timeout_ms,
		       const sigset_t *mask)
{
	return (int)shim_result(epoll_for(fd, events, max, ms_to_ns(timeout_ms), mask));
}

EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask)
{
	if (timeout && (!ts_valid(timeout) || timeout->tv_sec < 0)) {
		return (int)shim_result(-EINVAL);
	}
	return (int)shim_result(
		epoll_for(fd, events, max, timeout ? ts_to_ns_sat(timeout) : FOR_EVER, mask));
}
