/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare - runs or series side by side: how long their leechers took, how evenly they were
 * served, and whether what differs is more than chance.
 *
 * The first set is what the others are held against.  Samples are the completion times of all
 * leechers of a set, replicas together; peers of one swarm depend on each other, so with a single run a
 * side p says how unlike the two swarms were, not what a repetition would show.
 */
#ifndef LENTO_COMPARE_H
#define LENTO_COMPARE_H

#include <stdio.h>

#include "base/err.h"
#include "report/runset.h"
#include "report/stats.h"

struct compared {
	const char *label, *name;
	enum verdict verdict;
	size_t runs, leechers;
	struct stats_summary time;       /* completion, virtual s; n: those that completed */
	struct stats_range median_ci;    /* bootstrap over peers; over replicas' medians from 3 on */
	double jain;                     /* of the leechers' goodput, mean over the runs */
	double share_ratio;              /* median over leechers: IP bytes sent / payload bytes held */
	/* Against the first set; NAN for that itself. */
	double median_change;            /* share: 0.1 is 10 % longer */
	double ks;
	struct stats_mann_whitney test;  /* delta > 0: takes longer than the first */
};

/* @group: only its leechers, or NULL.  Strings in @out point into @set. */
void compare_sets(const struct runset *sets, size_t count, const char *group, struct compared *out);

void compare_print(const struct compared *c, size_t count, FILE *out);
/* {"schema": "lento-comparison", ...} */
int compare_print_json(const struct compared *c, size_t count, const char *group, FILE *out);
void compare_print_csv(const struct compared *c, size_t count, FILE *out);

#endif
