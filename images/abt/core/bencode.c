// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/bencode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static bool take(struct cursor *c, uint8_t byte)
{
	if (c->at == c->end || *c->at != byte) {
		return false;
	}
	c->at++;
	return true;
}

/* Digits without a leading zero, at most @max. */
static bool take_digits(struct cursor *c, uint64_t max, uint64_t *out)
{
	const uint8_t *start = c->at;
	uint64_t num = 0;

	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
		uint64_t digit = (uint64_t)(*c->at - '0');

		if (digit > max || num > (max - digit) / 10) {
			return false;
		}
		num = num * 10 + digit;
	}
	if (c->at == start || (*start == '0' && c->at - start > 1)) {
		return false;
	}
	*out = num;
	return true;
}

static bool take_int(struct cursor *c, struct ben *out)
{
	bool negative;
	uint64_t num;

	if (!take(c, 'i')) {
		return false;
	}
	negative = take(c, '-');
	if (!take_digits(c, INT64_MAX, &num) || (negative && num == 0) || !take(c, 'e')) {
		return false;
	}
	out->num = negative ? -(int64_t)num : (int64_t)num;
	return true;
}

static bool take_str(struct cursor *c, struct ben *out)
{
	uint64_t len;

	if (!take_digits(c, (uint64_t)(c->end - c->at), &len) || !take(c, ':') ||
	    len > (uint64_t)(c->end - c->at)) {
		return false;
	}
	out->str = c->at;
	out->len = (size_t)len;
	c->at += len;
	return true;
}

static bool take_value(struct cursor *c, unsigned depth, struct ben *out);

static bool take_items(struct cursor *c, unsigned depth, bool keyed)
{
	struct ben item;

	c->at++;
	while (!take(c, 'e')) {
		if (keyed && !take_str(c, &item)) {
			return false;
		}
		if (!take_value(c, depth + 1, &item)) {
			return false;
		}
	}
	return true;
}

static enum ben_type type_of(uint8_t first)
{
	switch (first) {
	case 'i':
		return BEN_INT;
	case 'l':
		return BEN_LIST;
	case 'd':
		return BEN_DICT;
	default:
		return BEN_STR;
	}
}

/* Recurses, to BEN_DEPTH_MAX at most. */
static bool take_value(struct cursor *c, unsigned depth, struct ben *out)
{
	bool good = false;

	*out = (struct ben){ .raw = c->at };
	if (c->at == c->end || depth >= BEN_DEPTH_MAX) {
		return false;
	}
	out->type = type_of(*c->at);
	switch (out->type) {
	case BEN_INT:
		good = take_int(c, out);
		break;
	case BEN_STR:
		good = take_str(c, out);
		break;
	case BEN_LIST:
	case BEN_DICT:
		good = take_items(c, depth, out->type == BEN_DICT);
		break;
	}
	out->raw_len = (size_t)(c->at - out->raw);
	return good;
}

size_t ben_parse(const uint8_t *data, size_t len, struct ben *out)
{
	struct cursor c = { data, data + len };

	return take_value(&c, 0, out) ? out->raw_len : 0;
}

struct ben_iter ben_items(const struct ben *value)
{
	return (struct ben_iter){ value->raw + 1, value->raw + value->raw_len - 1 };
}

bool ben_next(struct ben_iter *it, struct ben *item)
{
	size_t used = ben_parse(it->at, (size_t)(it->end - it->at), item);

	it->at += used;
	return used > 0;
}

bool ben_is(const struct ben *value, const char *text)
{
	return value->type == BEN_STR && value->len == strlen(text) &&
	       memcmp(value->str, text, value->len) == 0;
}

bool ben_get(const struct ben *dict, const char *key, enum ben_type type, struct ben *out)
{
	struct ben_iter it = ben_items(dict);
	struct ben name;

	while (ben_next(&it, &name) && ben_next(&it, out)) {
		if (ben_is(&name, key)) {
			return out->type == type;
		}
	}
	return false;
}

static void put(struct ben_out *out, const void *bytes, size_t len)
{
	if (out->full || len > out->cap - out->len) {
		out->full = true;
		return;
	}
	if (len > 0) {
		memcpy(out->buf + out->len, bytes, len);
	}
	out->len += len;
}

void ben_put_int(struct ben_out *out, int64_t num)
{
	char text[24];

	put(out, text, (size_t)snprintf(text, sizeof(text), "i%" PRId64 "e", num));
}

void ben_put_str(struct ben_out *out, const void *str, size_t len)
{
	char text[24];

	put(out, text, (size_t)snprintf(text, sizeof(text), "%zu:", len));
	put(out, str, len);
}

void ben_put_key(struct ben_out *out, const char *key)
{
	ben_put_str(out, key, strlen(key));
}

void ben_open_list(struct ben_out *out)
{
	put(out, "l", 1);
}

void ben_open_dict(struct ben_out *out)
{
	put(out, "d", 1);
}

void ben_close(struct ben_out *out)
{
	put(out, "e", 1);
}
