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
#include "topo/graph.h"
#include "topo/limits.h"

/* What can be drawn, each into a file of its own. */
static const struct {
	const char *option;
	void (*draw)(const struct experiment *exp, FILE *out);
} drawings[] = {
	{ "svg", draw_links_svg },
	{ "dot", draw_network_dot },
	{ "gml", draw_network_gml },
};

struct show_args {
	const char *files[ARRAY_LEN(drawings)];
	const char *experiment;
};

static int parse_show(int argc, char **argv, struct show_args *a, struct err *err)
{
	struct option options[ARRAY_LEN(drawings) + 1] = { { 0 } };
	bool any = false;
	int c;

	for (size_t i = 0; i < ARRAY_LEN(drawings); i++) {
		options[i] = (struct option) { drawings[i].option, required_argument, NULL, (int)i };
	}
	opterr = 0;
	optind = 1;
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

static int show(int argc, char **argv, struct err *err)
{
	struct show_args a = { .experiment = NULL };
	CLEAN_FREE char *images = NULL;
	struct experiment *exp;
	int rc = 0;

	if (parse_show(argc, argv, &a, err) || paths_share("images", &images, err) ||
	    experiment_load(a.experiment, NULL, images, &exp, err)) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(drawings) && rc == 0; i++) {
		rc = a.files[i] ? draw(exp, i, a.files[i], err) : 0;
	}
	experiment_destroy(exp);
	return rc;
}

static int import(int argc, char **argv, struct err *err)
{
	static const struct option options[] = { { "peers", required_argument, NULL, 'p' }, { 0 } };
	unsigned long peers = 1;
	struct graph *graph;
	int c, rc;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		char *end = NULL;

		if (c != 'p') {
			return cmd_usage("topology", err, c == ':' ? "%s needs a number" :
					 "unknown option \"%s\"", argv[optind - 1]);
		}
		peers = strtoul(optarg, &end, 10);
		if (*end || peers < 1 || peers > LIMIT_PEERS) {
			return cmd_usage("topology", err, "--peers is from 1 to %u", LIMIT_PEERS);
		}
	}
	if (optind + 1 != argc) {
		return cmd_usage("topology", err, "one file with a graph, in GML or GraphML");
	}
	if (graph_load(argv[optind], &graph, err)) {
		return -1;
	}
	rc = graph_write_experiment(graph, argv[optind], (uint32_t)peers, stdout, err);
	graph_destroy(graph);
	if (rc == 0 && (fflush(stdout) || ferror(stdout))) {
		return err_errno(err, ERR_FAILED, "standard output");
	}
	return rc;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct err *err);
} verbs[] = {
	{ "show", show },
	{ "import", import },
};

int cmd_topology(int argc, char **argv, struct err *err)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) == 0) {
			return verbs[i].run(argc - 1, argv + 1, err);
		}
	}
	return cmd_usage("topology", err, "what about it? \"show\" or \"import\"");
}
