// SPDX-License-Identifier: GPL-2.0-or-later
/* GraphML: keys are declared with a name each, and data of nodes and edges refer to them. */
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/graph_private.h"

#define MAX_KEYS 256u
#define MAX_DATA 1024u

struct key {
	char *id, *name;
};

struct reading {
	XML_Parser parser;
	struct graph *graph;
	enum graph_part part;      /* that is open */
	struct key keys[MAX_KEYS];
	size_t key_count;
	const char *data;          /* the name of the attribute that is open, or NULL */
	char text[MAX_DATA];       /* of it */
	size_t text_len;
	const char *about;         /* what @why is about */
	const char *why;           /* NULL: nothing is wrong */
};

static void refuse(struct reading *r, const char *about, const char *why)
{
	r->about = about;
	r->why = why;
	XML_StopParser(r->parser, XML_FALSE);
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
	for (; *attributes; attributes += 2) {
		if (strcmp(attributes[0], name) == 0) {
			return attributes[1];
		}
	}
	return NULL;
}

static void begin_part(struct reading *r, enum graph_part part, const XML_Char **attributes)
{
	static const char *const own[] = {"id", "source", "target"};
	const char *why = NULL;

	if (graph_begin(r->graph, part, &why)) {
		refuse(r, "", why);
		return;
	}
	r->part = part;
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		const char *value = attribute(attributes, own[i]);

		if (value && graph_set(r->graph, part, own[i], value, &why)) {
			refuse(r, own[i], why);
			return;
		}
	}
}

static void declare_key(struct reading *r, const char *id, const char *name)
{
	if (r->key_count == MAX_KEYS) {
		refuse(r, "", "more than 256 keys");
	} else if (id && name) {
		r->keys[r->key_count++] = (struct key) {must_strdup(id), must_strdup(name)};
	}
}

static const char *key_name(const struct reading *r, const char *id)
{
	for (size_t i = 0; id && i < r->key_count; i++) {
		if (strcmp(r->keys[i].id, id) == 0) {
			return r->keys[i].name;
		}
	}
	return NULL;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *r = data;

	if (strcmp(name, "graph") == 0) {
		const char *edges = attribute(attributes, "edgedefault");

		r->graph->directed = edges && strcmp(edges, "directed") == 0;
	} else if (strcmp(name, "key") == 0) {
		declare_key(r, attribute(attributes, "id"), attribute(attributes, "attr.name"));
	} else if (strcmp(name, "node") == 0) {
		begin_part(r, GRAPH_NODE, attributes);
	} else if (strcmp(name, "edge") == 0) {
		begin_part(r, GRAPH_EDGE, attributes);
	} else if (strcmp(name, "data") == 0 && r->part != GRAPH_ITSELF) {
		r->data = key_name(r, attribute(attributes, "key"));
		r->text_len = 0;
	}
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
	struct reading *r = data;

	if (!r->data) {
		return;
	}
	if ((size_t)len >= sizeof(r->text) - r->text_len) {
		refuse(r, "data", "is too long");
		return;
	}
	memcpy(r->text + r->text_len, text, (size_t)len);
	r->text_len += (size_t)len;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
	struct reading *r = data;
	const char *why = NULL;

	if (strcmp(name, "node") == 0 || strcmp(name, "edge") == 0) {
		r->part = GRAPH_ITSELF;
	} else if (strcmp(name, "data") == 0 && r->data) {
		r->text[r->text_len] = '\0';
		if (graph_set(r->graph, r->part, r->data, r->text, &why)) {
			refuse(r, r->data, why);
		}
		r->data = NULL;
	}
}

int graph_read_xml(struct graph *graph, const char *path, const char *text, size_t len,
		   struct err *err)
{
	struct reading r = {.parser = XML_ParserCreate(NULL), .graph = graph};
	int result = 0;

	if (!r.parser) {
		abort();
	}
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	if (XML_Parse(r.parser, text, (int)len, XML_TRUE) != XML_STATUS_OK) {
		unsigned long line = XML_GetCurrentLineNumber(r.parser);

		result = r.why ? err_set(err, ERR_USAGE, "%s:%lu: %.64s%s%s", path, line, r.about,
					 *r.about ? " " : "", r.why)
			       : err_set(err, ERR_USAGE, "%s:%lu: %s", path, line,
					 XML_ErrorString(XML_GetErrorCode(r.parser)));
	}
	for (size_t i = 0; i < r.key_count; i++) {
		free(r.keys[i].id);
		free(r.keys[i].name);
	}
	XML_ParserFree(r.parser);
	return result;
}
