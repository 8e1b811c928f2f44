// SPDX-License-Identifier: GPL-2.0-or-later
/* Clock reads. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timeb.h>
#include <sys/times.h>
#include <sys/timex.h>
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

TWIN(realtime_alarm, READ)
{
	struct timespec ts;

	(void)ns;
	return clock_gettime(CLOCK_REALTIME_ALARM, &ts) == 0 ? ns_of(ts) : TWIN_SKIPPED;
}

TWIN(boottime_alarm, READ)
{
	struct timespec ts;

	(void)ns;
	return clock_gettime(CLOCK_BOOTTIME_ALARM, &ts) == 0 ? ns_of(ts) : TWIN_SKIPPED;
}

/* --- CPU time --------------------------------------------------------------------------- */

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

TWIN(process_cpu, READ_CPU)
{
	(void)ns;
	return now_ns(CLOCK_PROCESS_CPUTIME_ID);
}

TWIN(thread_cpu, READ_CPU)
{
	(void)ns;
	return now_ns(CLOCK_THREAD_CPUTIME_ID);
}

TWIN(cpu_of_thread, READ_CPU)
{
	clockid_t id;

	(void)ns;
	return pthread_getcpuclockid(pthread_self(), &id) == 0 ? now_ns(id) : fail("no clock");
}

TWIN(cpu_of_process, READ_CPU)
{
	clockid_t id;

	(void)ns;
	return clock_getcpuclockid(0, &id) == 0 ? now_ns(id) : fail("no clock");
}

TWIN(cpu_clock, READ_CPU)
{
	(void)ns;
	return clock() * (NS_PER_S / CLOCKS_PER_SEC);
}

TWIN(cpu_rusage, READ_CPU)
{
	(void)ns;
	return cpu_by_rusage();
}

TWIN(times, READ_BY_TICKS)
{
	struct tms tms;

	(void)ns;
	return times(&tms) * (NS_PER_S / 100);
}

/* In whole seconds: it must lie in the second that CLOCK_BOOTTIME is in. */
TWIN(sysinfo, CHECK)
{
	struct sysinfo info;
	int64_t before, after;

	(void)ns;
	before = now_ns(CLOCK_BOOTTIME);
	if (sysinfo(&info) != 0) {
		return fail("sysinfo");
	}
	after = now_ns(CLOCK_BOOTTIME);
	return info.uptime >= before / NS_PER_S && info.uptime <= after / NS_PER_S + 1 ?
		       0 :
		       fail("the uptime is not CLOCK_BOOTTIME's");
}

/* --- the family of adjtimex ------------------------------------------------------------ */

static int64_t timex_ns(int ret, const struct timex *tx)
{
	if (ret < 0) {
		return TWIN_SKIPPED;
	}
	return tx->time.tv_sec * NS_PER_S + tx->time.tv_usec * (tx->status & STA_NANO ? 1 : 1000);
}

TWIN(clock_adjtime, READ)
{
	struct timex tx = { .modes = 0 };

	(void)ns;
	return timex_ns(clock_adjtime(CLOCK_REALTIME, &tx), &tx);
}

TWIN(adjtimex, READ)
{
	struct timex tx = { .modes = 0 };

	(void)ns;
	return timex_ns(adjtimex(&tx), &tx);
}

extern int __adjtimex(struct timex *tx);

TWIN(__adjtimex, READ)
{
	struct timex tx = { .modes = 0 };

	(void)ns;
	return timex_ns(__adjtimex(&tx), &tx);
}

TWIN(ntp_adjtime, READ)
{
	struct timex tx = { .modes = 0 };

	(void)ns;
	return timex_ns(ntp_adjtime(&tx), &tx);
}

/* No status here to tell us nanoseconds from microseconds: to the second is enough. */
static int64_t same_date(int ret, const struct ntptimeval *tv)
{
	int64_t now = now_ns(CLOCK_REALTIME) / NS_PER_S;

	return ret >= 0 && (tv->time.tv_sec == now || tv->time.tv_sec == now - 1) ?
		       0 :
		       fail("another date");
}

TWIN(ntp_gettimex, CHECK)
{
	struct ntptimeval tv;
	int ret = ntp_gettimex(&tv);

	(void)ns;
	return same_date(ret, &tv);
}

extern int ntp_gettime_itself(struct ntptimeval *tv) __asm__("ntp_gettime");

TWIN(ntp_gettime, CHECK)
{
	struct ntptimeval tv;
	int ret = ntp_gettime_itself(&tv);

	(void)ns;
	return same_date(ret, &tv);
}

/* --- /proc/uptime ------------------------------------------------------------------------ */

static int64_t uptime_in(int fd)
{
	char text[128];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0) {
		return fail("/proc/uptime cannot be read");
	}
	text[n] = '\0';
	return (int64_t)(strtod(text, NULL) * 1e9);
}

TWIN(open, READ_BY_TICKS)
{
	(void)ns;
	return uptime_in(open("/proc/uptime", O_RDONLY));
}

TWIN(open64, READ_BY_TICKS)
{
	(void)ns;
	return uptime_in(open64("/proc/uptime", O_RDONLY));
}

TWIN(openat, READ_BY_TICKS)
{
	(void)ns;
	return uptime_in(openat(AT_FDCWD, "/proc/uptime", O_RDONLY));
}

TWIN(openat64, READ_BY_TICKS)
{
	(void)ns;
	return uptime_in(openat64(AT_FDCWD, "/proc/uptime", O_RDONLY));
}

extern int __open_2(const char *path, int flags);
extern int __open64_2(const char *path, int flags);

TWIN(__open_2, READ_BY_TICKS)
{
	(void)ns;
	return uptime_in(__open_2("/proc/uptime", O_RDONLY));
}

TWIN(__open64_2, READ_BY_TICKS)
{
	(void)ns;
	return uptime_in(__open64_2("/proc/uptime", O_RDONLY));
}

static int64_t uptime_from(FILE *f)
{
	double uptime = 0;

	if (!f || fscanf(f, "%lf", &uptime) != 1) {
		return fail("/proc/uptime cannot be read");
	}
	fclose(f);
	return (int64_t)(uptime * 1e9);
}

TWIN(fopen, READ_BY_TICKS)
{
	(void)ns;
	return uptime_from(fopen("/proc/uptime", "r"));
}

TWIN(fopen64, READ_BY_TICKS)
{
	(void)ns;
	return uptime_from(fopen64("/proc/uptime", "re"));
}
