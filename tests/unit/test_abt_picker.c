// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of pieces: started ones, then a few by lot, then the rarest; the same by seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/picker.h"

#define PIECES 100

static const uint8_t all[(PIECES + 7) / 8] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0,
};

/* A picker for which piece i was seen at @copies[i % n] peers. */
static struct picker *make(uint32_t random_first, uint64_t seed, const unsigned *copies, size_t n)
{
	struct picker *picker = picker_create(PIECES, random_first, seed);

	for (uint32_t i = 0; i < PIECES; i++) {
		for (unsigned c = 0; c < copies[i % n]; c++) {
			picker_gained(picker, i);
		}
	}
	return picker;
}

static void test_rarest_first(void **state)
{
	static const unsigned copies[PIECES] = {
		[0 ... 16] = 5, [17] = 2, [18 ... 39] = 5, [40] = 3, [41 ... 98] = 5, [99] = 1,
	};
	static const uint32_t want[] = { 99, 17, 40 };
	struct picker *picker = make(0, 1, copies, PIECES);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(picker_next(picker, all), want[i]);
		picker_set(picker, want[i], PIECE_REQUESTED);
	}
	/* Four of the five peers that have it leave: now it is the rarest. */
	for (int i = 0; i < 4; i++) {
		picker_lost(picker, 63);
	}
	assert_int_equal(picker_availability(picker, 63), 1);
	assert_int_equal(picker_next(picker, all), 63);
	picker_destroy(picker);
}

static void test_started_come_first(void **state)
{
	static const unsigned copies[] = { 1, 5, 3 };
	struct picker *picker = make(PICKER_RANDOM_FIRST, 1, copies, 3);
	uint8_t has[sizeof(all)] = { 0 };

	(void)state;
	picker_set(picker, 1, PIECE_STARTED);
	picker_set(picker, 2, PIECE_STARTED);
	assert_int_equal(picker_next(picker, all), 2); /* 3 copies against 5 */
	picker_set(picker, 2, PIECE_REQUESTED);
	assert_int_equal(picker_next(picker, all), 1);
	has[1] = 0x40; /* piece 9 alone: the started ones are not to be had */
	assert_int_equal(picker_next(picker, has), 9);
	has[1] = 0;
	assert_int_equal(picker_next(picker, has), PICKER_NONE);
	picker_destroy(picker);
}

/* The first four do not follow rarity (only piece 7 is rare), the fifth does. */
static void test_first_pieces_by_lot(void **state)
{
	static const unsigned copies[PIECES] = { [0 ... 6] = 9, [7] = 1, [8 ... 99] = 9 };
	unsigned rare_first = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct picker *picker = make(PICKER_RANDOM_FIRST, seed, copies, PIECES);

		rare_first += picker_next(picker, all) == 7;
		for (uint32_t i = 0; i < PICKER_RANDOM_FIRST; i++) {
			picker_set(picker, 20 + i, PIECE_DONE);
		}
		assert_int_equal(picker_next(picker, all), 7);
		picker_destroy(picker);
	}
	assert_in_range(rare_first, 0, 10); /* 1 is expected */
}

static void take_all(uint32_t random_first, uint64_t seed, uint32_t *taken)
{
	static const unsigned copies[] = { 2, 1, 2, 3 };
	struct picker *picker = make(random_first, seed, copies, 4);

	for (uint32_t i = 0; i < PIECES; i++) {
		taken[i] = picker_next(picker, all);
		assert_in_range(taken[i], 0, PIECES - 1);
		assert_int_equal(picker_get(picker, taken[i]), PIECE_WANTED);
		picker_set(picker, taken[i], PIECE_DONE);
	}
	assert_int_equal(picker_next(picker, all), PICKER_NONE);
	assert_false(picker_is_endgame(picker));
	picker_destroy(picker);
}

static void test_same_seed_same_choices(void **state)
{
	static const uint32_t cutoffs[] = { 0, PICKER_RANDOM_FIRST, PIECES };
	uint32_t one[PIECES], again[PIECES], other[PIECES];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		take_all(cutoffs[i], 5, one);
		take_all(cutoffs[i], 5, again);
		take_all(cutoffs[i], 6, other);
		assert_memory_equal(one, again, sizeof(one));
		assert_memory_not_equal(one, other, sizeof(one));
	}
}

/* Each of the equally rare comes first about as often; the seeds are fixed, so is the result. */
static void test_ties_are_fair(void **state)
{
	static const unsigned copies[] = { 1 };
	unsigned first[PIECES] = { 0 };

	(void)state;
	for (uint64_t seed = 0; seed < 10000; seed++) {
		struct picker *picker = make(0, seed, copies, 1);

		first[picker_next(picker, all)]++;
		picker_destroy(picker);
	}
	for (size_t i = 0; i < PIECES; i++) {
		assert_in_range(first[i], 50, 150); /* 100 expected, sigma 10 */
	}
}

static void test_endgame(void **state)
{
	static const unsigned copies[] = { 1 };
	struct picker *picker = make(0, 1, copies, 1);

	(void)state;
	for (uint32_t i = 0; i < PIECES; i++) {
		assert_false(picker_is_endgame(picker));
		picker_set(picker, i, i == 3 ? PIECE_REQUESTED : PIECE_DONE);
	}
	assert_true(picker_is_endgame(picker));
	picker_set(picker, 3, PIECE_WANTED); /* its hash was bad */
	assert_false(picker_is_endgame(picker));
	assert_int_equal(picker_next(picker, all), 3);
	picker_set(picker, 3, PIECE_DONE);
	assert_false(picker_is_endgame(picker));
	picker_destroy(picker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rarest_first),
		cmocka_unit_test(test_started_come_first),
		cmocka_unit_test(test_first_pieces_by_lot),
		cmocka_unit_test(test_same_seed_same_choices),
		cmocka_unit_test(test_ties_are_fair),
		cmocka_unit_test(test_endgame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
