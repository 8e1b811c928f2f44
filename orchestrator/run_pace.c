// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_pace - the factor of a run: set by hand, or chosen each wall second by the pacer
 * (plan/pacer.h) from what the last one was like.
 *
 * The histograms of lateness that lento-wire adds up are remembered from tick to tick.
 */
#include "run_private.h"

#include <stdlib.h>
#include <string.h>

#include "report/lateness.h"

void run_set_tdf(struct run *run, struct tdf tdf)
{
	/* The kernel's constants first: a socket opened under the new factor has them. */
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		struct peer *p = &run->peers[i];
		struct err err = { 0 };

		if (p->box && p->state != PEER_ENDED && rt_peer_set_tdf(p->box, tdf, &err)) {
			run_log(run, "peer %s: %s", p->name, err.msg);
		}
	}
	clockctl_set_tdf(run->clock, tdf);
}

/* The packets since the last call, and those of them that came too late for their link. */
static void count_late(struct run *run, struct pacer_sample *sample)
{
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		const struct wire_link_stats *stats = wire_link_stats(run->wire, i);
		double limit_us = lateness_allowance_vns(&run->peers[i].line) / 1e3;
		uint64_t fresh[WIRE_LATE_BUCKETS];

		for (unsigned k = 0; k < WIRE_LATE_BUCKETS; k++) {
			fresh[k] = stats->late_hist_virt[k] - run->late_before[i][k];
		}
		memcpy(run->late_before[i], stats->late_hist_virt, sizeof(run->late_before[i]));
		sample->late += lateness_beyond(fresh, limit_us);
		sample->packets += lateness_packets(fresh);
	}
}

int run_pace_begin(struct run *run, struct err *err)
{
	struct pacer_sample before = { 0 };

	if (!run->exp->tdf_auto) {
		return 0;
	}
	if (run->wire) {
		run->late_before = calloc(run->exp->peer_count, sizeof(*run->late_before));
		if (!run->late_before) {
			return err_errno(err, ERR_FAILED, "pacing %u peers", run->exp->peer_count);
		}
		count_late(run, &before);
	}
	pacer_init(&run->pacer, run->exp->tdf_range[0], run->exp->tdf_range[1],
		   clockctl_tdf(run->clock));
	run->pacing = true;
	return 0;
}

void run_pace_tick(struct run *run)
{
	struct pacer_sample sample = { 0 };
	struct host_interval host;
	char text[24];

	if (!run->pacing || clockctl_paused(run->clock)) {
		return;
	}
	if (run->wire) {
		count_late(run, &sample);
	}
	if (!host_sampler_last(run->host, &host)) {
		return;
	}
	sample.busy = 1 - host.idle;
	if (pacer_feed(&run->pacer, &sample)) {
		run_log(run, "auto: tdf %s, after a second with %.0f %% of the CPUs busy and %.0f of "
			"%.0f packets late", tdf_format(run->pacer.now, text, sizeof(text)),
			100 * sample.busy, sample.late, sample.packets);
		run_set_tdf(run, run->pacer.now);
	}
}
