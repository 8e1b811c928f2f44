/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content - the bytes of one regular file, most of which lie elsewhere.
 *
 * Theory.  Each 4 KiB block is in one of three states (blockmap.h):
 *
 *	hole     never written, or written as zeros: reads as zeros
 *	matched  all 4096 bytes equal the reference padded with zeros, and the
 *	         file is long enough to hold the payload's part of the block
 *	private  all 4096 bytes lie in the backing file
 *
 * Bytes beyond the end of the file are zeros in whichever state their block
 * is, so a file may grow without touching any block.
 *
 * A block of zeros in the payload counts only when something was written into
 * the file's block: growing a file (truncate, fallocate) leaves holes.  A client
 * that preallocates by writing zeros is credited with such blocks, rightly: what
 * it then holds is the payload.
 *
 * A change of state happens after the bytes are where the new state says, so
 * a write that fails (disk full, quota, no memory) leaves the old bytes intact.
 *
 * Nothing here locks; the caller holds the lock of the peer.
 */
#ifndef LENTO_STORE_CONTENT_H
#define LENTO_STORE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/backing.h"
#include "store/blockmap.h"
#include "store/reference.h"

#define CONTENT_MAX_BYTES (UINT64_C(1) << 40)

struct content {
	const struct reference *ref; /* borrowed */
	struct quota *quota;         /* borrowed */
	struct backing back;
	struct blockmap map;
	uint64_t size_bytes;
	uint64_t matched_bytes;      /* of the payload, in matched blocks */
	uint32_t pieces;             /* of which all blocks are matched */
	uint32_t *piece_matched;     /* matched blocks by piece; NULL before the first */
};

void content_init(struct content *file, const struct reference *ref, struct quota *quota,
		  int backing_dirfd, uint64_t id);
void content_destroy(struct content *file);

/* Make it the whole payload, as if written.  0 or -errno. */
int content_fill(struct content *file);

/*
 * Bytes written, less than @len when the rest did not fit, or -errno
 * (EFBIG, ENOSPC, ENOMEM, or what the backing file says).
 */
int64_t content_write(struct content *file, uint64_t offset, const void *data, size_t len);

/*
 * Bytes read (0 at the end of the file) or -errno.  *where is @buf, or the
 * reference itself when all of the range is matched, valid as long as that.
 */
int64_t content_read(struct content *file, uint64_t offset, void *buf, size_t len,
		     const uint8_t **where);

/* 0 or -errno; may draw one block beyond the quota. */
int content_truncate(struct content *file, uint64_t size_bytes);

/* Make a range read as zeros and give its space back; the size stays.  0 or -errno. */
int content_zero(struct content *file, uint64_t offset, uint64_t len);

bool content_has_piece(const struct content *file, uint32_t piece);

/* Nobody has the file open: give back what is kept for speed. */
void content_idle(struct content *file);

#endif
