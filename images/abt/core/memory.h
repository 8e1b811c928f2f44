/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory - the core's: who runs out of it ends, for a peer cannot do without its state. */
#ifndef ABT_MEMORY_H
#define ABT_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline void *memory_checked(void *memory)
{
	if (!memory) {
		abort();
	}
	return memory;
}

/* @bytes of zeros, of which there are some. */
static inline void *memory_zeros(size_t bytes)
{
	return memory_checked(calloc(1, bytes));
}

/* @array, of *@capacity members of @size, with room for one more than @count. */
static inline void *memory_room(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (count < *capacity) {
		return array;
	}
	*capacity = *capacity ? 2 * *capacity : 16;
	return memory_checked(reallocarray(array, *capacity, size));
}

#endif
