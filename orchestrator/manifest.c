// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * manifest - what a run was made of, so that it can be repeated: versions, host,
 * command line, payload, calibration.
 */
#include "run_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/clean.h"
#include "version.h"

static json_t *host_json(void)
{
	struct utsname u;
	struct sysinfo si;
	json_t *j = json_object();

	if (uname(&u) == 0) {
		json_object_set_new(j, "kernel", json_sprintf("%s %s", u.release, u.version));
		json_object_set_new(j, "machine", json_string(u.machine));
		json_object_set_new(j, "hostname", json_string(u.nodename));
	}
	if (sysinfo(&si) == 0) {
		json_object_set_new(j, "memory_bytes",
				    json_integer((json_int_t)si.totalram * si.mem_unit));
	}
	json_object_set_new(j, "cpus", json_integer(get_nprocs()));
	return j;
}

static json_t *images_json(const struct experiment *exp)
{
	json_t *list = json_array();

	for (size_t i = 0; i < exp->image_count; i++) {
		char hex[65] = "";

		/* The program's digest says which build of the client it was. */
		payload_sha256(exp->images[i]->program, hex, NULL);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}",
			"name", exp->images[i]->name, "program", exp->images[i]->program,
			"sha256", hex));
	}
	return list;
}

static json_t *calibration_json(const struct result *res)
{
	json_t *list = json_array();

	for (size_t i = 0; i < res->calibration_count; i++) {
		const struct calibration_result *c = &res->calibration[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f, s:f, s:b}",
			"what", c->what, "figure", c->figure, "asked", c->asked,
			"measured", c->measured, "tolerance", c->tolerance, "ok", c->ok));
	}
	return list;
}

static json_t *payload_json(const struct run *run)
{
	char hex[65] = "";

	if (!run->payload_path) {
		return json_null();
	}
	payload_sha256(run->payload_path, hex, NULL);
	return json_pack("{s:s, s:I, s:I, s:s, s:s}", "name", run->exp->payload.name,
			 "bytes", (json_int_t)run->exp->payload.size_bytes,
			 "piece_bytes", (json_int_t)run->exp->payload.piece_bytes,
			 "sha256", hex, "infohash", run->torrent.infohash);
}

int manifest_write(const struct run *run, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/manifest.json", run->results_dir);
	CLEAN_FREE char *text = NULL;
	json_t *argv = json_array(), *j;
	char tdf[24];

	for (int i = 0; i < run->opt->argc; i++) {
		json_array_append_new(argv, json_string(run->opt->argv[i]));
	}
	j = json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:s}",
		      "version", 1, "lento", LENTO_VERSION, "run", run->state->id,
		      "started_at", run->state->started_at, "experiment", run->exp->path,
		      "seed", (json_int_t)run->exp->seed,
		      "tdf", tdf_format(run->exp->tdf, tdf, sizeof(tdf)),
		      "command_line", argv, "host", host_json(),
		      "images", images_json(run->exp), "payload", payload_json(run),
		      "calibration", calibration_json(&run->res),
		      "unscaled", run->res.unscaled ?: "");
	text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
	json_decref(j);
	if (!text) {
		return err_set(err, ERR_FAILED, "%s: text that is not UTF-8, or no memory", path);
	}
	return fs_write_atomic(path, text, strlen(text), err);
}
