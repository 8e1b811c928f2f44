// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_limits - who runs into its limits is named, and who fills the disk is ended.
 *
 * Memory and processes are limited by the kernel (rt.h), a link by lento-wire.  What a
 * peer writes into its log directory and, other than the payload, into its data directory
 * goes to disks that all peers share, so it is added up every second, or every few.
 */
#include "run_private.h"

#include <fts.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/clean.h"

/* Beside twice the payload: a client may lay out zeros first and keep fragments. */
#define DISK_BYTES (UINT64_C(64) << 20)
/* More would keep lento from who asks it: of a thousand peers each has its turn in 4 s. */
#define PEERS_PER_TURN 256
/* Of a file or a directory beside its blocks: a million empty ones fill a disk, too. */
#define NAME_BYTES 4096
/* A flood: the uplink had no room for so many packets, and for most of what was sent. */
#define FLOOD_DROPS UINT64_C(10000)
#define FLOOD_FACTOR 4

/* What the files below @path take, names included; it stops counting beyond @enough. */
static uint64_t tree_bytes(const char *path, uint64_t enough)
{
	char *const roots[] = { (char *)(uintptr_t)path, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	uint64_t bytes = 0;
	const FTSENT *at;

	while (tree && bytes <= enough && (at = fts_read(tree))) {
		if (at->fts_info == FTS_D || at->fts_info == FTS_F) {
			bytes += NAME_BYTES + (uint64_t)at->fts_statp->st_blocks * 512;
		}
	}
	if (tree) {
		fts_close(tree);
	}
	return bytes;
}

static uint64_t disk_bytes(const struct run *run, const struct peer *peer, uint64_t enough)
{
	CLEAN_FREE char *log = str_format("%s/peers/%s", run->results_dir, peer->name);
	CLEAN_FREE char *data = str_format("%s/%s", run->private_dir, peer->name);

	return tree_bytes(log, enough) +
	       (run->store ? peer->res->private_bytes : tree_bytes(data, enough));
}

static void check_disk(struct run *run, struct peer *peer)
{
	uint64_t limit = DISK_BYTES + 2 * run->exp->payload.size_bytes;

	if (disk_bytes(run, peer, limit) <= limit) {
		return;
	}
	peer->res->limits_hit |= LIMIT_HIT_DISK;
	peer_fault(peer->res, "ended for filling the disk: more than %llu MiB beside the payload",
		   (unsigned long long)(limit >> 20));
	run_log(run, "peer %s: ended for filling the disk", peer->name);
	peer_kill(run, peer);
}

void run_limits_check(struct run *run)
{
	uint32_t turns = run->exp->peer_count / PEERS_PER_TURN + 1;

	for (uint32_t i = (uint32_t)(run->ticks % turns); i < run->exp->peer_count; i += turns) {
		struct peer *p = &run->peers[i];

		if (peer_alive(p) && !(p->res->limits_hit & LIMIT_HIT_DISK)) {
			check_disk(run, p);
		}
	}
}

void run_limits_usage(struct peer *peer, const struct rt_usage *usage)
{
	struct peer_result *r = peer->res;

	r->limits_hit |= usage->oom_kills ? LIMIT_HIT_MEMORY : 0;
	r->limits_hit |= usage->forks_refused ? LIMIT_HIT_PROCESSES : 0;
	if (usage->oom_kills) {
		peer_fault(r, "the kernel killed a process of it: memory limit of %llu MiB reached",
			   (unsigned long long)(peer->group->memory_bytes >> 20));
	}
}

void run_limits_link(struct peer_result *r)
{
	const struct wire_dir_stats *up = &r->link.dir[WIRE_UP];

	if (up->queue_drops > FLOOD_DROPS && up->queue_drops > FLOOD_FACTOR * up->packets) {
		r->limits_hit |= LIMIT_HIT_NETWORK;
	}
}
