/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp_bpf - the part of kernel TCP's time that sysctls do not reach, by programs loaded
 * into the kernel (bpf/tcp.bpf.c): the initial RTO of all sockets in a cgroup, and a
 * congestion control that is CUBIC in virtual time.
 *
 * Everything hangs on descriptors of this process: however it ends, the kernel detaches
 * the program and unregisters the congestion control.  Sockets that still use it keep
 * their reference until they close.
 */
#ifndef LENTO_TCP_BPF_H
#define LENTO_TCP_BPF_H

#include <stdbool.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct tcp_bpf;

/*
 * Load, and attach to the version 2 cgroup at @cgroup_dir; with @cubic also register
 * the congestion control.  ERR_HOST where this kernel, or what contains us, does not allow
 * it.  Until tcp_bpf_set_clock() virtual time is wall time.
 */
int tcp_bpf_load(const char *cgroup_dir, bool cubic, struct tcp_bpf **bpf, struct err *err);
/* Would that work?  Loads and attaches nothing. */
int tcp_bpf_probe(bool cubic, struct err *err);
/* NULL is fine. */
void tcp_bpf_destroy(struct tcp_bpf *bpf);

/* The clock has changed: factor, or state. */
void tcp_bpf_set_clock(struct tcp_bpf *bpf, const struct vclock *clk);

/* The name that the congestion control is registered under, for the sysctl
 * tcp_congestion_control of a peer's network namespace; NULL: it is not. */
const char *tcp_bpf_cubic(const struct tcp_bpf *bpf);

/* The kernel's jiffies in @k times the 1 s of RFC 6298, within what it accepts; @hz a second. */
unsigned tcp_bpf_initial_rto(struct tdf k, unsigned hz);
/* Jiffies a second. */
unsigned tcp_bpf_hz(void);

#endif
