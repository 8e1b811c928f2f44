/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * series - rows of numbers that lines refer to: what a jitter is drawn from, and when a line
 * that follows a trace may send.  Pure.
 */
#ifndef LENTO_SERIES_H
#define LENTO_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

struct series {
	int64_t *values;    /* ascending */
	size_t count;       /* at least 1 */
};

/* A draw from the distribution whose quantiles, in equal steps, the values are; linear between
 * them. */
double series_draw(const struct series *s, struct rng *rng);

/*
 * The values are instants, the last one, above 0, is the period after which they come again.
 * Instants are numbered on through all periods, from 0 for the first one at or after @origin.
 */
int64_t series_at(const struct series *s, int64_t origin, int64_t number);
/* The first one not before @at. */
int64_t series_next(const struct series *s, int64_t origin, int64_t at);

#endif
