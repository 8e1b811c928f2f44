/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * timedil - for programs that know of dilation and want wall time on purpose.
 *
 * The functions are defined by libtimedil.so when it is preloaded, and NULL
 * otherwise: nothing has to be linked.
 *
 *	if (timedil_wall_gettime) {
 *		timedil_wall_gettime(CLOCK_MONOTONIC, &ts);
 *	} else {
 *		clock_gettime(CLOCK_MONOTONIC, &ts);
 *	}
 */
#ifndef TIMEDIL_TIMEDIL_H
#define TIMEDIL_TIMEDIL_H

#include <time.h>

/* As clock_gettime(), by the kernel's clock. */
int timedil_wall_gettime(clockid_t id, struct timespec *ts) __attribute__((weak));

#endif
