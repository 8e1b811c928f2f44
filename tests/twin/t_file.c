// SPDX-License-Identifier: GPL-2.0-or-later
/* Times of files, against the clock that the program sees. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "twin.h"

static char dir_name[] = "/tmp/twin-XXXXXX";

/* A new file (or link) in a new directory; *@dirfd is that directory. */
static int make(int *dirfd, int link)
{
	int fd;

	if (!mkdtemp(dir_name)) {
		return -1;
	}
	*dirfd = open(dir_name, O_RDONLY | O_DIRECTORY);
	if (link) {
		return symlinkat("nowhere", *dirfd, "f");
	}
	fd = openat(*dirfd, "f", O_CREAT | O_RDWR, 0600);
	return fd;
}

static void drop(int dirfd)
{
	unlinkat(dirfd, "f", 0);
	rmdir(dir_name);
}

static char *path_of(void)
{
	static char path[64];

	strcpy(path, dir_name);
	strcat(path, "/f");
	return path;
}

/* --- what the kernel has noted just now ---------------------------------------------------- */

/* The kernel's clock for files is coarse: by a tick. */
static int64_t judge(int64_t mtime_ns, int64_t before)
{
	int64_t tick = (int64_t)(11e6 / twin_factor());

	if (mtime_ns < before - tick) {
		return fail("the file is older than its making");
	}
	return mtime_ns > now_ns(CLOCK_REALTIME) ? fail("the file comes from the future") : 0;
}

#define STAT_TEST(name, type, link, call)                                        \
	TWIN(name, CHECK)                                                        \
	{                                                                        \
		int64_t before = now_ns(CLOCK_REALTIME), result;                 \
		int dirfd = -1, fd = make(&dirfd, link);                              \
		type st;                                                         \
                                                                                 \
		(void)ns;                                                        \
		(void)fd;                                                        \
		ruler_sleep(50 * NS_PER_MS);                                     \
		result = (call) == 0 ? judge(MTIME(st), before) : fail(#call);   \
		drop(dirfd);                                                     \
		return result;                                                   \
	}

#define STAT_VERSION 1 /* of struct stat on x86-64 */

extern int __xstat(int version, const char *path, struct stat *st);
extern int __lxstat(int version, const char *path, struct stat *st);
extern int __fxstat(int version, int fd, struct stat *st);
extern int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags);
extern int __xstat64(int version, const char *path, struct stat64 *st);
extern int __lxstat64(int version, const char *path, struct stat64 *st);
extern int __fxstat64(int version, int fd, struct stat64 *st);
extern int __fxstatat64(int version, int dir, const char *path, struct stat64 *st, int flags);

#define MTIME(st) ns_of((st).st_mtim)
STAT_TEST(stat, struct stat, 0, stat(path_of(), &st))
STAT_TEST(lstat, struct stat, 1, lstat(path_of(), &st))
STAT_TEST(fstat, struct stat, 0, fstat(fd, &st))
STAT_TEST(fstatat, struct stat, 1, fstatat(dirfd, "f", &st, AT_SYMLINK_NOFOLLOW))
STAT_TEST(stat64, struct stat64, 0, stat64(path_of(), &st))
STAT_TEST(lstat64, struct stat64, 1, lstat64(path_of(), &st))
STAT_TEST(fstat64, struct stat64, 0, fstat64(fd, &st))
STAT_TEST(fstatat64, struct stat64, 0, fstatat64(dirfd, "f", &st, 0))
STAT_TEST(__xstat, struct stat, 0, __xstat(STAT_VERSION, path_of(), &st))
STAT_TEST(__lxstat, struct stat, 1, __lxstat(STAT_VERSION, path_of(), &st))
STAT_TEST(__fxstat, struct stat, 0, __fxstat(STAT_VERSION, fd, &st))
STAT_TEST(__fxstatat, struct stat, 0, __fxstatat(STAT_VERSION, dirfd, "f", &st, 0))
STAT_TEST(__xstat64, struct stat64, 0, __xstat64(STAT_VERSION, path_of(), &st))
STAT_TEST(__lxstat64, struct stat64, 1, __lxstat64(STAT_VERSION, path_of(), &st))
STAT_TEST(__fxstat64, struct stat64, 0, __fxstat64(STAT_VERSION, fd, &st))
STAT_TEST(__fxstatat64, struct stat64, 0, __fxstatat64(STAT_VERSION, dirfd, "f", &st, 0))
#undef MTIME

#define MTIME(st) ((st).stx_mtime.tv_sec * NS_PER_S + (st).stx_mtime.tv_nsec)
STAT_TEST(statx, struct statx, 0, statx(dirfd, "f", 0, STATX_BASIC_STATS, &st))

/* The dates of files made one after the other. */
TWIN(new_file_fstat, READ_BY_TICKS)
{
	struct stat st;
	int dirfd = -1, fd = make(&dirfd, 0), ret = fstat(fd, &st);

	(void)ns;
	drop(dirfd);
	strcpy(dir_name, "/tmp/twin-XXXXXX");
	return ret == 0 ? ns_of(st.st_mtim) : fail("fstat");
}

TWIN(new_file_statx, READ_BY_TICKS)
{
	struct statx st;
	int dirfd = -1, ret;

	(void)ns;
	make(&dirfd, 0);
	ret = statx(dirfd, "f", 0, STATX_BASIC_STATS, &st);
	drop(dirfd);
	strcpy(dir_name, "/tmp/twin-XXXXXX");
	return ret == 0 ? MTIME(st) : fail("statx");
}

/* --- what the program sets ------------------------------------------------------------------ */

/* Set to a date after the run's begin, then to one long before, and read back.  The kernel
 * keeps wall nanoseconds; below TDF 1 each is several virtual ones. */
static int64_t reads_back(int dirfd, int64_t want)
{
	struct stat st;
	int64_t off;

	if (fstatat(dirfd, "f", &st, AT_SYMLINK_NOFOLLOW) != 0) {
		return fail("fstatat");
	}
	off = ns_of(st.st_mtim) - want;
	return off >= 0 && (double)off <= 1 / twin_factor() + 1 ? 0 : fail("reads back differently");
}

#define SET_TEST(name, unit_ns, link, call)                                            \
	TWIN(name, CHECK)                                                              \
	{                                                                              \
		int dirfd = -1, fd = make(&dirfd, link);                                    \
		int64_t date, result = 0;                                              \
                                                                                       \
		(void)ns;                                                              \
		(void)fd;                                                              \
		ruler_sleep(50 * NS_PER_MS);                                           \
		for (int old = 0; old < 2 && result == 0; old++) {                     \
			date = now_ns(CLOCK_REALTIME) - old * 100000 * NS_PER_S;       \
			date -= date % (unit_ns);                                      \
			struct timespec ts[2] = { ts_of(date), ts_of(date) };          \
			struct timeval tv[2] = { { ts[0].tv_sec, ts[0].tv_nsec / 1000 }, \
						 { ts[0].tv_sec, ts[0].tv_nsec / 1000 } }; \
			struct utimbuf ub = { ts[0].tv_sec, ts[0].tv_sec };            \
                                                                                       \
			(void)tv;                                                      \
			(void)ub;                                                      \
			result = (call) == 0 ? reads_back(dirfd, date) : fail(#call);  \
		}                                                                      \
		drop(dirfd);                                                           \
		return result;                                                         \
	}

SET_TEST(utimensat, 1, 1, utimensat(dirfd, "f", ts, AT_SYMLINK_NOFOLLOW))
SET_TEST(futimens, 1, 0, futimens(fd, ts))
SET_TEST(utimes, 1000, 0, utimes(path_of(), tv))
SET_TEST(lutimes, 1000, 1, lutimes(path_of(), tv))
SET_TEST(futimes, 1000, 0, futimes(fd, tv))
SET_TEST(futimesat, 1000, 0, futimesat(dirfd, "f", tv))
SET_TEST(utime, NS_PER_S, 0, utime(path_of(), &ub))

/* "Now" is the kernel's business, and reads as our now. */
TWIN(utime_now, CHECK)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
	struct stat st;
	int64_t before;
	int dirfd = -1, fd = make(&dirfd, 0);

	(void)ns;
	ruler_sleep(50 * NS_PER_MS);
	before = now_ns(CLOCK_REALTIME);
	futimens(fd, ts);
	fstat(fd, &st);
	drop(dirfd);
	return judge(ns_of(st.st_mtim), before);
}

TWIN(touched_file, READ_BY_TICKS)
{
	struct stat st;
	int dirfd = -1, fd = make(&dirfd, 0), ret;

	(void)ns;
	ret = futimens(fd, NULL) == 0 ? fstat(fd, &st) : -1;
	drop(dirfd);
	strcpy(dir_name, "/tmp/twin-XXXXXX");
	return ret == 0 ? ns_of(st.st_mtim) : fail("futimens");
}
