// SPDX-License-Identifier: GPL-2.0-or-later
#include "test_result_sample.h"

#include <jansson.h>
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report/groups.h"
#include "report/quantile.h"

#define SCHEMA "orchestrator/report/results.schema.json"

static char dir[] = "/tmp/test-result-XXXXXX";
static char *path;

static int setup(void **state)
{
	(void)state;
	path = mkdtemp(dir) ? str_format("%s/results.json", dir) : NULL;
	return path ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(path);
	return fs_remove_tree(dir, NULL);
}

/* --- quantiles and group figures ------------------------------------------------- */

static void test_quantiles(void **state)
{
	int64_t v[] = { 40, 10, 30, 20 }, one[] = { 5 };

	(void)state;
	quantile_sort(v, 4);
	assert_int_equal(v[0], 10);
	assert_int_equal(v[3], 40);
	/* As numpy.quantile([10, 20, 30, 40], q). */
	assert_true(fabs(quantile_of(v, 4, 0.5) - 25) < 1e-9);
	assert_true(fabs(quantile_of(v, 4, 0.95) - 38.5) < 1e-9);
	assert_true(fabs(quantile_of(v, 4, 0) - 10) < 1e-9);
	assert_true(fabs(quantile_of(v, 4, 1) - 40) < 1e-9);
	assert_true(fabs(quantile_of(one, 1, 0.95) - 5) < 1e-9);
}

static void test_group_figures(void **state)
{
	struct sample *s = sample_create(3);
	struct group_figures f;

	(void)state;
	/* Completion 103, 104, 105 s after their own start; the last one never. */
	s->res.peers[5].complete_ns = -1;
	s->res.peers[5].payload_bytes = 8 << 20;
	s->res.peers[5].as_expected = false;
	group_figures(&s->res, 2, &f);
	assert_int_equal(f.peers, 3);
	assert_int_equal(f.started, 3);
	assert_int_equal(f.complete, 2);
	assert_int_equal(f.unexpected, 1);
	assert_true(fabs(f.completion_median_vns - 103.5e9) < 1);
	assert_true(fabs(f.completion_max_vns - 104e9) < 1);
	assert_int_equal(f.queue_drops, 90);
	assert_int_equal(f.packets, 63000);
	{
		double full = (16 << 20) * 8.0, half = (8 << 20) * 8.0;
		double mean = (full / 103 + full / 104 + half / 145) / 3;

		assert_true(fabs(f.down_goodput_bps / mean - 1) < 1e-9);
	}
	group_figures(&s->res, 0, &f);
	assert_true(isnan(f.down_goodput_bps));
	assert_true(isnan(f.completion_median_vns));
	assert_true(fabs(f.up_rate_bps - 12000000 * 8.0 / 150) < 1e-6);
	sample_destroy(s);
}

/* --- the file ---------------------------------------------------------------------- */

static json_t *write_and_load(struct sample *s)
{
	struct err err = { 0 };
	json_error_t why;
	json_t *root;

	verdict_judge(&s->res);
	if (result_write_json(&s->res, path, &err)) {
		fail_msg("%s", err.msg);
	}
	root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!root) {
		fail_msg("%s:%d: %s", path, why.line, why.text);
	}
	return root;
}

static json_t *at(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	if (!v) {
		fail_msg("no member %s", key);
	}
	return v;
}

static void test_members(void **state)
{
	struct sample *s = sample_create(4);
	json_t *root, *peer;

	(void)state;
	s->res.peers[4].exit_status = 3 << 8;
	s->res.peers[4].as_expected = false;
	snprintf(s->res.peers[4].why, sizeof(s->res.peers[4].why), "says \"h\xe9\" \n and ends");
	s->res.peers[5].complete_ns = -1;
	s->res.peers[6].exit_status = -1;
	s->res.peers[4].limits_hit = LIMIT_HIT_MEMORY | LIMIT_HIT_NETWORK;
	root = write_and_load(s);
	assert_int_equal(json_integer_value(at(root, "version")), RESULTS_SCHEMA_VERSION);
	assert_string_equal(json_string_value(at(at(root, "verdict"), "level")), "degraded");
	assert_int_equal(json_integer_value(at(at(root, "run"), "exit_status")), 4);
	assert_int_equal(json_integer_value(at(at(root, "run"), "virt_ns")), 150 * NS_PER_S);
	assert_int_equal(json_array_size(at(root, "peers")), 7);
	assert_true(json_is_null(at(root, "traffic")));
	peer = json_array_get(at(root, "peers"), 4);
	assert_string_equal(json_string_value(at(peer, "name")), "leechers-1");
	assert_string_equal(json_string_value(at(peer, "ip")), "198.19.0.2");
	assert_int_equal(json_integer_value(at(at(peer, "exit"), "code")), 3);
	assert_string_equal(json_string_value(at(peer, "why")), "says \"h?\" \n and ends");
	assert_int_equal(json_array_size(at(peer, "limits_hit")), 2);
	assert_string_equal(json_string_value(json_array_get(at(peer, "limits_hit"), 0)), "memory");
	assert_string_equal(json_string_value(json_array_get(at(peer, "limits_hit"), 1)), "network");
	assert_int_equal(json_integer_value(at(peer, "complete_virt_ns")), 108 * NS_PER_S);
	assert_int_equal(json_array_size(at(at(peer, "link"), "late_hist_wall")), 6);
	peer = json_array_get(at(root, "peers"), 5);
	assert_int_equal(json_array_size(at(peer, "limits_hit")), 0);
	assert_true(json_is_null(at(peer, "complete_virt_ns")));
	assert_int_equal(json_integer_value(at(at(peer, "exit"), "signal")), 15);
	assert_true(json_is_null(at(json_array_get(at(root, "peers"), 6), "exit")));
	json_decref(root);
	sample_destroy(s);
}

static void test_traffic_is_sparse(void **state)
{
	struct sample *s = sample_create(2);
	json_t *root, *traffic, *triple;

	(void)state;
	s->res.pair_bytes = calloc(25, sizeof(uint64_t));
	assert_non_null(s->res.pair_bytes);
	s->res.pair_bytes[0 * 5 + 4] = 77;
	s->res.pair_bytes[3 * 5 + 1] = UINT64_C(5000000000);
	root = write_and_load(s);
	traffic = at(root, "traffic");
	assert_int_equal(json_array_size(traffic), 2);
	triple = json_array_get(traffic, 1);
	assert_int_equal(json_integer_value(json_array_get(triple, 0)), 3);
	assert_int_equal(json_integer_value(json_array_get(triple, 1)), 1);
	assert_int_equal(json_integer_value(json_array_get(triple, 2)), 5000000000);
	json_decref(root);
	sample_destroy(s);
}

static void test_gateways(void **state)
{
	struct sample *s = sample_create(3);
	json_t *root, *home;

	(void)state;
	root = write_and_load(s);
	assert_true(json_is_null(at(root, "gateways")));
	assert_true(json_is_null(at(json_array_get(at(root, "peers"), 4), "gateway")));
	json_decref(root);
	sample_add_lans(s);
	root = write_and_load(s);
	assert_int_equal(json_array_size(at(root, "gateways")), 3);
	assert_true(json_is_null(at(json_array_get(at(root, "gateways"), 0), "nat")));
	assert_true(json_is_null(at(json_array_get(at(root, "peers"), 0), "gateway")));
	assert_int_equal(json_integer_value(at(json_array_get(at(root, "peers"), 1), "gateway")), 0);
	/* The second of the leechers is in the second of their LANs. */
	assert_int_equal(json_integer_value(at(json_array_get(at(root, "peers"), 4), "gateway")), 2);
	home = json_array_get(at(root, "gateways"), 2);
	assert_string_equal(json_string_value(at(home, "name")), "home-2");
	assert_string_equal(json_string_value(at(home, "lan")), "home");
	assert_string_equal(json_string_value(at(home, "ip")), "203.0.113.2");
	assert_string_equal(json_string_value(at(home, "wan")), "dsl");
	assert_int_equal(json_integer_value(at(at(home, "up"), "bytes")), 1000002);
	assert_int_equal(json_integer_value(at(at(home, "down"), "bytes")), 7000002);
	assert_int_equal(json_integer_value(at(at(home, "down"), "queue_drops")), 100);
	assert_int_equal(json_integer_value(at(at(home, "nat"), "bindings")), 4);
	assert_int_equal(json_integer_value(at(at(home, "nat"), "bindings_peak")), 7);
	assert_int_equal(json_integer_value(at(at(home, "nat"), "filtered_drops")), 30);
	json_decref(root);
	sample_destroy(s);
}

/* 1000 peers that all talked to each other: the file comes out, in bounded memory. */
static void test_thousand_peers(void **state)
{
	struct sample *s = sample_create(997);
	struct rusage before, after;
	json_t *root;

	(void)state;
	s->res.pair_bytes = calloc(1000000, sizeof(uint64_t));
	assert_non_null(s->res.pair_bytes);
	for (size_t i = 0; i < 1000000; i++) {
		s->res.pair_bytes[i] = 100000 + i;
	}
	verdict_judge(&s->res);
	getrusage(RUSAGE_SELF, &before);
	assert_int_equal(result_write_json(&s->res, path, NULL), 0);
	getrusage(RUSAGE_SELF, &after);
	/* The text is 16 MB; a tree of it would be some 200 MB.  (AddressSanitizer
	 * keeps what was freed, so there the figure says nothing.) */
#ifndef __SANITIZE_ADDRESS__
	assert_true(after.ru_maxrss - before.ru_maxrss < 96 * 1024);
#endif
	root = json_load_file(path, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_array_size(at(root, "traffic")), 1000000);
	assert_int_equal(json_array_size(at(root, "peers")), 1000);
	json_decref(root);
	sample_destroy(s);
}

static void test_unwritable(void **state)
{
	struct sample *s = sample_create(1);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(result_write_json(&s->res, "/nonexistent/results.json", &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/results.json"));
	sample_destroy(s);
}

/* --- against the schema -------------------------------------------------------------- */

/* 0 valid, 1 not valid, 77 no validator here. */
static int validate(const char *file)
{
	static const char program[] =
		"import json, sys\n"
		"try:\n"
		"    from jsonschema import Draft202012Validator as V\n"
		"except ImportError:\n"
		"    sys.exit(77)\n"
		"schema = json.load(open(sys.argv[1]))\n"
		"V.check_schema(schema)\n"
		"errors = list(V(schema).iter_errors(json.load(open(sys.argv[2]))))\n"
		"for e in errors[:5]:\n"
		"    print('#', '/'.join(map(str, e.absolute_path)), e.message[:200])\n"
		"sys.exit(1 if errors else 0)\n";
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("python3", "python3", "-c", program, SCHEMA, file, (char *)NULL);
		_exit(77);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_valid(struct sample *s)
{
	int rc;

	json_decref(write_and_load(s));
	rc = validate(path);
	if (rc == 77) {
		skip();
	}
	assert_int_equal(rc, 0);
}

static void test_schema_good(void **state)
{
	struct sample *s = sample_create(6);

	(void)state;
	s->res.pair_bytes = calloc(81, sizeof(uint64_t));
	assert_non_null(s->res.pair_bytes);
	s->res.pair_bytes[7] = 1;
	sample_add_lans(s);
	s->changes[0] = (struct tdf_change){ 50 * NS_PER_S, { 3, 1 }, false };
	s->res.tdf_changes = s->changes;
	s->res.tdf_change_count = 1;
	s->res.dir = dir;
	for (enum peer_end end = END_NOT_STARTED; end <= END_START_FAILED; end++) {
		s->res.peers[end].end = end;
	}
	expect_valid(s);
	sample_destroy(s);
}

static void test_schema_bare(void **state)
{
	struct sample *s = sample_create(1);

	(void)state;
	/* What there is when a run fails before anything started. */
	memset(s->res.peers, 0, s->res.peer_count * sizeof(*s->res.peers));
	for (size_t i = 0; i < s->res.peer_count; i++) {
		s->res.peers[i].name = s->names[i];
		s->res.peers[i].group = "leechers";
		s->res.peers[i].started_ns = s->res.peers[i].complete_ns = -1;
		s->res.peers[i].exit_status = -1;
	}
	s->res.phases[2].end_wns = -1;
	s->res.calibration_count = 0;
	s->res.host = (struct host_summary){ 0 };
	s->res.wall_ns = s->res.virt_ns = 0;
	s->res.stopped_by = s->res.unscaled = s->res.run_id = NULL;
	snprintf(s->res.failure, sizeof(s->res.failure), "lento-store ended");
	expect_valid(s);
	sample_destroy(s);
}

/* The schema is no rubber stamp: a member too many or too few is refused. */
static void test_schema_refuses(void **state)
{
	struct sample *s = sample_create(1);
	json_t *root = write_and_load(s), *peer = json_array_get(at(root, "peers"), 0);
	json_t *kept = json_incref(at(peer, "complete_virt_ns"));
	int rc;

	(void)state;
	json_object_set_new(peer, "complete_ns", json_integer(1));
	assert_int_equal(json_dump_file(root, path, 0), 0);
	rc = validate(path);
	if (rc == 77) {
		skip();
	}
	assert_int_equal(rc, 1);
	json_object_del(peer, "complete_ns");
	json_object_del(peer, "complete_virt_ns");
	assert_int_equal(json_dump_file(root, path, 0), 0);
	assert_int_equal(validate(path), 1);
	json_object_set_new(peer, "complete_virt_ns", kept);
	assert_int_equal(json_dump_file(root, path, 0), 0);
	assert_int_equal(validate(path), 0);
	json_decref(root);
	sample_destroy(s);
}

/* Every member that holds a time says which clock, in its name. */
static void check_names(json_t *schema)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(json_object_get(schema, "properties"), key, value) {
		size_t len = strlen(key);

		if ((len > 3 && strcmp(key + len - 3, "_ns") == 0) ||
		    (len > 2 && strcmp(key + len - 2, "_s") == 0)) {
			if (!strstr(key, "virt") && !strstr(key, "wall")) {
				fail_msg("%s: which clock?", key);
			}
		}
		if (!json_object_get(value, "description") && !json_object_get(value, "$ref") &&
		    !json_object_get(value, "const")) {
			fail_msg("%s: no description", key);
		}
	}
	if (json_is_object(schema)) {
		json_object_foreach(schema, key, value) {
			check_names(value);
		}
	} else {
		json_array_foreach(schema, i, value) {
			check_names(value);
		}
	}
}

static void test_schema_says_which_clock(void **state)
{
	json_t *schema = json_load_file(SCHEMA, 0, NULL);

	(void)state;
	assert_non_null(schema);
	assert_int_equal(json_integer_value(at(at(at(schema, "properties"), "version"), "const")),
			 RESULTS_SCHEMA_VERSION);
	check_names(schema);
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_group_figures),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_traffic_is_sparse),
		cmocka_unit_test(test_gateways),
		cmocka_unit_test(test_thousand_peers),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_schema_good),
		cmocka_unit_test(test_schema_bare),
		cmocka_unit_test(test_schema_refuses),
		cmocka_unit_test(test_schema_says_which_clock),
	};

	return cmocka_run_group_tests_name("result", tests, setup, teardown);
}
