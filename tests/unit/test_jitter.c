// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Round trips that lento-wire's queue makes are told from those of another jitter, as often as the limit promises:
 * the same seeds each time, so this holds or does not.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/rng.h"
#include "jitter.h"
#include "rt/initproto.h"
#include "wire/linkq.h"
#include "wire/series.h"

#define TRIALS 100
#define DELAY_NS (50 * NS_PER_MS)
#define SPREAD_NS (5 * NS_PER_MS)
#define SLACK_NS (100.0 * NS_PER_US)

/* Quantiles of delays that are short, but for one in ten. */
static const int64_t values[] = {-2000000, -2000000, -2000000, -1500000, -1500000, -1000000, -1000000, 0, 0, 500000,
				 19000000};

static const struct series_spec table = {.kind = SERIES_TABLE, .values = (int64_t *)values,
					 .count = ARRAY_LEN(values)};

static struct link_spec link_with(enum jitter_distribution kind, int64_t spread_ns)
{
	const struct jitter_spec jitter = {.distribution = kind, .spread_ns = spread_ns, .table = &table};

	return (struct link_spec){
		.up_delay_ns = DELAY_NS, .down_delay_ns = DELAY_NS, .up_jitter = jitter,
		.down_jitter = jitter,
	};
}

/* As the queue draws them, and each late by what an idle host makes of it. */
static double draw(const struct link_spec *link, struct rng *rng)
{
	double ns = (double)(2 * DELAY_NS) + rng_exponential(rng, 40e3);

	for (int way = 0; way < 2; way++) {
		double spread = (double)link->up_jitter.spread_ns;

		switch (link->up_jitter.distribution) {
		case JITTER_UNIFORM:
			ns += spread * (2 * rng_unit(rng) - 1);
			break;
		case JITTER_NORMAL:
			ns += spread * rng_normal(rng);
			break;
		case JITTER_PARETO:
			ns += spread * (rng_pareto(rng, 3) - 1.5) / sqrt(0.75);
			break;
		case JITTER_TABLE:
			ns += series_draw(&(const struct series){.values = (int64_t *)values,
								 .count = ARRAY_LEN(values)}, rng);
			break;
		}
	}
	return ns;
}

/* How many of TRIALS samples of @made pass as @asked. */
static unsigned passes(const struct link_spec *made, const struct link_spec *asked)
{
	unsigned count = 0;

	for (uint64_t trial = 0; trial < TRIALS; trial++) {
		int64_t rtts[INIT_RTT_VALUES];
		struct rng rng;

		rng_stream(&rng, 7, "trial", trial);
		for (size_t i = 0; i < INIT_RTT_VALUES; i++) {
			rtts[i] = (int64_t)draw(made, &rng);
		}
		count += jitter_distance(asked, rtts, INIT_RTT_VALUES, SLACK_NS) <=
			 jitter_limit(INIT_RTT_VALUES);
	}
	return count;
}

static const enum jitter_distribution kinds[] = {
	JITTER_UNIFORM, JITTER_NORMAL, JITTER_PARETO, JITTER_TABLE,
};

static void what_was_asked_passes(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct link_spec link = link_with(kinds[k], SPREAD_NS);

		assert_int_equal(passes(&link, &link), TRIALS);
	}
}

/* Late packets, one in thirty by 20 ms, are no other jitter. */
static void some_late_packets_pass(void **state)
{
	struct link_spec link = link_with(JITTER_PARETO, SPREAD_NS);
	int64_t rtts[INIT_RTT_VALUES];
	struct rng rng;

	(void)state;
	rng_stream(&rng, 7, "late", 0);
	for (size_t i = 0; i < INIT_RTT_VALUES; i++) {
		rtts[i] = (int64_t)draw(&link, &rng) + (i % 30 == 0) * 20 * NS_PER_MS;
	}
	assert_true(jitter_distance(&link, rtts, INIT_RTT_VALUES, SLACK_NS) <= jitter_limit(INIT_RTT_VALUES));
}

/* None at all, or three times as much. */
static void another_spread_is_seen(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct link_spec asked = link_with(kinds[k], SPREAD_NS);
		struct link_spec none = link_with(kinds[k], 0);
		struct link_spec wide = link_with(kinds[k], 3 * SPREAD_NS);

		assert_int_equal(passes(&none, &asked), 0);
		assert_int_equal(passes(&wide, &asked), 0);
	}
}

static void another_shape_is_seen(void **state)
{
	struct link_spec normal = link_with(JITTER_NORMAL, SPREAD_NS);
	struct link_spec steps = link_with(JITTER_TABLE, SPREAD_NS);

	(void)state;
	assert_int_equal(passes(&steps, &normal), 0);
	assert_int_equal(passes(&normal, &steps), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_asked_passes),
		cmocka_unit_test(some_late_packets_pass),
		cmocka_unit_test(another_spread_is_seen),
		cmocka_unit_test(another_shape_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
