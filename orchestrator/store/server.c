/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clean.h"

static int map_stats(struct server *server, struct err *err)
{
	const struct server_config *cfg = server->cfg;
	size_t bytes = store_stats_bytes(cfg->max_peers, server->ref.pieces);
	struct stat st;

	if (fstat(cfg->stats_fd, &st)) {
		return err_errno(err, ERR_FAILED, "statistics memory");
	}
	if ((uint64_t)st.st_size < bytes) {
		return err_set(err, ERR_FAILED, "statistics memory has %lld bytes, not %zu",
			       (long long)st.st_size, bytes);
	}
	void *stats = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cfg->stats_fd, 0);

	if (stats == MAP_FAILED) {
		return err_errno(err, ERR_FAILED, "mapping the statistics memory");
	}
	server->stats = stats;
	server->stats_bytes = bytes;
	*server->stats = (struct store_stats_head){
		.magic = STORE_PROTO_MAGIC,
		.version = STORE_PROTO_VERSION,
		.head_bytes = sizeof(*server->stats),
		.max_peers = cfg->max_peers,
		.pieces = server->ref.pieces,
	};
	return 0;
}

int server_open(struct server *server, const struct server_config *cfg, struct err *err)
{
	*server = (struct server){ .cfg = cfg, .backing_dirfd = -1, .next_ino = 1 };
	pthread_rwlock_init(&server->peers_lock, NULL);
	if (reference_open(&server->ref, cfg->payload_path, cfg->piece_bytes, err)) {
		goto fail;
	}
	server->page = vtime_map(cfg->clock_page);
	if (!server->page) {
		err_errno(err, ERR_FAILED, "clock page %s", cfg->clock_page);
		goto fail;
	}
	server->backing_dirfd = open(cfg->backing_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (server->backing_dirfd < 0) {
		err_errno(err, ERR_FAILED, "directory for private blocks %s", cfg->backing_dir);
		goto fail;
	}
	server->peers = calloc(cfg->max_peers, sizeof(*server->peers));
	if (!server->peers) {
		err_errno(err, ERR_FAILED, "table of %u peers", cfg->max_peers);
		goto fail;
	}
	if (map_stats(server, err)) {
		goto fail;
	}
	server->started_real_ns = server_now(server).real_ns;
	return 0;
fail:
	server_close(server);
	return -1;
}

void server_close(struct server *server)
{
	for (uint32_t i = 0; server->peers && i < server->cfg->max_peers; i++) {
		peer_destroy(server->peers[i]);
	}
	free(server->peers);
	server->peers = NULL;
	if (server->stats) {
		munmap(server->stats, server->stats_bytes);
		server->stats = NULL;
	}
	if (server->backing_dirfd >= 0) {
		close(server->backing_dirfd);
		server->backing_dirfd = -1;
	}
	if (server->page) {
		vtime_unmap(server->page);
		server->page = NULL;
	}
	reference_close(&server->ref);
	pthread_rwlock_destroy(&server->peers_lock);
}

struct stamp server_now(const struct server *server)
{
	struct vclock clock;
	struct stamp now;

	vtime_load(server->page, &clock);
	now.mono = vtime_to_virt(&clock, wall_now());
	now.real_ns = now.mono.ns + clock.realtime_off_ns;
	return now;
}

static bool name_ok(const char *name)
{
	return name[0] != '\0' && strlen(name) <= TREE_NAME_MAX && !strchr(name, '/') &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

struct peer *server_next_peer(struct server *server, uint32_t index)
{
	struct peer *peer = NULL;

	pthread_rwlock_rdlock(&server->peers_lock);
	for (; !peer && index < server->cfg->max_peers; index++) {
		peer = server->peers[index];
	}
	pthread_rwlock_unlock(&server->peers_lock);
	return peer;
}

struct peer *server_find_peer(struct server *server, const char *name)
{
	struct peer *found = NULL;

	pthread_rwlock_rdlock(&server->peers_lock);
	for (uint32_t i = 0; !found && i < server->cfg->max_peers; i++) {
		if (server->peers[i] && strcmp(server->peers[i]->name, name) == 0) {
			found = server->peers[i];
		}
	}
	pthread_rwlock_unlock(&server->peers_lock);
	return found;
}

int server_add_peer(struct server *server, uint32_t index, const char *name, uid_t uid,
		    gid_t gid, bool complete, struct err *err)
{
	const struct server_config *cfg = server->cfg;
	struct stamp now = server_now(server);

	if (index >= cfg->max_peers) {
		return err_set(err, ERR_FAILED, "peer %u: the store was made for %u peers", index,
			       cfg->max_peers);
	}
	if (!name_ok(name)) {
		return err_set(err, ERR_FAILED, "peer %u: \"%s\" is no name for a directory",
			       index, name);
	}
	if (server->peers[index] || server_find_peer(server, name)) {
		return err_set(err, ERR_FAILED, "peer %u (%s) is there already", index, name);
	}
	if (complete && (!server->ref.data || !cfg->payload_name ||
			 !name_ok(cfg->payload_name))) {
		return err_set(err, ERR_FAILED, "peer %u (%s): no payload to be complete with",
			       index, name);
	}
	struct peer *peer = peer_create(&(struct peer_config){
		.index = index,
		.name = name,
		.uid = uid,
		.gid = gid,
		.private_limit_bytes = cfg->private_limit_bytes,
		.ref = &server->ref,
		.shown = store_stats_peer(server->stats, index),
		.piece_times = store_stats_times(server->stats, index),
		.next_ino = &server->next_ino,
		.backing_dirfd = server->backing_dirfd,
	}, now);

	if (!peer) {
		return err_set(err, ERR_FAILED, "peer %u (%s): out of memory", index, name);
	}
	if (complete && peer_add_payload(peer, cfg->payload_name, now)) {
		peer_destroy(peer);
		return err_set(err, ERR_FAILED, "peer %u (%s): out of memory", index, name);
	}
	pthread_rwlock_wrlock(&server->peers_lock);
	server->peers[index] = peer;
	pthread_rwlock_unlock(&server->peers_lock);
	return 0;
}
