// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "control.h"
#include "state.h"
#include "timedil/vtime.h"

static long seconds(const json_t *j, const char *key)
{
	return (long)(json_integer_value(json_object_get(j, key)) / NS_PER_S);
}

static int number(const json_t *j, const char *key)
{
	return (int)json_integer_value(json_object_get(j, key));
}

static const char *word(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key)) ?: "-";
}

static json_t *run_status(const char *id)
{
	struct state *state = NULL;
	json_t *reply = NULL, *row;

	if (state_load(id, &state, NULL)) {
		return json_pack("{s:s, s:s}", "run", id, "phase", "unreadable");
	}
	if (!state_alive(state, state->lento)) {
		row = json_pack("{s:s, s:s}", "run", id, "phase", "dead");
	} else if (control_call(state, json_pack("{s:s}", "do", "status"), &reply, NULL)) {
		row = json_pack("{s:s, s:s}", "run", id, "phase", "starting");
	} else {
		json_object_set_new(reply, "run", json_string(id));
		json_object_del(reply, "ok");
		row = reply;
	}
	state_free(state);
	return row;
}

static void print_runs(const json_t *rows)
{
	const json_t *row;
	size_t i;

	printf("%-44s %-10s %9s %9s %6s %9s %9s\n", "RUN", "PHASE", "VIRTUAL", "WALL", "TDF",
	       "ALIVE", "COMPLETE");
	json_array_foreach(rows, i, row) {
		if (!json_object_get(row, "tdf")) {
			printf("%-44s %-10s%s\n", word(row, "run"), word(row, "phase"),
			       strcmp(word(row, "phase"), "dead") == 0
			       ? " (killed; \"lento destroy\" removes what is left)" : "");
			continue;
		}
		printf("%-44s %-10s %8lds %8lds %6s %4d/%-4d %4d/%-4d\n", word(row, "run"),
		       json_is_true(json_object_get(row, "paused")) ? "paused" : word(row, "phase"),
		       seconds(row, "virtual_ns"), seconds(row, "wall_ns"), word(row, "tdf"),
		       number(row, "alive"), number(row, "peers"),
		       number(row, "complete"), number(row, "leechers"));
	}
}

static void print_peers(const json_t *peers)
{
	const json_t *p;
	size_t i;

	printf("%-20s %-14s %-15s %-9s %7s %6s  %s\n", "PEER", "IMAGE", "ADDRESS", "STATE", "PID",
	       "HAS", "");
	json_array_foreach(peers, i, p) {
		printf("%-20s %-14s %-15s %-9s %7d %5.1f%%  %s\n", word(p, "name"), word(p, "image"),
		       word(p, "ip"), word(p, "state"), number(p, "pid"),
		       100 * json_number_value(json_object_get(p, "share_complete")),
		       json_string_value(json_object_get(p, "why")) ?: "");
	}
}

static void dump(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int ps_runs(bool json, struct err *err)
{
	json_t *rows = json_array();
	char **ids;

	if (state_list(&ids, err)) {
		json_decref(rows);
		return -1;
	}
	for (char **id = ids; *id; id++) {
		json_array_append_new(rows, run_status(*id));
	}
	state_free_list(ids);
	if (json) {
		dump(rows);
	} else if (json_array_size(rows) == 0) {
		puts("no run on this host");
	} else {
		print_runs(rows);
	}
	json_decref(rows);
	return 0;
}

static int ps_peers(const char *id, bool json, struct err *err)
{
	struct state *state;
	json_t *reply;
	int rc;

	if (state_find(id, &state, err)) {
		return -1;
	}
	rc = control_call(state, json_pack("{s:s}", "do", "peers"), &reply, err);
	state_free(state);
	if (rc) {
		return -1;
	}
	if (json) {
		dump(json_object_get(reply, "peers"));
	} else {
		print_peers(json_object_get(reply, "peers"));
	}
	json_decref(reply);
	return 0;
}

int cmd_ps(int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	bool json = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c != 'j') {
			return cmd_usage("ps", err, "unknown option \"%s\"", argv[optind - 1]);
		}
		json = true;
	}
	if (argc - optind > 1) {
		return cmd_usage("ps", err, "one run at a time");
	}
	return optind < argc ? ps_peers(argv[optind], json, err) : ps_runs(json, err);
}
