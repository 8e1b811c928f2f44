/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child - lento run by lento: a run changes the namespaces of its process, so several runs
 * after each other are several processes.
 */
#ifndef LENTO_CHILD_H
#define LENTO_CHILD_H

#include <stdbool.h>

#include "base/err.h"

/*
 * "lento @argv[0] @argv[1] ..." (NULL-terminated), and wait for it; *status is its exit status.
 * With @quiet its standard output goes nowhere.  ^C is the child's to obey: the caller outlives
 * it.  -1 when it cannot be started or was killed by a signal.
 */
int child_lento(const char *const argv[], bool quiet, int *status, struct err *err);

#endif
