// SPDX-License-Identifier: GPL-2.0-or-later
#include "topo/nearest.h"

#include <string.h>

#define LONGEST 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edit distance with transpositions ("optimal string alignment"), three rows. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2];
	size_t la = strlen(a), lb = strlen(b);

	for (unsigned j = 0; j <= lb; j++) {
		last[j] = j;
	}
	for (size_t i = 1; i <= la; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j]) {
				row[j] = before[j - 2] + 1;
			}
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[lb];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
	size_t len = strlen(word);
	unsigned limit = len < 3 ? 1 : (unsigned)(len + 1) / 3, best = limit + 1;
	const char *found = NULL;

	if (len == 0 || len > LONGEST) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		unsigned d;

		if (strlen(names[i]) > LONGEST) {
			continue;
		}
		d = distance(word, names[i]);
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
