/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content against a shadow: whatever is written in whatever order and sizes, reads give
 * it back exactly, and what counts as payload is payload.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/rng.h"
#include "store/content.h"

#define ROOM (1u << 20) /* of the shadow; files stay below */
#define PIECE_BYTES 16384u

struct fixture {
	char dir[64];
	int dirfd;
	struct reference ref;
	struct quota quota;
	struct content file;
	struct rng rng;
	uint8_t *shadow; /* ROOM bytes; beyond `size` zeros */
	uint64_t size;
	uint8_t *buf;
};

/* A payload of @bytes with a region of zeros in it, also across its end if @zero_tail. */
static void setup(struct fixture *f, uint64_t bytes, bool zero_tail, uint64_t limit, uint64_t seed)
{
	struct err err;

	memset(f, 0, sizeof(*f));
	rng_seed(&f->rng, seed);
	strcpy(f->dir, "/tmp/test_store_content.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	f->shadow = calloc(1, ROOM);
	f->buf = calloc(1, ROOM);
	assert_non_null(f->shadow);
	assert_non_null(f->buf);
	for (uint64_t i = 0; i < bytes; i++) {
		f->buf[i] = (uint8_t)rng_u64(&f->rng);
	}
	if (bytes > 100000) {
		memset(f->buf + 40000, 0, 30000);
	}
	if (zero_tail) {
		uint64_t tail = bytes < 9000 ? bytes / 2 : 9000;

		memset(f->buf + bytes - tail, 0, tail);
	}
	if (bytes > 0) {
		int fd = openat(f->dirfd, "payload", O_CREAT | O_WRONLY, 0600);

		assert_int_equal(write(fd, f->buf, bytes), bytes);
		close(fd);
		char path[128];

		snprintf(path, sizeof(path), "%s/payload", f->dir);
		assert_int_equal(reference_open(&f->ref, path, PIECE_BYTES, &err), 0);
	}
	f->quota.limit_bytes = limit;
	content_init(&f->file, &f->ref, &f->quota, f->dirfd, 1);
}

static void teardown(struct fixture *f)
{
	struct err err;
	struct stat st;

	content_destroy(&f->file);
	assert_int_equal(f->quota.used_bytes, 0);
	assert_int_equal(fstatat(f->dirfd, "1", &st, 0), -1);
	reference_close(&f->ref);
	close(f->dirfd);
	fs_remove_tree(f->dir, &err);
	free(f->shadow);
	free(f->buf);
}

/* Everything that must hold after every operation; reads the whole file. */
static void check(struct fixture *f)
{
	const uint8_t *where;
	uint64_t done = 0, matched = 0;
	uint32_t pieces = 0;

	assert_int_equal(f->file.size_bytes, f->size);
	while (done < f->size) {
		int64_t n = content_read(&f->file, done, f->buf, ROOM, &where);

		assert_true(n > 0);
		assert_memory_equal(where, f->shadow + done, n);
		done += (uint64_t)n;
	}
	for (uint64_t b = 0; b < f->ref.blocks; b++) {
		if (blockmap_get(&f->file.map, b) == BLOCK_MATCHED) {
			uint64_t n = reference_span(&f->ref, b, 1);

			assert_true(b * BLOCK_BYTES + n <= f->size);
			assert_memory_equal(f->shadow + b * BLOCK_BYTES,
					    f->ref.data + b * BLOCK_BYTES, n);
			matched += n;
		}
	}
	assert_int_equal(f->file.matched_bytes, matched);
	for (uint32_t p = 0; p < f->ref.pieces; p++) {
		uint64_t from = (uint64_t)p * PIECE_BYTES, n = PIECE_BYTES;

		if (n > f->ref.bytes - from) {
			n = f->ref.bytes - from;
		}
		if (content_has_piece(&f->file, p)) {
			assert_true(from + n <= f->size);
			assert_memory_equal(f->shadow + from, f->ref.data + from, n);
			pieces++;
		}
	}
	assert_int_equal(f->file.pieces, pieces);
	assert_int_equal(f->quota.used_bytes, f->file.map.private_blocks * BLOCK_BYTES);
}

/* Write and shadow it; what the content did not take is not shadowed either. */
static int64_t put(struct fixture *f, uint64_t offset, const uint8_t *bytes, size_t len)
{
	int64_t n = content_write(&f->file, offset, bytes, len);

	if (n > 0) {
		assert_true((uint64_t)n <= len);
		memmove(f->shadow + offset, bytes, (size_t)n);
		if (offset + (uint64_t)n > f->size) {
			f->size = offset + (uint64_t)n;
		}
	}
	return n;
}

static void cut(struct fixture *f, uint64_t size)
{
	if (content_truncate(&f->file, size) == 0) {
		if (size < f->size) {
			memset(f->shadow + size, 0, f->size - size);
		}
		f->size = size;
	}
}

/* A punch that fails half-way has zeroed some bytes of the range and no others. */
static void punch(struct fixture *f, uint64_t offset, uint64_t len)
{
	const uint8_t *where;
	int rc = content_zero(&f->file, offset, len);

	len = offset >= f->size ? 0 : len < f->size - offset ? len : f->size - offset;
	if (rc == 0) {
		memset(f->shadow + offset, 0, len);
		return;
	}
	for (uint64_t i = offset; i < offset + len; i++) {
		assert_int_equal(content_read(&f->file, i, f->buf, 1, &where), 1);
		assert_true(*where == 0 || *where == f->shadow[i]);
		f->shadow[i] = *where;
	}
}

/* A random length: sometimes block-sized, often odd, seldom large. */
static uint64_t some_length(struct fixture *f, uint64_t most)
{
	static const uint64_t typical[] = { 1, 13, 4095, 4096, 4097, 8192, 16384, 16387, 65536 };
	uint64_t n = rng_below(&f->rng, 3) ? typical[rng_below(&f->rng, 9)] :
					     1 + rng_below(&f->rng, 100000);

	return n < most ? n : most;
}

static void random_op(struct fixture *f)
{
	uint64_t top = f->ref.bytes + 50000 < ROOM ? f->ref.bytes + 50000 : ROOM;
	uint64_t off = rng_below(&f->rng, top);
	uint8_t *bytes = f->buf;

	if (rng_below(&f->rng, 2)) {
		off -= off % BLOCK_BYTES;
	}
	uint64_t len = some_length(f, top - off);
	uint64_t in_ref = off < f->ref.bytes ? f->ref.bytes - off : 0;

	switch (rng_below(&f->rng, 12)) {
	case 0: /* noise */
		for (uint64_t i = 0; i < len; i++) {
			bytes[i] = (uint8_t)rng_u64(&f->rng);
		}
		put(f, off, bytes, len);
		break;
	case 1: /* zeros */
		memset(bytes, 0, len);
		put(f, off, bytes, len);
		break;
	case 2: /* payload with one wrong byte */
		if (in_ref > 0) {
			len = len < in_ref ? len : in_ref;
			memcpy(bytes, f->ref.data + off, len);
			bytes[rng_below(&f->rng, len)] ^= 1;
			put(f, off, bytes, len);
		}
		break;
	case 3:
		cut(f, rng_below(&f->rng, 4) ? f->size : rng_below(&f->rng, top));
		break;
	case 4:
		punch(f, off, len);
		break;
	case 5: /* payload, shifted: all wrong */
		if (in_ref > len + 1) {
			put(f, off, f->ref.data + off + 1, len);
		}
		break;
	default: /* payload */
		if (in_ref > 0) {
			put(f, off, f->ref.data + off, len < in_ref ? len : in_ref);
		}
	}
}

static void run_property(uint64_t bytes, bool zero_tail, uint64_t limit, uint64_t seed,
			 unsigned rounds)
{
	struct fixture f;

	setup(&f, bytes, zero_tail, limit, seed);
	for (unsigned i = 0; i < rounds; i++) {
		random_op(&f);
		if (rng_below(&f.rng, 100) == 0) {
			content_idle(&f.file);
		}
		check(&f);
		if (limit) {
			/* A truncation may draw one block more. */
			assert_true(f.quota.used_bytes <= limit + f.ref.blocks * BLOCK_BYTES);
		}
	}
	/* Whatever happened before: writing the payload makes it the payload. */
	f.quota.limit_bytes = 0;
	for (uint64_t at = 0; at < f.ref.bytes;) {
		uint64_t n = some_length(&f, f.ref.bytes - at);

		assert_int_equal(put(&f, at, f.ref.data + at, n), n);
		at += n;
	}
	cut(&f, f.ref.bytes);
	check(&f);
	assert_int_equal(f.file.matched_bytes, f.ref.bytes);
	assert_int_equal(f.file.pieces, f.ref.pieces);
	assert_int_equal(f.file.map.private_blocks, 0);
	content_idle(&f.file);
	struct stat st;

	if (fstatat(f.dirfd, "1", &st, 0) == 0) {
		assert_int_equal(st.st_blocks, 0);
	}
	teardown(&f);
}

static void test_property(void **unused)
{
	static const uint64_t sizes[] = { 300000, 262144, 131072 + 1, 4096, 4095, 5000, 1, 0 };

	(void)unused;
	for (unsigned i = 0; i < 8; i++) {
		run_property(sizes[i], false, 0, 100 + i, 1500);
		run_property(sizes[i], sizes[i] > 0, 0, 200 + i, 1500);
	}
}

static void test_property_with_quota(void **unused)
{
	(void)unused;
	run_property(300000, true, 65536, 31, 3000);
	run_property(200000, false, 4096, 32, 3000);
}

/* A backing file that refuses to grow, as a full disk does. */
static void test_backing_full(void **unused)
{
	struct rlimit old, tight = { 150001, RLIM_INFINITY };
	struct fixture f;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_max = old.rlim_max;
	setup(&f, 300000, true, 0, 77);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (unsigned i = 0; i < 4000; i++) {
		random_op(&f);
		check(&f);
	}
	memset(f.buf, 0x55, 8192);
	assert_int_equal(put(&f, 200704, f.buf, 8192), -EFBIG);
	assert_int_equal(put(&f, 200704, f.ref.data + 200704, 8192), 8192);
	/* A matched block that must become private, and cannot: it stays. */
	assert_int_equal(put(&f, 200705, f.buf, 1), -EFBIG);
	check(&f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	teardown(&f);
}

static void test_zero_regions(void **unused)
{
	struct fixture f;

	(void)unused;
	setup(&f, 300000, true, 0, 5);
	/* Growing the file is no download, even where the payload is zeros. */
	assert_int_equal(content_truncate(&f.file, 300000), 0);
	assert_int_equal(f.file.matched_bytes, 0);
	/* Writing zeros there is. */
	memset(f.buf, 0, 4096);
	assert_int_equal(content_write(&f.file, 45056, f.buf, 4096), 4096);
	assert_int_equal(f.file.matched_bytes, 4096);
	/* Elsewhere zeros cost nothing. */
	assert_int_equal(content_write(&f.file, 0, f.buf, 4096), 4096);
	assert_int_equal(f.file.matched_bytes, 4096);
	assert_int_equal(f.quota.used_bytes, 0);
	teardown(&f);
}

/* A block is not held before the file is long enough to hold it. */
static void test_short_file_of_zero_tail(void **unused)
{
	struct fixture f;

	(void)unused;
	setup(&f, 300000, true, 0, 6);
	uint64_t last = 300000 / BLOCK_BYTES * BLOCK_BYTES;

	memset(f.buf, 0, 4096);
	assert_int_equal(content_write(&f.file, last, f.buf, 10), 10);
	assert_int_equal(f.file.matched_bytes, 0);
	assert_int_equal(content_write(&f.file, last, f.buf, 300000 - last), 300000 - last);
	assert_int_equal(f.file.matched_bytes, 300000 - last);
	assert_int_equal(content_truncate(&f.file, 299999), 0);
	assert_int_equal(f.file.matched_bytes, 0);
	teardown(&f);
}

static void test_fill_reads_reference(void **unused)
{
	struct fixture f;
	const uint8_t *where;

	(void)unused;
	setup(&f, 300000, false, 1, 8);
	assert_int_equal(content_fill(&f.file), 0);
	assert_int_equal(f.file.pieces, f.ref.pieces);
	assert_int_equal(content_read(&f.file, 1000, f.buf, 100000, &where), 100000);
	assert_ptr_equal(where, f.ref.data + 1000);
	assert_int_equal(content_read(&f.file, 299990, f.buf, 100, &where), 10);
	assert_int_equal(content_read(&f.file, 300000, f.buf, 100, &where), 0);
	memset(f.buf, 1, 4096);
	assert_int_equal(content_write(&f.file, 0, f.buf, 4096), -ENOSPC);
	assert_int_equal(f.file.matched_bytes, 300000);
	teardown(&f);
}

static void test_limits(void **unused)
{
	struct fixture f;

	(void)unused;
	setup(&f, 4096, false, 0, 9);
	assert_int_equal(content_write(&f.file, CONTENT_MAX_BYTES, "x", 1), -EFBIG);
	assert_int_equal(content_write(&f.file, CONTENT_MAX_BYTES - 1, "xy", 2), 1);
	assert_int_equal(content_truncate(&f.file, CONTENT_MAX_BYTES + 1), -EFBIG);
	assert_int_equal(content_truncate(&f.file, 0), 0);
	assert_int_equal(f.quota.used_bytes, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_property),
		cmocka_unit_test(test_property_with_quota),
		cmocka_unit_test(test_backing_full),
		cmocka_unit_test(test_zero_regions),
		cmocka_unit_test(test_short_file_of_zero_tail),
		cmocka_unit_test(test_fill_reads_reference),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
