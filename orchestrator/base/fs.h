/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs - whole files and whole trees.  Messages name the path.
 */
#ifndef LENTO_FS_H
#define LENTO_FS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* A formatted string; the caller frees it.  Ends the program if memory is out. */
char *str_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Read @path whole into a NUL-terminated buffer that the caller frees; *len
 * (may be NULL) is its length without the NUL.  Files in /proc and /sys work.
 */
int fs_read(const char *path, char **text, size_t *len, struct err *err);

/* Write all of @data to @fd, through short writes and signals; -1 with errno. */
int fs_write_all(int fd, const void *data, size_t len);

/* Replace @path as a reader sees it: write a temporary, fsync, rename. */
int fs_write_atomic(const char *path, const void *data, size_t len, struct err *err);

/* Write @text to an existing file (a sysctl, a cgroup knob) in one write(). */
int fs_write_knob(const char *path, const char *text, struct err *err);

/* mkdir -p. */
int fs_mkdirs(const char *path, mode_t mode, struct err *err);

/*
 * rm -rf, on this file system only: it never crosses a mount point, so a
 * bind mount left by a killed run loses nothing.  A missing @path is fine.
 */
int fs_remove_tree(const char *path, struct err *err);

/* Give @path and all below it to @uid/@gid; links are not followed.  0, or -1 with errno. */
int fs_chown_tree(const char *path, uid_t uid, gid_t gid);

/* Give @path and all below it to who called sudo, where root was got by it.  As above. */
int fs_give_to_caller(const char *path);

/* The directory that the running program lies in; a static buffer. */
const char *fs_program_dir(void);

#endif
