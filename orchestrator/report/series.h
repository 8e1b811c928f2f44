/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * series - one experiment run several times, each with a seed of its own derived from one.
 *
 * A directory: series.json, and in it a directory for each replica that has run, as a single run
 * makes it.  series.json is written before the first replica and after each, so that a
 * series which was interrupted knows what is left to do.
 */
#ifndef LENTO_SERIES_H
#define LENTO_SERIES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "report/result.h"

#define SERIES_FILE "series.json"
#define SERIES_SCHEMA_VERSION 1

struct replica {
	uint64_t seed;
	char *dir;                /* below that of the series; NULL: it has not run */
	int exit_status;
};

struct series {
	char *dir;
	char *name;               /* of the experiment */
	char *experiment;         /* its file, absolute */
	char *digest;             /* SHA-256 of that file, in hex */
	char **options;           /* of "lento run", as given, for each replica; NULL-terminated */
	struct replica *replicas;
	size_t count;
};

/* The seed of replica @k: the first has that of the experiment itself. */
uint64_t series_seed(uint64_t seed, size_t k);

/* A new one of @count replicas in a directory of its own below @root.  @options are copied. */
int series_create(const char *root, const struct experiment *exp, char *const *options,
		  struct series **series, struct err *err);
int series_load(const char *dir, struct series **series, struct err *err);
/* ERR_USAGE when the experiment's file is not what it was: its replicas would not be replicas. */
int series_check_file(const struct series *series, struct err *err);
/* NULL is fine. */
void series_destroy(struct series *series);

/*
 * Write series.json: what has run, and for each group and figure the values of the replicas, their
 * mean, median, standard deviation and 95 % intervals (stats.h).
 */
int series_save(const struct series *series, struct err *err);

/* The table of a series; returns the exit status that it stands for, or -1. */
int series_print(const struct series *series, FILE *out, struct err *err);

#endif
