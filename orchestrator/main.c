// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lento - the command.  Only this file prints errors, and turns their kinds into
 * the exit status.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clean.h"
#include "base/nearest.h"
#include "cmd.h"
#include "run.h"
#include "version.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
	const char *usage;
	const char *what;
	bool prompt; /* answers at once also when a swarm has all CPUs */
} commands[] = {
	{ "run", cmd_run,
	  "[--dry-run] [--set PATH=VALUE]... [--results DIR] [--no-calibrate] "
	  "[--capture PEER]... [--fix] [--quiet] FILE.yaml | --resume DIR",
	  "run an experiment and print its result", false },
	{ "check", cmd_check, "[--peers N] [--fix | --restore] [FILE.yaml]",
	  "can this host run it? each lack with its mend", false },
	{ "plan", cmd_plan, "[--set PATH=VALUE]... [--hosts N] [--card RATE] FILE.yaml",
	  "does it fit, at which factor, and what binds first?", false },
	{ "bench", cmd_bench, "host [IMAGE]...", "measure what peers cost on this host, for plan", false },
	{ "compare", cmd_compare, "[--group GROUP] [--json | --csv] RESULTS...",
	  "runs or series side by side, the first against the others", false },
	{ "topology", cmd_topology, "show [--svg FILE] [--dot FILE] [--gml FILE] FILE.yaml | import [--peers N] GRAPH",
	  "draw the network of an experiment, or make one from a graph in GML or GraphML", false },
	{ "ps", cmd_ps, "[--json] [RUN]", "the runs of this host, or the peers of one", true },
	{ "logs", cmd_logs, "[--run RUN] [-f] [--stderr | --lento] PEER",
	  "what a peer has printed", false },
	{ "exec", cmd_exec, "[--run RUN] PEER COMMAND [ARGUMENT]...",
	  "a command inside a peer's container, in its dilated time", false },
	{ "pause", cmd_pause, "[RUN]", "stop virtual time and freeze the peers", true },
	{ "resume", cmd_resume, "[RUN]", "go on", true },
	{ "set", cmd_set, "[--run RUN] tdf=FACTOR", "change the time dilation factor", true },
	{ "destroy", cmd_destroy, "--all | RUN...", "end runs and remove all that is left of them", true },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

int cmd_usage(const char *name, struct err *err, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, ERR_USAGE, "%s: %s; usage: lento %s %s", name, text, name,
		       find_command(name)->usage);
}

int cmd_help(const char *name)
{
	const struct command *c = find_command(name);

	printf("usage: lento %s %s\n\n%s\n", c->name, c->usage, c->what);
	return 0;
}

static int help(void)
{
	printf("lento %s: peer-to-peer programs in containers, in dilated time\n\n"
	       "usage: lento COMMAND ...\n\n", LENTO_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		printf("  %-8s %s\n", commands[i].name, commands[i].what);
	}
	printf("\n\"lento COMMAND --help\" tells a command's options.\n\n"
	       "exit status: 0 ran and trusted; 1 failed; 2 usage or bad experiment; 3 this host\n"
	       "cannot run it; 4 a peer did not end as expected; 5 ran, but degraded or invalid\n");
	return 0;
}

static int unknown(const char *name)
{
	const char *names[ARRAY_LEN(commands) + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		names[i] = commands[i].name;
	}
	near = nearest_name(name, names);
	fprintf(stderr, "lento: there is no command \"%s\"%s%s%s; \"lento --help\" lists them\n", name,
		near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	return ERR_USAGE;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	const struct command *c = find_command(name);
	struct err err = { 0 };
	int status;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		help();
		return argc > 1 ? 0 : ERR_USAGE;
	}
	if (strcmp(name, "--version") == 0) {
		printf("lento %s\n", LENTO_VERSION);
		return 0;
	}
	if (!c) {
		return unknown(name);
	}
	if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
		return cmd_help(name);
	}
	if (c->prompt) {
		setpriority(PRIO_PROCESS, 0, PROMPT_NICE);
	}
	status = c->run(argc - 1, argv + 1, &err);
	if (status < 0) {
		fprintf(stderr, "lento: %s\n", err.msg);
		return err.kind ? (int)err.kind : ERR_FAILED;
	}
	return status;
}
