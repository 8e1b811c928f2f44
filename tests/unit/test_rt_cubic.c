// SPDX-License-Identifier: GPL-2.0-or-later
/* CUBIC's and HyStart++'s integers against the formulas of RFC 9438 and RFC 9406. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "rt/bpf/cubic.h"
#include "rt/bpf/hystart.h"
#include "rt/bpf/shared.h"

static double segments(uint64_t fixed)
{
	return (double)fixed / (double)CUBIC_ONE;
}

static void assert_near(double got, double want, double tolerance)
{
	if (fabs(got - want) > tolerance) {
		fail_msg("%g is not within %g of %g", got, tolerance, want);
	}
}

static void test_root(void **state)
{
	(void)state;
	for (uint64_t r = 0; r < (1u << 21) - 1; r += r / 7 + 1) {
		assert_int_equal(cubic_root(r * r * r), r);
		assert_int_equal(cubic_root((r + 1) * (r + 1) * (r + 1) - 1), r);
	}
}

/* Losses at windows of all sizes, looked at over all of the curve. */
static void test_curve(void **state)
{
	(void)state;
	for (uint32_t w_max = 3; w_max < 1u << 20; w_max += w_max / 3 + 1) {
		struct cubic c = { 0 };
		uint32_t cwnd = cubic_reduce(&c, w_max);
		double k;

		cubic_begin(&c, cwnd, 1000000);
		k = cbrt((w_max - cwnd) / 0.4);
		assert_near(c.k_ms / 1000.0, k, 0.0011);
		for (double t = 0; t < 2 * k && t < 90; t += k / 50) {
			double want = 0.4 * pow(t - k, 3) + w_max, slope = 1.2 * pow(t - k, 2);

			/* K and t are whole milliseconds. */
			assert_near(segments(cubic_window(&c, (uint64_t)(t * 1000))), want,
				    0.01 + 0.0025 * slope);
		}
	}
}

static void test_reduction(void **state)
{
	struct cubic c = { 0 };

	(void)state;
	assert_int_equal(cubic_reduce(&c, 100), 70);
	assert_near(segments(c.w_max), 100, 0.001);
	/* Lost again before it was back at 100: fast convergence, 80 * 1.7 / 2. */
	assert_int_equal(cubic_reduce(&c, 80), 56);
	assert_near(segments(c.w_max), 68, 0.001);
	assert_int_equal(cubic_reduce(&c, 2), 2);
}

static void test_plateau(void **state)
{
	struct cubic c = { 0 };

	(void)state;
	/* Slow start went past the old maximum: the curve begins flat, here. */
	cubic_reduce(&c, 50);
	cubic_begin(&c, 200, 5);
	assert_int_equal(c.k_ms, 0);
	assert_near(segments(cubic_window(&c, 0)), 200, 0.001);
	/* After a timeout too, however far below. */
	cubic_reduce(&c, 1000);
	c.timed_out = 1;
	cubic_begin(&c, 10, 5);
	assert_int_equal(c.k_ms, 0);
	assert_near(segments(c.w_max), 10, 0.001);
	assert_int_equal(c.timed_out, 0);
}

/* W_est gains alpha a round trip, and 1 once it is back where it was. */
static void test_friendly(void **state)
{
	struct cubic c = { 0 };
	uint32_t cwnd = cubic_reduce(&c, 100);

	(void)state;
	cubic_begin(&c, cwnd, 1);
	for (int ack = 0; ack < 70; ack++) {
		cubic_friendly(&c, cwnd, 1);
	}
	assert_near(segments(c.w_est), 70 + 0.52941, 0.001);
	c.w_est = 100 * CUBIC_ONE;
	cubic_friendly(&c, 100, 100);
	assert_near(segments(c.w_est), 101, 0.001);
}

static void test_target(void **state)
{
	struct cubic c = { .w_max = 100 * CUBIC_ONE };

	(void)state;
	assert_near(segments(cubic_target(&c, 120, 0, 0)), 120, 0.001);     /* never down */
	assert_near(segments(cubic_target(&c, 100, 90000, 0)), 150, 0.001); /* by half at most */
	assert_near(segments(cubic_target(&c, 100, 1000, 1000)), 103.2, 0.01);
	assert_int_equal(cubic_interval(100, 100 * CUBIC_ONE), 0);
	assert_int_equal(cubic_interval(100, 150 * CUBIC_ONE), 2);
	assert_int_equal(cubic_interval(100, 101 * CUBIC_ONE), 100);
}

/* --- HyStart++ --- */

static void rtts(struct hystart *h, uint32_t us, unsigned n)
{
	while (n-- > 0) {
		hystart_rtt(h, us);
	}
}

static void test_hystart(void **state)
{
	struct hystart h;

	(void)state;
	hystart_init(&h);
	assert_int_equal(hystart_round(&h, 1000), 0);
	rtts(&h, 40000, 20);
	assert_int_equal(hystart_round(&h, 2000), 0);
	rtts(&h, 44999, 20); /* an eighth is 5 ms */
	assert_int_equal(hystart_growth(&h, 8), 8);
	hystart_round(&h, 3000);
	rtts(&h, 50700, 7);
	assert_int_equal(hystart_growth(&h, 8), 8); /* seven are too few */
	rtts(&h, 50700, 1);
	assert_int_equal(hystart_growth(&h, 6), 1);
	assert_int_equal(hystart_growth(&h, 2), 1); /* 8 of them: 2 */
	for (int round = 1; round < 5; round++) {
		assert_int_equal(hystart_round(&h, 4000), 0);
		rtts(&h, 50700, 8);
	}
	assert_int_equal(hystart_round(&h, 5000), 1);
}

static void test_hystart_back(void **state)
{
	struct hystart h;

	(void)state;
	hystart_init(&h);
	hystart_round(&h, 1);
	rtts(&h, 10000, 8);
	hystart_round(&h, 2);
	rtts(&h, 14000, 8); /* at least 4 ms */
	assert_int_equal(h.baseline_us, 14000);
	hystart_round(&h, 3);
	rtts(&h, 13000, 8);
	assert_int_equal(h.baseline_us, HYSTART_NONE);
	assert_int_equal(hystart_threshold(400000), 16000);
}

/* --- the clock --- */

static void test_clock(void **state)
{
	struct tcp_line line = { .wall0_us = 1000, .virt0_us = 5000, .tdf_num = 10, .tdf_den = 1, .running = 1 };

	(void)state;
	assert_int_equal(tcp_line_now(&line, 1000), 5000);
	assert_int_equal(tcp_line_now(&line, 2000), 5100);
	assert_int_equal(tcp_line_now(&line, 900), 5000);
	assert_int_equal(tcp_line_virtual(&line, 400000), 40000);
	line.running = 0;
	assert_int_equal(tcp_line_now(&line, 2000), 5000);
	line = (struct tcp_line){ .tdf_num = 1, .tdf_den = 1000, .running = 1 };
	/* A month of wall time. */
	assert_int_equal(tcp_line_now(&line, UINT64_C(2592000000000)), UINT64_C(2592000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_curve),
		cmocka_unit_test(test_reduction),
		cmocka_unit_test(test_plateau),
		cmocka_unit_test(test_friendly),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_hystart),
		cmocka_unit_test(test_hystart_back),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
