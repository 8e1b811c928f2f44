// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/metainfo.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "images/abt/core/bencode.h"

/* A larger piece than any client makes; lengths of a piece then fit 32 bits with room. */
#define PIECE_BYTES_MAX (INT64_C(1) << 28)
#define LENGTH_MAX      (INT64_C(1) << 48)
#define PATH_BYTES_MAX  4096

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_FAILED, "torrent: %s", what);
}

static int no_memory(struct err *err)
{
	return err_errno(err, ERR_FAILED, "torrent");
}

/* A name that stays in its folder, on every system that has '/' for a separator. */
static bool is_safe_name(const struct ben *name)
{
	return name->type == BEN_STR && name->len > 0 && name->len < PATH_BYTES_MAX &&
	       !ben_is(name, ".") && !ben_is(name, "..") && !memchr(name->str, '/', name->len) &&
	       !memchr(name->str, '\0', name->len);
}

static int copy_text(const struct ben *from, char **out, struct err *err)
{
	*out = strndup((const char *)from->str, from->len);
	return *out ? 0 : no_memory(err);
}

/* "a/b/c" of the list ["a", "b", "c"]. */
static int join_path(const struct ben *list, char **out, struct err *err)
{
	struct ben_iter it = ben_items(list);
	char path[PATH_BYTES_MAX];
	size_t used = 0;
	struct ben name;

	while (ben_next(&it, &name)) {
		if (!is_safe_name(&name)) {
			return bad(err, "a path has a component that is no file name");
		}
		if (used + name.len + 1 >= sizeof(path)) {
			return bad(err, "a path is too long");
		}
		if (used > 0) {
			path[used++] = '/';
		}
		memcpy(path + used, name.str, name.len);
		used += name.len;
	}
	if (used == 0) {
		return bad(err, "a path is empty");
	}
	*out = strndup(path, used);
	return *out ? 0 : no_memory(err);
}

/* Lays the next file of @length behind those before it; its path is still to be set. */
static int lay_file(struct metainfo *mi, const struct ben *dict, struct err *err)
{
	struct ben length;

	if (!ben_get(dict, "length", BEN_INT, &length) || length.num < 0 ||
	    length.num > LENGTH_MAX - (int64_t)mi->length) {
		return bad(err, "a file's length is missing or out of range");
	}
	mi->files[mi->nfiles++] = (struct metainfo_file){
		.offset = mi->length,
		.length = (uint64_t)length.num,
	};
	mi->length += (uint64_t)length.num;
	return 0;
}

static int read_one_file(struct metainfo *mi, const struct ben *info, struct err *err)
{
	mi->files = calloc(1, sizeof(*mi->files));
	if (!mi->files) {
		return no_memory(err);
	}
	if (lay_file(mi, info, err)) {
		return -1;
	}
	mi->files[0].path = strdup(mi->name);
	return mi->files[0].path ? 0 : no_memory(err);
}

static size_t count_items(const struct ben *list)
{
	struct ben_iter it = ben_items(list);
	struct ben item;
	size_t n = 0;

	while (ben_next(&it, &item)) {
		n++;
	}
	return n;
}

static int read_many_files(struct metainfo *mi, const struct ben *list, struct err *err)
{
	struct ben_iter it = ben_items(list);
	size_t count = count_items(list);
	struct ben file, path;

	if (count == 0) {
		return bad(err, "the list of files is empty");
	}
	mi->multi = true;
	mi->files = calloc(count, sizeof(*mi->files));
	if (!mi->files) {
		return no_memory(err);
	}
	while (ben_next(&it, &file)) {
		if (file.type != BEN_DICT || !ben_get(&file, "path", BEN_LIST, &path)) {
			return bad(err, "a file has no path");
		}
		if (lay_file(mi, &file, err) ||
		    join_path(&path, &mi->files[mi->nfiles - 1].path, err)) {
			return -1;
		}
	}
	return 0;
}

static int read_files(struct metainfo *mi, const struct ben *info, struct err *err)
{
	struct ben name, list;

	if (!ben_get(info, "name", BEN_STR, &name) || !is_safe_name(&name)) {
		return bad(err, "its name is missing or no file name");
	}
	if (copy_text(&name, &mi->name, err)) {
		return -1;
	}
	if (ben_get(info, "files", BEN_LIST, &list)) {
		return read_many_files(mi, &list, err);
	}
	return read_one_file(mi, info, err);
}

/* There must be as many hashes as the length asks for. */
static int read_pieces(struct metainfo *mi, const struct ben *info, struct err *err)
{
	struct ben bytes, hashes;
	uint64_t wanted;

	if (!ben_get(info, "piece length", BEN_INT, &bytes) || bytes.num <= 0 ||
	    bytes.num > PIECE_BYTES_MAX) {
		return bad(err, "the piece length is missing or out of range");
	}
	if (mi->length == 0) {
		return bad(err, "its files are empty");
	}
	mi->piece_bytes = (uint32_t)bytes.num;
	wanted = (mi->length + mi->piece_bytes - 1) / mi->piece_bytes;
	if (!ben_get(info, "pieces", BEN_STR, &hashes) || wanted > UINT32_MAX ||
	    hashes.len != wanted * SHA1_BYTES) {
		return bad(err, "its hashes are not one for each piece");
	}
	mi->pieces = (uint32_t)wanted;
	mi->hashes = malloc(hashes.len);
	if (!mi->hashes) {
		return no_memory(err);
	}
	memcpy(mi->hashes, hashes.str, hashes.len);
	return 0;
}

static int read_torrent(struct metainfo *mi, const struct ben *root, struct err *err)
{
	struct ben info, value;

	if (!ben_get(root, "info", BEN_DICT, &info)) {
		return bad(err, "it has no info dictionary");
	}
	if (!EVP_Digest(info.raw, info.raw_len, mi->info_hash, NULL, EVP_sha1(), NULL)) {
		return bad(err, "SHA-1 failed");
	}
	if (ben_get(root, "announce", BEN_STR, &value) && copy_text(&value, &mi->announce, err)) {
		return -1;
	}
	mi->is_private = ben_get(&info, "private", BEN_INT, &value) && value.num == 1;
	return read_files(mi, &info, err) || read_pieces(mi, &info, err) ? -1 : 0;
}

int metainfo_parse(const void *data, size_t len, struct metainfo **out, struct err *err)
{
	struct metainfo *mi;
	struct ben root;

	if (!ben_parse(data, len, &root) || root.type != BEN_DICT) {
		return bad(err, "not a bencoded dictionary");
	}
	mi = calloc(1, sizeof(*mi));
	if (!mi) {
		return no_memory(err);
	}
	if (read_torrent(mi, &root, err)) {
		metainfo_destroy(mi);
		return -1;
	}
	*out = mi;
	return 0;
}

void metainfo_destroy(struct metainfo *mi)
{
	if (!mi) {
		return;
	}
	for (size_t i = 0; i < mi->nfiles; i++) {
		free(mi->files[i].path);
	}
	free(mi->files);
	free(mi->hashes);
	free(mi->announce);
	free(mi->name);
	free(mi);
}

uint32_t metainfo_piece_bytes(const struct metainfo *mi, uint32_t index)
{
	uint64_t left = mi->length - (uint64_t)index * mi->piece_bytes;

	return left < mi->piece_bytes ? (uint32_t)left : mi->piece_bytes;
}

bool metainfo_verify(const struct metainfo *mi, uint32_t index, const void *data)
{
	const uint8_t *wanted = mi->hashes + (size_t)index * SHA1_BYTES;
	uint8_t digest[SHA1_BYTES];

	return EVP_Digest(data, metainfo_piece_bytes(mi, index), digest, NULL, EVP_sha1(), NULL) &&
	       memcmp(digest, wanted, SHA1_BYTES) == 0;
}
