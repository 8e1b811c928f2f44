// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * uptime - less usual ways to ask for the time: times(), sysinfo(), adjtimex() and
 * /proc/uptime.
 *
 * What is not here stays right by itself: the date of boot (/proc/stat) is REALTIME -
 * BOOTTIME, and the offsets between clocks are the host's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <sys/times.h>

#include "next.h"
#include "shim.h"

#define TICK_NS (NS_PER_S / 100) /* of times(): USER_HZ */

/*
 * The kernel counts these ticks from an instant of its own; its distance from
 * CLOCK_MONOTONIC is measured once.  The CPU times are left as they are.
 */
EXPORT clock_t times(struct tms *buf)
{
	static int64_t start_ns;
	const struct timedil_page *page = shim_page();
	long ret = sys1(SYS_times, buf);
	int64_t start = __atomic_load_n(&start_ns, __ATOMIC_RELAXED);

	if (!page || (ret < 0 && ret > -4096)) {
		return shim_result(ret);
	}
	if (start == 0) {
		start = ret * TICK_NS - wall_ns(CLOCK_MONOTONIC);
		__atomic_store_n(&start_ns, start, __ATOMIC_RELAXED);
	}
	return (virt_now_ns(page) + start) / TICK_NS;
}

static int64_t virt_boottime_ns(const struct timedil_page *page)
{
	return virt_now_ns(page) + VPAGE_GET(page, boottime_off_ns);
}

EXPORT int sysinfo(struct sysinfo *info)
{
	const struct timedil_page *page = shim_page();
	long ret = sys1(SYS_sysinfo, info);

	if (ret == 0 && page) {
		info->uptime = (virt_boottime_ns(page) + NS_PER_S - 1) / NS_PER_S;
	}
	return (int)shim_result(ret);
}

/* --- adjtimex ------------------------------------------------------------------------ */

static void put_time(const struct timedil_page *page, struct timeval *tv, bool in_ns)
{
	int64_t now = virt_now_ns(page) + VPAGE_GET(page, realtime_off_ns);

	tv->tv_sec = now / NS_PER_S;
	tv->tv_usec = in_ns ? now % NS_PER_S : now % NS_PER_S / 1000;
}

EXPORT int clock_adjtime(clockid_t id, struct timex *tx)
{
	const struct timedil_page *page = shim_page();
	long ret = sys2(SYS_clock_adjtime, id, tx);

	if (ret >= 0 && page && id == CLOCK_REALTIME) {
		put_time(page, &tx->time, tx->status & STA_NANO);
	}
	return (int)shim_result(ret);
}

EXPORT int adjtimex(struct timex *tx)
{
	return clock_adjtime(CLOCK_REALTIME, tx);
}

int __adjtimex(struct timex *tx) __attribute__((alias("adjtimex"), visibility("default")));
int ntp_adjtime(struct timex *tx) __attribute__((alias("adjtimex"), visibility("default")));

EXPORT int ntp_gettimex(struct ntptimeval *out)
{
	struct timex tx = { .modes = 0 };
	int ret = adjtimex(&tx);

	*out = (struct ntptimeval){ .time = tx.time, .maxerror = tx.maxerror,
				    .esterror = tx.esterror, .tai = tx.tai };
	return ret;
}

/* The header gives ntp_gettime() the name of the other; old programs have its own. */
int ntp_gettime_itself(struct ntptimeval *out) __asm__("ntp_gettime")
	__attribute__((alias("ntp_gettimex"), visibility("default")));

/* --- /proc/uptime ----------------------------------------------------------------------- */

static bool is_uptime(const char *path)
{
	static const char uptime[] = "/proc/uptime";

	for (size_t i = 0; i < sizeof(uptime); i++) {
		if (path[i] != uptime[i]) {
			return false;
		}
	}
	return true;
}

static char *put_number(char *to, uint64_t n, unsigned width)
{
	char digits[24];
	unsigned len = 0;

	while (n || len < width) {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	}
	while (len) {
		*to++ = digits[--len];
	}
	return to;
}

/* "<uptime> <idle>\n": ours, and the kernel's idle CPU time, which is real. */
static size_t uptime_text(const struct timedil_page *page, char *text, size_t size)
{
	uint64_t now = (uint64_t)virt_boottime_ns(page);
	char kernel[128] = "", *to = text;
	long fd = sys4(SYS_openat, AT_FDCWD, "/proc/uptime", O_RDONLY | O_CLOEXEC, 0), n = 0, i = 0;

	if (fd >= 0) {
		n = sys3(SYS_read, fd, kernel, sizeof(kernel));
		sys1(SYS_close, fd);
	}
	to = put_number(to, now / NS_PER_S, 1);
	*to++ = '.';
	to = put_number(to, now % NS_PER_S / (NS_PER_S / 100), 2);
	while (i < n && kernel[i] != ' ') {
		i++;
	}
	while (i < n && (size_t)(to - text) < size) {
		*to++ = kernel[i++];
	}
	return (size_t)(to - text);
}

/* A descriptor that reads as the file does now; one that is kept open does not go on. */
static long uptime_fd(const struct timedil_page *page, int flags)
{
	char text[256];
	long fd = sys2(SYS_memfd_create, "uptime", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);

	if (fd >= 0) {
		size_t len = uptime_text(page, text, sizeof(text));

		sys3(SYS_write, fd, text, len);
		sys3(SYS_lseek, fd, 0, SEEK_SET);
	}
	return fd;
}

static bool takes_mode(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE_ARGUMENT(flags, mode)                           \
	do {                                                 \
		if (takes_mode(flags)) {                     \
			va_list list;                        \
                                                             \
			va_start(list, flags);               \
			(mode) = va_arg(list, mode_t);       \
			va_end(list);                        \
		}                                            \
	} while (0)

static bool ask_for_uptime(const char *path, int flags)
{
	return UNLIKELY(shim_page() && path && path[0] == '/' && path[1] == 'p' && is_uptime(path) &&
			(flags & O_ACCMODE) == O_RDONLY);
}

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_ARGUMENT(flags, mode);
	if (ask_for_uptime(path, flags)) {
		return (int)shim_result(uptime_fd(shim.page, flags));
	}
	return next.open(path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_ARGUMENT(flags, mode);
	if (ask_for_uptime(path, flags)) {
		return (int)shim_result(uptime_fd(shim.page, flags));
	}
	return next.openat(dir, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open"), visibility("default")));
int openat64(int dir, const char *path, int flags, ...)
	__attribute__((alias("openat"), visibility("default")));

/* Fortified programs call these for open() without a mode. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
	__attribute__((alias("__open_2"), visibility("default")));

EXPORT int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

EXPORT FILE *fopen(const char *restrict path, const char *restrict mode)
{
	long fd;
	FILE *f;

	if (!ask_for_uptime(path, O_RDONLY) || mode[0] != 'r' || !next.fdopen) {
		return next.fopen(path, mode);
	}
	fd = uptime_fd(shim.page, 0);
	f = fd >= 0 ? next.fdopen((int)fd, mode) : NULL;
	if (!f && fd >= 0) {
		sys1(SYS_close, fd);
	}
	return f;
}

FILE *fopen64(const char *restrict path, const char *restrict mode)
	__attribute__((alias("fopen"), visibility("default")));
