// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * coverage - the rows of coverage.def, for scripts/coverage, which makes a table of them.
 *
 *	coverage native|FACTOR [NUMBER...]
 *
 * Prints "NUMBER <tab> WHAT <tab> KIND <tab> VERDICT <tab> FACTOR SEEN": KIND is "wait" or
 * "read", VERDICT "right", "wrong" or "lacking" (this machine has no such thing), and the factor
 * is how many seconds of the ruler passed for one of the program's, or "hang".  Linked
 * dynamically and, from the same sources, statically.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

#define ROW(what, test) extern const struct twin twin_##test;
#include "coverage.def"
#undef ROW

struct row {
	int number;
	const char *what;
	const struct twin *test;
};

static const struct row rows[] = {
#define ROW(what, test) { __COUNTER__ + 1, what, &twin_##test },
#include "coverage.def"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int is_wait(const struct twin *t)
{
	return t->kind == TWIN_WAIT || t->kind == TWIN_WAIT_BY_TICKS;
}

/* Wall time for virtual time, as it was found. */
static void print_factor(const struct twin *t, const struct outcome *o)
{
	if (o->hung) {
		printf("hang\n");
	} else if (o->result > 0) {
		printf("%.3f\n", (double)o->wall_ns / (double)o->result);
	} else if (o->result == 0 && !is_wait(t)) {
		printf("stands\n");
	} else {
		printf("%s\n", o->why[0] ? o->why : "-");
	}
}

static void report(const struct job *job, enum verdict v, const struct outcome *o)
{
	static const char *const words[] = { [PASSED] = "right", [FAILED] = "wrong",
					     [SKIPPED] = "lacking" };
	const struct row *row = job->of;

	printf("%d\t%s\t%s\t%s\t", row->number, row->what, is_wait(row->test) ? "wait" : "read",
	       words[v]);
	print_factor(row->test, o);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct harness harness = { .hang_ns = 9 * NS_PER_S, .chances = 3, .report = report };
	struct job jobs[ROWS];
	size_t count = 0;

	if (argc < 2 || harness_mode(&harness, argv[1]) != 0) {
		fprintf(stderr, "usage: coverage native|FACTOR [NUMBER...]\n");
		return 2;
	}
	for (size_t i = 0; i < ROWS; i++) {
		int wanted = argc == 2;

		for (int k = 2; k < argc; k++) {
			wanted |= atoi(argv[k]) == rows[i].number;
		}
		if (wanted) {
			jobs[count++] = (struct job){ .test = rows[i].test, .of = &rows[i] };
		}
	}
	return harness_run(&harness, jobs, count) != 0;
}
