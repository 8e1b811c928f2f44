// SPDX-License-Identifier: GPL-2.0-or-later
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clean.h"
#include "run_private.h"

static const char *const phase_names[PHASE_COUNT] = {
	"check", "prepare", "calibrate", "start", "run", "stop", "collect",
};

void run_phase(struct run *run, int phase)
{
	int64_t now = wall_now().ns - run->begun.ns;
	struct phase_result *p;

	if (run->res.phase_count) {
		run->res.phases[run->res.phase_count - 1].end_wns = now;
	}
	run->phase = phase;
	if (phase == PHASE_COUNT) {
		return;
	}
	p = &run->res.phases[run->res.phase_count++];
	*p = (struct phase_result) { .name = phase_names[phase], .begin_wns = now, .end_wns = -1 };
	run_log(run, "phase %s", phase_names[phase]);
}

void run_fail(struct run *run, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (run->res.failure_kind != ERR_NONE) {
		return;
	}
	run->res.failure_kind = kind;
	va_start(ap, fmt);
	vsnprintf(run->res.failure, sizeof(run->res.failure), fmt, ap);
	va_end(ap);
	run_log(run, "failed: %s", run->res.failure);
}

void run_say(const struct run *run, const char *fmt, ...)
{
	va_list ap;

	if (run->opt->quiet) {
		return;
	}
	progress_end();
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void run_log(const struct run *run, const char *fmt, ...)
{
	CLEAN_FREE char *path = NULL;
	CLEAN_FCLOSE FILE *f = NULL;
	va_list ap;

	if (!run->results_dir) {
		return;
	}
	path = str_format("%s/lento.log", run->results_dir);
	f = fopen(path, "ae");
	if (!f) {
		return; /* a full disk must not end the run; the verdict counts the logs */
	}
	fprintf(f, "wall %.6f virtual %.6f ", (double)(wall_now().ns - run->begun.ns) / 1e9,
		run->clock ? (double)clockctl_elapsed(run->clock) / 1e9 : 0.0);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputc('\n', f);
}

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
		.epoll_fd = -1, .signal_fd = -1, .stop_rule_at = -1,
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
