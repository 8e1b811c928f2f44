/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capacity - do the hosts carry the traffic of a swarm?  The planning formulas of
 * L. Wang, J. Kangasharju, "Experimenting with BitTorrent on a Cluster: A Good or a Bad
 * Idea?", section 6.5, numbered as there.  Pure arithmetic.
 *
 * Peers are spread over n hosts and connect to each other at random.  Then of what the
 * peers of host i send, the share P_ij goes to host j (3), at most T_ij (4), the matrix T
 * (5).  Its diagonal stays within a host, the rest crosses the network:
 *
 *	(6)  what enters host i from the others  <= its network card, down
 *	(7)  what leaves host i to the others    <= its network card, up
 *	(8)  T_ii                                <= half of what it carries within itself,
 *	                                            where each byte passes twice
 *	(9)  U_i <= card up; (10) D_i <= card down; (11) min(U_i, D_i) <= half of within:
 *	     the same, were all traffic to go one way; a plan that meets them is safe even
 *	     when the peers' connections are far from random
 *
 * Rates are bytes a second, wall or virtual, as long as all are the same.
 */
#ifndef LENTO_CAPACITY_H
#define LENTO_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct capacity_host {
	uint32_t peers;                  /* m_i */
	double up, down;                 /* U_i, D_i: sums over its peers */
	double card_up, card_down;       /* C^ul_i, C^dl_i; INFINITY for a single host */
	double within;                   /* L_i: what passes inside the host, counted twice a byte */
};

/* The largest peer count for a rate on one host of 500 MB/s: y = 560 / x, with x in MB/s;
 * the paper's fit (Fig. 5), kept for comparison. */
#define CAPACITY_PAPER_FIT 560.0
double capacity_paper_peers(double rate_mbytes);

enum capacity_rule { CAPACITY_DOWN = 6, CAPACITY_UP, CAPACITY_WITHIN, CAPACITY_ALL_UP,
		     CAPACITY_ALL_DOWN, CAPACITY_ALL_WITHIN, CAPACITY_RULES_END };

/* One rule at one host: it holds while load <= room. */
struct capacity_load {
	enum capacity_rule rule;
	double load, room;
};

/* P_ij of equation (3). */
double capacity_share(const struct capacity_host *hosts, size_t n, size_t i, size_t j);
/* T_ij of equation (4). */
double capacity_traffic(const struct capacity_host *hosts, size_t n, size_t i, size_t j);
/* Rule @rule at host @i. */
struct capacity_load capacity_judge(const struct capacity_host *hosts, size_t n, size_t i,
				    enum capacity_rule rule);

/*
 * The fullest of rules (6) to (8) over all hosts: what binds first; *host is where.  Load divided by
 * room is how many times too small the hosts are; a time dilation by as much makes them do.
 */
struct capacity_load capacity_binding(const struct capacity_host *hosts, size_t n, size_t *host);

#endif
