/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * groups - the figures of a result, group by group: what the table at the end of
 * a run and results.json both show.
 */
#ifndef LENTO_GROUPS_H
#define LENTO_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/result.h"

struct group_figures {
	const struct group_spec *group;
	uint32_t peers, started, complete;
	uint32_t unexpected;            /* did not end as expected */
	/* Virtual time from a peer's own start until it had the whole payload, over
	 * the leechers that got there; NAN when none did or the group has no leechers. */
	double completion_median_vns, completion_p95_vns, completion_max_vns;
	/* Mean over the leechers: payload bits per virtual second until complete (or
	 * until the peer or the run ended); NAN when there are none. */
	double down_goodput_bps;
	/* Mean over started peers: IP bits sent per virtual second of their life; NAN
	 * when none started. */
	double up_rate_bps;
	uint64_t packets;               /* delivered past the links of its peers, both ways */
	uint64_t queue_drops, loss_drops, fault_drops;
};

/* Figures of group @index of the experiment. */
void group_figures(const struct result *res, size_t index, struct group_figures *out);

/* When the life of a peer in the run was over: its end, or that of the run (virtual ns). */
int64_t peer_end_ns(const struct result *res, const struct peer_result *peer);

#endif
