/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flusher - a child process that has the kernel write dirty mapped pages of the
 * mount to us at once, and not half a minute later.
 *
 * A client that writes through a shared mapping (rtorrent, libtorrent 2) tells nobody; the
 * kernel hands the pages over when they are old (vm.dirty_expire_centisecs, 30 s), and
 * the pieces would seem complete only then.  So the mount is synced ten times a
 * second, which costs next to nothing when there is nothing dirty.
 *
 * It must be a process of its own, without a descriptor of /dev/fuse: one that
 * waits for the file system that it serves itself cannot be killed.
 */
#ifndef LENTO_STORE_FLUSHER_H
#define LENTO_STORE_FLUSHER_H

#include <sys/types.h>

#include "base/err.h"

#define FLUSHER_PERIOD_WMS 100

struct flusher {
	pid_t pid;
	int pipe_fd; /* its end means ours */
};

/* Before there are threads and before /dev/fuse is open. */
int flusher_fork(struct flusher *flusher, const char *mountpoint, struct err *err);
/* The file system is mounted. */
void flusher_go(const struct flusher *flusher);
/* Ends the child if it can be ended; it dies with us in any case. */
void flusher_end(struct flusher *flusher);

#endif
