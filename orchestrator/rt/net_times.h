/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * net_times - the time constants of the kernel's network stack that a network namespace
 * can be given: a table, and the arithmetic of a factor.
 *
 * The kernel measures in wall time, so a constant of T seconds lasts T/TDF virtual
 * seconds.  What it derives from measured round trips scales by itself; fixed
 * constants are multiplied by the TDF here, as far as there is a knob for them.
 */
#ifndef LENTO_NET_TIMES_H
#define LENTO_NET_TIMES_H

#include <stddef.h>

#include "timedil/vtime.h"

enum net_scale {
	SCALE_LINEAR,
	SCALE_RATE,    /* events a second: divided */
	SCALE_FIN,     /* linear to 60 s, then the kernel waits F-60 s twice */
	SCALE_RETRIES, /* a number of retransmissions, for the time they add up to */
	SCALE_SHIFT,   /* the binary logarithm of a divisor of a time */
};

struct net_time {
	const char *sysctl; /* below /proc/sys/net */
	const char *unit;   /* "us", "s"; "/s", "" for a bare number */
	long value;         /* the kernel's default */
	long min, max;      /* what it accepts, or what makes sense */
	enum net_scale scale;
	const char *lack;   /* what remains where the kernel has no such knob; NULL: nothing */
};

extern const struct net_time net_times[];
extern const size_t net_time_count;

/* The value for factor @tdf, within bounds. */
long net_time_scaled(const struct net_time *t, struct tdf tdf);

#endif
