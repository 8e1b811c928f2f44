/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree - a YAML text as a tree whose every node knows its place, so that what is
 * found wrong later, for whatever reason, is told with file, line and column.
 *
 * Scalars stay text: whoever reads a node knows what it should be, and YAML's
 * guesses ("no" is false, "1:30" is 90) never come into it.  Aliases are copied,
 * so the tree is one.  The text may be hostile: its size, its depth, the number of
 * nodes and their text after the copying are bounded.
 */
#ifndef LENTO_TREE_H
#define LENTO_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define TREE_MAX_BYTES (4u << 20)
#define TREE_MAX_DEPTH 32u
#define TREE_MAX_NODES 100000u
#define TREE_MAX_MAP 4096u      /* keys in one map */

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool quoted;              /* NODE_TEXT in quotes */
	unsigned line, column;    /* from 1, in characters */
	const char *place;        /* "--set a.b=c" when it came from there, else NULL */
	char *text;               /* NODE_TEXT */
	size_t count;
	struct node **keys;       /* NODE_MAP: NODE_TEXT each, distinct */
	struct node **items;      /* NODE_LIST, NODE_MAP */
};

struct tree {
	char *path;               /* as the messages name it */
	struct node *root;
	char **places;
	size_t place_count;
	size_t node_count, text_bytes;
};

/* Read a file, "-" for standard input.  Errors are ERR_USAGE.  The caller destroys *tree. */
int tree_load(const char *path, struct tree **tree, struct err *err);
/* The same from memory. */
int tree_parse(const char *path, const char *text, size_t len, struct tree **tree,
	       struct err *err);
void tree_destroy(struct tree *tree);

/*
 * Apply "links.dsl.down=4Mbit/s": the value is YAML in flow style, a number
 * selects from a list, maps on the way that are missing are made.
 */
int tree_set(struct tree *tree, const char *assignment, struct err *err);

/* The value of @key in a map, or NULL. */
const struct node *node_get(const struct node *map, const char *key);

/* Fill @err with "FILE:LINE:COLUMN: <text>" (or "--set ...: <text>"), ERR_USAGE; returns -1. */
int node_fail(const struct tree *tree, const struct node *node, struct err *err,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* What a message calls a node: its text in quotes, shortened and printable, or "a map". */
#define NODE_SHOW_BYTES 64
const char *node_show(const struct node *node, char buf[NODE_SHOW_BYTES]);
/* The same for any text. */
const char *text_show(const char *text, char buf[NODE_SHOW_BYTES]);

#endif
