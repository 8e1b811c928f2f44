// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks look at an invented host: a tree of files below a temporary directory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "hostcheck.h"
#include "topo/image.h"

#define INOTIFY "/proc/sys/fs/inotify/max_user_instances"

#define ROOT_TEMPLATE "/tmp/test-hostcheck-XXXXXX"

static char root[] = ROOT_TEMPLATE;

static void put(const char *name, const char *text)
{
	CLEAN_FREE char *path = str_format("%s%s", root, name), *dir = str_format("%s", path);
	struct err err = { 0 };

	*strrchr(dir, '/') = '\0';
	if (fs_mkdirs(dir, 0755, &err) || fs_write_atomic(path, text, strlen(text), &err)) {
		fail_msg("%s", err.msg);
	}
}

static void drop(const char *name)
{
	CLEAN_FREE char *path = str_format("%s%s", root, name);

	assert_int_equal(unlink(path), 0);
}

static uint64_t number(const char *name)
{
	CLEAN_FREE char *path = str_format("%s%s", root, name), *text = NULL;

	assert_int_equal(fs_read(path, &text, NULL, NULL), 0);
	return strtoull(text, NULL, 10);
}

static void put_number(const char *name, unsigned long value)
{
	CLEAN_FREE char *text = str_format("%lu\n", value);

	put(name, text);
}

/* A host that lacks nothing for a thousand peers. */
static void put_good_host(void)
{
	static const char *const kinds[] = { "net", "mnt", "pid", "ipc", "uts", "cgroup", "user" };
	static const char *const knobs[] = {
		"kernel/pid_max", "kernel/threads-max", "fs/file-max", "fs/nr_open", "fs/mount-max",
		"kernel/pty/max", "fs/inotify/max_user_instances", "fs/inotify/max_user_watches",
		"kernel/keys/maxkeys", "kernel/keys/maxbytes", "net/ipv4/neigh/default/gc_thresh3",
	};

	put("/proc/self/status", "Name:\tlento\nCapEff:\t000001ffffffffff\n");
	put("/proc/self/limits", "Limit  Soft Limit  Hard Limit  Units\n"
	    "Max processes             96365                96365                processes\n"
	    "Max open files            1024                 1048576              files\n");
	put("/proc/self/ns/user", "");
	put("/proc/self/ns/net", "");
	put("/proc/self/mounts", "none /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n");
	put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
	put("/proc/sys/kernel/seccomp/actions_avail", "kill_process trap errno trace allow\n");
	put("/proc/sys/net/ipv4/tcp_available_congestion_control", "reno cubic\n");
	put("/sys/kernel/btf/vmlinux", "");
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	put("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put("/proc/meminfo", "MemAvailable: 134217728 kB\nSwapTotal: 1000 kB\nSwapFree: 1000 kB\n");
	put("/proc/1/cgroup", "0::/init.scope\n");
	put("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t45\t1\n");
	put("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
	put("/dev/net/tun", "");
	put("/dev/fuse", "");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEAN_FREE char *name = str_format("/proc/sys/user/max_%s_namespaces", kinds[i]);

		put_number(name, 20000);
	}
	for (size_t i = 0; i < ARRAY_LEN(knobs); i++) {
		CLEAN_FREE char *name = str_format("/proc/sys/%s", knobs[i]);

		put_number(name, 10000000);
	}
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, ROOT_TEMPLATE);
	if (!mkdtemp(root)) {
		return -1;
	}
	put_good_host();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(root, NULL);
}

static struct hostcheck_report report;

static void look(uint32_t peers, const struct experiment *exp)
{
	const struct hostcheck_query q = { .peers = peers, .exp = exp, .root = root, .dir = root };

	hostcheck_run(&q, &report);
}

static const struct hostcheck_item *item(const char *name)
{
	for (size_t i = 0; i < report.count; i++) {
		if (strcmp(report.items[i].name, name) == 0) {
			return &report.items[i];
		}
	}
	fail_msg("no check called %s", name);
	return NULL;
}

/* Only @name is not ok, at @level; its mend holds @mend. */
static void expect_only(uint32_t peers, const char *name, enum check_level level, const char *mend)
{
	look(peers, NULL);
	for (size_t i = 0; i < report.count; i++) {
		const struct hostcheck_item *it = &report.items[i];

		if (strcmp(it->name, name) != 0 && it->level != CHECK_OK) {
			fail_msg("%s: %s (needed: %s)", it->name, it->found, it->needed);
		}
	}
	assert_int_equal(item(name)->level, level);
	assert_int_equal(report.worst, level);
	if (!strstr(item(name)->mend, mend)) {
		fail_msg("\"%s\" not in \"%s\"", mend, item(name)->mend);
	}
}

static void test_good_host(void **state)
{
	struct err err = { 0 };

	(void)state;
	look(1000, NULL);
	for (size_t i = 0; i < report.count; i++) {
		const struct hostcheck_item *it = &report.items[i];

		if (it->level != CHECK_OK) {
			fail_msg("%s: %s (needed: %s)", it->name, it->found, it->needed);
		}
		assert_true(it->found[0] && !it->mend[0] && it->purpose[0]);
	}
	assert_int_equal(report.peers, 1000);
	assert_int_equal(hostcheck_error(&report, &err), 0);
}

static void test_each_lack(void **state)
{
	(void)state;
	put("/proc/self/status", "CapEff:\t0000000000000000\n");
	expect_only(100, "root", CHECK_FAIL, "sudo");
	assert_non_null(strstr(item("root")->found, "sys_admin net_admin"));
	put_good_host();
	drop("/dev/net/tun");
	expect_only(100, "tun", CHECK_FAIL, "modprobe tun");
	put_good_host();
	drop("/dev/fuse");
	expect_only(100, "fuse", CHECK_FAIL, "modprobe fuse");
	put_good_host();
	drop("/proc/self/ns/net");
	expect_only(100, "net namespaces", CHECK_FAIL, "CONFIG_NET_NS");
	put_good_host();
	drop("/proc/self/ns/user");
	expect_only(100, "user namespaces", CHECK_WARN, "dropped capabilities");
	put_good_host();
	put("/proc/sys/user/max_mnt_namespaces", "100\n");
	expect_only(100, "mnt ns limit", CHECK_FAIL, "sysctl -w user.max_mnt_namespaces=164");
	put_good_host();
	put("/proc/sys/kernel/seccomp/actions_avail", "kill_process\n");
	expect_only(100, "seccomp", CHECK_FAIL, "CONFIG_SECCOMP_FILTER");
	put_good_host();
	put("/proc/sys/net/ipv4/tcp_available_congestion_control", "renovated cubic\n");
	expect_only(100, "tcp reno", CHECK_WARN, "wall time");
	put_good_host();
	drop("/sys/kernel/btf/vmlinux");
	expect_only(100, "tcp bpf", CHECK_WARN, "run.unscaled");
	assert_non_null(strstr(item("tcp bpf")->found, "CONFIG_DEBUG_INFO_BTF"));
	put_good_host();
	put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	expect_only(100, "clocksource", CHECK_WARN, "echo tsc");
	put_good_host();
	drop("/proc/pressure/cpu");
	look(100, NULL);
	assert_int_equal(report.worst, CHECK_OK);
	assert_non_null(strstr(item("pressure")->found, "stay empty"));
}

static void test_memory(void **state)
{
	(void)state;
	put("/proc/meminfo", "MemAvailable: 33554432 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n");
	expect_only(100, "swap", CHECK_WARN, "swapoff -a");
	/* 256 MiB and 4 to 12 MiB a peer: 1 GiB does for 64 but not for 200. */
	put("/proc/meminfo", "MemAvailable: 1048576 kB\n");
	expect_only(64, "memory", CHECK_OK, "");
	expect_only(100, "memory", CHECK_WARN, "fewer peers");
	expect_only(200, "memory", CHECK_FAIL, "fewer peers");
	assert_string_equal(item("memory")->needed, "2.6 GiB");
}

static void test_cgroups(void **state)
{
	(void)state;
	put("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
	expect_only(100, "cgroups", CHECK_FAIL, "mount -t cgroup2");
	assert_string_equal(item("cgroups")->found, "no controller pids");
	/* Version 1, and both beside each other. */
	put("/proc/self/mounts", "cgroup /c/memory cgroup rw,memory 0 0\ncgroup /c/pids cgroup rw,pids 0 0\n"
	    "cgroup /c/freezer cgroup rw,relatime,freezer 0 0\ncgroup /c/ca cgroup rw,cpu,cpuacct 0 0\n");
	expect_only(100, "tcp bpf", CHECK_WARN, "run.unscaled"); /* takes version 2 */
	assert_non_null(strstr(item("cgroups")->found, "version 1"));
	put("/proc/self/mounts", "cgroup /c/memory cgroup rw,memory 0 0\ncgroup /c/pids cgroup rw,pids 0 0\n"
	    "cgroup2 /c/unified cgroup2 rw 0 0\n");
	put("/c/unified/cgroup.controllers", "\n");
	expect_only(100, "cgroups", CHECK_WARN, "mount -t cgroup2");
	put("/proc/self/mounts", "proc /proc proc rw 0 0\n");
	look(100, NULL);
	assert_int_equal(item("cgroups")->level, CHECK_FAIL);
	assert_non_null(strstr(item("cgroups")->mend, "mount -t cgroup2"));
}

static void test_sizes_grow_with_peers(void **state)
{
	(void)state;
	put(INOTIFY, "128\n");
	expect_only(64, "inotify", CHECK_OK, "");
	expect_only(1000, "inotify", CHECK_WARN, "sysctl -w fs.inotify.max_user_instances=1064");
	assert_string_equal(item("inotify")->found, "128");
	assert_string_equal(item("inotify")->needed, "1064");
	put_good_host();
	put("/proc/sys/kernel/pid_max", "32768\n");
	expect_only(1000, "process ids", CHECK_OK, "");
	expect_only(5000, "process ids", CHECK_FAIL, "sysctl -w kernel.pid_max=44096");
	put_good_host();
	drop("/proc/sys/kernel/pid_max"); /* a kernel without the knob limits nothing */
	expect_only(1000, "process ids", CHECK_OK, "");
	put("/proc/self/limits", "Max processes  unlimited unlimited processes\n"
	    "Max open files 1024 4096 files\n");
	expect_only(900, "descriptors", CHECK_OK, "");
	expect_only(1000, "descriptors", CHECK_FAIL, "ulimit -Hn 4256");
}

/* One wall at a time: each is seen, by its own check alone, at the number of peers where it stands. */
static void test_walls(void **state)
{
	(void)state;
	put("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");
	expect_only(256, "neighbours", CHECK_OK, "");
	expect_only(257, "neighbours", CHECK_WARN, "sysctl -w net.ipv4.neigh.default.gc_thresh3=1026");
	put_good_host();
	put("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t65000\t1\n");
	expect_only(200, "memory groups", CHECK_OK, "");
	expect_only(300, "memory groups", CHECK_FAIL, "drop_caches");
	put_good_host();
	/* The limit of the group that holds ours, in version 2 and in version 1. */
	put("/sys/fs/cgroup/pids.max", "5024\n");
	expect_only(500, "process group", CHECK_OK, "");
	expect_only(501, "process group", CHECK_FAIL, "echo 5032 > /sys/fs/cgroup/pids.max");
	put("/sys/fs/cgroup/pids.max", "max\n");
	expect_only(501, "process group", CHECK_OK, "");
	put("/proc/self/mounts", "cgroup /c/memory cgroup rw,memory 0 0\ncgroup /c/pids cgroup rw,pids 0 0\n"
	    "cgroup /c/freezer cgroup rw,relatime,freezer 0 0\ncgroup /c/ca cgroup rw,cpu,cpuacct 0 0\n"
	    "cgroup2 /c/unified cgroup2 rw 0 0\n");
	put("/c/unified/cgroup.controllers", "\n");
	put("/proc/1/cgroup", "8:pids:/box/init.scope\n4:memory:/\n");
	put("/c/pids/box/pids.max", "100\n");
	expect_only(10, "process group", CHECK_FAIL, "echo 1104 > /c/pids/box/pids.max");
}

static void test_images(void **state)
{
	char *aria_packages[] = { (char *)"aria2", NULL };
	char *tr_packages[] = { (char *)"transmission-daemon", (char *)"transmission-common", NULL };
	struct image aria = { .program = (char *)"/usr/bin/aria2c", .packages = aria_packages };
	struct image tr = { .program = (char *)"/usr/bin/transmission-daemon", .packages = tr_packages };
	struct image *images[] = { &aria, &tr };
	struct experiment exp = { .images = images, .image_count = 2, .peer_count = 50 };
	CLEAN_FREE char *program = str_format("%s/usr/bin/aria2c", root);
	struct err err = { 0 };

	(void)state;
	put("/usr/bin/aria2c", "");
	chmod(program, 0755);
	look(0, &exp);
	assert_int_equal(report.peers, 50);
	assert_int_equal(item("images")->level, CHECK_FAIL);
	assert_string_equal(item("images")->found, "not found: /usr/bin/transmission-daemon");
	assert_string_equal(item("images")->mend, "apt-get install --no-install-recommends "
			    "transmission-daemon transmission-common");
	assert_int_equal(hostcheck_error(&report, &err), -1);
	assert_int_equal(err.kind, ERR_HOST);
	assert_non_null(strstr(err.msg, "images: not found: /usr/bin/transmission-daemon; mend: apt-get"));
	exp.image_count = 1;
	look(0, &exp);
	assert_int_equal(item("images")->level, CHECK_OK);
}

static void test_print(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	put(INOTIFY, "128\n");
	drop("/dev/fuse");
	look(1000, NULL);
	hostcheck_print(&report, out, false, false);
	fclose(out);
	assert_string_equal(text,
		"  FAIL  fuse                /dev/fuse: No such file or directory\n"
		"                            for: the payload store\n"
		"                            mend: modprobe fuse\n"
		"  warn  inotify             128; needed: 1064\n"
		"                            for: clients that watch a directory\n"
		"                            mend: sysctl -w fs.inotify.max_user_instances=1064\n"
		"this host cannot run 1000 peers; 2 of 39 checks not ok, 1 of them mended by "
		"\"lento check --fix\"\n");
	free(text);
}

/* --- mending ----------------------------------------------------------------------------- */

static char *record_of(const char *run)
{
	CLEAN_FREE char *dir = str_format("%s/state/%s", root, run);

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	return str_format("%s/hostfix.json", dir);
}

static void begin(const char *run, uint32_t peers)
{
	CLEAN_FREE char *record = record_of(run);
	struct err err = { 0 };

	look(peers, NULL);
	if (hostcheck_fix_apply(&report, record, &err)) {
		fail_msg("%s", err.msg);
	}
	look(peers, NULL);
	assert_int_equal(item("inotify")->level, CHECK_OK);
}

static void finish(const char *run)
{
	CLEAN_FREE char *record = record_of(run);
	struct err err = { 0 };

	if (hostcheck_fix_restore(record, &err)) {
		fail_msg("%s", err.msg);
	}
	assert_int_not_equal(access(record, F_OK), 0);
}

static void test_fix_and_restore(void **state)
{
	CLEAN_FREE char *record = record_of("a"), *text = NULL;

	(void)state;
	put_number(INOTIFY, 128);
	begin("a", 1000);
	assert_int_equal(number(INOTIFY), 1064);
	assert_int_equal(number("/proc/sys/kernel/pid_max"), 10000000);
	assert_int_equal(fs_read(record, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "\"old\": 128, \"new\": 1064"));
	assert_null(strstr(text, "pid_max"));
	/* Once more, for more peers: the first value is kept in mind. */
	begin("a", 2000);
	assert_int_equal(number(INOTIFY), 2064);
	finish("a");
	assert_int_equal(number(INOTIFY), 128);
	finish("a"); /* nothing left to do */
}

static void test_nothing_to_fix(void **state)
{
	CLEAN_FREE char *record = record_of("a");

	(void)state;
	begin("a", 10);
	assert_int_not_equal(access(record, F_OK), 0);
	finish("a");
}

static void test_somebody_else_set_it(void **state)
{
	(void)state;
	put_number(INOTIFY, 128);
	begin("a", 1000);
	put_number(INOTIFY, 5000);
	finish("a");
	assert_int_equal(number(INOTIFY), 5000);
}

/* Two runs at once, ending in either order: each keeps what it needs, the last
 * puts back the original value. */
static void test_two_runs(void **state)
{
	static const struct {
		uint32_t first, second;
		unsigned between_first_ends, between_second_ends;
	} cases[] = {
		{ 1000, 2000, 2064, 1064 }, /* the second raises further */
		{ 2000, 1000, 2064, 2064 }, /* the second needs only what the first set */
		{ 1000, 1000, 1064, 1064 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_number(INOTIFY, 128);
		begin("a", cases[i].first);
		begin("b", cases[i].second);
		finish("a");
		assert_int_equal(number(INOTIFY), cases[i].between_first_ends);
		finish("b");
		assert_int_equal(number(INOTIFY), 128);

		begin("a", cases[i].first);
		begin("b", cases[i].second);
		finish("b");
		assert_int_equal(number(INOTIFY), cases[i].between_second_ends);
		finish("a");
		assert_int_equal(number(INOTIFY), 128);
	}
}

static void test_three_runs(void **state)
{
	(void)state;
	put_number(INOTIFY, 128);
	begin("a", 2000);
	begin("b", 1000);
	begin("c", 1500);
	finish("a");
	assert_int_equal(number(INOTIFY), 2064);
	finish("c");
	assert_int_equal(number(INOTIFY), 2064);
	finish("b");
	assert_int_equal(number(INOTIFY), 128);
}

static void test_bad_records(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "{\"version\": 2, \"knobs\": []}", "{\"version\": 1}",
		"{\"version\": 1, \"knobs\": [{\"path\": 5, \"old\": 1, \"new\": 2}]}",
		"{\"version\": 1, \"knobs\": [{\"path\": \"/x\", \"old\": \"1\", \"new\": 2}]}",
	};
	CLEAN_FREE char *record = record_of("a");
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put("/state/a/hostfix.json", bad[i]);
		err.msg[0] = '\0';
		assert_int_equal(hostcheck_fix_restore(record, &err), -1);
		assert_non_null(strstr(err.msg, "hostfix.json"));
	}
	/* Another run's bad record is no concern of ours. */
	put_number(INOTIFY, 128);
	begin("b", 1000);
	finish("b");
	assert_int_equal(number(INOTIFY), 128);
}

/* Limits are this process's own: a child raises them and looks. */
static void test_rlimit(void **state)
{
	CLEAN_FREE char *record = record_of("a");
	struct rlimit before, after;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	if (before.rlim_max < 300) {
		skip();
	}
	before.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	look(10, NULL);
	assert_int_equal(hostcheck_fix_apply(&report, record, NULL), 0);
	getrlimit(RLIMIT_NOFILE, &after);
	assert_true(after.rlim_cur >= 256 + 4 * 10);
	assert_int_equal(after.rlim_max, before.rlim_max);
}

/* The real host, whatever it is: every check comes to an end and says something. */
static void test_real_host(void **state)
{
	const struct hostcheck_query q = { .peers = 10, .root = "", .dir = "/tmp" };

	(void)state;
	hostcheck_run(&q, &report);
	for (size_t i = 0; i < report.count; i++) {
		assert_true(report.items[i].found[0] != '\0');
		assert_true(report.items[i].level == CHECK_OK || report.items[i].mend[0]);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_good_host), CASE(test_each_lack), CASE(test_memory), CASE(test_cgroups),
		CASE(test_sizes_grow_with_peers), CASE(test_walls), CASE(test_images), CASE(test_print),
		CASE(test_fix_and_restore), CASE(test_nothing_to_fix), CASE(test_somebody_else_set_it),
		CASE(test_two_runs), CASE(test_three_runs), CASE(test_bad_records), CASE(test_rlimit),
		CASE(test_real_host),
	};

	return cmocka_run_group_tests_name("hostcheck", tests, NULL, NULL);
}
