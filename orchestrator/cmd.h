/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd - the subcommands: one file each, one line each in the table of main.c.
 *
 * A command gets its own arguments (argv[0] is its name) and returns the exit
 * status, or -1 with *err filled, which main prints and turns into a status.
 */
#ifndef LENTO_CMD_H
#define LENTO_CMD_H

#include "base/err.h"

int cmd_run(int argc, char **argv, struct err *err);
int cmd_check(int argc, char **argv, struct err *err);
int cmd_plan(int argc, char **argv, struct err *err);
int cmd_bench(int argc, char **argv, struct err *err);
int cmd_compare(int argc, char **argv, struct err *err);
int cmd_topology(int argc, char **argv, struct err *err);
int cmd_ps(int argc, char **argv, struct err *err);
int cmd_logs(int argc, char **argv, struct err *err);
int cmd_exec(int argc, char **argv, struct err *err);
int cmd_pause(int argc, char **argv, struct err *err);
int cmd_resume(int argc, char **argv, struct err *err);
int cmd_set(int argc, char **argv, struct err *err);
int cmd_destroy(int argc, char **argv, struct err *err);

/* "lento NAME: wrong option; usage: ..." as an ERR_USAGE; the usage is the table's. */
int cmd_usage(const char *name, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Print the usage of one command; 0. */
int cmd_help(const char *name);

#endif
