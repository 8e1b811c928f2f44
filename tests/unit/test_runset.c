// SPDX-License-Identifier: GPL-2.0-or-later
/* Results written, read back, put together and compared. */
#include "test_result_sample.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/compare.h"
#include "report/runset.h"
#include "report/series.h"

#define LEECHERS 10

static char dir[32];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-runset-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(dir, NULL);
}

/* A run below @parent whose leecher k took (base + k) seconds; leecher 9 did not get there. */
static void write_run(const char *parent, const char *name, int base)
{
	struct sample *s = sample_create(LEECHERS);
	CLEAN_FREE char *at = str_format("%s/%s", parent, name);
	CLEAN_FREE char *path = str_format("%s/results.json", at);
	struct err err = { 0 };

	for (size_t i = 3; i < s->res.peer_count; i++) {
		struct peer_result *p = &s->res.peers[i];

		p->started_ns = (int64_t)i * NS_PER_S;
		p->complete_ns = i == 12 ? -1 : p->started_ns + (base + (int64_t)i - 3) * NS_PER_S;
		p->payload_bytes = 1 << 20;
	}
	verdict_judge(&s->res);
	assert_int_equal(fs_mkdirs(at, 0755, &err), 0);
	if (result_write_json(&s->res, path, &err)) {
		fail_msg("%s", err.msg);
	}
	verdict_clear(&s->res);
	sample_destroy(s);
}

static void a_run_comes_back(void **state)
{
	CLEAN_FREE char *path = str_format("%s/a", dir);
	CLEAN_FREE double *x = NULL;
	struct runset set;
	struct err err = { 0 };
	size_t n;

	(void)state;
	write_run(dir, "a", 20);
	if (runset_load(path, &set, &err)) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(set.run_count, 1);
	assert_int_equal(set.runs[0].peer_count, 13);
	assert_int_equal(runset_leechers(&set, NULL), LEECHERS);
	assert_int_equal(runset_leechers(&set, "nobody"), 0);
	x = runset_completions(&set, NULL, &n);
	assert_int_equal(n, LEECHERS - 1);
	for (size_t i = 0; i < n; i++) {
		assert_true(fabs(x[i] - (20 + (double)i)) < 1e-6);
	}
	assert_true(fabs(set.runs[0].peers[3].goodput_bps - 8.0 * (1 << 20) / 20) < 1e-3);
	runset_clear(&set);
}

static void what_is_no_result_is_refused(void **state)
{
	static const char other[] = "{\"schema\":\"lento-results\",\"version\":99,\"run\":{},\"peers\":[]}";
	CLEAN_FREE char *path = str_format("%s/x.json", dir);
	struct runset set;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(runset_load(path, &set, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(fs_write_atomic(path, "{\"a\":\n!}", 8, &err), 0);
	assert_int_equal(runset_load(path, &set, &err), -1);
	assert_non_null(strstr(err.msg, "x.json:2:"));
	assert_int_equal(fs_write_atomic(path, "{}", 2, &err), 0);
	assert_int_equal(runset_load(path, &set, &err), -1);
	assert_non_null(strstr(err.msg, "no results of a lento run"));
	assert_int_equal(fs_write_atomic(path, other, sizeof(other) - 1, &err), 0);
	assert_int_equal(runset_load(path, &set, &err), -1);
	assert_non_null(strstr(err.msg, "version 99"));
}

static void two_runs_are_compared(void **state)
{
	static const char *const names[] = { "a", "b" };
	struct runset sets[2];
	struct compared c[2];

	(void)state;
	write_run(dir, "a", 20);
	write_run(dir, "b", 30);
	for (int i = 0; i < 2; i++) {
		CLEAN_FREE char *path = str_format("%s/%s/results.json", dir, names[i]);

		assert_int_equal(runset_load(path, &sets[i], NULL), 0);
	}
	compare_sets(sets, 2, NULL, c);
	assert_true(c[0].time.median == 24 && c[1].time.median == 34);
	assert_true(fabs(c[1].median_change - 10.0 / 24) < 1e-12);
	assert_true(c[1].ks == 1 && c[1].test.delta == 1 && c[1].test.p < 0.001);
	assert_true(isnan(c[0].ks));
	assert_true(c[0].median_ci.low <= 24 && c[0].median_ci.high >= 24);
	assert_true(c[0].jain > 0.9 && c[0].jain < 1);
	runset_clear(&sets[0]);
	runset_clear(&sets[1]);
}

static void seeds_of_a_series_differ_and_stay(void **state)
{
	(void)state;
	assert_true(series_seed(7, 0) == 7);
	for (size_t k = 1; k < 50; k++) {
		assert_true(series_seed(7, k) == series_seed(7, k));
		for (size_t j = 0; j < k; j++) {
			assert_true(series_seed(7, k) != series_seed(7, j));
		}
	}
}

static void a_series_knows_what_is_left(void **state)
{
	CLEAN_FREE char *file = str_format("%s/x.yaml", dir);
	char *options[] = { "--quiet", "--set", "time.tdf=2", NULL };
	struct experiment exp = { .name = "sampled", .path = file, .seed = 5, .replicas = 3 };
	struct series *s, *again;
	struct runset set;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(fs_write_atomic(file, "name: x\n", 8, &err), 0);
	if (series_create(dir, &exp, options, &s, &err)) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(runset_load(s->dir, &set, &err), -1);
	for (int k = 0; k < 2; k++) {
		s->replicas[k].dir = str_format("run%d", k);
		s->replicas[k].exit_status = k ? ERR_FIDELITY : 0;
		write_run(s->dir, s->replicas[k].dir, 20 + 10 * k);
	}
	assert_int_equal(series_save(s, &err), 0);
	assert_int_equal(series_load(s->dir, &again, &err), 0);
	assert_int_equal(again->count, 3);
	assert_string_equal(again->options[2], "time.tdf=2");
	assert_true(again->replicas[0].seed == 5 && again->replicas[2].seed == series_seed(5, 2));
	assert_string_equal(again->replicas[1].dir, "run1");
	assert_null(again->replicas[2].dir);
	assert_int_equal(series_check_file(again, &err), 0);
	assert_int_equal(fs_write_atomic(file, "name: y\n", 8, &err), 0);
	assert_int_equal(series_check_file(again, &err), -1);
	assert_non_null(strstr(err.msg, "has changed"));
	/* The replicas together. */
	assert_int_equal(runset_load(s->dir, &set, &err), 0);
	assert_int_equal(set.run_count, 2);
	assert_int_equal(runset_leechers(&set, NULL), 2 * LEECHERS);
	runset_clear(&set);
	series_destroy(again);
	series_destroy(s);
}

/* A series that is not whole has failed, whatever its replicas say. */
static void the_worst_replica_is_the_status(void **state)
{
	CLEAN_FREE char *file = str_format("%s/x.yaml", dir);
	struct experiment exp = { .name = "sampled", .path = file, .seed = 5, .replicas = 2 };
	CLEAN_FREE char *text = NULL;
	struct series *s;
	struct err err = { 0 };
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(fs_write_atomic(file, "name: x\n", 8, &err), 0);
	assert_int_equal(series_create(dir, &exp, (char *[]){ NULL }, &s, &err), 0);
	s->replicas[0] = (struct replica){ .seed = 5, .dir = str_format("a"), .exit_status = ERR_FIDELITY };
	write_run(s->dir, "a", 20);
	assert_int_equal(series_save(s, &err), 0);
	assert_int_equal(series_print(s, out, &err), ERR_FAILED);
	s->replicas[1] = (struct replica){ .seed = 6, .dir = str_format("b"), .exit_status = ERR_PEER };
	write_run(s->dir, "b", 20);
	assert_int_equal(series_save(s, &err), 0);
	assert_int_equal(series_print(s, out, &err), ERR_PEER);
	fclose(out);
	assert_non_null(strstr(text, "1 of 2 replicas"));
	assert_non_null(strstr(text, "completion_median"));
	series_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_run_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_result_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(two_runs_are_compared, setup, teardown),
		cmocka_unit_test(seeds_of_a_series_differ_and_stay),
		cmocka_unit_test_setup_teardown(a_series_knows_what_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(the_worst_replica_is_the_status, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
