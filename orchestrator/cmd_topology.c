// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "cmd.h"
#include "paths.h"
#include "topo/draw.h"
#include "topo/experiment.h"

/* What can be drawn, each into a file of its own. */
static const struct {
	const char *option;
	void (*draw)(const struct experiment *exp, FILE *out);
} drawings[] = {
	{ "svg", draw_links_svg },
	{ "dot", draw_network_dot },
	{ "gml", draw_network_gml },
};

struct topology_args {
	const char *files[ARRAY_LEN(drawings)];
	const char *experiment;
};

static int parse(int argc, char **argv, struct topology_args *a, struct err *err)
{
	struct option options[ARRAY_LEN(drawings) + 1] = { { 0 } };
	bool any = false;
	int c;

	for (size_t i = 0; i < ARRAY_LEN(drawings); i++) {
		options[i] = (struct option) { drawings[i].option, required_argument, NULL, (int)i };
	}
	if (argc < 2 || strcmp(argv[1], "show") != 0) {
		return cmd_usage("topology", err, "what about it? \"show\" is all there is");
	}
	opterr = 0;
	optind = 2;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		if (c == ':' || c == '?') {
			return cmd_usage("topology", err, c == ':' ? "%s needs a file" :
					 "unknown option \"%s\"", argv[optind - 1]);
		}
		a->files[c] = optarg;
		any = true;
	}
	if (optind + 1 != argc || !any) {
		return cmd_usage("topology", err,
				 "one experiment file, and at least one picture to draw");
	}
	a->experiment = argv[optind];
	return 0;
}

static int draw(const struct experiment *exp, size_t which, const char *path, struct err *err)
{
	CLEAN_FREE char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (!out) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	drawings[which].draw(exp, out);
	failed = ferror(out);
	if (fclose(out) || failed) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	if (strcmp(path, "-") == 0) {
		return fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0
			? 0 : err_errno(err, ERR_FAILED, "standard output");
	}
	return fs_write_atomic(path, text, len, err);
}

int cmd_topology(int argc, char **argv, struct err *err)
{
	struct topology_args a = { .experiment = NULL };
	CLEAN_FREE char *images = NULL;
	struct experiment *exp;
	int rc = 0;

	if (parse(argc, argv, &a, err) || paths_share("images", &images, err) ||
	    experiment_load(a.experiment, NULL, images, &exp, err)) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(drawings) && rc == 0; i++) {
		rc = a.files[i] ? draw(exp, i, a.files[i], err) : 0;
	}
	experiment_destroy(exp);
	return rc;
}
