// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

/* Where programs and libraries live; on a merged-/usr host all but the first are links. */
static const char *const program_dirs[] = {
	"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32",
};

static const char *const own_dirs[] = {
	"data", "log", "tmp", "lento", "proc", "sys", "dev", "run", "etc", "var", "var/lib",
};

static const struct {
	const char *target, *path;
} own_links[] = {
	{ "/tmp", "var/tmp" }, { "/run", "var/run" }, { "/tmp", "root" }, { "/proc/mounts", "etc/mtab" },
};

static const struct {
	const char *path, *text;
} own_files[] = {
	{ "etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n"
			"daemon:x:1:1:daemon:/tmp:/usr/sbin/nologin\n"
			"nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n" },
	{ "etc/group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n" },
	{ "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" },
	{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"
			       "services: files\nprotocols: files\n" },
	{ "etc/resolv.conf", "" },
};

/* Taken over from the source when it has them. */
static const char *const copied_files[] = {
	"etc/ld.so.cache", "etc/ld.so.conf", "etc/protocols", "etc/services",
};
static const char *const copied_dirs[] = { "etc/ld.so.conf.d", "etc/alternatives" };

int rootfs_bind_readonly(const char *from, const char *to, struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};

	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL)) {
		return err_errno(err, ERR_FAILED, "mounting %s at %s", from, to);
	}
	/* Before Linux 5.12 only the mount itself, not those below, becomes read-only. */
	if (mount_setattr(AT_FDCWD, to, AT_RECURSIVE, &attr, sizeof(attr)) &&
	    mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL)) {
		err_errno(err, ERR_FAILED, "making %s read-only", to);
		umount2(to, MNT_DETACH);
		return -1;
	}
	return 0;
}

static int copy_link(const char *from, const char *to, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0) {
		return err_errno(err, ERR_FAILED, "%s", from);
	}
	target[n] = '\0';
	if (symlink(target, to)) {
		return err_errno(err, ERR_FAILED, "linking %s", to);
	}
	return 0;
}

static int copy_file(const char *from, const char *to, struct err *err)
{
	CLEAN_FREE char *text = NULL;
	size_t len;

	if (fs_read(from, &text, &len, err) || fs_write_atomic(to, text, len, err)) {
		return -1;
	}
	return 0;
}

/* Links and plain files of one directory. */
static int copy_dir(const char *from, const char *to, struct err *err)
{
	CLEAN_CLOSEDIR DIR *dir = opendir(from);
	struct dirent *ent;

	if (!dir) {
		return 0;
	}
	if (mkdir(to, 0755)) {
		return err_errno(err, ERR_FAILED, "making %s", to);
	}
	while ((ent = readdir(dir))) {
		CLEAN_FREE char *a = str_format("%s/%s", from, ent->d_name);
		CLEAN_FREE char *b = str_format("%s/%s", to, ent->d_name);
		struct stat st;

		if (lstat(a, &st)) {
			continue;
		}
		if ((S_ISLNK(st.st_mode) && copy_link(a, b, err)) ||
		    (S_ISREG(st.st_mode) && copy_file(a, b, err))) {
			return -1;
		}
	}
	return 0;
}

static int add_programs(const char *dir, const char *source, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(program_dirs); i++) {
		CLEAN_FREE char *from = str_format("%s/%s", source, program_dirs[i]);
		CLEAN_FREE char *to = str_format("%s/%s", dir, program_dirs[i]);
		struct stat st;

		if (lstat(from, &st)) {
			continue;
		}
		if (S_ISLNK(st.st_mode)) {
			if (copy_link(from, to, err)) {
				return -1;
			}
			continue;
		}
		if (mkdir(to, 0755)) {
			return err_errno(err, ERR_FAILED, "making %s", to);
		}
		if (rootfs_bind_readonly(from, to, err)) {
			return -1;
		}
	}
	return 0;
}

static int add_own(const char *dir, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(own_dirs); i++) {
		CLEAN_FREE char *path = str_format("%s/%s", dir, own_dirs[i]);

		if (mkdir(path, 0755)) {
			return err_errno(err, ERR_FAILED, "making %s", path);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(own_links); i++) {
		CLEAN_FREE char *path = str_format("%s/%s", dir, own_links[i].path);

		if (symlink(own_links[i].target, path)) {
			return err_errno(err, ERR_FAILED, "linking %s", path);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(own_files); i++) {
		CLEAN_FREE char *path = str_format("%s/%s", dir, own_files[i].path);

		if (fs_write_atomic(path, own_files[i].text, strlen(own_files[i].text), err)) {
			return -1;
		}
	}
	return 0;
}

static int add_copied(const char *dir, const char *source, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(copied_files); i++) {
		CLEAN_FREE char *from = str_format("%s/%s", source, copied_files[i]);
		CLEAN_FREE char *to = str_format("%s/%s", dir, copied_files[i]);

		if (!access(from, R_OK) && copy_file(from, to, err)) {
			return -1;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(copied_dirs); i++) {
		CLEAN_FREE char *from = str_format("%s/%s", source, copied_dirs[i]);
		CLEAN_FREE char *to = str_format("%s/%s", dir, copied_dirs[i]);

		if (copy_dir(from, to, err)) {
			return -1;
		}
	}
	return 0;
}

int rootfs_build(const char *dir, const char *source, struct err *err)
{
	const char *from = !strcmp(source, "/") ? "" : source;

	if (mkdir(dir, 0755)) {
		return err_errno(err, ERR_FAILED, "making %s", dir);
	}
	if (add_programs(dir, from, err) || add_own(dir, err) || add_copied(dir, from, err)) {
		rootfs_remove(dir);
		return -1;
	}
	return 0;
}

void rootfs_remove(const char *dir)
{
	for (size_t i = 0; i < ARRAY_LEN(program_dirs); i++) {
		CLEAN_FREE char *path = str_format("%s/%s", dir, program_dirs[i]);
		struct stat st;

		if (!lstat(path, &st) && S_ISDIR(st.st_mode)) {
			umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
		}
	}
	fs_remove_tree(dir, NULL);
}
