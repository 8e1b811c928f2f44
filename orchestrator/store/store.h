/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store - the side of the payload store that lento sees: start a lento-store
 * process, add peers, read their progress.
 *
 * lento-store mounts a FUSE file system at `mountpoint` with one directory per
 * peer.  What a peer writes is compared, block by block, with the payload: a
 * block that equals the payload at the same offset is kept as one bit, anything
 * else in a private sparse file under `backing_dir`.  Reads give back exactly what was
 * written, whichever way it is kept.  So the payload exists once for all peers,
 * and the moment a piece became complete is seen for every client, unmodified.
 *
 * Progress is read from memory that both map; it survives the process.
 */
#ifndef LENTO_STORE_H
#define LENTO_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct store;

struct store_config {
	const char *program;        /* path of lento-store */
	const char *clock_page;
	const char *mountpoint;     /* an existing, empty directory */
	const char *payload_path;   /* the reference file; NULL: no payload, all is private */
	const char *payload_name;   /* file name of the payload in a complete peer's directory */
	const char *backing_dir;    /* an existing directory for what is private */
	const char *log_path;       /* its stderr; NULL: inherited */
	uint64_t piece_bytes;       /* multiple of 4096 */
	uint32_t max_peers;         /* indices 0 .. max_peers - 1 */
	uint64_t private_limit_bytes; /* per peer; ENOSPC beyond; 0: no limit */
};

struct store_progress {
	uint64_t bytes;             /* of the payload that the peer holds, verified */
	uint32_t pieces;            /* complete ones */
	int64_t first_virt_ns;      /* first piece complete, virtual monotonic; 0 = not yet */
	int64_t complete_virt_ns;   /* all pieces complete; 0 = not yet */
	uint64_t written_bytes;     /* by write calls, all files */
	uint64_t private_bytes;     /* held privately now (not equal to the payload) */
	uint64_t write_calls, read_calls, read_bytes;
};

int store_spawn(const struct store_config *cfg, struct store **store, struct err *err);
/* Unmounts, waits (5 s, then SIGKILL) and frees.  NULL is fine. */
void store_destroy(struct store *store);

pid_t store_pid(const struct store *store);
int store_pidfd(const struct store *store);       /* readable once it has ended */
const char *store_end_reason(struct store *store); /* static text */
int store_ping(struct store *store, int timeout_wms, struct err *err);

/*
 * Make directory @name for peer @index, owned by @uid/@gid; with @complete it
 * holds the whole payload from the start (a seed).
 */
int store_add_peer(struct store *store, uint32_t index, const char *name, uid_t uid, gid_t gid,
		   bool complete, struct err *err);

uint32_t store_piece_count(const struct store *store);
/* A live view; valid until store_destroy(). */
const struct store_progress *store_progress(const struct store *store, uint32_t index);
/* Virtual monotonic ns when the piece became complete; 0 = not (yet). */
int64_t store_piece_time(const struct store *store, uint32_t index, uint32_t piece);

#endif
