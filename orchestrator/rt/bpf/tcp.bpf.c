// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tcp - what of a peer's TCP no sysctl reaches, in programs that the kernel runs.
 *
 * `initial_rto` is attached to the run's cgroup: the kernel asks it how long to wait for
 * the answer to a SYN or a SYN-ACK.  `cubic` is a congestion control of its own, CUBIC
 * with HyStart++, which reads the virtual clock where the kernel's reads jiffies.
 * Loaded and told of the clock by tcp_bpf.c.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "cubic.h"
#include "hystart.h"
#include "kernel.h"
#include "shared.h"

char tcp_licence[] SEC("license") = "GPL";

struct tcp_shared shared;

SEC("sockops")
int initial_rto(struct bpf_sock_ops *ops)
{
	ops->reply = ops->op == BPF_SOCK_OPS_TIMEOUT_INIT ? (int)shared.initial_rto : -1;
	return 1;
}

/* --- the virtual clock ------------------------------------------------------- */

static const struct tcp_line *clock_line(void)
{
	return &shared.line[shared.current & 1];
}

static __u64 now_us(void)
{
	return tcp_line_now(clock_line(), bpf_ktime_get_ns() / 1000);
}

/* --- congestion control ------------------------------------------------------ */

struct flow {
	struct cubic cubic;
	struct hystart hystart;
	__u64 last_us; /* of the last ACK, virtual: to leave idle times out */
};

_Static_assert(sizeof(struct flow) <= sizeof(((struct inet_connection_sock *)0)->icsk_ca_priv),
	       "a flow's state fits into the socket");

static struct flow *flow_of(struct sock *sk)
{
	return (struct flow *)((struct inet_connection_sock *)sk)->icsk_ca_priv;
}

static bool in_slow_start(const struct tcp_sock *tp)
{
	return tp->snd_cwnd < tp->snd_ssthresh;
}

/* Has the window held the sender back?  One that was not used does not grow. */
static bool is_cwnd_limited(struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ||
	       (in_slow_start(tp) && tp->snd_cwnd < 2 * tp->max_packets_out);
}

SEC("struct_ops/cubic_init")
void BPF_PROG(cubic_init, struct sock *sk)
{
	struct flow *f = flow_of(sk);

	f->cubic.epoch_us = f->cubic.w_max = f->cubic.w_est = 0;
	f->cubic.k_ms = f->cubic.cwnd_prior = f->cubic.timed_out = 0;
	f->last_us = 0;
	hystart_init(&f->hystart);
}

SEC("struct_ops/cubic_ssthresh")
__u32 BPF_PROG(cubic_ssthresh, struct sock *sk)
{
	return cubic_reduce(&flow_of(sk)->cubic, ((struct tcp_sock *)sk)->snd_cwnd);
}

static void avoid_congestion(struct tcp_sock *tp, struct cubic *c, __u32 acked)
{
	__u32 cwnd = tp->snd_cwnd, interval, reno;
	__u64 now = now_us(), ms, rtt_ms;

	if (!c->epoch_us) {
		cubic_begin(c, cwnd, now);
	}
	cubic_friendly(c, cwnd, acked);
	ms = now > c->epoch_us ? (now - c->epoch_us) / 1000 : 0;
	reno = (__u32)(c->w_est >> CUBIC_SHIFT);
	if (cubic_window(c, ms) < c->w_est) {
		if (reno > cwnd) {
			tp->snd_cwnd = reno < tp->snd_cwnd_clamp ? reno : tp->snd_cwnd_clamp;
		}
		return;
	}
	rtt_ms = tcp_line_virtual(clock_line(), tp->srtt_us >> 3) / 1000;
	interval = cubic_interval(cwnd, cubic_target(c, cwnd, ms, rtt_ms));
	if (interval) {
		tcp_cong_avoid_ai(tp, interval, acked);
	}
}

SEC("struct_ops/cubic_cong_avoid")
void BPF_PROG(cubic_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct flow *f = flow_of(sk);

	if (!is_cwnd_limited(tp)) {
		return;
	}
	if (in_slow_start(tp)) {
		bool gentle = f->hystart.baseline_us != HYSTART_NONE;

		acked = tcp_slow_start(tp, hystart_growth(&f->hystart, acked));
		if (!acked || gentle) {
			return;
		}
	}
	avoid_congestion(tp, &f->cubic, acked);
}

SEC("struct_ops/cubic_pkts_acked")
void BPF_PROG(cubic_pkts_acked, struct sock *sk, const struct ack_sample *sample)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct flow *f = flow_of(sk);

	f->last_us = now_us();
	if (sample->rtt_us <= 0 || !in_slow_start(tp)) {
		return;
	}
	if ((__s32)(tp->snd_una - f->hystart.window_end) >= 0 &&
	    hystart_round(&f->hystart, tp->snd_nxt)) {
		tp->snd_ssthresh = tp->snd_cwnd;
		return;
	}
	hystart_rtt(&f->hystart, (__u32)tcp_line_virtual(clock_line(), (__u32)sample->rtt_us));
}

SEC("struct_ops/cubic_cwnd_event")
void BPF_PROG(cubic_cwnd_event, struct sock *sk, enum tcp_ca_event event)
{
	struct flow *f = flow_of(sk);
	__u64 now = now_us();

	/* The curve does not go on while there is nothing to send. */
	if (event == CA_EVENT_TX_START && f->cubic.epoch_us && f->last_us && now > f->last_us) {
		f->cubic.epoch_us += now - f->last_us;
		f->last_us = now;
	}
}

SEC("struct_ops/cubic_set_state")
void BPF_PROG(cubic_set_state, struct sock *sk, __u8 new_state)
{
	struct flow *f = flow_of(sk);

	if (new_state == TCP_CA_Loss) {
		f->cubic.epoch_us = 0;
		f->cubic.timed_out = 1;
		hystart_init(&f->hystart);
	}
}

SEC("struct_ops/cubic_undo_cwnd")
__u32 BPF_PROG(cubic_undo_cwnd, struct sock *sk)
{
	return tcp_reno_undo_cwnd(sk);
}

/* Anybody may choose it, so it can be the default of a peer's network namespace; the
 * name's end is replaced by what makes it unique (tcp_bpf.c). */
SEC(".struct_ops")
struct tcp_congestion_ops cubic = {
	.init = (void *)cubic_init,
	.ssthresh = (void *)cubic_ssthresh,
	.cong_avoid = (void *)cubic_cong_avoid,
	.set_state = (void *)cubic_set_state,
	.cwnd_event = (void *)cubic_cwnd_event,
	.pkts_acked = (void *)cubic_pkts_acked,
	.undo_cwnd = (void *)cubic_undo_cwnd,
	.flags = TCP_CONG_NON_RESTRICTED,
	.name = "lento_cubic____",
};
