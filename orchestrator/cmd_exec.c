// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/nearest.h"
#include "cmd.h"
#include "control.h"
#include "rt/rt.h"
#include "state.h"
#include "timedil/page.h"

/* The peer called @name among @peers; NULL with a message that names the nearest. */
static const json_t *find_peer(const json_t *peers, const char *name, struct err *err)
{
	size_t n = json_array_size(peers), i;
	CLEAN_FREE const char **names = calloc(n + 1, sizeof(*names));
	const json_t *p;
	const char *near;

	json_array_foreach(peers, i, p) {
		const char *have = json_string_value(json_object_get(p, "name"));

		if (have && strcmp(have, name) == 0) {
			return p;
		}
		if (names) {
			names[i] = have;
		}
	}
	near = names ? nearest_name(name, names) : NULL;
	err_set(err, ERR_USAGE, "no peer is called \"%s\"%s%s%s; \"lento ps RUN\" lists them", name,
		near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	return NULL;
}

static int run_inside(const struct state *state, const json_t *peer, char **argv, struct err *err)
{
	const char *share = json_string_value(json_object_get(peer, "share_dir"));
	CLEAN_FREE char *preload = str_format("LD_PRELOAD=%s/libtimedil.so", share);
	CLEAN_FREE char *page = str_format(TIMEDIL_PAGE_ENV "=%s/clock", share);
	char *env[] = { preload, page, NULL };
	pid_t pid = (pid_t)json_integer_value(json_object_get(peer, "pid"));
	int status;

	if (pid <= 0) {
		return err_set(err, ERR_PEER, "the peer's container does not run (any more)");
	}
	if (rt_exec(state->id, json_string_value(json_object_get(peer, "name")), pid, argv, env,
		    &status, err)) {
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cmd_exec(int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "run", required_argument, NULL, 'r' }, { 0 } };
	const char *id = NULL;
	struct state *state;
	const json_t *peer;
	json_t *reply;
	int c, rc;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) >= 0) {
		if (c != 'r') {
			return cmd_usage("exec", err, "unknown option or missing value: \"%s\"",
					 argv[optind - 1]);
		}
		id = optarg;
	}
	if (argc - optind < 2) {
		return cmd_usage("exec", err, "a peer and a command are needed");
	}
	if (state_find(id, &state, err)) {
		return -1;
	}
	rc = control_call(state, json_pack("{s:s}", "do", "peers"), &reply, err);
	if (rc == 0) {
		peer = find_peer(json_object_get(reply, "peers"), argv[optind], err);
		rc = peer ? run_inside(state, peer, argv + optind + 1, err) : -1;
		json_decref(reply);
	}
	state_free(state);
	return rc;
}
