/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cubic - the arithmetic of CUBIC, from RFC 9438, in integers.  Pure: the same code runs
 * in the kernel (tcp.bpf.c) and in a unit test that compares it with the RFC's formulas.
 *
 *	W_cubic(t) = C (t - K)^3 + W_max,  K = cbrt((W_max - cwnd_epoch) / C)      (1, 2)
 *	W_est     += alpha * acked / cwnd                                         (4)
 *
 * t counts from the beginning of the present stage of congestion avoidance, in virtual
 * time: that is all that dilation asks for, since every other step is driven by ACKs.
 * Windows are in segments; as fixed point they have CUBIC_ONE to the segment.
 */
#ifndef LENTO_BPF_CUBIC_H
#define LENTO_BPF_CUBIC_H

#include <linux/types.h>

#define CUBIC_SHIFT 20
#define CUBIC_ONE (1ull << CUBIC_SHIFT)

/* beta = 0.7, C = 0.4 segments/s^3, alpha = 3 (1 - beta) / (1 + beta). */
#define CUBIC_BETA_NUM 7u
#define CUBIC_BETA_DEN 10u
#define CUBIC_C_PER_S3 419430ull /* 0.4 * CUBIC_ONE */
#define CUBIC_ALPHA 555129ull    /* 0.5294 * CUBIC_ONE */

/* Beyond, C t^3 is 400,000 segments, and products would leave 64 bits. */
#define CUBIC_MAX_MS 100000u
#define CUBIC_MAX_SEGMENTS (1ull << 22)

struct cubic {
	__u64 epoch_us;     /* virtual; when this stage began, 0: none under way */
	__u64 w_max, w_est; /* fixed point */
	__u32 k_ms;
	__u32 cwnd_prior;   /* at the last reduction */
	__u32 timed_out;    /* the stage to come is the first after a timeout */
};

/* The largest r with r^3 <= x, for x below 2^63. */
static inline __u32 cubic_root(__u64 x)
{
	__u64 r = 0;

	for (int bit = 20; bit >= 0; bit--) {
		__u64 with = r | 1ull << bit;

		if (with * with * with <= x) {
			r = with;
		}
	}
	return (__u32)r;
}

/* C t^3 for t in ms, fixed point. */
static inline __u64 cubic_growth(__u64 ms)
{
	__u64 t = ms < CUBIC_MAX_MS ? ms : CUBIC_MAX_MS;

	return t * t * t / 1000 * CUBIC_C_PER_S3 / 1000000;
}

/* W_cubic at @ms after the beginning of the stage. */
static inline __u64 cubic_window(const struct cubic *c, __u64 ms)
{
	__u64 below;

	if (ms >= c->k_ms) {
		return c->w_max + cubic_growth(ms - c->k_ms);
	}
	below = cubic_growth(c->k_ms - ms);
	return c->w_max > below ? c->w_max - below : 0;
}

/*
 * A stage of congestion avoidance begins.  After a timeout, and where the window is
 * at W_max already (slow start went past it), it begins on the plateau: K = 0.
 */
static inline void cubic_begin(struct cubic *c, __u32 cwnd, __u64 now_us)
{
	__u64 w = (__u64)cwnd << CUBIC_SHIFT, gap;

	c->epoch_us = now_us ? now_us : 1;
	c->w_est = w;
	if (c->timed_out || w >= c->w_max) {
		c->w_max = w;
	}
	c->timed_out = 0;
	gap = c->w_max - w;
	if (gap > CUBIC_MAX_SEGMENTS << CUBIC_SHIFT) {
		gap = CUBIC_MAX_SEGMENTS << CUBIC_SHIFT;
	}
	/* cbrt(gap / 0.4) s, in ms */
	c->k_ms = cubic_root((gap >> 10) * 2500000000ull >> (CUBIC_SHIFT - 10));
}

/* Congestion: ends the stage, remembers the window, and gives the slow start threshold. */
static inline __u32 cubic_reduce(struct cubic *c, __u32 cwnd)
{
	__u64 w = (__u64)cwnd << CUBIC_SHIFT;
	__u32 ssthresh = (__u32)((__u64)cwnd * CUBIC_BETA_NUM / CUBIC_BETA_DEN);

	/* Fast convergence: a flow that lost before it was back gives room. */
	c->w_max = w < c->w_max ? w * (CUBIC_BETA_DEN + CUBIC_BETA_NUM) / (2 * CUBIC_BETA_DEN) : w;
	c->cwnd_prior = cwnd;
	c->epoch_us = 0;
	return ssthresh > 2 ? ssthresh : 2;
}

/* What Reno would have by now; brought up to date by each ACK. */
static inline void cubic_friendly(struct cubic *c, __u32 cwnd, __u32 acked)
{
	__u64 alpha = c->w_est >= (__u64)c->cwnd_prior << CUBIC_SHIFT ? CUBIC_ONE : CUBIC_ALPHA;

	c->w_est += alpha * acked / (cwnd ? cwnd : 1);
}

/* The window to be reached one round trip from now: W_cubic within [cwnd, 1.5 cwnd]. */
static inline __u64 cubic_target(const struct cubic *c, __u32 cwnd, __u64 ms, __u64 rtt_ms)
{
	__u64 w = (__u64)cwnd << CUBIC_SHIFT, target = cubic_window(c, ms + rtt_ms);

	if (target < w) {
		return w;
	}
	return target > w + w / 2 ? w + w / 2 : target;
}

/* The window gains one segment for so many ACKed ones, to go from cwnd to target in a round
 * trip; 0: not at all. */
static inline __u32 cubic_interval(__u32 cwnd, __u64 target)
{
	__u64 w = (__u64)cwnd << CUBIC_SHIFT, n;

	if (target <= w) {
		return 0;
	}
	n = w / (target - w);
	n = n > 0xffffffffull ? 0xffffffffull : n;
	return n < 2 ? 2 : (__u32)n;
}

#endif
