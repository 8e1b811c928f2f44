/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * socktime - SO_RCVTIMEO and SO_SNDTIMEO, which the kernel keeps in the socket and counts
 * in wall time.
 *
 * What a program set is remembered by descriptor, in virtual time.  When the clock
 * changes, the kick handler sets the sockets anew, and a call that waits in one is
 * interrupted; its wrapper then waits for the rest.  A record that does not agree with
 * the socket any more is dropped.
 */
#ifndef TIMEDIL_SHIM_SOCKTIME_H
#define TIMEDIL_SHIM_SOCKTIME_H

#include "shim.h"

enum sock_way {
	SOCK_RECEIVE,
	SOCK_SEND,
};

/* The program set a time-out, 0 for none; the kernel was told @wall_ns. */
void socktime_set(int fd, enum sock_way way, int64_t dur_vns, int64_t wall_ns);

/* What the program had set; false if that is not known, or no longer so. */
bool socktime_get(int fd, enum sock_way way, int64_t kernel_wall_ns, int64_t *dur_vns);

/* A call that waits in a socket. */
struct sock_wait {
	const struct timedil_page *page;
	enum sock_way way;
	int fd;
	uint32_t generation;
	unsigned kicks;
	int64_t deadline_vns;
	bool shortened; /* the socket is set to the rest only */
};

/* False if the socket has no time-out: nothing to do then. */
bool sock_begin(struct sock_wait *w, int fd, enum sock_way way);
/*
 * After @error, an errno: whether to call again.  Interrupted by a kick; or timed out
 * (EAGAIN, EINPROGRESS from connect) under an old clock, before the deadline.
 */
bool sock_again(struct sock_wait *w, int error);
void sock_end(const struct sock_wait *w);

/* Whether a time-out has ever been set in this process. */
bool socktimes_any(void);

/* With the timers' lock held: set all sockets for a changed clock. */
void socktimes_rearm(const struct moment *m);

#endif
