// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * twin - run the tests of all rows of calls.def and say how they went, as TAP.
 *
 *	twin FACTOR [NAME...]
 *
 * FACTOR is "native", or the TDF that timedil runs us at.
 */
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define CALL(name, kind, form, next) extern const struct twin twin_##name;
#define VARIANT(name) extern const struct twin twin_##name;
#include "timedil/calls.def"
#include "variants.def"
#undef CALL
#undef VARIANT

static const struct twin *const tests[] = {
#define CALL(name, kind, form, next) &twin_##name,
#define VARIANT(name) &twin_##name,
#include "timedil/calls.def"
#include "variants.def"
};

#undef CALL
#undef VARIANT

#define TESTS (sizeof(tests) / sizeof(tests[0]))

/*
 * Under the trap, which catches system calls and not calls of libc's, these are not dilated:
 * see timedil/README.md.  "FILE" stands for all rows of that kind.
 */
static const char *const beyond_the_trap[] = {
	"open", "open64", "openat", "openat64", "__open_2", "__open64_2", "fopen", "fopen64",
	"recvmsg", "recvmmsg", "ioctl", "FILE", "utime_now", "new_file_fstat", "new_file_statx",
	"touched_file",
};

static const char *kind_of(const char *name)
{
	static const struct {
		const char *name, *kind;
	} kinds[] = {
#define CALL(name, kind, form, next) { #name, #kind },
#include "timedil/calls.def"
#undef CALL
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			return kinds[i].kind;
		}
	}
	return "";
}

static int applies(const char *name)
{
	for (size_t i = 0; i < sizeof(beyond_the_trap) / sizeof(beyond_the_trap[0]); i++) {
		if (ruler_door() && (strcmp(beyond_the_trap[i], name) == 0 ||
				     strcmp(beyond_the_trap[i], kind_of(name)) == 0)) {
			return 0;
		}
	}
	return 1;
}

static const char *mode;

static void report(const struct job *job, enum verdict v, const struct outcome *o)
{
	printf("%s - %s%s: %s%s%s\n", v == FAILED ? "not ok" : "ok",
	       strcmp(mode, "native") == 0 ? "" : "tdf ", mode, job->test->name,
	       v == SKIPPED ? " # SKIP not on this machine" : v == FAILED ? ": " : "",
	       v == FAILED ? o->why : "");
	fflush(stdout);
}

static size_t choose(char **names, struct job *jobs)
{
	size_t count = 0;

	for (size_t i = 0; i < TESTS; i++) {
		int wanted = !*names && applies(tests[i]->name);

		for (char **n = names; *n; n++) {
			wanted |= strcmp(*n, tests[i]->name) == 0;
		}
		if (wanted) {
			jobs[count++] = (struct job){ .test = tests[i] };
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	struct harness harness = { .hang_ns = 30 * NS_PER_S, .chances = 4, .report = report };
	struct job jobs[TESTS];
	size_t count;
	int failed;

	mode = argc > 1 ? argv[1] : "";
	if (harness_mode(&harness, mode) != 0) {
		fprintf(stderr, "usage: twin native|FACTOR [NAME...]\n");
		return 2;
	}
	count = choose(argv + 2, jobs);
	failed = harness_run(&harness, jobs, count);
	printf("# %zu tests, %d failed\n", count, failed);
	return failed != 0;
}
