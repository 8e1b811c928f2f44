/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic - who exchanges data with whom, over virtual time, as traffic.csv: for each ten virtual seconds and each
 * two groups between which something was delivered, one row.  The totals of each two peers are in
 * results.json.
 *
 *	virtual_s   the end of the interval, since the run's origin
 *	seconds     its length
 *	from, to    groups
 *	bytes       IP bytes delivered from peers of one to peers of the other
 *	pairs       how many pairs of peers, by direction, those were
 *	busy_pairs  how many of them moved a block of BitTorrent's (16 KiB) or more
 *
 * Rows are flushed after each interval, so a run that is killed leaves those before.
 */
#ifndef LENTO_TRAFFIC_H
#define LENTO_TRAFFIC_H

#include <stdint.h>

#include "base/err.h"

#define TRAFFIC_EVERY_VNS INT64_C(10000000000)
#define TRAFFIC_BUSY_BYTES 16384u
/* With more there is none: a look at each pair of them would hold the run up. */
#define TRAFFIC_PEERS_MAX 2048u

struct traffic_config {
	const char *dir;                 /* traffic.csv is made there */
	uint32_t peers, groups;
	const uint32_t *group_of;        /* by peer; copied */
	const char *const *names;        /* of groups; they outlive the traffic */
	/* Bytes delivered from @src to @dst so far. */
	uint64_t (*bytes)(const void *ctx, uint32_t src, uint32_t dst);
	const void *ctx;
};

struct traffic;

/* With more than TRAFFIC_PEERS_MAX peers *traffic is NULL, which the others accept. */
int traffic_open(const struct traffic_config *cfg, struct traffic **traffic, struct err *err);
/* It is @now_vns: write the interval that has ended, if one has. */
int traffic_tick(struct traffic *t, int64_t now_vns, struct err *err);
/* The run ends: write what is left since the last one. */
int traffic_end(struct traffic *t, int64_t now_vns, struct err *err);
void traffic_close(struct traffic *t);

#endif
