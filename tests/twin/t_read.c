// SPDX-License-Identifier: GPL-2.0-or-later
/* Clock reads. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timeb.h>
#include <unistd.h>

#include "twin.h"

TWIN(clock_gettime, READ)
{
	(void)ns;
	return now_ns(CLOCK_MONOTONIC);
}

TWIN(realtime, READ)
{
	(void)ns;
	return now_ns(CLOCK_REALTIME);
}

TWIN(monotonic_raw, READ)
{
	(void)ns;
	return now_ns(CLOCK_MONOTONIC_RAW);
}

TWIN(monotonic_coarse, READ)
{
	(void)ns;
	return now_ns(CLOCK_MONOTONIC_COARSE);
}

TWIN(realtime_coarse, READ)
{
	(void)ns;
	return now_ns(CLOCK_REALTIME_COARSE);
}

TWIN(boottime, READ)
{
	(void)ns;
	return now_ns(CLOCK_BOOTTIME);
}

TWIN(tai, READ)
{
	(void)ns;
	return now_ns(CLOCK_TAI);
}

TWIN(clock_gettime_by_number, READ)
{
	struct timespec ts = { 0, 0 };

	(void)ns;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return ns_of(ts);
}

TWIN(gettimeofday, READ)
{
	struct timeval tv;

	(void)ns;
	gettimeofday(&tv, NULL);
	return tv.tv_sec * NS_PER_S + tv.tv_usec * 1000;
}

TWIN(ftime, READ)
{
	struct timeb tb;

	(void)ns;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	ftime(&tb);
#pragma GCC diagnostic pop
	return tb.time * NS_PER_S + tb.millitm * NS_PER_MS;
}

TWIN(timespec_get, READ)
{
	struct timespec ts;

	(void)ns;
	return timespec_get(&ts, TIME_UTC) == TIME_UTC ? ns_of(ts) : fail("TIME_UTC is refused");
}

/* Seconds only: from one tick to the next, after one to begin at.  The ruler must
 * not start before the first tick, so this measures by itself. */
TWIN(time, CHECK)
{
	time_t first = time(NULL), second;
	int64_t begin, took, want = (int64_t)((double)NS_PER_S * twin_factor());

	(void)ns;
	while (time(NULL) == first) {
		ruler_sleep(NS_PER_MS);
	}
	begin = ruler_ns();
	second = time(NULL);
	while (time(NULL) == second) {
		ruler_sleep(NS_PER_MS);
	}
	took = ruler_ns() - begin;
	if (time(NULL) != second + 1) {
		return fail("time() skipped a second");
	}
	/* Coarse by a tick of the kernel, in wall time. */
	return llabs(took - want) < want / 50 + 12 * NS_PER_MS ? 0 : fail("a second has another length");
}

/* What the offsets between clocks are natively, they are dilated: within what the
 * clocks drift apart during two reads. */
TWIN(clocks_kept_distinct, CHECK)
{
	struct timespec real, boot;
	int64_t wall_boot, virt_boot, virt_real;

	(void)ns;
	raw_syscall(SYS_clock_gettime, CLOCK_REALTIME, (long)&real, 0, 0, 0, 0);
	raw_syscall(SYS_clock_gettime, CLOCK_BOOTTIME, (long)&boot, 0, 0, 0, 0);
	wall_boot = ns_of(boot) - ruler_ns();
	virt_boot = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC);
	virt_real = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
	if (llabs(wall_boot - virt_boot) > 50 * NS_PER_MS) {
		return fail("BOOTTIME - MONOTONIC has changed");
	}
	if (llabs(virt_real - (ns_of(real) - ruler_ns())) > 1000 * NS_PER_MS) {
		return fail("REALTIME - MONOTONIC has changed");
	}
	if (now_ns(CLOCK_MONOTONIC) > INT64_C(20) * 366 * 86400 * NS_PER_S) {
		return fail("MONOTONIC reads as a date");
	}
	return 0;
}

static int64_t cpu_by_rusage(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * NS_PER_S +
	       (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
}

TWIN(cpu_clocks_stay_real, CHECK)
{
	struct timespec real;
	int64_t seen;

	(void)ns;
	for (int i = 0; i < 20; i++) {
		int64_t end = ruler_ns() + 2 * NS_PER_MS;

		while (ruler_ns() < end) {
		}
	}
	seen = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	raw_syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, (long)&real, 0, 0, 0, 0);
	if (ns_of(real) - seen < 0 || ns_of(real) - seen > 50 * NS_PER_MS) {
		return fail("PROCESS_CPUTIME is not the kernel's");
	}
	if (llabs(cpu_by_rusage() - seen) > 100 * NS_PER_MS) {
		return fail("getrusage differs from the CPU clock");
	}
	return 0;
}
