// SPDX-License-Identifier: GPL-2.0-or-later
/* lento plan: what a swarm needs, on hosts of invented costs; and the file of costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clean.h"
#include "base/fs.h"
#include "plan/plan.h"

#define MIB 0x1p20

static const char swarm[] =
	"name: planned\n"
	"time: {tdf: auto, tdf_range: [1/4, 8]}\n"
	"payload: {size: 1MiB, piece: 256KiB}\n"
	"links:\n"
	"  line: {down: 8Mibit/s, up: 2Mibit/s, delay: 10ms}\n"
	"  lan: {down: 8Mibit/s, up: 8Mibit/s}\n"
	"groups:\n"
	"  tracker: {image: opentracker, link: lan, addresses: 198.18.0.0/24}\n"
	"  seeds: {image: ctorrent, role: seed, count: 4, link: lan, addresses: 198.18.1.0/24}\n"
	"  leechers: {image: ctorrent, role: leech, count: 32, link: line, addresses: 198.18.2.0/24}\n";

struct bed {
	char dir[32], path[64];
	struct experiment *exp;
	struct host_costs *costs;
};

static int setup(void **state)
{
	static struct bed bed;
	CLEAN_FREE char *file = NULL;
	struct err err = { 0 };

	bed = (struct bed){ .dir = "/tmp/test-plan-XXXXXX" };
	assert_non_null(mkdtemp(bed.dir));
	snprintf(bed.path, sizeof(bed.path), "%s/cache/host.json", bed.dir);
	file = str_format("%s/x.yaml", bed.dir);
	assert_int_equal(fs_write_atomic(file, swarm, strlen(swarm), &err), 0);
	if (experiment_load(file, NULL, "images", &bed.exp, &err)) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(costs_new(&bed.costs, &err), 0);
	bed.costs->cpus = 2;
	bed.costs->wire_cpu_s_per_mib = 0.01;
	costs_put(bed.costs, &(struct image_cost){ .image = "ctorrent", .cpu_s_per_mib = 0.1,
			.cpu_s_per_peer_s = 0.001, .memory_bytes = 3u << 20 });
	*state = &bed;
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;

	experiment_destroy(bed->exp);
	costs_destroy(bed->costs);
	fs_remove_tree(bed->dir, NULL);
	return 0;
}

static struct plan_query query_of(const struct bed *bed)
{
	return (struct plan_query){ .exp = bed->exp, .costs = bed->costs, .hosts = 1,
				    .card_bytes = 4 * MIB, .memory_bytes = UINT64_C(1) << 30 };
}

static void assert_near(double a, double b)
{
	if (fabs(a - b) > 1e-6 * fabs(b)) {
		fail_msg("%.9g where %.9g was expected", a, b);
	}
}

/* 4 seeds of 1 MiB/s and 32 leechers of 256 KiB/s send 12 MiB/s; they could take 32. */
static void the_uplinks_bound_the_traffic(void **state)
{
	struct plan_query q = query_of(*state);
	struct plan p;

	assert_int_equal(plan_make(&q, &p, NULL), 0);
	assert_near(p.up, 12 * MIB);
	assert_near(p.down, 32 * MIB);
	assert_near(p.traffic, 12 * MIB);
	assert_false(p.unbounded);
	/* 12 MiB at 0.1 s, and 36 peers at 1 ms that are there anyway */
	assert_near(p.need[PLAN_CPU].load, 1.236);
	assert_near(p.need[PLAN_CPU].factor, 1.236 / 1.1);
	assert_near(p.need[PLAN_WIRE].load, 0.12);
	assert_int_equal(p.binding, PLAN_CPU);
	assert_true(tdf_double(plan_tdf(&p)) == 1.25);
	/* the tracker has no figures, but a container */
	assert_int_equal(p.memory_bytes, (36 * 4 + 1) << 20);
	assert_true(p.memory_fits);
}

static void the_emulator_may_bind_first(void **state)
{
	struct bed *bed = *state;
	struct plan_query q = query_of(bed);
	struct plan p;

	bed->costs->wire_cpu_s_per_mib = 0.09;
	assert_int_equal(plan_make(&q, &p, NULL), 0);
	assert_int_equal(p.binding, PLAN_WIRE);
	assert_near(p.need[PLAN_WIRE].factor, 12 * 0.09 / 0.55);
}

static void more_hosts_share_the_work_until_the_network_binds(void **state)
{
	struct plan_query q = query_of(*state);
	struct plan p;

	q.hosts = 2;
	assert_int_equal(plan_make(&q, &p, NULL), 0);
	assert_near(p.need[PLAN_CPU].load, 0.618);
	/* 37 peers: 19 and 18 of them; host 0 sends 6 MiB/s, half of it to the other one */
	assert_near(p.matrix[1], 6 * MIB * 18 / 36);
	assert_near(p.need[PLAN_CARD].factor, 6.0 * 18 / 36 / 4);
	q.card_bytes = MIB;
	assert_int_equal(plan_make(&q, &p, NULL), 0);
	assert_int_equal(p.binding, PLAN_CARD);
}

static void hosts_are_counted(void **state)
{
	struct bed *bed = *state;
	struct plan_query q = query_of(bed);

	bed->exp->tdf = (struct tdf){ 2, 1 };
	assert_int_equal(plan_hosts(&q, 100), 1);
	bed->exp->tdf = (struct tdf){ 1, 1 };
	assert_int_equal(plan_hosts(&q, 100), 2);
	/* Memory counts too: 145 MiB do not fit into 50. */
	bed->exp->tdf = (struct tdf){ 2, 1 };
	q.memory_bytes = 50u << 20;
	assert_int_equal(plan_hosts(&q, 100), 3);
	q.memory_bytes = 0;
	assert_int_equal(plan_hosts(&q, 100), 0);
}

static void an_unmeasured_image_is_named(void **state)
{
	struct bed *bed = *state;
	struct plan_query q = query_of(bed);
	struct host_costs *empty;
	struct err err = { 0 };
	struct plan p;

	assert_int_equal(costs_new(&empty, &err), 0);
	q.costs = empty;
	assert_int_equal(plan_make(&q, &p, &err), -1);
	assert_int_equal(err.kind, ERR_HOST);
	assert_non_null(strstr(err.msg, "lento bench host ctorrent"));
	costs_destroy(empty);
}

static void auto_begins_with_the_plan(void **state)
{
	struct bed *bed = *state;

	assert_true(tdf_double(plan_start(bed->exp, bed->costs)) == 1.25);
	assert_true(tdf_double(plan_start(bed->exp, NULL)) == 1);
	bed->costs->cpus = 1000;
	bed->costs->wire_cpu_s_per_mib = 1e-9;
	assert_true(tdf_double(plan_start(bed->exp, bed->costs)) == 0.25);
	bed->costs->wire_cpu_s_per_mib = 9;
	assert_true(tdf_double(plan_start(bed->exp, bed->costs)) == 8);
}

/* --- the file ------------------------------------------------------------------------ */

static void costs_come_back_as_they_were(void **state)
{
	struct bed *bed = *state;
	struct host_costs *back, *mine;
	struct err err = { 0 };

	assert_int_equal(costs_new(&mine, &err), 0);
	mine->wire_cpu_s_per_mib = 0.0123;
	costs_put(mine, &(struct image_cost){ .image = "a", .cpu_s_per_mib = 1 });
	costs_put(mine, &(struct image_cost){ .image = "b", .cpu_s_per_mib = 0.5, .memory_bytes = 7 });
	costs_put(mine, &(struct image_cost){ .image = "a", .cpu_s_per_mib = 2 });
	assert_int_equal(costs_save(mine, bed->path, &err), 0);
	if (costs_load(bed->path, &back, &err)) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(back->image_count, 2);
	assert_near(costs_of(back, "a")->cpu_s_per_mib, 2);
	assert_int_equal(costs_of(back, "b")->memory_bytes, 7);
	assert_near(back->wire_cpu_s_per_mib, 0.0123);
	assert_null(costs_of(back, "c"));
	costs_destroy(back);
	costs_destroy(mine);
}

static void costs_of_another_host_are_refused(void **state)
{
	struct bed *bed = *state;
	struct host_costs *back;
	struct err err = { 0 };

	assert_int_equal(costs_load(bed->path, &back, &err), -1);
	assert_int_equal(err.kind, ERR_HOST);
	assert_non_null(strstr(err.msg, "lento bench host"));
	bed->costs->cpus = 77;
	assert_int_equal(costs_save(bed->costs, bed->path, &err), 0);
	assert_int_equal(costs_load(bed->path, &back, &err), -1);
	assert_int_equal(err.kind, ERR_HOST);
	assert_non_null(strstr(err.msg, "77 x"));
	assert_int_equal(fs_write_atomic(bed->path, "{\"schema\": 1}", 13, &err), 0);
	assert_int_equal(costs_load(bed->path, &back, &err), -1);
	assert_int_equal(err.kind, ERR_FAILED);
	assert_int_equal(fs_write_atomic(bed->path, "{", 1, &err), 0);
	assert_int_equal(costs_load(bed->path, &back, &err), -1);
	assert_non_null(strstr(err.msg, ":1:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_uplinks_bound_the_traffic, setup, teardown),
		cmocka_unit_test_setup_teardown(the_emulator_may_bind_first, setup, teardown),
		cmocka_unit_test_setup_teardown(more_hosts_share_the_work_until_the_network_binds, setup, teardown),
		cmocka_unit_test_setup_teardown(hosts_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(an_unmeasured_image_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(auto_begins_with_the_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(costs_come_back_as_they_were, setup, teardown),
		cmocka_unit_test_setup_teardown(costs_of_another_host_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
