/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_series - the replicas of an experiment, one after the other, each in a process of its own.
 */
#ifndef LENTO_RUN_SERIES_H
#define LENTO_RUN_SERIES_H

#include "base/err.h"
#include "topo/experiment.h"

/*
 * Run @exp exp->replicas times.  @options are those of "lento run" that each replica gets.  The series
 * lies below @root, and root/latest points to it.  0 and *status, or -1.
 */
int run_series(const struct experiment *exp, char *const *options, const char *root, int *status,
	       struct err *err);

/* Go on with the series in @dir: those replicas that have not run, or were interrupted. */
int run_series_resume(const char *dir, int *status, struct err *err);

#endif
