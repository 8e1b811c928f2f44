/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * payload - the bytes that a swarm distributes, and the .torrent that describes them.
 */
#ifndef LENTO_PAYLOAD_H
#define LENTO_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Write @size pseudo-random bytes to @path: a function of @seed alone.  They do
 * not compress, and no 4 KiB block of them is all zero.
 */
int payload_generate(const char *path, uint64_t size, uint64_t seed, struct err *err);

struct torrent {
	char infohash[41];     /* 40 hex digits */
	uint32_t pieces;
};

/*
 * Write a single-file .torrent (BEP 3) for the file at @payload_path, called
 * @name in it, with one announce URL and private=1 (BEP 27: clients then take
 * peers from the tracker alone, no DHT, no PEX, no LSD).  Fills *torrent.
 */
int torrent_write(const char *torrent_path, const char *payload_path, const char *name,
		  uint64_t piece_bytes, const char *announce, struct torrent *torrent,
		  struct err *err);

/* SHA-256 of the file at @path as 64 hex digits into @hex (65 bytes). */
int payload_sha256(const char *path, char *hex, struct err *err);

#endif
