// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/series.h"

double series_draw(const struct series *s, struct rng *rng)
{
	double place = rng_unit(rng) * (double)(s->count - 1);
	size_t below = (size_t)place;

	if (below + 1 >= s->count) {
		return (double)s->values[s->count - 1];
	}
	return (double)s->values[below] +
	       (place - (double)below) * (double)(s->values[below + 1] - s->values[below]);
}

/* Rounded down also below 0. */
static int64_t periods(int64_t value, int64_t period)
{
	return value / period - (value % period < 0);
}

int64_t series_at(const struct series *s, int64_t origin, int64_t number)
{
	int64_t count = (int64_t)s->count, k = periods(number, count);

	return origin + k * s->values[count - 1] + s->values[number - k * count];
}

int64_t series_next(const struct series *s, int64_t origin, int64_t at)
{
	int64_t period = s->values[s->count - 1], k = periods(at - origin, period);
	int64_t offset = at - origin - k * period;
	size_t low = 0, high = s->count - 1;

	/* The end of a period is its last instant, not the first of the next one; the origin is
	 * the end of none. */
	if (offset == 0 && k != 0) {
		size_t same = s->count - 1;

		while (same > 0 && s->values[same - 1] == period) {
			same--;
		}
		return (k - 1) * (int64_t)s->count + (int64_t)same;
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->values[middle] >= offset) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return k * (int64_t)s->count + (int64_t)low;
}
