// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes from a peer: each message accepted is one that is written back the same,
 * and every value of it is inside the limits.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/abt/core/peerwire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds) {
		abort();
	}
}

static void look_at(const uint8_t *data, size_t used, const struct peerwire_limits *limits,
		    const struct peerwire_msg *msg)
{
	uint8_t header[PEERWIRE_HEADER_MAX];
	size_t len;

	require(msg->index < limits->pieces && msg->length <= limits->slice_bytes);
	if (msg->type == MSG_UNKNOWN) {
		return;
	}
	len = peerwire_write_header(msg, header);
	require(len + msg->data_len == used && peerwire_size(msg) == used);
	require(memcmp(header, data, len) == 0);
	require(msg->data_len == 0 || msg->data == data + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peerwire_limits limits = { .slice_bytes = 16384, .extended_bytes = 4096 };
	struct peerwire_msg msg;
	struct handshake hs;
	ssize_t used;

	if (size < 1) {
		return 0;
	}
	limits.pieces = data[0] + 1u;
	data++;
	size--;
	handshake_read(data, size, &hs);
	while ((used = peerwire_read(data, size, &limits, &msg)) > 0) {
		require((size_t)used <= size);
		look_at(data, (size_t)used, &limits, &msg);
		data += used;
		size -= (size_t)used;
	}
	return 0;
}
