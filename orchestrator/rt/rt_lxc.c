// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rt_lxc - one container a peer, through liblxc.
 *
 * Theory.  The caller lives in private mount and network namespaces, so whatever is
 * mounted here vanishes with the run.  Containers are started by a process of its
 * own, several at a time (launcher.h); what one is made of is in rt_lxc_start.c.  Afterwards
 * liblxc is not needed, nor its monitor: a container is in cgroups that carry its
 * name (cgroup.h), by which everything is found, frozen, counted and killed.
 *
 * A tmpfs of the run's own at /run/lxc keeps liblxc's lock files in the run.
 */
#include "rt/rt_lxc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/launcher.h"
#include "rt/rootfs.h"
#include "rt/rt_ops.h"
#include "rt/tcp_run.h"
#include "rt/userns.h"

struct lxc_rt {
	struct rt rt;
	struct lxc_ground ground;
	bool mounted;               /* the tmpfs at PRIVATE_DIR */
	struct launcher *launcher;  /* NULL after rt_kill_all() */
	struct lxc_peer *booting;   /* ordered, and not yet reported */
};

struct lxc_peer {
	struct rt_peer peer;
	uint32_t index;
	char *name;
	char *group, *monitor_group;
	struct lxc_peer *next;      /* in the list of the booting */
	struct rt_usage last_usage; /* as it was killed: its groups go with it */
};

/* --- names ------------------------------------------------------------------------- */

char *lxc_group_name(const char *run_id, const char *peer)
{
	return str_format("%s/%s", run_id, peer);
}

char *lxc_monitor_group_name(const char *run_id, const char *peer)
{
	return str_format("%s/_mon-%s", run_id, peer);
}

char *lxc_log_path(const char *peer)
{
	return str_format(LXC_DIR "/%s.log", peer);
}

/* --- booting and its undoing ------------------------------------------------ */

static struct lxc_peer *peer_new(struct lxc_rt *lx, const struct rt_peer_spec *spec)
{
	struct lxc_peer *p = calloc(1, sizeof(*p));

	if (p) {
		p->peer.rt = &lx->rt;
		p->peer.init_pid = -1;
		p->peer.tun = -1;
		p->index = spec->index;
		p->name = str_format("%s", spec->name);
		p->group = lxc_group_name(lx->ground.run_id, spec->name);
		p->monitor_group = lxc_monitor_group_name(lx->ground.run_id, spec->name);
	}
	return p;
}

static void peer_free(struct lxc_peer *p)
{
	free(p->name);
	free(p->group);
	free(p->monitor_group);
	free(p);
}

static void lxc_peer_destroy(struct rt_peer *base)
{
	struct lxc_peer *p = (struct lxc_peer *)base;
	const struct lxc_rt *lx = (const struct lxc_rt *)base->rt;
	const struct cgroups *cg = &lx->ground.cg;

	/* After rt_kill_all() its groups and files go with those of the run. */
	if (lx->launcher) {
		CLEAN_FREE char *log = lxc_log_path(p->name);

		cgroup_kill(cg, p->group, NULL, NULL);
		cgroup_kill(cg, p->monitor_group, NULL, NULL);
		cgroup_remove(cg, p->group, NULL);
		cgroup_remove(cg, p->monitor_group, NULL);
		unlink(log);
	}
	if (base->tun >= 0) {
		close(base->tun);
	}
	peer_free(p);
}

static int lxc_boot_begin(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **out,
			  struct err *err)
{
	struct lxc_rt *lx = (struct lxc_rt *)rt;
	uid_t uid = rt_peer_uid(rt);
	struct lxc_peer *p;

	if (!lx->launcher) {
		return err_set(err, ERR_FAILED, "peer %s: the launcher of containers has ended", spec->name);
	}
	p = peer_new(lx, spec);
	if (!p) {
		return err_errno(err, ERR_FAILED, "peer %s", spec->name);
	}
	if (chown(spec->log_dir, uid, uid)) {
		err_errno(err, ERR_FAILED, "peer %s: giving %s to it", spec->name, spec->log_dir);
		peer_free(p);
		return -1;
	}
	if (launcher_order(lx->launcher, spec, err)) {
		err_wrap(err, "peer %s", spec->name);
		peer_free(p);
		return -1;
	}
	p->next = lx->booting;
	lx->booting = p;
	*out = &p->peer;
	return 0;
}

/* The booting peer called @index, taken out of the list. */
static struct lxc_peer *take_booting(struct lxc_rt *lx, uint32_t index)
{
	struct lxc_peer **at = &lx->booting, *p;

	while (*at && (*at)->index != index) {
		at = &(*at)->next;
	}
	p = *at;
	if (p) {
		*at = p->next;
	}
	return p;
}

static int lxc_boot_next(struct rt *rt, struct rt_peer **out, struct err *err)
{
	struct lxc_rt *lx = (struct lxc_rt *)rt;
	struct launch_report report;
	struct lxc_peer *p;
	int tun, rc;

	if (!lx->launcher) {
		return err_set(err, ERR_FAILED, "the launcher of containers has ended");
	}
	rc = launcher_next(lx->launcher, &report, &tun, err);
	if (rc <= 0) {
		return rc;
	}
	p = take_booting(lx, report.index);
	if (!p) {
		close(tun);
		return err_set(err, ERR_FAILED, "a container that nobody ordered");
	}
	*out = &p->peer;
	p->peer.init_pid = report.init_pid;
	p->peer.times = report.times;
	p->peer.tun = tun;
	if (report.err.kind != ERR_NONE) {
		*err = report.err;
		return err_wrap(err, "peer %s", p->name);
	}
	return 1;
}

static int lxc_boot_fd(const struct rt *rt)
{
	const struct lxc_rt *lx = (const struct lxc_rt *)rt;

	return lx->launcher ? launcher_fd(lx->launcher) : -1;
}

static void lxc_kill_all(struct rt *rt)
{
	struct lxc_rt *lx = (struct lxc_rt *)rt;

	launcher_destroy(lx->launcher);
	lx->launcher = NULL;
	lx->booting = NULL;
	cgroup_kill(&lx->ground.cg, lx->ground.run_id, NULL, NULL);
}

/* --- acting on a peer ------------------------------------------------------- */

static uid_t lxc_peer_uid(const struct rt *rt)
{
	return ((const struct lxc_rt *)rt)->ground.userns ? USERNS_BASE_ID : 0;
}

static void lxc_paths(const struct rt_peer *peer, struct rt_paths *paths)
{
	(void)peer;
	*paths = (struct rt_paths){ "/data", "/log", "/tmp", "/lento" };
}

static const struct cgroups *groups_of(const struct rt_peer *peer)
{
	return &((const struct lxc_rt *)peer->rt)->ground.cg;
}

static const char *group_name(const struct rt_peer *peer)
{
	return ((const struct lxc_peer *)peer)->group;
}

static int lxc_usage(const struct rt_peer *peer, struct rt_usage *usage, struct err *err)
{
	const struct lxc_peer *p = (const struct lxc_peer *)peer;

	if (cgroup_usage(groups_of(peer), p->group, usage, err) == 0) {
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
	return tcp_run_apply(((struct lxc_rt *)peer->rt)->ground.tcp, peer->init_pid, tdf, err);
}

static void lxc_set_clock(struct rt *rt, const struct vclock *clk)
{
	tcp_run_set_clock(((struct lxc_rt *)rt)->ground.tcp, clk);
}

static const char *lxc_unscaled(const struct rt *rt)
{
	return tcp_run_unscaled(((const struct lxc_rt *)rt)->ground.tcp);
}

static void lxc_each_pid(const struct rt_peer *peer, void (*act)(pid_t pid, void *arg), void *arg)
{
	cgroup_each_pid(groups_of(peer), group_name(peer), act, arg);
}

/* --- the run ---------------------------------------------------------------- */

static void lxc_destroy(struct rt *rt)
{
	struct lxc_rt *lx = (struct lxc_rt *)rt;
	struct cgroups *cg = &lx->ground.cg;

	lxc_kill_all(rt);
	tcp_run_destroy(lx->ground.tcp);
	cgroup_remove(cg, lx->ground.run_id, NULL);
	cgroup_remove_top(cg);
	cgroups_free(cg);
	if (lx->mounted) {
		rootfs_remove(ROOT_DIR);
		umount2(PRIVATE_DIR, MNT_DETACH);
	}
	free(lx->ground.run_id);
	free(lx->ground.share_dir);
	free(lx->ground.seccomp_policy);
	free(lx);
}

static const struct rt_ops lxc_ops = {
	.destroy = lxc_destroy,
	.peer_uid = lxc_peer_uid,
	.boot_begin = lxc_boot_begin,
	.boot_next = lxc_boot_next,
	.boot_fd = lxc_boot_fd,
	.boot_slots = launcher_slots,
	.kill_all = lxc_kill_all,
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

static int make_tcp(struct lxc_ground *g, const struct rt_tcp *cfg, struct err *err)
{
	CLEAN_FREE char *dir = cgroup_v2_dir(&g->cg, g->run_id);

	return tcp_run_create(cfg, dir, &g->tcp, err);
}

static int set_up(struct lxc_rt *lx, const struct rt_config *cfg, struct err *err)
{
	struct lxc_ground *g = &lx->ground;
	CLEAN_FREE char *boot_group = str_format("%s/_boot", cfg->run_id);

	g->run_id = str_format("%s", cfg->run_id);
	g->share_dir = str_format("%s", cfg->share_dir);
	g->seccomp_policy = cfg->seccomp_policy ? str_format("%s", cfg->seccomp_policy) : NULL;
	g->userns = cfg->userns && userns_works();
	if (mount_private_dir(err)) {
		return -1;
	}
	lx->mounted = true;
	return fs_mkdirs(LXC_DIR, 0755, err) || cgroup_make(&g->cg, boot_group, err) ||
	       make_tcp(g, &cfg->tcp, err) ||
	       rootfs_build(ROOT_DIR, cfg->extra_root ? cfg->extra_root : "/", err) ||
	       launcher_create(g, &lx->launcher, err) ? -1 : 0;
}

int rt_lxc_create(const struct rt_config *cfg, struct rt **rt, struct err *err)
{
	struct cgroups *cg;
	struct lxc_rt *lx;

	if (rt_check_name("run", cfg->run_id, err) || check_namespaces(err)) {
		return -1;
	}
	lx = calloc(1, sizeof(*lx));
	if (!lx) {
		return err_errno(err, ERR_FAILED, "run %s", cfg->run_id);
	}
	lx->rt.ops = &lxc_ops;
	cg = &lx->ground.cg;
	if (cgroups_find(cg, err)) {
		free(lx);
		return -1;
	}
	cgroups_narrow(cg);
	if (cgroup_make_run(cg, cfg->run_id, err)) {
		cgroups_free(cg);
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
