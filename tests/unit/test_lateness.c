// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures from histograms of lateness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "report/lateness.h"

static void quantiles(void **state)
{
	/* 80 packets below 2 us, 10 from 4 to 8, 10 from 1024 to 2048. */
	const uint64_t hist[WIRE_LATE_BUCKETS] = {[0] = 80, [2] = 10, [10] = 10};

	(void)state;
	assert_true(fabs(lateness_quantile_us(hist, 0) - 0) < 1e-9);
	assert_true(fabs(lateness_quantile_us(hist, 0.4) - 1) < 1e-9);
	assert_true(fabs(lateness_quantile_us(hist, 0.8) - 2) < 1e-9);
	assert_true(fabs(lateness_quantile_us(hist, 0.85) - 6) < 1e-9);
	assert_true(fabs(lateness_quantile_us(hist, 0.95) - 1536) < 1e-6);
	assert_true(fabs(lateness_quantile_us(hist, 1) - 2048) < 1e-6);
	/* The other way round. */
	assert_true(fabs(lateness_beyond(hist, 6) - 15) < 1e-9);
	assert_true(fabs(lateness_packets(hist) - 100) < 1e-9);
}

static void nothing(void **state)
{
	const uint64_t hist[WIRE_LATE_BUCKETS] = {0};

	(void)state;
	assert_true(isnan(lateness_quantile_us(hist, 0.5)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
