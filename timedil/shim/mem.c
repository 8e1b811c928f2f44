// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the compiler calls of its own accord; hidden, since we have no libc. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	const unsigned char *s = from;
	unsigned char *d = to;

	while (n--) {
		*d++ = *s++;
	}
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	unsigned char *d = to;

	while (n--) {
		*d++ = (unsigned char)byte;
	}
	return to;
}
