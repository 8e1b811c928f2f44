// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/costs.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

#define KIND "lento-host-costs"
#define VERSION 1
#define MEASURE "\"sudo lento bench host\" measures it"

char *costs_path(void)
{
	const char *dir = getenv("LENTO_CACHE");

	return str_format("%s/host.json", dir && *dir ? dir : "/var/cache/lento");
}

/* --- this machine ------------------------------------------------------------- */

static char *cpu_model(void)
{
	CLEAN_FREE char *text = NULL;
	char *line, *end;

	if (fs_read("/proc/cpuinfo", &text, NULL, NULL)) {
		return str_format("unknown");
	}
	line = strstr(text, "model name");
	line = line ? strchr(line, ':') : NULL;
	if (!line) {
		return str_format("unknown");
	}
	line += strspn(line, ": \t");
	end = strchrnul(line, '\n');
	return str_format("%.*s", (int)(end - line), line);
}

int costs_new(struct host_costs **out, struct err *err)
{
	struct host_costs *c = calloc(1, sizeof(*c));
	struct utsname uts;
	char at[32];
	time_t now = time(NULL);
	struct tm tm;

	if (!c || uname(&uts)) {
		free(c);
		return err_errno(err, ERR_FAILED, "this host");
	}
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	c->cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	c->cpu_model = cpu_model();
	c->kernel = str_format("%s", uts.release);
	c->measured_at = str_format("%s", at);
	*out = c;
	return 0;
}

void costs_destroy(struct host_costs *c)
{
	if (!c) {
		return;
	}
	for (size_t i = 0; i < c->image_count; i++) {
		free(c->images[i].image);
	}
	free(c->images);
	free(c->cpu_model);
	free(c->kernel);
	free(c->measured_at);
	free(c);
}

/* --- figures ------------------------------------------------------------------- */

const struct image_cost *costs_of(const struct host_costs *c, const char *image)
{
	for (size_t i = 0; i < c->image_count; i++) {
		if (strcmp(c->images[i].image, image) == 0) {
			return &c->images[i];
		}
	}
	return NULL;
}

void costs_put(struct host_costs *c, const struct image_cost *cost)
{
	struct image_cost *place = (struct image_cost *)costs_of(c, cost->image);
	char *name = place ? place->image : str_format("%s", cost->image);

	if (!place) {
		c->images = reallocarray(c->images, c->image_count + 1, sizeof(*c->images));
		if (!c->images) {
			abort();
		}
		place = &c->images[c->image_count++];
	}
	*place = *cost;
	place->image = name;
}

/* --- the file --------------------------------------------------------------------- */

int costs_save(const struct host_costs *c, const char *path, struct err *err)
{
	json_t *images = json_object();
	json_t *root;
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *dir = str_format("%s", path);
	char *slash = strrchr(dir, '/');

	for (size_t i = 0; i < c->image_count; i++) {
		const struct image_cost *m = &c->images[i];

		json_object_set_new(images, m->image, json_pack(
			"{s:f, s:f, s:I}", "cpu_s_per_mib", m->cpu_s_per_mib,
			"cpu_s_per_peer_s", m->cpu_s_per_peer_s,
			"memory_bytes", (json_int_t)m->memory_bytes));
	}
	root = json_pack("{s:s, s:i, s:{s:i, s:s, s:s}, s:s, s:f, s:o}", "schema", KIND,
			 "version", VERSION, "host", "cpus", (int)c->cpus, "cpu_model", c->cpu_model,
			 "kernel", c->kernel, "measured_at_wall", c->measured_at,
			 "wire_cpu_s_per_mib", c->wire_cpu_s_per_mib, "images", images);
	text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	if (!text) {
		return err_set(err, ERR_FAILED, "%s: no memory", path);
	}
	if (slash && slash != dir) {
		*slash = '\0';
		if (fs_mkdirs(dir, 0755, err)) {
			return -1;
		}
	}
	return fs_write_atomic(path, text, strlen(text), err);
}

static int read_images(struct host_costs *c, json_t *images)
{
	const char *name;
	json_t *m;

	json_object_foreach(images, name, m) {
		struct image_cost cost = { .image = (char *)name };
		json_int_t memory;

		if (json_unpack(m, "{s:F, s:F, s:I}", "cpu_s_per_mib", &cost.cpu_s_per_mib,
				"cpu_s_per_peer_s", &cost.cpu_s_per_peer_s, "memory_bytes", &memory) ||
		    cost.cpu_s_per_mib < 0 || cost.cpu_s_per_peer_s < 0 || memory < 0) {
			return -1;
		}
		cost.memory_bytes = (uint64_t)memory;
		costs_put(c, &cost);
	}
	return 0;
}

static int read_root(struct host_costs *c, json_t *root, const char *path, struct err *err)
{
	const char *kind, *model, *kernel, *at;
	json_t *images;
	int version, cpus;

	if (json_unpack(root, "{s:s, s:i, s:{s:i, s:s, s:s}, s:s, s:F, s:o}", "schema", &kind,
			"version", &version, "host", "cpus", &cpus, "cpu_model", &model,
			"kernel", &kernel, "measured_at_wall", &at, "wire_cpu_s_per_mib",
			&c->wire_cpu_s_per_mib, "images", &images) ||
	    strcmp(kind, KIND) != 0 || version != VERSION || read_images(c, images)) {
		return err_set(err, ERR_FAILED, "%s: no figures of a host, or of another version of "
			       "lento; " MEASURE " anew", path);
	}
	if (cpus != (int)c->cpus || strcmp(model, c->cpu_model) != 0 ||
	    strcmp(kernel, c->kernel) != 0) {
		return err_set(err, ERR_HOST, "%s is of %d x %s with kernel %s, this host is %u x %s with %s; "
			       MEASURE, path, cpus, model, kernel, c->cpus, c->cpu_model, c->kernel);
	}
	free(c->measured_at);
	c->measured_at = str_format("%s", at);
	return 0;
}

int costs_load(const char *path, struct host_costs **out, struct err *err)
{
	struct host_costs *c;
	json_error_t why;
	json_t *root;

	if (access(path, F_OK)) {
		return err_set(err, ERR_HOST, "this host has not been measured (no %s); " MEASURE, path);
	}
	root = json_load_file(path, 0, &why);
	if (!root) {
		return err_set(err, ERR_FAILED, "%s:%d: %s", path, why.line, why.text);
	}
	if (costs_new(&c, err)) {
		json_decref(root);
		return -1;
	}
	if (read_root(c, root, path, err)) {
		costs_destroy(c);
		json_decref(root);
		return -1;
	}
	json_decref(root);
	*out = c;
	return 0;
}
