/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jitter - were these round trips drawn from the jitter that a link is given?
 *
 * A test by Kolmogorov and Smirnov against draws that are made here, from the quantile functions of GSL, not by the
 * code that delays packets.  It stays what it is where a distribution has no fourth moment, as
 * Pareto's, and weighs the one packet in a hundred that a busy host delivers late as one in a hundred.
 */
#ifndef LENTO_JITTER_H
#define LENTO_JITTER_H

#include <stddef.h>
#include <stdint.h>

#include "topo/experiment.h"

/*
 * The distance of the distribution of @rtts_ns over @link, both ways, to the one asked, 0 to 1.  Both are taken about
 * their medians, which are compared elsewhere; each round trip may be off by @slack_ns.
 */
double jitter_distance(const struct link_spec *link, const int64_t *rtts_ns, size_t n,
		       double slack_ns);

/* The distance that @n round trips of the right distribution exceed once in 10,000 times. */
double jitter_limit(size_t n);

#endif
