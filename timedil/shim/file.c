// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * file - the times of files: the stat and utime families.
 *
 * The kernel notes wall time in inodes; a program compares it with its own clock.
 * So times read are brought onto the virtual clock, and times set are taken from
 * it.  Only where TIMEDIL_FILES (page.h) says so; file systems named there hold virtual
 * times already and are left alone.
 *
 * Below TDF 1 a wall nanosecond is several virtual ones: a time that was set reads
 * back up to so many nanoseconds later.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#include "past.h"

#ifdef SYS_newfstatat
#define SYS_FSTATAT SYS_newfstatat
#else
#define SYS_FSTATAT SYS_fstatat
#endif

#define VIRTUAL_FS_MAX 4

static struct {
	bool mapped;                   /* whether times are mapped at all */
	unsigned count;
	const char *dir[VIRTUAL_FS_MAX];
	uint64_t dev[VIRTUAL_FS_MAX];  /* 0 = not known (yet) */
	char text[512];
} files;

void files_init(const char *dirs)
{
	size_t len = 0;

	files.mapped = true;
	files.count = 0;
	while (len < sizeof(files.text) - 1 && dirs[len]) {
		files.text[len] = dirs[len];
		len++;
	}
	files.text[len] = '\0';
	for (char *p = files.text; *p && files.count < VIRTUAL_FS_MAX;) {
		files.dir[files.count++] = p;
		while (*p && *p != ':') {
			p++;
		}
		if (*p == ':') {
			*p++ = '\0';
		}
	}
}

/* The directories may be mounted after the program has started: looked up when first
 * needed, and until found. */
static bool keeps_virtual_times(uint64_t dev)
{
	for (unsigned i = 0; i < files.count; i++) {
		struct stat st;

		if (files.dev[i] == 0 &&
		    sys4(SYS_FSTATAT, AT_FDCWD, files.dir[i], &st, 0) == 0) {
			files.dev[i] = st.st_dev;
		}
		if (files.dev[i] == dev) {
			return true;
		}
	}
	return false;
}

/* --- stat ------------------------------------------------------------------------- */

static int stat_result(long ret, struct stat *st)
{
	const struct timedil_page *page = shim_page();

	if (ret == 0 && page && files.mapped && !keeps_virtual_times(st->st_dev)) {
		st->st_atim = past_date_to_virt(page, st->st_atim);
		st->st_mtim = past_date_to_virt(page, st->st_mtim);
		st->st_ctim = past_date_to_virt(page, st->st_ctim);
	}
	return (int)shim_result(ret);
}

EXPORT int fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags)
{
	return stat_result(sys4(SYS_FSTATAT, dir, path, st, flags), st);
}

EXPORT int stat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, 0);
}

EXPORT int lstat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fstat(int fd, struct stat *st)
{
	return stat_result(sys2(SYS_fstat, fd, st), st);
}

/* Where time_t and off_t are 64 bits wide, struct stat64 is struct stat. */
static_assert(sizeof(struct stat) == sizeof(struct stat64), "64-bit machines only");

#define SAME_AS(name) __attribute__((alias(#name), visibility("default")))

int stat64(const char *restrict path, struct stat64 *restrict st) SAME_AS(stat);
int lstat64(const char *restrict path, struct stat64 *restrict st) SAME_AS(lstat);
int fstat64(int fd, struct stat64 *st) SAME_AS(fstat);
int fstatat64(int dir, const char *restrict path, struct stat64 *restrict st, int flags)
	SAME_AS(fstatat);

/* Programs built before glibc 2.33 call these; the version is always the present one. */
int __xstat(int version, const char *path, struct stat *st);
int __lxstat(int version, const char *path, struct stat *st);
int __fxstat(int version, int fd, struct stat *st);
int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags);

EXPORT int __xstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return stat(path, st);
}

EXPORT int __lxstat(int version, const char *path, struct stat *st)
{
	(void)version;
	return lstat(path, st);
}

EXPORT int __fxstat(int version, int fd, struct stat *st)
{
	(void)version;
	return fstat(fd, st);
}

EXPORT int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags)
{
	(void)version;
	return fstatat(dir, path, st, flags);
}

int __xstat64(int version, const char *path, struct stat64 *st) SAME_AS(__xstat);
int __lxstat64(int version, const char *path, struct stat64 *st) SAME_AS(__lxstat);
int __fxstat64(int version, int fd, struct stat64 *st) SAME_AS(__fxstat);
int __fxstatat64(int version, int dir, const char *path, struct stat64 *st, int flags)
	SAME_AS(__fxstatat);

static struct statx_timestamp statx_time(const struct timedil_page *page,
					 struct statx_timestamp wall)
{
	struct timespec ts = { wall.tv_sec, wall.tv_nsec };

	ts = past_date_to_virt(page, ts);
	wall.tv_sec = ts.tv_sec;
	wall.tv_nsec = (uint32_t)ts.tv_nsec;
	return wall;
}

EXPORT int statx(int dir, const char *restrict path, int flags, unsigned mask,
		 struct statx *restrict stx)
{
	const struct timedil_page *page = shim_page();
	long ret = sys6(SYS_statx, dir, path, flags, mask, stx, 0);

	if (ret == 0 && page && files.mapped &&
	    !keeps_virtual_times(((uint64_t)stx->stx_dev_major & 0xfff) << 8 |
				 ((uint64_t)stx->stx_dev_major & ~0xfffu) << 32 |
				 ((uint64_t)stx->stx_dev_minor & 0xff) |
				 ((uint64_t)stx->stx_dev_minor & ~0xffu) << 12)) {
		stx->stx_atime = statx_time(page, stx->stx_atime);
		stx->stx_mtime = statx_time(page, stx->stx_mtime);
		stx->stx_ctime = statx_time(page, stx->stx_ctime);
		stx->stx_btime = statx_time(page, stx->stx_btime);
	}
	return (int)shim_result(ret);
}

/* --- utime ------------------------------------------------------------------------ */

static bool target_is_mapped(int dir, const char *path, int flags)
{
	struct stat st;
	long ret;

	if (!files.mapped) {
		return false;
	}
	ret = path ? sys4(SYS_FSTATAT, dir, path, &st, flags) : sys2(SYS_fstat, dir, &st);
	return ret != 0 || !keeps_virtual_times(st.st_dev);
}

/* UTIME_NOW and UTIME_OMIT stand where nanoseconds do. */
static struct timespec to_wall(const struct timedil_page *page, struct timespec ts)
{
	return ts_valid(&ts) ? past_date_to_wall(page, ts) : ts;
}

static int set_times(int dir, const char *path, const struct timespec times[2], int flags)
{
	const struct timedil_page *page = shim_page();
	struct timespec wall[2];

	if (page && times && target_is_mapped(dir, path, flags)) {
		wall[0] = to_wall(page, times[0]);
		wall[1] = to_wall(page, times[1]);
		times = wall;
	}
	return (int)shim_result(sys4(SYS_utimensat, dir, path, times, flags));
}

static int set_timevals(int dir, const char *path, const struct timeval tv[2], int flags)
{
	struct timespec ts[2];

	if (!tv) {
		return set_times(dir, path, NULL, flags);
	}
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= US_PER_S) {
			return (int)shim_result(-EINVAL);
		}
		ts[i] = (struct timespec){ tv[i].tv_sec, tv[i].tv_usec * 1000 };
	}
	return set_times(dir, path, ts, flags);
}

EXPORT int utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
	if (!path) {
		return (int)shim_result(-EINVAL);
	}
	return set_times(dir, path, times, flags);
}

EXPORT int futimens(int fd, const struct timespec times[2])
{
	return fd < 0 ? (int)shim_result(-EBADF) : set_times(fd, NULL, times, 0);
}

EXPORT int utimes(const char *path, const struct timeval tv[2])
{
	return set_timevals(AT_FDCWD, path, tv, 0);
}

EXPORT int lutimes(const char *path, const struct timeval tv[2])
{
	return set_timevals(AT_FDCWD, path, tv, AT_SYMLINK_NOFOLLOW);
}

EXPORT int futimes(int fd, const struct timeval tv[2])
{
	return fd < 0 ? (int)shim_result(-EBADF) : set_timevals(fd, NULL, tv, 0);
}

EXPORT int futimesat(int dir, const char *path, const struct timeval tv[2])
{
	return set_timevals(dir, path, tv, 0);
}

EXPORT int utime(const char *path, const struct utimbuf *buf)
{
	struct timespec ts[2];

	if (!buf) {
		return set_times(AT_FDCWD, path, NULL, 0);
	}
	ts[0] = (struct timespec){ buf->actime, 0 };
	ts[1] = (struct timespec){ buf->modtime, 0 };
	return set_times(AT_FDCWD, path, ts, 0);
}
