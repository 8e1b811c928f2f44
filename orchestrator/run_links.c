// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_links - the lines of the peers: what the experiment says of them, in the terms
 * of lento-wire, the events that change them, and the captures on them.
 */
#include "run_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/clean.h"

#define PROBE_QUEUE_PACKETS 4096

static uint64_t queue_bytes(enum queue_unit unit, uint64_t limit, uint64_t bps)
{
	switch (unit) {
	case QUEUE_BYTES:
		return limit;
	case QUEUE_NS:
		return (uint64_t)((unsigned __int128)bps * limit / 8 / NS_PER_S);
	case QUEUE_PACKETS:
		break;
	}
	return 0;
}

static void line_queue(const struct queue_spec *q, struct wire_line *line)
{
	static const enum wire_discipline disciplines[] = {
		[QUEUE_DROP_TAIL] = WIRE_DROP_TAIL, [QUEUE_RED] = WIRE_RED,
		[QUEUE_CODEL] = WIRE_CODEL,
	};

	line->limit_bytes = queue_bytes(q->unit, q->limit, line->rate_bps);
	line->limit_packets = q->unit == QUEUE_PACKETS ? (uint32_t)q->limit : 0;
	line->aqm = (struct wire_aqm) {
		.discipline = disciplines[q->discipline], .ecn = q->ecn,
		.min_bytes = queue_bytes(q->min.unit, q->min.limit, line->rate_bps),
		.max_bytes = queue_bytes(q->max.unit, q->max.limit, line->rate_bps),
		.probability = q->probability, .weight = q->weight,
		.target_ns = q->target_ns, .interval_ns = q->interval_ns,
	};
}

static struct wire_jitter line_jitter(const struct jitter_spec *j)
{
	static const enum wire_jitter_kind kinds[] = {
		[JITTER_UNIFORM] = WIRE_JITTER_UNIFORM, [JITTER_NORMAL] = WIRE_JITTER_NORMAL,
		[JITTER_PARETO] = WIRE_JITTER_PARETO, [JITTER_TABLE] = WIRE_JITTER_TABLE,
	};

	return (struct wire_jitter) {
		.spread_ns = j->spread_ns, .kind = kinds[j->distribution], .reorder = j->reorder,
		.table = j->table ? j->table->id : 0,
	};
}

static struct wire_loss line_loss(double loss, const struct bursts_spec *b)
{
	if (b->p > 0) {
		return (struct wire_loss) { .p = b->p, .r = b->r, .good = b->good, .bad = b->bad };
	}
	return (struct wire_loss) { .good = loss };
}

static struct wire_overhead line_overhead(const struct overhead_spec *o)
{
	return (struct wire_overhead) { .frame_bytes = o->frame_bytes, .atm = o->atm };
}

static void line_trace(const struct series_spec *trace, int64_t origin_ns, struct wire_line *line)
{
	line->traced = trace != NULL;
	line->trace = trace ? trace->id : 0;
	line->trace_origin_ns = trace ? origin_ns : 0;
}

void run_lines_of(const struct link_spec *l, struct wire_line line[2])
{
	line[WIRE_UP] = (struct wire_line) {
		.cut = l->up_cut, .rate_bps = l->up_bps, .delay_ns = l->up_delay_ns,
		.jitter = line_jitter(&l->up_jitter), .loss = line_loss(l->up_loss, &l->up_bursts),
	};
	line_queue(&l->up_queue, &line[WIRE_UP]);
	line[WIRE_UP].overhead = line_overhead(&l->up_overhead);
	line[WIRE_DOWN] = (struct wire_line) {
		.cut = l->down_cut, .rate_bps = l->down_bps, .delay_ns = l->down_delay_ns,
		.jitter = line_jitter(&l->down_jitter), .loss = line_loss(l->down_loss, &l->down_bursts),
	};
	line_queue(&l->down_queue, &line[WIRE_DOWN]);
	line[WIRE_DOWN].overhead = line_overhead(&l->down_overhead);
}

void run_link_of(const struct run *run, const struct peer *peer, struct wire_link *out)
{
	uint32_t gateway;

	*out = (struct wire_link) { 0 };
	if (!peer->group) { /* the probe peer: nothing but the other side's link shows */
		out->ip = RESERVED_PROBE_IP;
		out->group = (uint32_t)(run->exp->group_count + run->exp->lan_count);
		out->line[WIRE_UP].limit_packets = PROBE_QUEUE_PACKETS;
		out->line[WIRE_DOWN].limit_packets = PROBE_QUEUE_PACKETS;
		return;
	}
	gateway = experiment_peer_gateway(run->exp, peer->index);
	out->ip = experiment_peer_ip(run->exp, peer->index);
	out->group = experiment_peer_site(run->exp, peer->index);
	out->in_lan = gateway != NO_LAN;
	out->lan = out->in_lan ? run_gateway_id(run, gateway) : 0;
	run_lines_of(&peer->line, out->line);
	line_trace(peer->line.up_trace, run->origin_ns, &out->line[WIRE_UP]);
	line_trace(peer->line.down_trace, run->origin_ns, &out->line[WIRE_DOWN]);
}

void run_link_init(const struct run *run, struct peer *peer)
{
	if (peer->group) {
		peer->line = *experiment_peer_link(run->exp, peer->index);
	}
}

/* Traces begin with the run, so that it is the same each time. */
int run_links_begin(struct run *run, struct err *err)
{
	int64_t now = clockctl_now(run->clock).ns;

	run->origin_ns = now - clockctl_since_origin(run->clock, now);
	for (uint32_t i = 0; run->wire && i < run->exp->peer_count; i++) {
		const struct peer *peer = &run->peers[i];
		struct wire_link link;

		if (!peer->line.up_trace && !peer->line.down_trace) {
			continue;
		}
		run_link_of(run, peer, &link);
		if (wire_set_link(run->wire, i, &link, err)) {
			return -1;
		}
	}
	return 0;
}

/* --- events ----------------------------------------------------------------- */

static void change_line(struct run *run, struct peer *peer, const struct event_spec *e)
{
	struct wire_link link;
	struct err err = { 0 };

	link_spec_change(&peer->line, experiment_peer_link(run->exp, peer->index), e);
	run_link_of(run, peer, &link);
	if (run->wire && wire_set_link(run->wire, peer->index, &link, &err)) {
		run_fail(run, ERR_FIDELITY, "event on the line of %s: %s", peer->name, err.msg);
	}
}

static void change_lines(struct run *run, const struct event_step *step)
{
	const struct event_spec *e = step->does;
	const struct link_spec *link = &run->exp->links[e->link];
	uint32_t changed = 0;

	if (e->group != NO_GROUP) {
		uint32_t *peers = experiment_event_peers(run->exp, step->event, &changed);

		for (uint32_t i = 0; i < changed; i++) {
			run_log(run, "event: the line of %s changes", run->peers[peers[i]].name);
			change_line(run, &run->peers[peers[i]], e);
		}
		free(peers);
		return;
	}
	if (e->lan != NO_LAN) {
		run_log(run, "event: the WAN line of %s changes, for %u LANs",
			run->exp->lans[e->lan].name, run_wan_event(run, e));
		return;
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		if (experiment_peer_link(run->exp, i) == link) {
			change_line(run, &run->peers[i], e);
			changed++;
		}
	}
	run_log(run, "event: link %s changes, for %u peers and %u LANs", link->name, changed,
		run_wan_event(run, e));
}

/* What lies between two groups after all events up to position @last of the steps. */
static int64_t delay_after(const struct run *run, uint32_t a, uint32_t b, size_t last)
{
	int64_t delay_ns = experiment_site_delay(run->exp, a, b);

	for (size_t i = 0; i <= last; i++) {
		const struct event_spec *e = run->steps[i].does;
		bool same = (e->pair.a == a && e->pair.b == b) || (e->pair.a == b && e->pair.b == a);

		if (e->what == EVENT_DELAY && same) {
			delay_ns = e->pair.delay_ns;
		}
	}
	return delay_ns;
}

/* A delay that changes while two groups are cut off waits for the heal. */
static bool is_cut(const struct run *run, uint32_t a, uint32_t b, size_t last)
{
	bool cut = false;

	for (size_t i = 0; i <= last; i++) {
		const struct event_spec *e = run->steps[i].does;
		bool same = (e->pair.a == a && e->pair.b == b) || (e->pair.a == b && e->pair.b == a);

		if (same && (e->what == EVENT_PARTITION || e->what == EVENT_HEAL)) {
			cut = e->what == EVENT_PARTITION;
		}
	}
	return cut;
}

static void change_pair(struct run *run, const struct event_spec *e)
{
	const struct delay_spec *p = &e->pair;
	bool cut = is_cut(run, p->a, p->b, run->next_step);
	int64_t delay_ns = cut ? WIRE_CUT : delay_after(run, p->a, p->b, run->next_step);
	char text[32] = "nothing gets through";
	struct err err = { 0 };

	if (!cut) {
		units_format_duration(delay_ns, text, sizeof(text));
	}
	run_log(run, "event: between %s and %s: %s", experiment_site_name(run->exp, p->a),
		experiment_site_name(run->exp, p->b), text);
	if (run->wire && wire_set_delay(run->wire, p->a, p->b, delay_ns, &err)) {
		run_fail(run, ERR_FIDELITY, "event between groups: %s", err.msg);
	}
}

void run_link_event(struct run *run, const struct event_step *step)
{
	if (step->does->what == EVENT_LINK) {
		change_lines(run, step);
	} else {
		change_pair(run, step->does);
	}
}

/* --- captures --------------------------------------------------------------- */

static int capture_peer(struct run *run, const struct peer *peer, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/peers/%s/capture.pcapng", run->results_dir,
					   peer->name);
	CLEAN_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	return wire_capture(run->wire, peer->index, peer->name, run->exp->capture.snap_bytes, fd, err);
}

int run_capture(struct run *run, struct err *err)
{
	for (uint32_t i = 0; run->wire && i < run->exp->peer_count; i++) {
		if (experiment_captures(run->exp, i) && capture_peer(run, &run->peers[i], err)) {
			return -1;
		}
	}
	return 0;
}

void run_capture_end(struct run *run)
{
	uint64_t captured = 0, missing = 0;
	struct err err = { 0 };

	if (!run->wire || !run->exp->capture.count) {
		return;
	}
	if (wire_capture_end(run->wire, &err)) {
		run_say(run, "warning: captures may end too early: %s", err.msg);
		run_log(run, "captures: %s", err.msg);
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		captured += wire_link_stats(run->wire, i)->captured;
		missing += wire_link_stats(run->wire, i)->capture_missing;
	}
	run_log(run, "captures: %" PRIu64 " packets, %" PRIu64 " missing", captured, missing);
	if (missing) {
		run_say(run, "warning: %" PRIu64 " packets are missing in the captures, which have %" PRIu64
			"; the disk was too slow or is full", missing, captured);
	}
}
