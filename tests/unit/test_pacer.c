// SPDX-License-Identifier: GPL-2.0-or-later
/* The factor that "tdf: auto" chooses, against hosts made up of a formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/clean.h"
#include "plan/pacer.h"

static struct pacer started(double factor)
{
	struct pacer p;

	pacer_init(&p, (struct tdf){ 1, 8 }, (struct tdf){ 64, 1 }, pacer_grid(factor));
	return p;
}

/* A host that needs @work CPU shares for a virtual second. */
static struct pacer_sample second_of(const struct pacer *p, double work)
{
	double busy = work / tdf_double(p->now);

	return (struct pacer_sample){ .busy = fmin(busy, 1), .late = busy > 1 ? 200 : 0, .packets = 1000 };
}

static void the_grid_is_exact(void **state)
{
	static const struct {
		double factor;
		struct tdf tdf;
	} cases[] = {
		{ 1, { 1, 1 } },      { 1.01, { 5, 4 } },  { 1.25, { 5, 4 } }, { 1.76, { 2, 1 } },
		{ 2, { 2, 1 } },      { 2.1, { 5, 2 } },   { 10, { 10, 1 } },  { 11, { 12, 1 } },
		{ 57, { 64, 1 } },    { 0.125, { 1, 8 } }, { 0.13, { 5, 32 } }, { 0.9, { 1, 1 } },
		{ 0.5001, { 5, 8 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tdf tdf = pacer_grid(cases[i].factor);

		assert_int_equal(tdf.num, cases[i].tdf.num);
		assert_int_equal(tdf.den, cases[i].tdf.den);
	}
}

static void a_busy_second_sends_it_up_at_once(void **state)
{
	struct pacer p = started(1);

	(void)state;
	assert_true(pacer_feed(&p, &(struct pacer_sample){ .busy = 0.9 }));
	/* 0.9 / 0.55 = 1.64 */
	assert_true(tdf_double(p.now) == 1.75);
}

static void late_packets_send_it_up_though_the_cpus_are_free(void **state)
{
	struct pacer p = started(4);

	(void)state;
	assert_true(pacer_feed(&p, &(struct pacer_sample){ .busy = 0.2, .late = 60, .packets = 10000 }));
	assert_true(tdf_double(p.now) == 6);
	assert_false(pacer_feed(&p, &(struct pacer_sample){ .busy = 0.6, .late = 40, .packets = 10000 }));
	/* A handful of packets is no sample. */
	assert_false(pacer_feed(&p, &(struct pacer_sample){ .busy = 0.6, .late = 9, .packets = 20 }));
}

static void where_packets_were_late_it_does_not_return_soon(void **state)
{
	struct pacer p = started(4);
	int s = 0;

	(void)state;
	pacer_feed(&p, &(struct pacer_sample){ .busy = 0.1, .late = 60, .packets = 1000 });
	assert_true(tdf_double(p.now) == 6);
	while (!pacer_feed(&p, &(struct pacer_sample){ .busy = 0.1, .packets = 1000 })) {
		s++;
	}
	assert_int_equal(s, PACER_FLOOR_HOLD - 1);
	assert_true(tdf_double(p.now) == 3);
}

static void it_finds_the_factor_from_either_side(void **state)
{
	static const double starts[] = { 0.125, 1, 10, 64 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		struct pacer p = started(starts[i]);

		for (int s = 0; s < 60; s++) {
			struct pacer_sample sample = second_of(&p, 3);

			pacer_feed(&p, &sample);
		}
		/* 3 / 0.55 = 5.45, or what is near enough to it from above */
		assert_true(tdf_double(p.now) >= 3 / PACER_BUSY_HIGH);
		assert_true(tdf_double(p.now) <= 3 / PACER_BUSY_AIM / PACER_DOWN);
	}
}

static void it_rests_once_it_is_there(void **state)
{
	struct pacer p = started(64);
	int changes = 0;

	(void)state;
	for (int s = 0; s < 1000; s++) {
		/* The load swings by a tenth around its mean. */
		struct pacer_sample sample = second_of(&p, 3 * (1 + 0.1 * sin(s)));

		changes += pacer_feed(&p, &sample) && s > 60;
	}
	assert_int_equal(changes, 0);
}

static void a_lull_is_no_reason_to_come_down(void **state)
{
	struct pacer p = started(4);

	(void)state;
	for (int s = 0; s < 100; s++) {
		/* every fourth second is a burst */
		assert_false(pacer_feed(&p, &(struct pacer_sample){ .busy = s % 4 ? 0.05 : 0.6 }));
	}
}

static void it_comes_down_by_halves_and_stays_in_its_range(void **state)
{
	struct pacer p = started(4);
	int s = 0;

	(void)state;
	while (!pacer_feed(&p, &(struct pacer_sample){ .busy = 0.01 })) {
		s++;
	}
	assert_int_equal(s, PACER_HOLD - 1);
	assert_true(tdf_double(p.now) == 2);
	for (s = 0; s < 100; s++) {
		pacer_feed(&p, &(struct pacer_sample){ .busy = 0 });
	}
	assert_true(tdf_double(p.now) == 0.125);
	for (s = 0; s < 100; s++) {
		pacer_feed(&p, &(struct pacer_sample){ .busy = 1 });
	}
	assert_true(tdf_double(p.now) == 64);
	assert_false(pacer_feed(&p, &(struct pacer_sample){ .busy = 1, .late = 99, .packets = 100 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grid_is_exact),
		cmocka_unit_test(a_busy_second_sends_it_up_at_once),
		cmocka_unit_test(late_packets_send_it_up_though_the_cpus_are_free),
		cmocka_unit_test(where_packets_were_late_it_does_not_return_soon),
		cmocka_unit_test(it_finds_the_factor_from_either_side),
		cmocka_unit_test(it_rests_once_it_is_there),
		cmocka_unit_test(a_lull_is_no_reason_to_come_down),
		cmocka_unit_test(it_comes_down_by_halves_and_stays_in_its_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
