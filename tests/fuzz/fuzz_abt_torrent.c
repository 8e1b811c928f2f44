// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes as a torrent: refused in words, or files that cover the payload without
 * a gap, pieces that add up to it, and no path that leaves its folder.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/abt/core/metainfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void look_at_files(const struct metainfo *mi)
{
	uint64_t end = 0;

	for (size_t i = 0; i < mi->nfiles; i++) {
		const char *path = mi->files[i].path;

		require(mi->files[i].offset == end);
		end += mi->files[i].length;
		require(path[0] && path[0] != '/' && strcmp(path, "..") != 0);
		require(strncmp(path, "../", 3) != 0 && !strstr(path, "/../"));
	}
	require(end == mi->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metainfo *mi;
	struct err err = { 0 };
	uint32_t last;

	if (metainfo_parse(data, size, &mi, &err)) {
		require(err.kind == ERR_FAILED && err.msg[0]);
		return 0;
	}
	look_at_files(mi);
	last = metainfo_piece_bytes(mi, mi->pieces - 1);
	require(last > 0 && last <= mi->piece_bytes);
	require((uint64_t)(mi->pieces - 1) * mi->piece_bytes + last == mi->length);
	metainfo_destroy(mi);
	return 0;
}
