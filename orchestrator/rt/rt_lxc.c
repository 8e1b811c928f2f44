// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rt_lxc - one container a peer, through liblxc.
 *
 * Theory.  The caller lives in private mount and network namespaces, so whatever is
 * mounted or moved here vanishes with the run.  All containers share one read-only
 * root (rootfs.h); each gets proc, a small /dev, tmpfs for /tmp, /run and
 * /dev/shm, and bind mounts of its /data and /log.  eth0 is the peer's TUN device,
 * moved in and given its address by liblxc, brought up by us (netns.h).  liblxc forks a monitor for
 * each container; it and the container are in cgroups that carry their names
 * (cgroup.h), by which everything is found, frozen, counted and killed without liblxc.
 *
 * With a user namespace the peer's root is an unprivileged user of the host, so the
 * way to what is bind-mounted must be open to any user; results below a home are
 * not.  So the parents of such directories are bound once, as `ways`, below /run/lxc,
 * where a tmpfs of the run's own lies anyway: it keeps liblxc's lock files in the run.
 */
#include <lxc/lxccontainer.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/caps.h"
#include "rt/cgroup.h"
#include "rt/netns.h"
#include "rt/rootfs.h"
#include "rt/rt_ops.h"
#include "rt/tcp_run.h"
#include "rt/userns.h"

#define PRIVATE_DIR "/run/lxc"
#define ROOT_DIR PRIVATE_DIR "/root"
#define LXC_DIR PRIVATE_DIR "/containers" /* liblxc's "lxcpath", with our log files */
#define MAX_WAYS 16
#define RUN_TMPFS_BYTES (4u << 20)
#define SHM_TMPFS_BYTES (64u << 20)
#define EXEC_WAIT_US 10000000u
#define EXEC_POLL_US 1000u

struct way {
	char *dir;     /* directory on the host */
	char *seen_at; /* where it is bound */
};

struct lxc_rt {
	struct rt rt;
	char *run_id, *share_dir, *seccomp_policy;
	bool userns;
	bool mounted; /* the tmpfs at PRIVATE_DIR */
	struct cgroups cg;
	struct tcp_run *tcp;
	unsigned way_count;
	struct way ways[MAX_WAYS];
};

struct lxc_peer {
	struct rt_peer peer;
	char *name, *log_path;
	char *group, *monitor_group; /* "<run>/<peer>", "<run>/_mon-<peer>" */
	struct lxc_container *c;
	struct rt_usage last_usage; /* as it was killed: its groups go with it */
};

/* --- configuration ---------------------------------------------------------- */

static int set_item(struct lxc_container *c, const char *key, const char *value, struct err *err)
{
	return c->set_config_item(c, key, value) ? 0 :
	       err_set(err, ERR_HOST, "liblxc %s refuses %s = %s", lxc_get_version(), key, value);
}

__attribute__((format(printf, 4, 5)))
static int set_format(struct lxc_container *c, struct err *err, const char *key, const char *fmt, ...)
{
	CLEAN_FREE char *value = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0) {
		value = NULL;
		return err_errno(err, ERR_FAILED, "%s", key);
	}
	return set_item(c, key, value, err);
}

/* The same for every peer of every run. */
static const struct {
	const char *key, *value;
} plain_items[] = {
	{ "lxc.console.path", "none" },
	{ "lxc.tty.max", "0" },
	{ "lxc.pty.max", "16" },
	{ "lxc.autodev", "1" },
	{ "lxc.rootfs.options", "ro" },
	{ "lxc.mount.auto", "proc:mixed" },
	{ "lxc.cap.keep", PEER_CAPS_WORDS },
	{ "lxc.no_new_privs", "1" },
	{ "lxc.log.level", "WARN" },
};

static int configure_plain(struct lxc_container *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(plain_items); i++) {
		if (set_item(c, plain_items[i].key, plain_items[i].value, err)) {
			return -1;
		}
	}
	/* Where liblxc knows AppArmor, its stock profile forbids nothing that ours allows,
	 * but may be absent; where it does not, there is no such key. */
	c->set_config_item(c, "lxc.apparmor.profile", "unconfined");
	return 0;
}

/* mount entries are words: a path with a space or a backslash needs octal escapes. */
static char *escape(const char *path)
{
	char *out = str_format("%*s", (int)(4 * strlen(path)), ""), *o = out;

	for (; *path; path++) {
		if (strchr(" \t\n\\", *path)) {
			o += sprintf(o, "\\%03o", (unsigned char)*path);
		} else {
			*o++ = *path;
		}
	}
	*o = '\0';
	return out;
}

static int add_bind(struct lxc_container *c, const char *from, const char *to, const char *mode,
		    struct err *err)
{
	CLEAN_FREE char *escaped = escape(from);

	return set_format(c, err, "lxc.mount.entry", "%s %s none bind,%s,nosuid,nodev 0 0", escaped, to, mode);
}

static int add_tmpfs(struct lxc_container *c, const char *to, uint64_t bytes, const char *more,
		     struct err *err)
{
	return set_format(c, err, "lxc.mount.entry", "tmpfs %s tmpfs rw,nosuid,nodev,size=%llu,%s 0 0",
			  to, (unsigned long long)bytes, more);
}

static int find_way(struct lxc_rt *lx, const char *dir, const char **seen_at, struct err *err)
{
	struct way *w = &lx->ways[lx->way_count];
	CLEAN_FREE char *at = str_format(PRIVATE_DIR "/way%u", lx->way_count);

	for (unsigned i = 0; i < lx->way_count; i++) {
		if (!strcmp(lx->ways[i].dir, dir)) {
			*seen_at = lx->ways[i].seen_at;
			return 0;
		}
	}
	if (lx->way_count == MAX_WAYS) {
		return err_set(err, ERR_FAILED, "%s: peers' directories have more than %d parents",
			       dir, MAX_WAYS);
	}
	if (mkdir(at, 0755)) {
		return err_errno(err, ERR_FAILED, "making %s", at);
	}
	if (mount(dir, at, NULL, MS_BIND, NULL)) {
		err_errno(err, ERR_FAILED, "mounting %s at %s", dir, at);
		rmdir(at);
		return -1;
	}
	w->dir = str_format("%s", dir);
	*seen_at = w->seen_at = take_ptr(at);
	lx->way_count++;
	return 0;
}

/* @path as any user can reach it; the caller frees *seen. */
static int reachable(struct lxc_rt *lx, const char *path, char **seen, struct err *err)
{
	CLEAN_FREE char *full = realpath(path, NULL);
	CLEAN_FREE char *parent = full ? str_format("%s/..", full) : NULL;
	const char *seen_at;
	struct stat own, above;
	char *slash;

	if (!full || stat(full, &own) || stat(parent, &above)) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	slash = strrchr(full, '/');
	if (!lx->userns || slash == full) {
		*seen = take_ptr(full);
		return 0;
	}
	/* The root of a mount is not seen through a bind of its parent. */
	if (own.st_dev != above.st_dev) {
		if (find_way(lx, full, &seen_at, err)) {
			return -1;
		}
		*seen = str_format("%s", seen_at);
		return 0;
	}
	*slash = '\0';
	if (find_way(lx, full, &seen_at, err)) {
		return -1;
	}
	*seen = str_format("%s/%s", seen_at, slash + 1);
	return 0;
}

static int configure_files(struct lxc_rt *lx, struct lxc_container *c, const struct rt_peer_spec *spec,
			   struct err *err)
{
	CLEAN_FREE char *data = NULL, *log = NULL, *share = NULL;

	if (reachable(lx, spec->data_dir, &data, err) || reachable(lx, spec->log_dir, &log, err) ||
	    reachable(lx, lx->share_dir, &share, err) ||
	    set_item(c, "lxc.rootfs.path", "dir:" ROOT_DIR, err) ||
	    add_bind(c, data, "data", "rw", err) || add_bind(c, log, "log", "rw", err) ||
	    add_bind(c, share, "lento", "ro", err) ||
	    add_tmpfs(c, "tmp", spec->tmp_bytes, "mode=1777", err) ||
	    add_tmpfs(c, "run", RUN_TMPFS_BYTES, "mode=755", err) ||
	    add_tmpfs(c, "dev/shm", SHM_TMPFS_BYTES, "mode=1777,create=dir", err)) {
		return -1;
	}
	return 0;
}

static int configure_network(struct lxc_container *c, const struct rt_peer_spec *spec, struct err *err)
{
	uint32_t ip = spec->ip;

	if (!spec->ifname) {
		return set_item(c, "lxc.net.0.type", "empty", err);
	}
	if (set_item(c, "lxc.net.0.type", "phys", err) ||
	    set_item(c, "lxc.net.0.link", spec->ifname, err) ||
	    set_item(c, "lxc.net.0.name", "eth0", err) ||
	    set_format(c, err, "lxc.net.0.mtu", "%u", spec->mtu) ||
	    set_format(c, err, "lxc.net.0.ipv4.address", "%u.%u.%u.%u/%u", ip >> 24, ip >> 16 & 255,
		       ip >> 8 & 255, ip & 255, spec->ip_bits)) {
		return -1;
	}
	return 0;
}

/* One limit: version 1 and 2 have names of their own for key and file. */
static int set_limit(const struct lxc_rt *lx, struct lxc_container *c, const char *controller,
		     const char *v1_file, const char *v2_file, uint64_t value, struct err *err)
{
	const struct cgroup_hierarchy *h = cgroups_with(&lx->cg, controller);

	if (!h) {
		return err_set(err, ERR_HOST, "no cgroup %s controller is mounted, so the %s limit cannot be set; "
			       "/proc/cgroups says whether the kernel has it (memory may need "
			       "cgroup_enable=memory at boot)", controller, controller);
	}
	CLEAN_FREE char *key = str_format("lxc.cgroup%s.%s", h->v2 ? "2" : "", h->v2 ? v2_file : v1_file);

	return set_format(c, err, key, "%llu", (unsigned long long)value);
}

static bool run_group_has(const struct lxc_rt *lx, const char *controller, const char *file)
{
	const struct cgroup_hierarchy *h = cgroups_with(&lx->cg, controller);
	CLEAN_FREE char *path = h ? str_format("%s/lento/%s/%s", h->dir, lx->run_id, file) : NULL;

	return path && access(path, F_OK) == 0;
}

static int configure_limits(const struct lxc_rt *lx, struct lxc_peer *p, const struct rt_peer_spec *spec,
			    struct err *err)
{
	struct lxc_container *c = p->c;

	if (set_format(c, err, "lxc.cgroup.dir.container", "lento/%s", p->group) ||
	    set_format(c, err, "lxc.cgroup.dir.monitor", "lento/%s", p->monitor_group) ||
	    set_format(c, err, "lxc.cgroup.dir.monitor.pivot", "lento/%s/_pivot", lx->run_id)) {
		return -1;
	}
	if (spec->pids && set_limit(lx, c, "pids", "pids.max", "pids.max", spec->pids, err)) {
		return -1;
	}
	if (!spec->memory_bytes) {
		return 0;
	}
	if (set_limit(lx, c, "memory", "memory.limit_in_bytes", "memory.max", spec->memory_bytes, err)) {
		return -1;
	}
	/* What swaps is not what we measure: the limit is one on memory and swap together. */
	if (run_group_has(lx, "memory", "memory.memsw.limit_in_bytes") &&
	    set_format(c, err, "lxc.cgroup.memory.memsw.limit_in_bytes", "%llu",
		       (unsigned long long)spec->memory_bytes)) {
		return -1;
	}
	if (run_group_has(lx, "memory", "memory.swap.max") &&
	    set_item(c, "lxc.cgroup2.memory.swap.max", "0", err)) {
		return -1;
	}
	return 0;
}

static int configure(struct lxc_rt *lx, struct lxc_peer *p, const struct rt_peer_spec *spec,
		     struct err *err)
{
	struct lxc_container *c = p->c;

	if (configure_plain(c, err) || set_item(c, "lxc.uts.name", p->name, err) ||
	    set_item(c, "lxc.log.file", p->log_path, err) ||
	    configure_files(lx, c, spec, err) || configure_network(c, spec, err) ||
	    configure_limits(lx, p, spec, err)) {
		return -1;
	}
	if (lx->seccomp_policy && set_item(c, "lxc.seccomp.profile", lx->seccomp_policy, err)) {
		return -1;
	}
	if (lx->userns &&
	    (set_format(c, err, "lxc.idmap", "u 0 %u %u", USERNS_BASE_ID, USERNS_ID_COUNT) ||
	     set_format(c, err, "lxc.idmap", "g 0 %u %u", USERNS_BASE_ID, USERNS_ID_COUNT))) {
		return -1;
	}
	return 0;
}

/* --- booting ---------------------------------------------------------------- */

/*
 * The ERROR lines of liblxc's log, which tell the cause first:
 *	lxc peer-1 20260101000000.123 ERROR    conf - ../src/lxc/conf.c:mount_entry:2000 - Message
 */
static void reason_from_log(const char *path, char *reason, size_t bytes)
{
	CLEAN_FREE char *text = NULL;
	char *save = NULL;
	unsigned taken = 0;

	snprintf(reason, bytes, "liblxc gives no reason");
	if (fs_read(path, &text, NULL, NULL)) {
		return;
	}
	for (char *line = strtok_r(text, "\n", &save); line && taken < 3; line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, " ERROR "), *said = at ? strstr(at, " - ") : NULL;

		said = said ? strstr(said + 3, " - ") : NULL;
		if (said) {
			size_t used = taken++ ? strlen(reason) : 0;

			snprintf(reason + used, bytes - used, "%s%s", used ? "; " : "", said + 3);
		}
	}
}

/*
 * liblxc says RUNNING just before it executes the first process.  Wait until that is
 * lento-init, by the name which the kernel gives it then.
 */
static int wait_for_init(pid_t pid)
{
	CLEAN_FREE char *path = str_format("/proc/%d/comm", (int)pid);

	for (unsigned waited_us = 0; waited_us < EXEC_WAIT_US; waited_us += EXEC_POLL_US) {
		CLEAN_FREE char *comm = NULL;

		if (fs_read(path, &comm, NULL, NULL)) {
			return -1;
		}
		if (!strcmp(comm, "lento-init\n")) {
			return 0;
		}
		usleep(EXEC_POLL_US);
	}
	return -1;
}

/*
 * In a process of its own, since liblxc moves the one that calls start() to the
 * monitor's cgroup, where a purge of the run would kill it.  It is in a group of the
 * run from the beginning, so that a purge in mid-boot finds it, and in a mount
 * namespace of its own, where liblxc finds only the hierarchies that we use.
 *
 * liblxc runs newuidmap where it finds one, and that obeys /etc/subuid; as root we may
 * write the map ourselves, and liblxc does so when it finds no such program.
 */
static bool start_apart(const struct lxc_rt *lx, struct lxc_container *c, char *const argv[])
{
	CLEAN_FREE char *boot_group = str_format("%s/_boot", lx->run_id);
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid == 0) {
		setenv("PATH", "/nonexistent", 1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || cgroup_join(&lx->cg, boot_group, NULL)) {
			_exit(1);
		}
		prctl(PR_SET_PDEATHSIG, 0);
		if (lx->cg.spare && !unshare(CLONE_NEWNS) &&
		    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
			cgroups_hide_spare(&lx->cg);
		}
		_exit(!c->start(c, 0, argv));
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return false;
		}
	}
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int start(struct lxc_rt *lx, struct lxc_peer *p, const struct rt_peer_spec *spec, struct err *err)
{
	static const struct rt_paths inside = { "/data", "/log", "/tmp", "/lento" };
	struct rt_init_argv room;
	char reason[1024];
	bool ok;

	if (!p->c->want_daemonize(p->c, true) || !p->c->want_close_all_fds(p->c, true)) {
		return err_set(err, ERR_FAILED, "liblxc: no memory");
	}
	rt_init_argv(&room, spec, &inside);
	ok = start_apart(lx, p->c, room.argv);
	explicit_bzero(room.token, sizeof(room.token));
	p->peer.init_pid = ok ? p->c->init_pid(p->c) : -1;
	if (p->peer.init_pid <= 0 || wait_for_init(p->peer.init_pid)) {
		reason_from_log(p->log_path, reason, sizeof(reason));
		return err_set(err, ERR_HOST, "container cannot be started (user namespace: %s): %s",
			       lx->userns ? "yes" : "no", reason);
	}
	if (tcp_run_apply(lx->tcp, p->peer.init_pid, spec->tdf, err) ||
	    netns_links_up(p->peer.init_pid, spec->ifname ? "eth0" : NULL, err)) {
		return -1;
	}
	return 0;
}

static void lxc_peer_destroy(struct rt_peer *base)
{
	struct lxc_peer *p = (struct lxc_peer *)base;
	struct lxc_rt *lx = (struct lxc_rt *)base->rt;

	cgroup_kill(&lx->cg, p->group, NULL, NULL);
	if (p->c) {
		/* Its monitor now gives the device back and removes the cgroups. */
		p->c->wait(p->c, "STOPPED", 5);
		lxc_container_put(p->c);
	}
	cgroup_kill(&lx->cg, p->monitor_group, NULL, NULL);
	cgroup_remove(&lx->cg, p->group, NULL);
	cgroup_remove(&lx->cg, p->monitor_group, NULL);
	unlink(p->log_path);
	free(p->name);
	free(p->log_path);
	free(p->group);
	free(p->monitor_group);
	free(p);
}

static int lxc_boot(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **out, struct err *err)
{
	struct lxc_rt *lx = (struct lxc_rt *)rt;
	uid_t uid = rt_peer_uid(rt);
	struct lxc_peer *p = calloc(1, sizeof(*p));

	if (!p) {
		return err_errno(err, ERR_FAILED, "peer %s", spec->name);
	}
	p->peer.rt = rt;
	p->name = str_format("%s", spec->name);
	p->log_path = str_format(LXC_DIR "/%s.log", spec->name);
	p->group = str_format("%s/%s", lx->run_id, spec->name);
	p->monitor_group = str_format("%s/_mon-%s", lx->run_id, spec->name);
	p->c = lxc_container_new(p->name, LXC_DIR);
	if (!p->c) {
		err_set(err, ERR_FAILED, "liblxc makes no container in " LXC_DIR);
	} else if (chown(spec->log_dir, uid, uid)) {
		err_errno(err, ERR_FAILED, "giving %s to the peer", spec->log_dir);
	} else if (configure(lx, p, spec, err) == 0 && start(lx, p, spec, err) == 0) {
		*out = &p->peer;
		return 0;
	}
	err_wrap(err, "peer %s", spec->name);
	lxc_peer_destroy(&p->peer);
	return -1;
}

/* --- acting on a peer ------------------------------------------------------- */

static uid_t lxc_peer_uid(const struct rt *rt)
{
	return ((const struct lxc_rt *)rt)->userns ? USERNS_BASE_ID : 0;
}

static void lxc_paths(const struct rt_peer *peer, struct rt_paths *paths)
{
	(void)peer;
	*paths = (struct rt_paths){ "/data", "/log", "/tmp", "/lento" };
}

static const struct cgroups *groups_of(const struct rt_peer *peer)
{
	return &((const struct lxc_rt *)peer->rt)->cg;
}

static const char *group_name(const struct rt_peer *peer)
{
	return ((const struct lxc_peer *)peer)->group;
}

static int lxc_usage(const struct rt_peer *peer, struct rt_usage *usage, struct err *err)
{
	const struct lxc_peer *p = (const struct lxc_peer *)peer;

	if (cgroup_usage(&((struct lxc_rt *)peer->rt)->cg, p->group, usage, err) == 0) {
		return 0;
	}
	if (!p->last_usage.cpu_ns) {
		return -1;
	}
	*usage = p->last_usage;
	usage->processes = 0;
	usage->memory_bytes = 0;
	return 0;
}

static int lxc_freeze(struct rt_peer *peer, bool frozen, struct err *err)
{
	return cgroup_freeze(groups_of(peer), group_name(peer), frozen, err);
}

static int lxc_kill(struct rt_peer *peer, struct err *err)
{
	struct rt_usage now = { 0 };

	if (cgroup_usage(groups_of(peer), group_name(peer), &now, NULL) == 0) {
		((struct lxc_peer *)peer)->last_usage = now;
	}
	return cgroup_kill(groups_of(peer), group_name(peer), NULL, err);
}

static int lxc_set_tdf(struct rt_peer *peer, struct tdf tdf, struct err *err)
{
	return tcp_run_apply(((struct lxc_rt *)peer->rt)->tcp, peer->init_pid, tdf, err);
}

static void lxc_set_clock(struct rt *rt, const struct vclock *clk)
{
	tcp_run_set_clock(((struct lxc_rt *)rt)->tcp, clk);
}

static const char *lxc_unscaled(const struct rt *rt)
{
	return tcp_run_unscaled(((const struct lxc_rt *)rt)->tcp);
}

static void lxc_each_pid(const struct rt_peer *peer, int (*act)(pid_t pid))
{
	cgroup_each_pid(groups_of(peer), group_name(peer), act);
}

/* --- the run ---------------------------------------------------------------- */

static void lxc_destroy(struct rt *rt)
{
	struct lxc_rt *lx = (struct lxc_rt *)rt;

	cgroup_kill(&lx->cg, lx->run_id, NULL, NULL);
	tcp_run_destroy(lx->tcp);
	cgroup_remove(&lx->cg, lx->run_id, NULL);
	cgroup_remove_top(&lx->cg);
	cgroups_free(&lx->cg);
	for (unsigned i = 0; i < lx->way_count; i++) {
		umount2(lx->ways[i].seen_at, MNT_DETACH);
		rmdir(lx->ways[i].seen_at);
		free(lx->ways[i].seen_at);
		free(lx->ways[i].dir);
	}
	if (lx->mounted) {
		rootfs_remove(ROOT_DIR);
		umount2(PRIVATE_DIR, MNT_DETACH);
	}
	free(lx->run_id);
	free(lx->share_dir);
	free(lx->seccomp_policy);
	free(lx);
}

static const struct rt_ops lxc_ops = {
	.destroy = lxc_destroy,
	.peer_uid = lxc_peer_uid,
	.boot = lxc_boot,
	.peer_destroy = lxc_peer_destroy,
	.peer_paths = lxc_paths,
	.peer_usage = lxc_usage,
	.peer_freeze = lxc_freeze,
	.peer_kill = lxc_kill,
	.peer_set_tdf = lxc_set_tdf,
	.peer_each_pid = lxc_each_pid,
	.set_clock = lxc_set_clock,
	.unscaled = lxc_unscaled,
};

static int check_namespaces(struct err *err)
{
	static const char *const kinds[] = { "mnt", "net" };

	if (geteuid() != 0) {
		return err_set(err, ERR_HOST, "containers need root: use sudo");
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEAN_FREE char *own = str_format("/proc/self/ns/%s", kinds[i]);
		CLEAN_FREE char *host = str_format("/proc/1/ns/%s", kinds[i]);
		struct stat a, b;

		/* Some hosts hide those of the first process even from root. */
		if (stat(own, &a) || stat(host, &b)) {
			continue;
		}
		if (a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
			return err_set(err, ERR_FAILED, "the run has no %s namespace of its own", kinds[i]);
		}
	}
	return 0;
}

static int mount_private_dir(struct err *err)
{
	if (fs_mkdirs(PRIVATE_DIR, 0755, err)) {
		return -1;
	}
	if (mount("lento", PRIVATE_DIR, "tmpfs", MS_NOSUID, "mode=0755,size=64m")) {
		return err_errno(err, ERR_HOST, "mounting a tmpfs at " PRIVATE_DIR);
	}
	return 0;
}

static int make_tcp(struct lxc_rt *lx, const struct rt_tcp *cfg, struct err *err)
{
	CLEAN_FREE char *dir = cgroup_v2_dir(&lx->cg, lx->run_id);

	return tcp_run_create(cfg, dir, &lx->tcp, err);
}

static int set_up(struct lxc_rt *lx, const struct rt_config *cfg, struct err *err)
{
	CLEAN_FREE char *boot_group = NULL;

	lx->run_id = str_format("%s", cfg->run_id);
	lx->share_dir = str_format("%s", cfg->share_dir);
	lx->seccomp_policy = cfg->seccomp_policy ? str_format("%s", cfg->seccomp_policy) : NULL;
	lx->userns = cfg->userns && userns_works();
	if (mount_private_dir(err)) {
		return -1;
	}
	lx->mounted = true;
	if (fs_mkdirs(LXC_DIR, 0755, err)) {
		return -1;
	}
	boot_group = str_format("%s/_boot", lx->run_id);
	if (cgroup_make(&lx->cg, boot_group, err)) {
		return -1;
	}
	if (make_tcp(lx, &cfg->tcp, err)) {
		return -1;
	}
	return rootfs_build(ROOT_DIR, cfg->extra_root ? cfg->extra_root : "/", err);
}

int rt_lxc_create(const struct rt_config *cfg, struct rt **rt, struct err *err)
{
	struct lxc_rt *lx;

	if (rt_check_name("run", cfg->run_id, err) || check_namespaces(err)) {
		return -1;
	}
	lx = calloc(1, sizeof(*lx));
	if (!lx) {
		return err_errno(err, ERR_FAILED, "run %s", cfg->run_id);
	}
	lx->rt.ops = &lxc_ops;
	if (cgroups_find(&lx->cg, err)) {
		free(lx);
		return -1;
	}
	cgroups_narrow(&lx->cg);
	if (cgroup_make_run(&lx->cg, cfg->run_id, err)) {
		cgroups_free(&lx->cg);
		free(lx);
		return -1;
	}
	if (set_up(lx, cfg, err)) {
		lxc_destroy(&lx->rt);
		return -1;
	}
	*rt = &lx->rt;
	return 0;
}
