// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_check - "lento check": can this host run it, and what mends what it lacks.
 *
 * With --fix, knobs stay raised until "lento check --restore", or a reboot: they are no
 * part of any run.  Their record lies in a directory of its own beside the runs'; the
 * dot keeps it from being taken for one.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "cmd.h"
#include "hostcheck.h"
#include "paths.h"
#include "state.h"

#define RECORD_DIR ".check"
#define PEERS_MAX 100000
#define PEERS_DEFAULT 100

struct check_args {
	uint32_t peers;
	bool fix, restore;
	const char *file;
};

static int parse_peers(const char *text, uint32_t *peers, struct err *err)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > PEERS_MAX) {
		return cmd_usage("check", err, "--peers is a number from 1 to %d, not \"%s\"", PEERS_MAX,
				 text);
	}
	*peers = (uint32_t)n;
	return 0;
}

static int parse(int argc, char **argv, struct check_args *a, struct err *err)
{
	static const struct option options[] = {
		{ "peers", required_argument, NULL, 'p' },
		{ "fix", no_argument, NULL, 'f' },
		{ "restore", no_argument, NULL, 'r' },
		{ 0 },
	};
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		switch (c) {
		case 'p':
			if (parse_peers(optarg, &a->peers, err)) {
				return -1;
			}
			break;
		case 'f':
			a->fix = true;
			break;
		case 'r':
			a->restore = true;
			break;
		case ':':
			return cmd_usage("check", err, "%s needs a value", argv[optind - 1]);
		default:
			return cmd_usage("check", err, "unknown option \"%s\"", argv[optind - 1]);
		}
	}
	if (optind + 1 < argc) {
		return cmd_usage("check", err, "at most one experiment file, %d given", argc - optind);
	}
	if (a->fix && a->restore) {
		return cmd_usage("check", err, "--fix and --restore exclude each other");
	}
	a->file = argv[optind];
	return 0;
}

static int fix(const struct hostcheck_report *report, const char *dir, const char *record,
	       struct err *err)
{
	return fs_mkdirs(dir, 0755, err) || hostcheck_fix_apply(report, record, err) ? -1 : 0;
}

static int check(const struct check_args *a, const struct experiment *exp, const char *dir,
		 const char *record, struct err *err)
{
	const struct hostcheck_query query = {
		.peers = a->peers || exp ? a->peers : PEERS_DEFAULT, .exp = exp, .root = "", .dir = ".",
	};
	struct hostcheck_report report;
	enum check_level worst = hostcheck_run(&query, &report);

	if (a->fix) {
		if (fix(&report, dir, record, err)) {
			return -1;
		}
		worst = hostcheck_run(&query, &report);
	}
	hostcheck_print(&report, stdout, isatty(STDOUT_FILENO), true);
	return worst == CHECK_FAIL ? ERR_HOST : 0;
}

int cmd_check(int argc, char **argv, struct err *err)
{
	CLEAN_FREE char *dir = str_format("%s/%s", state_root(), RECORD_DIR);
	CLEAN_FREE char *record = str_format("%s/hostfix.json", dir);
	CLEAN_FREE char *images = NULL;
	struct check_args a = { 0 };
	struct experiment *exp = NULL;
	int status;

	if (parse(argc, argv, &a, err)) {
		return -1;
	}
	if (a.restore) {
		return hostcheck_fix_restore(record, err);
	}
	if (a.file && (paths_share("images", &images, err) ||
		       experiment_load(a.file, NULL, images, &exp, err))) {
		return -1;
	}
	status = check(&a, exp, dir, record, err);
	if (exp) {
		experiment_destroy(exp);
	}
	return status;
}
