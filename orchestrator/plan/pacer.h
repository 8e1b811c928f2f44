/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pacer - the factor that the host can just keep up with ("tdf: auto").  Pure: once a
 * wall second it is told how the last one was, and says which factor to go on with.
 *
 * Theory.  A virtual second of a swarm is a certain amount of work, W seconds of CPU time,
 * whatever the factor; spread over TDF wall seconds it keeps N CPUs busy for the share
 * b = W / (N * TDF).  So one measured second tells the factor at which the share would be
 * another one: TDF * b / wanted.  No search is needed, only care:
 *
 *	up    at once, as soon as the host is too busy or packets were late: what the host
 *	      cannot do in time is lost to the result
 *	down  only by what the busiest of the last seconds would have borne, and only when that
 *	      is clearly less: a lull between two bursts is no reason, and each change
 *	      wakes every sleeper of the run
 *
 * Late packets tell of what no share of CPU time shows (another program's burst, a hypervisor).
 * The factor at which they came is remembered as a floor: it comes down to it again only after
 * PACER_FLOOR_HOLD seconds without, by halves.
 *
 * The distance between what sends it up and what it aims at is the hysteresis.  Factors are taken
 * from a grid of four steps to the octave (1, 1.25, 1.5, 1.75, 2, 2.5 ...), which are exact ratios.
 */
#ifndef LENTO_PACER_H
#define LENTO_PACER_H

#include <stdbool.h>

#include "timedil/vtime.h"

/* Busier than this, and a thread that wakes will often find no CPU free. */
#define PACER_BUSY_HIGH 0.75
/* What it aims at: the load may grow by a third within a second before it is felt. */
#define PACER_BUSY_AIM 0.55
/* More packets late than this send it up; half of what makes a run degraded. */
#define PACER_LATE_HIGH 0.005
#define PACER_LATE_LEAST 10   /* and not fewer than these: the share of a handful says nothing */
/* It comes down when so many seconds in a row would have borne PACER_DOWN of the factor. */
#define PACER_HOLD 5
#define PACER_DOWN 0.80
#define PACER_FLOOR_HOLD 30

struct pacer_sample {
	double busy; /* share of the host's CPU time that was not idle, 0..1 */
	double late, packets; /* packets that were later than their link allows; all */
};

struct pacer {
	struct tdf min, max, now;
	double borne[PACER_HOLD]; /* factors that the last seconds would have borne; a ring */
	unsigned fed;             /* seconds since the last change */
	double floor;             /* not below it, for packets were late there; 0: none */
	unsigned quiet;           /* seconds since then, or since it was halved */
};

/* Begin with @start, brought into min..max. */
void pacer_init(struct pacer *p, struct tdf min, struct tdf max, struct tdf start);

/* The second that has just passed, under the factor p->now; true when that has changed. */
bool pacer_feed(struct pacer *p, const struct pacer_sample *sample);

/* The smallest factor of the grid that is at least @factor. */
struct tdf pacer_grid(double factor);

#endif
