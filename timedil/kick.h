/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kick - wake the sleepers of a run after its clock has changed.
 *
 * A thread that waits in the kernel does so until a wall instant which its shim
 * computed from the clock page.  When factor or state change, that instant is
 * wrong.  So the writer of the page, after each change, sends every thread of
 * every dilated process a signal; the shim's handler re-computes what the thread
 * waits for and re-arms the process's timers.  While the factor stands still,
 * nothing polls.
 *
 * The signal is SIGURG with a value of its own.  Its default action is to be
 * ignored, so it cannot kill a process that is just being executed, or that
 * is not under the shim; no listing of who catches it is needed.  A program's own
 * use of SIGURG goes on working: the shim passes on what carries no kick.
 */
#ifndef TIMEDIL_KICK_H
#define TIMEDIL_KICK_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#define TIMEDIL_KICK_SIGNAL SIGURG
#define TIMEDIL_KICK_CODE SI_QUEUE
#define TIMEDIL_KICK_VALUE ((uintptr_t)0x7469646c) /* si_value of a kick */

/*
 * Each returns the number of threads that were sent the signal (0 is no error:
 * they may have ended meanwhile), or -1 with errno when what was named cannot be
 * read.  Call after the page has been written; threads born later read the new
 * page anyway.
 */
int kick_process(pid_t pid);
/* @pid and all its descendants. */
int kick_tree(pid_t pid);
/* A cgroup directory (v1 or v2) and all those below it. */
int kick_cgroup(const char *path);
/* Every process that has mapped the page at @path: slow, for the command line. */
int kick_mappers(const char *path);

/* How many other processes have mapped it; -1 with errno. */
int page_mappers(const char *path);

#endif
