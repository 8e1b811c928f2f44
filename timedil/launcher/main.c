// SPDX-License-Identifier: LGPL-2.1-or-later
/* timedil - run a program in dilated time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv, struct fault *fault);
	const char *usage, *help;
} commands[] = {
	{ "run", cmd_run, "[run] --tdf FACTOR [--share NAME] [--date DATE] [--paused] [--pause-at TIME]\n"
	  "          [--trap] COMMAND [ARG...]",
	  "run COMMAND; FACTOR wall seconds pass for one of its seconds" },
	{ "set", cmd_set, "set FACTOR|pause|run (--share NAME | --pid PID)",
	  "change a running clock" },
	{ "status", cmd_status, "status (--share NAME | --pid PID)", "show a running clock" },
	{ "explain", cmd_explain, "explain PID...", "say how each clock of a process is dilated, or why not" },
	{ "calls", cmd_calls, "calls", "list the calls that are dilated" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

int fault_set(struct fault *fault, int status, const char *fmt, ...)
{
	va_list args;

	fault->status = status;
	va_start(args, fmt);
	vsnprintf(fault->msg, sizeof(fault->msg), fmt, args);
	va_end(args);
	return -1;
}

static int help(void)
{
	printf("timedil - run a program in dilated time\n\nusage:\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		printf("  timedil %s\n        %s\n", commands[i].usage, commands[i].help);
	}
	printf("\nFACTOR is the time dilation factor: 10, 0.2 or 1/8.\n");
	return 0;
}

/* "--calls" and "--explain" go as well. */
static bool is_long_form(const char *word, const char *command)
{
	return strncmp(word, "--", 2) == 0 && strcmp(word + 2, command) == 0;
}

static int dispatch(int argc, char **argv, struct fault *fault)
{
	if (argc < 2) {
		return fault_set(fault, EXIT_USAGE, "no command given; see timedil --help");
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		return help();
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0 || is_long_form(argv[1], commands[i].name)) {
			return commands[i].run(argc - 1, argv + 1, fault);
		}
	}
	return cmd_run(argc, argv, fault);
}

int main(int argc, char **argv)
{
	struct fault fault = { 0 };
	int status = dispatch(argc, argv, &fault);

	if (status < 0) {
		fprintf(stderr, "timedil: %s\n", fault.msg);
		return fault.status;
	}
	return status;
}
