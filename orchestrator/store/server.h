/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server - what a lento-store process serves: the payload, the clock, and the peers
 * with their statistics.  Shared by the FUSE side (ops, session) and the control
 * side (control).
 *
 * Peers are only ever added.  The table is guarded by a lock of its own, taken
 * before that of a peer; a peer found stays valid until server_close().
 */
#ifndef LENTO_STORE_SERVER_H
#define LENTO_STORE_SERVER_H

#include <pthread.h>
#include <stdbool.h>

#include "store/proto.h"
#include "store/peertree.h"

struct server_config {
	const char *payload_path; /* NULL: none */
	const char *payload_name;
	const char *clock_page;
	const char *backing_dir;
	uint64_t piece_bytes;
	uint64_t private_limit_bytes;
	uint32_t max_peers;
	int stats_fd;             /* memory of store_stats_bytes() */
};

struct server {
	const struct server_config *cfg;
	struct reference ref;
	const struct timedil_page *page;
	struct store_stats_head *stats;
	size_t stats_bytes;
	int backing_dirfd;
	uint64_t next_ino;
	int64_t started_real_ns;
	pthread_rwlock_t peers_lock;
	struct peer **peers;      /* by index; NULL: not added */
};

int server_open(struct server *server, const struct server_config *cfg, struct err *err);
/* Frees all peers and unlinks what they keep on disk.  No request may be under way. */
void server_close(struct server *server);

struct stamp server_now(const struct server *server);

int server_add_peer(struct server *server, uint32_t index, const char *name, uid_t uid,
		    gid_t gid, bool complete, struct err *err);
/* NULL when there is none of that name. */
struct peer *server_find_peer(struct server *server, const char *name);
/* The first peer with an index >= @index, or NULL. */
struct peer *server_next_peer(struct server *server, uint32_t index);

#endif
