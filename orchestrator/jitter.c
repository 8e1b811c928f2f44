// SPDX-License-Identifier: GPL-2.0-or-later
#include "jitter.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#include "base/clean.h"
#include "base/rng.h"
#include "report/stats.h"
#include "topo/alloc.h"

#define DRAWS 4096u
#define ALPHA 1e-4
/* See wire/linkq.c: of a minimum of 1, shifted to the mean 0 and scaled to the deviation 1. */
#define PARETO_SHAPE 3.0

/* Where a share @u, in 0..1 without its ends, of the packets is delayed by less. */
static double quantile(const struct jitter_spec *j, double u)
{
	double spread = (double)j->spread_ns;

	switch (j->distribution) {
	case JITTER_UNIFORM:
		return spread * gsl_cdf_flat_Pinv(u, -1, 1);
	case JITTER_NORMAL:
		return spread * gsl_cdf_ugaussian_Pinv(u);
	case JITTER_PARETO:
		return spread * (gsl_cdf_pareto_Pinv(u, PARETO_SHAPE, 1) - 1.5) / sqrt(0.75);
	case JITTER_TABLE: {
		double at = u * (double)(j->table->count - 1), whole = floor(at);
		size_t below = (size_t)whole, above = below + (below + 1 < j->table->count);
		const int64_t *v = j->table->values;

		return (double)v[below] + (at - whole) * (double)(v[above] - v[below]);
	}
	}
	return 0;
}

/* The time of one way, which is never below 0. */
static double draw_way(const struct jitter_spec *j, int64_t delay_ns, struct rng *rng)
{
	double u = fmax(rng_unit(rng), 0x1p-53);

	return j->spread_ns > 0 ? fmax((double)delay_ns + quantile(j, u), 0) : (double)delay_ns;
}

static void about_median(double *x, size_t n)
{
	struct stats_summary s;

	stats_summarize(x, n, &s);
	for (size_t i = 0; i < n; i++) {
		x[i] -= s.median;
	}
}

double jitter_distance(const struct link_spec *link, const int64_t *rtts_ns, size_t n,
		       double slack_ns)
{
	CLEAN_FREE double *asked = must_calloc(DRAWS, sizeof(*asked));
	CLEAN_FREE double *measured = must_calloc(n, sizeof(*measured));
	struct rng rng;

	rng_stream(&rng, 1, "jitter", 0);
	for (size_t i = 0; i < DRAWS; i++) {
		asked[i] = draw_way(&link->up_jitter, link->up_delay_ns, &rng) +
			   draw_way(&link->down_jitter, link->down_delay_ns, &rng);
	}
	for (size_t i = 0; i < n; i++) {
		measured[i] = (double)rtts_ns[i];
	}
	about_median(asked, DRAWS);
	about_median(measured, n);
	return stats_ks_within(measured, n, asked, DRAWS, slack_ns);
}

double jitter_limit(size_t n)
{
	return stats_ks_critical(n, DRAWS, ALPHA);
}
