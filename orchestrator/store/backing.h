/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backing - the sparse file that keeps one file's private blocks, each at its
 * own offset, and the quota it draws on.
 *
 * The file is made with the first private block and closed while nobody has the
 * peer's file open.  What lies in it means something only where the block map says
 * "private", and there for all 4096 bytes; the rest is stale, and given back to
 * the disk in batches.  Not for durability: nothing is ever synced.
 */
#ifndef LENTO_STORE_BACKING_H
#define LENTO_STORE_BACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the private blocks of a peer's files may take together. */
struct quota {
	uint64_t used_bytes;
	uint64_t limit_bytes; /* 0: no limit */
};

struct backing {
	int dirfd;             /* borrowed */
	int fd;                /* -1: closed */
	bool exists;
	uint64_t id;           /* its name in dirfd, in hexadecimal */
	uint64_t stale_blocks; /* may take space without being private */
};

void backing_init(struct backing *back, int dirfd, uint64_t id);
/* Unlinks and closes. */
void backing_destroy(struct backing *back);
/* Close the descriptor until it is needed again. */
void backing_idle(struct backing *back);

/* Bytes written, less than @len only when the disk would take no more, or -errno. */
int64_t backing_write(struct backing *back, const void *data, size_t len, uint64_t offset);
/* 0 or -errno; @len bytes must have been written there. */
int backing_read(struct backing *back, void *data, size_t len, uint64_t offset);

/* Give the space of a range, or of everything, back.  Best effort. */
void backing_punch(struct backing *back, uint64_t offset, uint64_t len);
void backing_empty(struct backing *back);

#endif
