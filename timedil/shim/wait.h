/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait - one wait with a virtual deadline.
 *
 *	struct wait w;
 *
 *	wait_begin(&w, page, WAIT_RELATIVE, deadline);
 *	do {
 *		ret = kernel(..., wait_arm(&w));
 *	} while (wait_again(&w, ret));
 *	wait_end(&w);
 *
 * The timespec that goes to the kernel (or to libc, which hands it on) lies in
 * a slot of the thread.  The kick handler, running in this thread, re-computes
 * it in place.  So a change of the clock is not lost at any point: before the
 * kernel has read the timespec the new value is read, afterwards the signal ends
 * the system call; libc's own loops around futex then read it anew.
 *
 * A slot left by a longjmp, or by a cancelled thread, does no harm: it is memory
 * of the thread, re-computed in vain until it is used again.
 */
#ifndef TIMEDIL_SHIM_WAIT_H
#define TIMEDIL_SHIM_WAIT_H

#include "shim.h"

enum wait_form {
	WAIT_NONE,
	WAIT_RELATIVE,          /* wall duration from now */
	WAIT_ABSOLUTE,          /* wall CLOCK_MONOTONIC */
	WAIT_ABSOLUTE_REALTIME, /* wall CLOCK_REALTIME */
};

struct wait_slot {
	enum wait_form form;
	uint32_t generation;
	int64_t virt_ns; /* the deadline, virtual CLOCK_MONOTONIC */
	struct timespec ts;
};

struct wait {
	const struct timedil_page *page;
	struct wait_slot *slot;
	unsigned kicks;
};

void wait_begin(struct wait *w, const struct timedil_page *page, enum wait_form form,
		int64_t virt_deadline_ns);

/* Compute the timespec; to be called right before the wait. */
struct timespec *wait_arm(struct wait *w);

/*
 * Whether to wait once more after the kernel's result: it timed out (0 or
 * -ETIMEDOUT) but the clock has been slowed down, so the deadline is yet to come; or
 * it was interrupted by nothing but a kick.
 */
bool wait_again(struct wait *w, long kernel_result);

/* Virtual time left, >= 0. */
int64_t wait_left_ns(const struct wait *w);
bool wait_reached(const struct wait *w);

void wait_end(struct wait *w);

/*
 * The same for waits without an end: count = wait_kicks(); ret = ...; and again
 * if only a kick ended it.
 */
unsigned wait_kicks(void);

/* The kick handler's part: correct all slots of this thread. */
void wait_kicked(const struct timedil_page *page);

/* now + @dur_vns, saturating; what a relative time-out becomes. */
int64_t deadline_in(const struct timedil_page *page, int64_t dur_vns);

/* An absolute time on virtual clock @id; false if that clock is not dilated. */
bool deadline_at(const struct timedil_page *page, clockid_t id, const struct timespec *abs,
		 int64_t *virt_ns);

/*
 * A blocking system call as a cancellation point, in libc's own way: cancellation
 * is asynchronous for the length of the call.
 */
long sys_cancel(long n, long a, long b, long c, long d, long e, long f);

#define sys_wait6(n, a, b, c, d, e, f)                                                 \
	sys_cancel((n), SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))
#define sys_wait5(n, a, b, c, d, e) sys_wait6(n, a, b, c, d, e, 0)
#define sys_wait4(n, a, b, c, d) sys_wait6(n, a, b, c, d, 0, 0)

#endif
