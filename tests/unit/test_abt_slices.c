// SPDX-License-Identifier: GPL-2.0-or-later
/* Slices: cut as the torrent says, free, asked for, here; and what the picker is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "images/abt/core/slices.h"

#define PIECE (2 * SLICE_BYTES + 100)

/* Three pieces of three slices, the last of them short; the last piece is one slice. */
static const struct metainfo torrent = {
	.length = 2 * PIECE + 50, .piece_bytes = PIECE, .pieces = 3,
};

struct bed {
	struct picker *picker;
	struct slices *slices;
};

static int set_up(void **state)
{
	static struct bed bed;

	bed.picker = picker_create(torrent.pieces, 0, 1);
	bed.slices = slices_create(&torrent, SLICE_BYTES, bed.picker);
	*state = &bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	slices_destroy(bed->slices);
	picker_destroy(bed->picker);
	return 0;
}

static void assert_slice(struct slice got, uint32_t index, uint32_t begin, uint32_t length)
{
	assert_int_equal(got.index, index);
	assert_int_equal(got.begin, begin);
	assert_int_equal(got.length, length);
}

static void test_cut_in_order(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(slices_count(bed->slices, 0), 3);
	assert_int_equal(slices_count(bed->slices, 2), 1);
	assert_int_equal(picker_get(bed->picker, 0), PIECE_WANTED);
	assert_slice(slices_take(bed->slices, 0), 0, 0, SLICE_BYTES);
	assert_int_equal(picker_get(bed->picker, 0), PIECE_STARTED);
	assert_slice(slices_take(bed->slices, 0), 0, SLICE_BYTES, SLICE_BYTES);
	assert_true(slices_is_free(bed->slices, 0));
	assert_slice(slices_take(bed->slices, 0), 0, 2 * SLICE_BYTES, 100);
	assert_false(slices_is_free(bed->slices, 0));
	assert_int_equal(picker_get(bed->picker, 0), PIECE_REQUESTED);
	assert_slice(slices_take(bed->slices, 2), 2, 0, 50);
}

static void test_released_is_taken_again(void **state)
{
	struct bed *bed = *state;
	struct slice first = slices_take(bed->slices, 1);

	slices_take(bed->slices, 1);
	slices_take(bed->slices, 1);
	slices_release(bed->slices, &first);
	assert_int_equal(picker_get(bed->picker, 1), PIECE_STARTED);
	assert_slice(slices_take(bed->slices, 1), 1, 0, SLICE_BYTES);
	assert_int_equal(picker_get(bed->picker, 1), PIECE_REQUESTED);
}

/* Take all of piece @index, and let them arrive last first. */
static bool take_and_arrive(struct bed *bed, uint32_t index)
{
	struct slice taken[3];
	uint32_t count = slices_count(bed->slices, index);
	bool whole = false;

	for (uint32_t i = 0; i < count; i++) {
		taken[i] = slices_take(bed->slices, index);
	}
	for (uint32_t i = count; i-- > 0;) {
		assert_false(whole);
		whole = slices_arrive(bed->slices, &taken[i]);
	}
	return whole;
}

static void test_whole_then_done_or_again(void **state)
{
	struct bed *bed = *state;

	assert_true(take_and_arrive(bed, 0));
	slices_restart(bed->slices, 0, true);
	assert_int_equal(picker_get(bed->picker, 0), PIECE_STARTED);
	assert_true(take_and_arrive(bed, 0));
	slices_restart(bed->slices, 0, false);
	assert_int_equal(picker_get(bed->picker, 0), PIECE_WANTED);
	assert_true(take_and_arrive(bed, 0));
	slices_finish(bed->slices, 0);
	assert_int_equal(picker_get(bed->picker, 0), PIECE_DONE);
	assert_false(slices_is_free(bed->slices, 0));
	slices_finish(bed->slices, 1); /* from before: it was never started */
	assert_int_equal(picker_get(bed->picker, 1), PIECE_DONE);
}

static void test_what_is_asked_for(void **state)
{
	struct bed *bed = *state;
	struct slice at = { 0 }, second;

	assert_false(slices_next_asked(bed->slices, &at));
	slices_take(bed->slices, 0);
	second = slices_take(bed->slices, 0);
	slices_take(bed->slices, 0);
	slices_take(bed->slices, 2);
	slices_arrive(bed->slices, &second);
	assert_true(slices_next_asked(bed->slices, &at));
	assert_slice(at, 0, 0, SLICE_BYTES);
	assert_true(slices_next_asked(bed->slices, &at));
	assert_slice(at, 0, 2 * SLICE_BYTES, 100);
	assert_true(slices_next_asked(bed->slices, &at));
	assert_slice(at, 2, 0, 50);
	assert_false(slices_next_asked(bed->slices, &at));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cut_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_released_is_taken_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whole_then_done_or_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_asked_for, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
