// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/peerwire.h"

#include <stdbool.h>
#include <string.h>

#define LENGTH_BYTES 4
#define FIELDS_MAX   3

static const uint8_t protocol[20] = "\x13" "BitTorrent protocol";

/* How each message is laid out behind its number: 32-bit fields, then data or not. */
static const struct layout {
	bool known;
	uint8_t fields;
	bool has_data;
} layouts[] = {
	[MSG_CHOKE] = { true, 0, false },
	[MSG_UNCHOKE] = { true, 0, false },
	[MSG_INTERESTED] = { true, 0, false },
	[MSG_NOT_INTERESTED] = { true, 0, false },
	[MSG_HAVE] = { true, 1, false },
	[MSG_BITFIELD] = { true, 0, true },
	[MSG_REQUEST] = { true, 3, false },
	[MSG_PIECE] = { true, 2, true },
	[MSG_CANCEL] = { true, 3, false },
};

static const struct layout *layout_of(unsigned id)
{
	return id < sizeof(layouts) / sizeof(layouts[0]) && layouts[id].known ? &layouts[id] : NULL;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

void handshake_write(const struct handshake *hs, uint8_t out[HANDSHAKE_BYTES])
{
	memcpy(out, protocol, sizeof(protocol));
	memcpy(out + 20, hs->reserved, sizeof(hs->reserved));
	memcpy(out + 28, hs->info_hash, sizeof(hs->info_hash));
	memcpy(out + 48, hs->peer_id, sizeof(hs->peer_id));
}

ssize_t handshake_read(const uint8_t *data, size_t len, struct handshake *hs)
{
	size_t seen = len < sizeof(protocol) ? len : sizeof(protocol);

	if (seen > 0 && memcmp(data, protocol, seen) != 0) {
		return -1;
	}
	if (len < HANDSHAKE_BYTES) {
		return 0;
	}
	memcpy(hs->reserved, data + 20, sizeof(hs->reserved));
	memcpy(hs->info_hash, data + 28, sizeof(hs->info_hash));
	memcpy(hs->peer_id, data + 48, sizeof(hs->peer_id));
	return HANDSHAKE_BYTES;
}

/* May a message with this number have @body bytes behind it? */
static bool is_size_allowed(unsigned id, uint32_t body, const struct peerwire_limits *limits)
{
	const struct layout *layout = layout_of(id);

	if (id == MSG_EXTENDED) {
		return body >= 1 && body - 1 <= limits->extended_bytes;
	}
	if (!layout) {
		return body <= limits->extended_bytes;
	}
	if (id == MSG_BITFIELD) {
		return body == limits->pieces / 8 + (limits->pieces % 8 != 0);
	}
	if (id == MSG_PIECE) {
		return body > 8 && body - 8 <= limits->slice_bytes;
	}
	return body == layout->fields * 4u;
}

/* Are the bits behind the last piece clear? */
static bool is_bitfield_clean(const struct peerwire_msg *msg, uint32_t pieces)
{
	unsigned used = pieces % 8;

	return used == 0 || (msg->data[msg->data_len - 1] & (0xffu >> used)) == 0;
}

static bool are_values_allowed(const struct peerwire_msg *msg,
			       const struct peerwire_limits *limits)
{
	switch (msg->type) {
	case MSG_HAVE:
	case MSG_PIECE:
		return msg->index < limits->pieces;
	case MSG_REQUEST:
	case MSG_CANCEL:
		return msg->index < limits->pieces && msg->length > 0 &&
		       msg->length <= limits->slice_bytes;
	case MSG_BITFIELD:
		return is_bitfield_clean(msg, limits->pieces);
	default:
		return true;
	}
}

/* @body bytes behind the number @id, whose size is right. */
static void read_body(unsigned id, const uint8_t *body, size_t len, struct peerwire_msg *msg)
{
	const struct layout *layout = layout_of(id);
	uint32_t *const fields[FIELDS_MAX] = { &msg->index, &msg->begin, &msg->length };

	*msg = (struct peerwire_msg){ .type = (enum peerwire_type)id };
	if (id == MSG_EXTENDED) {
		msg->ext_id = body[0];
		msg->data = body + 1;
		msg->data_len = len - 1;
		return;
	}
	if (!layout) {
		msg->type = MSG_UNKNOWN;
		return;
	}
	for (unsigned i = 0; i < FIELDS_MAX && i < layout->fields; i++) {
		*fields[i] = get32(body + (size_t)i * 4);
	}
	if (layout->has_data) {
		msg->data = body + layout->fields * 4u;
		msg->data_len = len - layout->fields * 4u;
	}
	if (msg->type == MSG_PIECE) {
		msg->length = (uint32_t)msg->data_len;
	}
}

ssize_t peerwire_read(const uint8_t *data, size_t len, const struct peerwire_limits *limits,
		      struct peerwire_msg *msg)
{
	uint32_t length;

	if (len < LENGTH_BYTES) {
		return 0;
	}
	length = get32(data);
	if (length == 0) {
		*msg = (struct peerwire_msg){ .type = MSG_KEEPALIVE };
		return LENGTH_BYTES;
	}
	if (len == LENGTH_BYTES) {
		return 0;
	}
	if (!is_size_allowed(data[LENGTH_BYTES], length - 1, limits)) {
		return -1;
	}
	if (len - LENGTH_BYTES < length) {
		return 0;
	}
	read_body(data[LENGTH_BYTES], data + LENGTH_BYTES + 1, length - 1, msg);
	return are_values_allowed(msg, limits) ? (ssize_t)length + LENGTH_BYTES : -1;
}

size_t peerwire_size(const struct peerwire_msg *msg)
{
	uint8_t header[PEERWIRE_HEADER_MAX];

	return peerwire_write_header(msg, header) + msg->data_len;
}

size_t peerwire_write_header(const struct peerwire_msg *msg, uint8_t out[PEERWIRE_HEADER_MAX])
{
	const struct layout *layout = layout_of(msg->type);
	const uint32_t fields[FIELDS_MAX] = { msg->index, msg->begin, msg->length };
	uint8_t *p = out + LENGTH_BYTES;

	if (msg->type == MSG_EXTENDED) {
		*p++ = MSG_EXTENDED;
		*p++ = msg->ext_id;
	} else if (layout) {
		*p++ = (uint8_t)msg->type;
		for (unsigned i = 0; i < FIELDS_MAX && i < layout->fields; i++) {
			p = put32(p, fields[i]);
		}
	}
	put32(out, (uint32_t)((size_t)(p - out) - LENGTH_BYTES + msg->data_len));
	return (size_t)(p - out);
}
