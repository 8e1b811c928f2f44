/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run - one experiment from its file to its result.
 *
 * Phases, in order:
 *	check      is this host fit?
 *	prepare    results and run directory, private namespaces, payload, store,
 *	           link emulator, one container per peer, each waiting at its gate
 *	calibrate  rates and round-trip times measured against what was asked
 *	start      trackers, then seeds due at once; the run's time 0 is when they are up
 *	run        peers start as scheduled, events happen, until the stop rule holds
 *	stop       SIGTERM, a grace time, SIGKILL
 *	collect    files verified, counters read, results written
 *
 * Whatever happens, what was made is unmade, and a run that got as far as its
 * results directory leaves a results.json that says what happened.
 */
#ifndef LENTO_RUN_H
#define LENTO_RUN_H

#include <stdbool.h>

#include "base/err.h"
#include "topo/experiment.h"

enum run_backend {
	BACKEND_LXC,   /* containers, link emulator, store */
	BACKEND_NULL,  /* plain processes, the host's own network: for tests of lento */
};

struct run_options {
	const char *results_root;  /* runs land below it */
	enum run_backend backend;
	bool calibrate;
	bool fix;                  /* raise limits of the host for the run */
	bool quiet;                /* no progress */
	int argc;                  /* command line, for the manifest */
	char **argv;
};

/*
 * Who asks for a look, or presses ^C, shall not wait behind some hundred clients that want the
 * CPUs: the nice value of a run while its peers live, and of the commands that speak to it.
 */
#define PROMPT_NICE (-10)

/*
 * Run @exp and print its summary on stdout.  0 and *status = the exit status that
 * the result stands for; -1 when there is no result at all (nothing is left then).
 */
int run_experiment(const struct experiment *exp, const struct run_options *opt,
		   int *status, struct err *err);

#endif
