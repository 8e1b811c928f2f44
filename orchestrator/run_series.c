// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "child.h"
#include "report/runset.h"
#include "report/series.h"

/* results/latest is the series, not its last replica. */
static int point_latest(const struct series *s, const char *root, struct err *err)
{
	CLEAN_FREE char *link_path = str_format("%s/latest", root);
	CLEAN_FREE char *tmp = str_format("%s.tmp.%d", link_path, (int)getpid());
	const char *name = strrchr(s->dir, '/');

	unlink(tmp);
	if (symlink(name ? name + 1 : s->dir, tmp) || rename(tmp, link_path)) {
		return err_errno(err, ERR_FAILED, "%s", link_path);
	}
	return 0;
}

/* The directory that the newest run below @dir has made; NULL when there is none. */
static char *newest(const char *dir)
{
	CLEAN_FREE char *link_path = str_format("%s/latest", dir);
	char name[256];
	ssize_t n = readlink(link_path, name, sizeof(name) - 1);

	if (n <= 0) {
		return NULL;
	}
	name[n] = '\0';
	unlink(link_path);
	return str_format("%s", name);
}

/* "lento run OPTIONS --set replicas=1 --set seed=N --results DIR FILE" */
static int run_replica(struct series *s, struct replica *r, bool *interrupted, struct err *err)
{
	CLEAN_FREE char *seed = str_format("seed=%llu", (unsigned long long)r->seed);
	CLEAN_FREE const char **argv = NULL;
	CLEAN_FREE char *path = NULL;
	char *dir;
	struct past_run past;
	size_t n = 0, used = 0;
	int status;

	while (s->options[n]) {
		n++;
	}
	argv = calloc(n + 9, sizeof(*argv));
	if (!argv) {
		return err_errno(err, ERR_FAILED, "a replica");
	}
	argv[used++] = "run";
	for (size_t i = 0; i < n; i++) {
		argv[used++] = s->options[i];
	}
	memcpy(argv + used, (const char *[]){ "--set", "replicas=1", "--set", seed, "--results", s->dir,
					      s->experiment }, 7 * sizeof(*argv));
	if (child_lento(argv, false, &status, err)) {
		return -1;
	}
	dir = newest(s->dir);
	if (!dir) {
		return err_set(err, status ? (enum err_kind)status : ERR_FAILED,
			       "seed %llu left no result; see above", (unsigned long long)r->seed);
	}
	path = str_format("%s/%s/results.json", s->dir, dir);
	free(r->dir);
	r->dir = dir;
	r->exit_status = status;
	if (past_run_load(path, &past, err)) {
		return -1;
	}
	*interrupted = past.interrupted;
	past_run_clear(&past);
	return 0;
}

/* A replica that was interrupted has run in vain. */
static void forget_interrupted(struct series *s)
{
	for (size_t k = 0; k < s->count; k++) {
		struct replica *r = &s->replicas[k];
		CLEAN_FREE char *path = r->dir ? str_format("%s/%s/results.json", s->dir, r->dir) : NULL;
		struct past_run past;
		bool vain = path && past_run_load(path, &past, NULL) != 0;

		if (path && !vain) {
			vain = past.interrupted;
			past_run_clear(&past);
		}
		if (vain) {
			free(take_ptr(r->dir));
		}
	}
}

static int run_missing(struct series *s, int *status, struct err *err)
{
	bool interrupted = false;

	for (size_t k = 0; k < s->count && !interrupted; k++) {
		struct replica *r = &s->replicas[k];

		if (r->dir) {
			continue;
		}
		fprintf(stderr, "\nreplica %zu of %zu, seed %llu\n", k + 1, s->count,
			(unsigned long long)r->seed);
		if (run_replica(s, r, &interrupted, err) || series_save(s, err)) {
			return -1;
		}
	}
	fs_give_to_caller(s->dir);
	*status = series_print(s, stdout, err);
	if (interrupted) {
		printf("  interrupted; \"lento run --resume %s\" goes on\n", s->dir);
	}
	return *status < 0 ? -1 : 0;
}

int run_series(const struct experiment *exp, char *const *options, const char *root, int *status,
	       struct err *err)
{
	struct series *s;
	int rc;

	if (series_create(root, exp, options, &s, err)) {
		return -1;
	}
	rc = point_latest(s, root, err) || run_missing(s, status, err) ? -1 : 0;
	series_destroy(s);
	return rc;
}

int run_series_resume(const char *dir, int *status, struct err *err)
{
	struct series *s;
	int rc;

	if (series_load(dir, &s, err)) {
		return -1;
	}
	forget_interrupted(s);
	rc = series_check_file(s, err) || run_missing(s, status, err) ? -1 : 0;
	series_destroy(s);
	return rc;
}
