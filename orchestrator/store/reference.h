/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reference - the payload, mapped read-only: what all peers' files are compared
 * with and, where they match, read from.  It must not change while it is mapped.
 *
 * The mapping goes on to the end of the last 4 KiB block with zeros (the kernel
 * clears the tail of a file's last page), so whole blocks can be compared.
 */
#ifndef LENTO_STORE_REFERENCE_H
#define LENTO_STORE_REFERENCE_H

#include <stdint.h>

#include "base/err.h"

struct reference {
	const uint8_t *data; /* blocks * 4096 bytes; NULL: no payload */
	uint64_t bytes;
	uint64_t blocks;
	uint64_t piece_blocks; /* per piece; the last one may be shorter */
	uint32_t pieces;
};

/* @path NULL gives an empty reference: nothing ever matches. */
int reference_open(struct reference *ref, const char *path, uint64_t piece_bytes,
		   struct err *err);
void reference_close(struct reference *ref);

/* Pieces of a payload; 0 for an empty one. */
uint64_t reference_piece_count(uint64_t payload_bytes, uint64_t piece_bytes);

/* Payload bytes in @count blocks from @first on. */
uint64_t reference_span(const struct reference *ref, uint64_t first, uint64_t count);
/* Blocks in piece @piece. */
uint64_t reference_piece_span(const struct reference *ref, uint32_t piece);

#endif
