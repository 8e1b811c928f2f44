/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harness - run tests of twin.h, several at a time, and judge them by the ruler.
 *
 * Each test is a process of its own, so that one may hang, crash, or keep locks; many
 * sleep for the most part.  Early is wrong at once; late, beyond 2 % or 5 ms, may be the
 * machine's fault: such a test gets more chances.
 */
#ifndef TESTS_TWIN_HARNESS_H
#define TESTS_TWIN_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "twin.h"

enum verdict { PASSED, FAILED, SKIPPED };

/* How a test went. */
struct outcome {
	char why[128];   /* of a failure */
	int64_t result;  /* what it returned; of a reader, what its clock advanced by */
	int64_t wall_ns; /* what the ruler says */
	int hung;
};

struct job {
	const struct twin *test;
	const void *of; /* the caller's */
};

struct harness {
	double factor;      /* virtual second in wall seconds; "native" is 1 */
	int dilated;
	int64_t hang_ns;    /* wall time after which a test is ended */
	unsigned chances;
	void (*report)(const struct job *job, enum verdict verdict, const struct outcome *outcome);
};

/* Run all @jobs; the number of those that failed. */
int harness_run(const struct harness *harness, const struct job *jobs, size_t count);

/* "native" or a factor; 0, or -1 if it is neither. */
int harness_mode(struct harness *harness, const char *mode);

#endif
