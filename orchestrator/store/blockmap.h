/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blockmap - how each 4 KiB block of one file is kept, in two bits.
 *
 * Pure: knows nothing of payloads or files.  Bits lie in chunks of 4096 blocks
 * (16 MiB of file), which exist only where some block is not a hole, so the
 * memory follows what was written and not the size of the file.
 */
#ifndef LENTO_STORE_BLOCKMAP_H
#define LENTO_STORE_BLOCKMAP_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES UINT64_C(4096)

enum block_state {
	BLOCK_HOLE = 0, /* reads as zeros, kept nowhere */
	BLOCK_MATCHED,  /* equals the payload's block */
	BLOCK_PRIVATE,  /* kept in the backing file */
};

struct blockmap_chunk;

/* All zeros is an empty map: holes only. */
struct blockmap {
	struct blockmap_chunk **chunks; /* sorted by position */
	size_t chunk_count, chunk_room;
	uint64_t matched_blocks, private_blocks;
};

void blockmap_clear(struct blockmap *map);

enum block_state blockmap_get(const struct blockmap *map, uint64_t block);

/* How many blocks from @block on, at most @limit (> 0), share its state *@state. */
uint64_t blockmap_run(const struct blockmap *map, uint64_t block, uint64_t limit,
		      enum block_state *state);

/* Make room, so that setting these blocks cannot fail.  0, or -1: no memory. */
int blockmap_reserve(struct blockmap *map, uint64_t first, uint64_t count);

/* 0, or -1 with nothing changed when memory is out (never for BLOCK_HOLE). */
int blockmap_set(struct blockmap *map, uint64_t first, uint64_t count, enum block_state state);

/* One past the last block that is no hole; 0 for an empty map. */
uint64_t blockmap_end(const struct blockmap *map);

#endif
