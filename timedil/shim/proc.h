/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proc - numbers from files in /proc, without libc; async-signal-safe.
 */
#ifndef TIMEDIL_SHIM_PROC_H
#define TIMEDIL_SHIM_PROC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The number behind "@key:" in the file "@head<number>@tail", for example
 * ("/proc/self/fdinfo/", 7, "", "ticks", 10).  False if there is none.
 */
bool proc_number(const char *head, unsigned number, const char *tail, const char *key,
		 unsigned base, uint64_t *value);

#endif
