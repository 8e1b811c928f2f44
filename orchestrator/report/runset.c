// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/runset.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "report/series.h"

/* --- one run ------------------------------------------------------------------ */

static double number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static const char *word(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

static enum peer_role role_of(const char *text)
{
	for (int r = ROLE_SEED; r < ROLE_NONE; r++) {
		if (strcmp(text, peer_role_name((enum peer_role)r)) == 0) {
			return (enum peer_role)r;
		}
	}
	return ROLE_NONE;
}

static enum verdict verdict_of(const char *text)
{
	for (int v = VERDICT_TRUSTED; v <= VERDICT_INVALID; v++) {
		if (strcmp(text, verdict_name((enum verdict)v)) == 0) {
			return (enum verdict)v;
		}
	}
	return VERDICT_INVALID;
}

static void read_peer(const json_t *o, double run_end_s, struct past_peer *p)
{
	double started = number(o, "started_virt_ns") / 1e9;
	double complete = number(o, "complete_virt_ns") / 1e9;
	double ended = number(o, "ended_virt_ns") / 1e9, life;

	*p = (struct past_peer){
		.name = str_format("%s", word(o, "name")), .group = str_format("%s", word(o, "group")),
		.role = role_of(word(o, "role")), .complete_s = complete - started,
		.up_bytes = number(json_object_get(json_object_get(o, "link"), "up"), "bytes"),
		.payload_bytes = number(o, "payload_bytes"),
	};
	life = (isnan(complete) ? isnan(ended) ? run_end_s : ended : complete) - started;
	p->goodput_bps = p->role == ROLE_LEECH && life > 0 ? 8 * p->payload_bytes / life : NAN;
}

static int read_run(json_t *root, struct past_run *run, struct err *err)
{
	json_t *about = json_object_get(root, "run"), *peers = json_object_get(root, "peers");
	json_t *version = json_object_get(root, "version");

	if (strcmp(word(root, "schema"), "lento-results") != 0 || !json_is_object(about) ||
	    !json_is_array(peers)) {
		return err_set(err, ERR_USAGE, "%s: no results of a lento run", run->path);
	}
	if (json_integer_value(version) != RESULTS_SCHEMA_VERSION) {
		return err_set(err, ERR_USAGE, "%s: results of version %lld; this lento reads version %d",
			       run->path, (long long)json_integer_value(version), RESULTS_SCHEMA_VERSION);
	}
	run->name = str_format("%s", word(about, "name"));
	run->seed = (uint64_t)json_integer_value(json_object_get(about, "seed"));
	run->verdict = verdict_of(word(json_object_get(root, "verdict"), "level"));
	run->exit_status = (int)json_integer_value(json_object_get(about, "exit_status"));
	run->interrupted = json_is_true(json_object_get(about, "interrupted"));
	run->virt_s = number(about, "virt_ns") / 1e9;
	run->wall_s = number(about, "wall_ns") / 1e9;
	run->peer_count = json_array_size(peers);
	run->peers = calloc(run->peer_count + 1, sizeof(*run->peers));
	if (!run->peers) {
		return err_errno(err, ERR_FAILED, "%s", run->path);
	}
	for (size_t i = 0; i < run->peer_count; i++) {
		read_peer(json_array_get(peers, i), run->virt_s, &run->peers[i]);
	}
	return 0;
}

int past_run_load(const char *path, struct past_run *run, struct err *err)
{
	json_error_t why;
	json_t *root;
	int rc;

	*run = (struct past_run){ .path = str_format("%s", path) };
	if (access(path, R_OK)) {
		err_errno(err, ERR_USAGE, "%s", path);
		past_run_clear(run);
		return -1;
	}
	root = json_load_file(path, 0, &why);
	rc = root ? read_run(root, run, err)
		  : err_set(err, ERR_USAGE, "%s:%d:%d: %s", path, why.line, why.column, why.text);
	json_decref(root);
	if (rc) {
		past_run_clear(run);
	}
	return rc;
}

void past_run_clear(struct past_run *run)
{
	for (size_t i = 0; i < run->peer_count; i++) {
		free(run->peers[i].name);
		free(run->peers[i].group);
	}
	free(run->peers);
	free(run->path);
	free(run->name);
	*run = (struct past_run){ 0 };
}

/* --- a set ---------------------------------------------------------------------- */

static int load_series(const char *dir, struct runset *set, struct err *err)
{
	struct series *series;
	int rc = 0;

	if (series_load(dir, &series, err)) {
		return -1;
	}
	set->runs = calloc(series->count + 1, sizeof(*set->runs));
	for (size_t i = 0; set->runs && rc == 0 && i < series->count; i++) {
		CLEAN_FREE char *path = NULL;

		if (!series->replicas[i].dir) {
			continue;
		}
		path = str_format("%s/%s/results.json", dir, series->replicas[i].dir);
		rc = past_run_load(path, &set->runs[set->run_count], err);
		set->run_count += rc == 0;
	}
	if (rc == 0 && set->run_count == 0) {
		rc = err_set(err, ERR_USAGE, "%s: none of its replicas has run yet", dir);
	}
	series_destroy(series);
	return rc;
}

int runset_load(const char *path, struct runset *set, struct err *err)
{
	CLEAN_FREE char *series = str_format("%s/" SERIES_FILE, path);
	CLEAN_FREE char *inside = str_format("%s/results.json", path);
	struct stat st;
	int rc;

	*set = (struct runset){ .label = str_format("%s", path) };
	if (stat(path, &st)) {
		rc = err_errno(err, ERR_USAGE, "%s", path);
	} else if (S_ISDIR(st.st_mode) && access(series, F_OK) == 0) {
		rc = load_series(path, set, err);
	} else {
		set->runs = calloc(1, sizeof(*set->runs));
		rc = set->runs ? past_run_load(S_ISDIR(st.st_mode) ? inside : path, set->runs, err)
			       : err_errno(err, ERR_FAILED, "%s", path);
		set->run_count = rc == 0;
	}
	if (rc) {
		runset_clear(set);
	}
	return rc;
}

void runset_clear(struct runset *set)
{
	for (size_t i = 0; i < set->run_count; i++) {
		past_run_clear(&set->runs[i]);
	}
	free(set->runs);
	free(set->label);
	*set = (struct runset){ 0 };
}

enum verdict runset_verdict(const struct runset *set)
{
	enum verdict worst = VERDICT_TRUSTED;

	for (size_t i = 0; i < set->run_count; i++) {
		worst = set->runs[i].verdict > worst ? set->runs[i].verdict : worst;
	}
	return worst;
}

static bool counts(const struct past_peer *p, const char *group)
{
	return p->role == ROLE_LEECH && (!group || strcmp(p->group, group) == 0);
}

size_t runset_leechers(const struct runset *set, const char *group)
{
	size_t n = 0;

	for (size_t r = 0; r < set->run_count; r++) {
		for (size_t i = 0; i < set->runs[r].peer_count; i++) {
			n += counts(&set->runs[r].peers[i], group);
		}
	}
	return n;
}

double *runset_completions(const struct runset *set, const char *group, size_t *n)
{
	double *x = calloc(runset_leechers(set, group) + 1, sizeof(*x));

	if (!x) {
		abort();
	}
	*n = 0;
	for (size_t r = 0; r < set->run_count; r++) {
		for (size_t i = 0; i < set->runs[r].peer_count; i++) {
			const struct past_peer *p = &set->runs[r].peers[i];

			if (counts(p, group) && !isnan(p->complete_s)) {
				x[(*n)++] = p->complete_s;
			}
		}
	}
	return x;
}
