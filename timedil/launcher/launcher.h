/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * launcher - the parts of the program `timedil`.
 *
 * Fallible functions print nothing: they return -1 and fill a struct fault, which
 * main() prints.  The exit statuses are those of env(1) and timeout(1).
 */
#ifndef TIMEDIL_LAUNCHER_H
#define TIMEDIL_LAUNCHER_H

#include <stdbool.h>
#include <sys/types.h>

#include "timedil/shim/plan.h"
#include "timedil/vtime.h"

enum {
	EXIT_USAGE = 2,
	EXIT_TIMEDIL = 125,     /* timedil itself failed, or cannot dilate that program */
	EXIT_NOT_RUNNABLE = 126,
	EXIT_NOT_FOUND = 127,
};

struct fault {
	int status; /* what to exit with */
	char msg[1024];
};

int fault_set(struct fault *fault, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* --- sub-commands: they get argv from their own name on, and return an exit status. */
int cmd_run(int argc, char **argv, struct fault *fault);
int cmd_set(int argc, char **argv, struct fault *fault);
int cmd_status(int argc, char **argv, struct fault *fault);
int cmd_explain(int argc, char **argv, struct fault *fault);
int cmd_calls(int argc, char **argv, struct fault *fault);

/* --- target.c: what it takes to dilate a program ----------------------------------- */

/*
 * Look @command up as execvp() does; *path is its file, which the caller frees, and *plan
 * says how to start it.  Fails if there is none, or if nothing of ours reaches it: it
 * gains privileges, or is for another architecture.
 */
int target_find(const char *command, char **path, struct plan *plan, struct fault *fault);

/* The file of libtimedil.so or timedil-trap, beside us or as installed; the caller frees it. */
int part_find(const char *name, char **path, struct fault *fault);

/* --- scan.c: instructions that nothing of ours sees ----------------------------------- */

struct scan {
	unsigned tsc, syscalls; /* places in a file's code that hold such an instruction */
};

/*
 * Count rdtsc and rdtscp, and the system call instruction, in the executable segments of the
 * ELF file @path.  They are decoded from some way before on, so that bytes inside of other
 * instructions do not count; data among the code may.  0; or -1 with errno, ENOTSUP for
 * another architecture than x86-64.
 */
int scan_file(const char *path, struct scan *out);

/* --- clockfile.c: pages as files in /dev/shm --------------------------------------- */

struct clockfile {
	char path[128];
	int lock_fd;                 /* shared lock: the clock is in use */
	struct timedil_page *page;   /* writable */
};

/*
 * Create a clock, running at @tdf; or, when @name is given and such a clock is in use,
 * join it (*joined).  @name: letters, digits, '-', '_'; NULL for a private clock.
 */
int clockfile_open(struct clockfile *clock, const char *name, struct tdf tdf, bool *joined,
		   struct fault *fault);

/* Let go; the file is removed with its last user. */
void clockfile_close(struct clockfile *clock);

/* The page's path for a name, or for a process that runs under the shim. */
int clockfile_named(const char *name, char path[128], struct fault *fault);
int clockfile_of_process(pid_t pid, char **path, struct fault *fault);

/*
 * For those who change an existing clock: map it, with an exclusive lock among
 * writers that clockfile_release() gives back.
 */
struct timedil_page *clockfile_edit(const char *path, int *lock_fd, struct fault *fault);
void clockfile_release(struct timedil_page *page, int lock_fd);

#endif
