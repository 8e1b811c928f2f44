// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hostcheck_fix - raise what is too small, and put it back.
 *
 * Theory of operation.  A knob in /proc/sys outlives us and is shared by all runs of
 * the host, so each run keeps a record, <root>/<run>/<file>:
 *
 *	{"version": 1, "knobs": [{"path": ..., "old": 128, "new": 1064}, ...]}
 *
 * written before the first knob is touched.  Three things can come between a run
 * and the value it should put back:
 *
 *  - Another run raised the knob before us, and we only need what it set.  Then we
 *    write the knob down with old = new = the value found.
 *  - A run that ends finds another record whose "old" is our "new": that run has
 *    built upon our change.  It inherits our "old", and the knob stays.
 *  - Somebody else set the knob meanwhile (it no longer holds our "new"): it is theirs.
 *
 * A lock on <root> keeps runs that begin or end at the same time apart.
 */
#include "hostcheck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

#define RECORD_VERSION 1
#define KNOBS_MAX HOSTCHECK_ITEMS_MAX

struct knob {
	char path[160];
	uint64_t old, new;
};

struct record {
	struct knob knobs[KNOBS_MAX];
	size_t count;
};

/* --- the record file ------------------------------------------------------------------ */

static struct knob *find_knob(struct record *rec, const char *path)
{
	for (size_t i = 0; i < rec->count; i++) {
		if (strcmp(rec->knobs[i].path, path) == 0) {
			return &rec->knobs[i];
		}
	}
	return NULL;
}

static int record_save(const struct record *rec, const char *path, struct err *err)
{
	CLEAN_FREE char *text = str_format("{\"version\": %d, \"knobs\": [", RECORD_VERSION);

	for (size_t i = 0; i < rec->count; i++) {
		const struct knob *k = &rec->knobs[i];
		char *longer = str_format("%s%s\n {\"path\": \"%s\", \"old\": %" PRIu64 ", \"new\": %" PRIu64 "}",
					  text, i ? "," : "", k->path, k->old, k->new);

		free(text);
		text = longer;
	}
	{
		CLEAN_FREE char *whole = str_format("%s\n]}\n", text);

		return fs_write_atomic(path, whole, strlen(whole), err);
	}
}

static int parse_record(json_t *root, struct record *rec)
{
	json_t *knobs = json_object_get(root, "knobs"), *entry;
	size_t i;

	rec->count = 0;
	if (json_integer_value(json_object_get(root, "version")) != RECORD_VERSION ||
	    !json_is_array(knobs) || json_array_size(knobs) > KNOBS_MAX) {
		return -1;
	}
	json_array_foreach(knobs, i, entry) {
		const char *path = json_string_value(json_object_get(entry, "path"));
		json_t *old = json_object_get(entry, "old"), *new = json_object_get(entry, "new");
		struct knob *k = &rec->knobs[rec->count];

		if (!path || strlen(path) >= sizeof(k->path) || !json_is_integer(old) ||
		    !json_is_integer(new)) {
			return -1;
		}
		snprintf(k->path, sizeof(k->path), "%s", path);
		k->old = (uint64_t)json_integer_value(old);
		k->new = (uint64_t)json_integer_value(new);
		rec->count++;
	}
	return 0;
}

/* 1 loaded, 0 there is none, -1 it is unreadable. */
static int record_load(const char *path, struct record *rec, struct err *err)
{
	json_error_t why;
	json_t *root;
	int rc;

	rec->count = 0;
	if (access(path, F_OK)) {
		return 0;
	}
	root = json_load_file(path, 0, &why);
	if (!root) {
		return err_set(err, ERR_FAILED, "%s:%d: %s", path, why.line, why.text);
	}
	rc = parse_record(root, rec);
	json_decref(root);
	return rc ? err_set(err, ERR_FAILED, "%s: not a record of changed knobs", path) : 1;
}

/* --- the records of other runs ---------------------------------------------------------- */

struct place {
	char *root;  /* holds all runs */
	char *run;   /* name of our own directory in it */
	char *file;
	int lock_fd;
};

static void place_close(struct place *place)
{
	free(place->root);
	free(place->run);
	free(place->file);
	if (place->lock_fd >= 0) {
		close(place->lock_fd);
	}
}

/* Take <root>/<run>/<file> apart and lock <root>. */
static int place_open(const char *path, struct place *place, struct err *err)
{
	CLEAN_FREE char *whole = realpath(path, NULL);
	char *slash;

	*place = (struct place){ .lock_fd = -1 };
	if (!whole) {
		/* The record does not exist yet; its directory does. */
		CLEAN_FREE char *dir = str_format("%s", path);
		CLEAN_FREE char *real = NULL;

		slash = strrchr(dir, '/');
		if (slash) {
			*slash = '\0';
		}
		real = slash ? realpath(dir, NULL) : NULL;
		if (!real) {
			return err_errno(err, ERR_FAILED, "%s", path);
		}
		whole = str_format("%s/%s", real, slash + 1);
	}
	slash = strrchr(whole, '/');
	place->file = str_format("%s", slash + 1);
	*slash = '\0';
	slash = strrchr(whole, '/');
	if (!slash || slash == whole) {
		return err_set(err, ERR_FAILED, "%s: lies in no run's directory", path);
	}
	place->run = str_format("%s", slash + 1);
	*slash = '\0';
	place->root = str_format("%s", whole);
	place->lock_fd = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->lock_fd < 0 || flock(place->lock_fd, LOCK_EX)) {
		return err_errno(err, ERR_FAILED, "locking %s", place->root);
	}
	return 0;
}

/*
 * Call @visit with each other run's record until it returns true; true if one did.
 * A record that cannot be read is passed over: it is its own run's business.
 */
static bool visit_others(const struct place *place,
			 bool (*visit)(struct record *rec, const char *path, void *arg), void *arg)
{
	CLEAN_CLOSEDIR DIR *dir = opendir(place->root);
	const struct dirent *e;
	bool done = false;

	while (dir && !done && (e = readdir(dir))) {
		CLEAN_FREE char *path = str_format("%s/%s/%s", place->root, e->d_name, place->file);
		struct record rec;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, place->run) == 0) {
			continue;
		}
		done = record_load(path, &rec, NULL) == 1 && visit(&rec, path, arg);
	}
	return done;
}

/* --- setting ------------------------------------------------------------------------------ */

static int read_number(const char *path, uint64_t *value, struct err *err)
{
	CLEAN_FREE char *text = NULL;

	if (fs_read(path, &text, NULL, err)) {
		return -1;
	}
	*value = strtoull(text, NULL, 10);
	return 0;
}

static int write_number(const char *path, uint64_t value, struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", value);
	return fs_write_knob(path, text, err);
}

/* Whether another run has raised our item's knob from below what we need. */
static bool raised_by(struct record *rec, const char *path, void *arg)
{
	const struct hostcheck_item *item = arg;
	const struct knob *k = find_knob(rec, item->knob);

	(void)path;
	return k && k->old < item->need;
}

/* Put @item's knob into the record, if it concerns us. */
static int plan_knob(const struct place *place, const struct hostcheck_item *item,
		     struct record *rec, struct err *err)
{
	struct knob *k = find_knob(rec, item->knob);
	uint64_t now;

	if (read_number(item->knob, &now, err)) {
		return -1;
	}
	if (k) {
		k->new = now < item->need ? item->need : now;
		return 0;
	}
	if (now >= item->need && !visit_others(place, raised_by, (void *)(uintptr_t)item)) {
		return 0;
	}
	k = &rec->knobs[rec->count++];
	snprintf(k->path, sizeof(k->path), "%s", item->knob);
	k->old = now;
	k->new = now < item->need ? item->need : now;
	return 0;
}

static int set_knobs(const struct record *rec, struct err *err)
{
	for (size_t i = 0; i < rec->count; i++) {
		uint64_t now;

		if (read_number(rec->knobs[i].path, &now, err) ||
		    (now != rec->knobs[i].new &&
		     write_number(rec->knobs[i].path, rec->knobs[i].new, err))) {
			return -1;
		}
	}
	return 0;
}

static int raise_rlimit(const struct hostcheck_item *item, struct err *err)
{
	struct rlimit rl;

	if (getrlimit((__rlimit_resource_t)item->rlimit, &rl)) {
		return err_errno(err, ERR_HOST, "%s", item->name);
	}
	if (rl.rlim_max != RLIM_INFINITY && rl.rlim_max < item->need) {
		rl.rlim_max = item->need;
	}
	if (rl.rlim_cur != RLIM_INFINITY && rl.rlim_cur < item->need) {
		rl.rlim_cur = item->need;
	}
	if (setrlimit((__rlimit_resource_t)item->rlimit, &rl)) {
		return err_errno(err, ERR_HOST, "raising the limit of %s to %" PRIu64, item->name,
				 item->need);
	}
	return 0;
}

int hostcheck_fix_apply(const struct hostcheck_report *report, const char *path, struct err *err)
{
	struct record rec;
	struct place place;
	int rc = place_open(path, &place, err);

	if (rc == 0 && record_load(path, &rec, err) < 0) {
		rc = -1;
	}
	for (size_t i = 0; rc == 0 && i < report->count; i++) {
		if (report->items[i].knob[0]) {
			rc = plan_knob(&place, &report->items[i], &rec, err);
		}
	}
	if (rc == 0 && rec.count > 0) {
		rc = record_save(&rec, path, err) || set_knobs(&rec, err) ? -1 : 0;
	}
	/* The ceiling of descriptors, a knob, has to be up before their limit. */
	for (size_t i = 0; rc == 0 && i < report->count; i++) {
		if (report->items[i].rlimit != HOSTCHECK_NO_RLIMIT) {
			rc = raise_rlimit(&report->items[i], err);
		}
	}
	place_close(&place);
	return rc;
}

/* --- putting back ---------------------------------------------------------------------------- */

/* Another run has built upon our change of the knob: it inherits what was before. */
static bool inherit(struct record *rec, const char *path, void *arg)
{
	const struct knob *ours = arg;
	struct knob *k = find_knob(rec, ours->path);

	if (!k || k->old != ours->new || k->old == ours->old) {
		return false;
	}
	k->old = ours->old;
	return record_save(rec, path, NULL) == 0;
}

static int put_back(const struct place *place, const struct knob *k, struct err *err)
{
	uint64_t now;

	if (k->old == k->new || visit_others(place, inherit, (void *)(uintptr_t)k)) {
		return 0;
	}
	if (read_number(k->path, &now, err)) {
		return -1;
	}
	return now == k->new ? write_number(k->path, k->old, err) : 0;
}

int hostcheck_fix_restore(const char *path, struct err *err)
{
	struct record rec;
	struct place place;
	int rc = 0;

	if (access(path, F_OK) && errno == ENOENT) {
		return 0;
	}
	if (place_open(path, &place, err) || record_load(path, &rec, err) < 0) {
		place_close(&place);
		return -1;
	}
	/* The last change goes first; what cannot be put back does not keep the others. */
	for (size_t i = rec.count; i-- > 0;) {
		rc |= put_back(&place, &rec.knobs[i], rc ? NULL : err);
	}
	if (rc == 0 && unlink(path)) {
		rc = err_errno(err, ERR_FAILED, "%s", path);
	}
	place_close(&place);
	return rc ? -1 : 0;
}
