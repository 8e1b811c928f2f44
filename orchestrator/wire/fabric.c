// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/fabric.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "wire/fabric_private.h"

#define BUFFER_BYTES_DEFAULT (UINT64_C(256) << 20)

/* A queue without a limit gets this share of all buffers, so that one link cannot
 * take them all; a drop there is a fault drop, as nobody asked for it. */
#define UNLIMITED_SHARE 8

/* A host has an address; a gateway, that and its LAN's prefix. */
#define ROUTES_PER_LINK 2

int fabric_create(const struct fabric_config *cfg, struct fabric **fabric, struct err *err)
{
	struct fabric *f = calloc(1, sizeof(*f));

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
	f->first_packet = 2 * cfg->max_links;
	f->links = calloc(cfg->max_links, sizeof(*f->links));
	f->delays = calloc((size_t)cfg->max_groups * cfg->max_groups + 1, sizeof(*f->delays));
	if (!f->links || !f->delays) {
		err_errno(err, ERR_FAILED, "link emulator for %u links", cfg->max_links);
		goto fail;
	}
	if (route_init(&f->routes, ROUTES_PER_LINK * cfg->max_links, err) ||
	    lan_init(&f->lans, cfg->max_links, err)) {
		goto fail;
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
	for (uint32_t i = 0; i < f->series_count; i++) {
		free(f->series[i].values);
	}
	free(f->series);
	nat_destroy(f->nat);
	lan_fini(&f->lans);
	route_fini(&f->routes);
	free(f->delays);
	free(f->links);
	free(f);
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

int fabric_add_series(struct fabric *f, uint32_t id, int64_t *values, size_t count, struct err *err)
{
	CLEAN_FREE int64_t *owned = values;

	if (!f->series) {
		f->series = calloc(SERIES_MAX, sizeof(*f->series));
	}
	if (!f->series) {
		return err_errno(err, ERR_FAILED, "series %u", id);
	}
	if (id != f->series_count || id >= SERIES_MAX || count == 0 || values[count - 1] <= 0) {
		return err_set(err, ERR_USAGE, "series %u of %zu values, after %u others", id, count,
			       f->series_count);
	}
	for (size_t i = 1; i < count; i++) {
		if (values[i] < values[i - 1]) {
			return err_set(err, ERR_USAGE, "series %u does not ascend", id);
		}
	}
	f->series[f->series_count++] = (struct series){take_ptr(owned), count};
	return 0;
}

/* What a line, which has been checked, refers to. */
static void refer(const struct fabric *f, struct linkq *q, const struct wire_line *line)
{
	linkq_refer(q, line->jitter.kind == WIRE_JITTER_TABLE ? &f->series[line->jitter.table] : NULL,
		    line->traced ? &f->series[line->trace] : NULL);
}

void fabric_drop(struct fabric *f, struct packet *pkt)
{
	stat_set(&f->totals->held_packets, f->totals->held_packets - 1);
	stat_set(&f->totals->held_bytes, f->totals->held_bytes - pkt->len);
	pool_put(&f->pool, pkt);
}

void fabric_observe(const struct fabric *f, uint32_t id, int dir, enum fabric_sight sight,
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
		fabric_observe(f, id, dir, q->cfg.cut ? FABRIC_CUT : FABRIC_EARLY, pkt, at);
		fabric_drop(f, pkt);
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

/* Give a link its address and what it is. */
static int place_link(struct fabric *f, uint32_t id, const struct wire_link *link, struct err *err)
{
	struct link *l = &f->links[id];

	l->kind = (enum wire_link_kind)link->kind;
	l->ip = ip_v4(link->ip);
	l->group = link->group;
	l->lan = LAN_NONE;
	l->nat = NO_NAT;
	if (link->in_lan || link->kind == WIRE_GATEWAY) {
		return fabric_add_to_lan(f, id, link, err);
	}
	return route_add(&f->routes, SPACE_PUBLIC, l->ip, 128, id, err);
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
	struct link *l;

	if (fabric_check_link(f, id, link, err)) {
		return -1;
	}
	l = &f->links[id];
	if (l->state == LINK_UP || (l->state == LINK_GONE && !ip_equal(l->ip, ip_v4(link->ip)))) {
		return err_set(err, ERR_FAILED, "link %u or its address is in use", id);
	}
	if (l->state == LINK_NONE && place_link(f, id, link, err)) {
		return err_wrap(err, "link %u or its address is in use", id);
	}
	bound_queues(f, l, link, line);
	for (int d = 0; d < 2; d++) {
		if (l->state == LINK_GONE) {
			refer(f, &l->dir[d], &line[d]);
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
			refer(f, &l->dir[d], &line[d]);
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

	if (fabric_check_link(f, id, link, err)) {
		return -1;
	}
	l = &f->links[id];
	if (l->state == LINK_NONE) {
		return err_set(err, ERR_FAILED, "link %u: there is no such link", id);
	}
	bound_queues(f, l, link, line);
	for (int d = 0; d < 2; d++) {
		refer(f, &l->dir[d], &line[d]);
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
		lan_leave_all(&f->lans, id);
	}
}

void fabric_watch(struct fabric *f, fabric_observe_fn observer, void *ctx)
{
	f->observe = observer;
	f->observer = ctx;
}

/* --- packets ------------------------------------------------------------- */

void fabric_drop_unknown(struct fabric *f, struct packet *pkt, virt_t at)
{
	fabric_observe(f, pkt->src, WIRE_UP, FABRIC_UNKNOWN, pkt, at);
	stat_add(&f->cfg.stats->links[pkt->src].unknown_dst_drops, 1);
	stat_add(&f->totals->unknown_dst_drops, 1);
	fabric_drop(f, pkt);
}

static void deliver(struct fabric *f, struct packet *pkt, virt_t due)
{
	struct wire_dir_stats *down = &f->cfg.stats->links[pkt->dst].dir[WIRE_DOWN];
	struct stats_pair *pair;

	switch (f->cfg.deliver(f->cfg.ctx, pkt, due)) {
	case FABRIC_GONE:
		fabric_drop_unknown(f, pkt, due);
		return;
	case FABRIC_REFUSED:
		fabric_observe(f, pkt->dst, WIRE_DOWN, FABRIC_FAULT, pkt, due);
		stat_add(&down->fault_drops, 1);
		break;
	case FABRIC_DELIVERED:
		fabric_observe(f, pkt->dst, WIRE_DOWN, FABRIC_PASSED, pkt, due);
		pair = &f->cfg.stats->pairs[(size_t)pkt->src * f->cfg.max_links + pkt->dst];
		stat_add(&pair->bytes, pkt->len);
		stat_add(&pair->packets, 1);
		stat_add(&down->bytes, pkt->len);
		stat_add(&down->packets, 1);
		stat_add(&f->totals->bytes, pkt->len);
		stat_add(&f->totals->packets, 1);
		break;
	}
	fabric_drop(f, pkt);
}

/* @pkt arrives at the queue of a line at @now. */
void fabric_enter(struct fabric *f, struct packet *pkt, uint32_t id, int dir, virt_t now)
{
	struct link *l = &f->links[id];
	struct linkq *q = &l->dir[dir];
	bool idle = !q->head;

	if (!linkq_feed(q, now, pkt)) {
		stat_add(l->limited[dir] ? &q->stats->queue_drops : &q->stats->fault_drops, 1);
		fabric_observe(f, id, dir, l->limited[dir] ? FABRIC_QUEUE_FULL : FABRIC_FAULT, pkt, now);
		fabric_drop(f, pkt);
	} else if (idle) {
		arm(f, id, dir);
	}
	drop_dropped(f, id, dir, now);
}

/* @pkt has come to the end of the delay after a line of link @id. */
static void land(struct fabric *f, struct packet *pkt, uint32_t id, int dir, virt_t at)
{
	const struct link *l = &f->links[id];

	if (l->kind == WIRE_GATEWAY && dir == WIRE_DOWN) {
		fabric_lan_arrive(f, pkt, id, at);
	} else if (dir == WIRE_DOWN) {
		deliver(f, pkt, at);
	} else if (l->lan != LAN_NONE) {
		fabric_lan_switch(f, pkt, at);
	} else {
		fabric_enter(f, pkt, pkt->dst, WIRE_DOWN, at);
	}
}

/* What lies between link @id, which has sent @pkt, and where that goes; false: it is cut. */
static bool way_between(const struct fabric *f, uint32_t id, const struct packet *pkt,
			int64_t *between_ns)
{
	const struct link *l = &f->links[id];

	*between_ns = 0;
	if (l->lan == LAN_NONE) {
		*between_ns = f->delays[(size_t)f->cfg.max_groups * l->group +
					f->links[pkt->dst].group];
	}
	return *between_ns != WIRE_CUT;
}

/* The line of link @id has sent its packet at @at: on to the delay, and the next one. */
static void leave(struct fabric *f, uint32_t id, int dir, virt_t at)
{
	struct link *l = &f->links[id];
	struct wire_dir_stats *stats = l->dir[dir].stats;
	bool lost = false;
	struct packet *pkt = linkq_take(&l->dir[dir], &lost);
	int64_t between_ns = 0;
	virt_t out;
	size_t index;

	arm(f, id, dir);
	drop_dropped(f, id, dir, at);
	if (lost) {
		fabric_observe(f, id, dir, FABRIC_LOST, pkt, at);
		fabric_drop(f, pkt);
		return;
	}
	if (dir == WIRE_UP && !way_between(f, id, pkt, &between_ns)) {
		stat_add(&stats->loss_drops, 1);
		stat_add(&stats->cut_drops, 1);
		fabric_observe(f, id, dir, FABRIC_CUT, pkt, at);
		fabric_drop(f, pkt);
		return;
	}
	/* What comes down to a peer counts when the peer has it. */
	if (dir == WIRE_UP || l->kind == WIRE_GATEWAY) {
		stat_add(&stats->packets, 1);
		stat_add(&stats->bytes, pkt->len);
	}
	out = linkq_arrival(&l->dir[dir], at);
	out.ns += between_ns;
	if (out.ns == at.ns) {
		land(f, pkt, id, dir, at);
		return;
	}
	index = (size_t)(pkt - f->pool.packets);
	f->landed[index] = 2 * id + (uint32_t)dir;
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

/* Count @pkt as held, from here to fabric_drop(). */
static void hold(struct fabric *f, const struct packet *pkt)
{
	stat_add(&f->totals->held_packets, 1);
	stat_add(&f->totals->held_bytes, pkt->len);
	stat_max(&f->totals->held_peak_bytes, f->totals->held_bytes);
}

struct packet *fabric_copy(struct fabric *f, const struct packet *pkt)
{
	struct packet *copy = pool_get(&f->pool);

	if (copy) {
		memcpy(copy->data, pkt->data, pkt->len);
		copy->len = pkt->len;
		copy->src = pkt->src;
		hold(f, copy);
	}
	return copy;
}

void fabric_feed(struct fabric *f, virt_t now, uint32_t id, struct packet *pkt, uint32_t len)
{
	struct wire_link_stats *stats = &f->cfg.stats->links[id];
	const struct link *l = &f->links[id];
	struct ip_head head;

	pkt->len = len;
	fabric_observe(f, id, WIRE_UP, FABRIC_PASSED, pkt, now);
	if (!ip_parse(pkt->data, len, &head)) {
		fabric_observe(f, id, WIRE_UP, FABRIC_MALFORMED, pkt, now);
		stat_add(&stats->malformed_drops, 1);
		pool_put(&f->pool, pkt);
		return;
	}
	if (!ip_equal(head.src, l->ip)) {
		fabric_observe(f, id, WIRE_UP, FABRIC_SPOOFED, pkt, now);
		stat_add(&stats->spoofed_drops, 1);
		pool_put(&f->pool, pkt);
		return;
	}
	pkt->src = id;
	pkt->dst = l->lan != LAN_NONE ? fabric_lan_destination(f, id, head.dst)
				      : route_find(&f->routes, SPACE_PUBLIC, head.dst);
	hold(f, pkt);
	if (pkt->dst == NO_LINK) {
		fabric_drop_unknown(f, pkt, now);
	} else {
		fabric_enter(f, pkt, id, WIRE_UP, now);
	}
}

void fabric_feed_any(struct fabric *f, virt_t now, struct packet *pkt, uint32_t len)
{
	struct ip_head head;
	uint32_t link = NO_LINK;

	if (ip_parse(pkt->data, len, &head)) {
		link = route_find(&f->routes, SPACE_PUBLIC, head.src);
	}
	if (link != NO_LINK && f->links[link].kind == WIRE_PEER) {
		fabric_feed(f, now, link, pkt, len);
		return;
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
			uint32_t line = f->landed[object];

			land(f, &f->pool.packets[object], line / 2, (int)(line % 2), at);
		}
	}
}
