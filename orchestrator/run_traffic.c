// SPDX-License-Identifier: GPL-2.0-or-later
/* run_traffic - traffic.csv: who exchanges data with whom, from lento-wire's counters. */
#include "run_private.h"

#include <stdlib.h>

#include "base/clean.h"

static uint64_t pair_bytes(const void *ctx, uint32_t src, uint32_t dst)
{
	return wire_pair_bytes(ctx, src, dst);
}

int run_traffic_begin(struct run *run, struct err *err)
{
	const struct experiment *exp = run->exp;
	CLEAN_FREE uint32_t *group_of = calloc(exp->peer_count, sizeof(*group_of));
	struct traffic_config cfg = {
		.dir = run->results_dir, .peers = exp->peer_count, .groups = (uint32_t)exp->group_count,
		.group_of = group_of, .bytes = pair_bytes, .ctx = run->wire,
	};

	if (!run->wire) {
		return 0;
	}
	run->group_names = calloc(exp->group_count, sizeof(*run->group_names));
	if (!group_of || !run->group_names) {
		return err_errno(err, ERR_FAILED, "traffic");
	}
	for (uint32_t g = 0; g < exp->group_count; g++) {
		run->group_names[g] = exp->groups[g].name;
		for (uint32_t k = 0; k < exp->groups[g].count; k++) {
			group_of[exp->groups[g].first_peer + k] = g;
		}
	}
	cfg.names = run->group_names;
	return traffic_open(&cfg, &run->traffic, err);
}
