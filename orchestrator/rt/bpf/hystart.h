/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hystart - HyStart++ (RFC 9406): leaving slow start when round-trip times rise, before
 * packets are lost.  Pure; all times are virtual microseconds.
 *
 * A round is a window's worth of data.  When the smallest of a round's RTTs is above that
 * of the round before by an eighth (4 to 16 ms), growth slows to a quarter
 * ("conservative slow start"); it is congestion avoidance after five such rounds, and
 * slow start again if the RTT turns out not to have risen.
 */
#ifndef LENTO_BPF_HYSTART_H
#define LENTO_BPF_HYSTART_H

#include <linux/types.h>

#define HYSTART_MIN_US 4000u
#define HYSTART_MAX_US 16000u
#define HYSTART_MIN_DIVISOR 8u
#define HYSTART_SAMPLES 8u
#define HYSTART_GROWTH_DIVISOR 4u
#define HYSTART_CSS_ROUNDS 5u
#define HYSTART_NONE 0xffffffffu

struct hystart {
	__u32 window_end;         /* sequence number that ends the round */
	__u32 last_us, min_us;    /* smallest RTT of the last round and of this one */
	__u32 baseline_us;        /* RTT that made growth conservative; HYSTART_NONE: it is not */
	__u16 samples, rounds;    /* RTTs of this round; rounds in conservative slow start */
	__u32 credit;             /* acknowledged segments that have not counted yet */
};

static inline void hystart_init(struct hystart *h)
{
	h->window_end = 0;
	h->last_us = h->min_us = h->baseline_us = HYSTART_NONE;
	h->samples = h->rounds = 0;
	h->credit = 0;
}

/* Data up to @window_end is under way: a new round.  1 when slow start is over. */
static inline int hystart_round(struct hystart *h, __u32 window_end)
{
	h->window_end = window_end;
	h->last_us = h->min_us;
	h->min_us = HYSTART_NONE;
	h->samples = 0;
	if (h->baseline_us == HYSTART_NONE) {
		return 0;
	}
	h->rounds++;
	return h->rounds >= HYSTART_CSS_ROUNDS;
}

static inline __u32 hystart_threshold(__u32 last_us)
{
	__u32 part = last_us / HYSTART_MIN_DIVISOR;

	part = part < HYSTART_MAX_US ? part : HYSTART_MAX_US;
	return part > HYSTART_MIN_US ? part : HYSTART_MIN_US;
}

static inline void hystart_rtt(struct hystart *h, __u32 rtt_us)
{
	h->min_us = rtt_us < h->min_us ? rtt_us : h->min_us;
	h->samples += h->samples < HYSTART_SAMPLES;
	if (h->samples < HYSTART_SAMPLES) {
		return;
	}
	if (h->baseline_us != HYSTART_NONE) {
		if (h->min_us < h->baseline_us) {
			h->baseline_us = HYSTART_NONE;
		}
	} else if (h->last_us != HYSTART_NONE &&
		   h->min_us >= h->last_us + hystart_threshold(h->last_us)) {
		h->baseline_us = h->min_us;
		h->rounds = 0;
	}
}

/* Of @acked segments, as many as the window grows by. */
static inline __u32 hystart_growth(struct hystart *h, __u32 acked)
{
	__u32 grow;

	if (h->baseline_us == HYSTART_NONE) {
		return acked;
	}
	h->credit += acked;
	grow = h->credit / HYSTART_GROWTH_DIVISOR;
	h->credit -= grow * HYSTART_GROWTH_DIVISOR;
	return grow;
}

#endif
