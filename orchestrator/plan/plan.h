/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan - does an experiment fit this host, under which factor, and what binds first?
 *
 * Theory.  A virtual second of the swarm moves at most T bytes: what all uplinks can send
 * or all leechers' downlinks can take, whichever is less (capacity.h has it for several
 * hosts).  Each resource is asked what it must do for that second, and how much of it
 * it does in a wall second; the quotient is the least factor for it.  The CPUs are
 * counted at the share that the pacer aims at, since a host that is full answers late.
 *
 * The plan is of the swarm at its busiest, when every link is full.  Real swarms rarely are, so
 * a run needs at most what the plan says.
 */
#ifndef LENTO_PLAN_H
#define LENTO_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "plan/costs.h"
#include "topo/experiment.h"

struct plan_query {
	const struct experiment *exp;
	const struct host_costs *costs;
	uint32_t hosts;               /* alike, peers spread evenly; 1 or more */
	double card_bytes;            /* a host's network card, bytes a wall second each way; hosts > 1 */
	uint64_t memory_bytes;        /* available on a host */
};

enum plan_resource { PLAN_CPU, PLAN_WIRE, PLAN_CARD, PLAN_RESOURCES };

struct plan_need {
	double load;                  /* of one host, for a virtual second at the peak */
	double room;                  /* what it has in a wall second */
	double factor;                /* load / room: the least TDF */
};

struct plan {
	uint32_t peers;
	bool unbounded;               /* some links have no rate: the hosts set the pace, at any factor */
	double up, down;              /* bytes a virtual second: all uplinks, all leechers' downlinks */
	double traffic;               /* T */
	double matrix[2];             /* hosts > 1: T_ii and T_ij, equation (4) */
	struct plan_need need[PLAN_RESOURCES]; /* CPU s, emulator thread s, bytes over a card */
	enum plan_resource binding;   /* the one with the greatest factor */
	uint64_t memory_bytes;        /* that the peers of a host need */
	bool memory_fits;
	double cpu_share;             /* of all CPUs of a host, at the experiment's own factor */
};

/* ERR_HOST when an image of the experiment has not been measured. */
int plan_make(const struct plan_query *query, struct plan *plan, struct err *err);

/* The least factor at which all fits, memory aside; on the pacer's grid. */
struct tdf plan_tdf(const struct plan *plan);

/*
 * The factor that "tdf: auto" begins with on this host: what the plan says, within the experiment's
 * range.  Without figures of this host it is 1: the pacer finds the way from there, only later.
 */
struct tdf plan_start(const struct experiment *exp, const struct host_costs *costs);

/*
 * How few hosts do at the experiment's own factor, up to @most; 0 when even those do not, as when one
 * pair of hosts' network is too slow however many there are.
 */
uint32_t plan_hosts(const struct plan_query *query, uint32_t most);

void plan_print(const struct plan_query *query, const struct plan *plan, FILE *out);

#endif
