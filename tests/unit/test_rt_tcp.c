// SPDX-License-Identifier: GPL-2.0-or-later
/* The arithmetic of the network stack's constants under a factor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rt/net_times.h"
#include "rt/tcp_bpf.h"

static long scaled(const char *name, uint32_t num, uint32_t den)
{
	for (size_t i = 0; i < net_time_count; i++) {
		if (!strcmp(net_times[i].sysctl, name)) {
			return net_time_scaled(&net_times[i], (struct tdf){ num, den });
		}
	}
	fail_msg("no constant %s", name);
	return -1;
}

static void test_one_is_default(void **state)
{
	(void)state;
	for (size_t i = 0; i < net_time_count; i++) {
		assert_int_equal(net_time_scaled(&net_times[i], (struct tdf){ 1, 1 }), net_times[i].value);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < net_time_count; i++) {
		const struct net_time *t = &net_times[i];
		long least = net_time_scaled(t, (struct tdf){ 1, 1000 });
		long most = net_time_scaled(t, (struct tdf){ 1000, 1 });

		assert_true(t->min <= t->value && t->value <= t->max);
		assert_true(least >= t->min && least <= t->max && most >= t->min && most <= t->max);
		/* Each moves, up or down, unless a bound is where it stands. */
		assert_true(least != most);
	}
}

static void test_up(void **state)
{
	(void)state;
	assert_int_equal(scaled("ipv4/tcp_rto_min_us", 10, 1), 2000000);
	assert_int_equal(scaled("ipv4/tcp_rto_min_us", 5, 2), 500000);
	assert_int_equal(scaled("ipv4/tcp_keepalive_time", 10, 1), 72000);
	assert_int_equal(scaled("ipv4/tcp_rto_max_ms", 10, 1), 120000); /* the kernel takes no more */
	assert_int_equal(scaled("ipv4/tcp_tw_reuse_delay", 1000, 1), 60000);
	assert_int_equal(scaled("ipv4/icmp_msgs_per_sec", 10, 1), 100);
	assert_int_equal(scaled("netfilter/nf_conntrack_udp_timeout", 10, 1), 300);
	assert_int_equal(scaled("ipv4/conf/eth0/igmpv3_unsolicited_report_interval", 10, 1), 10000);
}

static void test_down(void **state)
{
	(void)state;
	assert_int_equal(scaled("ipv4/tcp_rto_min_us", 1, 10), 20000);
	assert_int_equal(scaled("ipv4/tcp_rto_max_ms", 1, 1000), 1000);
	assert_int_equal(scaled("ipv4/tcp_keepalive_intvl", 1, 1000), 1);
	assert_int_equal(scaled("ipv4/icmp_msgs_per_sec", 1, 10), 10000);
}

/* FIN_WAIT2 lasts 2 * (F - 60) seconds for F above 60: 600 of them need 360. */
static void test_fin(void **state)
{
	(void)state;
	assert_int_equal(scaled("ipv4/tcp_fin_timeout", 10, 1), 360);
	assert_int_equal(scaled("ipv4/tcp_fin_timeout", 2, 1), 120);
	assert_int_equal(scaled("ipv4/tcp_fin_timeout", 1, 10), 6);
	assert_int_equal(scaled("ipv4/tcp_fin_timeout", 1, 1000), 1);
}

/*
 * 15 retransmissions: 0.2 s doubled nine times are 204.6 s, and six of 120 s: 924.6 s.
 * Ten times that are 204.6 s and 75.3 of 120 s: 76 more than nine.
 */
static void test_retries(void **state)
{
	(void)state;
	assert_int_equal(scaled("ipv4/tcp_retries2", 10, 1), 85);
	assert_int_equal(scaled("ipv4/tcp_retries2", 2, 1), 23); /* 1849.2 = 204.6 + 13.7 * 120 */
	assert_int_equal(scaled("ipv4/tcp_retries2", 1000, 1), 255);
	assert_int_equal(scaled("ipv4/tcp_retries2", 1, 10), 15);
}

/* A burst is limited by RTT >> 9: at twice the time the same one by >> 10. */
static void test_shift(void **state)
{
	(void)state;
	assert_int_equal(scaled("ipv4/tcp_tso_rtt_log", 2, 1), 10);
	assert_int_equal(scaled("ipv4/tcp_tso_rtt_log", 8, 1), 12);
	assert_int_equal(scaled("ipv4/tcp_tso_rtt_log", 1, 4), 7);
	assert_int_equal(scaled("ipv4/tcp_tso_rtt_log", 1, 1000), 1);
}

static void test_initial_rto(void **state)
{
	(void)state;
	assert_int_equal(tcp_bpf_initial_rto((struct tdf){ 1, 1 }, 250), 250);
	assert_int_equal(tcp_bpf_initial_rto((struct tdf){ 10, 1 }, 250), 2500);
	assert_int_equal(tcp_bpf_initial_rto((struct tdf){ 10, 1 }, 1000), 10000);
	assert_int_equal(tcp_bpf_initial_rto((struct tdf){ 5, 2 }, 100), 250);
	assert_int_equal(tcp_bpf_initial_rto((struct tdf){ 121, 1 }, 250), 120 * 250);
	assert_int_equal(tcp_bpf_initial_rto((struct tdf){ 1, 1000 }, 250), 1);
}

/*
 * The coarse clock goes by whole ticks, and not always by an even number of them.  How many pass between two looks is
 * the host's affair: a busy one may never let us see two that follow each other.
 */
static void test_hz(void **state)
{
	double tick = (double)NS_PER_S / tcp_bpf_hz();
	struct timespec a, b;
	bool odd = false;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &a);
	for (unsigned i = 0; i < 40; i++, a = b) {
		double ticks;

		usleep(1000 + i * 7919 % 11 * 1000);
		clock_gettime(CLOCK_MONOTONIC_COARSE, &b);
		ticks = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / tick;
		/* A clock that is being corrected runs off by a tick in two thousand at most. */
		assert_true(fabs(ticks - round(ticks)) < 0.05 + ticks / 2000);
		odd |= (long)round(ticks) % 2 != 0;
	}
	assert_true(odd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_is_default),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_fin),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_initial_rto),
		cmocka_unit_test(test_hz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
