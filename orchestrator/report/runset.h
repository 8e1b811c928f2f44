/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runset - results of before, read back: one run, or the replicas of a series.
 *
 * Where a figure is wanted of several runs, it comes from here, so that a run that has just
 * ended, one of last year and one of another host are read alike.
 */
#ifndef LENTO_RUNSET_H
#define LENTO_RUNSET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "report/result.h"

struct past_peer {
	char *name, *group;
	enum peer_role role;
	double complete_s;        /* virtual, from its own start; NAN: it did not get there */
	double up_bytes;          /* IP bytes that it sent */
	double payload_bytes;     /* that it held at the end */
	double goodput_bps;       /* payload bits a virtual second until complete, or to its end; NAN */
};

struct past_run {
	char *path;               /* of its results.json */
	char *name;               /* of the experiment */
	uint64_t seed;
	enum verdict verdict;
	int exit_status;
	bool interrupted;
	double virt_s, wall_s;
	struct past_peer *peers;
	size_t peer_count;
};

struct runset {
	char *label;              /* the path as it was given */
	struct past_run *runs;    /* at least one */
	size_t run_count;
};

/* @path: a results.json, the directory of one, or that of a series. */
int runset_load(const char *path, struct runset *set, struct err *err);
/* Members only; a zeroed set is fine. */
void runset_clear(struct runset *set);

/* One results.json; the caller clears it. */
int past_run_load(const char *path, struct past_run *run, struct err *err);
void past_run_clear(struct past_run *run);

/* The worst verdict of its runs. */
enum verdict runset_verdict(const struct runset *set);

/*
 * Completion times in virtual seconds of the leechers of all its runs (of @group alone unless
 * NULL) that got there; the caller frees the array of *n.
 */
double *runset_completions(const struct runset *set, const char *group, size_t *n);
/* How many leechers there were, complete or not. */
size_t runset_leechers(const struct runset *set, const char *group);

#endif
