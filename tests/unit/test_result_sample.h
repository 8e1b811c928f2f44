/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An invented run for the tests of orchestrator/report: a tracker, two seeds and
 * any number of leechers on a DSL link, all well.
 */
#ifndef TEST_RESULT_SAMPLE_H
#define TEST_RESULT_SAMPLE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "report/result.h"

struct sample {
	struct link_spec links[2];
	struct group_spec groups[3];
	struct lan_spec lans[2];
	struct experiment exp;
	struct calibration_result calibration[2];
	struct tdf_change changes[2];
	struct result res;
	char **names;
};

static inline void sample_peer(struct sample *s, uint32_t i)
{
	const struct group_spec *g = &s->groups[i == 0 ? 0 : i < 3 ? 1 : 2];
	struct peer_result *p = &s->res.peers[i];

	s->names[i] = str_format("%s-%u", g->name, i - g->first_peer);
	*p = (struct peer_result){
		.name = s->names[i], .group = g->name, .image = g->image_name, .role = g->role,
		.ip = g->addresses.network + 1 + i - g->first_peer, .end = END_RUNNING,
		.as_expected = true, .up_wns = (i + 1) * 10 * NS_PER_MS, .scheduled_ns = i * NS_PER_S,
		.started_ns = i * NS_PER_S, .ready_ns = i * NS_PER_S + 50 * NS_PER_MS,
		.first_piece_ns = -1, .complete_ns = -1, .ended_ns = -1, .exit_status = 15,
		.verified = -1, .cpu_ns = NS_PER_S, .memory_peak_bytes = 9 << 20,
	};
	for (int step = 0; step < LAUNCH_STEP_COUNT; step++) {
		p->launch_wns[step] = (step + 1) * NS_PER_MS + i * NS_PER_US;
	}
	p->link.dir[WIRE_UP] = (struct wire_dir_stats){ .packets = 9000, .bytes = 12000000,
		.queue_drops = 30, .queue_peak_bytes = 65536, .queue_peak_ns = 400 * NS_PER_MS };
	p->link.dir[WIRE_DOWN] = (struct wire_dir_stats){ .packets = 12000, .bytes = 17500000 };
	p->link.late_hist[0] = 7000;
	p->link.late_hist[5] = 5000;
	p->link.late_hist_virt[0] = 7000;
	p->link.late_hist_virt[4] = 5000;
	p->link.late_max_vns = 30000;
	p->link.late_sum_vns = 12000 * INT64_C(20000);
	if (g->role == ROLE_LEECH) {
		p->first_piece_ns = p->started_ns + 4 * NS_PER_S;
		p->complete_ns = p->started_ns + 100 * NS_PER_S + i * NS_PER_S;
	}
	if (g->role != ROLE_TRACKER) {
		p->payload_bytes = s->exp.payload.size_bytes;
		p->pieces = 64;
		p->verified = 1;
	}
}

/* The caller frees it with sample_destroy(). */
static inline struct sample *sample_create(uint32_t leechers)
{
	struct sample *s = calloc(1, sizeof(*s));
	uint32_t peers = leechers + 3;

	assert_non_null(s);
	s->links[0] = (struct link_spec){ .name = (char *)"dsl", .down_bps = 2000000,
		.up_bps = 1000000, .down_delay_ns = 30 * NS_PER_MS, .up_delay_ns = 30 * NS_PER_MS };
	s->links[1] = (struct link_spec){ .name = (char *)"lan" };
	s->groups[0] = (struct group_spec){ .name = (char *)"tracker", .role = ROLE_TRACKER,
		.image_name = (char *)"opentracker", .count = 1, .link = 1,
		.addresses = { 0xc6120000, 24 } };
	s->groups[1] = (struct group_spec){ .name = (char *)"seeders", .role = ROLE_SEED,
		.image_name = (char *)"transmission", .count = 2, .first_peer = 1,
		.addresses = { 0xc6121000, 20 } };
	s->groups[2] = (struct group_spec){ .name = (char *)"leechers", .role = ROLE_LEECH,
		.image_name = (char *)"aria2", .count = leechers, .first_peer = 3,
		.addresses = { 0xc6130000, 16 } };
	s->exp = (struct experiment){ .path = (char *)"sample.yaml", .name = (char *)"sample",
		.seed = 7, .tdf = { 2, 1 }, .limit_ns = 7200 * NS_PER_S,
		.payload = { .size_bytes = 16 << 20, .piece_bytes = 256 << 10 },
		.links = s->links, .link_count = 2, .groups = s->groups, .group_count = 3,
		.peer_count = peers };
	for (int g = 0; g < 3; g++) {
		s->groups[g].lan = NO_LAN;
	}
	s->calibration[0] = (struct calibration_result){ .what = "dsl up", .figure = "rate",
		.asked = 1000000, .measured = 995000, .tolerance = 20000, .ok = true };
	s->calibration[1] = (struct calibration_result){ .what = "leechers-seeders", .figure = "rtt",
		.asked = 120e6, .measured = 120.1e6, .tolerance = 1e6, .ok = true };
	s->names = calloc(peers, sizeof(*s->names));
	s->res = (struct result){
		.exp = &s->exp, .run_id = "sample-7-20250101t000000",
		.started_at = "2025-01-01T00:00:00Z", .wall_ns = 300 * NS_PER_S,
		.virt_ns = 150 * NS_PER_S, .stopped_by = "all leechers complete",
		.phases = { { "check", 0, 200 * NS_PER_MS }, { "prepare", 200 * NS_PER_MS, 3 * NS_PER_S },
			    { "run", 3 * NS_PER_S, 303 * NS_PER_S } },
		.phase_count = 3, .calibration = s->calibration, .calibration_count = 2,
		.peers = calloc(peers, sizeof(*s->res.peers)), .peer_count = peers,
		.wire = { .packets = 100000, .bytes = 120000000, .loops = 40000,
			  .busy_wns = 30 * NS_PER_S, .loop_max_wns = 3 * NS_PER_MS,
			  .loop_max_vns = 1500 * NS_PER_US },
		.host = { .valid = true, .samples = 300, .cpus = 2, .idle_min = 0.2,
			  .idle_mean = 0.6, .seconds_without_idle = 3,
			  .memory_available_min_bytes = UINT64_C(4) << 30 },
		.unscaled = "delayed ACK 40 ms",
	};
	assert_true(s->names && s->res.peers);
	for (uint32_t i = 0; i < peers; i++) {
		sample_peer(s, i);
	}
	return s;
}

/* Put the leechers into two LANs behind a NAT, the seeds into one that has none. */
static inline void sample_add_lans(struct sample *s)
{
	s->lans[0] = (struct lan_spec){ .name = (char *)"office", .count = 1, .wan = 1,
		.addresses = { 0xc6121000, 20 } };
	s->lans[1] = (struct lan_spec){ .name = (char *)"home", .count = 2, .first_gateway = 1,
		.addresses = { 0xc0a80100, 24 }, .nat.kind = NAT_SYMMETRIC,
		.public = { 0xcb007100, 24 } };
	s->groups[1].lan = 0;
	s->groups[2].lan = 1;
	s->exp.lans = s->lans;
	s->exp.lan_count = 2;
	s->exp.gateway_count = 3;
	s->res.gateways = calloc(3, sizeof(*s->res.gateways));
	assert_non_null(s->res.gateways);
	for (uint32_t g = 0; g < 3; g++) {
		struct wire_link_stats *wan = &s->res.gateways[g];

		wan->dir[WIRE_UP] = (struct wire_dir_stats){ .packets = 900 + g, .bytes = 1000000 + g };
		wan->dir[WIRE_DOWN] = (struct wire_dir_stats){ .packets = 5000, .bytes = 7000000 + g,
			.queue_drops = 100 };
	}
	s->res.gateways[2].nat = (struct wire_nat_stats){ .created = 9, .bindings = 4,
		.bindings_peak = 7, .filtered_drops = 30, .exhausted_drops = 2, .hairpin_drops = 1 };
}

static inline void sample_destroy(struct sample *s)
{
	verdict_clear(&s->res);
	for (size_t i = 0; i < s->res.peer_count; i++) {
		free(s->names[i]);
	}
	free(s->names);
	free(s->res.peers);
	free(s->res.pair_bytes);
	free(s->res.gateways);
	free(s);
}

#endif
