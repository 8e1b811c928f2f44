// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/groups.h"

#include <math.h>
#include <stdlib.h>

#include "base/clean.h"
#include "report/quantile.h"

int64_t peer_end_ns(const struct result *res, const struct peer_result *peer)
{
	return peer->ended_ns >= 0 ? peer->ended_ns : res->virt_ns;
}

/* Bits per second; 0 when no time passed. */
static double rate_bps(uint64_t bytes, int64_t dur_ns)
{
	return dur_ns > 0 ? (double)bytes * 8e9 / (double)dur_ns : 0;
}

/* A seed has the payload before it starts, so only a leecher has a completion time. */
static void add_download(const struct result *res, const struct peer_result *peer,
			 struct group_figures *out, int64_t *times, size_t *time_count,
			 size_t *leechers)
{
	int64_t until = peer->complete_ns >= 0 ? peer->complete_ns : peer_end_ns(res, peer);

	if (peer->role != ROLE_LEECH || peer->started_ns < 0) {
		return;
	}
	if (peer->complete_ns >= 0) {
		times[(*time_count)++] = peer->complete_ns - peer->started_ns;
	}
	out->down_goodput_bps += rate_bps(peer->payload_bytes, until - peer->started_ns);
	(*leechers)++;
}

static void add_link(const struct wire_link_stats *link, struct group_figures *out)
{
	for (int d = WIRE_UP; d <= WIRE_DOWN; d++) {
		out->packets += link->dir[d].packets;
		out->queue_drops += link->dir[d].queue_drops;
		out->loss_drops += link->dir[d].loss_drops;
		out->fault_drops += link->dir[d].fault_drops;
	}
}

void group_figures(const struct result *res, size_t index, struct group_figures *out)
{
	const struct group_spec *group = &res->exp->groups[index];
	CLEAN_FREE int64_t *times = calloc(group->count ? group->count : 1, sizeof(*times));
	size_t time_count = 0, leechers = 0;

	if (!times) {
		abort();
	}
	*out = (struct group_figures){ .group = group };
	for (size_t i = group->first_peer;
	     i < (size_t)group->first_peer + group->count && i < res->peer_count; i++) {
		const struct peer_result *peer = &res->peers[i];

		out->peers++;
		out->complete += peer->complete_ns >= 0;
		out->unexpected += !peer->as_expected;
		add_link(&peer->link, out);
		add_download(res, peer, out, times, &time_count, &leechers);
		if (peer->started_ns >= 0) {
			out->started++;
			out->up_rate_bps += rate_bps(peer->link.dir[WIRE_UP].bytes,
						     peer_end_ns(res, peer) - peer->started_ns);
		}
	}
	out->up_rate_bps = out->started ? out->up_rate_bps / out->started : NAN;
	out->down_goodput_bps = leechers ? out->down_goodput_bps / (double)leechers : NAN;
	quantile_sort(times, time_count);
	out->completion_median_vns = time_count ? quantile_of(times, time_count, 0.5) : NAN;
	out->completion_p95_vns = time_count ? quantile_of(times, time_count, 0.95) : NAN;
	out->completion_max_vns = time_count ? quantile_of(times, time_count, 1.0) : NAN;
}
