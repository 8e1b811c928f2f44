// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/lateness.h"

#include <math.h>

/* A full Ethernet frame's IP packet; what a link may always be busy with. */
#define FULL_FRAME_BYTES 1500
#define FLOOR_VNS (1 * NS_PER_MS)
#define DELAY_SHARE 0.10

double lateness_allowance_vns(const struct link_spec *link)
{
	double allowance = DELAY_SHARE * (double)link->down_delay_ns;

	if (link->down_bps > 0) {
		allowance += FULL_FRAME_BYTES * 8e9 / (double)link->down_bps;
	}
	return fmax(allowance, (double)FLOOR_VNS);
}

static double bucket_low_us(unsigned k)
{
	return k ? ldexp(1, (int)k) : 0;
}

double lateness_beyond(const uint64_t hist[WIRE_LATE_BUCKETS], double limit_us)
{
	double beyond = 0;

	for (unsigned k = 0; k < WIRE_LATE_BUCKETS; k++) {
		double low = bucket_low_us(k), high = bucket_low_us(k + 1);
		double part = (high - limit_us) / (high - low);

		/* The last bucket is open: its packets are at least @low late. */
		if (k == WIRE_LATE_BUCKETS - 1 && part > 0) {
			part = 1;
		}
		beyond += (double)hist[k] * fmin(fmax(part, 0), 1);
	}
	return beyond;
}

double lateness_packets(const uint64_t hist[WIRE_LATE_BUCKETS])
{
	double sum = 0;

	for (unsigned k = 0; k < WIRE_LATE_BUCKETS; k++) {
		sum += (double)hist[k];
	}
	return sum;
}

double lateness_quantile_us(const uint64_t hist[WIRE_LATE_BUCKETS], double q)
{
	double left = q * lateness_packets(hist), high = 0;

	for (unsigned k = 0; k < WIRE_LATE_BUCKETS; k++) {
		double low = bucket_low_us(k), count = (double)hist[k];

		if (count == 0) {
			continue;
		}
		high = bucket_low_us(k + 1);
		if (left <= count) {
			return low + (high - low) * left / count;
		}
		left -= count;
	}
	return high > 0 ? high : NAN;
}
