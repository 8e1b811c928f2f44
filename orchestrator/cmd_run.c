// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "cmd.h"
#include "paths.h"
#include "plan/costs.h"
#include "plan/plan.h"
#include "run.h"
#include "run_series.h"

#define MAX_SETS 64
#define MAX_CAPTURES 64

struct run_args {
	struct run_options opt;
	const char *sets[MAX_SETS + 2]; /* with that of the captures */
	size_t set_count;
	const char *captures[MAX_CAPTURES];
	size_t capture_count;
	char *passed[2 * (MAX_SETS + MAX_CAPTURES) + 8]; /* options that each replica of a series gets, too */
	size_t passed_count;
	bool dry_run;
	const char *resume;
	const char *file;
};

static void pass(struct run_args *a, char *option, char *value)
{
	a->passed[a->passed_count++] = option;
	if (value) {
		a->passed[a->passed_count++] = value;
	}
}

static int parse(int argc, char **argv, struct run_args *a, struct err *err)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "set", required_argument, NULL, 's' },
		{ "results", required_argument, NULL, 'r' },
		{ "no-calibrate", no_argument, NULL, 'C' },
		{ "capture", required_argument, NULL, 'c' },
		{ "fix", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "backend", required_argument, NULL, 'b' },
		{ "resume", required_argument, NULL, 'R' },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		switch (c) {
		case 'n':
			a->dry_run = true;
			break;
		case 's':
			if (a->set_count == MAX_SETS) {
				return cmd_usage("run", err, "more than %d --set", MAX_SETS);
			}
			a->sets[a->set_count++] = optarg;
			pass(a, "--set", optarg);
			break;
		case 'r':
			a->opt.results_root = optarg;
			break;
		case 'C':
			a->opt.calibrate = false;
			pass(a, "--no-calibrate", NULL);
			break;
		case 'c':
			if (a->capture_count == MAX_CAPTURES) {
				return cmd_usage("run", err, "more than %d --capture", MAX_CAPTURES);
			}
			a->captures[a->capture_count++] = optarg;
			pass(a, "--capture", optarg);
			break;
		case 'f':
			a->opt.fix = true;
			pass(a, "--fix", NULL);
			break;
		case 'q':
			a->opt.quiet = true;
			pass(a, "--quiet", NULL);
			break;
		case 'R':
			a->resume = optarg;
			break;
		case 'b': /* "null" is for lento's own tests: no containers, no network */
			if (strcmp(optarg, "lxc") != 0 && strcmp(optarg, "null") != 0) {
				return cmd_usage("run", err, "--backend is lxc or null, not \"%s\"", optarg);
			}
			a->opt.backend = optarg[0] == 'n' ? BACKEND_NULL : BACKEND_LXC;
			pass(a, "--backend", optarg);
			break;
		case ':':
			return cmd_usage("run", err, "%s needs a value", argv[optind - 1]);
		default:
			return cmd_usage("run", err, "unknown option \"%s\"", argv[optind - 1]);
		}
	}
	if (a->resume) {
		return optind == argc && argc == 3 ? 0 :
		       cmd_usage("run", err, "--resume goes on with a series as it was begun: it takes its "
				 "directory and nothing else");
	}
	if (optind + 1 != argc) {
		return cmd_usage("run", err, "one experiment file is needed, %d given", argc - optind);
	}
	a->file = argv[optind];
	return 0;
}

/* The captures as one more --set; NULL: there are none.  The caller frees it. */
static char *capture_set(const struct run_args *a)
{
	char *set = a->capture_count ? str_format("capture.peers=[") : NULL;

	for (size_t i = 0; i < a->capture_count; i++) {
		char *longer = str_format("%s%s%s", set, i ? ", " : "", a->captures[i]);

		free(set);
		set = longer;
	}
	if (set) {
		char *whole = str_format("%s]", set);

		free(set);
		set = whole;
	}
	return set;
}

/* The factor to begin with is the host's matter, so it is not the file's. */
static void begin_with_plan(struct experiment *exp)
{
	CLEAN_FREE char *path = costs_path();
	struct host_costs *costs = NULL;

	if (exp->tdf_auto) {
		costs_load(path, &costs, NULL);
		exp->tdf = plan_start(exp, costs);
		costs_destroy(costs);
	}
}

int cmd_run(int argc, char **argv, struct err *err)
{
	struct run_args a = {
		.opt = { .results_root = "results", .calibrate = true, .argc = argc, .argv = argv },
	};
	CLEAN_FREE char *images = NULL;
	CLEAN_FREE char *capture = NULL;
	struct experiment *exp;
	int status = -1, rc;

	if (parse(argc, argv, &a, err)) {
		return -1;
	}
	if (a.resume) {
		return run_series_resume(a.resume, &status, err) ? -1 : status;
	}
	capture = capture_set(&a);
	a.sets[a.set_count] = capture;
	if (paths_share("images", &images, err) ||
	    experiment_load(a.file, a.sets, images, &exp, err)) {
		return -1;
	}
	begin_with_plan(exp);
	if (a.dry_run) {
		rc = experiment_print(exp, stdout) || fflush(stdout)
			? err_errno(err, ERR_FAILED, "standard output") : 0;
		status = 0;
	} else if (exp->replicas > 1) {
		rc = run_series(exp, a.passed, a.opt.results_root, &status, err);
	} else {
		rc = run_experiment(exp, &a.opt, &status, err);
	}
	experiment_destroy(exp);
	return rc ? -1 : status;
}
