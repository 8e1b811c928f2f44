// SPDX-License-Identifier: LGPL-2.1-or-later
/* timedil run: a program, and all that it starts, on a clock of its own. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher.h"

struct options {
	struct tdf tdf;
	bool tdf_given, paused;
	const char *share;
	char **command;
};

static int parse(int argc, char **argv, struct options *opt, struct fault *fault)
{
	static const struct option longs[] = {
		{ "tdf", required_argument, NULL, 't' },
		{ "share", required_argument, NULL, 's' },
		{ "paused", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opt->tdf = (struct tdf){ 1, 1 };
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:t:s:p", longs, NULL)) != -1) {
		switch (c) {
		case 't':
			if (tdf_parse(optarg, &opt->tdf) != 0) {
				return fault_set(fault, EXIT_USAGE,
						 "'%s' is no factor: a number or a ratio (10, 0.2, 1/8) "
						 "from 0.001 to 1000",
						 optarg);
			}
			opt->tdf_given = true;
			break;
		case 's':
			opt->share = optarg;
			break;
		case 'p':
			opt->paused = true;
			break;
		case ':':
			return fault_set(fault, EXIT_USAGE, "%s needs a value", argv[optind - 1]);
		default:
			return fault_set(fault, EXIT_USAGE, "unknown option %s; see timedil --help",
					 argv[optind - 1]);
		}
	}
	opt->command = argv + optind;
	if (!*opt->command) {
		return fault_set(fault, EXIT_USAGE, "no command given; see timedil --help");
	}
	if (!opt->tdf_given && !opt->share) {
		return fault_set(fault, EXIT_USAGE, "--tdf FACTOR is missing");
	}
	return 0;
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
			      setenv(TIMEDIL_FILES_ENV, "", 0) == 0 ?
		      0 :
		      -1;
	free(both);
	return ret;
}

static volatile sig_atomic_t child_pid;

static void forward(int sig)
{
	if (child_pid > 0) {
		kill(child_pid, sig);
	}
}

/* A terminal's ^C reaches the command by itself; what is sent to us alone is passed on. */
static void handle_signals(bool child)
{
	static const int passed_on[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	static const int ignored[] = { SIGINT, SIGQUIT };
	static struct sigaction before[6];
	struct sigaction act = { .sa_handler = forward, .sa_flags = SA_RESTART };
	unsigned k = 0;

	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++, k++) {
		sigaction(passed_on[i], child ? &before[k] : &act, child ? NULL : &before[k]);
	}
	act.sa_handler = SIG_IGN;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++, k++) {
		sigaction(ignored[i], child ? &before[k] : &act, child ? NULL : &before[k]);
	}
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return EXIT_TIMEDIL;
		}
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_command(const char *path, char **argv, struct fault *fault)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	handle_signals(false);
	pid = fork();
	if (pid == 0) {
		handle_signals(true);
		sigprocmask(SIG_SETMASK, &before, NULL);
		execv(path, argv);
		if (errno == ENOEXEC) {
			execvp(path, argv); /* a script without #! */
		}
		fprintf(stderr, "timedil: %s: %s\n", path, strerror(errno));
		_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE);
	}
	child_pid = pid;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		return fault_set(fault, EXIT_TIMEDIL, "fork: %s", strerror(errno));
	}
	return wait_for(pid);
}

static int run_on_clock(const struct options *opt, const char *path, const char *shim,
			struct fault *fault)
{
	struct clockfile clock;
	bool joined;
	int status;

	if (clockfile_open(&clock, opt->share, opt->tdf, &joined, fault) != 0) {
		return -1;
	}
	if (joined && opt->tdf_given &&
	    (clock.page->tdf_num != opt->tdf.num || clock.page->tdf_den != opt->tdf.den)) {
		status = fault_set(fault, EXIT_USAGE,
				   "clock '%s' already runs at another factor; leave out --tdf to join "
				   "it, or use timedil set",
				   opt->share);
	} else if (set_environment(shim, clock.path) != 0) {
		status = fault_set(fault, EXIT_TIMEDIL, "out of memory");
	} else {
		if (!joined && !opt->paused) {
			vpage_run(clock.page, wall_now());
		}
		if (!joined) {
			vpage_mark_origin(clock.page, wall_now());
		}
		status = run_command(path, opt->command, fault);
	}
	clockfile_close(&clock);
	return status;
}

int cmd_run(int argc, char **argv, struct fault *fault)
{
	struct options opt = { .share = NULL };
	char *path = NULL, *shim = NULL;
	int status = -1;

	if (parse(argc, argv, &opt, fault) != 0) {
		return -1;
	}
	if (target_find(opt.command[0], &path, fault) == 0 && shim_find(&shim, fault) == 0) {
		status = run_on_clock(&opt, path, shim, fault);
	}
	free(path);
	free(shim);
	return status;
}
