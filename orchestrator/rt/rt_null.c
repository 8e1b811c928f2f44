// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rt_null - peers as plain processes, for tests of the logic above and for
 * hosts without containers.  Nothing is isolated: all peers share the host's files,
 * network and process numbers, so each needs its own addresses and ports.
 *
 * A peer is the tree of processes below its lento-init, which is a subreaper: what
 * daemonises stays in the tree.  The tree is read from /proc at each use; a process
 * born during a walk is found by the next one, so killing and freezing repeat
 * until a walk finds nothing new.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/rt_ops.h"

#define MAX_TREE 4096
#define MAX_WALKS 64

struct null_rt {
	struct rt rt;
	char *share_dir, *state_dir;
	struct null_peer *booted; /* and not yet handed back */
};

struct null_peer {
	struct rt_peer peer;
	struct rt_paths paths;
	uint64_t memory_peak_bytes;
	struct null_peer *next;   /* in the list of the booted */
};

struct proc {
	pid_t pid, ppid;
	char state;
	uint64_t ticks, rss_pages;
	bool in_tree;
};

/* --- the tree of processes -------------------------------------------------- */

static bool read_proc(pid_t pid, struct proc *p)
{
	CLEAN_FREE char *path = str_format("/proc/%d/stat", (int)pid);
	CLEAN_FREE char *text = NULL;
	unsigned long long utime, stime, rss;
	const char *rest;
	int ppid;

	if (fs_read(path, &text, NULL, NULL)) {
		return false;
	}
	/* The name may hold anything, the last parenthesis ends it. */
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest, ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
			    "%*d %*d %*d %*d %*d %*d %*u %*u %llu",
			    &p->state, &ppid, &utime, &stime, &rss) != 5) {
		return false;
	}
	*p = (struct proc){ pid, ppid, p->state, utime + stime, rss, false };
	return true;
}

static size_t read_all(struct proc **procs)
{
	CLEAN_CLOSEDIR DIR *dir = opendir("/proc");
	size_t n = 0, room = 0;
	struct dirent *ent;

	*procs = NULL;
	while (dir && (ent = readdir(dir))) {
		pid_t pid = (pid_t)strtol(ent->d_name, NULL, 10);

		if (n == room) {
			struct proc *grown = reallocarray(*procs, room = room ? room * 2 : 256, sizeof(**procs));

			if (!grown) {
				return n;
			}
			*procs = grown;
		}
		if (pid > 0 && read_proc(pid, &(*procs)[n])) {
			n++;
		}
	}
	return n;
}

/* The living processes of the tree below @root, @root itself first; returns how many. */
static size_t read_tree(pid_t root, struct proc *tree, size_t max)
{
	CLEAN_FREE struct proc *all = NULL;
	size_t count = read_all(&all), n = 0;
	bool grew = true;

	for (size_t i = 0; i < count; i++) {
		if (all[i].pid == root && all[i].state != 'Z') {
			all[i].in_tree = true;
			tree[n++] = all[i];
		}
	}
	while (grew) {
		grew = false;
		for (size_t i = 0; i < count && n < max; i++) {
			if (all[i].in_tree || all[i].state == 'Z') {
				continue;
			}
			for (size_t j = 0; j < n; j++) {
				if (all[i].ppid == tree[j].pid) {
					all[i].in_tree = grew = true;
					tree[n++] = all[i];
					break;
				}
			}
		}
	}
	return n;
}

/*
 * Send @signo to all below lento-init, again until a walk finds no process that
 * has not had it; then to lento-init, last, so that no orphan escapes.
 */
static void signal_tree(pid_t root, int signo)
{
	CLEAN_FREE struct proc *tree = calloc(MAX_TREE, sizeof(*tree));
	bool fresh = tree != NULL;

	for (int walk = 0; fresh && walk < MAX_WALKS; walk++) {
		size_t n = read_tree(root, tree, MAX_TREE);

		fresh = false;
		for (size_t i = 1; i < n; i++) {
			bool stopped = tree[i].state == 'T';

			if (signo == SIGCONT ? stopped : !(signo == SIGSTOP && stopped)) {
				fresh = true;
			}
			kill(tree[i].pid, signo);
		}
		if (fresh) {
			usleep(1000);
		}
	}
	kill(root, signo);
}

/* --- the back end ----------------------------------------------------------- */

static uid_t null_peer_uid(const struct rt *rt)
{
	(void)rt;
	return geteuid();
}

static void null_destroy(struct rt *rt)
{
	struct null_rt *null = (struct null_rt *)rt;

	free(null->share_dir);
	free(null->state_dir);
	free(null);
}

static pid_t spawn_init(char *const argv[], struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	char *env[] = { NULL };
	pid_t pid = -1;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 0, 1);
	posix_spawn_file_actions_adddup2(&actions, 0, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	rc = posix_spawn(&pid, argv[0], &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (rc) {
		errno = rc;
		return err_errno(err, ERR_FAILED, "starting %s", argv[0]);
	}
	return pid;
}

static int set_path(char to[256], const char *path, struct err *err)
{
	return snprintf(to, 256, "%s", path) < 256 ? 0 :
	       err_set(err, ERR_FAILED, "%s: a path longer than 255 characters", path);
}

static int set_paths(const struct null_rt *null, const struct rt_peer_spec *spec,
		     struct rt_paths *paths, struct err *err)
{
	CLEAN_FREE char *tmp = str_format("%s/tmp/%s", null->state_dir, spec->name);

	return set_path(paths->data, spec->data_dir, err) || set_path(paths->log, spec->log_dir, err) ||
	       set_path(paths->share, null->share_dir, err) || set_path(paths->tmp, tmp, err) ? -1 : 0;
}

static int null_boot_begin(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **out, struct err *err)
{
	struct null_rt *null = (struct null_rt *)rt;
	struct null_peer *peer = calloc(1, sizeof(*peer));
	struct rt_init_argv room;

	if (!peer) {
		return err_errno(err, ERR_FAILED, "peer %s", spec->name);
	}
	peer->peer.rt = rt;
	peer->peer.tun = -1;
	if (set_paths(null, spec, &peer->paths, err) || fs_mkdirs(peer->paths.tmp, 0755, err)) {
		free(peer);
		return -1;
	}
	rt_init_argv(&room, spec, &peer->paths);
	peer->peer.init_pid = spawn_init(room.argv, err);
	explicit_bzero(room.token, sizeof(room.token));
	if (peer->peer.init_pid < 0) {
		err_wrap(err, "peer %s", spec->name);
		fs_remove_tree(peer->paths.tmp, NULL);
		free(peer);
		return -1;
	}
	peer->next = null->booted;
	null->booted = peer;
	*out = &peer->peer;
	return 0;
}

/* A process runs as soon as it is spawned. */
static int null_boot_next(struct rt *rt, struct rt_peer **out, struct err *err)
{
	struct null_rt *null = (struct null_rt *)rt;
	struct null_peer *peer = null->booted;

	(void)err;
	if (!peer) {
		return 0;
	}
	null->booted = peer->next;
	*out = &peer->peer;
	return 1;
}

static int null_boot_fd(const struct rt *rt)
{
	(void)rt;
	return -1;
}

static unsigned null_boot_slots(void)
{
	return 1;
}

/* Each peer is killed as it is destroyed: there is no group of them all. */
static void null_kill_all(struct rt *rt)
{
	((struct null_rt *)rt)->booted = NULL;
}

static int null_kill(struct rt_peer *peer, struct err *err)
{
	(void)err;
	signal_tree(peer->init_pid, SIGKILL);
	return 0;
}

static void null_peer_destroy(struct rt_peer *base)
{
	struct null_peer *peer = (struct null_peer *)base;

	null_kill(base, NULL);
	while (waitpid(base->init_pid, NULL, 0) < 0 && errno == EINTR) {
	}
	fs_remove_tree(peer->paths.tmp, NULL);
	free(peer);
}

static void null_paths(const struct rt_peer *base, struct rt_paths *paths)
{
	*paths = ((const struct null_peer *)base)->paths;
}

static int null_usage(const struct rt_peer *base, struct rt_usage *usage, struct err *err)
{
	CLEAN_FREE struct proc *tree = calloc(MAX_TREE, sizeof(*tree));
	struct null_peer *peer = (struct null_peer *)base;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	size_t n;

	if (!tree) {
		return err_errno(err, ERR_FAILED, "process %d", (int)base->init_pid);
	}
	n = read_tree(base->init_pid, tree, MAX_TREE);
	if (n == 0) {
		return err_set(err, ERR_FAILED, "process %d has ended", (int)base->init_pid);
	}
	for (size_t i = 0; i < n; i++) {
		usage->cpu_ns += tree[i].ticks * tick_ns;
		usage->memory_bytes += tree[i].rss_pages * page_bytes;
	}
	usage->processes = (uint32_t)n;
	if (usage->memory_bytes > peer->memory_peak_bytes) {
		peer->memory_peak_bytes = usage->memory_bytes;
	}
	usage->memory_peak_bytes = peer->memory_peak_bytes;
	return 0;
}

static int null_freeze(struct rt_peer *peer, bool frozen, struct err *err)
{
	if (kill(peer->init_pid, 0)) {
		return err_errno(err, ERR_FAILED, "process %d", (int)peer->init_pid);
	}
	signal_tree(peer->init_pid, frozen ? SIGSTOP : SIGCONT);
	return 0;
}

static int null_set_tdf(struct rt_peer *peer, struct tdf tdf, struct err *err)
{
	(void)peer;
	(void)tdf;
	(void)err;
	return 0; /* the kernel's TCP is the host's: not ours to change */
}

static void null_each_pid(const struct rt_peer *peer, void (*act)(pid_t pid, void *arg), void *arg)
{
	CLEAN_FREE struct proc *tree = calloc(MAX_TREE, sizeof(*tree));
	size_t n = tree ? read_tree(peer->init_pid, tree, MAX_TREE) : 0;

	for (size_t i = 0; i < n; i++) {
		act(tree[i].pid, arg);
	}
}

static void null_set_clock(struct rt *rt, const struct vclock *clk)
{
	(void)rt;
	(void)clk; /* nothing of a run lies in the kernel */
}

static const char *null_unscaled(const struct rt *rt)
{
	(void)rt;
	return "all of kernel TCP (without containers it is the host's)";
}

static const struct rt_ops null_ops = {
	.destroy = null_destroy,
	.peer_uid = null_peer_uid,
	.boot_begin = null_boot_begin,
	.boot_next = null_boot_next,
	.boot_fd = null_boot_fd,
	.boot_slots = null_boot_slots,
	.kill_all = null_kill_all,
	.peer_destroy = null_peer_destroy,
	.peer_paths = null_paths,
	.peer_usage = null_usage,
	.peer_freeze = null_freeze,
	.peer_kill = null_kill,
	.peer_set_tdf = null_set_tdf,
	.peer_each_pid = null_each_pid,
	.set_clock = null_set_clock,
	.unscaled = null_unscaled,
};

int rt_null_create(const struct rt_config *cfg, struct rt **rt, struct err *err)
{
	struct null_rt *null;

	if (rt_check_name("run", cfg->run_id, err)) {
		return -1;
	}
	null = calloc(1, sizeof(*null));
	if (!null) {
		return err_errno(err, ERR_FAILED, "run %s", cfg->run_id);
	}
	null->rt.ops = &null_ops;
	null->share_dir = str_format("%s", cfg->share_dir);
	null->state_dir = str_format("%s", cfg->state_dir);
	*rt = &null->rt;
	return 0;
}
