// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/linkq.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "wire/linkstats.h"

#define ATM_CELL_BYTES 53
#define ATM_CELL_PAYLOAD 48
#define AAL5_TRAILER 8

uint32_t linkq_line_bytes(const struct wire_overhead *overhead, uint32_t len)
{
	uint32_t frame = len + overhead->frame_bytes;

	if (!overhead->atm) {
		return frame;
	}
	return (frame + AAL5_TRAILER + ATM_CELL_PAYLOAD - 1) / ATM_CELL_PAYLOAD * ATM_CELL_BYTES;
}

/* The same where a trace says when the line sends, and how much. */
static void trace_start(struct linkq *q, virt_t start)
{
	uint32_t left = q->head->line_bytes;
	int64_t origin = q->cfg.trace_origin_ns, next;

	/* What is left of an opportunity is for what is queued at that instant. */
	if (start.ns > q->line_free.ns) {
		q->unused = 0;
	} else {
		start = q->line_free;
	}
	next = series_next(q->trace, origin, start.ns);
	if (next <= q->opportunity) {
		next = q->opportunity + 1;
	}
	while (left > q->unused) {
		left -= q->unused;
		q->unused = WIRE_TRACE_BYTES;
		q->opportunity = next++;
		start.ns = series_at(q->trace, origin, q->opportunity);
	}
	q->unused -= left;
	q->line_free = start;
	q->line_rem = 0;
}

/* Put the head on the line at @start: it ends rem/rate + its own time after that. */
static void line_start(struct linkq *q, virt_t start)
{
	uint64_t rate = q->cfg.rate_bps, work;

	if (q->trace) {
		trace_start(q, start);
		return;
	}
	if (start.ns > q->line_free.ns) {
		q->line_rem = 0;
	} else {
		start = q->line_free;
	}
	if (rate == 0) {
		q->line_free = start;
		q->line_rem = 0;
		return;
	}
	/* At most 2^16 * 8 * 1e9 + LINKQ_RATE_MAX: far from 2^64. */
	work = (uint64_t)q->head->line_bytes * 8 * (uint64_t)NS_PER_S + q->line_rem;
	q->line_free.ns = start.ns + (int64_t)(work / rate);
	q->line_rem = work % rate;
}

static bool has_states(const struct wire_loss *loss)
{
	return loss->p > 0 || loss->r > 0;
}

/* The state as the long run has it. */
static void draw_state(struct linkq *q)
{
	const struct wire_loss *loss = &q->cfg.loss;

	q->bad = has_states(loss) &&
		 rng_unit(&q->rng[LINKQ_LOSS]) * (loss->p + loss->r) < loss->p;
}

static bool is_lost(struct linkq *q)
{
	const struct wire_loss *loss = &q->cfg.loss;
	double chance;

	if (has_states(loss) && rng_unit(&q->rng[LINKQ_LOSS]) < (q->bad ? loss->r : loss->p)) {
		q->bad = !q->bad;
	}
	chance = q->bad ? loss->bad : loss->good;
	return chance > 0 && rng_unit(&q->rng[LINKQ_LOSS]) < chance;
}

void linkq_init(struct linkq *q, const struct wire_line *cfg, const struct rng rng[LINKQ_DRAWS],
		struct wire_dir_stats *stats)
{
	*q = (struct linkq){
		.cfg = *cfg,
		.line_free = {INT64_MIN},
		.far_end = {INT64_MIN},
		.stats = stats,
	};
	memcpy(q->rng, rng, sizeof(q->rng));
	draw_state(q);
	red_init(&q->red);
}

static struct packet *pop(struct linkq *q)
{
	struct packet *pkt = q->head;

	q->head = pkt->next;
	pkt->next = NULL;
	q->bytes -= pkt->line_bytes;
	q->packets--;
	return pkt;
}

static void keep_dropped(struct linkq *q, struct packet *pkt)
{
	pkt->next = q->dropped;
	q->dropped = pkt;
}

static void drop_cut(struct linkq *q, struct packet *pkt)
{
	stat_add(&q->stats->loss_drops, 1);
	stat_add(&q->stats->cut_drops, 1);
	keep_dropped(q, pkt);
}

static void cut_line(struct linkq *q, virt_t now)
{
	while (q->head) {
		drop_cut(q, pop(q));
	}
	if (q->line_free.ns > now.ns) {
		q->line_free = now;
	}
	q->line_rem = 0;
	red_idle(&q->red, now);
}

void linkq_refer(struct linkq *q, const struct series *jitter_table, const struct series *trace)
{
	if (q->trace != trace) {
		q->opportunity = INT64_MIN / 2;
		q->unused = 0;
	}
	q->jitter_table = jitter_table;
	q->trace = trace;
}

void linkq_set(struct linkq *q, virt_t now, const struct wire_line *cfg)
{
	uint64_t old = q->cfg.rate_bps, rate = cfg->rate_bps;
	int64_t old_origin = q->cfg.trace_origin_ns;
	const struct wire_loss was = q->cfg.loss;

	if (q->cfg.aqm.discipline != cfg->aqm.discipline) {
		red_init(&q->red);
		q->codel = (struct codel){0};
	}
	q->cfg = *cfg;
	if (was.p != cfg->loss.p || was.r != cfg->loss.r) {
		draw_state(q);
	}
	if (cfg->trace_origin_ns != old_origin) {
		q->opportunity = INT64_MIN / 2;
		q->unused = 0;
	}
	if (cfg->cut) {
		cut_line(q, now);
		return;
	}
	if (q->trace) {
		/* What is on the line ends as it would have; the trace is for what comes next. */
		q->line_rem = 0;
		return;
	}
	if (!q->head || rate == old) {
		if (rate != old) {
			/* The remainder was in units of the old rate; the line is idle. */
			q->line_rem = 0;
		}
		return;
	}
	if (rate == 0 || q->line_free.ns <= now.ns) {
		q->line_rem = 0;
		if (q->line_free.ns > now.ns) {
			q->line_free = now;
		}
		return;
	}
	/* old != 0: an unlimited line keeps no packet beyond now. */
	uint64_t left = (uint64_t)(q->line_free.ns - now.ns) * old + q->line_rem;

	q->line_free.ns = now.ns + (int64_t)(left / rate);
	q->line_rem = left % rate;
}

static bool is_full(const struct linkq *q, uint32_t bytes)
{
	if (!q->head) {
		return false;
	}
	if (q->cfg.limit_bytes && q->bytes + bytes > q->cfg.limit_bytes) {
		return true;
	}
	return q->cfg.limit_packets && q->packets >= q->cfg.limit_packets;
}

/* --- dropping early -------------------------------------------------------- */

static void drop_early(struct linkq *q, struct packet *pkt)
{
	stat_add(&q->stats->queue_drops, 1);
	stat_add(&q->stats->early_drops, 1);
	keep_dropped(q, pkt);
}

struct packet *linkq_dropped(struct linkq *q)
{
	struct packet *pkt = q->dropped;

	if (pkt) {
		q->dropped = pkt->next;
		pkt->next = NULL;
	}
	return pkt;
}

static bool mark(struct linkq *q, struct packet *pkt)
{
	if (!q->cfg.aqm.ecn || !ecn_mark(pkt->data)) {
		return false;
	}
	stat_add(&q->stats->ecn_marks, 1);
	return true;
}

/* What RED says of @pkt that arrives; false: it is to be dropped. */
static bool red_lets_in(struct linkq *q, virt_t now, struct packet *pkt)
{
	switch (red_arrival(&q->red, &q->cfg.aqm, q->cfg.rate_bps, now, q->bytes,
			    &q->rng[LINKQ_RED])) {
	case AQM_PASS:
		return true;
	case AQM_HIT:
		return mark(q, pkt);
	case AQM_DROP:
		break;
	}
	return false;
}

/* The line is about to take the head at @now: CoDel may take out some before. */
static void codel_select(struct linkq *q, virt_t now)
{
	bool again = false;

	while (q->head && codel_hits(&q->codel, &q->cfg.aqm, now, now.ns - q->head->since.ns,
				     q->bytes - q->head->line_bytes, again)) {
		if (mark(q, q->head)) {
			return;
		}
		drop_early(q, pop(q));
		again = true;
	}
}

/* The line is free at @now: the next one, if any. */
static void line_next(struct linkq *q, virt_t now)
{
	if (q->cfg.aqm.discipline == WIRE_CODEL) {
		codel_select(q, now);
	}
	if (q->head) {
		line_start(q, now);
	} else {
		red_idle(&q->red, now);
	}
}

/* --- packets ---------------------------------------------------------------- */

bool linkq_feed(struct linkq *q, virt_t now, struct packet *pkt)
{
	if (q->cfg.cut) {
		drop_cut(q, pkt);
		return true;
	}
	pkt->line_bytes = linkq_line_bytes(&q->cfg.overhead, pkt->len);
	if (is_full(q, pkt->line_bytes)) {
		return false;
	}
	if (q->cfg.aqm.discipline == WIRE_RED && !red_lets_in(q, now, pkt)) {
		drop_early(q, pkt);
		return true;
	}
	pkt->next = NULL;
	pkt->since = now;
	q->bytes += pkt->line_bytes;
	q->packets++;
	stat_max(&q->stats->queue_peak_bytes, q->bytes);
	if (q->head) {
		q->tail->next = pkt;
		q->tail = pkt;
		return true;
	}
	q->head = q->tail = pkt;
	line_next(q, now);
	return true;
}

bool linkq_next(const struct linkq *q, virt_t *when)
{
	if (!q->head) {
		return false;
	}
	*when = q->line_free;
	return true;
}

struct packet *linkq_take(struct linkq *q, bool *lost)
{
	struct packet *pkt;

	if (!q->head) {
		return NULL;
	}
	pkt = pop(q);
	stat_max_ns(&q->stats->queue_peak_ns, q->line_free.ns - pkt->since.ns);
	*lost = is_lost(q);
	if (*lost) {
		stat_add(&q->stats->loss_drops, 1);
	}
	line_next(q, q->line_free);
	return pkt;
}

/* --- behind the line -------------------------------------------------------- */

#define PARETO_SHAPE 3.0
#define PARETO_MEAN 1.5        /* shape / (shape - 1), of a minimum of 1 */
/* Standard deviation for a minimum of 1: sqrt(shape / (shape - 2)) / (shape - 1). */
#define PARETO_DEVIATION 0.86602540378443865

/* The tail of a distribution has no end; the delay has. */
#define FLIGHT_NS_MAX (2.0 * 3600e9)

static double jitter_of(struct rng *rng, const struct wire_jitter *jitter,
			const struct series *table)
{
	double spread = (double)jitter->spread_ns;

	switch ((enum wire_jitter_kind)jitter->kind) {
	case WIRE_JITTER_UNIFORM:
		return spread * (2 * rng_unit(rng) - 1);
	case WIRE_JITTER_NORMAL:
		return spread * rng_normal(rng);
	case WIRE_JITTER_PARETO:
		return spread * (rng_pareto(rng, PARETO_SHAPE) - PARETO_MEAN) / PARETO_DEVIATION;
	case WIRE_JITTER_TABLE:
		return table ? series_draw(table, rng) : 0;
	case WIRE_JITTER_KINDS:
		break;
	}
	return 0;
}

virt_t linkq_arrival(struct linkq *q, virt_t left)
{
	const struct wire_jitter *jitter = &q->cfg.jitter;
	virt_t out = {left.ns + q->cfg.delay_ns};

	if (jitter->spread_ns > 0) {
		double flight = (double)q->cfg.delay_ns +
				jitter_of(&q->rng[LINKQ_JITTER], jitter, q->jitter_table);

		out.ns = left.ns + (int64_t)fmin(fmax(flight, 0), FLIGHT_NS_MAX);
	}
	if (!jitter->reorder && out.ns < q->far_end.ns) {
		out = q->far_end;
	}
	q->far_end = out;
	return out;
}
