// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/compare.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"

#define REPLICAS_ENOUGH 3 /* for an interval over replicas */

/* --- figures ---------------------------------------------------------------------- */

static bool counts(const struct past_peer *p, const char *group)
{
	return p->role == ROLE_LEECH && (!group || strcmp(p->group, group) == 0);
}

static double mean_jain(const struct runset *set, const char *group)
{
	CLEAN_FREE double *x = calloc(runset_leechers(set, group) + 1, sizeof(*x));
	double sum = 0;

	if (!x) {
		abort();
	}
	for (size_t r = 0; r < set->run_count; r++) {
		size_t n = 0;

		for (size_t i = 0; i < set->runs[r].peer_count; i++) {
			const struct past_peer *p = &set->runs[r].peers[i];

			if (counts(p, group) && !isnan(p->goodput_bps)) {
				x[n++] = p->goodput_bps;
			}
		}
		sum += stats_jain(x, n);
	}
	return sum / (double)set->run_count;
}

static double median_share_ratio(const struct runset *set, const char *group)
{
	CLEAN_FREE double *x = calloc(runset_leechers(set, group) + 1, sizeof(*x));
	struct stats_summary s;
	size_t n = 0;

	if (!x) {
		abort();
	}
	for (size_t r = 0; r < set->run_count; r++) {
		for (size_t i = 0; i < set->runs[r].peer_count; i++) {
			const struct past_peer *p = &set->runs[r].peers[i];

			if (counts(p, group) && p->payload_bytes > 0) {
				x[n++] = p->up_bytes / p->payload_bytes;
			}
		}
	}
	stats_summarize(x, n, &s);
	return s.median;
}

/* Of replicas, each gives one median; of fewer than REPLICAS_ENOUGH, the peers are the sample. */
static struct stats_range median_interval(const struct runset *set, const char *group,
					  const double *times, size_t n)
{
	CLEAN_FREE double *medians = calloc(set->run_count + 1, sizeof(*medians));
	size_t have = 0;

	if (!medians) {
		abort();
	}
	if (set->run_count < REPLICAS_ENOUGH) {
		return stats_median_bootstrap95(times, n, 1);
	}
	for (size_t r = 0; r < set->run_count; r++) {
		const struct runset one = { .runs = &set->runs[r], .run_count = 1 };
		struct stats_summary s;
		size_t k;
		CLEAN_FREE double *x = runset_completions(&one, group, &k);

		stats_summarize(x, k, &s);
		if (k) {
			medians[have++] = s.median;
		}
	}
	return stats_median_bootstrap95(medians, have, 1);
}

void compare_sets(const struct runset *sets, size_t count, const char *group, struct compared *out)
{
	CLEAN_FREE double *first = NULL;
	size_t first_n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct runset *set = &sets[i];
		size_t n;
		double *times = runset_completions(set, group, &n);

		out[i] = (struct compared){
			.label = set->label, .name = set->runs[0].name, .verdict = runset_verdict(set),
			.runs = set->run_count, .leechers = runset_leechers(set, group),
			.median_ci = median_interval(set, group, times, n),
			.jain = mean_jain(set, group), .share_ratio = median_share_ratio(set, group),
			.median_change = NAN, .ks = NAN, .test = { NAN, NAN, NAN },
		};
		stats_summarize(times, n, &out[i].time);
		if (i == 0) {
			first = times;
			first_n = n;
			continue;
		}
		out[i].median_change = out[i].time.median / out[0].time.median - 1;
		out[i].ks = stats_ks_distance(first, first_n, times, n);
		out[i].test = stats_mann_whitney(times, n, first, first_n);
		free(times);
	}
}

/* --- for people ---------------------------------------------------------------------- */

/* Where the words go is convention: J. Romano et al., "Exploring methods for evaluating group
 * differences on the NSSE and other surveys", 2006. */
static const char *size_word(double delta)
{
	double d = fabs(delta);

	return d < 0.147 ? "negligible" : d < 0.33 ? "small" : d < 0.474 ? "medium" : "large";
}

static void print_against(const struct compared *c, char letter, FILE *out)
{
	if (isnan(c->test.p)) {
		fprintf(out, "  %c   nobody completed on one side: nothing to compare\n", letter);
		return;
	}
	fprintf(out, "  %c   median %+.1f %%, KS distance %.3f, Mann-Whitney p %.3g, Cliff's delta %+.2f (%s)\n",
		letter, 100 * c->median_change, c->ks, c->test.p, c->test.delta, size_word(c->test.delta));
}

void compare_print(const struct compared *c, size_t count, FILE *out)
{
	bool untrusted = false;

	fprintf(out, "      %-9s %4s %11s %9s %19s %9s %9s %6s %6s\n", "verdict", "runs", "complete",
		"median", "95 % of median", "p95", "max", "Jain", "ratio");
	for (size_t i = 0; i < count; i++) {
		char done[32], ci[40];

		snprintf(done, sizeof(done), "%zu/%zu", c[i].time.n, c[i].leechers);
		snprintf(ci, sizeof(ci), "%.2f .. %.2f", c[i].median_ci.low, c[i].median_ci.high);
		fprintf(out, "  %c   %-9s %4zu %11s %9.2f %19s %9.2f %9.2f %6.3f %6.2f\n", (char)('A' + i),
			verdict_name(c[i].verdict), c[i].runs, done, c[i].time.median, ci,
			c[i].time.p95, c[i].time.most, c[i].jain, c[i].share_ratio);
		untrusted = untrusted || c[i].verdict != VERDICT_TRUSTED;
	}
	fputs("      completion in virtual s from a peer's own start; Jain: fairness of goodput;\n"
	      "      ratio: IP bytes sent for each payload byte held\n\n", out);
	for (size_t i = 1; i < count; i++) {
		if (i == 1) {
			fputs("against A\n", out);
		}
		print_against(&c[i], (char)('A' + i), out);
	}
	fputs("\n", out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "  %c   %s (%s)\n", (char)('A' + i), c[i].label, c[i].name);
	}
	if (untrusted) {
		fputs("\nnot all of these runs are trusted: \"verdict\" in their results.json says why\n", out);
	}
}

/* --- for programs ---------------------------------------------------------------------- */

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

int compare_print_json(const struct compared *c, size_t count, const char *group, FILE *out)
{
	json_t *sets = json_array(), *root;
	int rc;

	for (size_t i = 0; i < count; i++) {
		const struct compared *x = &c[i];

		json_array_append_new(sets, json_pack(
			"{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:[o, o], s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"path", x->label, "name", x->name, "verdict", verdict_name(x->verdict),
			"runs", (json_int_t)x->runs, "leechers", (json_int_t)x->leechers,
			"complete", (json_int_t)x->time.n, "median_virt_s", real(x->time.median),
			"median_ci95", real(x->median_ci.low), real(x->median_ci.high),
			"p95_virt_s", real(x->time.p95), "max_virt_s", real(x->time.most),
			"mean_virt_s", real(x->time.mean), "jain", real(x->jain),
			"share_ratio", real(x->share_ratio), "median_change", real(x->median_change),
			"ks_distance", real(x->ks), "mann_whitney_p", real(x->test.p),
			"cliffs_delta", real(x->test.delta)));
	}
	root = json_pack("{s:s, s:i, s:s?, s:o}", "schema", "lento-comparison", "version", 1,
			 "group", group, "sets", sets);
	rc = root ? json_dumpf(root, out, JSON_INDENT(2)) : -1;
	json_decref(root);
	fputc('\n', out);
	return rc;
}

void compare_print_csv(const struct compared *c, size_t count, FILE *out)
{
	fputs("path,name,verdict,runs,leechers,complete,median_virt_s,median_ci95_low,median_ci95_high,"
	      "p95_virt_s,max_virt_s,mean_virt_s,jain,share_ratio,median_change,ks_distance,"
	      "mann_whitney_p,cliffs_delta\n", out);
	for (size_t i = 0; i < count; i++) {
		const struct compared *x = &c[i];
		const double v[] = { x->time.median, x->median_ci.low, x->median_ci.high, x->time.p95,
				     x->time.most, x->time.mean, x->jain, x->share_ratio,
				     x->median_change, x->ks, x->test.p, x->test.delta };

		fprintf(out, "\"%s\",%s,%s,%zu,%zu,%zu", x->label, x->name, verdict_name(x->verdict), x->runs,
			x->leechers, x->time.n);
		for (size_t k = 0; k < ARRAY_LEN(v); k++) {
			if (isfinite(v[k])) {
				fprintf(out, ",%.9g", v[k]);
			} else {
				fputc(',', out);
			}
		}
		fputc('\n', out);
	}
}
