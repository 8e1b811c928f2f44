// SPDX-License-Identifier: GPL-2.0-or-later
/* Errors, random numbers, files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/rng.h"

static void errors_keep_their_kind_and_text(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, ERR_USAGE, "link %s", "dsl"), -1);
	assert_int_equal(err_wrap(&err, "%s:%d", "x.yaml", 3), -1);
	assert_string_equal(err.msg, "x.yaml:3: link dsl");
	assert_int_equal(err.kind, ERR_USAGE);
	errno = ENOENT;
	err_errno(&err, ERR_HOST, "/dev/net/tun");
	assert_string_equal(err.msg, "/dev/net/tun: No such file or directory");
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err_set(NULL, ERR_FAILED, "nobody listens"), -1);
}

static void a_long_error_loses_its_end(void **state)
{
	CLEAN_FREE char *text = malloc(5000);
	struct err err;

	(void)state;
	memset(text, 'a', 4999);
	text[4999] = '\0';
	err_set(&err, ERR_FAILED, "%s", text);
	err_wrap(&err, "peer 7");
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "peer 7: aaa", 11);
}

static void streams_repeat_and_differ(void **state)
{
	struct rng a, b, c;
	int same = 0;

	(void)state;
	rng_stream(&a, 7, "start", 1);
	rng_stream(&b, 7, "start", 1);
	rng_stream(&c, 7, "start", 2);
	for (int i = 0; i < 1000; i++) {
		uint64_t x = rng_u64(&a);

		assert_int_equal(x, rng_u64(&b));
		same += x == rng_u64(&c);
	}
	assert_int_equal(same, 0);
}

static void draws_are_uniform(void **state)
{
	enum { BINS = 10, N = 100000 };
	unsigned hits[BINS] = { 0 };
	double sum = 0, chi2 = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 42);
	for (int i = 0; i < N; i++) {
		hits[rng_below(&rng, BINS)]++;
		sum += rng_exponential(&rng, 2.0);
	}
	for (int i = 0; i < BINS; i++) {
		double d = hits[i] - (double)N / BINS;

		chi2 += d * d * BINS / N;
	}
	assert_true(chi2 < 27.88); /* 9 degrees of freedom, 0.1 % */
	assert_true(sum / N > 1.97 && sum / N < 2.03);
}

static void files_are_replaced_whole(void **state)
{
	char dir[] = "/tmp/lento-test-XXXXXX";
	CLEAN_FREE char *path = NULL;
	CLEAN_FREE char *deep = NULL;
	CLEAN_FREE char *text = NULL;
	struct err err;
	size_t len;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = str_format("%s/a", dir);
	deep = str_format("%s/x/y/z", dir);
	assert_int_equal(fs_write_atomic(path, "one", 3, &err), 0);
	assert_int_equal(fs_write_atomic(path, "two", 3, &err), 0);
	assert_int_equal(fs_read(path, &text, &len, &err), 0);
	assert_int_equal(len, 3);
	assert_string_equal(text, "two");
	assert_int_equal(fs_mkdirs(deep, 0755, &err), 0);
	assert_int_equal(fs_mkdirs(deep, 0755, &err), 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
	assert_int_equal(fs_write_atomic("/nonexistent/a", "x", 1, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_keep_their_kind_and_text),
		cmocka_unit_test(a_long_error_loses_its_end),
		cmocka_unit_test(streams_repeat_and_differ),
		cmocka_unit_test(draws_are_uniform),
		cmocka_unit_test(files_are_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
