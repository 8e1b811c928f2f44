// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_record - what a run remembers of itself: its phases, its first failure, its
 * log; and what it says to the user on the way.
 */
#include <stdarg.h>
#include <stdio.h>

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
