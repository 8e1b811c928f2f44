// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"

char *str_format(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0) {
		abort();
	}
	va_end(ap);
	return s;
}

int fs_read(const char *path, char **text, size_t *len, struct err *err)
{
	CLEAN_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE char *buf = NULL;
	size_t used = 0, room = 0;
	ssize_t n;

	if (fd < 0) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	do {
		if (room - used < 4096) {
			char *grown = realloc(buf, room = room ? room * 2 : 8192);

			if (!grown) {
				return err_errno(err, ERR_FAILED, "%s", path);
			}
			buf = grown;
		}
		n = read(fd, buf + used, room - used - 1);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "%s", path);
		}
		used += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	buf[used] = '\0';
	*text = take_ptr(buf);
	if (len) {
		*len = used;
	}
	return 0;
}

int fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fs_write_atomic(const char *path, const void *data, size_t len, struct err *err)
{
	CLEAN_FREE char *tmp = str_format("%s.tmp.%d", path, (int)getpid());
	CLEAN_CLOSE int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0) {
		return err_errno(err, ERR_FAILED, "%s", tmp);
	}
	if (fs_write_all(fd, data, len) || fsync(fd) || rename(tmp, path)) {
		int saved = errno;

		unlink(tmp);
		errno = saved;
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	return 0;
}

int fs_write_knob(const char *path, const char *text, struct err *err)
{
	CLEAN_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = (ssize_t)strlen(text);

	if (fd < 0 || write(fd, text, (size_t)len) != len) {
		return err_errno(err, ERR_FAILED, "writing \"%s\" to %s", text, path);
	}
	return 0;
}

int fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
	CLEAN_FREE char *p = str_format("%s", path);

	for (char *s = p + 1; ; s++) {
		if (*s != '/' && *s != '\0') {
			continue;
		}
		char kept = *s;

		*s = '\0';
		if (mkdir(p, mode) && errno != EEXIST) {
			return err_errno(err, ERR_FAILED, "creating directory %s", p);
		}
		*s = kept;
		if (kept == '\0') {
			return 0;
		}
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return (type == FTW_DP || type == FTW_DNR ? rmdir(path) : unlink(path));
}

int fs_remove_tree(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) && errno == ENOENT) {
		return 0;
	}
	if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT)) {
		return err_errno(err, ERR_FAILED, "removing %s", path);
	}
	return 0;
}

/* nftw() hands nothing through: the owner for the walk under way. */
static __thread struct {
	uid_t uid;
	gid_t gid;
} new_owner;

static int chown_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return lchown(path, new_owner.uid, new_owner.gid);
}

int fs_chown_tree(const char *path, uid_t uid, gid_t gid)
{
	new_owner.uid = uid;
	new_owner.gid = gid;
	return nftw(path, chown_one, 32, FTW_PHYS | FTW_MOUNT);
}

static unsigned long number_in(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

int fs_give_to_caller(const char *path)
{
	return geteuid() == 0 ? fs_chown_tree(path, (uid_t)number_in("SUDO_UID"),
					      (gid_t)number_in("SUDO_GID")) : 0;
}

const char *fs_program_dir(void)
{
	static char dir[PATH_MAX];

	if (!dir[0]) {
		ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
		char *slash;

		dir[n > 0 ? n : 0] = '\0';
		slash = strrchr(dir, '/');
		if (slash) {
			*slash = '\0';
		}
	}
	return dir;
}
