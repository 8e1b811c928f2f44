/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shared - what lento tells the programs in the kernel: the virtual clock and the
 * initial RTO.  One global of tcp.bpf.c, mapped writable by lento (tcp_bpf.c).
 *
 * The clock is the line of the clock page (timedil/page.h) in microseconds, with the
 * factor as the ratio that the user gave: exact without 128-bit products, which BPF has
 * not.  There are two lines: lento writes the one that is not in use, then turns
 * `current` to it, so that a reader never sees half of a change.
 */
#ifndef LENTO_BPF_SHARED_H
#define LENTO_BPF_SHARED_H

#include <linux/types.h>

struct tcp_line {
	__u64 wall0_us, virt0_us; /* CLOCK_MONOTONIC of the host, and virtual */
	__u32 tdf_num, tdf_den;
	__u32 running;            /* 0: virtual time stands still */
	__u32 unused;
};

struct tcp_shared {
	__u32 current;            /* index into line[] */
	__u32 initial_rto;        /* in the kernel's jiffies */
	struct tcp_line line[2];
};

/* A wall duration in virtual time. */
static inline __u64 tcp_line_virtual(const struct tcp_line *line, __u64 wall_us)
{
	return line->tdf_num ? wall_us * line->tdf_den / line->tdf_num : wall_us;
}

/* Virtual now. */
static inline __u64 tcp_line_now(const struct tcp_line *line, __u64 wall_now_us)
{
	if (!line->running || wall_now_us <= line->wall0_us) {
		return line->virt0_us;
	}
	return line->virt0_us + tcp_line_virtual(line, wall_now_us - line->wall0_us);
}

#endif
