/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/reference.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clean.h"
#include "store/blockmap.h"

uint64_t reference_piece_count(uint64_t payload_bytes, uint64_t piece_bytes)
{
	return payload_bytes / piece_bytes + (payload_bytes % piece_bytes != 0);
}

int reference_open(struct reference *ref, const char *path, uint64_t piece_bytes,
		   struct err *err)
{
	CLEAN_CLOSE int fd = -1;
	struct stat st;

	*ref = (struct reference){ 0 };
	if (!path) {
		return 0;
	}
	if (piece_bytes == 0 || piece_bytes % BLOCK_BYTES) {
		return err_set(err, ERR_USAGE, "payload %s: piece size %llu is no multiple of %llu",
			       path, (unsigned long long)piece_bytes,
			       (unsigned long long)BLOCK_BYTES);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		return err_errno(err, ERR_FAILED, "payload %s", path);
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		return err_set(err, ERR_USAGE, "payload %s is %s", path,
			       S_ISREG(st.st_mode) ? "empty" : "no regular file");
	}
	uint64_t bytes = (uint64_t)st.st_size;
	uint64_t pieces = reference_piece_count(bytes, piece_bytes);

	if (pieces > UINT32_MAX) {
		return err_set(err, ERR_USAGE, "payload %s: too many pieces", path);
	}
	void *data = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (data == MAP_FAILED) {
		return err_errno(err, ERR_FAILED, "mapping payload %s", path);
	}
	(void)madvise(data, bytes, MADV_WILLNEED);
	*ref = (struct reference){
		.data = data,
		.bytes = bytes,
		.blocks = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES,
		.piece_blocks = piece_bytes / BLOCK_BYTES,
		.pieces = (uint32_t)pieces,
	};
	return 0;
}

void reference_close(struct reference *ref)
{
	if (ref->data) {
		munmap((void *)(uintptr_t)ref->data, ref->bytes);
	}
	*ref = (struct reference){ 0 };
}

uint64_t reference_span(const struct reference *ref, uint64_t first, uint64_t count)
{
	uint64_t from = first * BLOCK_BYTES, to = from + count * BLOCK_BYTES;

	if (to > ref->bytes) {
		to = ref->bytes;
	}
	return from < to ? to - from : 0;
}

uint64_t reference_piece_span(const struct reference *ref, uint32_t piece)
{
	uint64_t first = piece * ref->piece_blocks;
	uint64_t left = ref->blocks - first;

	return left < ref->piece_blocks ? left : ref->piece_blocks;
}
