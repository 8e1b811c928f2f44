// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/rng.h"

#define CHUNK_BYTES (1u << 20)

int payload_generate(const char *path, uint64_t size, uint64_t seed, struct err *err)
{
	CLEAN_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLEAN_FREE uint64_t *buf = malloc(CHUNK_BYTES);
	struct rng rng;

	if (fd < 0 || !buf) {
		return err_errno(err, ERR_FAILED, "payload %s", path);
	}
	rng_stream(&rng, seed, "payload", 0);
	for (uint64_t done = 0; done < size; ) {
		uint64_t n = size - done < CHUNK_BYTES ? size - done : CHUNK_BYTES;

		for (size_t i = 0; i < CHUNK_BYTES / sizeof(*buf); i++) {
			buf[i] = rng_u64(&rng);
		}
		if (fs_write_all(fd, buf, n)) {
			return err_errno(err, ERR_FAILED, "payload %s", path);
		}
		done += n;
	}
	return 0;
}

/* Read up to @len bytes, all of them unless the file ends; -1 with errno. */
static ssize_t read_full(int fd, uint8_t *buf, size_t len)
{
	size_t used = 0;

	while (used < len) {
		ssize_t n = read(fd, buf + used, len - used);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			break;
		}
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* SHA-1 of each piece, concatenated; *length is the file's size. */
static int hash_pieces(const char *path, uint64_t piece_bytes, uint8_t **digests,
		       uint32_t *pieces, uint64_t *length, struct err *err)
{
	CLEAN_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE uint8_t *buf = malloc(piece_bytes);
	CLEAN_FREE uint8_t *out = NULL;
	uint32_t count = 0;
	ssize_t n;

	if (fd < 0 || !buf) {
		return err_errno(err, ERR_FAILED, "payload %s", path);
	}
	*length = 0;
	while ((n = read_full(fd, buf, piece_bytes)) > 0) {
		uint8_t *grown = realloc(out, (count + 1) * (size_t)SHA_DIGEST_LENGTH);

		if (!grown) {
			return err_errno(err, ERR_FAILED, "payload %s", path);
		}
		out = grown;
		if (!EVP_Digest(buf, (size_t)n, out + count * (size_t)SHA_DIGEST_LENGTH, NULL,
				EVP_sha1(), NULL)) {
			return err_set(err, ERR_FAILED, "payload %s: SHA-1 failed", path);
		}
		count++;
		*length += (uint64_t)n;
	}
	if (n < 0) {
		return err_errno(err, ERR_FAILED, "payload %s", path);
	}
	if (count == 0) {
		return err_set(err, ERR_USAGE, "payload %s is empty: a swarm needs at least one byte",
			       path);
	}
	*digests = take_ptr(out);
	*pieces = count;
	return 0;
}

static void to_hex(const uint8_t *bytes, size_t len, char *hex)
{
	for (size_t i = 0; i < len; i++) {
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	}
}

/* The info dictionary, keys in order (BEP 3), as bencoded bytes. */
static char *info_dict(const char *name, uint64_t length, uint64_t piece_bytes,
		       const uint8_t *digests, uint32_t pieces, size_t *len)
{
	char *info = NULL;
	FILE *f = open_memstream(&info, len);

	if (!f) {
		return NULL;
	}
	fprintf(f, "d6:lengthi%llue4:name%zu:%s12:piece lengthi%llue6:pieces%zu:",
		(unsigned long long)length, strlen(name), name, (unsigned long long)piece_bytes,
		pieces * (size_t)SHA_DIGEST_LENGTH);
	fwrite(digests, SHA_DIGEST_LENGTH, pieces, f);
	fprintf(f, "7:privatei1ee");
	if (fclose(f)) {
		free(info);
		return NULL;
	}
	return info;
}

int torrent_write(const char *torrent_path, const char *payload_path, const char *name,
		  uint64_t piece_bytes, const char *announce, struct torrent *torrent,
		  struct err *err)
{
	CLEAN_FREE uint8_t *digests = NULL;
	CLEAN_FREE char *info = NULL;
	CLEAN_FREE char *text = NULL;
	uint8_t digest[SHA_DIGEST_LENGTH];
	uint64_t length = 0;
	size_t info_len, len;
	FILE *f;

	if (hash_pieces(payload_path, piece_bytes, &digests, &torrent->pieces, &length, err)) {
		return -1;
	}
	info = info_dict(name, length, piece_bytes, digests, torrent->pieces, &info_len);
	if (!info || !EVP_Digest(info, info_len, digest, NULL, EVP_sha1(), NULL)) {
		return err_set(err, ERR_FAILED, "%s: out of memory", torrent_path);
	}
	to_hex(digest, sizeof(digest), torrent->infohash);
	f = open_memstream(&text, &len);
	if (!f) {
		return err_errno(err, ERR_FAILED, "%s", torrent_path);
	}
	fprintf(f, "d8:announce%zu:%s10:created by5:lento4:info", strlen(announce), announce);
	fwrite(info, 1, info_len, f);
	fputc('e', f);
	if (fclose(f)) {
		return err_errno(err, ERR_FAILED, "%s", torrent_path);
	}
	return fs_write_atomic(torrent_path, text, len, err);
}

int payload_sha256(const char *path, char *hex, struct err *err)
{
	CLEAN_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE uint8_t *buf = malloc(CHUNK_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[SHA256_DIGEST_LENGTH];
	ssize_t n = -1;
	bool ok;

	ok = fd >= 0 && buf && ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while (ok && (n = read_full(fd, buf, CHUNK_BYTES)) > 0) {
		ok = EVP_DigestUpdate(ctx, buf, (size_t)n);
	}
	ok = ok && n == 0 && EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_free(ctx);
	if (!ok) {
		return err_errno(err, ERR_FAILED, "reading %s", path);
	}
	to_hex(digest, sizeof(digest), hex);
	return 0;
}
