/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps - what a process has in its memory, from /proc/PID/maps.
 */
#ifndef TIMEDIL_MAPS_H
#define TIMEDIL_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uintptr_t begin, end;
	bool executable, shared;
	uint64_t offset;
	dev_t dev;
	ino_t ino;        /* 0: no file */
	const char *path; /* as the process sees it; "" without a name; lives as long as the call */
};

/*
 * Call @visit for each mapping of process @pid, from low addresses to high ones, until it
 * returns other than 0: that is returned.  0 at the end, also for a process that has no
 * memory (a zombie, a kernel thread); -1 with errno when @pid cannot be read.
 */
int maps_each(pid_t pid, int (*visit)(const struct mapping *m, void *arg), void *arg);

#endif
