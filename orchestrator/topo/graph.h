/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * graph - a network as other tools write it, in GML or GraphML: Shadow's graphs (with and without units), the
 * Internet Topology Zoo's, NetworkX's.  What is read of it is in the two tables of graph.c; all else in
 * the file is passed over.
 */
#ifndef LENTO_GRAPH_H
#define LENTO_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* An experiment of more groups, each with a delay to each other, would be larger than one can be. */
#define GRAPH_MAX_NODES 150u
#define GRAPH_MAX_EDGES 100000u
#define GRAPH_MAX_BYTES (4u << 20)

struct graph_node {
	char *id;
	char *name;                   /* NULL: none in the file */
	uint64_t down_bps, up_bps;    /* of a host there; 0: not said */
	uint64_t peers;               /* 0: not said */
	double latitude, longitude;   /* degrees; NAN: not said */
};

struct graph_edge {
	char *source, *target;        /* ids, as the file has them */
	uint32_t from, to;            /* indices of nodes */
	int64_t latency_ns;           /* one way; -1: not said */
	double loss;                  /* share of the packets; 0: none, or not said */
};

struct graph {
	bool directed;
	struct graph_node *nodes;
	size_t node_count;
	struct graph_edge *edges;
	size_t edge_count;
};

/* Read a file; errors are ERR_USAGE and name file and line.  The caller destroys *graph. */
int graph_load(const char *path, struct graph **graph, struct err *err);
void graph_destroy(struct graph *graph);

/*
 * One-way latency from each node to each other in rows of node_count; -1: no way leads there.  It is that of the
 * shortest way; but where each node has an edge to each other, as in a matrix that was measured, that of the
 * edge.  From a node to itself it is that of an edge to itself, or 0.  An edge that says none has what light
 * takes in glass between the places of its nodes; where these are not known either, it is an error.
 * The caller frees *latency_ns.
 */
int graph_latencies(const struct graph *graph, int64_t **latency_ns, struct err *err);

/*
 * Write an experiment: a group for each node, and the delays between them; @peers each, where the
 * file does not say how many.  @path is named in it.  0, or -1 with *err.
 */
int graph_write_experiment(const struct graph *graph, const char *path, uint32_t peers, FILE *out,
			   struct err *err);

#endif
