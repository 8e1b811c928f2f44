/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quantile - order statistics of a few numbers.
 */
#ifndef LENTO_QUANTILE_H
#define LENTO_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

void quantile_sort(int64_t *values, size_t count);

/*
 * The quantile @q (0..1) of @count > 0 ascending values, with linear interpolation
 * between neighbours (type 7 of Hyndman and Fan, the default of R and NumPy).
 */
double quantile_of(const int64_t *sorted, size_t count, double q);

#endif
