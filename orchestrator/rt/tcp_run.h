/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp_run - the kernel's TCP as the peers of one run have it: in virtual time as far as
 * sysctls (tcp_netns.h) and BPF (tcp_bpf.h) reach.
 */
#ifndef LENTO_TCP_RUN_H
#define LENTO_TCP_RUN_H

#include <sys/types.h>

#include "base/err.h"
#include "rt/rt.h"

struct tcp_run;

/*
 * For sockets in the version 2 cgroup at @cgroup_dir (NULL: this host has none) and below.
 * Where there is no BPF, the rest is done all the same and tcp_run_unscaled() says so;
 * but ERR_HOST when the congestion control that is wanted needs it.
 */
int tcp_run_create(const struct rt_tcp *cfg, const char *cgroup_dir, struct tcp_run **tcp,
		   struct err *err);
/* NULL is fine. */
void tcp_run_destroy(struct tcp_run *tcp);

/* Set up the network namespace of process @pid for factor @tdf. */
int tcp_run_apply(const struct tcp_run *tcp, pid_t pid, struct tdf tdf, struct err *err);
void tcp_run_set_clock(struct tcp_run *tcp, const struct vclock *clk);
/* See rt_unscaled(); lives as long as @tcp. */
const char *tcp_run_unscaled(const struct tcp_run *tcp);

#endif
