/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostcheck - can this host run it?  A table of checks (hostcheck.c), each with
 * what was found, what is needed, and the command that mends it; and the mending
 * itself for what is a number in /proc/sys or a limit of this process.
 */
#ifndef LENTO_HOSTCHECK_H
#define LENTO_HOSTCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "topo/experiment.h"

enum check_level {
	CHECK_OK,
	CHECK_WARN, /* runs, but some peers or figures may suffer */
	CHECK_FAIL, /* does not run */
};

struct hostcheck_query {
	uint32_t peers;               /* to size for; 0: those of `exp` */
	const struct experiment *exp; /* NULL: only what every run needs */
	const char *root;             /* put before /proc, /dev, /sys, /usr; "" for this host */
	const char *dir;              /* where state and results will lie, for free space */
};

#define HOSTCHECK_NO_RLIMIT (-1)

struct hostcheck_item {
	const char *name;
	const char *purpose;
	enum check_level level;
	char found[160];
	char needed[96];   /* "" where `found` says it all */
	char mend[256];    /* a shell command, or a sentence; "" when there is nothing to mend */
	/* What hostcheck_fix_apply() would set: a file with one number, or a limit. */
	char knob[160];    /* "" = none */
	int rlimit;        /* RLIMIT_*, or HOSTCHECK_NO_RLIMIT */
	uint64_t need;     /* smallest value that is enough */
};

#define HOSTCHECK_ITEMS_MAX 48

struct hostcheck_report {
	struct hostcheck_item items[HOSTCHECK_ITEMS_MAX];
	size_t count;
	uint32_t peers;
	enum check_level worst;
};

/* Make every check; returns the worst level.  Changes nothing on the host. */
enum check_level hostcheck_run(const struct hostcheck_query *query, struct hostcheck_report *report);

/* A line for each check (with !@all only for those that are not ok), and a closing one. */
void hostcheck_print(const struct hostcheck_report *report, FILE *out, bool colour, bool all);

/* The failed checks in one line, as the message of an ERR_HOST; -1, or 0 when none failed. */
int hostcheck_error(const struct hostcheck_report *report, struct err *err);

/*
 * Set what the report found too small, as far as it is a knob or a limit of this
 * process (inherited by what it starts).  The old value of each knob is in the JSON
 * file @path before the knob is changed, so hostcheck_fix_restore() puts it back
 * even after this process was killed.  A record already at @path is kept up.
 *
 * Runs share the knobs.  Records lie as <root>/<run>/<file>; a run whose need is met
 * only because another has raised a knob writes that down too, and a run that ends
 * hands the original value on to those that still need the raised one.
 */
int hostcheck_fix_apply(const struct hostcheck_report *report, const char *path, struct err *err);

/*
 * Put back what the record at @path says, except where somebody else has changed
 * it since, and remove the record.  A missing record is fine.
 */
int hostcheck_fix_restore(const char *path, struct err *err);

#endif
