/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostcheck_probe - the single looks at the host behind the table of hostcheck.c.
 *
 * A probe fills level, found, needed and mend of an item whose name and purpose
 * are set.  All paths are below query->root, so that a test can invent a host.
 */
#ifndef LENTO_HOSTCHECK_PROBE_H
#define LENTO_HOSTCHECK_PROBE_H

#include "hostcheck.h"

/* A number that must grow with the peers: base + per_peer * peers. */
struct need {
	const char *sysctl;      /* "fs.inotify.max_user_instances"; NULL: a limit */
	int rlimit;              /* RLIMIT_*, when sysctl is NULL */
	const char *limit_name;  /* its line in /proc/self/limits */
	uint64_t base, per_peer;
	enum check_level lack;   /* the level when it is too small */
};

typedef void probe_fn(const struct hostcheck_query *q, const struct need *need,
		      struct hostcheck_item *item);

probe_fn probe_sysctl, probe_rlimit;
probe_fn probe_capabilities, probe_tun, probe_fuse, probe_cgroups, probe_user_namespaces;
probe_fn probe_net_namespaces, probe_lxc, probe_seccomp, probe_pressure;
probe_fn probe_pids_group, probe_memory_groups, probe_conntrack;
probe_fn probe_reno, probe_tcp_bpf, probe_clocksource, probe_swap, probe_memory, probe_disk, probe_images;

#endif
