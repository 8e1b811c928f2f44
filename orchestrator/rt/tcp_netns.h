/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp_netns - gives one network namespace the time constants of a factor (net_times.h) and a
 * congestion control, and tells what of the kernel's TCP stays in wall time.
 */
#ifndef LENTO_TCP_NETNS_H
#define LENTO_TCP_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct tcp_netns {
	struct tdf tdf;
	const char *congestion; /* the kernel's name for it; NULL: leave the host's */
};

/* Set them in the network namespace of process @pid, whose eth0, if it has one, is up and its
 * default route; what this kernel lacks is passed over. */
int tcp_netns_apply(pid_t pid, const struct tcp_netns *cfg, struct err *err);

/*
 * Write into @text those constants that nothing scales on this kernel, on one line.
 * @no_bpf says why BPF does nothing here (NULL: it does); @host_congestion, that
 * congestion control is the host's own.
 */
void tcp_netns_unscaled(const char *no_bpf, bool host_congestion, char *text, size_t bytes);

#endif
