/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rootfs - the one root directory that all containers of a run share, read-only.
 *
 * It holds the host's programs (bind mounts of /usr and of what else is no link into
 * it), a small /etc of its own, and empty places for what each container mounts.
 */
#ifndef LENTO_ROOTFS_H
#define LENTO_ROOTFS_H

#include "base/err.h"

/* Build it at @dir, which must not exist, from the programs below @source ("/" or an image's root). */
int rootfs_build(const char *dir, const char *source, struct err *err);
/* Unmount and remove. */
void rootfs_remove(const char *dir);

/* Bind @from at @to (a directory), read-only with all that is mounted below it. */
int rootfs_bind_readonly(const char *from, const char *to, struct err *err);

#endif
