// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/net_times.h"

#include <limits.h>
#include <math.h>

#include "base/clean.h"

/* Seconds and milliseconds become jiffies in an int. */
#define MAX_S (INT_MAX / 1000)
#define MAX_MS INT_MAX

/*
 * Defaults as in Linux 6.18; eth0 is a peer's one device.  An older kernel lacks some:
 * tcp_rto_min_us came with 6.11, tcp_tw_reuse_delay with 6.14, tcp_rto_max_ms with 6.15.
 * Not here: tcp_fastopen_blackhole_timeout_sec, which is 0 (off), and everything else that
 * counts bytes, packets or round trips.
 */
const struct net_time net_times[] = {
	{ "ipv4/tcp_rto_min_us", "us", 200000, 1, INT_MAX, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_rto_max_ms", "ms", 120000, 1000, 120000, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_retries2", "", 15, 15, 255, SCALE_RETRIES, NULL },
	{ "ipv4/tcp_fin_timeout", "s", 60, 1, MAX_S, SCALE_FIN, NULL },
	{ "ipv4/tcp_keepalive_time", "s", 7200, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_keepalive_intvl", "s", 75, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_min_rtt_wlen", "s", 300, 1, 86400, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_comp_sack_delay_ns", "ns", 1000000, 1, INT_MAX, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_comp_sack_slack_ns", "ns", 100000, 1, INT_MAX, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_probe_interval", "s", 600, 1, INT_MAX, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_invalid_ratelimit", "ms", 500, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv4/tcp_tw_reuse_delay", "ms", 1000, 1, 60000, SCALE_LINEAR, "TIME_WAIT reuse (1 s)" },
	{ "ipv4/tcp_tso_rtt_log", "", 9, 1, 31, SCALE_SHIFT, "burst size by RTT" },
	{ "ipv4/ipfrag_time", "s", 30, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv4/icmp_ratelimit", "ms", 1000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv4/icmp_msgs_per_sec", "/s", 1000, 1, INT_MAX, SCALE_RATE, "ICMP rate limit" },
	{ "ipv4/route/mtu_expires", "s", 600, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv4/conf/eth0/igmpv2_unsolicited_report_interval", "ms", 10000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv4/conf/eth0/igmpv3_unsolicited_report_interval", "ms", 1000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv4/neigh/eth0/base_reachable_time_ms", "ms", 30000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv4/neigh/eth0/retrans_time_ms", "ms", 1000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv4/neigh/eth0/delay_first_probe_time", "s", 5, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv4/neigh/eth0/gc_stale_time", "s", 60, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv6/ip6frag_time", "s", 60, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv6/icmp/ratelimit", "ms", 1000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv6/route/mtu_expires", "s", 600, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv6/conf/eth0/mldv1_unsolicited_report_interval", "ms", 10000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv6/conf/eth0/mldv2_unsolicited_report_interval", "ms", 1000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv6/neigh/eth0/base_reachable_time_ms", "ms", 30000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv6/neigh/eth0/retrans_time_ms", "ms", 1000, 1, MAX_MS, SCALE_LINEAR, NULL },
	{ "ipv6/neigh/eth0/delay_first_probe_time", "s", 5, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "ipv6/neigh/eth0/gc_stale_time", "s", 60, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_generic_timeout", "s", 600, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_icmp_timeout", "s", 30, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_close", "s", 10, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_close_wait", "s", 60, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_established", "s", 432000, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_fin_wait", "s", 120, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_last_ack", "s", 30, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_max_retrans", "s", 300, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_syn_recv", "s", 60, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_syn_sent", "s", 120, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_time_wait", "s", 120, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_tcp_timeout_unacknowledged", "s", 300, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_udp_timeout", "s", 30, 1, MAX_S, SCALE_LINEAR, NULL },
	{ "netfilter/nf_conntrack_udp_timeout_stream", "s", 120, 1, MAX_S, SCALE_LINEAR, NULL },
};
const size_t net_time_count = ARRAY_LEN(net_times);

/* FIN_WAIT2 lasts F seconds for F up to 60; above, the kernel waits F-60 seconds
 * twice.  So a wait of T > 60 seconds needs F = T/2 + 60. */
static double fin_timeout(double seconds)
{
	return seconds <= 60 ? seconds : seconds / 2 + 60;
}

/*
 * How long a connection is retried before it is given up, in wall seconds: the kernel
 * adds up time-outs that begin at its own 200 ms, whatever the minimum RTO is set to, and
 * double up to 120 s.
 */
static double retry_time(long retries)
{
	const double first = 0.2, longest = 120;
	long doublings = (long)log2(longest / first); /* those that stay below the longest */

	if (retries <= doublings) {
		return (double)((2L << retries) - 1) * first;
	}
	return (double)((2L << doublings) - 1) * first + (double)(retries - doublings) * longest;
}

static long retries_for(double seconds, long max)
{
	long n = 0;

	while (n < max && retry_time(n) < seconds * (1 - 1e-9)) {
		n++;
	}
	return n;
}

long net_time_scaled(const struct net_time *t, struct tdf tdf)
{
	double k = tdf_double(tdf), v = (double)t->value;

	switch (t->scale) {
	case SCALE_LINEAR:
		v *= k;
		break;
	case SCALE_RATE:
		v /= k;
		break;
	case SCALE_FIN:
		v = fin_timeout(v * k);
		break;
	case SCALE_RETRIES:
		v = (double)retries_for(retry_time(t->value) * k, t->max);
		break;
	case SCALE_SHIFT:
		v += log2(k);
		break;
	}
	v = v < (double)t->min ? (double)t->min : v;
	v = v > (double)t->max ? (double)t->max : v;
	return lround(v);
}
