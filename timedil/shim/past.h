/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * past - instants before the present, under the line that held then.
 *
 * Before the first line that is known (the page was made then), wall and virtual
 * clocks run side by side: a file older than the run keeps its date (or its age, where
 * --date has moved the calendar).  The conversions are
 * monotone, and give the same result each time, whatever happens to the clock
 * later.
 */
#ifndef TIMEDIL_SHIM_PAST_H
#define TIMEDIL_SHIM_PAST_H

#include "shim.h"

/* CLOCK_MONOTONIC, wall and virtual. */
int64_t past_to_virt(const struct timedil_page *page, int64_t wall_ns);
int64_t past_to_wall(const struct timedil_page *page, int64_t virt_ns);

/*
 * CLOCK_REALTIME, as the kernel notes it in files.  The offset between the host's
 * two clocks is taken from the page, not measured: the same number in gives the same
 * number out.
 */
struct timespec past_date_to_virt(const struct timedil_page *page, struct timespec wall);
struct timespec past_date_to_wall(const struct timedil_page *page, struct timespec virt);

#endif
