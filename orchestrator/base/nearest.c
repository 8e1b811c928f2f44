// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

#define NAME_MAX_LEN 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment distance; names longer than the table count as far. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[3][NAME_MAX_LEN + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN) {
		return NAME_MAX_LEN;
	}
	for (size_t j = 0; j <= lb; j++) {
		d[0][j] = (unsigned)j;
	}
	for (size_t i = 1; i <= la; i++) {
		unsigned *row = d[i % 3], *above = d[(i - 1) % 3], *second = d[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    second[j - 2] + 1 < row[j]) {
				row[j] = second[j - 2] + 1;
			}
		}
	}
	return d[la % 3][lb];
}

const char *nearest_name(const char *name, const char *const *names)
{
	unsigned best = (unsigned)(strlen(name) + 2) / 3 + 1;
	const char *hit = NULL;

	for (; *names; names++) {
		unsigned d = distance(name, *names);

		if (d < best) {
			best = d;
			hit = *names;
		}
	}
	return hit;
}
