// SPDX-License-Identifier: GPL-2.0-or-later
/* rt_null, initlink and lento-init together, with real processes and without root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/initlink.h"
#include "rt/rt.h"

#define PEERS 3
#define WAIT_MS 20000
#define LOOPBACK_1 0x7f000001u

struct bed {
	char dir[64], share[96];
	struct timedil_page *page;
	struct initlink *link;
	struct rt *rt;
	struct rt_peer *peers[PEERS];
};

static char *init_program(void)
{
	static const char *const places[] = { "%s/../../lento-init", "%s/lento-init" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *path = str_format(places[i], fs_program_dir());

		if (access(path, X_OK) == 0) {
			return path;
		}
		free(path);
	}
	return NULL;
}

static int bed_create(void **state)
{
	CLEAN_FREE char *program = init_program(), *bytes = NULL;
	struct bed *bed = calloc(1, sizeof(*bed));
	struct err err = { 0 };
	char path[128];
	size_t len;

	assert_non_null(program);
	strcpy(bed->dir, "/tmp/test_rt_null.XXXXXX");
	assert_non_null(mkdtemp(bed->dir));
	snprintf(bed->share, sizeof(bed->share), "%s/share", bed->dir);
	assert_int_equal(fs_mkdirs(bed->share, 0755, &err), 0);
	snprintf(path, sizeof(path), "%s/lento-init", bed->share);
	assert_int_equal(fs_read(program, &bytes, &len, &err), 0);
	assert_int_equal(fs_write_atomic(path, bytes, len, &err), 0);
	chmod(path, 0755);
	snprintf(path, sizeof(path), "%s/clock", bed->share);
	bed->page = vpage_create(path, (struct tdf){ 2, 1 });
	assert_non_null(bed->page);
	vpage_run(bed->page, wall_now());
	snprintf(path, sizeof(path), "%s/init.sock", bed->share);
	assert_int_equal(initlink_listen(path, PEERS, &bed->link, &err), 0);
	struct rt_config cfg = { .run_id = "null-test", .state_dir = bed->dir, .ns_dir = bed->dir,
				 .share_dir = bed->share };
	assert_int_equal(rt_null_create(&cfg, &bed->rt, &err), 0);
	*state = bed;
	return 0;
}

static int bed_destroy(void **state)
{
	struct bed *bed = *state;
	struct err err = { 0 };

	for (int i = 0; i < PEERS; i++) {
		rt_peer_destroy(bed->peers[i]);
	}
	rt_destroy(bed->rt);
	initlink_destroy(bed->link);
	vpage_close(bed->page);
	assert_int_equal(fs_remove_tree(bed->dir, &err), 0);
	free(bed);
	return 0;
}

/* The next event of @peer; -1 when none comes. */
static int next_event(struct bed *bed, uint32_t peer, struct init_event *ev, int wait_ms)
{
	wall_t end = { wall_now().ns + wait_ms * NS_PER_MS };
	struct err err = { 0 };

	while (wall_now().ns < end.ns) {
		struct pollfd pfd = { initlink_fd(bed->link), POLLIN, 0 };
		int rc = initlink_next(bed->link, ev, &err);

		if (rc < 0) {
			fail_msg("%s", err.msg);
		}
		if (rc > 0 && ev->peer == peer) {
			return 0;
		}
		if (rc == 0) {
			poll(&pfd, 1, 20);
		}
	}
	return -1;
}

static struct init_event expect_event(struct bed *bed, uint32_t peer, enum init_event_kind kind)
{
	struct init_event ev;

	if (next_event(bed, peer, &ev, WAIT_MS)) {
		fail_msg("peer %u: no event, %d was due", peer, (int)kind);
	}
	if (ev.kind != kind) {
		fail_msg("peer %u: event %d (%s) instead of %d", peer, (int)ev.kind, ev.text, (int)kind);
	}
	return ev;
}

static struct initlink_peer *boot(struct bed *bed, uint32_t i)
{
	CLEAN_FREE char *data = str_format("%s/data%u", bed->dir, i);
	CLEAN_FREE char *log = str_format("%s/log%u", bed->dir, i);
	CLEAN_FREE char *name = str_format("p-%u", i);
	struct rt_peer_spec spec = { .index = i, .name = name, .ip = LOOPBACK_1 + i, .data_dir = data,
				     .log_dir = log, .tdf = { 2, 1 } };
	struct init_token token;
	struct err err = { 0 };

	assert_int_equal(fs_mkdirs(data, 0755, &err) || fs_mkdirs(log, 0755, &err), 0);
	assert_int_equal(initlink_expect(bed->link, i, &token, &err), 0);
	memcpy(spec.token, token.bytes, sizeof(spec.token));
	if (rt_boot(bed->rt, &spec, &bed->peers[i], &err)) {
		fail_msg("%s", err.msg);
	}
	expect_event(bed, i, INIT_HELLO);
	return initlink_find(bed->link, i);
}

static void start(struct initlink_peer *p, char *const argv[], uint16_t port, int64_t timeout_wns,
		  const struct init_file *files, size_t file_count)
{
	char *env[] = { "PATH=/usr/bin:/bin", "WORD=hello", NULL };
	struct init_start st = { .argv = argv, .env = env, .files = files, .file_count = file_count,
				 .ready_tcp_port = port, .ready_timeout_wns = timeout_wns };
	struct err err = { 0 };

	if (initlink_start(p, &st, &err)) {
		fail_msg("%s", err.msg);
	}
}

static void start_shell(struct initlink_peer *p, const char *script)
{
	char *argv[] = { "/bin/sh", "-c", (char *)script, NULL };

	start(p, argv, 0, 0, NULL, 0);
}

static char *read_log(const struct bed *bed, uint32_t i, const char *name)
{
	CLEAN_FREE char *path = str_format("%s/log%u/%s", bed->dir, i, name);
	struct err err = { 0 };
	char *text;

	if (fs_read(path, &text, NULL, &err)) {
		fail_msg("%s", err.msg);
	}
	return text;
}

static long log_bytes(const struct bed *bed, uint32_t i)
{
	CLEAN_FREE char *text = read_log(bed, i, "stdout");

	return (long)strlen(text);
}

static bool alive(pid_t pid)
{
	CLEAN_FREE char *path = str_format("/proc/%d/status", (int)pid), *text = NULL;

	return fs_read(path, &text, NULL, NULL) == 0 && !strstr(text, "State:\tZ");
}

static bool dies(pid_t pid)
{
	for (int i = 0; i < 1000 && alive(pid); i++) {
		usleep(5000);
	}
	return !alive(pid);
}

/* The number that a client wrote as the only content of its stdout. */
static pid_t logged_pid(const struct bed *bed, uint32_t i)
{
	for (int tries = 0; tries < 1000; tries++) {
		CLEAN_FREE char *text = read_log(bed, i, "stdout");

		if (strchr(text, '\n')) {
			return (pid_t)strtol(text, NULL, 10);
		}
		usleep(5000);
	}
	fail_msg("peer %u wrote no pid", i);
	return -1;
}

/* --- tests ------------------------------------------------------------------ */

static void test_life(void **state)
{
	struct bed *bed = *state;
	CLEAN_FREE char *deep = str_format("%s/data0/a/b/c.conf", bed->dir);
	CLEAN_FREE char *out = NULL, *errors = NULL, *content = NULL;
	CLEAN_FREE char *script = str_format("echo $WORD; echo oops >&2; cat %s; pwd; exit 3", deep);
	char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct init_file file = { deep, "line 1\nline 2\n" };
	struct initlink_peer *p = boot(bed, 0);
	struct init_event started, ev;
	struct rt_paths paths;
	struct err err = { 0 };

	rt_peer_paths(bed->peers[0], &paths);
	start(p, argv, 0, 0, &file, 1);
	started = expect_event(bed, 0, INIT_STARTED);
	assert_true(started.client_pid > 0);
	assert_true(started.virt.ns > 0);
	ev = expect_event(bed, 0, INIT_READY);
	ev = expect_event(bed, 0, INIT_EXITED);
	assert_true(WIFEXITED(ev.status));
	assert_int_equal(WEXITSTATUS(ev.status), 3);
	assert_true(ev.virt.ns >= started.virt.ns);
	assert_true(ev.usage.ru_maxrss > 0);
	out = read_log(bed, 0, "stdout");
	content = str_format("hello\nline 1\nline 2\n%s\n", paths.tmp);
	assert_string_equal(out, content);
	errors = read_log(bed, 0, "stderr");
	assert_string_equal(errors, "oops\n");
	assert_int_equal(initlink_exit(p, &err), 0);
	expect_event(bed, 0, INIT_GONE);
	assert_null(initlink_find(bed->link, 0));
}

static void test_failures(void **state)
{
	struct bed *bed = *state;
	char *missing[] = { "/no/such/client", NULL }, *not_program[] = { "/etc/passwd", NULL };
	char *fine[] = { "/bin/true", NULL };
	struct init_file bad = { "/proc/no/such/place", "x" };
	struct init_event ev;

	start(boot(bed, 0), missing, 0, 0, NULL, 0);
	ev = expect_event(bed, 0, INIT_FAILED);
	assert_string_equal(ev.text, "starting /no/such/client: No such file or directory");
	start(boot(bed, 1), not_program, 0, 0, NULL, 0);
	ev = expect_event(bed, 1, INIT_FAILED);
	assert_string_equal(ev.text, "starting /etc/passwd: Permission denied");
	start(boot(bed, 2), fine, 0, 0, &bad, 1);
	ev = expect_event(bed, 2, INIT_FAILED);
	assert_non_null(strstr(ev.text, "writing /proc/no/such/place: "));
}

static void test_signals(void **state)
{
	struct bed *bed = *state;
	struct initlink_peer *p = boot(bed, 0);
	CLEAN_FREE char *masks = NULL;
	struct err err = { 0 };
	struct init_event ev;

	start_shell(p, "trap 'exit 42' TERM; echo $$; while :; do sleep 0.02; done");
	expect_event(bed, 0, INIT_STARTED);
	expect_event(bed, 0, INIT_READY);
	logged_pid(bed, 0);
	assert_int_equal(initlink_signal(p, SIGTERM, &err), 0);
	ev = expect_event(bed, 0, INIT_EXITED);
	assert_int_equal(WEXITSTATUS(ev.status), 42);
	p = boot(bed, 1);
	/* Signals are as at login: not blocked, not ignored. */
	start_shell(p, "grep -E '^Sig(Blk|Ign)' /proc/self/status; exec sleep 1000");
	expect_event(bed, 1, INIT_STARTED);
	expect_event(bed, 1, INIT_READY);
	for (int i = 0; i < 1000 && log_bytes(bed, 1) < 50; i++) {
		usleep(5000);
	}
	assert_int_equal(initlink_signal(p, SIGTERM, &err), 0);
	ev = expect_event(bed, 1, INIT_EXITED);
	assert_true(WIFSIGNALED(ev.status));
	assert_int_equal(WTERMSIG(ev.status), SIGTERM);
	masks = read_log(bed, 1, "stdout");
	assert_string_equal(masks, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static int listener(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(LOOPBACK_1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static void test_ready(void **state)
{
	struct bed *bed = *state;
	char *argv[] = { "/bin/sleep", "1000", NULL };
	struct init_event ev;
	uint16_t port;
	int fd = listener(&port);

	start(boot(bed, 0), argv, port, 3600 * NS_PER_S, NULL, 0);
	expect_event(bed, 0, INIT_STARTED);
	assert_int_equal(next_event(bed, 0, &ev, 200), -1); /* bound, but not listening */
	assert_int_equal(listen(fd, 1), 0);
	expect_event(bed, 0, INIT_READY);
	close(fd);
	start(boot(bed, 1), argv, port, 50 * NS_PER_MS, NULL, 0);
	expect_event(bed, 1, INIT_STARTED);
	expect_event(bed, 1, INIT_NOT_READY);
}

static void test_tree(void **state)
{
	struct bed *bed = *state;
	struct initlink_peer *p = boot(bed, 0);
	struct rt_usage usage;
	struct init_event ev;
	struct err err = { 0 };
	pid_t daemon_pid, init_pid = rt_peer_pid(bed->peers[0]);

	/* A daemon in a session of its own, whose parent has ended. */
	start_shell(p, "(setsid sh -c 'echo $$; exec sleep 1000' &) ; sleep 1000");
	expect_event(bed, 0, INIT_STARTED);
	expect_event(bed, 0, INIT_READY);
	daemon_pid = logged_pid(bed, 0);
	assert_true(alive(daemon_pid));
	assert_int_equal(rt_peer_usage(bed->peers[0], &usage, &err), 0);
	assert_true(usage.processes >= 3);
	assert_true(usage.memory_bytes > 0);
	assert_true(usage.memory_peak_bytes >= usage.memory_bytes);
	assert_int_equal(rt_peer_kill(bed->peers[0], &err), 0);
	assert_true(dies(daemon_pid));
	assert_true(dies(init_pid));
	/* lento-init, the last to die, may still have told of the client. */
	do {
		assert_int_equal(next_event(bed, 0, &ev, WAIT_MS), 0);
	} while (ev.kind == INIT_EXITED);
	assert_int_equal(ev.kind, INIT_GONE);
}

/* The end of lento, as seen by its peers: the connection closes. */
static void test_orphaned(void **state)
{
	struct bed *bed = *state;
	pid_t init_pid, daemon_pid;

	start_shell(boot(bed, 0), "(setsid sh -c 'echo $$; exec sleep 1000' &) ; sleep 1000");
	expect_event(bed, 0, INIT_STARTED);
	daemon_pid = logged_pid(bed, 0);
	init_pid = rt_peer_pid(bed->peers[0]);
	initlink_destroy(bed->link);
	bed->link = NULL;
	assert_true(dies(init_pid));
	assert_true(dies(daemon_pid));
}

static void test_freeze(void **state)
{
	struct bed *bed = *state;
	struct err err = { 0 };
	long before;

	start_shell(boot(bed, 0), "while :; do echo x; sleep 0.005; done");
	expect_event(bed, 0, INIT_STARTED);
	expect_event(bed, 0, INIT_READY);
	assert_int_equal(rt_peer_freeze(bed->peers[0], true, &err), 0);
	before = log_bytes(bed, 0);
	usleep(100000);
	assert_int_equal(log_bytes(bed, 0), before);
	assert_int_equal(rt_peer_freeze(bed->peers[0], false, &err), 0);
	for (int i = 0; i < 1000 && log_bytes(bed, 0) == before; i++) {
		usleep(5000);
	}
	assert_true(log_bytes(bed, 0) > before);
	assert_int_equal(rt_peer_freeze(bed->peers[0], true, &err), 0);
}

static void count_pid(pid_t pid, void *arg)
{
	*(int *)arg += pid > 0;
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", "-x", "A", "a/b", "..", "a b" };
	struct bed *bed = *state;
	struct rt_peer *peer = NULL;
	struct err err = { 0 };
	int seen_pids = 0;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct rt_peer_spec spec = { .name = bad[i], .data_dir = "/tmp", .log_dir = "/tmp" };
		unsigned killed;

		assert_int_equal(rt_boot(bed->rt, &spec, &peer, &err), -1);
		assert_int_equal(rt_purge(bad[i], &killed, &err), -1);
	}
	boot(bed, 0);
	rt_peer_each_pid(bed->peers[0], count_pid, &seen_pids);
	assert_int_equal(seen_pids, 1);
	assert_non_null(strstr(rt_unscaled(bed->rt), "TCP"));
}

/* --- probes: in a network namespace of our own, for port 7 --------------------- */

static bool own_network(void)
{
	CLEAN_FREE char *uids = str_format("0 %u 1", geteuid()), *gids = str_format("0 %u 1", getegid());
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	CLEAN_CLOSE int fd = -1;

	if (geteuid() == 0 ? unshare(CLONE_NEWNET) :
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) ||
	    fs_write_knob("/proc/self/setgroups", "deny", NULL) ||
	    fs_write_knob("/proc/self/uid_map", uids, NULL) ||
	    fs_write_knob("/proc/self/gid_map", gids, NULL)) {
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
}

static void test_probes(void **state)
{
	struct bed *bed = *state;
	struct initlink_peer *a, *b;
	struct init_event ev;
	struct err err = { 0 };
	int64_t before;

	if (!own_network()) {
		skip(); /* no unprivileged user namespaces here */
	}
	a = boot(bed, 0);
	b = boot(bed, 1);
	before = vtime_now(bed->page).ns;
	assert_int_equal(initlink_probe_rtt(a, 5, LOOPBACK_1 + 1, 20, 200, 5 * NS_PER_MS, &err), 0);
	assert_int_equal(initlink_probe_rtt(a, 6, LOOPBACK_1 + 1, 20, 200, 0, &err), 0);
	ev = expect_event(bed, 0, INIT_PROBE);
	assert_int_equal(ev.token, 6);
	assert_int_equal(ev.probe.sent, 0);
	assert_string_equal(ev.text, "another probe is under way");
	ev = expect_event(bed, 0, INIT_PROBE);
	assert_int_equal(ev.token, 5);
	assert_int_equal(ev.probe.sent, 20);
	assert_int_equal(ev.probe.received, 20);
	assert_int_equal(ev.probe.bytes, 20 * 200);
	assert_true(ev.probe.rtt_min_vns > 0);
	assert_true(ev.probe.rtt_min_vns <= ev.probe.rtt_median_vns);
	assert_true(ev.probe.rtt_median_vns <= ev.probe.rtt_max_vns);
	/* Nineteen gaps of 5 virtual ms. */
	assert_true(ev.virt.ns - before >= 95 * NS_PER_MS);
	assert_true(ev.probe.last_vns - ev.probe.first_vns >= 95 * NS_PER_MS - ev.probe.rtt_max_vns);

	assert_int_equal(initlink_probe_train(b, 7, LOOPBACK_1, 50, 1000, &err), 0);
	ev = expect_event(bed, 1, INIT_PROBE);
	assert_int_equal(ev.token, 7);
	assert_int_equal(ev.probe.sent, 50);
	assert_int_equal(ev.probe.received, 50);
	assert_int_equal(ev.probe.bytes, 50 * 1000);
	assert_true(ev.probe.first_vns > 0 && ev.probe.last_vns >= ev.probe.first_vns);

	assert_int_equal(initlink_probe_train(b, 8, LOOPBACK_1, 1, 20, &err), 0);
	ev = expect_event(bed, 1, INIT_PROBE);
	assert_int_equal(ev.probe.sent, 0);
	assert_string_equal(ev.text, "packet size, count or gap out of bounds");

	/* Nobody is there: it ends by virtual time alone, and quickly at TDF 1/100. */
	vpage_set_tdf(bed->page, wall_now(), (struct tdf){ 1, 100 });
	assert_int_equal(initlink_probe_rtt(a, 9, LOOPBACK_1 + 7, 3, 100, 0, &err), 0);
	ev = expect_event(bed, 0, INIT_PROBE);
	assert_int_equal(ev.probe.sent, 3);
	assert_int_equal(ev.probe.received, 0);
	start_shell(a, "exit 0");
	expect_event(bed, 0, INIT_STARTED);
	assert_int_equal(initlink_probe_rtt(a, 10, LOOPBACK_1 + 1, 1, 100, 0, &err), 0);
	do {
		next_event(bed, 0, &ev, WAIT_MS);
	} while (ev.kind != INIT_PROBE);
	assert_string_equal(ev.text, "probes end with START");
}

int main(void)
{
	CLEAN_FREE char *program = init_program();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_failures, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_signals, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_ready, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_tree, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_orphaned, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_freeze, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_names, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_probes, bed_create, bed_destroy),
	};

	if (!program) {
		printf("skipped: lento-init is not built\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
