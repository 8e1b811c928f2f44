/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launcher - the process that starts the containers of a run, several at a time.
 *
 * It is forked from lento before lento has a descriptor for each peer, and forks a
 * child for each container: so what a start costs does not depend on how many are
 * running (rt_lxc_start.c says why).  Orders and reports travel over a socket pair.
 */
#ifndef LENTO_LAUNCHER_H
#define LENTO_LAUNCHER_H

#include "rt/rt_lxc.h"

struct launcher;

struct launch_report {
	uint32_t index;        /* of the peer, as in its spec */
	pid_t init_pid;        /* of its lento-init; meaningless after an error */
	struct rt_boot_times times;
	struct err err;        /* of kind ERR_NONE: it runs */
};

/* Start it, in the run's group "_boot".  @ground is copied by the fork. */
int launcher_create(const struct lxc_ground *ground, struct launcher **launcher, struct err *err);
/* End it; starts that are under way are left to whoever kills the run's groups.  NULL is fine. */
void launcher_destroy(struct launcher *launcher);

/* Order a container.  At most launcher_slots() may be unreported, or this blocks. */
int launcher_order(struct launcher *launcher, const struct rt_peer_spec *spec, struct err *err);
/* How many starts at once keep this host busy. */
unsigned launcher_slots(void);

/* Readable when there is a report. */
int launcher_fd(const struct launcher *launcher);
/*
 * 1 and *report, with the descriptor of the peer's TUN device in *tun (the caller
 * closes it; -1: it has none); 0: none yet; -1: the launcher has ended.
 */
int launcher_next(struct launcher *launcher, struct launch_report *report, int *tun, struct err *err);

#endif
