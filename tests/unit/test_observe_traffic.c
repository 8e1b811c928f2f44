// SPDX-License-Identifier: GPL-2.0-or-later
/* traffic.csv, from counters that this test sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/fs.h"
#include "observe/traffic.h"

#define PEERS 4u
#define S INT64_C(1000000000)

static const uint32_t group_of[PEERS] = {0, 1, 1, 1};
static const char *const names[] = {"seeds", "leechers"};

static uint64_t counter(const void *ctx, uint32_t src, uint32_t dst)
{
	const uint64_t(*bytes)[PEERS] = ctx;

	return bytes[src][dst];
}

static void a_row_for_each_two_groups_and_interval(void **state)
{
	char dir[] = "/tmp/test-traffic-XXXXXX";
	CLEAN_FREE char *path = NULL, *csv = NULL;
	uint64_t bytes[PEERS][PEERS] = {{0}};
	struct traffic_config cfg = {
		.dir = dir, .peers = PEERS, .groups = 2, .group_of = group_of, .names = names,
		.bytes = counter, .ctx = bytes,
	};
	struct traffic *t = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = str_format("%s/traffic.csv", dir);
	assert_int_equal(traffic_open(&cfg, &t, NULL), 0);
	bytes[0][1] = 20000;
	bytes[0][2] = 100;
	bytes[1][2] = TRAFFIC_BUSY_BYTES;
	bytes[2][1] = TRAFFIC_BUSY_BYTES - 1;
	assert_int_equal(traffic_tick(t, 9 * S, NULL), 0);     /* too early */
	assert_int_equal(traffic_tick(t, 10 * S + S / 2, NULL), 0);
	assert_int_equal(traffic_tick(t, 19 * S, NULL), 0);
	bytes[0][2] += 50;
	bytes[3][0] = 7;
	assert_int_equal(traffic_tick(t, 20 * S, NULL), 0);
	assert_int_equal(traffic_tick(t, 30 * S, NULL), 0);    /* nothing new */
	bytes[2][1] += 1;
	/* Everything is in the file before it is closed. */
	assert_int_equal(traffic_end(t, 31 * S, NULL), 0);
	assert_int_equal(traffic_end(t, 31 * S, NULL), 0);
	assert_int_equal(fs_read(path, &csv, NULL, NULL), 0);
	assert_string_equal(csv,
		"virtual_s,seconds,from,to,bytes,pairs,busy_pairs\n"
		"10.500,10.500,seeds,leechers,20100,2,1\n"
		"10.500,10.500,leechers,leechers,32767,2,1\n"
		"20.000,9.500,seeds,leechers,50,1,0\n"
		"20.000,9.500,leechers,seeds,7,1,0\n"
		"31.000,1.000,leechers,leechers,1,1,0\n");
	traffic_close(t);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

static void too_many_peers_have_none(void **state)
{
	struct traffic_config cfg = {.dir = "/nonexistent", .peers = TRAFFIC_PEERS_MAX + 1, .groups = 1};
	struct traffic *t = NULL;

	(void)state;
	assert_int_equal(traffic_open(&cfg, &t, NULL), 0);
	assert_null(t);
	assert_int_equal(traffic_tick(t, 10 * S, NULL), 0);
	assert_int_equal(traffic_end(t, 10 * S, NULL), 0);
	traffic_close(t);
}

static void a_file_that_cannot_be_made_is_named(void **state)
{
	struct traffic_config cfg = {.dir = "/nonexistent", .peers = PEERS, .groups = 2,
				     .group_of = group_of, .names = names, .bytes = counter};
	struct traffic *t = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(traffic_open(&cfg, &t, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/traffic.csv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_for_each_two_groups_and_interval),
		cmocka_unit_test(too_many_peers_have_none),
		cmocka_unit_test(a_file_that_cannot_be_made_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
