// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of numbers that links refer to.
 *
 * A jitter table is a sample of delays, one a line ("12.5ms"), as somebody has measured them.  It
 * becomes quantiles in equal steps, less their mean: the delay of the link stays what it
 * says, the table says how packets differ from it.
 *
 * A trace is a packet-delivery trace of Mahimahi's (Netravali et al., USENIX ATC 2015): one
 * number of milliseconds a line, ascending; at each a packet of 1500 bytes may be sent.  The
 * last one is the period after which it begins anew.
 */
#include <math.h>
#include <stdio.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

#define FILE_MAX_BYTES (UINT64_C(16) << 20)
#define MAX_SERIES 1000u
#define POINTS 257u
#define TRACE_BYTES 1500u

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void add_value(struct series_spec *s, int64_t ns)
{
	s->values = must_grow(s->values, s->count, sizeof(*s->values));
	s->values[s->count++] = ns;
}

/* --- jitter tables ------------------------------------------------------------ */

static int read_sample(const char *line, int64_t *ns, const char **why)
{
	if (units_parse_duration(line, ns, why)) {
		return -1;
	}
	if (*ns > LIMIT_DELAY_NS) {
		*why = "it is longer than a minute";
		return -1;
	}
	return 0;
}

static const char *make_quantiles(struct series_spec *s)
{
	int64_t *points, mean = 0;
	double sum = 0;

	if (s->count < 2) {
		return "a table has at least two values";
	}
	qsort(s->values, s->count, sizeof(*s->values), by_value);
	points = must_calloc(POINTS, sizeof(*points));
	for (size_t i = 0; i < POINTS; i++) {
		double place = (double)i / (POINTS - 1) * (double)(s->count - 1);
		size_t below = (size_t)place;
		size_t above = below + 1 < s->count ? below + 1 : below;

		points[i] = s->values[below] + llround((place - (double)below) *
						       (double)(s->values[above] - s->values[below]));
		/* Linear between the points: each inner one counts whole, the outer ones half. */
		sum += (double)points[i] * (i == 0 || i == POINTS - 1 ? 0.5 : 1);
	}
	mean = llround(sum / (POINTS - 1));
	for (size_t i = 0; i < POINTS; i++) {
		points[i] -= mean;
	}
	free(s->values);
	s->values = points;
	s->count = POINTS;
	return points[POINTS - 1] > 0 ? NULL : "all values are the same";
}

/* --- traces --------------------------------------------------------------------- */

static int read_instant(const char *line, int64_t *ns, const char **why)
{
	char *end = NULL;
	unsigned long long ms = strtoull(line, &end, 10);

	if (*line < '0' || *line > '9' || *end || ms > (unsigned long long)(LIMIT_TIME_NS / NS_PER_MS)) {
		*why = "a trace has a whole number of milliseconds on each line, up to 30 days";
		return -1;
	}
	*ns = (int64_t)ms * NS_PER_MS;
	return 0;
}

static const char *settle_trace(struct series_spec *s)
{
	int64_t last;

	for (size_t i = 1; i < s->count; i++) {
		int64_t gap = s->values[i] - s->values[i - 1];

		if (gap < 0) {
			return "the instants of a trace ascend";
		}
		s->gap_ns = gap > s->gap_ns ? gap : s->gap_ns;
	}
	last = s->count ? s->values[s->count - 1] : 0;
	if (last == 0) {
		return "a trace ends later than at 0: its last instant is its period";
	}
	s->gap_ns = s->values[0] > s->gap_ns ? s->values[0] : s->gap_ns;
	s->mean_bps = (uint64_t)((double)s->count * TRACE_BYTES * 8e9 / (double)last);
	return s->mean_bps ? NULL : "a trace sends at least one bit a second";
}

/* --- files ------------------------------------------------------------------------ */

static const struct {
	int (*read)(const char *line, int64_t *ns, const char **why);
	const char *(*settle)(struct series_spec *s); /* what is wrong with the whole; or NULL */
} kinds[] = {
	[SERIES_TABLE] = {read_sample, make_quantiles},
	[SERIES_TRACE] = {read_instant, settle_trace},
};

static int parse_lines(struct series_spec *s, char *text, struct err *err)
{
	const char *why;
	unsigned number = 0;

	while (text) {
		char *line = strsep(&text, "\n"), shown[NODE_SHOW_BYTES];
		int64_t ns = 0;

		number++;
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		for (char *end = line + strlen(line); end > line && (end[-1] == ' ' || end[-1] == '\t');) {
			*--end = '\0';
		}
		if (!*line) {
			continue;
		}
		if (kinds[s->kind].read(line, &ns, &why)) {
			return err_set(err, ERR_USAGE, "%s:%u:1: %s: %s", s->path, number,
				       text_show(line, shown), why);
		}
		add_value(s, ns);
	}
	why = kinds[s->kind].settle(s);
	return why ? err_set(err, ERR_USAGE, "%s: %s", s->path, why) : 0;
}

static const struct series_spec *known_series(const struct experiment *exp, const char *path,
					      enum series_kind kind)
{
	for (size_t i = 0; i < exp->series_count; i++) {
		if (exp->series[i]->kind == kind && strcmp(exp->series[i]->path, path) == 0) {
			return exp->series[i];
		}
	}
	return NULL;
}

int load_series(struct reader *r, const struct node *node, enum series_kind kind,
		const struct series_spec **series)
{
	struct experiment *exp = exp_reader(r)->exp;
	CLEAN_FREE char *path = NULL;
	CLEAN_FREE char *text = NULL;
	struct series_spec *s;
	uint64_t bytes = 0;

	if (find_file(r, node, &path, &bytes)) {
		return -1;
	}
	*series = known_series(exp, path, kind);
	if (*series) {
		return 0;
	}
	if (bytes > FILE_MAX_BYTES || exp->series_count == MAX_SERIES) {
		return node_fail(r->tree, node, r->err, "at most %u files of 16 MiB are allowed",
				 MAX_SERIES);
	}
	if (fs_read(path, &text, NULL, r->err)) {
		r->err->kind = ERR_USAGE;
		return -1;
	}
	exp->series = must_grow(exp->series, exp->series_count, sizeof(struct series_spec *));
	s = exp->series[exp->series_count] = must_calloc(1, sizeof(*s));
	s->id = (uint32_t)exp->series_count++;
	s->kind = kind;
	s->path = take_ptr(path);
	*series = s;
	return parse_lines(s, text, r->err);
}
