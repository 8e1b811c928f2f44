/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel - the few members of kernel structures that tcp.bpf.c touches.  libbpf moves each
 * access to where the running kernel has the member (CO-RE), so no header of the
 * kernel that we are built on or for is needed, and order and gaps mean nothing here.
 */
#ifndef LENTO_BPF_KERNEL_H
#define LENTO_BPF_KERNEL_H

#include <linux/types.h>
#include <stdbool.h>

enum tcp_ca_event {
	CA_EVENT_TX_START, /* first packet after an idle time */
};

#define TCP_CA_Loss 4
#define TCP_CONG_NON_RESTRICTED 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock {
	int sk_lock; /* not touched; a structure has a member */
};

struct inet_connection_sock {
	__u64 icsk_ca_priv[13];
};

struct tcp_sock {
	__u32 snd_cwnd, snd_cwnd_clamp, snd_ssthresh;
	__u32 snd_nxt, snd_una;
	__u32 max_packets_out;
	__u32 srtt_us; /* 8 times the smoothed RTT */
	__u8 is_cwnd_limited : 1;
};

struct ack_sample {
	__u32 pkts_acked;
	__s32 rtt_us;
	__u32 in_flight;
};

#pragma clang attribute pop

/* Filled in by us, so without access relocation; libbpf copies it member by member. */
struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	void (*set_state)(struct sock *sk, __u8 new_state);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event event);
	void (*pkts_acked)(struct sock *sk, const struct ack_sample *sample);
	__u32 (*undo_cwnd)(struct sock *sk);
	__u32 flags;
	char name[16];
};

/* Of the kernel. */
extern __u32 tcp_slow_start(struct tcp_sock *tp, __u32 acked) __ksym;
extern void tcp_cong_avoid_ai(struct tcp_sock *tp, __u32 w, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

#endif
