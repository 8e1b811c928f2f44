// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rt_lxc_start - one container, described to liblxc and started by it.
 *
 * Theory.  All containers share one read-only root (rootfs.h); each gets proc, a small
 * /dev, tmpfs for /tmp, /run and /dev/shm, and bind mounts of its /data and /log.
 * liblxc forks a monitor for each container; it and the container are in cgroups that carry
 * their names (cgroup.h).  The monitor is ended when the container runs.
 *
 * liblxc closes what a monitor has inherited one descriptor after the other, and
 * reads the list anew after each: with n descriptors open that takes n * n steps.  So
 * this runs in children of the launcher, which has hardly any, not of lento, which has some
 * for each peer.
 */
#include "rt/rt_lxc.h"

#include <lxc/lxccontainer.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/caps.h"
#include "rt/initproto.h"
#include "rt/rt_ops.h"
#include "rt/userns.h"

#define RUN_TMPFS_BYTES (4u << 20)
#define SHM_TMPFS_BYTES (64u << 20)
#define EXEC_WAIT_US 10000000u
#define EXEC_POLL_US 1000u

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

static int configure_files(const struct lxc_ground *g, struct lxc_container *c,
			   const struct rt_peer_spec *spec, struct err *err)
{
	if (set_item(c, "lxc.rootfs.path", "dir:" ROOT_DIR, err) ||
	    add_bind(c, spec->data_dir, "data", "rw", err) || add_bind(c, spec->log_dir, "log", "rw", err) ||
	    add_bind(c, g->share_dir, "lento", "ro", err) ||
	    add_tmpfs(c, "tmp", spec->tmp_bytes, "mode=1777", err) ||
	    add_tmpfs(c, "run", RUN_TMPFS_BYTES, "mode=755", err) ||
	    add_tmpfs(c, "dev/shm", SHM_TMPFS_BYTES, "mode=1777,create=dir", err)) {
		return -1;
	}
	return 0;
}

/* One limit: version 1 and 2 have names of their own for key and file. */
static int set_limit(const struct lxc_ground *g, struct lxc_container *c, const char *controller,
		     const char *v1_file, const char *v2_file, uint64_t value, struct err *err)
{
	const struct cgroup_hierarchy *h = cgroups_with(&g->cg, controller);

	if (!h) {
		return err_set(err, ERR_HOST, "no cgroup %s controller is mounted, so the %s limit cannot be set; "
			       "/proc/cgroups says whether the kernel has it (memory may need "
			       "cgroup_enable=memory at boot)", controller, controller);
	}
	CLEAN_FREE char *key = str_format("lxc.cgroup%s.%s", h->v2 ? "2" : "", h->v2 ? v2_file : v1_file);

	return set_format(c, err, key, "%llu", (unsigned long long)value);
}

static bool run_group_has(const struct lxc_ground *g, const char *controller, const char *file)
{
	const struct cgroup_hierarchy *h = cgroups_with(&g->cg, controller);
	CLEAN_FREE char *path = h ? str_format("%s/lento/%s/%s", h->dir, g->run_id, file) : NULL;

	return path && access(path, F_OK) == 0;
}

static int configure_limits(const struct lxc_ground *g, struct lxc_container *c,
			    const struct rt_peer_spec *spec, struct err *err)
{
	CLEAN_FREE char *group = lxc_group_name(g->run_id, spec->name);
	CLEAN_FREE char *monitor_group = lxc_monitor_group_name(g->run_id, spec->name);

	if (set_format(c, err, "lxc.cgroup.dir.container", "lento/%s", group) ||
	    set_format(c, err, "lxc.cgroup.dir.monitor", "lento/%s", monitor_group) ||
	    set_format(c, err, "lxc.cgroup.dir.monitor.pivot", "lento/%s/_pivot", g->run_id)) {
		return -1;
	}
	if (spec->pids && set_limit(g, c, "pids", "pids.max", "pids.max", spec->pids, err)) {
		return -1;
	}
	if (!spec->memory_bytes) {
		return 0;
	}
	if (set_limit(g, c, "memory", "memory.limit_in_bytes", "memory.max", spec->memory_bytes, err)) {
		return -1;
	}
	/* What swaps is not what we measure: the limit is one on memory and swap together. */
	if (run_group_has(g, "memory", "memory.memsw.limit_in_bytes") &&
	    set_format(c, err, "lxc.cgroup.memory.memsw.limit_in_bytes", "%llu",
		       (unsigned long long)spec->memory_bytes)) {
		return -1;
	}
	if (run_group_has(g, "memory", "memory.swap.max") &&
	    set_item(c, "lxc.cgroup2.memory.swap.max", "0", err)) {
		return -1;
	}
	return 0;
}

static int configure(const struct lxc_ground *g, struct lxc_container *c, const struct rt_peer_spec *spec,
		     const char *log, struct err *err)
{
	if (configure_plain(c, err) || set_item(c, "lxc.uts.name", spec->name, err) ||
	    set_item(c, "lxc.log.file", log, err) || set_item(c, "lxc.net.0.type", "empty", err) ||
	    configure_files(g, c, spec, err) || configure_limits(g, c, spec, err)) {
		return -1;
	}
	if (g->seccomp_policy && set_item(c, "lxc.seccomp.profile", g->seccomp_policy, err)) {
		return -1;
	}
	if (g->userns &&
	    (set_format(c, err, "lxc.idmap", "u 0 %u %u", USERNS_BASE_ID, USERNS_ID_COUNT) ||
	     set_format(c, err, "lxc.idmap", "g 0 %u %u", USERNS_BASE_ID, USERNS_ID_COUNT))) {
		return -1;
	}
	return 0;
}

/* --- starting --------------------------------------------------------------- */

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
 * lento-init, by the name which it gives itself.
 */
static int wait_for_init(pid_t pid)
{
	CLEAN_FREE char *path = str_format("/proc/%d/comm", (int)pid);

	for (unsigned waited_us = 0; waited_us < EXEC_WAIT_US; waited_us += EXEC_POLL_US) {
		CLEAN_FREE char *comm = NULL;

		if (fs_read(path, &comm, NULL, NULL)) {
			return -1;
		}
		if (!strcmp(comm, INIT_UP_NAME "\n")) {
			return 0;
		}
		usleep(EXEC_POLL_US);
	}
	return -1;
}

static void end_process(pid_t pid, void *arg)
{
	(void)arg;
	kill(pid, SIGKILL);
}

/*
 * The monitor waits for commands that nobody gives and for an end that lento-init has told
 * before, and takes half a MiB.  Without it a container goes on; its lento-init is the
 * launcher's child then.  Its groups go with those of the run: to remove one takes the kernel a
 * step for each file system that is mounted.
 */
static void dismiss_monitor(const struct lxc_ground *g, const char *peer)
{
	CLEAN_FREE char *group = lxc_monitor_group_name(g->run_id, peer);

	cgroup_each_pid(&g->cg, group, end_process, NULL);
}

static int start(const struct lxc_ground *g, struct lxc_container *c, const struct rt_peer_spec *spec,
		 const char *log, pid_t *init_pid, struct err *err)
{
	static const struct rt_paths inside = { "/data", "/log", "/tmp", "/lento" };
	struct rt_init_argv room;
	char reason[1024];
	bool ok;

	if (!c->want_daemonize(c, true) || !c->want_close_all_fds(c, true)) {
		return err_set(err, ERR_FAILED, "liblxc: no memory");
	}
	rt_init_argv(&room, spec, &inside);
	ok = c->start(c, 0, room.argv);
	explicit_bzero(room.token, sizeof(room.token));
	*init_pid = ok ? c->init_pid(c) : -1;
	if (*init_pid <= 0 || wait_for_init(*init_pid)) {
		reason_from_log(log, reason, sizeof(reason));
		return err_set(err, ERR_HOST, "container cannot be started (user namespace: %s): %s",
			       g->userns ? "yes" : "no", reason);
	}
	dismiss_monitor(g, spec->name);
	return 0;
}

int lxc_start_peer(const struct lxc_ground *g, const struct rt_peer_spec *spec, pid_t *init_pid,
		   struct rt_boot_times *times, struct err *err)
{
	CLEAN_FREE char *log = lxc_log_path(spec->name);
	struct lxc_container *c = lxc_container_new(spec->name, LXC_DIR);
	wall_t begin = wall_now(), described;
	int rc;

	if (!c) {
		return err_set(err, ERR_FAILED, "liblxc makes no container in " LXC_DIR);
	}
	rc = configure(g, c, spec, log, err);
	described = wall_now();
	times->create_wns = described.ns - begin.ns;
	if (rc == 0) {
		rc = start(g, c, spec, log, init_pid, err);
		times->start_wns = wall_now().ns - described.ns;
	}
	lxc_container_put(c);
	return rc;
}
