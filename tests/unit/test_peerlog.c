// SPDX-License-Identifier: GPL-2.0-or-later
/* observe/peerlog: what is written, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clean.h"
#include "base/fs.h"
#include "observe/peerlog.h"

#define HEADER "virtual_s,wall_s,peer,up_virtual_bps,down_virtual_bps,up_bytes,down_bytes,drops," \
	       "payload_bytes,pieces\n"

static void expect_text(const char *dir, const char *want)
{
	CLEAN_FREE char *path = str_format("%s/peers.csv", dir);
	CLEAN_FREE char *text = NULL;

	assert_int_equal(fs_read(path, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

static void test_rows(void **state)
{
	char dir[] = "/tmp/peerlog-XXXXXX";
	struct peerlog_row a = { .up_bytes = 1000, .down_bytes = 250000 }, b = { 0 };
	struct peerlog *log;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(peerlog_open(dir, 2, &log, NULL), 0);
	expect_text(dir, HEADER);
	peerlog_round(log, 2000000000, 4000000000);
	peerlog_add(log, 0, "seed-0", &a);
	peerlog_add(log, 1, "leech-0", &b); /* nothing yet: no row */
	peerlog_flush(log, NULL);
	/* Nothing new, but asked after: the rate that follows is over one second, not two. */
	peerlog_round(log, 3000000000, 6000000000);
	peerlog_add(log, 0, "seed-0", &a);
	peerlog_round(log, 4000000000, 8000000000);
	a.down_bytes += 1000;
	a.drops = 3;
	peerlog_add(log, 0, "seed-0", &a);
	b.payload_bytes = 65536;
	b.pieces = 1;
	peerlog_add(log, 1, "leech-0", &b);
	assert_int_equal(peerlog_flush(log, NULL), 0);
	peerlog_close(log);
	expect_text(dir, HEADER
		    "2.000000,4.000,seed-0,4000,1000000,1000,250000,0,0,0\n"
		    "4.000000,8.000,seed-0,0,8000,1000,251000,3,0,0\n"
		    "4.000000,8.000,leech-0,0,0,0,0,0,65536,1\n");
	fs_remove_tree(dir, NULL);
}

static void test_no_place(void **state)
{
	struct err err = { 0 };
	struct peerlog *log;

	(void)state;
	assert_int_equal(peerlog_open("/nonexistent", 1, &log, &err), -1);
	assert_string_equal(err.msg, "/nonexistent/peers.csv: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
