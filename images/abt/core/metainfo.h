/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metainfo - what a .torrent file says (BEP 3, private flag of BEP 27).
 *
 * Files lie one behind the other in one payload of @length bytes, which is what
 * pieces are cut of.  A path is relative and stays below the payload's folder: a
 * torrent that says otherwise is refused.
 */
#ifndef ABT_METAINFO_H
#define ABT_METAINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SHA1_BYTES 20

struct metainfo_file {
	uint64_t offset; /* in the payload */
	uint64_t length;
	char *path;      /* below the torrent's name; of a single file, the name itself */
};

struct metainfo {
	uint8_t info_hash[SHA1_BYTES];
	uint8_t *hashes;      /* SHA1_BYTES for each piece */
	char *announce;       /* NULL if the torrent names no tracker */
	char *name;
	struct metainfo_file *files;
	size_t nfiles;
	uint64_t length;      /* of all files */
	uint32_t piece_bytes; /* of each piece but the last */
	uint32_t pieces;
	bool multi;           /* files lie in a folder called @name */
	bool is_private;
};

/* Nothing of @data is kept.  On success the caller owns *@out. */
int metainfo_parse(const void *data, size_t len, struct metainfo **out, struct err *err);
void metainfo_destroy(struct metainfo *mi);

/* Bytes of piece @index, which must be one of the torrent's. */
uint32_t metainfo_piece_bytes(const struct metainfo *mi, uint32_t index);

/* Is the piece @data, of metainfo_piece_bytes(), what the torrent says it is? */
bool metainfo_verify(const struct metainfo *mi, uint32_t index, const void *data);

#endif
