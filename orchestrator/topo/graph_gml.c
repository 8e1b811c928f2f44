// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * GML (Himsolt 1996): "key value" again and again, where a value is a number, a text in quotes or a list in
 * brackets.  Lines that begin with # are remarks.
 */
#include <ctype.h>
#include <string.h>

#include "base/clean.h"
#include "topo/graph_private.h"

#define MAX_DEPTH 16u
#define MAX_TOKEN 1024u

struct gml {
	const char *path;
	const char *at;           /* what is not read yet */
	struct graph *graph;
	struct err *err;
	unsigned line;            /* from 1 */
	char key[64];
	char value[MAX_TOKEN];
};

static int fail(const struct gml *g, const char *what, const char *why)
{
	return err_set(g->err, ERR_USAGE, "%s:%u: %.64s%s%s", g->path, g->line, what, *what ? " " : "", why);
}

static void skip_blanks(struct gml *g)
{
	for (;; g->at++) {
		if (*g->at == '#') {
			g->at += strcspn(g->at, "\n");
		}
		if (*g->at == '\n') {
			g->line++;
		} else if (!*g->at || !isspace((unsigned char)*g->at)) {
			return;
		}
	}
}

static int take(struct gml *g, size_t len, char *buf, size_t size)
{
	if (len >= size) {
		return fail(g, "", "a word or text is too long");
	}
	memcpy(buf, g->at, len);
	buf[len] = '\0';
	g->at += len;
	return 0;
}

/* A number, or what stands between quotes. */
static int read_scalar(struct gml *g)
{
	unsigned line = g->line;
	size_t len;

	if (*g->at != '"') {
		len = strcspn(g->at, " \t\r\n[]\"#");
		return len ? take(g, len, g->value, sizeof(g->value)) : fail(g, g->key, "has no value");
	}
	g->at++;
	len = strcspn(g->at, "\"");
	if (!g->at[len]) {
		return fail(g, g->key, "has a text without end");
	}
	for (size_t i = 0; i < len; i++) {
		line += g->at[i] == '\n';
	}
	if (take(g, len, g->value, sizeof(g->value))) {
		return -1;
	}
	g->at++;
	g->line = line;
	return 0;
}

/* What a list named @key is, in a list of the @outer kind at @depth. */
static bool known_list(const char *key, unsigned depth, enum graph_part *part)
{
	static const struct {
		const char *key;
		enum graph_part part;
		unsigned depth;
	} lists[] = {
		{"graph", GRAPH_ITSELF, 0}, {"node", GRAPH_NODE, 1}, {"edge", GRAPH_EDGE, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (lists[i].depth == depth && strcmp(lists[i].key, key) == 0) {
			*part = lists[i].part;
			return true;
		}
	}
	return false;
}

/* A list up to its bracket, the whole file at @depth 0; of one that is not @known nothing is taken. */
static int read_list(struct gml *g, enum graph_part part, bool known, unsigned depth)
{
	const char *why = NULL;

	if (depth > MAX_DEPTH) {
		return fail(g, "", "lists are too deep");
	}
	for (skip_blanks(g); *g->at && *g->at != ']'; skip_blanks(g)) {
		size_t len = strspn(g->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

		if (len == 0) {
			return fail(g, "", "a key should be here");
		}
		if (take(g, len, g->key, sizeof(g->key))) {
			return -1;
		}
		skip_blanks(g);
		if (*g->at == '[') {
			enum graph_part inner = GRAPH_ITSELF;
			bool inner_known = (known || depth == 0) && known_list(g->key, depth, &inner);

			g->at++;
			if (inner_known && graph_begin(g->graph, inner, &why)) {
				return fail(g, "", why);
			}
			if (read_list(g, inner, inner_known, depth + 1)) {
				return -1;
			}
		} else if (read_scalar(g) ||
			   (known && graph_set(g->graph, part, g->key, g->value, &why))) {
			return why ? fail(g, g->key, why) : -1;
		}
	}
	if (depth == 0) {
		return *g->at ? fail(g, "", "a bracket closes nothing") : 0;
	}
	if (!*g->at) {
		return fail(g, "", "a bracket is missing");
	}
	g->at++;
	return 0;
}

int graph_read_gml(struct graph *graph, const char *path, const char *text, struct err *err)
{
	struct gml g = {.path = path, .at = text, .graph = graph, .err = err, .line = 1};

	return read_list(&g, GRAPH_ITSELF, false, 0);
}
