// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes as a graph: one error on one line, or an experiment that loads.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/experiment.h"
#include "topo/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct err *err)
{
	if (err->kind != ERR_USAGE || !err->msg[0] || strchr(err->msg, '\n')) {
		fprintf(stderr, "kind %d: \"%s\"\n", (int)err->kind, err->msg);
		abort();
	}
}

static char *write_memory(int fd, const void *data, size_t size)
{
	if (fd < 0 || fs_write_all(fd, data, size)) {
		abort();
	}
	return str_format("/proc/self/fd/%d", fd);
}

static void load_experiment(const char *text, size_t len)
{
	CLEAN_CLOSE int fd = memfd_create("experiment", MFD_CLOEXEC);
	CLEAN_FREE char *path = write_memory(fd, text, len);
	struct experiment *exp;
	struct err err = { 0 };

	if (experiment_load(path, NULL, "images", &exp, &err)) {
		fprintf(stderr, "%s\n%s", err.msg, text);
		abort();
	}
	experiment_destroy(exp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_CLOSE int fd = memfd_create("graph", MFD_CLOEXEC);
	CLEAN_FREE char *path = write_memory(fd, data, size);
	CLEAN_FREE char *text = NULL;
	struct graph *graph;
	struct err err = { 0 };
	size_t len = 0;
	FILE *out;
	int failed;

	if (graph_load(path, &graph, &err)) {
		look_at(&err);
		return 0;
	}
	out = open_memstream(&text, &len);
	if (!out) {
		abort();
	}
	failed = graph_write_experiment(graph, "graph", 1, out, &err);
	fclose(out);
	graph_destroy(graph);
	if (failed) {
		look_at(&err);
	} else {
		load_experiment(text, len);
	}
	return 0;
}
