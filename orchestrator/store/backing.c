/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define NAME_BYTES 20

static void backing_name(const struct backing *back, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%" PRIx64, back->id);
}

void backing_init(struct backing *back, int dirfd, uint64_t id)
{
	*back = (struct backing){ .dirfd = dirfd, .fd = -1, .id = id };
}

void backing_idle(struct backing *back)
{
	if (back->fd >= 0) {
		close(back->fd);
		back->fd = -1;
	}
}

void backing_destroy(struct backing *back)
{
	backing_idle(back);
	if (back->exists) {
		char name[NAME_BYTES];

		backing_name(back, name);
		unlinkat(back->dirfd, name, 0);
		back->exists = false;
	}
}

static int backing_open(struct backing *back)
{
	char name[NAME_BYTES];

	if (back->fd >= 0) {
		return 0;
	}
	backing_name(back, name);
	back->fd = openat(back->dirfd, name,
			  O_RDWR | O_CLOEXEC | O_NOFOLLOW | (back->exists ? 0 : O_CREAT | O_TRUNC),
			  0600);
	if (back->fd < 0) {
		return -errno;
	}
	back->exists = true;
	return 0;
}

int64_t backing_write(struct backing *back, const void *data, size_t len, uint64_t offset)
{
	size_t done = 0;
	int rc = backing_open(back);

	while (rc == 0 && done < len) {
		ssize_t n = pwrite(back->fd, (const char *)data + done, len - done,
				   (off_t)(offset + done));

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0) {
			rc = -ENOSPC;
		} else if (errno != EINTR) {
			rc = -errno;
		}
	}
	return done > 0 ? (int64_t)done : rc;
}

int backing_read(struct backing *back, void *data, size_t len, uint64_t offset)
{
	size_t done = 0;
	int rc = backing_open(back);

	while (rc == 0 && done < len) {
		ssize_t n = pread(back->fd, (char *)data + done, len - done,
				  (off_t)(offset + done));

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0) {
			rc = -EIO;
		} else if (errno != EINTR) {
			rc = -errno;
		}
	}
	return rc;
}

void backing_punch(struct backing *back, uint64_t offset, uint64_t len)
{
	if (back->exists && backing_open(back) == 0) {
		(void)fallocate(back->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				(off_t)offset, (off_t)len);
	}
}

void backing_empty(struct backing *back)
{
	back->stale_blocks = 0;
	if (back->exists && backing_open(back) == 0 && ftruncate(back->fd, 0)) {
		/* Stale space on a failing disk; nothing to be done about it here. */
		back->stale_blocks = 1;
	}
}
