// SPDX-License-Identifier: LGPL-2.1-or-later
/* timedil run: a program, and all that it starts, on a clock of its own. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launcher.h"
#include "timedil/kick.h"

struct options {
	struct tdf tdf;
	bool tdf_given, paused, trap;
	bool date_given;
	int64_t date_ns;      /* virtual CLOCK_REALTIME at the start */
	int64_t pause_at_vns; /* after the start; 0 = never */
	const char *share;
	char **command;
};

/* "@1700000000", or a calendar date with or without time; local unless it ends in Z. */
static int parse_date(const char *text, int64_t *ns, struct fault *fault)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
					     "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
	char *end;

	if (*text == '@') {
		double s = strtod(text + 1, &end);

		if (end != text + 1 && *end == '\0' && s >= 0 && s < 9e9) {
			*ns = (int64_t)(s * 1e9);
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };

		end = strptime(text, forms[i], &tm);
		if (end && (*end == '\0' || strcmp(end, "Z") == 0)) {
			*ns = (*end ? timegm(&tm) : mktime(&tm)) * NS_PER_S;
			return 0;
		}
	}
	return fault_set(fault, EXIT_USAGE,
			 "'%s' is no date: 2026-11-22, '2026-11-22 14:30', 2026-11-22T14:30:00Z, "
			 "@1700000000",
			 text);
}

/* A virtual duration with its unit. */
static int parse_duration(const char *text, int64_t *ns, struct fault *fault)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 6e10 }, { "h", 3.6e12 } };
	char *end;
	double n = strtod(text, &end);

	for (size_t i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) == 0 && n > 0 && n * units[i].ns < 9e18) {
			*ns = (int64_t)(n * units[i].ns);
			return 0;
		}
	}
	return fault_set(fault, EXIT_USAGE, "'%s' is no duration: a number and us, ms, s, min or h",
			 text);
}

static int parse_option(int c, struct options *opt, struct fault *fault)
{
	switch (c) {
	case 't':
		if (tdf_parse(optarg, &opt->tdf) != 0) {
			return fault_set(fault, EXIT_USAGE,
					 "'%s' is no factor: a number or a ratio (10, 0.2, 1/8) from "
					 "0.001 to 1000",
					 optarg);
		}
		opt->tdf_given = true;
		return 0;
	case 's':
		opt->share = optarg;
		return 0;
	case 'p':
		opt->paused = true;
		return 0;
	case 'T':
		opt->trap = true;
		return 0;
	case 'd':
		opt->date_given = true;
		return parse_date(optarg, &opt->date_ns, fault);
	default:
		return parse_duration(optarg, &opt->pause_at_vns, fault);
	}
}

static int parse(int argc, char **argv, struct options *opt, struct fault *fault)
{
	static const struct option longs[] = {
		{ "tdf", required_argument, NULL, 't' },
		{ "share", required_argument, NULL, 's' },
		{ "paused", no_argument, NULL, 'p' },
		{ "trap", no_argument, NULL, 'T' },
		{ "date", required_argument, NULL, 'd' },
		{ "pause-at", required_argument, NULL, 'P' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opt->tdf = (struct tdf){ 1, 1 };
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:t:s:", longs, NULL)) != -1) {
		if (c == ':') {
			return fault_set(fault, EXIT_USAGE, "%s needs a value", argv[optind - 1]);
		}
		if (c == '?') {
			return fault_set(fault, EXIT_USAGE, "unknown option %s; see timedil --help",
					 argv[optind - 1]);
		}
		if (parse_option(c, opt, fault) != 0) {
			return -1;
		}
	}
	opt->command = argv + optind;
	if (!*opt->command) {
		return fault_set(fault, EXIT_USAGE, "no command given; see timedil --help");
	}
	if (!opt->tdf_given && !opt->share && !opt->date_given) {
		return fault_set(fault, EXIT_USAGE, "--tdf FACTOR is missing");
	}
	return 0;
}

/* AddressSanitizer's library refuses to come second, though nothing of ours runs before
 * it that it would have to see. */
static int allow_asan(void)
{
	static const char order[] = "verify_asan_link_order=0";
	const char *theirs = getenv("ASAN_OPTIONS");
	char *both = NULL;
	int ret;

	if (asprintf(&both, "%s%s%s", order, theirs ? ":" : "", theirs ? theirs : "") < 0) {
		return -1;
	}
	ret = setenv("ASAN_OPTIONS", both, 1);
	free(both);
	return ret;
}

/* Ours first: a library of the user's may stand in for libc, and calls it in turn. */
static int set_environment(const char *shim, const char *page)
{
	const char *theirs = getenv("LD_PRELOAD");
	char *both = NULL;
	int ret;

	if (asprintf(&both, "%s%s%s", shim, theirs && *theirs ? ":" : "", theirs ? theirs : "") < 0) {
		return -1;
	}
	ret = setenv("LD_PRELOAD", both, 1) == 0 && setenv(TIMEDIL_PAGE_ENV, page, 1) == 0 &&
			      setenv(TIMEDIL_FILES_ENV, "", 0) == 0 && allow_asan() == 0 ?
		      0 :
		      -1;
	free(both);
	return ret;
}

/* --- attending to the command ---------------------------------------------------------- */

/*
 * What we are told while the command runs.  A terminal's ^C reaches it by itself; what is
 * sent to us alone is passed on.  A kick says that somebody has changed the clock.
 */
static const int heard[] = { SIGCHLD, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT,
			     TIMEDIL_KICK_SIGNAL };

static sigset_t heard_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++) {
		sigaddset(&set, heard[i]);
	}
	return set;
}

struct command {
	pid_t pid;
	const char *path;
	char **argv;
	const struct plan *plan;
	const char *trap;    /* NULL: the program can be executed as it is */
	struct clockfile *clock;
	int64_t pause_at_ns; /* virtual CLOCK_MONOTONIC; 0 = never */
};

/* Wall time until the clock is to be paused, at most an hour; then look again. */
static struct timespec time_to_pause(const struct command *cmd)
{
	const int64_t longest = 3600 * NS_PER_S;
	int64_t left = longest;
	struct vclock clk;

	if (cmd->pause_at_ns) {
		vtime_load(cmd->clock->page, &clk);
		left = vtime_to_wall(&clk, (virt_t){ cmd->pause_at_ns }).ns - wall_now().ns;
	}
	left = left < 0 ? 0 : left > longest ? longest : left;
	return (struct timespec){ left / NS_PER_S, left % NS_PER_S };
}

static void pause_if_due(struct command *cmd)
{
	if (cmd->pause_at_ns && vtime_now(cmd->clock->page).ns >= cmd->pause_at_ns) {
		vpage_pause(cmd->clock->page, wall_now());
		kick_mappers(cmd->clock->path);
		cmd->pause_at_ns = 0;
	}
}

static int attend(struct command *cmd)
{
	sigset_t set = heard_set();
	int status;

	for (;;) {
		struct timespec timeout = time_to_pause(cmd);
		int sig = sigtimedwait(&set, NULL, &timeout);

		if (waitpid(cmd->pid, &status, WNOHANG) == cmd->pid) {
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
		pause_if_due(cmd);
		if (sig == SIGTERM || sig == SIGHUP || sig == SIGUSR1 || sig == SIGUSR2) {
			kill(cmd->pid, sig);
		}
	}
}

static void execute(const struct command *cmd)
{
	if (cmd->trap) {
		const char *words[plan_count(cmd->plan, cmd->argv)];

		plan_words(cmd->plan, cmd->trap, "-", cmd->clock->path, cmd->argv, words);
		execv(cmd->trap, (char *const *)words);
		return;
	}
	execv(cmd->path, cmd->argv);
	if (errno == ENOEXEC) {
		execvp(cmd->path, cmd->argv); /* a script without #! */
	}
}

static int run_command(struct command *cmd, struct fault *fault)
{
	sigset_t set = heard_set(), before;

	sigprocmask(SIG_BLOCK, &set, &before);
	cmd->pid = fork();
	if (cmd->pid < 0) {
		return fault_set(fault, EXIT_TIMEDIL, "fork: %s", strerror(errno));
	}
	if (cmd->pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		execute(cmd);
		fprintf(stderr, "timedil: %s: %s\n", cmd->path, strerror(errno));
		_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE);
	}
	return attend(cmd);
}

static void start_clock(const struct options *opt, struct timedil_page *page)
{
	if (opt->date_given) {
		vpage_set_date(page, opt->date_ns);
	}
	if (!opt->paused) {
		vpage_run(page, wall_now());
	}
	vpage_mark_origin(page, wall_now());
}

static int run_on_clock(const struct options *opt, struct command *cmd, const char *shim,
			struct fault *fault)
{
	struct clockfile *clock = cmd->clock;
	bool joined;
	int status;

	if (clockfile_open(clock, opt->share, opt->tdf, &joined, fault) != 0) {
		return -1;
	}
	if (joined && opt->tdf_given &&
	    (clock->page->tdf_num != opt->tdf.num || clock->page->tdf_den != opt->tdf.den)) {
		status = fault_set(fault, EXIT_USAGE,
				   "clock '%s' already runs at another factor; leave out --tdf to join "
				   "it, or use timedil set",
				   opt->share);
	} else if (set_environment(shim, clock->path) != 0) {
		status = fault_set(fault, EXIT_TIMEDIL, "out of memory");
	} else {
		if (!joined) {
			start_clock(opt, clock->page);
		}
		if (opt->pause_at_vns) {
			cmd->pause_at_ns = clock->page->origin_virt_ns + opt->pause_at_vns;
		}
		status = run_command(cmd, fault);
	}
	clockfile_close(clock);
	return status;
}

int cmd_run(int argc, char **argv, struct fault *fault)
{
	struct options opt = { .command = argv + argc };
	char *path = NULL, *shim = NULL, *trap = NULL;
	struct clockfile clock;
	struct plan plan;
	int status = -1;

	if (parse(argc, argv, &opt, fault) != 0) {
		return -1;
	}
	if (target_find(opt.command[0], &path, &plan, fault) == 0 &&
	    part_find("libtimedil.so", &shim, fault) == 0 &&
	    (!(opt.trap || plan.kind == PLAN_TRAP) || part_find(PLAN_TRAP_NAME, &trap, fault) == 0)) {
		struct command cmd = { .path = path, .argv = opt.command, .plan = &plan, .trap = trap,
				       .clock = &clock };

		status = run_on_clock(&opt, &cmd, shim, fault);
	}
	free(path);
	free(shim);
	free(trap);
	return status;
}
