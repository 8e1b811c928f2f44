/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats - what can be said of a figure that was measured several times, or under two
 * conditions.  Distributions come from GSL; samples are plain arrays, in any order.
 */
#ifndef LENTO_STATS_H
#define LENTO_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats_range {
	double low, high; /* NAN both, when the sample is too small to say */
};

struct stats_summary {
	size_t n;
	double mean, median, p95, least, most, sd; /* sd: of the sample (n - 1); NAN for n < 2 */
};

/* All members are NAN (n: 0) for an empty sample. */
void stats_summarize(const double *x, size_t n, struct stats_summary *out);

/* Quantile @q (0..1) by linear interpolation (Hyndman and Fan's type 7); @x ascending, n > 0. */
double stats_quantile(const double *sorted, size_t n, double q);

/* 95 % confidence interval of the mean, by Student's t with n - 1 degrees of freedom. */
struct stats_range stats_mean_t95(const double *x, size_t n);

/*
 * The same for the median, by the percentile bootstrap (Efron 1979): 2000 samples drawn with
 * replacement, by @seed, so that the same data give the same interval.
 */
struct stats_range stats_median_bootstrap95(const double *x, size_t n, uint64_t seed);

/* The largest distance between the two distribution functions (Kolmogorov and Smirnov), 0..1. */
double stats_ks_distance(const double *a, size_t na, const double *b, size_t nb);

/*
 * The same, but values may be off by @slack either way: as far as the one function is above the other moved right
 * by so much, or below it moved left.  Few values that are far off weigh little in either.
 */
double stats_ks_within(const double *a, size_t na, const double *b, size_t nb, double slack);

/* What that distance exceeds with the probability @alpha when @a is drawn from the distribution of @b, at any
 * slack (Kolmogorov's limit; Smirnov's for two samples). */
double stats_ks_critical(size_t na, size_t nb, double alpha);

/*
 * Mann and Whitney's U test, two-sided, by the normal approximation with continuity and tie
 * correction.  delta is Cliff's: P(a > b) - P(a < b), from -1 to 1; 0 when neither tends to
 * be larger.  p and delta are NAN when a sample is empty.
 */
struct stats_mann_whitney {
	double u, p, delta;
};
struct stats_mann_whitney stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb);

/* Jain's index of fairness, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has all
 * (R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984); NAN when there is nothing to share. */
double stats_jain(const double *x, size_t n);

#endif
