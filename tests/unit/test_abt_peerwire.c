// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages between peers: written and read again, in pieces, and those that end a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/peerwire.h"

static const struct peerwire_limits limits = {
	.pieces = 10,
	.slice_bytes = 16384,
	.extended_bytes = 64,
};

static const uint8_t bits[2] = { 0xff, 0xc0 };
static const uint8_t block[16384] = { 1, 2, 3 };

static const struct peerwire_msg messages[] = {
	{ .type = MSG_KEEPALIVE },
	{ .type = MSG_CHOKE },
	{ .type = MSG_UNCHOKE },
	{ .type = MSG_INTERESTED },
	{ .type = MSG_NOT_INTERESTED },
	{ .type = MSG_HAVE, .index = 9 },
	{ .type = MSG_BITFIELD, .data = bits, .data_len = 2 },
	{ .type = MSG_REQUEST, .index = 9, .begin = 0x01020304, .length = 16384 },
	{ .type = MSG_PIECE, .index = 1, .begin = 7, .length = 16384, .data = block,
	  .data_len = 16384 },
	{ .type = MSG_CANCEL, .index = 2, .begin = 3, .length = 4 },
	{ .type = MSG_EXTENDED, .ext_id = 3, .data = block, .data_len = 5 },
};

static size_t write_whole(const struct peerwire_msg *msg, uint8_t *out)
{
	size_t len = peerwire_write_header(msg, out);

	if (msg->data_len > 0) {
		memcpy(out + len, msg->data, msg->data_len);
	}
	return len + msg->data_len;
}

static void test_written_reads_the_same(void **state)
{
	static uint8_t buf[PEERWIRE_HEADER_MAX + sizeof(block)];

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct peerwire_msg *want = &messages[i];
		size_t len = write_whole(want, buf);
		struct peerwire_msg got;

		assert_int_equal(peerwire_size(want), len);
		for (size_t n = 0; n < len; n++) {
			assert_int_equal(peerwire_read(buf, n, &limits, &got), 0);
		}
		assert_int_equal(peerwire_read(buf, len, &limits, &got), len);
		assert_int_equal(got.type, want->type);
		assert_int_equal(got.index, want->index);
		assert_int_equal(got.begin, want->begin);
		assert_int_equal(got.length, want->length);
		assert_int_equal(got.ext_id, want->ext_id);
		assert_int_equal(got.data_len, want->data_len);
		if (want->data_len > 0) {
			assert_memory_equal(got.data, want->data, want->data_len);
		}
	}
}

/* The bytes of BEP 3, written out by hand. */
static void test_bytes_of_a_request(void **state)
{
	static const uint8_t want[] = { 0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x20, 0 };
	struct peerwire_msg msg = { .type = MSG_REQUEST, .index = 1, .begin = 0x4000,
				    .length = 0x2000 };
	uint8_t got[PEERWIRE_HEADER_MAX];

	(void)state;
	assert_int_equal(peerwire_write_header(&msg, got), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

#define BYTES(...) { (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }) }

static void test_refused(void **state)
{
	const struct {
		const uint8_t *bytes;
		size_t len;
	} cases[] = {
		BYTES(0xff, 0xff, 0xff, 0xff, 7),                   /* a piece of 4 GiB */
		BYTES(0, 0, 0x40, 0x0a, 7),                         /* one byte over a slice */
		BYTES(0, 0, 0, 9, 7),                               /* a piece of nothing */
		BYTES(0, 0, 0, 2, 0),                               /* a choke with a body */
		BYTES(0, 0, 0, 4, 4),                               /* a have too short */
		BYTES(0, 0, 0, 5, 4, 0, 0, 0, 10),                  /* no such piece */
		BYTES(0, 0, 0, 2, 5),                               /* a bitfield too short */
		BYTES(0, 0, 0, 4, 5),                               /* and too long */
		BYTES(0, 0, 0, 3, 5, 0xff, 0xe0),                   /* bits of no piece */
		BYTES(0, 0, 0, 13, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),       /* of 0 bytes */
		BYTES(0, 0, 0, 13, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1),    /* over a slice */
		BYTES(0, 0, 0, 13, 6, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1),      /* no such piece */
		BYTES(0, 0, 0, 1, 20),                              /* extended, but no id */
		BYTES(0, 0, 0, 67, 20),                             /* over the limit */
		BYTES(0, 0, 0, 66, 99),                             /* unknown and over it */
	};
	struct peerwire_msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (peerwire_read(cases[i].bytes, cases[i].len, &limits, &msg) != -1) {
			fail_msg("case %zu was taken", i);
		}
	}
}

static void test_unknown_is_skipped(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 0, 3, 99, 1, 2, 0, 0, 0, 0 };
	struct peerwire_msg msg;

	(void)state;
	assert_int_equal(peerwire_read(bytes, sizeof(bytes), &limits, &msg), 7);
	assert_int_equal(msg.type, MSG_UNKNOWN);
	assert_int_equal(peerwire_read(bytes + 7, 4, &limits, &msg), 4);
	assert_int_equal(msg.type, MSG_KEEPALIVE);
}

static void test_handshake(void **state)
{
	struct handshake hs = { .reserved = { [5] = 0x10 } };
	uint8_t bytes[HANDSHAKE_BYTES];
	struct handshake got;

	(void)state;
	memset(hs.info_hash, 'h', sizeof(hs.info_hash));
	memset(hs.peer_id, 'p', sizeof(hs.peer_id));
	handshake_write(&hs, bytes);
	assert_memory_equal(bytes, "\023BitTorrent protocol\0\0\0\0\0\020\0\0hhhh", 32);
	for (size_t n = 0; n < HANDSHAKE_BYTES; n++) {
		assert_int_equal(handshake_read(bytes, n, &got), 0);
	}
	assert_int_equal(handshake_read(bytes, HANDSHAKE_BYTES, &got), HANDSHAKE_BYTES);
	assert_memory_equal(&got, &hs, sizeof(hs));
	bytes[3] ^= 1;
	assert_int_equal(handshake_read(bytes, 3, &got), 0);
	assert_int_equal(handshake_read(bytes, 4, &got), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_reads_the_same),
		cmocka_unit_test(test_bytes_of_a_request),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unknown_is_skipped),
		cmocka_unit_test(test_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
