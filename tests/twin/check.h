/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check - what the tests of semantics share: numbered TAP, and a hand on the clock.
 */
#ifndef TESTS_TWIN_CHECK_H
#define TESTS_TWIN_CHECK_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "twin.h"

static int checks_done, checks_failed;

__attribute__((format(printf, 2, 3))) static inline int check(int good, const char *fmt, ...)
{
	va_list args;

	checks_failed += !good;
	printf("%s %d - ", good ? "ok" : "not ok", ++checks_done);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return good;
}

static inline int checks_end(void)
{
	printf("1..%d\n", checks_done);
	return checks_failed != 0;
}

/* Let `timedil set` change the clock that this process runs on: a factor, "pause" or
 * "run".  $TIMEDIL is the program. */
static inline int set_clock(const char *what)
{
	const char *timedil = getenv("TIMEDIL");
	char self[16];
	int status;
	pid_t pid;

	snprintf(self, sizeof(self), "%d", (int)getpid());
	pid = fork();
	if (pid == 0) {
		execl(timedil ? timedil : "build/timedil", "timedil", "set", what, "--pid", self,
		      (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
	}
	if (status != 0) {
		printf("Bail out! timedil set %s failed\n", what);
		exit(1);
	}
	return 0;
}

#endif
