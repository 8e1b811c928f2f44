/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lateness - how late a packet may be before it counts, and how many were.
 *
 * A packet matters against its own link: what it may be late by, in virtual time, is a
 * tenth of the delay that the receiving link adds anyway, and one full frame that it might
 * have found ahead of it there; and at least a virtual millisecond, below which TCP sees
 * nothing (its own timers tick more coarsely).
 */
#ifndef LENTO_LATENESS_H
#define LENTO_LATENESS_H

#include <stdint.h>

#include "topo/experiment.h"
#include "wire/wire.h"

/* Virtual ns. */
double lateness_allowance_vns(const struct link_spec *link);

/* Packets of a histogram of lateness (struct wire_link_stats) beyond @limit_us; within
 * a bucket they are taken as evenly spread. */
double lateness_beyond(const uint64_t hist[WIRE_LATE_BUCKETS], double limit_us);
/* The lateness in us that a share @q (0..1) of the packets does not exceed, as evenly spread
 * within a bucket; NAN when there are none. */
double lateness_quantile_us(const uint64_t hist[WIRE_LATE_BUCKETS], double q);
double lateness_packets(const uint64_t hist[WIRE_LATE_BUCKETS]);

#endif
