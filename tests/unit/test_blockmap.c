/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blockmap against an array of states, over several chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "store/blockmap.h"

#define BLOCKS 20000u /* nearly five chunks */

static uint8_t model[BLOCKS];

static void check_counts(const struct blockmap *map)
{
	uint64_t matched = 0, private = 0, end = 0;

	for (unsigned i = 0; i < BLOCKS; i++) {
		matched += model[i] == BLOCK_MATCHED;
		private += model[i] == BLOCK_PRIVATE;
		if (model[i] != BLOCK_HOLE) {
			end = i + 1;
		}
	}
	assert_int_equal(map->matched_blocks, matched);
	assert_int_equal(map->private_blocks, private);
	assert_int_equal(blockmap_end(map), end);
}

static void check_runs(const struct blockmap *map)
{
	for (unsigned at = 0; at < BLOCKS;) {
		enum block_state state;
		uint64_t n = blockmap_run(map, at, BLOCKS - at, &state);

		assert_true(n > 0 && at + n <= BLOCKS);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(model[at + i], state);
		}
		if (at + n < BLOCKS) {
			assert_int_not_equal(model[at + n], state);
		}
		at += (unsigned)n;
	}
}

static void test_random_ranges(void **unused)
{
	struct blockmap map = { 0 };
	struct rng rng;

	(void)unused;
	memset(model, BLOCK_HOLE, sizeof(model));
	rng_seed(&rng, 7);
	for (unsigned round = 0; round < 4000; round++) {
		uint64_t first = rng_below(&rng, BLOCKS);
		uint64_t most = round % 5 ? 200 : BLOCKS;
		uint64_t count = 1 + rng_below(&rng, most);
		enum block_state state = (enum block_state)rng_below(&rng, 3);

		if (count > BLOCKS - first) {
			count = BLOCKS - first;
		}
		assert_int_equal(blockmap_set(&map, first, count, state), 0);
		memset(model + first, (int)state, count);
		uint64_t probe = rng_below(&rng, BLOCKS);

		assert_int_equal(blockmap_get(&map, probe), model[probe]);
		if (round % 50 == 0) {
			check_counts(&map);
			check_runs(&map);
		}
	}
	blockmap_clear(&map);
	memset(model, BLOCK_HOLE, sizeof(model));
	check_counts(&map);
}

static void test_empty_and_far(void **unused)
{
	struct blockmap map = { 0 };
	enum block_state state;
	uint64_t far = UINT64_C(1) << 28;

	(void)unused;
	assert_int_equal(blockmap_run(&map, 5, 1000000, &state), 1000000);
	assert_int_equal(state, BLOCK_HOLE);
	assert_int_equal(blockmap_set(&map, far, 1, BLOCK_PRIVATE), 0);
	assert_int_equal(blockmap_run(&map, 0, UINT64_MAX, &state), far);
	assert_int_equal(blockmap_run(&map, far, UINT64_MAX, &state), 1);
	assert_int_equal(state, BLOCK_PRIVATE);
	assert_int_equal(map.chunk_count, 1);
	assert_int_equal(blockmap_end(&map), far + 1);
	/* Memory follows what is kept: an empty chunk goes. */
	assert_int_equal(blockmap_set(&map, 0, far + 100, BLOCK_HOLE), 0);
	assert_int_equal(map.chunk_count, 0);
	assert_int_equal(blockmap_end(&map), 0);
	blockmap_clear(&map);
}

static void test_run_over_chunks(void **unused)
{
	struct blockmap map = { 0 };
	enum block_state state;

	(void)unused;
	assert_int_equal(blockmap_set(&map, 4000, 9000, BLOCK_MATCHED), 0);
	assert_int_equal(blockmap_run(&map, 4000, 100000, &state), 9000);
	assert_int_equal(state, BLOCK_MATCHED);
	assert_int_equal(blockmap_run(&map, 0, 100000, &state), 4000);
	assert_int_equal(blockmap_run(&map, 4096, 4096, &state), 4096);
	assert_int_equal(blockmap_set(&map, 8192, 4096, BLOCK_HOLE), 0);
	assert_int_equal(blockmap_run(&map, 8192, 100000, &state), 4096);
	assert_int_equal(state, BLOCK_HOLE);
	blockmap_clear(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_ranges),
		cmocka_unit_test(test_empty_and_far),
		cmocka_unit_test(test_run_over_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
