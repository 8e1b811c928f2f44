/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rt_lxc - what the files of the container back end share; for rt_lxc*.c and launcher.c
 * alone.
 */
#ifndef LENTO_RT_LXC_H
#define LENTO_RT_LXC_H

#include "rt/cgroup.h"
#include "rt/rt.h"
#include "rt/tcp_run.h"

#define PRIVATE_DIR "/run/lxc"
#define ROOT_DIR PRIVATE_DIR "/root"
#define LXC_DIR PRIVATE_DIR "/containers" /* liblxc's "lxcpath", with our log files */

/* What all containers of a run have in common. */
struct lxc_ground {
	char *run_id, *share_dir, *seccomp_policy;
	bool userns;
	struct cgroups cg;
	struct tcp_run *tcp;
};

/*
 * Describe the container to liblxc and start it; returns when its lento-init runs, with
 * times->create_wns and start_wns filled.  It has a network namespace with nothing
 * in it.  For a process of its own, since liblxc moves the one that calls it to the
 * monitor's cgroup, where a purge of the run would kill it.
 */
int lxc_start_peer(const struct lxc_ground *ground, const struct rt_peer_spec *spec, pid_t *init_pid,
		   struct rt_boot_times *times, struct err *err);

/* "<run>/<peer>" and "<run>/_mon-<peer>", as cgroup.h wants it; the caller frees. */
char *lxc_group_name(const char *run_id, const char *peer);
char *lxc_monitor_group_name(const char *run_id, const char *peer);
/* liblxc's log of one peer; the caller frees. */
char *lxc_log_path(const char *peer);

#endif
