/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns - work in the network namespace of another process: sockets and
 * /proc/sys/net are those of the namespace that the calling thread is in.
 */
#ifndef LENTO_NETNS_H
#define LENTO_NETNS_H

#include <sys/types.h>

#include "base/err.h"
#include "rt/rt.h"

typedef int netns_work(const void *arg, struct err *err);

/* Call @work in the network namespace of process @pid, and come back; its result. */
int netns_call(pid_t pid, netns_work *work, const void *arg, struct err *err);

/*
 * The network of a new peer whose first process is @pid: its loopback link up and, where
 * it has a network, eth0 with its address as the way to everywhere; *tun is the
 * other end of that, else -1.
 */
int netns_set_up(pid_t pid, const struct rt_peer_spec *spec, int *tun, struct err *err);

#endif
