// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/quantile.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void quantile_sort(int64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

double quantile_of(const int64_t *sorted, size_t count, double q)
{
	double place = q * (double)(count - 1);
	size_t below = (size_t)place;
	double rest = place - (double)below;

	if (below + 1 >= count) {
		return (double)sorted[count - 1];
	}
	return (double)sorted[below] + rest * (double)(sorted[below + 1] - sorted[below]);
}
