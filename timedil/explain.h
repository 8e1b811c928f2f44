/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * explain - is this process dilated, by what, and if not, why not?
 *
 * Judged by what the process has in its memory, not by what it was meant to have: the shim
 * maps the clock page when it starts, and so does the trap, which lies at a fixed place. A
 * program that has neither reads the host's clock.
 */
#ifndef TIMEDIL_EXPLAIN_H
#define TIMEDIL_EXPLAIN_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

enum explain_reach {
	EXPLAIN_ESCAPED, /* nothing of ours: all its clocks are the host's */
	EXPLAIN_SHIM,
	EXPLAIN_TRAP,
};

/* Why a process has escaped. */
enum explain_cause {
	EXPLAIN_UNKNOWN,     /* or it has been executed just now, and is still being linked */
	EXPLAIN_STATIC,      /* static, or Go, and not started by the trap */
	EXPLAIN_FOREIGN,     /* made for another architecture */
	EXPLAIN_PRIVILEGES,  /* gained some when executed, so nothing is preloaded */
	EXPLAIN_ENVIRONMENT, /* LD_PRELOAD or TIMEDIL_PAGE was not in its environment */
	EXPLAIN_NO_PAGE,     /* the shim is there and has found no clock page */
	EXPLAIN_OTHER_CLOCK, /* dilated, by another clock than the one asked for */
};

struct explain {
	enum explain_reach reach;
	enum explain_cause cause;   /* of EXPLAIN_ESCAPED */
	char program[256];          /* its file, as it was executed; cut if longer */
	char page[256];             /* its clock page, to be opened by us; "" if escaped */
	bool file_times;            /* times of files are virtual */
	bool liburing;              /* io_uring goes through liburing.so, where the shim sees it */
	unsigned rings;             /* io_uring instances it has open */
	unsigned threads;
	unsigned deaf;              /* threads that block the kick: they miss changes of the clock */
};

/*
 * Look at process @pid.  @page: the clock it should have; NULL: any.  0; or -1 with errno: ESRCH
 * also for a zombie or a kernel thread, EACCES or EPERM for a process of somebody else.
 */
int explain_process(pid_t pid, const struct stat *page, struct explain *out);

/* "static, and not started by timedil-trap", for a message; never NULL. */
const char *explain_cause_text(enum explain_cause cause);

#endif
