// SPDX-License-Identifier: GPL-2.0-or-later
/* lento pause, resume, set: what changes a run's clock. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "control.h"
#include "state.h"
#include "timedil/vtime.h"

/* Send @request (stolen) to the run called @id and say @done. */
static int ask(const char *id, json_t *request, const char *done, struct err *err)
{
	struct state *state;
	json_t *reply;
	int rc;

	if (state_find(id, &state, err)) {
		json_decref(request);
		return -1;
	}
	rc = control_call(state, request, &reply, err);
	if (rc == 0) {
		printf("%s: %s\n", state->id, done);
		json_decref(reply);
	}
	state_free(state);
	return rc;
}

static int simple(int argc, char **argv, const char *done, struct err *err)
{
	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		return cmd_usage(argv[0], err, "unexpected \"%s\"", argv[argc - 1]);
	}
	return ask(argc == 2 ? argv[1] : NULL, json_pack("{s:s}", "do", argv[0]), done, err);
}

int cmd_pause(int argc, char **argv, struct err *err)
{
	return simple(argc, argv, "paused", err);
}

int cmd_resume(int argc, char **argv, struct err *err)
{
	return simple(argc, argv, "goes on", err);
}

int cmd_set(int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "run", required_argument, NULL, 'r' }, { 0 } };
	const char *id = NULL, *value;
	char done[64];
	struct tdf tdf;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		if (c != 'r') {
			return cmd_usage("set", err, "unknown option or missing value: \"%s\"",
					 argv[optind - 1]);
		}
		id = optarg;
	}
	/* "tdf=5", and also "tdf 5". */
	if (optind + 1 == argc && strncmp(argv[optind], "tdf=", 4) == 0) {
		value = argv[optind] + 4;
	} else if (optind + 2 == argc && strcmp(argv[optind], "tdf") == 0) {
		value = argv[optind + 1];
	} else {
		return cmd_usage("set", err, "expected tdf=FACTOR");
	}
	if (tdf_parse(value, &tdf)) {
		return cmd_usage("set", err, "tdf=%s: expected a factor from 1/1000 to 1000, "
				 "as in 5, 0.2 or 1/8", value);
	}
	snprintf(done, sizeof(done), "TDF is %s now", value);
	return ask(id, json_pack("{s:s, s:s}", "do", "set", "tdf", value), done, err);
}
