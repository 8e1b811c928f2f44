/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rate - how fast bytes come or go, as mainline 4.0.4 measures it.
 *
 * A mean over a window that grows with time up to @period and then slides:
 *
 *	rate = (rate * (last - since) + bytes) / (now - since)
 *
 * The window starts 5 s before the first reading, so that the first bytes do not look
 * like a flood.  Mainline's period is 20 s, 100 s for a seed's peers.  Integers only:
 * the same calls give the same rates on every host.
 */
#ifndef ABT_RATE_H
#define ABT_RATE_H

#include <stdint.h>

#include "images/abt/core/instant.h"

#define RATE_PERIOD_NS      (20 * ABT_S_NS)  /* mainline's max_rate_period */
#define RATE_SEED_PERIOD_NS (100 * ABT_S_NS) /* mainline's max_rate_period_seedtime */

struct rate {
	int64_t period_ns;
	instant_t since;
	instant_t last;
	uint64_t ubytes_s; /* millionths of a byte a second, at @last */
	uint64_t total_bytes;
};

void rate_init(struct rate *rate, instant_t now, int64_t period_ns);
void rate_add(struct rate *rate, instant_t now, uint32_t bytes);

/* Bytes a second at @now, rounded down.  Slides the window, as in mainline. */
uint64_t rate_bytes_s(struct rate *rate, instant_t now);

#endif
