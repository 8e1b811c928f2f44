/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runqueue - how long the threads of each peer wait for a CPU when they have something to do.
 *
 * The kernel keeps three numbers for each thread (/proc/PID/task/TID/schedstat): ns on a CPU, ns
 * runnable without one, and how often it was given one.  Waiting divided by turns is
 * how late a thread comes to what it was woken for: for a peer what lateness is for a
 * packet.  A wall ns of it weighs 1 / TDF virtual ns.
 *
 * Reading costs about 10 us of wall time a thread, so the caller looks at some peers at a time, in
 * turn; nothing is lost by that but what a thread did between its last reading and its end.
 */
#ifndef LENTO_RUNQUEUE_H
#define LENTO_RUNQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct runqueue;

/* A thread's counters, or their growth over the threads of a peer. */
struct runqueue_times {
	uint64_t cpu_wns, wait_wns; /* on a CPU, runnable without one */
	uint64_t turns;             /* on a CPU */
	double wait_vns;            /* wait_wns as virtual time, which passed as slowly as it did */
};

/* For @peers peers; @root is put before "/proc" ("" for this host). */
int runqueue_create(const char *root, uint32_t peers, struct runqueue **rq, struct err *err);
/* NULL is fine. */
void runqueue_destroy(struct runqueue *rq);

/*
 * Look at a peer: begin, then each of its processes, then end with the two clocks of now.  The
 * first look only sets the baseline.
 */
void runqueue_begin(struct runqueue *rq, uint32_t peer);
void runqueue_process(struct runqueue *rq, pid_t pid);
void runqueue_end(struct runqueue *rq, wall_t wall, virt_t virt);

/* All that has been seen of the peer since its first look. */
const struct runqueue_times *runqueue_of(const struct runqueue *rq, uint32_t peer);

/* A schedstat line; false when it is none. */
bool runqueue_parse(const char *text, struct runqueue_times *thread);

#endif
