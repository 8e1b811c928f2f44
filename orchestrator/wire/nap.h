/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nap - how long to sleep so as to be awake in time.
 *
 * Theory.  A timer wakes its sleeper late: by a few microseconds on a busy CPU, by 50 to 100 where an idle CPU of
 * a virtual machine has to be woken first.  So whoever has an appointment sleeps until a little before it, and
 * looks at the clock and at its descriptors from there on.  That little is what nine of ten sleeps
 * have been late by lately; it is a few microseconds again when the CPUs are busy, which is when
 * others need them.  Beside that, an allowance bounds what is spent on being early.
 *
 * Pure: no clock is read here.
 */
#ifndef LENTO_NAP_H
#define LENTO_NAP_H

#include <stdint.h>

#include "timedil/vtime.h"

#define NAP_EARLY_MAX_WNS (150 * NS_PER_US)
#define NAP_ALLOWANCE_PART 10       /* a tenth of the time may go into being early */
#define NAP_ALLOWANCE_MAX_WNS (5 * NS_PER_MS)

/* All zero at first. */
struct nap {
	int64_t early_wns;
	int64_t allowance_wns;
	wall_t counted;     /* allowance has been given up to here */
};

/* How much of @left_wns until the appointment to sleep, from @now on: from 0 to all of it. */
int64_t nap_sleep(struct nap *n, wall_t now, int64_t left_wns);
/* That sleep has ended by itself, @late_wns after its time. */
void nap_woke(struct nap *n, int64_t late_wns);
/* So long has been spent awake before the appointment. */
void nap_waited(struct nap *n, int64_t wns);

#endif
