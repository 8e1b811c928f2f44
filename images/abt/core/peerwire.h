/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peerwire - BEP 3's messages between peers, and BEP 10's extended message.
 *
 * Reading is in place: a message's payload is a view of the bytes received.  A
 * length is judged as soon as the header is there, so that a peer cannot make the
 * receiver gather more than the largest message its torrent allows.
 */
#ifndef ABT_PEERWIRE_H
#define ABT_PEERWIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HANDSHAKE_BYTES 68

struct handshake {
	uint8_t reserved[8];
	uint8_t info_hash[20];
	uint8_t peer_id[20];
};

void handshake_write(const struct handshake *hs, uint8_t out[HANDSHAKE_BYTES]);

/*
 * Returns HANDSHAKE_BYTES, 0 if there are too few bytes yet, -1 as soon as they are
 * no handshake of this protocol.
 */
ssize_t handshake_read(const uint8_t *data, size_t len, struct handshake *hs);

enum peerwire_type {
	MSG_CHOKE = 0,
	MSG_UNCHOKE = 1,
	MSG_INTERESTED = 2,
	MSG_NOT_INTERESTED = 3,
	MSG_HAVE = 4,
	MSG_BITFIELD = 5,
	MSG_REQUEST = 6,
	MSG_PIECE = 7,
	MSG_CANCEL = 8,
	MSG_EXTENDED = 20,
	MSG_KEEPALIVE = 256, /* has no number on the wire */
	MSG_UNKNOWN,         /* to be ignored, as BEP 3's extensions expect */
};

struct peerwire_msg {
	enum peerwire_type type;
	uint32_t index;      /* have, request, piece, cancel */
	uint32_t begin;      /* request, piece, cancel */
	uint32_t length;     /* request, cancel; of a piece, its bytes */
	uint8_t ext_id;      /* extended */
	const uint8_t *data; /* bitfield, piece, extended */
	size_t data_len;
};

/* What the torrent and the options allow. */
struct peerwire_limits {
	uint32_t pieces;
	uint32_t slice_bytes;    /* of a request or a piece; mainline's max_slice_length */
	uint32_t extended_bytes; /* of an extended or unknown message */
};

/*
 * The message at the start of @data.  Returns the bytes it takes, 0 if it is not
 * whole yet, -1 if it breaks the protocol: the connection is then to be closed.
 * Whether a slice lies in its piece is for the caller, who knows the piece.
 */
ssize_t peerwire_read(const uint8_t *data, size_t len, const struct peerwire_limits *limits,
		      struct peerwire_msg *msg);

/* Bytes that the message takes on the wire. */
size_t peerwire_size(const struct peerwire_msg *msg);

/*
 * All of the message but @data, which follows it: a piece is sent from the payload.
 * Any type but MSG_UNKNOWN may be written.
 * Returns the bytes written to @out; there are PEERWIRE_HEADER_MAX at most.
 */
#define PEERWIRE_HEADER_MAX 17
size_t peerwire_write_header(const struct peerwire_msg *msg, uint8_t out[PEERWIRE_HEADER_MAX]);

#endif
