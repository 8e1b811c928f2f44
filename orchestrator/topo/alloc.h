/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alloc - memory for what a user's file describes.  Its size is bounded by the
 * bounds on the file (topo/tree.h), so running out means that the host is at its
 * end: the program ends, as in str_format().
 */
#ifndef LENTO_TOPO_ALLOC_H
#define LENTO_TOPO_ALLOC_H

#include <stdlib.h>
#include <string.h>

static inline void *must_calloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p) {
		abort();
	}
	return p;
}

static inline char *must_strdup(const char *text)
{
	char *p = strdup(text);

	if (!p) {
		abort();
	}
	return p;
}

/* Room for one more element behind @count; grows by doubling. */
static inline void *must_grow(void *array, size_t count, size_t size)
{
	if (count == 0 || (count & (count - 1)) == 0) {
		array = reallocarray(array, count ? count * 2 : 1, size);
		if (!array) {
			abort();
		}
	}
	return array;
}

#endif
