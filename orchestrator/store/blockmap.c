/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/blockmap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BLOCKS 4096u
#define WORD_BITS 64u
#define CHUNK_WORDS (CHUNK_BLOCKS / WORD_BITS)

struct blockmap_chunk {
	uint64_t index; /* covers blocks from index * CHUNK_BLOCKS on */
	uint32_t used;  /* blocks that are no hole */
	uint64_t matched[CHUNK_WORDS];
	uint64_t private[CHUNK_WORDS];
};

/* The place of the first chunk whose index is >= @index. */
static size_t chunk_place(const struct blockmap *map, uint64_t index)
{
	size_t low = 0, high = map->chunk_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (map->chunks[mid]->index < index) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

static struct blockmap_chunk *chunk_find(const struct blockmap *map, uint64_t index)
{
	size_t place = chunk_place(map, index);

	if (place < map->chunk_count && map->chunks[place]->index == index) {
		return map->chunks[place];
	}
	return NULL;
}

static struct blockmap_chunk *chunk_make(struct blockmap *map, uint64_t index)
{
	size_t place = chunk_place(map, index);

	if (place < map->chunk_count && map->chunks[place]->index == index) {
		return map->chunks[place];
	}
	if (map->chunk_count == map->chunk_room) {
		size_t room = map->chunk_room ? map->chunk_room * 2 : 4;
		struct blockmap_chunk **chunks = realloc(map->chunks, room * sizeof(*chunks));

		if (!chunks) {
			return NULL;
		}
		map->chunks = chunks;
		map->chunk_room = room;
	}
	struct blockmap_chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk) {
		return NULL;
	}
	chunk->index = index;
	memmove(&map->chunks[place + 1], &map->chunks[place],
		(map->chunk_count - place) * sizeof(*map->chunks));
	map->chunks[place] = chunk;
	map->chunk_count++;
	return chunk;
}

/* Free the chunks among [first, last] in which nothing but holes is left. */
static void chunks_drop_empty(struct blockmap *map, uint64_t first, uint64_t last)
{
	size_t from = chunk_place(map, first), to = from, seen = from;

	for (; seen < map->chunk_count && map->chunks[seen]->index <= last; seen++) {
		if (map->chunks[seen]->used == 0) {
			free(map->chunks[seen]);
		} else {
			map->chunks[to++] = map->chunks[seen];
		}
	}
	if (to < seen) {
		memmove(&map->chunks[to], &map->chunks[seen],
			(map->chunk_count - seen) * sizeof(*map->chunks));
		map->chunk_count -= seen - to;
	}
}

void blockmap_clear(struct blockmap *map)
{
	for (size_t i = 0; i < map->chunk_count; i++) {
		free(map->chunks[i]);
	}
	free(map->chunks);
	*map = (struct blockmap){ 0 };
}

static enum block_state chunk_get(const struct blockmap_chunk *chunk, unsigned bit)
{
	uint64_t mask = UINT64_C(1) << (bit % WORD_BITS);

	if (chunk->matched[bit / WORD_BITS] & mask) {
		return BLOCK_MATCHED;
	}
	return (chunk->private[bit / WORD_BITS] & mask) ? BLOCK_PRIVATE : BLOCK_HOLE;
}

enum block_state blockmap_get(const struct blockmap *map, uint64_t block)
{
	const struct blockmap_chunk *chunk = chunk_find(map, block / CHUNK_BLOCKS);

	return chunk ? chunk_get(chunk, (unsigned)(block % CHUNK_BLOCKS)) : BLOCK_HOLE;
}

/* A word with a one for each of 64 blocks that are in @state. */
static uint64_t chunk_word(const struct blockmap_chunk *chunk, unsigned word,
			   enum block_state state)
{
	switch (state) {
	case BLOCK_MATCHED:
		return chunk->matched[word];
	case BLOCK_PRIVATE:
		return chunk->private[word];
	default:
		return ~(chunk->matched[word] | chunk->private[word]);
	}
}

/* Length of the run of @state from @bit to the chunk's end at most. */
static unsigned chunk_run(const struct blockmap_chunk *chunk, unsigned bit,
			  enum block_state state)
{
	unsigned at = bit;

	while (at < CHUNK_BLOCKS) {
		unsigned shift = at % WORD_BITS;
		uint64_t others = ~chunk_word(chunk, at / WORD_BITS, state) >> shift;

		if (others) {
			at += (unsigned)__builtin_ctzll(others);
			break;
		}
		at += WORD_BITS - shift;
	}
	return at - bit;
}

uint64_t blockmap_run(const struct blockmap *map, uint64_t block, uint64_t limit,
		      enum block_state *state)
{
	uint64_t at = block;
	uint64_t end = limit < UINT64_MAX - block ? block + limit : UINT64_MAX;
	size_t place = chunk_place(map, block / CHUNK_BLOCKS);

	*state = blockmap_get(map, block);
	while (at < end) {
		uint64_t index = at / CHUNK_BLOCKS;
		const struct blockmap_chunk *chunk =
			place < map->chunk_count ? map->chunks[place] : NULL;

		if (!chunk || chunk->index != index) {
			if (*state != BLOCK_HOLE) {
				break;
			}
			at = chunk ? chunk->index * CHUNK_BLOCKS : end;
			continue;
		}
		at += chunk_run(chunk, (unsigned)(at % CHUNK_BLOCKS), *state);
		if (at < (index + 1) * CHUNK_BLOCKS) {
			break;
		}
		place++;
	}
	return (at < end ? at : end) - block;
}

/* Set @count bits from @bit on, keeping all counts right. */
static void chunk_set(struct blockmap *map, struct blockmap_chunk *chunk, unsigned bit,
		      unsigned count, enum block_state state)
{
	for (unsigned at = bit; at < bit + count;) {
		unsigned shift = at % WORD_BITS, word = at / WORD_BITS;
		unsigned n = WORD_BITS - shift;

		if (n > bit + count - at) {
			n = bit + count - at;
		}
		uint64_t mask = (n == WORD_BITS ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << shift;
		unsigned was_matched = (unsigned)__builtin_popcountll(chunk->matched[word] & mask);
		unsigned was_private = (unsigned)__builtin_popcountll(chunk->private[word] & mask);
		unsigned matched = state == BLOCK_MATCHED ? n : 0;
		unsigned private = state == BLOCK_PRIVATE ? n : 0;

		chunk->matched[word] = (chunk->matched[word] & ~mask) | (matched ? mask : 0);
		chunk->private[word] = (chunk->private[word] & ~mask) | (private ? mask : 0);
		chunk->used = chunk->used - was_matched - was_private + matched + private;
		map->matched_blocks = map->matched_blocks - was_matched + matched;
		map->private_blocks = map->private_blocks - was_private + private;
		at += n;
	}
}

int blockmap_reserve(struct blockmap *map, uint64_t first, uint64_t count)
{
	if (count == 0) {
		return 0;
	}
	uint64_t from = first / CHUNK_BLOCKS, to = (first + count - 1) / CHUNK_BLOCKS;

	for (uint64_t index = from; index <= to; index++) {
		if (!chunk_make(map, index)) {
			chunks_drop_empty(map, from, to);
			return -1;
		}
	}
	return 0;
}

int blockmap_set(struct blockmap *map, uint64_t first, uint64_t count, enum block_state state)
{
	if (count == 0) {
		return 0;
	}
	uint64_t last = first + count - 1;
	uint64_t first_chunk = first / CHUNK_BLOCKS, last_chunk = last / CHUNK_BLOCKS;

	if (state != BLOCK_HOLE && blockmap_reserve(map, first, count)) {
		return -1;
	}
	for (size_t place = chunk_place(map, first_chunk);
	     place < map->chunk_count && map->chunks[place]->index <= last_chunk; place++) {
		struct blockmap_chunk *chunk = map->chunks[place];
		uint64_t base = chunk->index * CHUNK_BLOCKS;
		uint64_t from = first > base ? first - base : 0;
		uint64_t to = last - base < CHUNK_BLOCKS ? last - base + 1 : CHUNK_BLOCKS;

		chunk_set(map, chunk, (unsigned)from, (unsigned)(to - from), state);
	}
	if (state == BLOCK_HOLE) {
		chunks_drop_empty(map, first_chunk, last_chunk);
	}
	return 0;
}

uint64_t blockmap_end(const struct blockmap *map)
{
	if (map->chunk_count == 0) {
		return 0;
	}
	const struct blockmap_chunk *chunk = map->chunks[map->chunk_count - 1];

	for (unsigned word = CHUNK_WORDS; word > 0; word--) {
		uint64_t used = chunk->matched[word - 1] | chunk->private[word - 1];

		if (used) {
			return chunk->index * CHUNK_BLOCKS + word * WORD_BITS -
			       (unsigned)__builtin_clzll(used);
		}
	}
	return 0;
}
