/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup - the control groups of a run, in whatever hierarchies the host has:
 * version 1 controllers, version 2, or both side by side ("hybrid").
 *
 *	<hierarchy>/<base>/lento/<run>/<peer>       the container
 *	<hierarchy>/<base>/lento/<run>/_mon-<peer>  liblxc's process that starts it, until it runs
 *	<hierarchy>/<base>/lento/<run>/_boot        processes that are starting a container
 *	<hierarchy>/<base>/lento/<run>/_pivot       monitors whose container has ended
 *
 * <base> is the group of the host's first process, as liblxc takes it.  Everything
 * here finds its way by name alone, so it works after a kill -9 of everything else.
 * `lento` itself goes with the last run: making and removing it is serialised by
 * a lock on the cgroup file system.
 */
#ifndef LENTO_CGROUP_H
#define LENTO_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "rt/rt.h"

#define CGROUP_MAX_HIERARCHIES 24

struct cgroup_hierarchy {
	char *mount;        /* "/sys/fs/cgroup/memory" */
	char *dir;          /* with base */
	char *controllers;  /* ",memory," - version 1: named when mounted; version 2: those to delegate */
	bool v2;
	dev_t dev;          /* of its file system: the same one may be mounted twice */
};

struct cgroups {
	unsigned count;     /* those in use; first in h[] */
	unsigned spare;     /* the rest, after cgroups_narrow() */
	struct cgroup_hierarchy h[CGROUP_MAX_HIERARCHIES];
};

/* What this host has mounted.  ERR_HOST when it is nothing. */
int cgroups_find(struct cgroups *cg, struct err *err);
void cgroups_free(struct cgroups *cg);

/*
 * Use only what limits, accounting and freezing need: version 2, and of version 1
 * memory and pids (with freezer and cpuacct where there is no version 2).
 */
void cgroups_narrow(struct cgroups *cg);
/*
 * Unmount the others in the caller's mount namespace, which must be its own and
 * private: liblxc would make (and remove) groups in all it finds, ten where three
 * are enough.
 */
void cgroups_hide_spare(const struct cgroups *cg);

/* The hierarchy that has @controller, version 1 or 2; NULL: none. */
const struct cgroup_hierarchy *cgroups_with(const struct cgroups *cg, const char *controller);
/* The version 2 hierarchy (it freezes and kills without any controller), or NULL. */
const struct cgroup_hierarchy *cgroups_v2(const struct cgroups *cg);

/* Make lento/<run> in every hierarchy. */
int cgroup_make_run(const struct cgroups *cg, const char *run_id, struct err *err);

/* Below, @name is "<run>/<peer>" or "<run>". */

/* Its directory in the version 2 hierarchy, which the caller frees; NULL: there is none. */
char *cgroup_v2_dir(const struct cgroups *cg, const char *name);
/* Make it; fine when it exists. */
int cgroup_make(const struct cgroups *cg, const char *name, struct err *err);
/* Move the calling process into the peer's group of every hierarchy. */
int cgroup_join(const struct cgroups *cg, const char *name, struct err *err);
int cgroup_freeze(const struct cgroups *cg, const char *name, bool frozen, struct err *err);
/* SIGKILL all in it and below, until it is empty; *killed (may be NULL) counts processes. */
int cgroup_kill(const struct cgroups *cg, const char *name, unsigned *killed, struct err *err);
/* Remove it and what is below, in every hierarchy; waits a little for the dying. */
int cgroup_remove(const struct cgroups *cg, const char *name, struct err *err);
/* Remove `lento` where it is empty. */
void cgroup_remove_top(const struct cgroups *cg);
/* Do @act for each process of the group. */
void cgroup_each_pid(const struct cgroups *cg, const char *name,
		     void (*act)(pid_t pid, void *arg), void *arg);
int cgroup_usage(const struct cgroups *cg, const char *name, struct rt_usage *usage, struct err *err);

#endif
