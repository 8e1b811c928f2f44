/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fields - maps of a file as tables: which keys there are, which must be, and the
 * function that reads each.  The tables are the one source of the key names:
 * messages, suggestions and the test against the JSON Schema are made from them.
 */
#ifndef LENTO_FIELDS_H
#define LENTO_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/units.h"
#include "topo/tree.h"

/* What reading functions share; a file format embeds it first in its own struct. */
struct reader {
	const struct tree *tree;
	struct err *err;
};

struct field {
	const char *key;
	bool required;
	/* Read @node into @object, the struct that the map describes. */
	int (*read)(struct reader *r, const struct node *node, void *object);
	const char *refuse;       /* a key known but not taken: why; `read` is NULL then */
};

struct field_map {
	const char *schema;       /* name in the JSON Schema's $defs; "" is its root */
	const char *what;         /* in messages: "a link" */
	const struct field *fields;
	size_t count;
};

/* All maps of an experiment file (NULL-terminated), for tests and documentation. */
extern const struct field_map *const experiment_field_maps[];
/* The same for image.yaml. */
extern const struct field_map *const image_field_maps[];

/*
 * Read a map: its kind, no unknown key, no required one missing, then each field in
 * the order of the table.
 */
int read_fields(struct reader *r, const struct field_map *map, const struct node *node,
		void *object);

/* Each reads one kind of value; @allowed_* end up in the message when it is wrong. */
int read_map(struct reader *r, const struct node *node, const char *what);
int read_list(struct reader *r, const struct node *node, const char *what);
int read_text(struct reader *r, const struct node *node, const char *what, const char **text);
/* As read_text; the caller frees *text. */
int read_string(struct reader *r, const struct node *node, const char *what, char **text);
int read_number(struct reader *r, const struct node *node, uint64_t min, uint64_t max,
		uint64_t *value);
int read_duration(struct reader *r, const struct node *node, int64_t max_ns, int64_t *ns);
int read_size(struct reader *r, const struct node *node, uint64_t min, uint64_t max,
	      uint64_t *bytes);
int read_share(struct reader *r, const struct node *node, double *share);
/* true or false */
int read_flag(struct reader *r, const struct node *node, bool *flag);
/* One of @words (by index), which is NULL-terminated. */
int read_word(struct reader *r, const struct node *node, const char *const *words, int *index);
/* [a-z0-9-], beginning and ending with none of "-", at most LIMIT_NAME_CHARS. */
int read_name(struct reader *r, const struct node *node, const char *what, const char **name);
/* A list of texts as a NULL-terminated array; see texts_free(). */
int read_texts(struct reader *r, const struct node *node, const char *what, char ***texts);
void texts_free(char **texts);

/* "unknown WHAT "WORD"; there are a, b, c (did you mean "b"?)"; @names is
 * NULL-terminated; returns -1. */
int fail_unknown(struct reader *r, const struct node *node, const char *word, const char *what,
		 const char *const *names);

#endif
