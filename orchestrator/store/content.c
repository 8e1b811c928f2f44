/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Stale blocks are given back by this many at a time: often enough that the
 * disk holds next to nothing for a finished file, seldom enough that a
 * client that writes odd sizes does not pay a system call for each.
 */
#define STALE_BLOCKS_MAX 16

static const uint8_t zero_block[BLOCK_BYTES];

void content_init(struct content *file, const struct reference *ref, struct quota *quota,
		  int backing_dirfd, uint64_t id)
{
	*file = (struct content){ .ref = ref, .quota = quota };
	backing_init(&file->back, backing_dirfd, id);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- states ---------------------------------------------------------------- */

/* Book @count blocks as matched (@sign 1) or no longer so (-1). */
static void count_matched(struct content *file, uint64_t first, uint64_t count, int sign)
{
	const struct reference *ref = file->ref;
	uint64_t bytes = reference_span(ref, first, count);

	file->matched_bytes = sign > 0 ? file->matched_bytes + bytes : file->matched_bytes - bytes;
	while (count > 0) {
		uint32_t piece = (uint32_t)(first / ref->piece_blocks);
		uint64_t whole = reference_piece_span(ref, piece);
		uint64_t n = min_u64(count, (piece + UINT64_C(1)) * ref->piece_blocks - first);
		uint32_t before = file->piece_matched[piece];
		uint32_t after = sign > 0 ? before + (uint32_t)n : before - (uint32_t)n;

		file->piece_matched[piece] = after;
		file->pieces += (after == whole);
		file->pieces -= (before == whole);
		first += n;
		count -= n;
	}
}

/*
 * Put blocks into @state, with all counts.  The bytes must be in place.
 * 0, or -ENOMEM with nothing changed.
 */
static int set_state(struct content *file, uint64_t first, uint64_t count,
		     enum block_state state)
{
	enum block_state old;
	uint64_t n;

	if (state == BLOCK_MATCHED && !file->piece_matched) {
		file->piece_matched = calloc(file->ref->pieces, sizeof(*file->piece_matched));
		if (!file->piece_matched) {
			return -ENOMEM;
		}
	}
	if (state != BLOCK_HOLE && blockmap_reserve(&file->map, first, count)) {
		return -ENOMEM;
	}
	for (; count > 0; first += n, count -= n) {
		n = blockmap_run(&file->map, first, count, &old);
		if (old == state) {
			continue;
		}
		(void)blockmap_set(&file->map, first, n, state);
		if (old == BLOCK_MATCHED) {
			count_matched(file, first, n, -1);
		} else if (old == BLOCK_PRIVATE) {
			file->quota->used_bytes -= n * BLOCK_BYTES;
			file->back.stale_blocks += n;
		}
		if (state == BLOCK_MATCHED) {
			count_matched(file, first, n, 1);
		} else if (state == BLOCK_PRIVATE) {
			file->quota->used_bytes += n * BLOCK_BYTES;
		}
	}
	return 0;
}

/* Give stale space back when there is enough of it, or any (@now). */
static void trim(struct content *file, bool now)
{
	struct backing *back = &file->back;

	if (back->stale_blocks == 0 || (!now && back->stale_blocks < STALE_BLOCKS_MAX)) {
		return;
	}
	if (file->map.private_blocks == 0) {
		backing_empty(back);
		return;
	}
	uint64_t end = CONTENT_MAX_BYTES / BLOCK_BYTES;
	uint64_t at = 0, gap = 0;

	/* Gaps between private blocks; matched ones and holes are alike here. */
	while (at < end) {
		enum block_state state;
		uint64_t n = blockmap_run(&file->map, at, end - at, &state);

		if (state == BLOCK_PRIVATE) {
			if (at > gap) {
				backing_punch(back, gap * BLOCK_BYTES, (at - gap) * BLOCK_BYTES);
			}
			gap = at + n;
		}
		at += n;
	}
	if (end > gap) {
		backing_punch(back, gap * BLOCK_BYTES, (end - gap) * BLOCK_BYTES);
	}
	back->stale_blocks = 0;
}

void content_destroy(struct content *file)
{
	file->quota->used_bytes -= file->map.private_blocks * BLOCK_BYTES;
	blockmap_clear(&file->map);
	free(file->piece_matched);
	file->piece_matched = NULL;
	file->matched_bytes = 0;
	file->pieces = 0;
	backing_destroy(&file->back);
}

int content_fill(struct content *file)
{
	int rc = set_state(file, 0, file->ref->blocks, BLOCK_MATCHED);

	if (rc == 0) {
		file->size_bytes = file->ref->bytes;
		trim(file, true);
	}
	return rc;
}

bool content_has_piece(const struct content *file, uint32_t piece)
{
	return file->piece_matched && piece < file->ref->pieces &&
	       file->piece_matched[piece] == reference_piece_span(file->ref, piece);
}

void content_idle(struct content *file)
{
	trim(file, true);
	backing_idle(&file->back);
}

/* --- blocks ---------------------------------------------------------------- */

static const uint8_t *ref_block(const struct content *file, uint64_t block)
{
	return block < file->ref->blocks ? file->ref->data + block * BLOCK_BYTES : NULL;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* Does a file of @size_bytes hold the payload's part of @block? */
static bool covers(const struct content *file, uint64_t block, uint64_t size_bytes)
{
	return size_bytes >= min_u64((block + 1) * BLOCK_BYTES, file->ref->bytes);
}

/* In which state is a block of these 4096 bytes to be kept? */
static enum block_state classify(const struct content *file, uint64_t block,
				 const uint8_t *bytes, uint64_t size_bytes)
{
	const uint8_t *want = ref_block(file, block);

	if (want && memcmp(want, bytes, BLOCK_BYTES) == 0 && covers(file, block, size_bytes)) {
		return BLOCK_MATCHED;
	}
	return is_zero(bytes, BLOCK_BYTES) ? BLOCK_HOLE : BLOCK_PRIVATE;
}

/* The 4096 bytes of a block as they stand.  0 or -errno. */
static int load_block(struct content *file, uint64_t block, uint8_t *bytes)
{
	switch (blockmap_get(&file->map, block)) {
	case BLOCK_MATCHED:
		memcpy(bytes, ref_block(file, block), BLOCK_BYTES);
		return 0;
	case BLOCK_PRIVATE:
		return backing_read(&file->back, bytes, BLOCK_BYTES, block * BLOCK_BYTES);
	default:
		memset(bytes, 0, BLOCK_BYTES);
		return 0;
	}
}

/* How many of @count blocks the quota lets become private. */
static uint64_t quota_room(const struct quota *quota, uint64_t count)
{
	if (quota->limit_bytes == 0) {
		return count;
	}
	if (quota->used_bytes >= quota->limit_bytes) {
		return 0;
	}
	return min_u64(count, (quota->limit_bytes - quota->used_bytes) / BLOCK_BYTES);
}

/*
 * Keep whole blocks privately, as many as share one old state, so that the
 * quota is exact.  Returns bytes or -errno.  Of a write that the disk cut short,
 * blocks become private only whole; in blocks that were so already each byte counts.
 */
static int64_t store_private(struct content *file, uint64_t block, const uint8_t *bytes,
			     uint64_t count, bool quota_free)
{
	enum block_state old;
	uint64_t n = blockmap_run(&file->map, block, count, &old);

	if (!quota_free && old != BLOCK_PRIVATE) {
		n = quota_room(file->quota, n);
		if (n == 0) {
			return -ENOSPC;
		}
	}
	int64_t written = backing_write(&file->back, bytes, n * BLOCK_BYTES, block * BLOCK_BYTES);

	if (written < 0 || old == BLOCK_PRIVATE) {
		return written;
	}
	n = (uint64_t)written / BLOCK_BYTES;
	if (n == 0) {
		return -ENOSPC;
	}
	int rc = set_state(file, block, n, BLOCK_PRIVATE);

	return rc ? rc : (int64_t)(n * BLOCK_BYTES);
}

/* --- writing --------------------------------------------------------------- */

/*
 * Write the first of @count whole blocks: those that end up in one state.
 * Returns the bytes taken, or -errno.
 */
static int64_t write_whole(struct content *file, uint64_t block, const uint8_t *bytes,
			   uint64_t count)
{
	uint64_t in_ref = block < file->ref->blocks ? file->ref->blocks - block : 0;
	uint64_t n = min_u64(count, in_ref);

	/* The common case, at the speed of memory: all of it is payload. */
	if (n > 0 && memcmp(ref_block(file, block), bytes, n * BLOCK_BYTES) == 0) {
		int rc = set_state(file, block, n, BLOCK_MATCHED);

		return rc ? rc : (int64_t)(n * BLOCK_BYTES);
	}
	enum block_state state = classify(file, block, bytes, (block + 1) * BLOCK_BYTES);

	for (n = 1; n < count; n++) {
		if (classify(file, block + n, bytes + n * BLOCK_BYTES,
			     (block + n + 1) * BLOCK_BYTES) != state) {
			break;
		}
	}
	if (state == BLOCK_PRIVATE) {
		return store_private(file, block, bytes, n, false);
	}
	int rc = set_state(file, block, n, state);

	return rc ? rc : (int64_t)(n * BLOCK_BYTES);
}

/* Write @len bytes at @offset, all in one block but not all of it. */
static int64_t write_part(struct content *file, uint64_t offset, const uint8_t *bytes,
			  size_t len)
{
	uint8_t whole[BLOCK_BYTES];
	uint64_t block = offset / BLOCK_BYTES;
	size_t within = (size_t)(offset % BLOCK_BYTES);
	uint64_t size = offset + len > file->size_bytes ? offset + len : file->size_bytes;
	const uint8_t *want = ref_block(file, block);
	bool agrees = want && memcmp(want + within, bytes, len) == 0;
	enum block_state old = blockmap_get(&file->map, block);

	if (old == BLOCK_MATCHED && agrees) {
		return (int64_t)len;
	}
	if (old == BLOCK_PRIVATE && !(agrees && covers(file, block, size))) {
		return backing_write(&file->back, bytes, len, offset);
	}
	int rc = load_block(file, block, whole);

	if (rc) {
		return rc;
	}
	memcpy(whole + within, bytes, len);
	enum block_state state = classify(file, block, whole, size);

	if (state == BLOCK_PRIVATE && old == BLOCK_PRIVATE) {
		return backing_write(&file->back, bytes, len, offset);
	}
	if (state == BLOCK_PRIVATE) {
		int64_t n = store_private(file, block, whole, 1, false);

		return n < 0 ? n : (int64_t)len;
	}
	rc = set_state(file, block, 1, state);
	return rc ? rc : (int64_t)len;
}

int64_t content_write(struct content *file, uint64_t offset, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	size_t done = 0;
	int64_t n = 0;

	if (offset >= CONTENT_MAX_BYTES) {
		return len ? -EFBIG : 0;
	}
	len = (size_t)min_u64(len, CONTENT_MAX_BYTES - offset);
	while (done < len) {
		uint64_t at = offset + done;
		size_t left = len - done;
		size_t within = (size_t)(at % BLOCK_BYTES);

		if (within == 0 && left >= BLOCK_BYTES) {
			n = write_whole(file, at / BLOCK_BYTES, bytes + done, left / BLOCK_BYTES);
		} else {
			n = write_part(file, at, bytes + done,
				       (size_t)min_u64(left, BLOCK_BYTES - within));
		}
		if (n <= 0) {
			break;
		}
		done += (size_t)n;
		if (offset + done > file->size_bytes) {
			file->size_bytes = offset + done;
		}
	}
	trim(file, false);
	return done > 0 ? (int64_t)done : n;
}

/* --- reading --------------------------------------------------------------- */

int64_t content_read(struct content *file, uint64_t offset, void *buf, size_t len,
		     const uint8_t **where)
{
	uint8_t *out = buf;
	size_t done = 0;

	*where = out;
	if (offset >= file->size_bytes) {
		return 0;
	}
	len = (size_t)min_u64(len, file->size_bytes - offset);
	while (done < len) {
		enum block_state state;
		uint64_t at = offset + done, block = at / BLOCK_BYTES;
		uint64_t last = (offset + len - 1) / BLOCK_BYTES;
		uint64_t run = blockmap_run(&file->map, block, last - block + 1, &state);
		size_t n = (size_t)(min_u64((block + run) * BLOCK_BYTES, offset + len) - at);
		int rc = 0;

		if (state == BLOCK_MATCHED) {
			if (n == len) {
				*where = file->ref->data + at;
				return (int64_t)len;
			}
			memcpy(out + done, file->ref->data + at, n);
		} else if (state == BLOCK_HOLE) {
			memset(out + done, 0, n);
		} else {
			rc = backing_read(&file->back, out + done, n, at);
		}
		if (rc) {
			return done > 0 ? (int64_t)done : rc;
		}
		done += n;
	}
	return (int64_t)len;
}

/* --- size and holes -------------------------------------------------------- */

/*
 * The file is to end at @size_bytes, inside a block: make the block's tail
 * zeros and see anew how it is kept.  0 or -errno.
 */
static int cut_block(struct content *file, uint64_t size_bytes)
{
	uint8_t whole[BLOCK_BYTES];
	uint64_t block = size_bytes / BLOCK_BYTES;
	size_t keep = (size_t)(size_bytes % BLOCK_BYTES);
	enum block_state old = blockmap_get(&file->map, block);
	int rc = old == BLOCK_HOLE ? 0 : load_block(file, block, whole);

	if (old == BLOCK_HOLE || rc) {
		return rc;
	}
	memset(whole + keep, 0, BLOCK_BYTES - keep);
	enum block_state state = classify(file, block, whole, size_bytes);

	if (state == BLOCK_PRIVATE) {
		int64_t n = store_private(file, block, whole, 1, true);

		return n == (int64_t)BLOCK_BYTES ? 0 : n < 0 ? (int)n : -ENOSPC;
	}
	return set_state(file, block, 1, state);
}

int content_truncate(struct content *file, uint64_t size_bytes)
{
	if (size_bytes > CONTENT_MAX_BYTES) {
		return -EFBIG;
	}
	if (size_bytes < file->size_bytes) {
		uint64_t first = (size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
		uint64_t end = blockmap_end(&file->map);
		int rc = (size_bytes % BLOCK_BYTES) ? cut_block(file, size_bytes) : 0;

		if (rc) {
			return rc;
		}
		if (end > first) {
			(void)set_state(file, first, end - first, BLOCK_HOLE);
		}
		trim(file, false);
	}
	file->size_bytes = size_bytes;
	return 0;
}

int content_zero(struct content *file, uint64_t offset, uint64_t len)
{
	if (offset >= file->size_bytes) {
		return 0;
	}
	uint64_t end = offset + min_u64(len, file->size_bytes - offset);

	while (offset < end) {
		uint64_t within = offset % BLOCK_BYTES;
		uint64_t n = min_u64(end - offset, BLOCK_BYTES - within);

		if (n == BLOCK_BYTES) {
			n = (end - offset) / BLOCK_BYTES * BLOCK_BYTES;
			(void)set_state(file, offset / BLOCK_BYTES, n / BLOCK_BYTES, BLOCK_HOLE);
		} else if (blockmap_get(&file->map, offset / BLOCK_BYTES) != BLOCK_HOLE) {
			int64_t rc = write_part(file, offset, zero_block, (size_t)n);

			if (rc != (int64_t)n) {
				return rc < 0 ? (int)rc : -ENOSPC;
			}
		}
		offset += n;
	}
	trim(file, false);
	return 0;
}
