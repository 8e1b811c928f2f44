// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lento destroy - end runs and remove what is left of them.
 *
 * A run that is alive is asked to end by itself first, so that its results are
 * written.  What is dead, or does not obey, is cleaned up from outside: its helper
 * processes, everything in its cgroups, the cgroups, the directory.  Mounts and network
 * devices are in namespaces of the run's own and go with its last process.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "cmd.h"
#include "hostcheck.h"
#include "rt/rt.h"
#include "state.h"
#include "timedil/vtime.h"

#define ASK_LIMIT_NS (30 * NS_PER_S)
#define KILL_LIMIT_NS (20 * NS_PER_S)

static bool wait_gone(const struct state *state, struct proc_id proc, int64_t limit_wns)
{
	wall_t end = { wall_now().ns + limit_wns };

	while (state_alive(state, proc)) {
		if (wall_now().ns > end.ns) {
			return false;
		}
		usleep(20000);
	}
	return true;
}

static void kill_proc(const struct state *state, struct proc_id proc)
{
	if (state_alive(state, proc)) {
		kill(proc.pid, SIGKILL);
		wait_gone(state, proc, KILL_LIMIT_NS);
	}
}

/* 1 when the run ended by itself and left nothing. */
static int ask_to_end(const struct state *state)
{
	if (!state_alive(state, state->lento)) {
		return 0;
	}
	printf("%s: asked to end\n", state->id);
	fflush(stdout);
	kill(state->lento.pid, SIGCONT);
	kill(state->lento.pid, SIGTERM);
	if (!wait_gone(state, state->lento, ASK_LIMIT_NS)) {
		printf("%s: does not answer; killing it\n", state->id);
		kill_proc(state, state->lento);
	}
	return access(state->dir, F_OK) != 0;
}

/* A run killed in mid-run has no results.json: say so where one would look for it. */
static void leave_word(const struct state *state)
{
	CLEAN_FREE char *json = NULL;
	CLEAN_FREE char *log = NULL;
	CLEAN_FCLOSE FILE *f = NULL;

	if (!state->results_dir) {
		return;
	}
	json = str_format("%s/results.json", state->results_dir);
	log = str_format("%s/lento.log", state->results_dir);
	if (access(json, F_OK) != 0 && access(state->results_dir, F_OK) == 0) {
		f = fopen(log, "ae");
		if (f) {
			fprintf(f, "the run was killed before it could write its results\n");
		}
	}
}

static int destroy(const char *id, struct err *err)
{
	CLEAN_FREE char *ns = NULL;
	CLEAN_FREE char *fix = NULL;
	struct state *state;
	unsigned killed = 0;
	int rc;

	if (state_load(id, &state, err)) {
		return -1;
	}
	if (ask_to_end(state)) {
		printf("%s: ended\n", state->id);
		state_free(state);
		return 0;
	}
	/* What hangs in the store can die only when that has; and the devices of containers
	 * that are gone take lento-wire no time to close. */
	kill_proc(state, state->store);
	rc = rt_purge(state->id, &killed, err);
	kill_proc(state, state->wire);
	if (rc) {
		state_free(state);
		return err_wrap(err, "run %s", id);
	}
	fix = str_format("%s/hostfix.json", state->dir);
	if (access(fix, F_OK) == 0 && hostcheck_fix_restore(fix, err)) {
		state_free(state);
		return err_wrap(err, "run %s", id);
	}
	/* Only where the run's own mount namespace was lost is this mounted here. */
	ns = str_format("%s/ns", state->dir);
	umount2(ns, MNT_DETACH);
	leave_word(state);
	printf("%s: removed (%u processes of its containers ended)\n", state->id, killed);
	return state_remove(state, err);
}

static int destroy_all(struct err *err)
{
	struct err first = { 0 }, one = { 0 };
	char **ids;

	if (state_list(&ids, err)) {
		return -1;
	}
	if (!ids[0]) {
		puts("no run on this host");
	}
	for (char **id = ids; *id; id++) {
		if (destroy(*id, &one) && first.kind == ERR_NONE) {
			first = one;
		}
	}
	state_free_list(ids);
	if (first.kind != ERR_NONE) {
		*err = first;
		return -1;
	}
	return 0;
}

int cmd_destroy(int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
	struct state *state;
	bool all = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c != 'a') {
			return cmd_usage("destroy", err, "unknown option \"%s\"", argv[optind - 1]);
		}
		all = true;
	}
	if (all ? optind != argc : optind == argc) {
		return cmd_usage("destroy", err, all ? "--all takes no name" : "name a run, or --all");
	}
	if (all) {
		return destroy_all(err);
	}
	for (; optind < argc; optind++) {
		CLEAN_FREE char *id = NULL;

		if (state_find(argv[optind], &state, err)) {
			return -1;
		}
		id = str_format("%s", state->id);
		state_free(state);
		if (destroy(id, err)) {
			return -1;
		}
	}
	return 0;
}
