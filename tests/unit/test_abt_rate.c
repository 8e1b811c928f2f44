// SPDX-License-Identifier: GPL-2.0-or-later
/* The rate of a connection, against mainline's formula worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/rate.h"

static instant_t at_s(int64_t s)
{
	return (instant_t){ s * ABT_S_NS };
}

static void test_starts_5_s_early(void **state)
{
	struct rate rate;

	(void)state;
	rate_init(&rate, at_s(1000), RATE_PERIOD_NS);
	assert_int_equal(rate_bytes_s(&rate, at_s(1000)), 0);
	rate_add(&rate, at_s(1000), 1000);
	assert_int_equal(rate_bytes_s(&rate, at_s(1000)), 200);
	assert_int_equal(rate_bytes_s(&rate, at_s(1005)), 100);
}

/* 1000 bytes a second: after n seconds n * 1000 bytes lie in n + 5 s, until the window slides. */
static void test_steady(void **state)
{
	struct rate rate;

	(void)state;
	rate_init(&rate, at_s(0), RATE_PERIOD_NS);
	for (int64_t s = 1; s <= 15; s++) {
		rate_add(&rate, at_s(s), 1000);
		assert_in_range(rate_bytes_s(&rate, at_s(s)), s * 1000 / (s + 5) - 1,
				s * 1000 / (s + 5));
	}
	for (int64_t s = 16; s <= 300; s++) {
		rate_add(&rate, at_s(s), 1000);
	}
	assert_in_range(rate_bytes_s(&rate, at_s(300)), 998, 1000);
	assert_int_equal(rate.total_bytes, 300000);
}

/* Silence of one period halves a rate measured over a full one: 20 s of it lie in 40. */
static void test_period(void **state)
{
	static const struct {
		int64_t period_ns;
		uint64_t want;
	} cases[] = { { RATE_PERIOD_NS, 500 }, { RATE_SEED_PERIOD_NS, 833 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rate rate;

		rate_init(&rate, at_s(0), cases[i].period_ns);
		rate_add(&rate, at_s(95), 100000); /* 1000 a second over 100 s */
		assert_int_equal(rate_bytes_s(&rate, at_s(95)), 1000);
		assert_int_equal(rate_bytes_s(&rate, at_s(115)), cases[i].want);
	}
}

/* No loss of precision with the largest pieces a message can carry, nor at a trickle. */
static void test_extremes(void **state)
{
	struct rate rate;

	(void)state;
	rate_init(&rate, at_s(0), RATE_PERIOD_NS);
	for (int64_t s = 1; s <= 100; s++) {
		rate_add(&rate, at_s(s), UINT32_MAX);
	}
	assert_in_range(rate_bytes_s(&rate, at_s(100)), UINT64_C(4200000000), UINT32_MAX);
	rate_init(&rate, at_s(0), RATE_PERIOD_NS);
	for (int64_t s = 1; s <= 100; s++) {
		rate_add(&rate, at_s(s), 1);
	}
	assert_in_range(rate.ubytes_s, 950000, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_5_s_early),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_period),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
