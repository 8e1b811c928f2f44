/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp_netns - the time constants of kernel TCP in one network namespace.
 *
 * The kernel measures in wall time, so a constant of T seconds lasts T/TDF virtual
 * seconds.  What it derives from measured round trips scales by itself; fixed
 * constants are multiplied by the TDF here, as far as the kernel has a knob for
 * them.  Congestion control becomes Reno, which is clocked by ACKs alone:
 * CUBIC and BBR have constants of their own that no knob reaches.
 */
#ifndef LENTO_TCP_NETNS_H
#define LENTO_TCP_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct tcp_constant {
	const char *sysctl; /* below /proc/sys/net/ipv4 */
	long value;         /* the kernel's default, in the sysctl's unit */
	long min, max;      /* what it accepts; 0: no bound */
	bool is_fin;        /* tcp_fin_timeout, which is not linear */
};

extern const struct tcp_constant tcp_constants[];
extern const size_t tcp_constant_count;

/* The value for factor @tdf, within bounds. */
long tcp_constant_scaled(const struct tcp_constant *c, struct tdf tdf);

/* Set them in the network namespace of process @pid; what this kernel lacks is passed over. */
int tcp_netns_apply(pid_t pid, struct tdf tdf, struct err *err);

/* Those that no knob of this kernel reaches; a static text. */
const char *tcp_netns_unscaled(void);

#endif
