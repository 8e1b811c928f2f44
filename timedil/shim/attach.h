/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach - what a process needs to be dilated: the kernel's clock and the page.
 *
 * Shared by the shim and the trap; needs no libc.
 */
#ifndef TIMEDIL_SHIM_ATTACH_H
#define TIMEDIL_SHIM_ATTACH_H

#include "shim.h"

/* Exported by the trap's stand-in for the vDSO, and by no kernel's: reads wall time. */
#define ATTACH_TRAP_SYMBOL "timedil_wall_gettime"

int read_by_syscall(clockid_t id, struct timespec *ts);

/* A symbol of the vDSO whose ELF header is @header (NULL is fine); NULL: not there. */
void *attach_symbol(const void *header, const char *name);

/* The clock function of that vDSO, or the system call. */
clock_reader *attach_clock(const void *header);

/* The page in the file @path, mapped read-only; NULL if that is none. */
const struct timedil_page *attach_page(const char *path);

#endif
