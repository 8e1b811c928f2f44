// SPDX-License-Identifier: GPL-2.0-or-later
#include "topo/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <yaml.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/alloc.h"

#define MAX_TEXT_BYTES (4 * (size_t)TREE_MAX_BYTES)

/* A node that an alias may name; known once it is complete, so no node holds itself. */
struct anchor {
	char *name;
	const struct node *node;
};

struct builder {
	struct tree *tree;
	const char *place;        /* of the nodes made; NULL in a file */
	const char *text;
	size_t len;
	struct err *err;
	yaml_parser_t parser;
	yaml_event_t event;
	bool have_event;
	struct anchor *anchors;
	size_t anchor_count;
};

/* --- places and messages -------------------------------------------------- */

const char *text_show(const char *text, char buf[NODE_SHOW_BYTES])
{
	const size_t room = NODE_SHOW_BYTES - 6; /* closing: ..." and NUL, and one \xNN */
	size_t n = 0;

	buf[n++] = '"';
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		/* Cut between characters, not inside one. */
		if (n + 4 > room && ((*p & 0xc0) != 0x80 || n >= room)) {
			memcpy(buf + n, "...", 3);
			n += 3;
			break;
		}
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)) {
			n += (size_t)snprintf(buf + n, 5, "\\x%02x", *p == 0xc2 ? *++p : *p);
		} else {
			buf[n++] = (char)*p;
		}
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

const char *node_show(const struct node *node, char buf[NODE_SHOW_BYTES])
{
	switch (node->kind) {
	case NODE_MAP:
		return "a map";
	case NODE_LIST:
		return "a list";
	case NODE_TEXT:
		break;
	}
	if (!*node->text && !node->quoted) {
		return "nothing";
	}
	return text_show(node->text, buf);
}

static int fail_at(struct err *err, const char *path, const char *place, size_t line,
		   size_t column, const char *text)
{
	if (place) {
		return err_set(err, ERR_USAGE, "%s: %s", place, text);
	}
	return err_set(err, ERR_USAGE, "%s:%zu:%zu: %s", path, line, column, text);
}

int node_fail(const struct tree *tree, const struct node *node, struct err *err,
	      const char *fmt, ...)
{
	char text[1536];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(err, tree->path, node ? node->place : NULL, node ? node->line : 1,
		       node ? node->column : 1, text);
}

static int fail_mark(struct builder *b, const yaml_mark_t *mark, const char *text)
{
	return fail_at(b->err, b->tree->path, b->place, mark->line + 1, mark->column + 1, text);
}

static bool tab_indents(const struct builder *b, size_t line)
{
	const char *p = b->text, *end = b->text + b->len;

	while (line-- > 0 && p) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	while (p && p < end && *p == ' ') {
		p++;
	}
	return p && p < end && *p == '\t';
}

/* A byte offset as a mark: the reader of libyaml gives no other place. */
static yaml_mark_t mark_of_offset(const struct builder *b, size_t offset)
{
	yaml_mark_t mark = {0};

	for (size_t i = 0; i < offset && i < b->len; i++) {
		if (b->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)b->text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static int fail_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	yaml_mark_t mark = p->problem_mark;
	char text[256];

	if (p->error == YAML_MEMORY_ERROR) {
		abort();
	}
	if (p->error == YAML_READER_ERROR) {
		mark = mark_of_offset(b, p->problem_offset);
		snprintf(text, sizeof(text), "this is no text: %s", p->problem);
	} else if (tab_indents(b, mark.line)) {
		snprintf(text, sizeof(text), "a tab cannot indent in YAML; use spaces");
	} else {
		snprintf(text, sizeof(text), "this is no YAML: %s%s%s%s", p->problem,
			 p->context ? " (" : "", p->context ? p->context : "",
			 p->context ? ")" : "");
	}
	return fail_mark(b, &mark, text);
}

/* --- nodes ---------------------------------------------------------------- */

static void node_destroy(struct node *node)
{
	if (!node) {
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (node->keys) {
			node_destroy(node->keys[i]);
		}
		node_destroy(node->items[i]);
	}
	free(node->keys);
	free(node->items);
	free(node->text);
	free(node);
}

static void append(struct node *node, struct node *key, struct node *item)
{
	if (node->kind == NODE_MAP) {
		node->keys = must_grow(node->keys, node->count, sizeof(*node->keys));
		node->keys[node->count] = key;
	}
	node->items = must_grow(node->items, node->count, sizeof(*node->items));
	node->items[node->count++] = item;
}

static size_t find_key(const struct node *map, const char *key)
{
	for (size_t i = 0; map->kind == NODE_MAP && i < map->count; i++) {
		if (strcmp(map->keys[i]->text, key) == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}

const struct node *node_get(const struct node *map, const char *key)
{
	size_t i = find_key(map, key);

	return i == SIZE_MAX ? NULL : map->items[i];
}

/* NULL when a bound is reached; every node and copy is made here. */
static struct node *node_create(struct tree *tree, enum node_kind kind, const char *text,
				const char *place, unsigned line, unsigned column)
{
	struct node *node;

	tree->text_bytes += text ? strlen(text) : 0;
	if (++tree->node_count > TREE_MAX_NODES || tree->text_bytes > MAX_TEXT_BYTES) {
		return NULL;
	}
	node = must_calloc(1, sizeof(*node));
	node->kind = kind;
	node->text = text ? must_strdup(text) : NULL;
	node->place = place;
	node->line = line;
	node->column = column;
	return node;
}

static struct node *node_copy(struct tree *tree, const struct node *from)
{
	struct node *node = node_create(tree, from->kind, from->text, from->place, from->line,
					from->column);

	if (!node) {
		return NULL;
	}
	node->quoted = from->quoted;
	for (size_t i = 0; i < from->count; i++) {
		struct node *key = NULL, *item;

		if (from->kind == NODE_MAP) {
			key = node_copy(tree, from->keys[i]);
		}
		item = node_copy(tree, from->items[i]);
		if (!item || (from->kind == NODE_MAP && !key)) {
			node_destroy(key);
			node_destroy(item);
			node_destroy(node);
			return NULL;
		}
		append(node, key, item);
	}
	return node;
}

/* --- from events ---------------------------------------------------------- */

static int next_event(struct builder *b)
{
	if (b->have_event) {
		yaml_event_delete(&b->event);
		b->have_event = false;
	}
	if (!yaml_parser_parse(&b->parser, &b->event)) {
		return fail_syntax(b);
	}
	b->have_event = true;
	return 0;
}

static int fail_here(struct builder *b, const char *text)
{
	return fail_mark(b, &b->event.start_mark, text);
}

static int fail_too_large(struct builder *b)
{
	char text[96];

	snprintf(text, sizeof(text), "too much: more than %u values or %zu MiB, aliases counted",
		 TREE_MAX_NODES, MAX_TEXT_BYTES >> 20);
	return fail_here(b, text);
}

static struct node *node_here(struct builder *b, enum node_kind kind, const char *text)
{
	return node_create(b->tree, kind, text, b->place, (unsigned)b->event.start_mark.line + 1,
			   (unsigned)b->event.start_mark.column + 1);
}

static int build_alias(struct builder *b, struct node **out)
{
	const char *name = (const char *)b->event.data.alias.anchor;
	char shown[NODE_SHOW_BYTES], text[128];

	for (size_t i = b->anchor_count; i-- > 0;) {
		if (strcmp(b->anchors[i].name, name) == 0) {
			*out = node_copy(b->tree, b->anchors[i].node);
			return *out ? 0 : fail_too_large(b);
		}
	}
	snprintf(text, sizeof(text), "no anchor named %s stands before this alias",
		 text_show(name, shown));
	return fail_here(b, text);
}

static int build_text(struct builder *b, struct node **out)
{
	const char *value = (const char *)b->event.data.scalar.value;

	if (strlen(value) != b->event.data.scalar.length) {
		return fail_here(b, "the text has a NUL character in it");
	}
	*out = node_here(b, NODE_TEXT, value);
	if (!*out) {
		return fail_too_large(b);
	}
	(*out)->quoted = b->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

static int build(struct builder *b, unsigned depth, struct node **out);

static int build_entry(struct builder *b, unsigned depth, struct node *map)
{
	struct node *key = NULL, *item = NULL;
	char shown[NODE_SHOW_BYTES], text[128];

	if (b->event.type != YAML_SCALAR_EVENT) {
		return fail_here(b, "a key must be plain text");
	}
	if (map->count == TREE_MAX_MAP) {
		return fail_here(b, "too many keys in one map");
	}
	if (build(b, depth, &key) || !key) {
		return -1;
	}
	if (find_key(map, key->text) != SIZE_MAX) {
		snprintf(text, sizeof(text), "the key %s stands here twice, first on line %u",
			 text_show(key->text, shown),
			 map->keys[find_key(map, key->text)]->line);
		fail_here(b, text);
		node_destroy(key);
		return -1;
	}
	if (next_event(b) || build(b, depth, &item)) {
		node_destroy(key);
		return -1;
	}
	append(map, key, item);
	return next_event(b);
}

static int build_list_or_map(struct builder *b, unsigned depth, enum node_kind kind,
			     struct node **out)
{
	yaml_event_type_t end = kind == NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	struct node *node = node_here(b, kind, NULL);
	int failed;

	if (!node) {
		return fail_too_large(b);
	}
	failed = next_event(b);
	while (!failed && b->event.type != end) {
		struct node *item = NULL;

		if (kind == NODE_MAP) {
			failed = build_entry(b, depth, node);
			continue;
		}
		failed = build(b, depth, &item);
		if (!failed) {
			append(node, NULL, item);
			failed = next_event(b);
		}
	}
	if (failed) {
		node_destroy(node);
		return -1;
	}
	*out = node;
	return 0;
}

static void remember(struct builder *b, char *anchor, const struct node *node)
{
	if (anchor) {
		b->anchors = must_grow(b->anchors, b->anchor_count, sizeof(*b->anchors));
		b->anchors[b->anchor_count++] = (struct anchor){anchor, node};
	}
}

/* Build the node that begins with the present event; leave its last event present. */
static int build(struct builder *b, unsigned depth, struct node **out)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	CLEAN_FREE char *name = NULL;
	enum node_kind kind = NODE_TEXT;

	switch (b->event.type) {
	case YAML_ALIAS_EVENT:
		return build_alias(b, out);
	case YAML_SCALAR_EVENT:
		anchor = b->event.data.scalar.anchor;
		tag = b->event.data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		kind = NODE_LIST;
		anchor = b->event.data.sequence_start.anchor;
		tag = b->event.data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		kind = NODE_MAP;
		anchor = b->event.data.mapping_start.anchor;
		tag = b->event.data.mapping_start.tag;
		break;
	default:
		return fail_here(b, "a value is missing");
	}
	if (tag) {
		return fail_here(b, "YAML tags (!...) are not used here");
	}
	if (depth >= TREE_MAX_DEPTH) {
		return fail_here(b, "nested too deep");
	}
	name = anchor ? must_strdup((const char *)anchor) : NULL;
	if (kind == NODE_TEXT ? build_text(b, out) : build_list_or_map(b, depth + 1, kind, out)) {
		return -1;
	}
	remember(b, take_ptr(name), *out);
	return 0;
}

static int build_stream(struct builder *b, struct node **out)
{
	if (next_event(b) || next_event(b)) {
		return -1;
	}
	if (b->event.type == YAML_STREAM_END_EVENT) {
		if (!b->place) {
			yaml_mark_t start = {0};

			return fail_mark(b, &start, "the file is empty");
		}
		*out = node_here(b, NODE_TEXT, "");
		return *out ? 0 : fail_too_large(b);
	}
	if (next_event(b) || build(b, 0, out)) {
		return -1;
	}
	if (next_event(b) || next_event(b)) {
		return -1;
	}
	if (b->event.type != YAML_STREAM_END_EVENT) {
		return fail_here(b, "a second document begins here; one file holds one");
	}
	return 0;
}

static int build_tree(struct tree *tree, const char *place, const char *text, size_t len,
		      struct node **out, struct err *err)
{
	struct builder b = {.tree = tree, .place = place, .text = text, .len = len, .err = err};
	int failed;

	if (!yaml_parser_initialize(&b.parser)) {
		abort();
	}
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
	failed = build_stream(&b, out);
	if (failed) {
		node_destroy(take_ptr(*out));
	}
	if (b.have_event) {
		yaml_event_delete(&b.event);
	}
	yaml_parser_delete(&b.parser);
	for (size_t i = 0; i < b.anchor_count; i++) {
		free(b.anchors[i].name);
	}
	free(b.anchors);
	return failed;
}

int tree_parse(const char *path, const char *text, size_t len, struct tree **out,
	       struct err *err)
{
	struct tree *tree = must_calloc(1, sizeof(*tree));

	tree->path = must_strdup(path);
	if (build_tree(tree, NULL, text, len, &tree->root, err)) {
		tree_destroy(tree);
		return -1;
	}
	*out = tree;
	return 0;
}

int tree_load(const char *path, struct tree **tree, struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	CLEAN_CLOSE int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE char *text = NULL;
	size_t len = 0;
	ssize_t n;

	if (fd < 0) {
		return err_errno(err, ERR_USAGE, "%s", path);
	}
	text = must_calloc(1, TREE_MAX_BYTES + 1);
	do {
		n = read(fd, text + len, TREE_MAX_BYTES + 1 - len);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, ERR_USAGE, "%s", path);
		}
		len += n > 0 ? (size_t)n : 0;
	} while (n != 0 && len <= TREE_MAX_BYTES);
	if (len > TREE_MAX_BYTES) {
		return err_set(err, ERR_USAGE, "%s:1:1: the file is larger than %u MiB", path,
			       TREE_MAX_BYTES >> 20);
	}
	return tree_parse(path, text, len, tree, err);
}

void tree_destroy(struct tree *tree)
{
	if (!tree) {
		return;
	}
	node_destroy(tree->root);
	for (size_t i = 0; i < tree->place_count; i++) {
		free(tree->places[i]);
	}
	free(tree->places);
	free(tree->path);
	free(tree);
}

/* --- --set ---------------------------------------------------------------- */

/* The slot of @key in @parent, made where a map lacks it.  NULL: *why says why not. */
static struct node **slot(struct tree *tree, struct node *parent, const char *key,
			  const char *place, const char **why)
{
	size_t i = SIZE_MAX;

	if (parent->kind == NODE_LIST) {
		char *end;

		i = *key >= '0' && *key <= '9' ? strtoul(key, &end, 10) : SIZE_MAX;
		if (i >= parent->count || *end != '\0') {
			*why = "is no index of the list";
			return NULL;
		}
		return &parent->items[i];
	}
	if (parent->kind == NODE_TEXT && *parent->text) {
		*why = "lies below a plain value";
		return NULL;
	}
	if (parent->kind == NODE_TEXT) { /* "time:" with nothing behind it */
		free(take_ptr(parent->text));
		parent->kind = NODE_MAP;
	}
	i = find_key(parent, key);
	if (i == SIZE_MAX) {
		struct node *name, *item;

		name = parent->count < TREE_MAX_MAP ?
			       node_create(tree, NODE_TEXT, key, place, 1, 1) : NULL;
		item = name ? node_create(tree, NODE_MAP, NULL, place, 1, 1) : NULL;
		if (!item) {
			node_destroy(name);
			*why = "is one key too many";
			return NULL;
		}
		i = parent->count;
		append(parent, name, item);
	}
	return &parent->items[i];
}

int tree_set(struct tree *tree, const char *assignment, struct err *err)
{
	const char *equals = strchr(assignment, '='), *why = NULL;
	CLEAN_FREE char *path = NULL;
	char *place, *key, *rest, shown[NODE_SHOW_BYTES];
	struct node **at = &tree->root, *value = NULL;
	unsigned depth = 0;

	place = str_format("--set %s", assignment);
	for (char *p = place; *p; p++) { /* a message is one line */
		*p = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
	}
	tree->places = must_grow(tree->places, tree->place_count, sizeof(*tree->places));
	tree->places[tree->place_count++] = place;
	if (!equals || equals == assignment) {
		return err_set(err, ERR_USAGE,
			       "%s: write a path and a value, for example --set time.tdf=5", place);
	}
	path = strndup(assignment, (size_t)(equals - assignment));
	if (!path) {
		abort();
	}
	if (build_tree(tree, place, equals + 1, strlen(equals + 1), &value, err)) {
		return -1;
	}
	for (rest = path; rest;) {
		key = strsep(&rest, ".");
		if (!*key || ++depth > TREE_MAX_DEPTH / 2) {
			why = *key ? "is nested too deep" : "is no key";
		} else {
			at = slot(tree, *at, key, place, &why);
		}
		if (why) {
			node_destroy(value);
			return err_set(err, ERR_USAGE, "%s: %s in the path %s", place,
				       text_show(key, shown), why);
		}
	}
	node_destroy(*at);
	*at = value;
	return 0;
}
