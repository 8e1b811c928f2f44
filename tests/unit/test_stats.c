// SPDX-License-Identifier: GPL-2.0-or-later
/* Statistics against worked examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/clean.h"
#include "report/stats.h"

static void assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance)) {
		fail_msg("%.9g where %.9g was expected", a, b);
	}
}

static const double five[] = { 3.1, 4.7, 2.2, 5.9, 4.0 };

static void a_sample_is_summarized(void **state)
{
	struct stats_summary s;

	(void)state;
	stats_summarize(five, 5, &s);
	assert_int_equal(s.n, 5);
	assert_near(s.mean, 3.98, 1e-12);
	assert_near(s.median, 4.0, 1e-12);
	assert_near(s.sd, 1.427235, 1e-6);
	assert_near(s.p95, 4.7 + 0.8 * 1.2, 1e-12); /* place 3.8 of 0..4 */
	assert_true(s.least == 2.2 && s.most == 5.9);
	stats_summarize(five, 0, &s);
	assert_true(s.n == 0 && isnan(s.mean) && isnan(s.median));
	stats_summarize(five, 1, &s);
	assert_true(s.mean == 3.1 && isnan(s.sd));
}

static void the_mean_has_students_interval(void **state)
{
	struct stats_range r = stats_mean_t95(five, 5);

	(void)state;
	/* t(0.975; 4) = 2.776445 */
	assert_near(r.low, 3.98 - 2.776445 * 1.427235 / sqrt(5), 1e-5);
	assert_near(r.high, 3.98 + 2.776445 * 1.427235 / sqrt(5), 1e-5);
	r = stats_mean_t95(five, 1);
	assert_true(isnan(r.low) && isnan(r.high));
}

static void the_bootstrap_is_of_the_seed_and_covers(void **state)
{
	struct stats_range a = stats_median_bootstrap95(five, 5, 7), b;

	(void)state;
	b = stats_median_bootstrap95(five, 5, 7);
	assert_true(a.low == b.low && a.high == b.high);
	assert_true(a.low <= 4.0 && 4.0 <= a.high && a.low >= 2.2 && a.high <= 5.9);
	/* The interval of a sample without spread is a point. */
	a = stats_median_bootstrap95((const double[]){ 2, 2, 2 }, 3, 7);
	assert_true(a.low == 2 && a.high == 2);
}

static void ks_is_the_largest_distance(void **state)
{
	static const double a[] = { 1, 2, 3, 4 }, b[] = { 3, 4, 5, 6 };

	(void)state;
	assert_near(stats_ks_distance(a, 4, b, 4), 0.5, 1e-12);
	assert_near(stats_ks_distance(a, 4, a, 4), 0, 1e-12);
	assert_near(stats_ks_distance(a, 2, b + 2, 2), 1, 1e-12);
	assert_near(stats_ks_distance(a, 4, (const double[]){ 2, 2 }, 2), 0.5, 1e-12);
	assert_true(isnan(stats_ks_distance(a, 0, b, 4)));
	/* Without slack it is the same, and with it values may be off by so much, either way. */
	assert_near(stats_ks_within(a, 4, b, 4, 0), 0.5, 1e-12);
	assert_near(stats_ks_within(b, 4, a, 4, 0), 0.5, 1e-12);
	assert_near(stats_ks_within(a, 4, (const double[]){ 2, 2 }, 2, 0), 0.5, 1e-12);
	assert_near(stats_ks_within(a, 4, b, 4, 1), 0.25, 1e-12);
	assert_near(stats_ks_within(a, 4, b, 4, 2), 0, 1e-12);
	assert_near(stats_ks_within(b, 4, a, 4, 2), 0, 1e-12);
	assert_true(isnan(stats_ks_within(a, 0, b, 4, 1)));
	/* Kolmogorov's 1.36 / sqrt(n) at 5 %. */
	assert_near(stats_ks_critical(100, 1000000000, 0.05), 0.1358, 1e-4);
	assert_near(stats_ks_critical(100, 100, 0.05), 0.1358 * sqrt(2), 1e-4);
}

/* Hollander and Wolfe (1973), p. 69: permeability of the placenta. */
static void mann_whitney_of_a_textbook(void **state)
{
	static const double x[] = { 0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46 };
	static const double y[] = { 1.15, 0.88, 0.90, 0.74, 1.21 };
	struct stats_mann_whitney m = stats_mann_whitney(x, 10, y, 5), back;

	(void)state;
	assert_near(m.u, 35, 1e-12);
	assert_near(m.delta, 0.4, 1e-12);
	/* z = (10 - 0.5) / sqrt(10 * 5 * 16 / 12) */
	assert_near(m.p, erfc(9.5 / sqrt(800 / 12.0) / sqrt(2)), 1e-9);
	back = stats_mann_whitney(y, 5, x, 10);
	assert_near(back.p, m.p, 1e-12);
	assert_near(back.delta, -m.delta, 1e-12);
}

static void ties_are_shared(void **state)
{
	static const double a[] = { 1, 2, 2, 3 }, b[] = { 2, 2, 4 };
	struct stats_mann_whitney m = stats_mann_whitney(a, 4, b, 3);

	(void)state;
	/* ranks of a: 1, 3.5, 3.5, 6; ties: 4^3 - 4 = 60 */
	assert_near(m.u, 14 - 10, 1e-12);
	assert_near(m.p, erfc(1.5 / sqrt(4 * 3 / 12.0 * (8 - 60 / 42.0)) / sqrt(2)), 1e-9);
	m = stats_mann_whitney(a + 1, 2, b, 2);
	assert_near(m.p, 1, 1e-12);
	assert_near(m.delta, 0, 1e-12);
	assert_true(isnan(stats_mann_whitney(a, 0, b, 2).p));
}

static void jain_is_one_for_equal_shares(void **state)
{
	(void)state;
	assert_near(stats_jain((const double[]){ 3, 3, 3 }, 3), 1, 1e-12);
	assert_near(stats_jain((const double[]){ 5, 0, 0, 0 }, 4), 0.25, 1e-12);
	assert_true(isnan(stats_jain((const double[]){ 0, 0 }, 2)));
	assert_true(isnan(stats_jain(NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_is_summarized),
		cmocka_unit_test(the_mean_has_students_interval),
		cmocka_unit_test(the_bootstrap_is_of_the_seed_and_covers),
		cmocka_unit_test(ks_is_the_largest_distance),
		cmocka_unit_test(mann_whitney_of_a_textbook),
		cmocka_unit_test(ties_are_shared),
		cmocka_unit_test(jain_is_one_for_equal_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
