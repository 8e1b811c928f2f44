/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_bed - what the cases of store_fs stand on: a mount namespace, a payload, a
 * clock, a store; and the checks that several of them make.
 *
 * A check that fails ends the program with status 1, naming its line.
 */
#ifndef STORE_BED_H
#define STORE_BED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "store/store.h"

#define MIB (UINT64_C(1) << 20)
#define PIECE_BYTES (256 * UINT64_C(1024))
#define PAYLOAD_BYTES (16 * MIB + 1234)
#define PIECES 65
#define MAX_PEERS 1000

struct bed {
	char dir[64];     /* everything lies below */
	uint8_t *payload; /* on a page boundary */
	uint64_t bytes;
	struct timedil_page *page;
	struct store *store;
	struct rng rng;
	bool cached;      /* without direct I/O */
};

extern const char *program; /* lento-store */

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fail(#cond, __FILE__, __LINE__); \
		} \
	} while (0)

void fail(const char *what, const char *file, int line) __attribute__((noreturn));
/* The host lacks something: status 77. */
void skip(const char *why) __attribute__((noreturn));

void open_bed(struct bed *bed, uint64_t bytes, bool cached);
void start_store(struct bed *bed, uint64_t private_limit);
/* Adds "peer<index>", owned by root. */
void add_peer(struct bed *bed, uint32_t index, bool complete);
const struct store_progress *progress(const struct bed *bed, uint32_t index);

/* A path below the bed's directory; a few static buffers in turn. */
const char *path_of(const struct bed *bed, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Does the file hold these bytes, all of them and no more? */
void check_file(const char *path, const uint8_t *bytes, uint64_t len);
void check_backing_is_small(const struct bed *bed, uint64_t most_bytes);
/* The kernel forgets a file a moment after its last name and opener are gone. */
void check_private(const struct bed *bed, uint32_t peer, uint64_t bytes);
/* With "." and "..". */
int count_entries(const char *path);

void put(int fd, const void *bytes, uint64_t len, uint64_t offset);
/* Write all pieces at random, each in parts of @part bytes; check the figures. */
void download(struct bed *bed, int fd, uint32_t peer, uint64_t part);

/* The cases: store_names.c, store_trouble.c, store_scale.c. */
void case_names(struct bed *bed);
void case_owner(struct bed *bed);
void case_peers(struct bed *bed);
void case_stuck(struct bed *bed);
void case_kill(struct bed *bed);
void case_stopped(struct bed *bed);
void case_orphan(struct bed *bed);
void case_full(struct bed *bed);
void case_limit(struct bed *bed);
void case_null(struct bed *bed);
void case_many(struct bed *bed);
void case_thousand(struct bed *bed);
void case_clients(struct bed *bed);
void case_speed(struct bed *bed);

#endif
