/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state - what a run has created, written down before it is created.
 *
 * Each run has a directory of its own, <root>/<run id>/, where <root> is
 * $LENTO_STATE or /var/lib/lento.  It holds state.json, the control socket, the
 * payload, the peers' private data and the mount points of the run's own mount
 * namespace.  The directory is the first thing a run makes and the last that
 * goes: whatever finds one knows what to clean up, after a kill -9 or a reboot.
 *
 * A process is named by its pid, its start time and the boot it belongs to, so
 * that a pid used again is never taken for ours.
 */
#ifndef LENTO_STATE_H
#define LENTO_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct proc_id {
	pid_t pid;                /* 0 = none */
	uint64_t start_ticks;     /* field 22 of /proc/PID/stat */
};

struct state {
	char *id;                 /* name of the run: [a-z0-9-] */
	char *dir;
	char *results_dir;        /* absolute; NULL until it is known */
	char *experiment;         /* path as the user gave it */
	char boot_id[40];
	struct proc_id lento, wire, store;
	char started_at[32];      /* wall, ISO 8601, UTC */
};

/* The directory that holds all runs; a static text. */
const char *state_root(void);

/*
 * Make the directory of a new run called <name>-<seed>-<UTC start>, with "-2", "-3", ...
 * behind it where that exists or has results below @results_root (NULL: there are none) - two
 * runs may begin in one second - and write its first state.json.
 */
int state_create(const char *name, uint64_t seed, const char *experiment, const char *results_root,
		 struct state **state, struct err *err);
/* Write state.json anew after a member has changed. */
int state_save(const struct state *state, struct err *err);
/* Read the run called @id. */
int state_load(const char *id, struct state **state, struct err *err);
/* Remove the directory, with all it holds, and free; NULL is fine. */
int state_remove(struct state *state, struct err *err);
/* Free only. */
void state_free(struct state *state);

/* The ids of all runs, NULL-terminated, oldest first; free with state_free_list(). */
int state_list(char ***ids, struct err *err);
void state_free_list(char **ids);

/*
 * The run that the user means: @id, or a unique beginning of it, or with NULL
 * the only one there is.  ERR_USAGE, naming the choices, where that is not one.
 */
int state_find(const char *id, struct state **state, struct err *err);

struct proc_id proc_id_of(pid_t pid);
/* Whether that very process is still there (in this boot). */
bool state_alive(const struct state *state, struct proc_id proc);

#endif
