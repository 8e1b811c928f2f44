// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/fabric.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "wire/evq.h"
#include "wire/linkq.h"

#define BUFFER_BYTES_DEFAULT (UINT64_C(256) << 20)
#define DELAY_NS_MAX (INT64_C(3600) * NS_PER_S)
#define NO_LINK UINT32_MAX

/* A queue without a limit gets this share of all buffers, so that one link cannot
 * take them all; a drop there is a fault drop, as nobody asked for it. */
#define UNLIMITED_SHARE 8

static const char *const dir_names[2] = {[WIRE_UP] = "up", [WIRE_DOWN] = "down"};

enum link_state { LINK_NONE, LINK_UP, LINK_GONE };

struct link {
	enum link_state state;
	uint32_t ip, group;
	struct linkq dir[2];          /* WIRE_UP, WIRE_DOWN */
	bool limited[2];              /* the queue has a limit of the user's */
};

/* One slot of the address table; open addressing, at most half full. */
struct slot {
	uint32_t ip, link;
};

/*
 * Events: object 2 * id + direction is a line whose packet has been sent; from
 * first_packet on, a packet that has arrived after a delay.  What it has arrived
 * at follows from `landed`.
 */
struct fabric {
	struct fabric_config cfg;
	struct wire_totals *totals;
	struct link *links;
	int64_t *delays;              /* [max_groups * a + b] */
	struct slot *slots;
	uint32_t slot_mask;
	struct pool pool;
	struct evq events;
	uint32_t first_packet;
	uint8_t *landed;              /* by packet: the direction it has passed last */
	fabric_observe_fn observe;    /* NULL: nobody looks on */
	void *observer;
};

int fabric_create(const struct fabric_config *cfg, struct fabric **fabric, struct err *err)
{
	struct fabric *f = calloc(1, sizeof(*f));
	uint32_t slots = 2;

	if (!f) {
		return err_errno(err, ERR_FAILED, "link emulator");
	}
	f->cfg = *cfg;
	f->totals = &cfg->stats->header->totals;
	if (cfg->max_links < 1 || cfg->max_links > 1u << 20 || cfg->max_groups > 1u << 14) {
		err_set(err, ERR_USAGE, "%u links in %u groups: at most 2^20 in 2^14",
			cfg->max_links, cfg->max_groups);
		goto fail;
	}
	while (slots < 2 * cfg->max_links) {
		slots *= 2;
	}
	f->slot_mask = slots - 1;
	f->first_packet = 2 * cfg->max_links;
	f->links = calloc(cfg->max_links, sizeof(*f->links));
	f->delays = calloc((size_t)cfg->max_groups * cfg->max_groups + 1, sizeof(*f->delays));
	f->slots = malloc(slots * sizeof(*f->slots));
	if (!f->links || !f->delays || !f->slots) {
		err_errno(err, ERR_FAILED, "link emulator for %u links", cfg->max_links);
		goto fail;
	}
	for (uint32_t i = 0; i < slots; i++) {
		f->slots[i].link = NO_LINK;
	}
	if (pool_init(&f->pool, cfg->buffer_bytes ? cfg->buffer_bytes : BUFFER_BYTES_DEFAULT,
		      err)) {
		goto fail;
	}
	f->landed = calloc(f->pool.count, sizeof(*f->landed));
	if (!f->landed) {
		err_errno(err, ERR_FAILED, "link emulator for %u packets", f->pool.count);
		goto fail;
	}
	if (evq_init(&f->events, f->first_packet, f->pool.count, err)) {
		goto fail;
	}
	*fabric = f;
	return 0;
fail:
	fabric_destroy(f);
	return -1;
}

void fabric_destroy(struct fabric *f)
{
	if (!f) {
		return;
	}
	evq_fini(&f->events);
	pool_fini(&f->pool);
	free(f->landed);
	free(f->slots);
	free(f->delays);
	free(f->links);
	free(f);
}

/* The slot of @ip, or the free one where it would go. */
static struct slot *find_slot(const struct fabric *f, uint32_t ip)
{
	uint32_t i = (uint32_t)((ip * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	for (;; i++) {
		struct slot *slot = &f->slots[i & f->slot_mask];

		if (slot->link == NO_LINK || slot->ip == ip) {
			return slot;
		}
	}
}

static int check_aqm(uint32_t id, int dir, const struct wire_aqm *aqm, struct err *err)
{
	bool good = aqm->discipline == WIRE_DROP_TAIL;

	if (aqm->discipline == WIRE_RED) {
		good = aqm->min_bytes > 0 && aqm->max_bytes > aqm->min_bytes &&
		       aqm->probability > 0 && aqm->probability <= 1 &&
		       aqm->weight > 0 && aqm->weight <= 1;
	} else if (aqm->discipline == WIRE_CODEL) {
		good = aqm->target_ns >= 0 && aqm->target_ns <= DELAY_NS_MAX &&
		       aqm->interval_ns > 0 && aqm->interval_ns <= DELAY_NS_MAX;
	}
	return good ? 0 : err_set(err, ERR_USAGE,
				  "link %u, %s: the queue's discipline %u has a parameter out of range",
				  id, dir_names[dir], aqm->discipline);
}

static int check_line(uint32_t id, int dir, const struct wire_line *line, struct err *err)
{
	const double shares[] = {line->loss.good, line->loss.bad, line->loss.p, line->loss.r};
	const char *name = dir_names[dir];

	if (line->rate_bps > LINKQ_RATE_MAX) {
		return err_set(err, ERR_USAGE, "link %u, %s: %llu bit/s is more than 1 Tbit/s", id,
			       name, (unsigned long long)line->rate_bps);
	}
	if (line->delay_ns < 0 || line->delay_ns > DELAY_NS_MAX) {
		return err_set(err, ERR_USAGE, "link %u, %s: a delay of %lld ns is not within 0..1h",
			       id, name, (long long)line->delay_ns);
	}
	if (line->jitter.spread_ns < 0 || line->jitter.spread_ns > DELAY_NS_MAX ||
	    line->jitter.kind >= WIRE_JITTER_KINDS) {
		return err_set(err, ERR_USAGE, "link %u, %s: a jitter of %lld ns, kind %u", id, name,
			       (long long)line->jitter.spread_ns, line->jitter.kind);
	}
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		if (!(shares[i] >= 0 && shares[i] <= 1)) {
			return err_set(err, ERR_USAGE, "link %u, %s: a loss of %g is not within 0..1",
				       id, name, shares[i]);
		}
	}
	if (line->overhead.frame_bytes > WIRE_FRAME_BYTES_MAX) {
		return err_set(err, ERR_USAGE, "link %u, %s: an overhead of %u bytes", id, name,
			       line->overhead.frame_bytes);
	}
	return check_aqm(id, dir, &line->aqm, err);
}

static int check_link(const struct fabric *f, uint32_t id, const struct wire_link *link,
		      struct err *err)
{
	if (id >= f->cfg.max_links) {
		return err_set(err, ERR_USAGE, "link %u: ids go up to %u", id,
			       f->cfg.max_links - 1);
	}
	if (link->group >= f->cfg.max_groups) {
		return err_set(err, ERR_USAGE, "link %u: group %u of %u", id, link->group,
			       f->cfg.max_groups);
	}
	return check_line(id, WIRE_UP, &link->line[WIRE_UP], err) ||
	       check_line(id, WIRE_DOWN, &link->line[WIRE_DOWN], err) ? -1 : 0;
}

static void bound_queues(struct fabric *f, struct link *l, const struct wire_link *link,
			 struct wire_line line[2])
{
	for (int d = 0; d < 2; d++) {
		line[d] = link->line[d];
		l->limited[d] = line[d].limit_bytes || line[d].limit_packets;
		if (!l->limited[d]) {
			line[d].limit_packets = f->pool.count / UNLIMITED_SHARE + 1;
		}
	}
}

static void drop(struct fabric *f, struct packet *pkt)
{
	stat_set(&f->totals->held_packets, f->totals->held_packets - 1);
	stat_set(&f->totals->held_bytes, f->totals->held_bytes - pkt->len);
	pool_put(&f->pool, pkt);
}

static void observe(const struct fabric *f, uint32_t id, int dir, enum fabric_sight sight,
		    const struct packet *pkt, virt_t at)
{
	if (f->observe) {
		f->observe(f->observer, id, dir, sight, pkt, at);
	}
}

/* What the queue of a line has dropped by itself at @at. */
static void drop_dropped(struct fabric *f, uint32_t id, int dir, virt_t at)
{
	struct linkq *q = &f->links[id].dir[dir];
	struct packet *pkt;

	while ((pkt = linkq_dropped(q))) {
		observe(f, id, dir, q->cfg.cut ? FABRIC_CUT : FABRIC_EARLY, pkt, at);
		drop(f, pkt);
	}
}

/* Keep the event of a line in step with its queue. */
static void arm(struct fabric *f, uint32_t id, int dir)
{
	virt_t when;

	if (linkq_next(&f->links[id].dir[dir], &when)) {
		evq_put(&f->events, 2 * id + (uint32_t)dir, when);
	}
}

int fabric_add_link(struct fabric *f, virt_t now, uint32_t id, const struct wire_link *link,
		    struct err *err)
{
	static const char *const stream[2][LINKQ_DRAWS] = {
		[WIRE_UP] = {[LINKQ_LOSS] = "loss-up", [LINKQ_JITTER] = "jitter-up",
			     [LINKQ_RED] = "red-up"},
		[WIRE_DOWN] = {[LINKQ_LOSS] = "loss-down", [LINKQ_JITTER] = "jitter-down",
			       [LINKQ_RED] = "red-down"},
	};
	struct wire_line line[2];
	struct slot *slot;
	struct link *l;

	if (check_link(f, id, link, err)) {
		return -1;
	}
	l = &f->links[id];
	slot = find_slot(f, link->ip);
	if (l->state == LINK_UP || (slot->link != NO_LINK && slot->link != id) ||
	    (l->state == LINK_GONE && l->ip != link->ip)) {
		return err_set(err, ERR_FAILED, "link %u or its address is in use", id);
	}
	slot->ip = link->ip;
	slot->link = id;
	l->ip = link->ip;
	l->group = link->group;
	bound_queues(f, l, link, line);
	for (int d = 0; d < 2; d++) {
		if (l->state == LINK_GONE) {
			linkq_set(&l->dir[d], now, &line[d]);
			evq_cancel(&f->events, 2 * id + (uint32_t)d);
			arm(f, id, d);
			drop_dropped(f, id, d, now);
		} else {
			struct rng rng[LINKQ_DRAWS];

			for (int k = 0; k < LINKQ_DRAWS; k++) {
				rng_stream(&rng[k], f->cfg.seed, stream[d][k], id);
			}
			linkq_init(&l->dir[d], &line[d], rng, &f->cfg.stats->links[id].dir[d]);
		}
	}
	l->state = LINK_UP;
	return 0;
}

int fabric_set_link(struct fabric *f, virt_t now, uint32_t id, const struct wire_link *link,
		    struct err *err)
{
	struct wire_line line[2];
	struct link *l;

	if (check_link(f, id, link, err)) {
		return -1;
	}
	l = &f->links[id];
	if (l->state == LINK_NONE) {
		return err_set(err, ERR_FAILED, "link %u: there is no such link", id);
	}
	bound_queues(f, l, link, line);
	for (int d = 0; d < 2; d++) {
		linkq_set(&l->dir[d], now, &line[d]);
		evq_cancel(&f->events, 2 * id + (uint32_t)d);
		arm(f, id, d);
		drop_dropped(f, id, d, now);
	}
	return 0;
}

int fabric_set_delay(struct fabric *f, uint32_t group_a, uint32_t group_b, int64_t delay_ns,
		     struct err *err)
{
	uint32_t n = f->cfg.max_groups;

	if (group_a >= n || group_b >= n) {
		return err_set(err, ERR_USAGE, "delay between groups %u and %u of %u", group_a,
			       group_b, n);
	}
	if (delay_ns != WIRE_CUT && (delay_ns < 0 || delay_ns > DELAY_NS_MAX)) {
		return err_set(err, ERR_USAGE,
			       "groups %u and %u: a delay of %lld ns is not within 0..1h", group_a,
			       group_b, (long long)delay_ns);
	}
	f->delays[(size_t)n * group_a + group_b] = delay_ns;
	f->delays[(size_t)n * group_b + group_a] = delay_ns;
	return 0;
}

void fabric_link_gone(struct fabric *f, uint32_t id)
{
	if (id < f->cfg.max_links && f->links[id].state == LINK_UP) {
		f->links[id].state = LINK_GONE;
	}
}

void fabric_watch(struct fabric *f, fabric_observe_fn observer, void *ctx)
{
	f->observe = observer;
	f->observer = ctx;
}

/* --- packets ------------------------------------------------------------- */

static void drop_unknown(struct fabric *f, struct packet *pkt, virt_t at)
{
	observe(f, pkt->src, WIRE_UP, FABRIC_UNKNOWN, pkt, at);
	stat_add(&f->cfg.stats->links[pkt->src].unknown_dst_drops, 1);
	stat_add(&f->totals->unknown_dst_drops, 1);
	drop(f, pkt);
}

static void deliver(struct fabric *f, struct packet *pkt, virt_t due)
{
	struct wire_dir_stats *down = &f->cfg.stats->links[pkt->dst].dir[WIRE_DOWN];
	struct stats_pair *pair;

	switch (f->cfg.deliver(f->cfg.ctx, pkt, due)) {
	case FABRIC_GONE:
		drop_unknown(f, pkt, due);
		return;
	case FABRIC_REFUSED:
		observe(f, pkt->dst, WIRE_DOWN, FABRIC_FAULT, pkt, due);
		stat_add(&down->fault_drops, 1);
		break;
	case FABRIC_DELIVERED:
		observe(f, pkt->dst, WIRE_DOWN, FABRIC_PASSED, pkt, due);
		pair = &f->cfg.stats->pairs[(size_t)pkt->src * f->cfg.max_links + pkt->dst];
		stat_add(&pair->bytes, pkt->len);
		stat_add(&pair->packets, 1);
		stat_add(&down->bytes, pkt->len);
		stat_add(&down->packets, 1);
		stat_add(&f->totals->bytes, pkt->len);
		stat_add(&f->totals->packets, 1);
		break;
	}
	drop(f, pkt);
}

/* @pkt arrives at the queue of a line at @now. */
static void enter(struct fabric *f, struct packet *pkt, uint32_t id, int dir, virt_t now)
{
	struct link *l = &f->links[id];
	struct linkq *q = &l->dir[dir];
	bool idle = !q->head;

	if (!linkq_feed(q, now, pkt)) {
		stat_add(l->limited[dir] ? &q->stats->queue_drops : &q->stats->fault_drops, 1);
		observe(f, id, dir, l->limited[dir] ? FABRIC_QUEUE_FULL : FABRIC_FAULT, pkt, now);
		drop(f, pkt);
	} else if (idle) {
		arm(f, id, dir);
	}
	drop_dropped(f, id, dir, now);
}

/* @pkt has come to the end of the delay after line @dir. */
static void land(struct fabric *f, struct packet *pkt, int dir, virt_t at)
{
	if (dir == WIRE_UP) {
		enter(f, pkt, pkt->dst, WIRE_DOWN, at);
	} else {
		deliver(f, pkt, at);
	}
}

/* The line of link @id has sent its packet at @at: on to the delay, and the next one. */
static void leave(struct fabric *f, uint32_t id, int dir, virt_t at)
{
	struct link *l = &f->links[id];
	bool lost = false;
	struct packet *pkt = linkq_take(&l->dir[dir], &lost);
	int64_t between_ns = 0;
	virt_t out;
	size_t index;

	arm(f, id, dir);
	drop_dropped(f, id, dir, at);
	if (lost) {
		observe(f, id, dir, FABRIC_LOST, pkt, at);
		drop(f, pkt);
		return;
	}
	if (dir == WIRE_UP) {
		struct wire_dir_stats *up = l->dir[dir].stats;

		between_ns = f->delays[(size_t)f->cfg.max_groups * l->group +
				       f->links[pkt->dst].group];
		if (between_ns == WIRE_CUT) {
			stat_add(&up->loss_drops, 1);
			stat_add(&up->cut_drops, 1);
			observe(f, id, dir, FABRIC_CUT, pkt, at);
			drop(f, pkt);
			return;
		}
		stat_add(&up->packets, 1);
		stat_add(&up->bytes, pkt->len);
	}
	out = linkq_arrival(&l->dir[dir], at);
	out.ns += between_ns;
	if (out.ns == at.ns) {
		land(f, pkt, dir, at);
		return;
	}
	index = (size_t)(pkt - f->pool.packets);
	f->landed[index] = (uint8_t)dir;
	evq_put(&f->events, f->first_packet + (uint32_t)index, out);
}

struct packet *fabric_buffer(struct fabric *f)
{
	return pool_get(&f->pool);
}

void fabric_unbuffer(struct fabric *f, struct packet *pkt)
{
	pool_put(&f->pool, pkt);
}

void fabric_no_buffer(struct fabric *f, uint32_t id)
{
	stat_add(&f->cfg.stats->links[id].dir[WIRE_UP].fault_drops, 1);
}

void fabric_feed(struct fabric *f, virt_t now, uint32_t id, struct packet *pkt, uint32_t len)
{
	struct wire_link_stats *stats = &f->cfg.stats->links[id];
	const struct slot *slot;
	uint32_t src, dst;

	pkt->len = len;
	observe(f, id, WIRE_UP, FABRIC_PASSED, pkt, now);
	if (!ipv4_parse(pkt->data, len, &src, &dst)) {
		observe(f, id, WIRE_UP, FABRIC_MALFORMED, pkt, now);
		stat_add(&stats->malformed_drops, 1);
		pool_put(&f->pool, pkt);
		return;
	}
	if (src != f->links[id].ip) {
		observe(f, id, WIRE_UP, FABRIC_SPOOFED, pkt, now);
		stat_add(&stats->spoofed_drops, 1);
		pool_put(&f->pool, pkt);
		return;
	}
	slot = find_slot(f, dst);
	pkt->src = id;
	pkt->dst = slot->link;
	stat_add(&f->totals->held_packets, 1);
	stat_add(&f->totals->held_bytes, len);
	stat_max(&f->totals->held_peak_bytes, f->totals->held_bytes);
	if (slot->link == NO_LINK) {
		drop_unknown(f, pkt, now);
	} else {
		enter(f, pkt, id, WIRE_UP, now);
	}
}

void fabric_feed_any(struct fabric *f, virt_t now, struct packet *pkt, uint32_t len)
{
	const struct slot *slot;
	uint32_t src, dst;

	if (ipv4_parse(pkt->data, len, &src, &dst)) {
		slot = find_slot(f, src);
		if (slot->link != NO_LINK) {
			fabric_feed(f, now, slot->link, pkt, len);
			return;
		}
	}
	stat_add(&f->totals->stray_drops, 1);
	pool_put(&f->pool, pkt);
}

bool fabric_next(const struct fabric *f, virt_t *when)
{
	return evq_first(&f->events, when);
}

void fabric_run(struct fabric *f, virt_t now)
{
	virt_t at;

	while (evq_first(&f->events, &at) && at.ns <= now.ns) {
		uint32_t object = evq_take(&f->events, &at);

		if (object < f->first_packet) {
			leave(f, object / 2, (int)(object % 2), at);
		} else {
			object -= f->first_packet;
			land(f, &f->pool.packets[object], f->landed[object], at);
		}
	}
}
