// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rt_lxc - containers for real: what a peer may and may not do, limits, kills, and
 * that nothing is left.
 *
 *	rt_lxc BUILD_DIR POLICY CASE
 *
 * Exit status: 0 as it should be, 1 not, 77 when this host cannot.  Each case makes
 * mount and network namespaces of its own, as lento does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/initlink.h"
#include "rt/rt.h"

#define MAX_PEERS 64
#define EVENT_WAIT_MS 20000

static const char *build_dir, *policy;
static bool without_userns;
static enum rt_congestion congestion;
static char current_id[32]; /* of the run that this process has set up */

struct bed {
	char id[32], dir[64];
	char state_dir[96], ns_dir[96], share_dir[96];
	struct timedil_page *page;
	struct initlink *link;
	struct rt *rt;
	struct rt_peer *peers[MAX_PEERS];
	int tuns[MAX_PEERS];
};

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "FAILED: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	if (current_id[0]) {
		CLEAN_FREE char *dir = str_format("/tmp/lento-%s", current_id);
		CLEAN_FREE char *ns_dir = str_format("%s/ns", dir);
		unsigned killed;

		rt_purge(current_id, &killed, NULL);
		umount2(ns_dir, MNT_DETACH);
		fs_remove_tree(dir, NULL);
	}
	_exit(1);
}

#define REQUIRE(cond, ...) do { if (!(cond)) { die(__VA_ARGS__); } } while (0)
#define OK(call, err) do { if (call) { die("%s: %s", #call, (err).msg); } } while (0)

/* --- the bed ---------------------------------------------------------------- */

static void loopback_up(void)
{
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	REQUIRE(ioctl(fd, SIOCSIFFLAGS, &ifr) == 0, "lo: %s", strerror(errno));
}

static void copy_to_share(const struct bed *bed, const char *name)
{
	CLEAN_FREE char *from = str_format("%s/%s", build_dir, name);
	CLEAN_FREE char *to = str_format("%s/%s", bed->share_dir, name);
	CLEAN_FREE char *bytes = NULL;
	struct err err = { 0 };
	size_t len;

	OK(fs_read(from, &bytes, &len, &err) || fs_write_atomic(to, bytes, len, &err), err);
	chmod(to, 0755);
}

/* Under a directory that only root may enter, as results below /root would be. */
static void bed_create(struct bed *bed, const char *id, struct tdf tdf)
{
	struct err err = { 0 };
	char path[128];

	memset(bed, 0, sizeof(*bed));
	snprintf(bed->id, sizeof(bed->id), "rt-%s-%d", id, (int)getpid());
	snprintf(bed->dir, sizeof(bed->dir), "/tmp/lento-%s", bed->id);
	memcpy(current_id, bed->id, sizeof(current_id));
	REQUIRE(mkdir(bed->dir, 0700) == 0, "%s: %s", bed->dir, strerror(errno));
	REQUIRE(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "unshare: %s", strerror(errno));
	REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private mounts");
	loopback_up();
	snprintf(bed->state_dir, sizeof(bed->state_dir), "%s/state", bed->dir);
	snprintf(bed->ns_dir, sizeof(bed->ns_dir), "%s/ns", bed->dir);
	snprintf(bed->share_dir, sizeof(bed->share_dir), "%s/ns/share", bed->dir);
	OK(fs_mkdirs(bed->state_dir, 0755, &err) || fs_mkdirs(bed->ns_dir, 0755, &err), err);
	REQUIRE(mount("t", bed->ns_dir, "tmpfs", 0, "mode=0755") == 0, "tmpfs");
	OK(fs_mkdirs(bed->share_dir, 0755, &err), err);
	copy_to_share(bed, "lento-init");
	snprintf(path, sizeof(path), "%s/clock", bed->share_dir);
	bed->page = vpage_create(path, tdf);
	REQUIRE(bed->page, "clock page");
	vpage_run(bed->page, wall_now());
	snprintf(path, sizeof(path), "%s/init.sock", bed->share_dir);
	OK(initlink_listen(path, MAX_PEERS, &bed->link, &err), err);
	struct rt_config cfg = {
		.run_id = bed->id, .state_dir = bed->state_dir, .ns_dir = bed->ns_dir,
		.share_dir = bed->share_dir, .seccomp_policy = policy, .userns = !without_userns,
		.tcp = { .congestion = congestion },
	};
	struct vclock clk;

	OK(rt_lxc_create(&cfg, &bed->rt, &err), err);
	vtime_load(bed->page, &clk);
	rt_set_clock(bed->rt, &clk);
	for (int i = 0; i < MAX_PEERS; i++) {
		bed->tuns[i] = -1;
	}
}

static void bed_destroy(struct bed *bed)
{
	for (int i = 0; i < MAX_PEERS; i++) {
		rt_peer_destroy(bed->peers[i]);
		if (bed->tuns[i] >= 0) {
			close(bed->tuns[i]);
		}
	}
	rt_destroy(bed->rt);
	initlink_destroy(bed->link);
	vpage_close(bed->page);
	umount2(bed->ns_dir, MNT_DETACH);
	fs_remove_tree(bed->dir, NULL);
}

static struct init_event wait_event(struct bed *bed, uint32_t peer, enum init_event_kind kind)
{
	wall_t end = { wall_now().ns + EVENT_WAIT_MS * NS_PER_MS };
	struct err err = { 0 };
	struct init_event ev;

	while (wall_now().ns < end.ns) {
		struct pollfd pfd = { initlink_fd(bed->link), POLLIN, 0 };
		int rc = initlink_next(bed->link, &ev, &err);

		REQUIRE(rc >= 0, "initlink: %s", err.msg);
		if (rc == 0) {
			poll(&pfd, 1, 100);
			continue;
		}
		if (ev.peer == peer && ev.kind == kind) {
			return ev;
		}
		REQUIRE(ev.peer != peer || (ev.kind != INIT_FAILED && ev.kind != INIT_GONE),
			"peer %u: unexpected event %d while waiting for %d: %s", peer, (int)ev.kind,
			(int)kind, ev.text);
	}
	die("peer %u: no event %d", peer, (int)kind);
}

struct want {
	bool tun;
	uint64_t memory_bytes;
	uint32_t pids;
	struct tdf tdf;
};

static void log_path(const struct bed *bed, uint32_t i, const char *name, char *path, size_t len)
{
	snprintf(path, len, "%s/results/peers/p%u%s%s", bed->dir, i, *name ? "/" : "", name);
}

static int boot(struct bed *bed, uint32_t i, const struct want *want, struct err *err)
{
	char name[16], data[128], log[128];
	struct init_token token;
	int rc;

	snprintf(name, sizeof(name), "p%u", i);
	snprintf(data, sizeof(data), "%s/data/p%u", bed->ns_dir, i);
	log_path(bed, i, "", log, sizeof(log));
	OK(fs_mkdirs(data, 0755, err) || fs_mkdirs(log, 0755, err), *err);
	REQUIRE(chown(data, rt_peer_uid(bed->rt), rt_peer_uid(bed->rt)) == 0, "chown");
	struct rt_peer_spec spec = {
		.index = i, .name = name, .network = want->tun,
		.ip = 0xc6120001u + i, .ip_bits = 32, .mtu = 1500, .data_dir = data, .log_dir = log,
		.memory_bytes = want->memory_bytes, .tmp_bytes = 16 << 20, .pids = want->pids,
		.tdf = want->tdf.den ? want->tdf : (struct tdf){ 1, 1 },
	};
	OK(initlink_expect(bed->link, i, &token, err), *err);
	memcpy(spec.token, token.bytes, sizeof(spec.token));
	rc = rt_boot(bed->rt, &spec, &bed->peers[i], err);
	if (rc == 0) {
		bed->tuns[i] = rt_peer_take_tun(bed->peers[i]);
	}
	return rc;
}

static void boot_ok(struct bed *bed, uint32_t i, const struct want *want)
{
	struct err err = { 0 };
	int64_t begin = wall_now().ns, done;

	OK(boot(bed, i, want, &err), err);
	done = wall_now().ns;
	wait_event(bed, i, INIT_HELLO);
	printf("# p%u booted in %.1f ms, HELLO after %.1f ms%s\n", i, (double)(done - begin) / 1e6,
	       (double)(wall_now().ns - begin) / 1e6, want->tun ? " (TUN)" : "");
}

static void start_argv(struct bed *bed, uint32_t i, char *const argv[])
{
	char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", NULL };
	struct init_file files[] = { { "/data/sub/dir/file", "content\n" } };
	struct init_start st = { .argv = argv, .env = env, .files = files, .file_count = 1,
				 .ready_timeout_wns = NS_PER_S };
	struct err err = { 0 };

	OK(initlink_start(initlink_find(bed->link, i), &st, &err), err);
}

static void start_shell(struct bed *bed, uint32_t i, const char *script)
{
	char *argv[] = { "/bin/sh", "-c", (char *)script, NULL };

	start_argv(bed, i, argv);
	wait_event(bed, i, INIT_STARTED);
}

static char *log_of(const struct bed *bed, uint32_t i, const char *name)
{
	char path[160], *text = NULL;
	struct err err = { 0 };

	log_path(bed, i, name, path, sizeof(path));
	OK(fs_read(path, &text, NULL, &err), err);
	return text;
}

static int run_shell(struct bed *bed, uint32_t i, const char *script)
{
	start_shell(bed, i, script);
	return wait_event(bed, i, INIT_EXITED).status;
}

/* Does a living process other than us have @id in its command line or cgroups? */
static bool process_has(const char *pid, const char *id)
{
	static const char *const files[] = { "cmdline", "cgroup" };
	CLEAN_FREE char *status = str_format("/proc/%s/status", pid), *text = NULL;

	if (strtol(pid, NULL, 10) == getpid() || fs_read(status, &text, NULL, NULL) ||
	    strstr(text, "State:\tZ") || strstr(text, "State:\tX")) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEAN_FREE char *path = str_format("/proc/%s/%s", pid, files[i]), *bytes = NULL;
		size_t len;

		if (fs_read(path, &bytes, &len, NULL) == 0 && memmem(bytes, len, id, strlen(id))) {
			return true;
		}
	}
	return false;
}

static unsigned count_processes(const char *id, bool print)
{
	CLEAN_CLOSEDIR DIR *dir = opendir("/proc");
	struct dirent *ent;
	unsigned n = 0;

	while ((ent = readdir(dir))) {
		if (ent->d_name[0] >= '1' && ent->d_name[0] <= '9' && process_has(ent->d_name, id)) {
			n++;
			if (print) {
				printf("# left: process %s\n", ent->d_name);
			}
		}
	}
	return n;
}

/* What a run may leave: groups, processes, mounts, files.  The number, each printed. */
static unsigned leftovers(const char *id)
{
	CLEAN_FREE char *cmd = str_format(
		"{ find /sys/fs/cgroup -type d -path '*lento/%s*'; grep %s /proc/mounts; "
		"ls -d /tmp/lento-%s; ls /run/lxc/lock; } 2>/dev/null", id, id, id);
	unsigned n = 0, tries = 0;
	char line[512];
	FILE *f;

	/* The first process of the host may take its time to reap. */
	while (count_processes(id, tries == 20) > 0 && tries++ < 20) {
		usleep(50000);
	}
	n = tries > 20;
	f = popen(cmd, "r");
	REQUIRE(f, "popen");
	while (fgets(line, sizeof(line), f)) {
		printf("# left: %s", line);
		n++;
	}
	pclose(f);
	return n;
}

/* --- cases ------------------------------------------------------------------ */

static void require_line(const char *text, const char *line)
{
	REQUIRE(strstr(text, line), "\"%s\" is missing in:\n%s", line, text);
}

static const char look_around[] =
	"grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status\n"
	"echo id=$(id -u):$(id -g)\n"
	"ls -1 /dev | tr '\\n' ' '; echo\n"
	"find /dev -type b | wc -l | sed 's/^/blockdev=/'\n"
	"touch /x 2>/dev/null || echo root-ro\n"
	"touch /usr/x 2>/dev/null || echo usr-ro\n"
	"touch /lento/x 2>/dev/null || echo lento-ro\n"
	"touch /data/x && echo data-rw\n"
	"touch /log/x && echo log-rw\n"
	"touch /tmp/x && echo tmp-rw\n"
	"cat /data/sub/dir/file\n"
	"pwd; hostname\n"
	"mount -t tmpfs x /tmp 2>/dev/null || echo mount-denied\n"
	"unshare -r true 2>/dev/null || echo unshare-denied\n"
	"{ echo 1 >/proc/sys/net/ipv4/tcp_fin_timeout; } 2>/dev/null || echo sysctl-ro\n"
	"tr '\\0' '\\n' </proc/1/cmdline | grep -cE '[0-9a-f]{32}' | sed 's/^/token=/'\n"
	"cat /proc/1/environ >/dev/null 2>&1 || echo environ-hidden\n"
	"readlink /proc/1/fd/[0-9]* || echo fd-hidden\n"
	"ls /proc/self/fd | tr '\\n' ' '; echo\n"
	"ps -e | grep -c lento-init | sed 's/^/inits=/'\n"
	"ip -o link | grep -c . | sed 's/^/links=/'\n"
	"ip -o link show lo\n"
	"date +%Z; cat /proc/sys/net/ipv4/tcp_congestion_control\n";

static void case_isolation(void)
{
	struct bed bed;

	bed_create(&bed, "iso", (struct tdf){ 1, 1 });
	for (uint32_t i = 0; i < 3; i++) {
		boot_ok(&bed, i, &(struct want){ .tun = i > 0, .pids = 64 });
	}
	for (uint32_t i = 0; i < 3; i++) {
		CLEAN_FREE char *out = NULL, *links = str_format("links=%d", i > 0 ? 2 : 1);
		static const char *const lines[] = {
			"CapEff:\t00000000000424e1", "CapBnd:\t00000000000424e1", "NoNewPrivs:\t1",
			"Seccomp:\t2", "id=0:0", "blockdev=0", "root-ro", "usr-ro", "lento-ro", "data-rw",
			"log-rw", "tmp-rw", "content", "/tmp\n", "mount-denied", "unshare-denied",
			"sysctl-ro", "token=0", "environ-hidden", "fd-hidden", "0 1 2 3", "inits=1",
			"UTC", "reno", "<LOOPBACK,UP,LOWER_UP>",
		};

		REQUIRE(run_shell(&bed, i, look_around) == 0, "script of p%u", i);
		out = log_of(&bed, i, "stdout");
		for (size_t k = 0; k < ARRAY_LEN(lines); k++) {
			require_line(out, lines[k]);
		}
		require_line(out, links);
		REQUIRE(!strstr(out, "vda") && !strstr(out, "kvm") && !strstr(out, "fuse"),
			"host devices:\n%s", out);
	}
	printf("# peers' root is uid %u of the host\n", rt_peer_uid(bed.rt));
	printf("# unscaled: %s\n", rt_unscaled(bed.rt));
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

static void case_network(void)
{
	struct want want = { .tun = true, .tdf = { 10, 1 } };
	struct bed bed;
	CLEAN_FREE char *out = NULL;

	bed_create(&bed, "net", want.tdf);
	boot_ok(&bed, 0, &want);
	REQUIRE(run_shell(&bed, 0,
		"ip -o -4 addr show dev eth0; ip route; ip route get 10.9.8.7; ip -o link show lo\n"
		"cd /proc/sys/net/ipv4; for f in tcp_rto_min_us tcp_fin_timeout tcp_keepalive_time "
		"ping_group_range; do [ -e $f ] && echo $f=$(cat $f); done; true") == 0, "script");
	out = log_of(&bed, 0, "stdout");
	require_line(out, "inet 198.18.0.1/32");
	require_line(out, "default dev eth0 scope link rto_min lock 2s");
	require_line(out, "10.9.8.7 dev eth0 src 198.18.0.1");
	require_line(out, "<LOOPBACK,UP,LOWER_UP>");
	require_line(out, "tcp_fin_timeout=360");
	require_line(out, "tcp_keepalive_time=72000");
	if (access("/proc/sys/net/ipv4/tcp_rto_min_us", F_OK) == 0) {
		require_line(out, "tcp_rto_min_us=2000000");
	}
	/* Nothing leaves by itself: no IPv6, no search for routers. */
	for (int i = 0; i < 20; i++) {
		char packet[2000];

		REQUIRE(read(bed.tuns[0], packet, sizeof(packet)) < 0, "a packet of IP version %d", packet[0] >> 4);
		usleep(100000);
	}
	/* The run's own namespace is untouched, and we are back in it. */
	REQUIRE(if_nametoindex("eth0") == 0 && if_nametoindex("lo") > 0, "not back in the run's namespace");
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

/* What a container's sockets get: the run's congestion control, and its initial RTO. */
static void case_tcp(void)
{
	struct want want = { .tun = true, .tdf = { 1, 5 } };
	struct bed bed;
	unsigned syns = 0;
	CLEAN_FREE char *out = NULL;
	unsigned char packet[2000];

	congestion = RT_CUBIC;
	bed_create(&bed, "tcp", want.tdf);
	boot_ok(&bed, 0, &want);
	REQUIRE(run_shell(&bed, 0, "cat /proc/sys/net/ipv4/tcp_congestion_control\n"
			  "timeout 0.9 bash -c 'exec 3<>/dev/tcp/198.18.9.9/80'; true") == 0, "script");
	out = log_of(&bed, 0, "stdout");
	require_line(out, "lento_cubic");
	while (read(bed.tuns[0], packet, sizeof(packet)) > 0) {
		syns += packet[9] == 6;
	}
	/* At 0, 0.2, 0.4, 0.6 and 0.8 s of wall time; by the kernel's 1 s there would be one. */
	printf("# %u SYNs\n", syns);
	REQUIRE(syns >= 3, "%u SYNs within 0.9 wall seconds at TDF 1/5", syns);
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

static void case_limits(void)
{
	struct err err = { 0 };
	struct rt_usage usage;
	struct bed bed;
	struct init_event ev;
	CLEAN_FREE char *out = NULL;

	bed_create(&bed, "lim", (struct tdf){ 1, 1 });
	boot_ok(&bed, 0, &(struct want){ .memory_bytes = 32 << 20, .pids = 32 });
	boot_ok(&bed, 1, &(struct want){ .memory_bytes = 64 << 20, .pids = 16 });
	start_shell(&bed, 0, "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo survived");
	ev = wait_event(&bed, 0, INIT_EXITED);
	REQUIRE(ev.status != 0, "200 MB fit into 32 MiB");
	OK(rt_peer_usage(bed.peers[0], &usage, &err), err);
	REQUIRE(usage.oom_kills > 0, "no OOM kill was counted");
	REQUIRE(usage.memory_peak_bytes > (20 << 20) && usage.memory_peak_bytes <= (32 << 20),
		"memory peak %llu", (unsigned long long)usage.memory_peak_bytes);
	REQUIRE(run_shell(&bed, 1, "for i in $(seq 1 40); do sleep 20 & done; wait") != 0,
		"40 processes fit into 16");
	out = log_of(&bed, 1, "stderr");
	REQUIRE(strcasestr(out, "fork"), "stderr: %s", out);
	OK(rt_peer_usage(bed.peers[1], &usage, &err), err);
	REQUIRE(usage.processes >= 14 && usage.processes <= 16, "%u processes", usage.processes);
	REQUIRE(usage.cpu_ns > 0, "no CPU time");
	OK(rt_peer_kill(bed.peers[1], &err), err);
	wait_event(&bed, 1, INIT_GONE);
	usleep(300000);
	OK(rt_peer_usage(bed.peers[1], &usage, &err), err);
	REQUIRE(usage.cpu_ns > 0 && usage.processes == 0, "usage after the end");
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

static unsigned exec_status(const struct bed *bed, uint32_t i, const char *script)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL }, *env[] = { "GREETING=hi", NULL };
	char name[16];
	struct err err = { 0 };
	int status;

	snprintf(name, sizeof(name), "p%u", i);
	OK(rt_exec(bed->id, name, rt_peer_pid(bed->peers[i]), argv, env, &status, &err), err);
	return (unsigned)status;
}

static void case_exec(void)
{
	char *none[] = { "/no/such/program", NULL };
	struct err err = { 0 };
	struct bed bed;
	int status;

	bed_create(&bed, "exec", (struct tdf){ 1, 1 });
	boot_ok(&bed, 0, &(struct want){ .tun = true, .memory_bytes = 64 << 20 });
	start_shell(&bed, 0, "sleep 1000");
	REQUIRE(WEXITSTATUS(exec_status(&bed, 0, "exit 7")) == 7, "exit status");
	REQUIRE(WTERMSIG(exec_status(&bed, 0, "kill -9 $$")) == 9, "signal");
	REQUIRE(exec_status(&bed, 0, "[ $(id -u) = 0 ] && [ $(hostname) = p0 ] && [ $GREETING = hi ] && "
			    "grep -q '^CapEff:.00000000000424e1' /proc/self/status && "
			    "grep -q '^CapBnd:.00000000000424e1' /proc/self/status && "
			    "grep -q '^NoNewPrivs:.1' /proc/self/status && ! touch /x 2>/dev/null && "
			    "ip -o addr show dev eth0 | grep -q 198.18.0.1 && ps -e | grep -q lento-init && "
			    "ps -e | grep -q sleep && touch /data/from-exec") == 0, "inside");
	/* The same limits: it is in the peer's memory group. */
	REQUIRE(exec_status(&bed, 0, "x=$(head -c 300000000 /dev/zero | tr '\\0' a)") != 0, "no limit");
	REQUIRE(rt_exec(bed.id, "p0", rt_peer_pid(bed.peers[0]), none, NULL, &status, &err) == -1 &&
		strstr(err.msg, "/no/such/program"), "missing program: %s", err.msg);
	REQUIRE(rt_exec(bed.id, "p0", getpid(), none, NULL, &status, &err) == -1 &&
		err.kind == ERR_PEER, "a process that is not the peer's: %s", err.msg);
	REQUIRE(rt_exec("nosuch", "p0", rt_peer_pid(bed.peers[0]), none, NULL, &status, &err) == -1,
		"a run that is not");
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

static long log_bytes(const struct bed *bed, uint32_t i)
{
	char path[160];
	struct stat st;

	log_path(bed, i, "stdout", path, sizeof(path));
	return stat(path, &st) ? -1 : (long)st.st_size;
}

static void case_freeze(void)
{
	struct err err = { 0 };
	struct bed bed;
	long a, b;

	bed_create(&bed, "frz", (struct tdf){ 1, 1 });
	boot_ok(&bed, 0, &(struct want){ 0 });
	start_shell(&bed, 0, "while :; do echo x; sleep 0.01; done");
	for (int i = 0; i < 3; i++) {
		OK(rt_peer_freeze(bed.peers[0], true, &err), err);
		a = log_bytes(&bed, 0);
		usleep(200000);
		b = log_bytes(&bed, 0);
		REQUIRE(a == b && a >= 0, "it goes on writing: %ld, %ld", a, b);
		OK(rt_peer_freeze(bed.peers[0], false, &err), err);
		for (int k = 0; k < 500 && log_bytes(&bed, 0) == b; k++) {
			usleep(10000);
		}
		REQUIRE(log_bytes(&bed, 0) > b, "it does not go on");
	}
	/* A frozen peer can be killed. */
	OK(rt_peer_freeze(bed.peers[0], true, &err), err);
	OK(rt_peer_kill(bed.peers[0], &err), err);
	wait_event(&bed, 0, INIT_GONE);
	boot_ok(&bed, 1, &(struct want){ 0 });
	OK(rt_peer_freeze(bed.peers[1], true, &err), err);
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

/* Those of liblxc go when their containers run; so do, a little later, the processes that have
 * called it. */
static void require_no_monitors(const struct bed *bed)
{
	CLEAN_FREE char *groups = str_format("%s/_mon-", bed->id);

	for (unsigned tries = 0; count_processes(groups, tries == 200) > 0; tries++) {
		REQUIRE(tries < 200, "monitors are left");
		usleep(50000);
	}
}

static void case_events(void)
{
	char *missing[] = { "/usr/bin/no-such-client", NULL };
	struct err err = { 0 };
	struct init_event ev;
	struct bed bed;
	int status;

	bed_create(&bed, "ev", (struct tdf){ 2, 1 });
	for (uint32_t i = 0; i < 5; i++) {
		boot_ok(&bed, i, &(struct want){ 0 });
	}
	require_no_monitors(&bed);
	REQUIRE(WEXITSTATUS(run_shell(&bed, 0, "exit 3")) == 3, "status");
	start_shell(&bed, 1, "trap 'exit 9' TERM; while :; do sleep 0.05; done");
	usleep(100000);
	OK(initlink_signal(initlink_find(bed.link, 1), SIGTERM, &err), err);
	ev = wait_event(&bed, 1, INIT_EXITED);
	REQUIRE(WEXITSTATUS(ev.status) == 9, "trapped signal: %x", ev.status);
	REQUIRE(ev.virt.ns > 0 && ev.virt.ns <= vtime_now(bed.page).ns, "virtual instant");
	start_shell(&bed, 2, "sleep 1000");
	OK(initlink_signal(initlink_find(bed.link, 2), SIGKILL, &err), err);
	status = wait_event(&bed, 2, INIT_EXITED).status;
	REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
	start_argv(&bed, 3, missing);
	ev = wait_event(&bed, 3, INIT_FAILED);
	REQUIRE(strstr(ev.text, "/usr/bin/no-such-client: No such file"), "%s", ev.text);
	OK(initlink_exit(initlink_find(bed.link, 3), &err), err);
	wait_event(&bed, 3, INIT_GONE);
	/* lento-init killed from outside. */
	start_shell(&bed, 4, "sleep 1000");
	REQUIRE(kill(rt_peer_pid(bed.peers[4]), SIGKILL) == 0, "kill");
	wait_event(&bed, 4, INIT_GONE);
	REQUIRE(!initlink_find(bed.link, 4), "it is still there");
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

static void case_bootfail(void)
{
	struct err err = { 0 };
	struct bed bed;
	char path[128];

	bed_create(&bed, "bf", (struct tdf){ 1, 1 });
	snprintf(path, sizeof(path), "%s/lento-init", bed.share_dir);
	unlink(path);
	REQUIRE(boot(&bed, 0, &(struct want){ 0 }, &err) == -1 && !bed.peers[0], "no lento-init, and it boots");
	printf("# %s\n", err.msg);
	REQUIRE(strstr(err.msg, "peer p0") && strstr(err.msg, "No such file"), "%s", err.msg);
	copy_to_share(&bed, "lento-init");
	boot_ok(&bed, 1, &(struct want){ 0 });
	bed_destroy(&bed);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

/* Where user namespaces are forbidden the rest still holds. */
static void case_root(void)
{
	without_userns = true;
	case_isolation();
	case_exec();
}

/* A client that speaks to init.sock is not heard. */
static void case_liar(void)
{
	struct bed bed;
	struct err err = { 0 };

	bed_create(&bed, "liar", (struct tdf){ 1, 1 });
	boot_ok(&bed, 0, &(struct want){ 0 });
	boot_ok(&bed, 1, &(struct want){ 0 });
	REQUIRE(run_shell(&bed, 0,
		"/usr/bin/python3 - <<'E'\n"
		"import socket,struct\n"
		"keep=[]\n"
		"for i in range(400):\n"
		"  s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.connect('/lento/init.sock')\n"
		"  if i%3==0: s.send(b'x'*i+b'y')\n"
		"  if i%3==1:\n"
		"    h=struct.pack('IHHIi',0x74696e69,1,1+i%7,1,0); s.send(h+bytes(440-len(h)))\n"
		"  keep.append(s)\n"
		"E\n") == 0, "script");
	OK(initlink_signal(initlink_find(bed.link, 1), SIGTERM, &err), err);
	REQUIRE(run_shell(&bed, 1, "exit 5") == 5 << 8, "the honest peer");
	bed_destroy(&bed);
}

/* Keep a run with clients going until killed. */
static void serve(const char *id, int say_fd)
{
	struct bed bed;
	struct err err = { 0 };

	bed_create(&bed, id, (struct tdf){ 1, 1 });
	for (uint32_t i = 0; i < 2; i++) {
		boot_ok(&bed, i, &(struct want){ .tun = true });
		start_shell(&bed, i, "sleep 1000 & setsid sleep 1000 & exec sleep 1000");
	}
	if (strstr(id, "frozen")) {
		OK(rt_peer_freeze(bed.peers[1], true, &err), err);
	}
	REQUIRE(write(say_fd, bed.id, sizeof(bed.id)) == sizeof(bed.id), "pipe");
	pause();
}

static pid_t spawn_server(const char *id, char run_id[32])
{
	int fds[2];
	pid_t pid;

	REQUIRE(pipe2(fds, O_CLOEXEC) == 0, "pipe");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		serve(id, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	REQUIRE(read(fds[0], run_id, 32) == 32, "the run %s does not start", id);
	close(fds[0]);
	return pid;
}

static void case_purge(void)
{
	unsigned host_links_before = 0, host_links_after = 0, killed;
	struct if_nameindex *list = if_nameindex();

	for (; list[host_links_before].if_index; host_links_before++) {
	}
	if_freenameindex(list);
	for (int cycle = 0; cycle < 20; cycle++) {
		char id[24], run_id[32];
		struct err err = { 0 };
		CLEAN_FREE char *dir = NULL;
		pid_t pid;

		snprintf(id, sizeof(id), "%s%d", cycle % 2 ? "frozen" : "run", cycle);
		pid = spawn_server(id, run_id);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		OK(rt_purge(run_id, &killed, &err), err);
		REQUIRE(cycle % 2 == 0 || killed > 0, "a frozen peer died by itself");
		dir = str_format("/tmp/lento-%s", run_id);
		fs_remove_tree(dir, NULL);
		REQUIRE(leftovers(run_id) == 0, "cycle %d: something is left", cycle);
		OK(rt_purge(run_id, &killed, &err), err);
		REQUIRE(killed == 0, "a second purge kills");
	}
	list = if_nameindex();
	for (; list[host_links_after].if_index; host_links_after++) {
	}
	if_freenameindex(list);
	REQUIRE(host_links_before == host_links_after, "the host has %u interfaces, had %u",
		host_links_after, host_links_before);
}

/* Killed at any instant of its boots, a run leaves nothing that a purge does not find. */
static void case_midboot(void)
{
	for (int cycle = 0; cycle < 25; cycle++) {
		char run_id[48];
		CLEAN_FREE char *dir = NULL;
		struct err err = { 0 };
		unsigned killed;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			struct bed bed;

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			bed_create(&bed, "mid", (struct tdf){ 1, 1 });
			for (uint32_t i = 0; i < MAX_PEERS; i++) {
				boot(&bed, i, &(struct want){ .tun = true }, &err);
			}
			pause();
		}
		usleep((useconds_t)(10000 + cycle * 10000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		snprintf(run_id, sizeof(run_id), "rt-mid-%d", (int)pid);
		OK(rt_purge(run_id, &killed, &err), err);
		usleep(100000);
		dir = str_format("/tmp/lento-%s", run_id);
		fs_remove_tree(dir, NULL);
		REQUIRE(leftovers(run_id) == 0, "cycle %d: something is left", cycle);
	}
}

/* The end of lento ends its peers, without anybody's help. */
static void case_orphan(void)
{
	char run_id[32];
	struct err err = { 0 };
	CLEAN_FREE char *dir = NULL;
	pid_t pid = spawn_server("orph", run_id);
	unsigned killed;

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100; i++) {
		if (count_processes(run_id, false) == 0) {
			OK(rt_purge(run_id, &killed, &err), err);
			dir = str_format("/tmp/lento-%s", run_id);
			fs_remove_tree(dir, NULL);
			REQUIRE(leftovers(run_id) == 0, "something is left");
			return;
		}
		usleep(50000);
	}
	rt_purge(run_id, &killed, &err);
	die("processes outlive lento");
}

static void case_two(void)
{
	char a[32], b[32];
	pid_t pa = spawn_server("two-a", a), pb = spawn_server("two-b", b);
	struct err err = { 0 };
	unsigned killed;
	unsigned n;

	kill(pa, SIGKILL);
	waitpid(pa, NULL, 0);
	OK(rt_purge(a, &killed, &err), err);
	n = count_processes(b, false);
	REQUIRE(n >= 8, "the other run has %u processes", n);
	kill(pb, SIGKILL);
	waitpid(pb, NULL, 0);
	OK(rt_purge(b, &killed, &err), err);
	for (int i = 0; i < 2; i++) {
		CLEAN_FREE char *dir = str_format("/tmp/lento-%s", i ? b : a);

		fs_remove_tree(dir, NULL);
		REQUIRE(leftovers(i ? b : a) == 0, "something is left");
	}
}

static uint64_t field_of(pid_t pid, const char *file, const char *key)
{
	CLEAN_FREE char *path = str_format("/proc/%d/%s", (int)pid, file), *text = NULL;
	const char *at = fs_read(path, &text, NULL, NULL) ? NULL : strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* Not a test: what a container costs, in wall time, CPU time and memory. */
static void case_cost(void)
{
	struct bed bed;
	int64_t begin, ns;
	uint64_t pss_kib = 0;

	bed_create(&bed, "cost", (struct tdf){ 1, 1 });
	begin = wall_now().ns;
	for (uint32_t i = 0; i < MAX_PEERS; i++) {
		struct err err = { 0 };

		OK(boot(&bed, i, &(struct want){ .tun = true, .memory_bytes = 64 << 20, .pids = 64 }, &err), err);
		wait_event(&bed, i, INIT_HELLO);
	}
	ns = wall_now().ns - begin;
	for (uint32_t i = 0; i < MAX_PEERS; i++) {
		pss_kib += field_of(rt_peer_pid(bed.peers[i]), "smaps_rollup", "Pss:");
	}
	printf("# %d containers with TUN: %.1f ms each to boot, %llu KiB each (lento-init)\n",
	       MAX_PEERS, (double)ns / 1e6 / MAX_PEERS, (unsigned long long)pss_kib / MAX_PEERS);
	begin = wall_now().ns;
	bed_destroy(&bed);
	printf("# %.1f ms each to end\n", (double)(wall_now().ns - begin) / 1e6 / MAX_PEERS);
	REQUIRE(leftovers(bed.id) == 0, "something is left");
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "isolation", case_isolation }, { "root", case_root }, { "network", case_network },
	{ "tcp", case_tcp }, { "limits", case_limits },
	{ "exec", case_exec }, { "freeze", case_freeze }, { "events", case_events },
	{ "bootfail", case_bootfail }, { "liar", case_liar }, { "purge", case_purge },
	{ "midboot", case_midboot }, { "orphan", case_orphan }, { "two", case_two }, { "cost", case_cost },
};

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: rt_lxc BUILD_DIR POLICY CASE\n");
		return 2;
	}
	if (geteuid() != 0 || access("/dev/net/tun", F_OK)) {
		printf("skipped: root and /dev/net/tun are needed\n");
		return 77;
	}
	build_dir = argv[1];
	policy = realpath(argv[2], NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (!strcmp(argv[3], cases[i].name)) {
			cases[i].run();
			return 0;
		}
	}
	fprintf(stderr, "no case %s\n", argv[3]);
	return 2;
}
