/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * instant - a reading of the host's clock, as the core is handed it.
 *
 * The clock never goes back; where it starts is the host's affair.  Durations are
 * int64_t nanoseconds, named *_ns.
 */
#ifndef ABT_INSTANT_H
#define ABT_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	int64_t ns;
} instant_t;

#define ABT_S_NS INT64_C(1000000000)

/* Before every reading: of what has not happened yet. */
#define INSTANT_NEVER ((instant_t){ INT64_MIN })

static inline instant_t instant_after(instant_t at, int64_t ns)
{
	return (instant_t){ at.ns + ns };
}

/* Did @then lie more than @ns ago?  INSTANT_NEVER always did. */
static inline bool instant_is_past(instant_t now, instant_t then, int64_t ns)
{
	return then.ns < now.ns - ns;
}

#endif
