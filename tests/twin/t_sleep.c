// SPDX-License-Identifier: GPL-2.0-or-later
/* Sleeps. */
#include <errno.h>
#include <threads.h>
#include <unistd.h>

#include "twin.h"

TWIN(nanosleep, WAIT)
{
	struct timespec ts = ts_of(ns);

	return nanosleep(&ts, NULL) == 0 ? ns : fail("nanosleep");
}

static int64_t sleep_on(clockid_t id, int64_t ns, int flags)
{
	struct timespec ts = flags ? in_ns(id, ns) : ts_of(ns);

	return clock_nanosleep(id, flags, &ts, NULL) == 0 ? ns : fail("clock_nanosleep");
}

TWIN(clock_nanosleep, WAIT)
{
	return sleep_on(CLOCK_MONOTONIC, ns, 0);
}

TWIN(clock_nanosleep_rel_realtime, WAIT)
{
	return sleep_on(CLOCK_REALTIME, ns, 0);
}

TWIN(clock_nanosleep_rel_boottime, WAIT)
{
	return sleep_on(CLOCK_BOOTTIME, ns, 0);
}

TWIN(clock_nanosleep_rel_tai, WAIT)
{
	return sleep_on(CLOCK_TAI, ns, 0);
}

TWIN(clock_nanosleep_abs_monotonic, WAIT)
{
	return sleep_on(CLOCK_MONOTONIC, ns, TIMER_ABSTIME);
}

TWIN(clock_nanosleep_abs_realtime, WAIT)
{
	return sleep_on(CLOCK_REALTIME, ns, TIMER_ABSTIME);
}

TWIN(clock_nanosleep_abs_boottime, WAIT)
{
	return sleep_on(CLOCK_BOOTTIME, ns, TIMER_ABSTIME);
}

TWIN(clock_nanosleep_abs_tai, WAIT)
{
	return sleep_on(CLOCK_TAI, ns, TIMER_ABSTIME);
}

TWIN(usleep, WAIT)
{
	return usleep((useconds_t)(ns / 1000)) == 0 ? ns : fail("usleep");
}

TWIN(sleep, WAIT)
{
	unsigned s = (unsigned)((ns + NS_PER_S - 1) / NS_PER_S);

	return sleep(s) == 0 ? s * NS_PER_S : fail("sleep");
}

TWIN(thrd_sleep, WAIT)
{
	struct timespec ts = ts_of(ns);

	return thrd_sleep(&ts, NULL) == 0 ? ns : fail("thrd_sleep");
}

TWIN(nanosleep_by_number, WAIT)
{
	struct timespec ts = ts_of(ns);

	return syscall(SYS_nanosleep, &ts, NULL) == 0 ? ns : fail("SYS_nanosleep");
}

TWIN(clock_nanosleep_by_number, WAIT)
{
	struct timespec ts = ts_of(ns);

	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL) == 0 ?
		       ns :
		       fail("SYS_clock_nanosleep");
}

/* The row of syscall() itself. */
TWIN(syscall, WAIT)
{
	struct timespec ts = in_ns(CLOCK_REALTIME, ns);

	return syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) == 0 ?
		       ns :
		       fail("SYS_clock_nanosleep absolute");
}
