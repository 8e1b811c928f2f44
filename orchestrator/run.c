// SPDX-License-Identifier: GPL-2.0-or-later
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clean.h"
#include "run_private.h"

static int check_host(struct run *run, struct err *err)
{
	struct hostcheck_query query = { .exp = run->exp, .root = "", .dir = "/" };

	if (run->opt->backend == BACKEND_NULL) {
		return 0;
	}
	hostcheck_run(&query, &run->check);
	return run->opt->fix ? 0 : hostcheck_error(&run->check, err);
}

static int run_phases(struct run *run, struct err *err)
{
	run_phase(run, PHASE_CHECK);
	if (check_host(run, err)) {
		return -1;
	}
	run_phase(run, PHASE_PREPARE);
	if (run_prepare(run, err)) {
		return -1;
	}
	if (run->opt->calibrate && run->wire) {
		run_phase(run, PHASE_CALIBRATE);
		if (run_calibrate(run, err)) {
			return -1;
		}
	}
	if (manifest_write(run, err)) {
		return -1;
	}
	if (run_capture(run, err)) {
		return -1;
	}
	run_phase(run, PHASE_START);
	if (run_start(run, err)) {
		return -1;
	}
	run_phase(run, PHASE_RUN);
	return run_loop(run, err);
}

/* A run that never got to its peers has nothing to tell. */
static void discard_results(const struct run *run)
{
	CLEAN_FREE char *latest = str_format("%s/latest", run->opt->results_root);

	fs_remove_tree(run->results_dir, NULL);
	if (access(latest, F_OK) != 0) {
		unlink(latest);
	}
}

static unsigned terminal_width(void)
{
	struct winsize ws;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40 ? ws.ws_col : 80;
}

int run_experiment(const struct experiment *exp, const struct run_options *opt,
		   int *status, struct err *err)
{
	struct run run = {
		.exp = exp, .opt = opt, .begun = wall_now(),
		.epoll_fd = -1, .signal_fd = -1, .host_netns = -1, .stop_rule_at = -1,
		.res = { .exp = exp },
	};
	struct err why = { 0 };
	bool have_result;

	if (run_phases(&run, &why) && !run.res.interrupted) {
		run_fail(&run, why.kind, "%s", why.msg);
	}
	progress_end();
	have_result = run.results_dir && run.res.peers && run.clock;
	if (have_result) {
		run_phase(&run, PHASE_STOP);
		run_stop(&run);
		run_phase(&run, PHASE_COLLECT);
		run_collect(&run);
		*status = result_exit_status(&run.res);
		result_print(&run.res, stdout, isatty(STDOUT_FILENO), terminal_width());
		fflush(stdout);
	}
	if (!have_result && run.results_dir) {
		discard_results(&run);
	}
	run_teardown(&run);
	if (!have_result) {
		return err_set(err, why.kind ? why.kind : ERR_FAILED, "%s",
			       why.msg[0] ? why.msg : "interrupted");
	}
	return 0;
}
