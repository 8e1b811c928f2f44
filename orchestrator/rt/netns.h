/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns - work in the network namespace of another process: sockets and
 * /proc/sys/net are those of the namespace that the calling thread is in.
 */
#ifndef LENTO_NETNS_H
#define LENTO_NETNS_H

#include <sys/types.h>

#include "base/err.h"

typedef int netns_work(const void *arg, struct err *err);

/* Call @work in the network namespace of process @pid, and come back; its result. */
int netns_call(pid_t pid, netns_work *work, const void *arg, struct err *err);

/*
 * Bring up the loopback link and, if not NULL, link @name as the way to everywhere.
 * IPv6 is off on that before: else the kernel would send router solicitations nobody
 * asked for.
 */
int netns_links_up(pid_t pid, const char *name, struct err *err);

#endif
