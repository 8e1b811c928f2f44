/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan - how a program has to be executed to stay dilated.
 *
 * The shim reaches a program through its dynamic linker and its libc.  One that has no
 * dynamic linker (static) or makes its system calls itself (Go) has to be started by the
 * trap (timedil/trap), which takes its own words in front of the program's:
 *
 *	timedil-trap OPTIONS PAGE PROGRAM argv[0] argv[1] ...
 *
 * Shared by the shim, the trap and the launcher; needs no libc, touches no heap.
 */
#ifndef TIMEDIL_SHIM_PLAN_H
#define TIMEDIL_SHIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* File name of the trap; it lies beside libtimedil.so. */
#define PLAN_TRAP_NAME "timedil-trap"

/* OPTIONS: a '-' and any of these letters. */
#define PLAN_FILTERED 'f' /* the system call filter is inherited: do not install it */
#define PLAN_SOCKETS 's'  /* the same for that of sockets with a time-out */
#define PLAN_CLOSE 'c'    /* PROGRAM is /proc/self/fd/N, with N to be closed */
#define PLAN_AUTO 'a'     /* look first whether PROGRAM needs the trap; else execute it */

/*
 * Where the trap lives, in every process: the filter, which exec does not remove, knows
 * these addresses.  Below what mmap() gives out by itself and above where programs and
 * heaps are; only the upper half of an address may be compared at once.
 */
#define TRAP_BASE UINT64_C(0x700000000000)
#define TRAP_BYTES UINT64_C(0x100000)

#define PLAN_SCRIPTS 4
#define PLAN_PREFIX 4     /* words that the trap takes */

enum plan_kind {
	PLAN_PLAIN,   /* the shim reaches it, or what it is only the kernel knows */
	PLAN_TRAP,    /* static, or Go: the shim does not reach it */
	PLAN_FOREIGN, /* another architecture: nothing of ours reaches it */
};

struct plan {
	enum plan_kind kind;
	const char *target;   /* the file that will run: the last interpreter, or @path */
	const char *path;
	unsigned scripts;
	struct plan_script {  /* from the outermost */
		char head[256];
		const char *interpreter, *argument; /* argument: may be NULL */
	} script[PLAN_SCRIPTS];
};

/* Look at the file @path, and at the interpreters of scripts.  0, or a negative error
 * number of what execve() would say; *plan is PLAN_PLAIN then. */
long plan_look(struct plan *plan, const char *path);

/* How many words, with the NULL behind them, plan_words() writes. */
size_t plan_count(const struct plan *plan, char *const argv[]);

/* The words for the trap: @trap is its path. */
void plan_words(const struct plan *plan, const char *trap, const char *options, const char *page,
		char *const argv[], const char **words);

#endif
