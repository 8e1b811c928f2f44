/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the readers of the two formats: a file is a sequence of nodes and edges with attributes.
 */
#ifndef LENTO_GRAPH_PRIVATE_H
#define LENTO_GRAPH_PRIVATE_H

#include "topo/graph.h"

enum graph_part { GRAPH_ITSELF, GRAPH_NODE, GRAPH_EDGE };

/* A new node or edge; later attributes are its own.  0, or -1 with a static text in *why. */
int graph_begin(struct graph *graph, enum graph_part part, const char **why);

/* An attribute of the newest node or edge; one of no use here is passed over.  As above. */
int graph_set(struct graph *graph, enum graph_part part, const char *key, const char *value,
	      const char **why);

/* Read @text into @graph; errors name @path and line. */
int graph_read_gml(struct graph *graph, const char *path, const char *text, struct err *err);
int graph_read_xml(struct graph *graph, const char *path, const char *text, size_t len,
		   struct err *err);

#endif
