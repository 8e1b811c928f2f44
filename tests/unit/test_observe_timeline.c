// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "observe/timeline.h"

static void test_rows(void **state)
{
	char dir[] = "/tmp/test-timeline-XXXXXX";
	CLEAN_FREE char *path = NULL, *csv = NULL;
	struct timeline *tl = NULL;
	struct timeline_row row = {
		.virt_ns = NS_PER_S, .wall_ns = 2 * NS_PER_S, .tdf = { 2, 1 }, .started = 3,
		.complete = 1, .running = 3, .payload_bytes = 1000000, .wire_bytes = 1200000,
		.wire_held_bytes = 3000, .late_max_vns = 12345,
	};

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = str_format("%s/timeline.csv", dir);
	assert_int_equal(timeline_open(dir, &tl, NULL), 0);
	assert_int_equal(timeline_add(tl, &row, NULL), 0);
	row.virt_ns += NS_PER_S / 2;
	row.wall_ns += NS_PER_S;
	row.payload_bytes += 62500; /* 1 Mbit/s virtual */
	assert_int_equal(timeline_add(tl, &row, NULL), 0);
	row.wall_ns += NS_PER_S;
	row.paused = true;
	assert_int_equal(timeline_add(tl, &row, NULL), 0);
	/* Everything is in the file before it is closed: a kill loses nothing. */
	assert_int_equal(fs_read(path, &csv, NULL, NULL), 0);
	assert_string_equal(csv,
		"virtual_s,wall_s,tdf,paused,started,complete,failed,running,payload_bytes,"
		"payload_virtual_bps,wire_bytes,wire_held_bytes,late_max_virtual_ns\n"
		"1.000000,2.000,2,0,3,1,0,3,1000000,0,1200000,3000,12345\n"
		"1.500000,3.000,2,0,3,1,0,3,1062500,1000000,1200000,3000,12345\n"
		"1.500000,4.000,2,1,3,1,0,3,1062500,0,1200000,3000,12345\n");
	timeline_close(tl);
	timeline_close(NULL);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

static void test_errors(void **state)
{
	struct timeline *tl = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(timeline_open("/nonexistent", &tl, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/timeline.csv"));
}

/* A full disk is an error at the row that did not fit. */
static void test_full_disk(void **state)
{
	char dir[] = "/tmp/test-timeline-XXXXXX";
	CLEAN_FREE char *path = NULL;
	struct timeline *tl = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = str_format("%s/timeline.csv", dir);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(timeline_open(dir, &tl, &err), -1);
	assert_non_null(strstr(err.msg, "timeline.csv"));
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests_name("observe_timeline", tests, NULL, NULL);
}
