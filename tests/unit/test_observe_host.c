// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "observe/host.h"

static void test_stat(void **state)
{
	static struct host_reading r;

	(void)state;
	assert_int_equal(host_parse_stat("cpu  100 10 50 800 40 5 5 7 3 2\n"
					 "cpu0 60 10 30 400 20 5 5 4 3 2\n"
					 "cpu1 40 0 20 400 20 0 0 3 0 0\n"
					 "intr 1 2 3\nctxt 5\n", &r), 0);
	assert_int_equal(r.cpus, 2);
	assert_int_equal(r.all.busy, 170);
	assert_int_equal(r.all.idle, 840);
	assert_int_equal(r.all.steal, 7);
	assert_int_equal(r.cpu[1].busy, 60);
	assert_int_equal(host_parse_stat("", &r), -1);
	assert_int_equal(host_parse_stat("cpu  1 2\ncpu0 1 2\n", &r), -1);
	assert_int_equal(host_parse_stat("cpu  1 2 3 4 5\n", &r), -1);
	assert_int_equal(host_parse_stat("intr 1\ncpu 1 2 3 4\n", &r), -1);
}

static void test_many_cpus(void **state)
{
	static struct host_reading r;
	char *text = str_format("cpu  1 1 1 1 1 1 1 1 0 0\n");

	(void)state;
	for (int i = 0; i < HOST_CPUS_MAX + 5; i++) {
		char *more = str_format("%scpu%d 1 1 1 1 1 1 1 1 0 0\n", text, i);

		free(text);
		text = more;
	}
	assert_int_equal(host_parse_stat(text, &r), 0);
	assert_int_equal(r.cpus, HOST_CPUS_MAX + 5);
	free(text);
}

static void test_memory(void **state)
{
	static struct host_reading r;

	(void)state;
	assert_int_equal(host_parse_meminfo("MemTotal:  2000 kB\nMemFree: 5 kB\n"
					    "MemAvailable:   1000 kB\nSwapCached: 1 kB\n"
					    "SwapTotal:  100 kB\nSwapFree:  40 kB\n", &r), 0);
	assert_int_equal(r.memory_available_bytes, 1024000);
	assert_int_equal(r.swap_used_bytes, 61440);
	assert_int_equal(host_parse_meminfo("MemTotal: 2000 kB\n", &r), -1);
	assert_int_equal(host_parse_meminfo("", &r), -1);
	assert_int_equal(host_parse_vmstat("nr_free 5\npswpin 12\npswpout 34\n", &r), 0);
	assert_int_equal(r.swapped_in_pages, 12);
	assert_int_equal(r.swapped_out_pages, 34);
	assert_int_equal(host_parse_vmstat("nr_free 5\n", &r), 0);
	assert_int_equal(r.swapped_in_pages, 0);
	assert_int_equal(host_parse_vmstat("", &r), -1);
}

static void test_small_files(void **state)
{
	static struct host_reading r;
	int64_t wus = 0;

	(void)state;
	assert_int_equal(host_parse_loadavg("1.50 0.75 0.30 3/412 9999\n", &r), 0);
	assert_true(fabs(r.load1 - 1.5) < 1e-9);
	assert_int_equal(r.runnable, 3);
	assert_int_equal(r.tasks, 412);
	assert_int_equal(host_parse_loadavg("so so\n", &r), -1);
	assert_int_equal(host_parse_softnet("0000ffff 00000002 0000000a 0 0 0\n"
					    "00000001 00000010 00000001 0 0 0\n", &r), 0);
	assert_int_equal(r.softnet_drops, 18);
	assert_int_equal(r.softnet_squeezed, 11);
	assert_int_equal(host_parse_softnet("nothing\n", &r), -1);
	assert_int_equal(host_parse_pressure("some avg10=1.03 avg60=5.46 avg300=2.41 total=13053533\n"
					     "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n", &wus), 0);
	assert_int_equal(wus, 13053533);
	assert_int_equal(host_parse_pressure("full avg10=0 total=7\n", &wus), -1);
}

static void test_interval(void **state)
{
	static struct host_reading a, b;
	struct host_interval iv;

	(void)state;
	a = (struct host_reading){ .cpus = 2, .all = { 100, 100, 10 } };
	b = (struct host_reading){ .cpus = 2, .all = { 250, 140, 20 },
				   .cpu = { { 95, 5, 0 }, { 55, 35, 10 } } };
	host_interval(&a, &b, &iv);
	assert_true(fabs(iv.idle - 0.2) < 1e-9);
	assert_true(fabs(iv.steal - 0.05) < 1e-9);
	assert_true(fabs(iv.idle_least - 0.05) < 1e-9);
	/* No tick went by, or a counter stepped back: nothing is claimed. */
	host_interval(&b, &b, &iv);
	assert_true(fabs(iv.idle - 1) < 1e-9);
	b.all.idle = 90;
	host_interval(&a, &b, &iv);
	assert_true(iv.idle >= 0 && iv.steal >= 0);
}

/* --- a sampler over an invented /proc ----------------------------------------------- */

static void put(const char *root, const char *name, const char *text)
{
	CLEAN_FREE char *path = str_format("%s/proc/%s", root, name);

	assert_int_equal(fs_write_atomic(path, text, strlen(text), NULL), 0);
}

static void put_second(const char *root, unsigned busy, unsigned idle, unsigned steal,
		       unsigned available_kib, unsigned swapped_in, unsigned drops)
{
	CLEAN_FREE char *stat = str_format("cpu  %u 0 0 %u 0 0 0 %u\ncpu0 %u 0 0 %u 0 0 0 %u\n",
					   busy, idle, steal, busy, idle, steal);
	CLEAN_FREE char *meminfo = str_format("MemAvailable: %u kB\nSwapTotal: 10 kB\nSwapFree: 10 kB\n",
					      available_kib);
	CLEAN_FREE char *vmstat = str_format("pswpin %u\npswpout 0\n", swapped_in);
	CLEAN_FREE char *softnet = str_format("00000001 %08x 00000000\n", drops);

	put(root, "stat", stat);
	put(root, "meminfo", meminfo);
	put(root, "vmstat", vmstat);
	put(root, "net/softnet_stat", softnet);
	put(root, "loadavg", "0.10 0.20 0.30 1/50 77\n");
}

static char *make_root(char *template)
{
	CLEAN_FREE char *net = NULL;

	assert_non_null(mkdtemp(template));
	net = str_format("%s/proc/net", template);
	assert_int_equal(fs_mkdirs(net, 0755, NULL), 0);
	return template;
}

static void test_sampler(void **state)
{
	char template[] = "/tmp/test-observe-XXXXXX";
	const char *root = make_root(template);
	CLEAN_FREE char *csv_path = str_format("%s/host.csv", root), *csv = NULL;
	struct host_sampler *s = NULL;
	struct host_summary sum;

	(void)state;
	assert_int_equal(host_sampler_open(root, root, (wall_t){ 5 * NS_PER_S },
					   (virt_t){ 7 * NS_PER_S }, &s, NULL), 0);
	host_sampler_summary(s, &sum);
	assert_false(sum.valid);
	put_second(root, 0, 0, 0, 900, 5, 3);
	assert_int_equal(host_sampler_sample(s, (wall_t){ 5 * NS_PER_S }, (virt_t){ 7 * NS_PER_S }, NULL), 0);
	host_sampler_summary(s, &sum);
	assert_false(sum.valid);
	put_second(root, 100, 0, 0, 100, 5, 4);   /* busy, and forgotten */
	assert_int_equal(host_sampler_sample(s, (wall_t){ 6 * NS_PER_S }, (virt_t){ 7500000000 }, NULL), 0);
	host_sampler_restart(s);
	put_second(root, 120, 80, 0, 700, 5, 4);  /* 80 % idle */
	assert_int_equal(host_sampler_sample(s, (wall_t){ 7 * NS_PER_S }, (virt_t){ 8 * NS_PER_S }, NULL), 0);
	put_second(root, 210, 82, 8, 800, 7, 6);  /* 2 % idle, 8 % stolen */
	assert_int_equal(host_sampler_sample(s, (wall_t){ 8 * NS_PER_S }, (virt_t){ 8500000000 }, NULL), 0);
	host_sampler_summary(s, &sum);
	host_sampler_close(s);

	assert_true(sum.valid);
	assert_int_equal(sum.samples, 2);
	assert_int_equal(sum.cpus, 1);
	assert_true(fabs(sum.idle_min - 0.02) < 1e-9);
	assert_true(fabs(sum.idle_mean - 0.41) < 1e-9);
	assert_int_equal(sum.seconds_without_idle, 1);
	assert_true(fabs(sum.steal_max - 0.08) < 1e-9);
	assert_int_equal(sum.memory_available_min_bytes, 700 * 1024);
	assert_int_equal(sum.swapped_in_bytes % 4096, 0);
	assert_true(sum.swapped_in_bytes >= 2 * 4096);
	assert_int_equal(sum.kernel_drops, 2);

	assert_int_equal(fs_read(csv_path, &csv, NULL, NULL), 0);
	assert_non_null(strstr(csv, "wall_s,virtual_s,idle,"));
	assert_non_null(strstr(csv, "\n1.000,0.500000,0.0000,"));
	/* No PSI in this /proc: three empty columns. */
	assert_non_null(strstr(csv, "\n3.000,1.500000,0.0200,0.0200,0.0800,819200,0,7,0,0.10,1,50,,,,6,0\n"));
	assert_int_equal(fs_remove_tree(root, NULL), 0);
}

static void test_sampler_errors(void **state)
{
	char template[] = "/tmp/test-observe-XXXXXX";
	const char *root = make_root(template);
	struct host_sampler *s = NULL;
	struct err err = { 0 };
	wall_t w = { 0 };
	virt_t v = { 0 };

	(void)state;
	assert_int_equal(host_sampler_open("/nonexistent", "", w, v, &s, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/host.csv"));
	assert_int_equal(host_sampler_open(root, root, w, v, &s, NULL), 0);
	assert_int_equal(host_sampler_sample(s, w, v, &err), -1);
	assert_non_null(strstr(err.msg, "/proc/stat"));
	put_second(root, 1, 1, 1, 1, 1, 1);
	put(root, "meminfo", "nothing known\n");
	assert_int_equal(host_sampler_sample(s, w, v, &err), -1);
	assert_non_null(strstr(err.msg, "/proc/meminfo"));
	host_sampler_close(s);
	host_sampler_close(NULL);
	assert_int_equal(fs_remove_tree(root, NULL), 0);
}

/* The running kernel writes what the parsers read. */
static void test_real_host(void **state)
{
	char dir[] = "/tmp/test-observe-XXXXXX";
	struct host_sampler *s = NULL;
	struct host_summary sum;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(host_sampler_open(dir, "", wall_now(), (virt_t){ 0 }, &s, NULL), 0);
	for (int i = 0; i < 3; i++) {
		if (host_sampler_sample(s, wall_now(), (virt_t){ 0 }, &err)) {
			fail_msg("%s", err.msg);
		}
	}
	host_sampler_summary(s, &sum);
	assert_true(sum.valid);
	assert_true(sum.cpus > 0);
	assert_true(sum.memory_available_min_bytes > 0);
	assert_true(sum.idle_min >= 0 && sum.idle_mean <= 1);
	host_sampler_close(s);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_many_cpus),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_small_files),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_sampler),
		cmocka_unit_test(test_sampler_errors),
		cmocka_unit_test(test_real_host),
	};

	return cmocka_run_group_tests_name("observe_host", tests, NULL, NULL);
}
