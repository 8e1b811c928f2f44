// SPDX-License-Identifier: GPL-2.0-or-later
#include "topo/fields.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/clean.h"
#include "base/nearest.h"
#include "topo/alloc.h"
#include "topo/limits.h"

#define MAX_FIELDS 32
#define MAX_TEXTS 256

/* "a, b, c" into @buf, cut with "..." where it does not fit. */
static void join(const char *const *names, char *buf, size_t len)
{
	size_t n = 0;

	snprintf(buf, len, "none");
	for (size_t i = 0; names[i]; i++) {
		if (n + strlen(names[i]) + sizeof(", ...") > len) {
			snprintf(buf + n, len - n, ", ...");
			return;
		}
		n += (size_t)snprintf(buf + n, len - n, "%s%s", i ? ", " : "", names[i]);
	}
}

/* @word is what was found at @node, or NULL when that is no text. */
static int fail_name(struct reader *r, const struct node *node, const char *word,
		     const char *found, const char *allowed, const char *const *names)
{
	const char *near = word ? nearest_name(word, names) : NULL;
	char shown[NODE_SHOW_BYTES], list[512];

	join(names, list, sizeof(list));
	return node_fail(r->tree, node, r->err, "%s %s; %s %s%s%s%s", found,
			 word && *word ? text_show(word, shown) : node_show(node, shown), allowed,
			 list, near ? " (did you mean \"" : "", near ? near : "",
			 near ? "\"?)" : "");
}

int fail_unknown(struct reader *r, const struct node *node, const char *word, const char *what,
		 const char *const *names)
{
	char found[96];

	snprintf(found, sizeof(found), "unknown %s", what);
	return fail_name(r, node, word, found, "there are", names);
}

static int check_key(struct reader *r, const struct field_map *map, const struct node *key)
{
	const char *names[MAX_FIELDS + 1] = {NULL};
	char allowed[96];
	size_t n = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct field *f = &map->fields[i];

		if (strcmp(f->key, key->text) == 0) {
			return f->read ? 0 : node_fail(r->tree, key, r->err, "%s", f->refuse);
		}
		if (f->read && n < MAX_FIELDS) {
			names[n++] = f->key;
		}
	}
	snprintf(allowed, sizeof(allowed), "%s has the keys", map->what);
	return fail_name(r, key, key->text, "unknown key", allowed, names);
}

int read_fields(struct reader *r, const struct field_map *map, const struct node *node,
		void *object)
{
	if (read_map(r, node, map->what)) {
		return -1;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (check_key(r, map, node->keys[i])) {
			return -1;
		}
	}
	for (size_t i = 0; i < map->count; i++) {
		const struct field *f = &map->fields[i];
		const struct node *value = node_get(node, f->key);

		if (!value && f->required) {
			return node_fail(r->tree, node, r->err, "%s needs the key \"%s\"%s",
					 map->what, f->key,
					 node->place ? "; nothing had this name before" : "");
		}
		if (value && f->read(r, value, object)) {
			return -1;
		}
	}
	return 0;
}

static int fail_kind(struct reader *r, const struct node *node, const char *what,
		     const char *wanted)
{
	char shown[NODE_SHOW_BYTES];

	return node_fail(r->tree, node, r->err, "%s stands here; %s is %s",
			 node_show(node, shown), what, wanted);
}

int read_map(struct reader *r, const struct node *node, const char *what)
{
	return node->kind == NODE_MAP ? 0 : fail_kind(r, node, what, "a map (key: value)");
}

int read_list(struct reader *r, const struct node *node, const char *what)
{
	return node->kind == NODE_LIST ? 0 : fail_kind(r, node, what, "a list ([a, b])");
}

int read_text(struct reader *r, const struct node *node, const char *what, const char **text)
{
	if (node->kind != NODE_TEXT || !*node->text) {
		return fail_kind(r, node, what, "a single value");
	}
	*text = node->text;
	return 0;
}

int read_string(struct reader *r, const struct node *node, const char *what, char **text)
{
	const char *found = "";

	if (read_text(r, node, what, &found)) {
		return -1;
	}
	free(*text);
	*text = must_strdup(found);
	return 0;
}

int read_number(struct reader *r, const struct node *node, uint64_t min, uint64_t max,
		uint64_t *value)
{
	char shown[NODE_SHOW_BYTES];
	uint64_t v = 0;
	const char *p;

	if (node->kind != NODE_TEXT || !*node->text) {
		return fail_kind(r, node, "a whole number", "a single value");
	}
	for (p = node->text; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v)) {
			break; /* *p is no end: refused */
		}
	}
	if (p == node->text || *p || v < min || v > max) {
		return node_fail(r->tree, node, r->err, "%s; a whole number from %llu to %llu is allowed",
				 node_show(node, shown), (unsigned long long)min,
				 (unsigned long long)max);
	}
	*value = v;
	return 0;
}

/* The texts from base/units say what is allowed. */
static int fail_units(struct reader *r, const struct node *node, const char *why)
{
	char shown[NODE_SHOW_BYTES];

	return node_fail(r->tree, node, r->err, "%s: %s", node_show(node, shown), why);
}

int read_duration(struct reader *r, const struct node *node, int64_t max_ns, int64_t *ns)
{
	const char *text = "", *why;
	char shown[NODE_SHOW_BYTES], most[64];

	if (read_text(r, node, "a duration", &text)) {
		return -1;
	}
	if (units_parse_duration(text, ns, &why)) {
		return fail_units(r, node, why);
	}
	if (*ns > max_ns) {
		return node_fail(r->tree, node, r->err, "%s is too long; at most %s",
				 node_show(node, shown),
				 units_format_duration(max_ns, most, sizeof(most)));
	}
	return 0;
}

int read_size(struct reader *r, const struct node *node, uint64_t min, uint64_t max,
	      uint64_t *bytes)
{
	const char *text = "", *why;
	char shown[NODE_SHOW_BYTES], least[64], most[64];

	if (read_text(r, node, "a size", &text)) {
		return -1;
	}
	if (units_parse_size(text, bytes, &why)) {
		return fail_units(r, node, why);
	}
	if (*bytes < min || *bytes > max) {
		return node_fail(r->tree, node, r->err, "%s; from %s to %s is allowed",
				 node_show(node, shown),
				 units_format_size(min, least, sizeof(least)),
				 units_format_size(max, most, sizeof(most)));
	}
	return 0;
}

int read_share(struct reader *r, const struct node *node, double *share)
{
	const char *text = "", *why;

	if (read_text(r, node, "a share", &text)) {
		return -1;
	}
	return units_parse_share(text, share, &why) ? fail_units(r, node, why) : 0;
}

int read_word(struct reader *r, const struct node *node, const char *const *words, int *index)
{
	for (int i = 0; words[i]; i++) {
		if (node->kind == NODE_TEXT && strcmp(node->text, words[i]) == 0) {
			*index = i;
			return 0;
		}
	}
	return fail_name(r, node, node->kind == NODE_TEXT ? node->text : NULL, "this is",
			 "allowed are", words);
}

int read_flag(struct reader *r, const struct node *node, bool *flag)
{
	static const char *const words[] = {"false", "true", NULL};
	int word = 0;

	if (read_word(r, node, words, &word)) {
		return -1;
	}
	*flag = word == 1;
	return 0;
}

int read_name(struct reader *r, const struct node *node, const char *what, const char **name)
{
	char shown[NODE_SHOW_BYTES];
	size_t len;

	if (read_text(r, node, what, name)) {
		return -1;
	}
	len = strlen(*name);
	if (strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len ||
	    len > LIMIT_NAME_CHARS || **name == '-' || (*name)[len - 1] == '-') {
		return node_fail(r->tree, node, r->err,
				 "%s; %s has at most %u of a-z, 0-9 and - (not at its ends)",
				 node_show(node, shown), what, LIMIT_NAME_CHARS);
	}
	return 0;
}

int read_texts(struct reader *r, const struct node *node, const char *what, char ***texts)
{
	char **list;

	if (read_list(r, node, what)) {
		return -1;
	}
	if (node->count > MAX_TEXTS) {
		return node_fail(r->tree, node, r->err, "%s has %zu entries; at most %d are allowed",
				 what, node->count, MAX_TEXTS);
	}
	list = must_calloc(node->count + 1, sizeof(*list));
	for (size_t i = 0; i < node->count; i++) {
		if (node->items[i]->kind != NODE_TEXT) {
			texts_free(list);
			return fail_kind(r, node->items[i], "an entry", "a text");
		}
		list[i] = must_strdup(node->items[i]->text);
	}
	texts_free(*texts);
	*texts = list;
	return 0;
}

void texts_free(char **texts)
{
	for (char **t = texts; t && *t; t++) {
		free(*t);
	}
	free(texts);
}
