// SPDX-License-Identifier: GPL-2.0-or-later
/* Sleeping until shortly before an appointment, on invented time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "wire/nap.h"

static wall_t at(int64_t ns)
{
	return (wall_t){ns};
}

static void nothing_is_known_at_first(void **state)
{
	struct nap n = {0};

	(void)state;
	assert_int_equal(nap_sleep(&n, at(NS_PER_S), NS_PER_MS), NS_PER_MS);
}

/* Sleeps that are late by 20 to 100 us: nine of ten appointments are met. */
static void early_follows_lateness(void **state)
{
	struct nap n = {0};
	struct rng rng;
	int met = 0;

	(void)state;
	rng_stream(&rng, 1, "nap", 0);
	for (int i = 0; i < 4000; i++) {
		int64_t late = 20 * NS_PER_US + (int64_t)rng_below(&rng, 80 * NS_PER_US);
		int64_t left = nap_sleep(&n, at(i * 10 * NS_PER_MS), NS_PER_MS);

		met += i >= 1000 && NS_PER_MS - left >= late;
		nap_woke(&n, late);
	}
	/* 2700 of 3000 are expected. */
	assert_in_range(met, 2500, 2900);
	/* On a host where they are not late, there is nothing to be early for. */
	for (int i = 0; i < 200; i++) {
		nap_woke(&n, 0);
	}
	assert_int_equal(nap_sleep(&n, at(100 * NS_PER_S), NS_PER_MS), NS_PER_MS);
}

static void early_has_a_bound(void **state)
{
	struct nap n = {0};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		nap_woke(&n, NS_PER_S);
	}
	assert_int_equal(nap_sleep(&n, at(NS_PER_S), NS_PER_MS), NS_PER_MS - NAP_EARLY_MAX_WNS);
	/* An appointment that is nearer than that is waited for awake. */
	assert_int_equal(nap_sleep(&n, at(NS_PER_S), NS_PER_US), 0);
}

/* 5000 appointments a second: the allowance ends, and all of the sleeps are slept. */
static void waiting_awake_has_a_bound(void **state)
{
	int64_t waited = 0, step = 200 * NS_PER_US;
	struct nap n = {0};

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int64_t left = nap_sleep(&n, at(NS_PER_S + i * step), step);

		nap_waited(&n, step - left);
		waited += step - left;
		nap_woke(&n, NS_PER_S);
	}
	assert_true(waited <= 5000 * step / NAP_ALLOWANCE_PART + NAP_ALLOWANCE_MAX_WNS);
	assert_true(waited >= 5000 * step / NAP_ALLOWANCE_PART / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(early_follows_lateness),
		cmocka_unit_test(early_has_a_bound),
		cmocka_unit_test(waiting_awake_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
