/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bencode - BEP 3's encoding, read in place and written into a buffer.
 *
 * A value is a view of the bytes that were parsed and owns nothing: the bytes must
 * outlive it.  ben_parse() checks the whole value, so that the look-ups after it
 * cannot meet anything malformed.  Nesting is bounded, numbers must fit 64 bits and
 * be written as BEP 3 wants them (no leading zero, no -0).  Dictionaries need not
 * be sorted, as some trackers do not; a key is found where it comes first.
 */
#ifndef ABT_BENCODE_H
#define ABT_BENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEN_DEPTH_MAX 32

enum ben_type { BEN_INT, BEN_STR, BEN_LIST, BEN_DICT };

struct ben {
	enum ben_type type;
	const uint8_t *raw; /* the value as encoded: what an info-hash is taken of */
	size_t raw_len;
	int64_t num;        /* BEN_INT */
	const uint8_t *str; /* BEN_STR; not terminated */
	size_t len;
};

/* The value at the start of @data.  Returns the bytes it takes, 0 if there is none. */
size_t ben_parse(const uint8_t *data, size_t len, struct ben *out);

/* Walks a list, or a dictionary's keys and values in turn. */
struct ben_iter {
	const uint8_t *at;
	const uint8_t *end;
};

/* @value must be a list or a dictionary. */
struct ben_iter ben_items(const struct ben *value);
bool ben_next(struct ben_iter *it, struct ben *item);

/* The value of @key in @dict, if it is there and of this type. */
bool ben_get(const struct ben *dict, const char *key, enum ben_type type, struct ben *out);

/* Is @value the string @text? */
bool ben_is(const struct ben *value, const char *text);

/*
 * A writer into a buffer of the caller's.  What does not fit is not written, and
 * sets @full; the caller looks at it once, at the end.
 */
struct ben_out {
	uint8_t *buf;
	size_t cap;
	size_t len;
	bool full;
};

void ben_put_int(struct ben_out *out, int64_t num);
void ben_put_str(struct ben_out *out, const void *str, size_t len);
void ben_put_key(struct ben_out *out, const char *key);
void ben_open_list(struct ben_out *out);
void ben_open_dict(struct ben_out *out);
void ben_close(struct ben_out *out);

#endif
