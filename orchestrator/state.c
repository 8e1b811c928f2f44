// SPDX-License-Identifier: GPL-2.0-or-later
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clean.h"
#include "base/fs.h"

#define DEFAULT_ROOT "/var/lib/lento"

const char *state_root(void)
{
	const char *env = getenv("LENTO_STATE");

	return env && env[0] == '/' ? env : DEFAULT_ROOT;
}

static void read_boot_id(char *buf, size_t len)
{
	CLEAN_FREE char *text = NULL;

	buf[0] = '\0';
	if (fs_read("/proc/sys/kernel/random/boot_id", &text, NULL, NULL) == 0) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(buf, len, "%s", text);
	}
}

struct proc_id proc_id_of(pid_t pid)
{
	CLEAN_FREE char *path = str_format("/proc/%d/stat", (int)pid);
	CLEAN_FREE char *text = NULL;
	struct proc_id id = { .pid = 0 };
	unsigned long long ticks;
	char state;
	char *p;

	if (pid <= 0 || fs_read(path, &text, NULL, NULL)) {
		return id;
	}
	/* The name in parentheses may hold anything: fields count from the last ')'. */
	p = strrchr(text, ')');
	if (p && sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
			" %*d %*d %*d %*d %llu", &state, &ticks) == 2 &&
	    state != 'Z' && state != 'X') {
		id.pid = pid;
		id.start_ticks = ticks;
	}
	return id;
}

bool state_alive(const struct state *state, struct proc_id proc)
{
	char boot[40];
	struct proc_id now;

	read_boot_id(boot, sizeof(boot));
	if (proc.pid <= 0 || strcmp(boot, state->boot_id) != 0) {
		return false;
	}
	now = proc_id_of(proc.pid);
	return now.pid == proc.pid && now.start_ticks == proc.start_ticks;
}

static json_t *proc_to_json(struct proc_id p)
{
	return json_pack("{s:i, s:I}", "pid", (int)p.pid, "start_ticks",
			 (json_int_t)p.start_ticks);
}

static struct proc_id proc_from_json(const json_t *j)
{
	return (struct proc_id) {
		.pid = (pid_t)json_integer_value(json_object_get(j, "pid")),
		.start_ticks = (uint64_t)json_integer_value(json_object_get(j, "start_ticks")),
	};
}

int state_save(const struct state *state, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/state.json", state->dir);
	CLEAN_FREE char *text = NULL;
	json_t *j = json_pack("{s:i, s:s, s:s?, s:s, s:s, s:s, s:o, s:o, s:o}",
			      "version", 1, "id", state->id,
			      "results_dir", state->results_dir,
			      "experiment", state->experiment,
			      "boot_id", state->boot_id,
			      "started_at", state->started_at,
			      "lento", proc_to_json(state->lento),
			      "wire", proc_to_json(state->wire),
			      "store", proc_to_json(state->store));

	if (!j) {
		return err_set(err, ERR_FAILED, "%s: out of memory or text that is not UTF-8", path);
	}
	text = json_dumps(j, JSON_INDENT(2));
	json_decref(j);
	if (!text) {
		return err_set(err, ERR_FAILED, "%s: out of memory", path);
	}
	return fs_write_atomic(path, text, strlen(text), err);
}

static char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? str_format("%s", s) : NULL;
}

int state_load(const char *id, struct state **out, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/%s/state.json", state_root(), id);
	CLEAN_FREE char *text = NULL;
	struct state *state;
	json_error_t je;
	json_t *j;

	if (strchr(id, '/') || id[0] == '.') {
		return err_set(err, ERR_USAGE, "\"%s\" is not the name of a run", id);
	}
	state = calloc(1, sizeof(*state));
	if (!state) {
		return err_errno(err, ERR_FAILED, "run %s", id);
	}
	state->id = str_format("%s", id);
	state->dir = str_format("%s/%s", state_root(), id);
	*out = state;
	if (fs_read(path, &text, NULL, NULL)) {
		/* Killed between mkdir and the first write: nothing else exists yet. */
		state->experiment = str_format("?");
		return 0;
	}
	j = json_loads(text, 0, &je);
	if (!j) {
		state_free(state);
		*out = NULL;
		return err_set(err, ERR_FAILED, "%s:%d: %s", path, je.line, je.text);
	}
	state->results_dir = text_of(j, "results_dir");
	state->experiment = text_of(j, "experiment");
	snprintf(state->boot_id, sizeof(state->boot_id), "%s",
		 json_string_value(json_object_get(j, "boot_id")) ?: "");
	snprintf(state->started_at, sizeof(state->started_at), "%s",
		 json_string_value(json_object_get(j, "started_at")) ?: "");
	state->lento = proc_from_json(json_object_get(j, "lento"));
	state->wire = proc_from_json(json_object_get(j, "wire"));
	state->store = proc_from_json(json_object_get(j, "store"));
	json_decref(j);
	return 0;
}

/* Make the run's directory, or fail with errno EEXIST where its name is taken. */
static int claim(const struct state *state, const char *results_root)
{
	CLEAN_FREE char *results = results_root ? str_format("%s/%s", results_root, state->id) : NULL;

	if (results && access(results, F_OK) == 0) {
		errno = EEXIST;
		return -1;
	}
	return mkdir(state->dir, 0755);
}

int state_create(const char *name, uint64_t seed, const char *experiment, const char *results_root,
		 struct state **out, struct err *err)
{
	struct state *state = calloc(1, sizeof(*state));
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	if (!state) {
		return err_errno(err, ERR_FAILED, "new run");
	}
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	strftime(state->started_at, sizeof(state->started_at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	read_boot_id(state->boot_id, sizeof(state->boot_id));
	state->experiment = str_format("%s", experiment);
	state->lento = proc_id_of(getpid());
	if (fs_mkdirs(state_root(), 0755, err)) {
		state_free(state);
		return -1;
	}
	for (int try = 1; ; try++) {
		free(state->id);
		free(state->dir);
		state->id = try == 1
			? str_format("%s-%llu-%s", name, (unsigned long long)seed, stamp)
			: str_format("%s-%llu-%s-%d", name, (unsigned long long)seed, stamp, try);
		state->dir = str_format("%s/%s", state_root(), state->id);
		if (claim(state, results_root) == 0) {
			break;
		}
		if (errno != EEXIST || try == 1000) {
			err_errno(err, ERR_FAILED, "creating directory %s", state->dir);
			state_free(state);
			return -1;
		}
	}
	if (state_save(state, err)) {
		state_remove(state, NULL);
		return -1;
	}
	*out = state;
	return 0;
}

int state_remove(struct state *state, struct err *err)
{
	int rc;

	if (!state) {
		return 0;
	}
	rc = fs_remove_tree(state->dir, err);
	state_free(state);
	return rc;
}

void state_free(struct state *state)
{
	if (!state) {
		return;
	}
	free(state->id);
	free(state->dir);
	free(state->results_dir);
	free(state->experiment);
	free(state);
}

static int is_run(const struct dirent *e)
{
	return e->d_name[0] != '.' && e->d_type == DT_DIR;
}

int state_list(char ***out, struct err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(state_root(), &entries, is_run, alphasort);
	char **ids;

	if (n < 0 && errno != ENOENT) {
		return err_errno(err, ERR_FAILED, "%s", state_root());
	}
	n = n < 0 ? 0 : n;
	ids = calloc((size_t)n + 1, sizeof(*ids));
	for (int i = 0; i < n; i++) {
		if (ids) {
			ids[i] = str_format("%s", entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	if (!ids) {
		return err_errno(err, ERR_FAILED, "%s", state_root());
	}
	*out = ids;
	return 0;
}

void state_free_list(char **ids)
{
	for (char **p = ids; p && *p; p++) {
		free(*p);
	}
	free(ids);
}

/* "a, b and 3 more" for a message. */
static void name_some(char *const *ids, char *buf, size_t len)
{
	size_t used = 0;
	int shown = 0, left = 0;

	buf[0] = '\0';
	for (; *ids; ids++) {
		if (shown == 5) {
			left++;
			continue;
		}
		used += (size_t)snprintf(buf + used, len - used, "%s%s", shown ? ", " : "", *ids);
		shown++;
	}
	if (left) {
		snprintf(buf + used, len - used, " and %d more", left);
	}
}

int state_find(const char *id, struct state **state, struct err *err)
{
	char **ids = NULL, some[1024];
	const char *hit = NULL;
	int hits = 0, rc;

	if (state_list(&ids, err)) {
		return -1;
	}
	for (char **p = ids; *p; p++) {
		if (id && strcmp(id, *p) == 0) {
			hit = *p;
			hits = 1;
			break;
		}
		if (!id || strncmp(id, *p, strlen(id)) == 0) {
			hit = *p;
			hits++;
		}
	}
	name_some(ids, some, sizeof(some));
	if (hits == 1) {
		rc = state_load(hit, state, err);
	} else if (!ids[0]) {
		rc = err_set(err, ERR_USAGE, "there is no run (\"lento ps\" lists them)");
	} else if (hits == 0) {
		rc = err_set(err, ERR_USAGE, "no run is called \"%s\"; there is: %s", id, some);
	} else {
		rc = err_set(err, ERR_USAGE, "%s more than one run: %s; name one with --run",
			     id ? "that name fits" : "there is", some);
	}
	state_free_list(ids);
	return rc;
}
