// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/rate.h"

#define FUDGE_NS (5 * ABT_S_NS)
#define MILLION  1000000u

__extension__ typedef unsigned __int128 wide;

void rate_init(struct rate *rate, instant_t now, int64_t period_ns)
{
	*rate = (struct rate){
		.period_ns = period_ns,
		.since = instant_after(now, -FUDGE_NS),
		.last = instant_after(now, -FUDGE_NS),
	};
}

void rate_add(struct rate *rate, instant_t now, uint32_t bytes)
{
	wide held = (wide)rate->ubytes_s * (uint64_t)(rate->last.ns - rate->since.ns);
	wide come = (wide)bytes * MILLION * (uint64_t)ABT_S_NS;

	rate->ubytes_s = (uint64_t)((held + come) / (uint64_t)(now.ns - rate->since.ns));
	rate->total_bytes += bytes;
	rate->last = now;
	if (instant_is_past(now, rate->since, rate->period_ns)) {
		rate->since = instant_after(now, -rate->period_ns);
	}
}

uint64_t rate_bytes_s(struct rate *rate, instant_t now)
{
	rate_add(rate, now, 0);
	return rate->ubytes_s / MILLION;
}
