// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/stats.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/rng.h"

#define RESAMPLES 2000

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* An ascending copy; the caller frees it. */
static double *ascending(const double *x, size_t n)
{
	double *copy = malloc((n ? n : 1) * sizeof(*copy));

	if (!copy) {
		abort();
	}
	if (n) {
		memcpy(copy, x, n * sizeof(*copy));
		qsort(copy, n, sizeof(*copy), compare);
	}
	return copy;
}

double stats_quantile(const double *sorted, size_t n, double q)
{
	return gsl_stats_quantile_from_sorted_data(sorted, 1, n, q);
}

void stats_summarize(const double *x, size_t n, struct stats_summary *out)
{
	CLEAN_FREE double *sorted = ascending(x, n);

	*out = (struct stats_summary){ n, NAN, NAN, NAN, NAN, NAN, NAN };
	if (n == 0) {
		return;
	}
	out->mean = gsl_stats_mean(x, 1, n);
	out->median = stats_quantile(sorted, n, 0.5);
	out->p95 = stats_quantile(sorted, n, 0.95);
	out->least = sorted[0];
	out->most = sorted[n - 1];
	out->sd = n > 1 ? gsl_stats_sd(x, 1, n) : NAN;
}

struct stats_range stats_mean_t95(const double *x, size_t n)
{
	double half, mean;

	if (n < 2) {
		return (struct stats_range){ NAN, NAN };
	}
	mean = gsl_stats_mean(x, 1, n);
	half = gsl_cdf_tdist_Pinv(0.975, (double)n - 1) * gsl_stats_sd(x, 1, n) / sqrt((double)n);
	return (struct stats_range){ mean - half, mean + half };
}

struct stats_range stats_median_bootstrap95(const double *x, size_t n, uint64_t seed)
{
	CLEAN_FREE double *drawn = malloc((n ? n : 1) * sizeof(*drawn));
	CLEAN_FREE double *medians = malloc(RESAMPLES * sizeof(*medians));
	struct rng rng;

	if (!drawn || !medians) {
		abort();
	}
	if (n < 2) {
		return (struct stats_range){ NAN, NAN };
	}
	rng_stream(&rng, seed, "bootstrap", n);
	for (size_t r = 0; r < RESAMPLES; r++) {
		for (size_t i = 0; i < n; i++) {
			drawn[i] = x[rng_below(&rng, n)];
		}
		qsort(drawn, n, sizeof(*drawn), compare);
		medians[r] = stats_quantile(drawn, n, 0.5);
	}
	qsort(medians, RESAMPLES, sizeof(*medians), compare);
	return (struct stats_range){ stats_quantile(medians, RESAMPLES, 0.025),
				     stats_quantile(medians, RESAMPLES, 0.975) };
}

double stats_ks_distance(const double *a, size_t na, const double *b, size_t nb)
{
	CLEAN_FREE double *x = ascending(a, na);
	CLEAN_FREE double *y = ascending(b, nb);
	double most = 0;
	size_t i = 0, j = 0;

	if (!na || !nb) {
		return NAN;
	}
	while (i < na && j < nb) {
		double at = fmin(x[i], y[j]);

		while (i < na && x[i] <= at) {
			i++;
		}
		while (j < nb && y[j] <= at) {
			j++;
		}
		most = fmax(most, fabs((double)i / (double)na - (double)j / (double)nb));
	}
	return most;
}

/* How far the distribution function of @x is above that of @y moved right by @slack, at most. */
static double most_above(const double *x, size_t nx, const double *y, size_t ny, double slack)
{
	double most = 0;
	size_t j = 0;

	for (size_t i = 0; i < nx; i++) {
		while (j < ny && y[j] <= x[i] + slack) {
			j++;
		}
		most = fmax(most, (double)(i + 1) / (double)nx - (double)j / (double)ny);
	}
	return most;
}

double stats_ks_within(const double *a, size_t na, const double *b, size_t nb, double slack)
{
	CLEAN_FREE double *x = ascending(a, na);
	CLEAN_FREE double *y = ascending(b, nb);

	if (!na || !nb) {
		return NAN;
	}
	return fmax(most_above(x, na, y, nb, slack), most_above(y, nb, x, na, slack));
}

double stats_ks_critical(size_t na, size_t nb, double alpha)
{
	double n = (double)na * (double)nb / (double)(na + nb);

	return sqrt(-log(alpha / 2) / 2 / n);
}

/* Both samples in one, each with its rank; those that are equal share the mean of their ranks. */
struct ranked {
	double value, rank;
	int from; /* 0: a, 1: b */
};

static int compare_ranked(const void *a, const void *b)
{
	return compare(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

/* Returns the sum of t^3 - t over the groups of equal values, which the variance wants. */
static double give_ranks(struct ranked *all, size_t n)
{
	double ties = 0;

	for (size_t i = 0, j; i < n; i = j) {
		double t;

		for (j = i; j < n && all[j].value == all[i].value; j++) {
		}
		for (size_t k = i; k < j; k++) {
			all[k].rank = ((double)i + 1 + (double)j) / 2;
		}
		t = (double)(j - i);
		ties += t * t * t - t;
	}
	return ties;
}

struct stats_mann_whitney stats_mann_whitney(const double *a, size_t na, const double *b, size_t nb)
{
	size_t n = na + nb;
	CLEAN_FREE struct ranked *all = calloc(n ? n : 1, sizeof(*all));
	double x = (double)na, y = (double)nb, sum = 0, ties, u, variance, z;

	if (!all) {
		abort();
	}
	if (!na || !nb) {
		return (struct stats_mann_whitney){ NAN, NAN, NAN };
	}
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct ranked){ .value = i < na ? a[i] : b[i - na], .from = i >= na };
	}
	qsort(all, n, sizeof(*all), compare_ranked);
	ties = give_ranks(all, n);
	for (size_t i = 0; i < n; i++) {
		sum += all[i].from == 0 ? all[i].rank : 0;
	}
	u = sum - x * (x + 1) / 2;
	variance = x * y / 12 * (x + y + 1 - ties / ((x + y) * (x + y - 1)));
	z = variance > 0 ? fmax(fabs(u - x * y / 2) - 0.5, 0) / sqrt(variance) : 0;
	return (struct stats_mann_whitney){ u, fmin(2 * gsl_cdf_ugaussian_Q(z), 1), 2 * u / (x * y) - 1 };
}

double stats_jain(const double *x, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		sum += x[i];
		squares += x[i] * x[i];
	}
	return squares > 0 ? sum * sum / ((double)n * squares) : NAN;
}
