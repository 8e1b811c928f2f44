// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_links - the lines of the peers: what the experiment says of them, in the terms
 * of lento-wire.
 */
#include "run_private.h"

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
		[JITTER_PARETO] = WIRE_JITTER_PARETO,
	};

	return (struct wire_jitter) {
		.spread_ns = j->spread_ns, .kind = kinds[j->distribution], .reorder = j->reorder,
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

static void lines_of(const struct link_spec *l, struct wire_line line[2])
{
	line[WIRE_UP] = (struct wire_line) {
		.rate_bps = l->up_bps, .delay_ns = l->up_delay_ns,
		.jitter = line_jitter(&l->up_jitter), .loss = line_loss(l->up_loss, &l->up_bursts),
	};
	line_queue(&l->up_queue, &line[WIRE_UP]);
	line[WIRE_UP].overhead = line_overhead(&l->up_overhead);
	line[WIRE_DOWN] = (struct wire_line) {
		.rate_bps = l->down_bps, .delay_ns = l->down_delay_ns,
		.jitter = line_jitter(&l->down_jitter), .loss = line_loss(l->down_loss, &l->down_bursts),
	};
	line_queue(&l->down_queue, &line[WIRE_DOWN]);
	line[WIRE_DOWN].overhead = line_overhead(&l->down_overhead);
}

void run_link_of(const struct run *run, const struct peer *peer, struct wire_link *out)
{
	*out = (struct wire_link) { 0 };
	if (!peer->group) { /* the probe peer: nothing but the other side's link shows */
		out->ip = RESERVED_PROBE_IP;
		out->group = (uint32_t)run->exp->group_count;
		out->line[WIRE_UP].limit_packets = PROBE_QUEUE_PACKETS;
		out->line[WIRE_DOWN].limit_packets = PROBE_QUEUE_PACKETS;
		return;
	}
	out->ip = experiment_peer_ip(run->exp, peer->index);
	out->group = (uint32_t)(peer->group - run->exp->groups);
	lines_of(&run->exp->links[peer->group->link], out->line);
}
