/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * timers - timers armed in the kernel, and their re-arming when the clock changes.
 *
 * The kernel counts wall time.  For each timer that a program arms we keep when it is
 * due in virtual time; the kernel's timer is armed with the matching wall duration.
 * The kick handler of the first thread that sees a new generation arms them all
 * anew.  A record that does not agree with the kernel any more (the descriptor was
 * closed and another took its number, a parent armed a shared timer) is dropped, not
 * enforced.
 *
 * One lock guards all records.  Its holder has all signals blocked, so that the
 * kick handler never waits for its own thread.
 */
#ifndef TIMEDIL_SHIM_TIMERS_H
#define TIMEDIL_SHIM_TIMERS_H

#include "shim.h"
#include "signals.h"

struct armed {
	int64_t due_vns;       /* virtual CLOCK_MONOTONIC; 0 = not armed */
	int64_t interval_vns;  /* 0 = once */
	int64_t due_wns;       /* as the kernel was told: wall CLOCK_MONOTONIC */
};

void timers_init(const struct timedil_page *page);
void timers_kicked(const struct timedil_page *page);

kernel_mask timers_lock(void);
void timers_unlock(kernel_mask mask);

/*
 * What to arm the kernel's timer with for a program that asks for @want (relative, or
 * absolute with an offset of its clock): the value is an instant of the wall
 * CLOCK_MONOTONIC, so that it stays right however long we take to pass it on.  Fills
 * @armed.  Zero values disarm.
 */
struct itimerspec armed_set(struct armed *armed, const struct moment *m,
			    const struct itimerspec *want, bool absolute, int64_t clock_off_ns);

/* Time left and interval in virtual time, from the record and what the kernel says
 * is left (wall). */
struct itimerspec armed_left(const struct armed *armed, const struct moment *m,
			     const struct itimerspec *kernel);

/* Ask the kernel for the time left on a timer; 0 or not. */
typedef long armed_reader(const void *timer, struct itimerspec *left);

/*
 * For a changed clock: what to arm the kernel's timer with now, as from armed_set().
 * False when there is nothing to do: disarmed, expired, or no longer ours.
 */
bool armed_again(struct armed *armed, const struct moment *m, armed_reader *read,
		 const void *timer, struct itimerspec *wall);

/* The same setting for a timer on another clock of the kernel's. */
struct itimerspec on_clock(struct itimerspec monotonic, clockid_t id);

/* The families' parts; called with the lock held. */
void itimer_rearm(const struct moment *m);
void ptimers_rearm(const struct moment *m);
void timerfds_rearm(const struct moment *m);
void itimer_forget(void);
void ptimers_forget(void);

/* Keep a record of a new POSIX timer; false when there is no memory for it. */
bool ptimer_register(clockid_t clock, const struct sigevent *event, timer_t id);

bool itimerspec_valid(const struct itimerspec *its);

#endif
