/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_fs - lento-store as its clients see it: a real mount, in a mount namespace of its own.
 *
 *	store_fs LENTO-STORE CASE [cached]
 *
 * With "cached" the store is told not to use direct I/O, as on kernels before 6.6.
 * Exit status: 0 all is well, 1 not, 77 when the host has no FUSE or we are not root.
 */
#include "store_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

/* --- cases ----------------------------------------------------------------- */

static void case_seed(struct bed *bed)
{
	struct stat st;

	start_store(bed, 0);
	add_peer(bed, 0, true);
	check_file(path_of(bed, "mnt/peer0/movie.bin"), bed->payload, bed->bytes);
	CHECK(stat(path_of(bed, "mnt/peer0/movie.bin"), &st) == 0);
	CHECK((uint64_t)st.st_size == bed->bytes && S_ISREG(st.st_mode));
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	CHECK(progress(bed, 0)->pieces == PIECES);
	CHECK(progress(bed, 0)->complete_virt_ns != 0);
	CHECK(progress(bed, 0)->private_bytes == 0);
	CHECK(progress(bed, 0)->read_bytes >= bed->bytes);
	check_backing_is_small(bed, 0);
}

static void leech(struct bed *bed, uint32_t peer, uint64_t part)
{
	add_peer(bed, peer, false);
	int fd = open(path_of(bed, "mnt/peer%u/movie.bin.part", peer), O_CREAT | O_RDWR | O_EXCL,
		      0644);

	CHECK(fd >= 0);
	download(bed, fd, peer, part);
	CHECK(rename(path_of(bed, "mnt/peer%u/movie.bin.part", peer),
		     path_of(bed, "mnt/peer%u/movie.bin", peer)) == 0);
	CHECK(fsync(fd) == 0);
	CHECK(close(fd) == 0);
	check_file(path_of(bed, "mnt/peer%u/movie.bin", peer), bed->payload, bed->bytes);
	CHECK(progress(bed, peer)->bytes == bed->bytes);
	CHECK(progress(bed, peer)->private_bytes == 0);
}

static void case_leech(struct bed *bed)
{
	start_store(bed, 0);
	leech(bed, 0, 16384);
	leech(bed, 1, PIECE_BYTES);
	leech(bed, 2, 16384 + 13);
	leech(bed, 3, 1021);
	usleep(100000); /* the last release is sent after close() returns */
	check_backing_is_small(bed, 0);
}

static void case_preallocate(struct bed *bed)
{
	static const char *const how[] = { "truncate", "fallocate", "zeros" };

	start_store(bed, 0);
	for (uint32_t peer = 0; peer < 3; peer++) {
		add_peer(bed, peer, false);
		int fd = open(path_of(bed, "mnt/peer%u/%s", peer, how[peer]), O_CREAT | O_RDWR,
			      0644);
		static uint8_t zeros[MIB];

		CHECK(fd >= 0);
		if (peer == 0) {
			CHECK(ftruncate(fd, (off_t)bed->bytes) == 0);
		} else if (peer == 1) {
			CHECK(posix_fallocate(fd, 0, (off_t)bed->bytes) == 0);
		} else {
			for (uint64_t at = 0; at < bed->bytes; at += MIB) {
				put(fd, zeros, bed->bytes - at < MIB ? bed->bytes - at : MIB, at);
			}
		}
		/* Only written zeros count, where the payload is zeros. */
		CHECK(peer == 2 || progress(bed, peer)->bytes == 0);
		CHECK(progress(bed, peer)->bytes <= 50000);
		CHECK(progress(bed, peer)->pieces == 0);
		CHECK(progress(bed, peer)->private_bytes <= 4096);
		download(bed, fd, peer, 16384);
		close(fd);
		check_file(path_of(bed, "mnt/peer%u/%s", peer, how[peer]), bed->payload,
			   bed->bytes);
	}
}

/* State files beside the payload, rewritten as clients do; wrong data, mended. */
static void case_private(struct bed *bed)
{
	uint8_t text[10000];
	struct err err;

	start_store(bed, 0);
	add_peer(bed, 0, false);
	int fd = open(path_of(bed, "mnt/peer0/movie.bin"), O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	for (unsigned round = 0; round < 20; round++) {
		memset(text, 'a' + (int)round, sizeof(text));
		CHECK(fs_write_atomic(path_of(bed, "mnt/peer0/movie.bin.aria2"), text,
				      sizeof(text) - round, &err) == 0);
		check_file(path_of(bed, "mnt/peer0/movie.bin.aria2"), text, sizeof(text) - round);
		put(fd, bed->payload + round * 16384, 16384, round * 16384);
	}
	CHECK(progress(bed, 0)->bytes == 20 * 16384);
	check_private(bed, 0, 3 * 4096);
	/* A wrong block takes a piece back, but not its time. */
	int64_t when = store_piece_time(bed->store, 0, 0);

	CHECK(when != 0 && progress(bed, 0)->pieces == 1);
	put(fd, "wrong", 5, 70000);
	CHECK(progress(bed, 0)->bytes == 20 * 16384 - 4096);
	CHECK(progress(bed, 0)->pieces == 0);
	CHECK(store_piece_time(bed->store, 0, 0) == when);
	memcpy(text, bed->payload + 69000, 2000);
	memcpy(text + 1000, "wrong", 5);
	uint8_t got[2000];

	CHECK(pread(fd, got, 2000, 69000) == 2000 && memcmp(got, text, 2000) == 0);
	put(fd, bed->payload + 70000, 5, 70000);
	CHECK(progress(bed, 0)->pieces == 1);
	/* The payload in a second file does not add up; less of it shows when the best goes. */
	int other = open(path_of(bed, "mnt/peer0/other"), O_CREAT | O_RDWR, 0644);

	CHECK(other >= 0);
	put(other, bed->payload + MIB + 131072, 8192, MIB + 131072);
	CHECK(progress(bed, 0)->bytes == 20 * 16384);
	CHECK(unlink(path_of(bed, "mnt/peer0/movie.bin")) == 0);
	CHECK(progress(bed, 0)->bytes == 8192);
	/* An unlinked file lives on for those who have it open. */
	CHECK(pread(fd, got, 2000, 0) == 2000 && memcmp(got, bed->payload, 2000) == 0);
	put(fd, "x", 1, 0);
	CHECK(pread(fd, got, 1, 0) == 1 && got[0] == 'x');
	close(fd);
	close(other);
	CHECK(unlink(path_of(bed, "mnt/peer0/movie.bin.aria2")) == 0);
	check_private(bed, 0, 0);
	check_backing_is_small(bed, 0);
}

/* Shared mappings, beside reads and writes of the same file. */
static void case_mmap(struct bed *bed)
{
	start_store(bed, 0);
	add_peer(bed, 0, false);
	add_peer(bed, 1, true);
	const char *path = path_of(bed, "mnt/peer0/mapped");
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)bed->bytes) == 0);
	uint8_t *map = mmap(NULL, bed->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(map != MAP_FAILED);
	for (uint64_t at = 0; at < bed->bytes; at += PIECE_BYTES) {
		uint64_t n = bed->bytes - at < PIECE_BYTES ? bed->bytes - at : PIECE_BYTES;

		if (at / PIECE_BYTES % 3 == 0) {
			put(fd, bed->payload + at, n, at);
		} else {
			memcpy(map + at, bed->payload + at, n);
		}
		/* Either way is seen the other way at once. */
		uint8_t some[64];

		CHECK(memcmp(map + at, bed->payload + at, n) == 0);
		CHECK(pread(fd, some, 64, (off_t)(at + n - 64)) == 64);
		CHECK(memcmp(some, bed->payload + at + n - 64, 64) == 0);
	}
	/* Seen soon, though nobody asks for it. */
	wall_t written = wall_now();

	while (progress(bed, 0)->complete_virt_ns == 0) {
		CHECK(wall_now().ns - written.ns < 5 * NS_PER_S);
		usleep(1000);
	}
	printf("# mapped writes were seen after %.0f ms\n",
	       (double)(wall_now().ns - written.ns) / 1e6);
	CHECK(msync(map, bed->bytes, MS_SYNC) == 0);
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	CHECK(progress(bed, 0)->complete_virt_ns != 0);
	CHECK(progress(bed, 0)->private_bytes == 0);
	/* A wrong byte through the mapping, and right again. */
	map[100000] ^= 1;
	CHECK(msync(map, bed->bytes, MS_SYNC) == 0);
	CHECK(progress(bed, 0)->bytes == bed->bytes - 4096);
	uint8_t byte = 0;

	CHECK(pread(fd, &byte, 1, 100000) == 1 && byte == (bed->payload[100000] ^ 1));
	map[100000] ^= 1;
	CHECK(munmap(map, bed->bytes) == 0 && fsync(fd) == 0 && close(fd) == 0);
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	check_file(path_of(bed, "mnt/peer0/mapped"), bed->payload, bed->bytes);
	/* A seed's file, mapped for reading only. */
	fd = open(path_of(bed, "mnt/peer1/movie.bin"), O_RDONLY);
	map = mmap(NULL, bed->bytes, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && memcmp(map, bed->payload, bed->bytes) == 0);
	CHECK(munmap(map, bed->bytes) == 0 && close(fd) == 0);
}

static const struct {
	const char *name;
	uint64_t bytes;
	void (*run)(struct bed *bed);
} cases[] = {
	{ "seed", PAYLOAD_BYTES, case_seed },
	{ "leech", PAYLOAD_BYTES, case_leech },
	{ "preallocate", PAYLOAD_BYTES, case_preallocate },
	{ "private", PAYLOAD_BYTES, case_private },
	{ "mmap", PAYLOAD_BYTES, case_mmap },
	{ "names", PAYLOAD_BYTES, case_names },
	{ "owner", PAYLOAD_BYTES, case_owner },
	{ "peers", PAYLOAD_BYTES, case_peers },
	{ "stuck", PAYLOAD_BYTES, case_stuck },
	{ "kill", PAYLOAD_BYTES, case_kill },
	{ "stopped", PAYLOAD_BYTES, case_stopped },
	{ "orphan", PAYLOAD_BYTES, case_orphan },
	{ "full", PAYLOAD_BYTES, case_full },
	{ "limit", PAYLOAD_BYTES, case_limit },
	{ "many", 16 * MIB, case_many },
	{ "thousand", 150 * 1000000, case_thousand },
	{ "null", PAYLOAD_BYTES, case_null },
	{ "clients", PAYLOAD_BYTES, case_clients },
	{ "speed", 64 * MIB, case_speed },
};

int main(int argc, char **argv)
{
	static struct bed bed;

	if (argc < 3) {
		fprintf(stderr, "usage: store_fs LENTO-STORE CASE [cached]\n");
		return 2;
	}
	program = realpath(argv[1], NULL);
	if (!program) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[2]) == 0) {
			open_bed(&bed, cases[i].bytes, argc > 3 && strcmp(argv[3], "cached") == 0);
			cases[i].run(&bed);
			return 0;
		}
	}
	fprintf(stderr, "no case \"%s\"\n", argv[2]);
	return 2;
}
