// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/series.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/rng.h"
#include "report/runset.h"
#include "report/stats.h"

#define KIND "lento-series"

uint64_t series_seed(uint64_t seed, size_t k)
{
	struct rng rng;

	if (k == 0) {
		return seed;
	}
	rng_stream(&rng, seed, "replica", k);
	return rng_u64(&rng) >> 32; /* short enough to be typed */
}

/* SHA-256 of a file in hex; the caller frees it; NULL with *err. */
static char *digest_of(const char *path, struct err *err)
{
	CLEAN_FREE char *text = NULL;
	unsigned char md[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];
	size_t len;

	if (fs_read(path, &text, &len, err)) {
		return NULL;
	}
	SHA256((const unsigned char *)text, len, md);
	for (size_t i = 0; i < sizeof(md); i++) {
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	}
	return str_format("%s", hex);
}

int series_check_file(const struct series *s, struct err *err)
{
	CLEAN_FREE char *now = digest_of(s->experiment, err);

	if (!now) {
		return -1;
	}
	return strcmp(now, s->digest) == 0 ? 0 :
	       err_set(err, ERR_USAGE, "%s has changed since the series in %s began; put it back, or begin "
		       "a new series", s->experiment, s->dir);
}

/* --- life ------------------------------------------------------------------------- */

static void free_texts(char **texts)
{
	for (char **t = texts; t && *t; t++) {
		free(*t);
	}
	free(texts);
}

static char **copy_texts(char *const *texts)
{
	size_t n = 0;
	char **copy;

	while (texts[n]) {
		n++;
	}
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy) {
		abort();
	}
	for (size_t i = 0; i < n; i++) {
		copy[i] = str_format("%s", texts[i]);
	}
	return copy;
}

static int make_dir(struct series *s, const char *root, uint64_t seed, struct err *err)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	if (fs_mkdirs(root, 0755, err)) {
		return -1;
	}
	for (int try = 1; try <= 1000; try++) {
		free(s->dir);
		s->dir = try == 1 ? str_format("%s/%s-%" PRIu64 "-%s", root, s->name, seed, stamp)
				  : str_format("%s/%s-%" PRIu64 "-%s-%d", root, s->name, seed, stamp, try);
		if (mkdir(s->dir, 0755) == 0) {
			return 0;
		}
		if (errno != EEXIST) {
			break;
		}
	}
	return err_errno(err, ERR_FAILED, "creating directory %s", s->dir);
}

static struct series *new_series(size_t count)
{
	struct series *s = calloc(1, sizeof(*s));

	if (s) {
		s->replicas = calloc(count ? count : 1, sizeof(*s->replicas));
		s->count = count;
	}
	if (!s || !s->replicas) {
		abort();
	}
	return s;
}

int series_create(const char *root, const struct experiment *exp, char *const *options,
		  struct series **out, struct err *err)
{
	struct series *s = new_series(exp->replicas);

	s->name = str_format("%s", exp->name);
	s->experiment = realpath(exp->path, NULL);
	s->options = copy_texts(options);
	for (size_t k = 0; k < s->count; k++) {
		s->replicas[k].seed = series_seed(exp->seed, k);
	}
	s->digest = s->experiment ? digest_of(s->experiment, err) : NULL;
	if (!s->experiment) {
		err_errno(err, ERR_USAGE, "%s: a series needs a file that can be read again", exp->path);
	} else if (s->digest && make_dir(s, root, exp->seed, err) == 0 && series_save(s, err) == 0) {
		*out = s;
		return 0;
	}
	series_destroy(s);
	return -1;
}

void series_destroy(struct series *s)
{
	if (!s) {
		return;
	}
	for (size_t k = 0; k < s->count; k++) {
		free(s->replicas[k].dir);
	}
	free(s->replicas);
	free_texts(s->options);
	free(s->dir);
	free(s->name);
	free(s->experiment);
	free(s->digest);
	free(s);
}

/* --- figures over the replicas ------------------------------------------------------ */

enum figure { MEDIAN, P95, SLOWEST, GOODPUT, FIGURES };

static const struct {
	const char *name, *unit;
} figures[FIGURES] = {
	[MEDIAN] = { "completion_median", "virt_s" }, [P95] = { "completion_p95", "virt_s" },
	[SLOWEST] = { "completion_max", "virt_s" }, [GOODPUT] = { "down_goodput", "bps" },
};

static double mean_goodput(const struct past_run *run, const char *group)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < run->peer_count; i++) {
		const struct past_peer *p = &run->peers[i];

		if (strcmp(p->group, group) == 0 && !isnan(p->goodput_bps)) {
			sum += p->goodput_bps;
			n++;
		}
	}
	return n ? sum / (double)n : NAN;
}

static double figure_of(const struct past_run *run, const char *group, enum figure f)
{
	const struct runset one = { .runs = (struct past_run *)run, .run_count = 1 };
	CLEAN_FREE double *x = NULL;
	struct stats_summary s;
	size_t n;

	if (f == GOODPUT) {
		return mean_goodput(run, group);
	}
	x = runset_completions(&one, group, &n);
	stats_summarize(x, n, &s);
	return f == MEDIAN ? s.median : f == P95 ? s.p95 : s.most;
}

/* The values of the replicas that have one; the caller frees the array of *n. */
static double *values_of(const struct runset *set, const char *group, enum figure f, size_t *n)
{
	double *x = calloc(set->run_count + 1, sizeof(*x));

	if (!x) {
		abort();
	}
	*n = 0;
	for (size_t r = 0; r < set->run_count; r++) {
		double v = figure_of(&set->runs[r], group, f);

		if (!isnan(v)) {
			x[(*n)++] = v;
		}
	}
	return x;
}

/* Groups with leechers, each once, in the order of the peers; NULL after the last. */
static const char *next_group(const struct past_run *run, size_t *i)
{
	for (; *i < run->peer_count; (*i)++) {
		const struct past_peer *p = &run->peers[*i];

		if (p->role == ROLE_LEECH && (*i == 0 || strcmp(p[-1].group, p->group) != 0)) {
			(*i)++;
			return p->group;
		}
	}
	return NULL;
}

static json_t *real(double v)
{
	return isnan(v) ? json_null() : json_real(v);
}

static json_t *figure_json(const char *group, enum figure f, const double *x, size_t n)
{
	struct stats_range t = stats_mean_t95(x, n), b = stats_median_bootstrap95(x, n, 1);
	json_t *values = json_array();
	struct stats_summary s;

	stats_summarize(x, n, &s);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(values, json_real(x[i]));
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:[o, o], s:[o, o]}", "group", group,
			 "figure", figures[f].name, "unit", figures[f].unit, "values", values,
			 "mean", real(s.mean), "median", real(s.median), "sd", real(s.sd),
			 "mean_ci95", real(t.low), real(t.high), "median_ci95", real(b.low), real(b.high));
}

static json_t *figures_json(const struct runset *set)
{
	json_t *list = json_array();
	const char *group;

	for (size_t i = 0; set->run_count && (group = next_group(&set->runs[0], &i)); ) {
		for (int f = 0; f < FIGURES; f++) {
			size_t n;
			CLEAN_FREE double *x = values_of(set, group, (enum figure)f, &n);

			json_array_append_new(list, figure_json(group, (enum figure)f, x, n));
		}
	}
	return list;
}

/* --- the file -------------------------------------------------------------------------- */

static size_t done(const struct series *s)
{
	size_t n = 0;

	for (size_t k = 0; k < s->count; k++) {
		n += s->replicas[k].dir != NULL;
	}
	return n;
}

static int load_done(const struct series *s, struct runset *set, struct err *err)
{
	*set = (struct runset){ 0 };
	return done(s) ? runset_load(s->dir, set, err) : 0;
}

static json_t *series_json(const struct series *s, const struct runset *set)
{
	json_t *replicas = json_array(), *options = json_array();

	for (size_t k = 0; k < s->count; k++) {
		const struct replica *r = &s->replicas[k];

		json_array_append_new(replicas, json_pack(
			"{s:I, s:s?, s:o}", "seed", (json_int_t)r->seed, "dir", r->dir, "exit_status",
			r->dir ? json_integer(r->exit_status) : json_null()));
	}
	for (char **o = s->options; *o; o++) {
		json_array_append_new(options, json_string(*o));
	}
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:o, s:s?, s:o}", "schema", KIND,
			 "version", SERIES_SCHEMA_VERSION, "name", s->name, "experiment", s->experiment,
			 "experiment_sha256", s->digest, "options", options, "replicas", replicas, "verdict",
			 set->run_count ? verdict_name(runset_verdict(set)) : NULL,
			 "figures", figures_json(set));
}

static int write_json(const struct series *s, const struct runset *set, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/" SERIES_FILE, s->dir);
	json_t *root = series_json(s, set);
	CLEAN_FREE char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	return text ? fs_write_atomic(path, text, strlen(text), err)
		    : err_set(err, ERR_FAILED, "%s: no memory", path);
}

int series_save(const struct series *s, struct err *err)
{
	struct runset set = { 0 };
	int rc;

	/* The directories first: what is read back below is what the file says. */
	if (write_json(s, &set, err) || load_done(s, &set, err)) {
		return -1;
	}
	rc = write_json(s, &set, err);
	runset_clear(&set);
	return rc;
}

static int read_json(struct series *s, json_t *root, const char *path, struct err *err)
{
	json_t *options, *option, *replica;
	const char *name, *experiment, *digest;
	size_t k;

	if (json_unpack(root, "{s:s, s:s, s:s, s:o}", "name", &name, "experiment", &experiment,
			"experiment_sha256", &digest, "options", &options)) {
		return err_set(err, ERR_USAGE, "%s: no series of lento", path);
	}
	s->name = str_format("%s", name);
	s->experiment = str_format("%s", experiment);
	s->digest = str_format("%s", digest);
	s->options = calloc(json_array_size(options) + 1, sizeof(*s->options));
	if (!s->options) {
		abort();
	}
	json_array_foreach(options, k, option) {
		s->options[k] = str_format("%s", json_string_value(option) ?: "");
	}
	json_array_foreach(json_object_get(root, "replicas"), k, replica) {
		const char *dir = json_string_value(json_object_get(replica, "dir"));

		s->replicas[k] = (struct replica){
			.seed = (uint64_t)json_integer_value(json_object_get(replica, "seed")),
			.dir = dir ? str_format("%s", dir) : NULL,
			.exit_status = (int)json_integer_value(json_object_get(replica, "exit_status")),
		};
	}
	return 0;
}

int series_load(const char *dir, struct series **out, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/" SERIES_FILE, dir);
	json_error_t why;
	json_t *root = json_load_file(path, 0, &why);
	struct series *s;
	int rc;

	if (!root) {
		return err_set(err, ERR_USAGE, "%s:%d: %s", path, why.line, why.text);
	}
	if (strcmp(json_string_value(json_object_get(root, "schema")) ?: "", KIND) != 0 ||
	    json_integer_value(json_object_get(root, "version")) != SERIES_SCHEMA_VERSION) {
		json_decref(root);
		return err_set(err, ERR_USAGE, "%s: no series, or of another version of lento", path);
	}
	s = new_series(json_array_size(json_object_get(root, "replicas")));
	s->dir = str_format("%s", dir);
	rc = read_json(s, root, path, err);
	json_decref(root);
	if (rc) {
		series_destroy(s);
		return -1;
	}
	*out = s;
	return 0;
}

/* --- for people --------------------------------------------------------------------------- */

static const char *range(struct stats_range r, char *buf, size_t len)
{
	if (isnan(r.low)) {
		snprintf(buf, len, "-");
	} else {
		snprintf(buf, len, "%.2f .. %.2f", r.low, r.high);
	}
	return buf;
}

static void print_figures(const struct runset *set, FILE *out)
{
	const char *group;

	fprintf(out, "\n  %-12s %-18s %2s %10s %22s %22s\n", "group", "figure", "n", "mean",
		"95 % (t)", "median's (bootstrap)");
	for (size_t i = 0; (group = next_group(&set->runs[0], &i)); ) {
		for (int f = 0; f < FIGURES; f++) {
			size_t n;
			CLEAN_FREE double *x = values_of(set, group, (enum figure)f, &n);
			double scale = f == GOODPUT ? 1e-6 : 1;
			struct stats_summary s;
			char t[48], b[48];

			for (size_t k = 0; k < n; k++) {
				x[k] *= scale;
			}
			stats_summarize(x, n, &s);
			fprintf(out, "  %-12s %-18s %2zu %10.2f %22s %22s\n", group, figures[f].name, n,
				s.mean, range(stats_mean_t95(x, n), t, sizeof(t)),
				range(stats_median_bootstrap95(x, n, 1), b, sizeof(b)));
		}
	}
	fputs("  completion in virtual s from a peer's own start, goodput in Mbit/s\n", out);
}

/* A failure outweighs a peer's misbehaviour, and that a verdict. */
static int worse(int a, int b)
{
	static const int order[] = { ERR_NONE, ERR_FIDELITY, ERR_PEER, ERR_FAILED };
	int place[2] = { 0, 0 };

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		place[0] = order[i] == a ? (int)i : place[0];
		place[1] = order[i] == b ? (int)i : place[1];
	}
	return place[0] > place[1] ? a : b;
}

int series_print(const struct series *s, FILE *out, struct err *err)
{
	size_t n = done(s);
	struct runset set;
	int status = 0;

	if (load_done(s, &set, err)) {
		return -1;
	}
	fprintf(out, "\n%s: %zu of %zu replicas, verdict %s\n", s->name, n, s->count,
		n ? verdict_name(runset_verdict(&set)) : "none");
	for (size_t k = 0, r = 0; k < s->count; k++) {
		const struct replica *rep = &s->replicas[k];

		if (!rep->dir || r == set.run_count) {
			fprintf(out, "  seed %-12" PRIu64 " has not run\n", rep->seed);
			continue;
		}
		fprintf(out, "  seed %-12" PRIu64 " %-9s %s\n", rep->seed,
			verdict_name(set.runs[r++].verdict), rep->dir);
		status = worse(status, rep->exit_status);
	}
	if (n) {
		print_figures(&set, out);
	}
	fprintf(out, "  results    %s/\n", s->dir);
	runset_clear(&set);
	return n < s->count ? worse(status, ERR_FAILED) : status;
}
