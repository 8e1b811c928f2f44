// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * calibrate - the network measured before the swarm uses it.
 *
 * The lento-init of each container answers probes while it waits, and one more
 * container, "probe", sits behind a link without limits.  So each access link is
 * measured by itself, end to end, through the containers' own kernels; where peers draw
 * from a mix, a peer on each of its links, or on some of them:
 *	rate	trains of full packets, without jitter; first to last arrival in virtual
 *		time, and the median of them
 *	loss	what the trains lack; not of a queue that drops early, on purpose
 *	jitter	how the round trips of many echoes are distributed, over a link that has some
 *		(jitter.h)
 *	rtt	echoes between peers of each pair of groups, and the median of them
 * What was asked follows from the experiment: the sum of the one-way delays, and
 * the time that the probe's own bytes take on each link, its overhead with them.  Loss
 * lowers the rate that gets through; it and jitter widen what is tolerated.
 */
#include "run_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "jitter.h"
#include "wire/linkq.h"

#define ECHO_BYTES 84             /* as ping sends them */
#define ECHO_COUNT 5
#define JITTER_ECHOES_MIN 60
#define JITTER_WNS (3 * NS_PER_S)
#define TRAIN_MIN_PACKETS 6
#define TRAIN_MAX_PACKETS 800
#define TRAINS 3                  /* the median counts: one late wake-up spoils one */
#define MAX_PAIRS 64              /* group pairs measured; more are sampled */
#define MAX_LINKS 24              /* links measured; likewise */
#define RATE_TOLERANCE 0.03
#define RTT_TOLERANCE 0.01
#define RTT_TOLERANCE_NS NS_PER_MS
/* What the two ends' own timing may add to a train's length, wall. */
#define EDGE_WNS (500 * NS_PER_US)
#define LOSS_DEVIATIONS 3.9       /* passed by chance once in 10,000 */
#define PROBE_EXTRA_NS (5 * NS_PER_S)

static int add_result(struct run *run, struct calibration_result **out, struct err *err)
{
	struct calibration_result *grown = reallocarray(
		run->res.calibration, run->res.calibration_count + 1, sizeof(*grown));

	if (!grown) {
		return err_errno(err, ERR_FAILED, "calibration");
	}
	run->res.calibration = grown;
	*out = &grown[run->res.calibration_count++];
	**out = (struct calibration_result) { .figure = "" };
	return 0;
}

/* Wait for the report of probe @token; 1 when it came, 0 when time ran out. */
static int wait_probe(struct run *run, uint32_t token, int64_t limit_vns)
{
	int64_t end = clockctl_elapsed(run->clock) + limit_vns + PROBE_EXTRA_NS;

	run->probe_arrived = false;
	while (clockctl_elapsed(run->clock) < end) {
		if (run_poll(run, 20)) {
			return -1;
		}
		if (run->probe_arrived && run->last_probe.token == token) {
			return 1;
		}
		run->probe_arrived = false;
	}
	return 0;
}

static int64_t serialise_ns(uint64_t bytes, uint64_t bps)
{
	return bps ? (int64_t)((unsigned __int128)bytes * 8 * NS_PER_S / bps) : 0;
}

/* One direction of a peer's line as lento-wire has it; the experiment speaks of it by name. */
static struct wire_line line_of(const struct run *run, uint32_t peer, int dir)
{
	struct wire_link link;

	run_link_of(run, &run->peers[peer], &link);
	return link.line[dir];
}

/* The time that a packet of @len bytes takes on the line, with its overhead. */
static int64_t on_line_ns(const struct wire_line *line, uint32_t len)
{
	return serialise_ns(linkq_line_bytes(&line->overhead, len), line->rate_bps);
}

/* --- rates --------------------------------------------------------------------- */

static uint32_t train_length(const struct wire_line *line, uint32_t len)
{
	uint64_t fit = line->limit_packets;

	if (line->limit_bytes) {
		fit = line->limit_bytes / linkq_line_bytes(&line->overhead, len);
	}
	/* Not one packet more than the queue holds, or drops would cut the train. */
	fit = fit < TRAIN_MIN_PACKETS ? TRAIN_MIN_PACKETS : fit;
	return fit > TRAIN_MAX_PACKETS ? TRAIN_MAX_PACKETS : (uint32_t)fit;
}

/* The share of packets that the line loses in the long run. */
static double loss_share(const struct wire_loss *loss)
{
	if (loss->p + loss->r > 0) {
		return (loss->p * loss->bad + loss->r * loss->good) / (loss->p + loss->r);
	}
	return loss->good;
}

/*
 * How far the share of @n packets that get through may be from that: so many deviations, which is the test by
 * chi-square with one degree of freedom.  Losses that come in bursts are as good as fewer of them.
 */
static double loss_slack(const struct wire_loss *loss, uint32_t n)
{
	double share = loss_share(loss), together = 1;

	if (loss->p + loss->r > 0) {
		together = fmax((2 - loss->p - loss->r) / (loss->p + loss->r), 1);
	}
	return LOSS_DEVIATIONS * sqrt(share * (1 - share) * together / n);
}

struct train {
	struct peer *from;
	uint32_t to, packets, bytes; /* bytes of each */
	int64_t limit_vns;           /* it has arrived by then */
};

/* What came of one. */
struct arrival {
	double bps;                  /* 0: it did not arrive */
	double length_vns;           /* first to last packet */
	uint32_t received;
};

static int send_train(struct run *run, const struct train *t, struct arrival *out,
		      struct err *err)
{
	static uint32_t token;
	const struct init_probe_result *p = &run->last_probe.probe;
	int rc;

	*out = (struct arrival) { 0 };
	if (initlink_probe_train(t->from->init, ++token, t->to, t->packets, t->bytes, err)) {
		return -1;
	}
	rc = wait_probe(run, token, t->limit_vns);
	if (rc < 0) {
		return -1;
	}
	out->received = rc ? p->received : 0;
	if (rc && p->received > 1 && p->last_vns > p->first_vns) {
		/* The first packet's own time lies before its arrival. */
		double bytes = (double)p->bytes * (p->received - 1) / p->received;

		out->length_vns = (double)(p->last_vns - p->first_vns);
		out->bps = bytes * 8e9 / out->length_vns;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* What the trains lack.  One packet more or less is no fault of the link. */
static int judge_loss(struct run *run, const struct wire_line *line, const char *what,
		      uint32_t sent, uint32_t received, struct err *err)
{
	struct calibration_result *c;

	if (line->aqm.discipline != WIRE_DROP_TAIL) {
		return 0;
	}
	if (add_result(run, &c, err)) {
		return -1;
	}
	snprintf(c->what, sizeof(c->what), "%s", what);
	c->figure = "loss";
	c->asked = loss_share(&line->loss);
	c->measured = 1 - (double)received / sent;
	c->tolerance = loss_slack(&line->loss, sent) + 1.0 / sent;
	c->ok = fabs(c->measured - c->asked) <= c->tolerance;
	return 0;
}

/*
 * Rates are measured without the jitter, which moves the ends of a train: where its tail is long, by as much
 * as a train lasts.
 */
static int set_jitter(struct run *run, const struct peer *at, int dir, bool on, struct err *err)
{
	struct wire_link link;

	run_link_of(run, at, &link);
	if (link.line[dir].jitter.spread_ns == 0) {
		return 0;
	}
	if (!on) {
		link.line[dir].jitter.spread_ns = 0;
	}
	return wire_set_link(run->wire, at->index, &link, err);
}

static int measure_rate(struct run *run, uint32_t peer, int dir, struct err *err)
{
	const struct peer *at = &run->peers[peer];
	const struct wire_line line = line_of(run, peer, dir);
	uint32_t received = 0;
	bool up = dir == WIRE_UP;
	struct train train = {
		.from = &run->peers[up ? peer : run->exp->peer_count],
		.to = up ? RESERVED_PROBE_IP : experiment_peer_ip(run->exp, peer),
		.packets = train_length(&line, at->line.mtu), .bytes = at->line.mtu,
	};
	struct calibration_result *c;
	struct arrival arrival = { 0 };
	double rates[TRAINS], length, edge;
	char what[sizeof(c->what)];

	if (add_result(run, &c, err)) {
		return -1;
	}
	snprintf(c->what, sizeof(c->what), "%s %s %s", at->group->mix.count ? at->name : "link",
		 at->line.name, up ? "up" : "down");
	c->figure = "rate";
	/* Of IP bytes, those that get through. */
	c->asked = (double)line.rate_bps * train.bytes /
		   linkq_line_bytes(&line.overhead, train.bytes) * (1 - loss_share(&line.loss));
	train.limit_vns = train.packets * on_line_ns(&line, train.bytes) + line.delay_ns;
	if (set_jitter(run, at, dir, false, err)) {
		return -1;
	}
	for (size_t i = 0; i < TRAINS; i++) {
		if (send_train(run, &train, &arrival, err)) {
			return -1;
		}
		rates[i] = arrival.bps;
		received += arrival.received;
	}
	if (set_jitter(run, at, dir, true, err)) {
		return -1;
	}
	length = arrival.length_vns;
	qsort(rates, TRAINS, sizeof(*rates), by_value);
	c->measured = rates[TRAINS / 2];
	edge = (double)EDGE_WNS / tdf_double(clockctl_tdf(run->clock));
	c->tolerance = c->asked * (RATE_TOLERANCE + loss_slack(&line.loss, train.packets) +
				   (length > 0 ? edge / length : 0));
	c->ok = c->measured >= c->asked - c->tolerance && c->measured <= c->asked + c->tolerance;
	memcpy(what, c->what, sizeof(what));
	return judge_loss(run, &line, what, TRAINS * train.packets, received, err);
}

/* --- jitter ---------------------------------------------------------------------- */

/* As many as are worth their time. */
static uint32_t jitter_echoes(const struct run *run, int64_t gap_vns)
{
	int64_t fit = (int64_t)((double)JITTER_WNS / tdf_double(clockctl_tdf(run->clock)) / (double)gap_vns);

	return fit < JITTER_ECHOES_MIN ? JITTER_ECHOES_MIN
		: fit > INIT_RTT_VALUES ? INIT_RTT_VALUES : (uint32_t)fit;
}

/* Echoes to the peer, so far apart that none is held up by the one before. */
static int measure_jitter(struct run *run, uint32_t peer, struct err *err)
{
	static uint32_t token = UINT32_C(3) << 30;
	const struct wire_line up = line_of(run, peer, WIRE_UP), down = line_of(run, peer, WIRE_DOWN);
	const struct init_probe_result *p = &run->last_probe.probe;
	const struct peer *at = &run->peers[peer];
	int64_t spread = up.jitter.spread_ns > down.jitter.spread_ns ? up.jitter.spread_ns
								     : down.jitter.spread_ns;
	int64_t gap = 4 * spread + NS_PER_MS, one = up.delay_ns + down.delay_ns;
	uint32_t count = jitter_echoes(run, gap);
	double slack_ns = (double)EDGE_WNS / tdf_double(clockctl_tdf(run->clock));
	struct calibration_result *c;
	int rc;

	if (spread == 0) {
		return 0;
	}
	if (add_result(run, &c, err)) {
		return -1;
	}
	snprintf(c->what, sizeof(c->what), "%s %s", at->group->mix.count ? at->name : "link",
		 at->line.name);
	c->figure = "jitter";
	if (initlink_probe_rtt(run->peers[run->exp->peer_count].init, ++token,
			       experiment_peer_ip(run->exp, peer), count, ECHO_BYTES, gap,
			       err)) {
		return -1;
	}
	rc = wait_probe(run, token, (count + 4) * gap + 2 * one);
	if (rc < 0) {
		return -1;
	}
	c->measured = 1;
	if (rc && p->rtt_count) {
		c->measured = jitter_distance(&at->line, p->rtt_vns, p->rtt_count, slack_ns);
		c->tolerance = jitter_limit(p->rtt_count);
	}
	c->ok = c->measured <= c->tolerance;
	return 0;
}

/* A peer of each link that some peer has; @peers has room for all links. */
static size_t one_of_each(const struct run *run, uint32_t *peers)
{
	const struct experiment *exp = run->exp;
	size_t count = 0;

	for (size_t l = 0; l < exp->link_count; l++) {
		for (uint32_t i = 0; i < exp->peer_count; i++) {
			/* From outside only the gateway's line could be seen of one in a LAN. */
			if (experiment_peer_gateway(exp, i) == NO_LAN &&
			    experiment_peer_link(exp, i) == &exp->links[l]) {
				peers[count++] = i;
				break;
			}
		}
	}
	return count;
}

static int measure_links(struct run *run, struct err *err)
{
	CLEAN_FREE uint32_t *peers = calloc(run->exp->link_count + 1, sizeof(*peers));
	size_t count, step;

	if (!peers) {
		return err_errno(err, ERR_FAILED, "calibration");
	}
	count = one_of_each(run, peers);
	step = (count + MAX_LINKS - 1) / MAX_LINKS;
	for (size_t i = 0; i < count; i += step) {
		const struct peer *at = &run->peers[peers[i]];

		/* A trace has no rate that a train could find. */
		if ((at->line.up_bps && !at->line.up_trace &&
		     measure_rate(run, peers[i], WIRE_UP, err)) ||
		    (at->line.down_bps && !at->line.down_trace && measure_rate(run, peers[i], WIRE_DOWN, err)) ||
		    measure_jitter(run, peers[i], err)) {
			return -1;
		}
	}
	return 0;
}

/* --- round-trip times --------------------------------------------------------------- */

static int64_t one_way(const struct run *run, uint32_t a, uint32_t b)
{
	struct wire_line up = line_of(run, a, WIRE_UP), down = line_of(run, b, WIRE_DOWN);

	return up.delay_ns + down.delay_ns +
		experiment_site_delay(run->exp, experiment_peer_site(run->exp, a),
				      experiment_peer_site(run->exp, b)) +
		on_line_ns(&up, ECHO_BYTES) + on_line_ns(&down, ECHO_BYTES);
}

static double trace_gap_ns(const struct run *run, uint32_t peer, int dir)
{
	const struct link_spec *l = &run->peers[peer].line;
	const struct series_spec *trace = dir == WIRE_UP ? l->up_trace : l->down_trace;

	return trace ? (double)trace->gap_ns : 0;
}

/* What jitter may move the median of the echoes: no more than the sum of the spreads; and how long
 * a packet may wait for the next instant of a trace. */
static double rtt_spread_ns(const struct run *run, uint32_t a, uint32_t b)
{
	double sum = 0;

	for (int dir = WIRE_UP; dir <= WIRE_DOWN; dir++) {
		sum += (double)(line_of(run, a, dir).jitter.spread_ns +
				line_of(run, b, dir).jitter.spread_ns);
		sum += trace_gap_ns(run, a, dir) + trace_gap_ns(run, b, dir);
	}
	return sum;
}

static int measure_rtt(struct run *run, uint32_t a, uint32_t b, struct err *err)
{
	static uint32_t token = UINT32_C(1) << 31;
	const struct init_probe_result *p = &run->last_probe.probe;
	int64_t rtt = one_way(run, a, b) + one_way(run, b, a);
	struct calibration_result *c;
	int rc;

	if (add_result(run, &c, err)) {
		return -1;
	}
	snprintf(c->what, sizeof(c->what), "%s - %s", run->peers[a].name, run->peers[b].name);
	c->figure = "rtt";
	c->asked = (double)rtt;
	if (initlink_probe_rtt(run->peers[a].init, ++token, experiment_peer_ip(run->exp, b),
			       ECHO_COUNT, ECHO_BYTES, rtt / 2 + NS_PER_MS, err)) {
		return -1;
	}
	rc = wait_probe(run, token, (ECHO_COUNT + 2) * rtt);
	if (rc < 0) {
		return -1;
	}
	c->measured = rc && p->received ? (double)p->rtt_median_vns : 0;
	c->tolerance = RTT_TOLERANCE * c->asked;
	if (c->tolerance < (double)RTT_TOLERANCE_NS) {
		c->tolerance = (double)RTT_TOLERANCE_NS;
	}
	c->tolerance += rtt_spread_ns(run, a, b);
	c->ok = c->measured >= c->asked - c->tolerance && c->measured <= c->asked + c->tolerance;
	return 0;
}

/* A peer of group @g other than @not; UINT32_MAX if there is none. */
static uint32_t some_peer(const struct run *run, size_t g, uint32_t not)
{
	const struct group_spec *spec = &run->exp->groups[g];

	return spec->first_peer != not ? spec->first_peer
		: spec->count > 1 ? spec->first_peer + 1 : UINT32_MAX;
}

static int measure_rtts(struct run *run, struct err *err)
{
	size_t n = run->exp->group_count, pairs = n * (n + 1) / 2;
	size_t step = (pairs + MAX_PAIRS - 1) / MAX_PAIRS, k = 0;

	for (size_t a = 0; a < n; a++) {
		for (size_t b = a; b < n; b++) {
			uint32_t pa = some_peer(run, a, UINT32_MAX);
			uint32_t pb = some_peer(run, b, pa);

			/* Not of LANs: from outside, a NAT hides who is in one. */
			if (k++ % step || pb == UINT32_MAX ||
			    run->exp->groups[a].lan != NO_LAN || run->exp->groups[b].lan != NO_LAN) {
				continue;
			}
			if (measure_rtt(run, pa, pb, err)) {
				return -1;
			}
		}
	}
	return 0;
}

int run_calibrate(struct run *run, struct err *err)
{
	struct peer *probe = &run->peers[run->exp->peer_count];
	size_t bad = 0;

	run_say(run, "calibrating: rates, losses and round-trip times against what was asked");
	clockctl_run(run->clock);
	if (measure_links(run, err) || measure_rtts(run, err)) {
		return -1;
	}
	for (size_t i = 0; i < run->res.calibration_count; i++) {
		const struct calibration_result *c = &run->res.calibration[i];

		bad += !c->ok;
		run_log(run, "calibration: %s %s asked %.6g measured %.6g%s", c->what, c->figure,
			c->asked, c->measured, c->ok ? "" : " OUT OF TOLERANCE");
	}
	if (bad) {
		run_say(run, "warning: %zu of %zu measured figures are out of tolerance, see %s/manifest.json",
			bad, run->res.calibration_count, run->results_dir);
	}
	rt_peer_destroy(probe->box);
	probe->box = NULL;
	return wire_reset_stats(run->wire, err);
}
