// SPDX-License-Identifier: GPL-2.0-or-later
/* The emulated network and its event queue, on invented time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "wire/evq.h"
#include "wire/fabric.h"

#define MS NS_PER_MS
#define LINKS 8
#define ARRIVALS 4096

struct arrival {
	uint32_t src, dst, len;
	int64_t due_ns;
	uint32_t tag;
};

static struct {
	struct fabric *fabric;
	struct stats stats;
	struct arrival arrivals[ARRIVALS];
	unsigned count;
	enum fabric_fate fate;
	int64_t sent, unbuffered;
	uint64_t seen[LINKS][2][FABRIC_SIGHTS];
} net;

static void observe(void *ctx, uint32_t link, int dir, enum fabric_sight sight,
		    const struct packet *pkt, virt_t at)
{
	assert_ptr_equal(ctx, &net);
	assert_true(pkt->len > 0 && at.ns >= 0);
	net.seen[link][dir][sight]++;
}

static enum fabric_fate record(void *ctx, const struct packet *pkt, virt_t due)
{
	assert_ptr_equal(ctx, &net);
	if (net.count < ARRIVALS) {
		struct arrival *a = &net.arrivals[net.count];

		*a = (struct arrival){.src = pkt->src, .dst = pkt->dst, .len = pkt->len,
				      .due_ns = due.ns};
		memcpy(&a->tag, pkt->data + 4, 4);
	}
	net.count++;
	return net.fate;
}

static void open_net(uint64_t buffer_bytes)
{
	struct fabric_config cfg = {
		.max_links = LINKS,
		.max_groups = 3,
		.seed = 1,
		.buffer_bytes = buffer_bytes,
		.stats = &net.stats,
		.deliver = record,
		.ctx = &net,
	};
	struct err err;
	int fd;

	memset(&net, 0, sizeof(net));
	assert_int_equal(stats_create(&net.stats, LINKS, &fd, &err), 0);
	close(fd);
	assert_int_equal(fabric_create(&cfg, &net.fabric, &err), 0);
	fabric_watch(net.fabric, observe, &net);
}

/* An observer is told of each packet just what the counters say. */
static void assert_all_observed(void)
{
	uint64_t sent = 0, unbuffered = 0, faults = 0;

	for (unsigned i = 0; i < LINKS; i++) {
		const struct wire_link_stats *s = &net.stats.links[i];
		const uint64_t *up = net.seen[i][WIRE_UP], *down = net.seen[i][WIRE_DOWN];

		sent += up[FABRIC_PASSED];
		unbuffered += s->dir[WIRE_UP].fault_drops - up[FABRIC_FAULT];
		faults += s->dir[WIRE_DOWN].fault_drops - down[FABRIC_FAULT];
		assert_int_equal(down[FABRIC_PASSED], s->dir[WIRE_DOWN].packets);
		assert_int_equal(up[FABRIC_UNKNOWN], s->unknown_dst_drops);
		assert_int_equal(up[FABRIC_SPOOFED], s->spoofed_drops);
		assert_int_equal(up[FABRIC_MALFORMED], s->malformed_drops);
		for (int d = 0; d < 2; d++) {
			const struct wire_dir_stats *dir = &s->dir[d];
			const uint64_t *seen = net.seen[i][d];

			assert_int_equal(seen[FABRIC_QUEUE_FULL] + seen[FABRIC_EARLY],
					 dir->queue_drops);
			assert_int_equal(seen[FABRIC_EARLY], dir->early_drops);
			assert_int_equal(seen[FABRIC_LOST] + seen[FABRIC_CUT], dir->loss_drops);
			assert_int_equal(seen[FABRIC_CUT], dir->cut_drops);
		}
	}
	/* A stray has no link to be seen at. */
	assert_int_equal(sent, net.sent - net.unbuffered - net.stats.header->totals.stray_drops);
	assert_int_equal(unbuffered, net.unbuffered);
	assert_int_equal(faults, 0);
}

/* Every packet that went in has come out, was dropped for a counted reason, or is held. */
static void assert_all_accounted(void)
{
	const struct wire_totals *t = &net.stats.header->totals;
	uint64_t ended = t->packets + t->stray_drops;

	for (unsigned i = 0; i < LINKS; i++) {
		const struct wire_link_stats *s = &net.stats.links[i];

		ended += s->unknown_dst_drops + s->spoofed_drops + s->malformed_drops;
		for (int d = 0; d < 2; d++) {
			ended += s->dir[d].queue_drops + s->dir[d].loss_drops +
				 s->dir[d].fault_drops;
		}
	}
	assert_int_equal(net.sent, ended + t->held_packets);
}

static void close_net(void)
{
	assert_all_accounted();
	assert_all_observed();
	fabric_destroy(net.fabric);
	stats_unmap(&net.stats);
}

static uint32_t ip_of(uint32_t id)
{
	return 0x0a000001 + id;
}

static void add(uint32_t id, struct wire_link link)
{
	struct err err;

	link.ip = ip_of(id);
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){0}, id, &link, &err), 0);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void send_ip(int64_t now_ns, uint32_t id, uint32_t src, uint32_t dst, uint32_t len,
		    uint32_t tag)
{
	struct packet *pkt;

	fabric_run(net.fabric, (virt_t){now_ns});
	pkt = fabric_buffer(net.fabric);
	net.sent++;
	if (!pkt) {
		fabric_no_buffer(net.fabric, id);
		net.unbuffered++;
		return;
	}
	memset(pkt->data, 0, 20);
	pkt->data[0] = 0x45;
	pkt->data[2] = (uint8_t)(len >> 8);
	pkt->data[3] = (uint8_t)len;
	memcpy(pkt->data + 4, &tag, 4);
	put_be32(pkt->data + 12, src);
	put_be32(pkt->data + 16, dst);
	fabric_feed(net.fabric, (virt_t){now_ns}, id, pkt, len);
}

static void send_packet(int64_t now_ns, uint32_t src, uint32_t dst, uint32_t len)
{
	send_ip(now_ns, src, ip_of(src), ip_of(dst), len, (uint32_t)net.sent);
}

static void run_until(int64_t ns)
{
	fabric_run(net.fabric, (virt_t){ns});
}

static void way_of_a_packet(void **state)
{
	struct err err;
	virt_t when;

	(void)state;
	open_net(0);
	add(0, (struct wire_link){.group = 0, .line[WIRE_UP].rate_bps = 1000000, .line[WIRE_UP].delay_ns = 30 * MS});
	add(1, (struct wire_link){.group = 1, .line[WIRE_DOWN].rate_bps = 2000000, .line[WIRE_DOWN].delay_ns = 10 * MS});
	assert_int_equal(fabric_set_delay(net.fabric, 1, 0, 400 * MS, &err), 0);
	assert_false(fabric_next(net.fabric, &when));
	send_packet(5, 0, 1, 1250);
	/* 10 ms up, 30 + 400 ms in flight, 5 ms down, 10 ms in flight. */
	run_until(5 + 455 * MS - 1);
	assert_int_equal(net.count, 0);
	assert_true(fabric_next(net.fabric, &when));
	assert_int_equal(when.ns, 5 + 455 * MS);
	run_until(10 * NS_PER_S);
	assert_int_equal(net.count, 1);
	assert_int_equal(net.arrivals[0].due_ns, 5 + 455 * MS);
	assert_int_equal(net.arrivals[0].src, 0);
	assert_int_equal(net.arrivals[0].dst, 1);
	assert_int_equal(net.arrivals[0].len, 1250);
	assert_int_equal(net.stats.links[0].dir[WIRE_UP].bytes, 1250);
	assert_int_equal(net.stats.links[1].dir[WIRE_DOWN].packets, 1);
	assert_int_equal(net.stats.pairs[0 * LINKS + 1].bytes, 1250);
	assert_int_equal(net.stats.pairs[1 * LINKS + 0].bytes, 0);
	assert_int_equal(net.stats.header->totals.held_packets, 0);
	assert_int_equal(net.stats.header->totals.held_peak_bytes, 1250);
	close_net();
}

static void plain_links_pass_at_once_and_in_order(void **state)
{
	(void)state;
	open_net(0);
	add(0, (struct wire_link){0});
	add(1, (struct wire_link){0});
	for (unsigned i = 0; i < 100; i++) {
		send_packet(77, 0, 1, 40 + i);
	}
	run_until(77);
	assert_int_equal(net.count, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(net.arrivals[i].len, 40 + i);
		assert_int_equal(net.arrivals[i].due_ns, 77);
	}
	close_net();
}

/* Four peers send to one at the same instant: its downlink puts them in a row. */
static void downlink_is_shared(void **state)
{
	(void)state;
	open_net(0);
	add(0, (struct wire_link){.line[WIRE_DOWN].rate_bps = 1000000});
	for (uint32_t i = 1; i <= 4; i++) {
		add(i, (struct wire_link){.line[WIRE_UP].delay_ns = 10 * MS});
		send_packet(0, i, 0, 1250);
	}
	run_until(NS_PER_S);
	assert_int_equal(net.count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(net.arrivals[i].due_ns, (20 + 10 * i) * MS);
		assert_int_equal(net.arrivals[i].src, i + 1);
	}
	close_net();
}

/* The emulator that wakes up late and the one that is on time agree on every instant. */
static void lateness_does_not_spread(void **state)
{
	static struct arrival punctual[ARRIVALS];
	unsigned count = 0;

	(void)state;
	for (int late = 0; late < 2; late++) {
		struct rng rng;
		int64_t now = 0;

		open_net(0);
		for (uint32_t i = 0; i < LINKS; i++) {
			add(i, (struct wire_link){
				.group = i % 3, .line[WIRE_UP].rate_bps = 128000 * (i + 1), .line[WIRE_DOWN].rate_bps = 2000000,
				.line[WIRE_UP].delay_ns = 3 * MS * i, .line[WIRE_DOWN].delay_ns = 7 * MS,
				.line[WIRE_UP].loss.good = 0.01, .line[WIRE_UP].limit_bytes = 20000,
				.line[WIRE_DOWN].limit_packets = 30});
		}
		rng_seed(&rng, 3);
		for (unsigned k = 0; k < 3000; k++) {
			uint32_t src = (uint32_t)rng_below(&rng, LINKS);

			now += (int64_t)rng_below(&rng, 5 * MS);
			if (!late) {
				for (int64_t t = now - 5 * MS; t < now; t += MS / 10) {
					run_until(t);
				}
			}
			send_packet(now, src, (src + 1 + (uint32_t)rng_below(&rng, LINKS - 1)) % LINKS,
				    20 + (uint32_t)rng_below(&rng, 1480));
		}
		run_until(INT64_MAX);
		assert_int_equal(net.stats.header->totals.held_packets, 0);
		if (!late) {
			count = net.count;
			memcpy(punctual, net.arrivals, sizeof(punctual));
		} else {
			assert_int_equal(count, net.count);
			assert_true(count > 1500);
			assert_memory_equal(punctual, net.arrivals, count * sizeof(punctual[0]));
		}
		close_net();
	}
}

static void bad_packets_are_counted(void **state)
{
	const struct wire_link_stats *s;
	struct packet *pkt;

	(void)state;
	open_net(0);
	add(0, (struct wire_link){0});
	add(1, (struct wire_link){0});
	s = &net.stats.links[0];
	send_ip(0, 0, ip_of(1), ip_of(1), 100, 0);
	assert_int_equal(s->spoofed_drops, 1);
	send_ip(0, 0, ip_of(0), 0xefc09891, 100, 0);
	send_ip(0, 0, ip_of(0), ip_of(5), 100, 0);
	assert_int_equal(s->unknown_dst_drops, 2);
	assert_int_equal(net.stats.header->totals.unknown_dst_drops, 2);
	/* Cut off, IPv6 likewise, a header longer than the packet, too short for a header. */
	static const struct {
		uint8_t version_ihl;
		uint8_t total;
		uint32_t len;
	} bad[] = {{0x45, 100, 99}, {0x45, 100, 101}, {0x60, 40, 41}, {0x4f, 40, 40},
		   {0x44, 40, 40}, {0x45, 19, 19}, {0x45, 1, 1}, {0x45, 0, 20}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pkt = fabric_buffer(net.fabric);
		memset(pkt->data, 0, 128);
		pkt->data[0] = bad[i].version_ihl;
		pkt->data[3] = bad[i].total;
		put_be32(pkt->data + 12, ip_of(0));
		put_be32(pkt->data + 16, ip_of(1));
		net.sent++;
		fabric_feed(net.fabric, (virt_t){0}, 0, pkt, bad[i].len);
		assert_int_equal(s->malformed_drops, i + 1);
	}
	run_until(NS_PER_S);
	assert_int_equal(net.count, 0);
	close_net();
}

static void source_address_tells_whose_packet(void **state)
{
	(void)state;
	open_net(0);
	add(0, (struct wire_link){.line[WIRE_UP].delay_ns = MS});
	add(1, (struct wire_link){0});
	for (unsigned i = 0; i < 2; i++) {
		struct packet *pkt = fabric_buffer(net.fabric);

		memset(pkt->data, 0, 40);
		pkt->data[0] = 0x45;
		pkt->data[3] = 40;
		put_be32(pkt->data + 12, ip_of(i ? 5 : 0));
		put_be32(pkt->data + 16, ip_of(1));
		net.sent++;
		fabric_feed_any(net.fabric, (virt_t){0}, pkt, 40);
	}
	assert_int_equal(net.stats.header->totals.stray_drops, 1);
	run_until(NS_PER_S);
	assert_int_equal(net.count, 1);
	assert_int_equal(net.arrivals[0].src, 0);
	assert_int_equal(net.arrivals[0].due_ns, MS);
	close_net();
}

static void queue_full_is_counted_where_it_happens(void **state)
{
	(void)state;
	open_net(0);
	add(0, (struct wire_link){.line[WIRE_UP].rate_bps = 1000000, .line[WIRE_UP].limit_packets = 10});
	add(1, (struct wire_link){.line[WIRE_DOWN].rate_bps = 100000, .line[WIRE_DOWN].limit_bytes = 2500});
	for (unsigned i = 0; i < 15; i++) {
		send_packet(0, 0, 1, 1250);
	}
	assert_int_equal(net.stats.links[0].dir[WIRE_UP].queue_drops, 5);
	run_until(10 * NS_PER_S);
	/* They come at 10 ms distance, and one leaves in 100 ms: 2 are held, 1 sent by 110 ms. */
	assert_int_equal(net.stats.links[1].dir[WIRE_DOWN].queue_drops, 8);
	assert_int_equal(net.count, 2);
	close_net();
}

static void one_link_cannot_take_all_buffers(void **state)
{
	unsigned i;

	(void)state;
	open_net(160 * PACKET_BYTES);
	add(0, (struct wire_link){.line[WIRE_UP].rate_bps = 1000});
	add(1, (struct wire_link){.line[WIRE_UP].rate_bps = 1000, .line[WIRE_UP].limit_packets = 1000});
	add(2, (struct wire_link){0});
	for (i = 0; i < 100; i++) {
		send_packet(0, 0, 1, 1500);
	}
	/* No limit was asked for, so a drop is a fault. */
	assert_int_equal(net.stats.links[0].dir[WIRE_UP].queue_drops, 0);
	assert_int_equal(net.stats.links[0].dir[WIRE_UP].fault_drops, 100 - 21);
	send_packet(0, 2, 0, 1500);
	run_until(0);
	assert_int_equal(net.count, 1);
	/* Until there is no buffer at all. */
	for (i = 0; i < 200; i++) {
		send_packet(0, 1, 0, 1500);
	}
	assert_int_equal(net.stats.links[1].dir[WIRE_UP].fault_drops, 200 - (160 - 21));
	assert_null(fabric_buffer(net.fabric));
	assert_all_accounted();
	run_until(INT64_MAX / 2);
	assert_int_equal(net.stats.header->totals.held_packets, 0);
	close_net();
}

static void refused_and_gone(void **state)
{
	struct wire_link link = {.ip = ip_of(1)};
	struct err err;

	(void)state;
	open_net(0);
	add(0, (struct wire_link){0});
	add(1, (struct wire_link){0});
	net.fate = FABRIC_REFUSED;
	send_packet(0, 0, 1, 100);
	run_until(0);
	assert_int_equal(net.stats.links[1].dir[WIRE_DOWN].fault_drops, 1);
	net.fate = FABRIC_GONE;
	send_packet(0, 0, 1, 100);
	run_until(0);
	assert_int_equal(net.stats.links[0].unknown_dst_drops, 1);
	assert_int_equal(net.stats.links[1].dir[WIRE_DOWN].packets, 0);
	/* A peer that lives cannot be added again; one that is gone can. */
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){1}, 1, &link, &err), -1);
	fabric_link_gone(net.fabric, 1);
	link.ip = ip_of(4);
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){1}, 1, &link, &err), -1);
	link.ip = ip_of(1);
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){1}, 1, &link, &err), 0);
	net.fate = FABRIC_DELIVERED;
	send_packet(2, 0, 1, 100);
	run_until(2);
	assert_int_equal(net.stats.links[1].dir[WIRE_DOWN].packets, 1);
	close_net();
}

static void parameters_change_on_the_way(void **state)
{
	struct wire_link link = {.line[WIRE_UP].rate_bps = 1000000, .line[WIRE_UP].delay_ns = 5 * MS};
	struct err err;

	(void)state;
	open_net(0);
	add(0, link);
	add(1, (struct wire_link){0});
	send_packet(0, 0, 1, 1250);
	send_packet(0, 0, 1, 1250);
	run_until(4 * MS);
	link.line[WIRE_UP].rate_bps = 500000;
	link.line[WIRE_UP].delay_ns = 50 * MS;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){4 * MS}, 0, &link, &err), 0);
	run_until(NS_PER_S);
	assert_int_equal(net.count, 2);
	assert_int_equal(net.arrivals[0].due_ns, (16 + 50) * MS);
	assert_int_equal(net.arrivals[1].due_ns, (36 + 50) * MS);
	link.line[WIRE_UP].rate_bps = 0;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){NS_PER_S}, 0, &link, &err), 0);
	close_net();
}

static void cut_and_healed(void **state)
{
	struct wire_link link = {.line[WIRE_UP] = {.rate_bps = 1000000, .delay_ns = 5 * MS}};
	const struct wire_dir_stats *up;
	struct err err;

	(void)state;
	open_net(0);
	up = &net.stats.links[0].dir[WIRE_UP];
	add(0, link);
	add(1, (struct wire_link){.group = 1});
	for (unsigned i = 0; i < 5; i++) {
		send_packet(0, 0, 1, 1250);
	}
	/* One is in flight, one on the line, three wait. */
	run_until(12 * MS);
	link.line[WIRE_UP].cut = true;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){12 * MS}, 0, &link, &err), 0);
	assert_int_equal(up->cut_drops, 4);
	send_packet(20 * MS, 0, 1, 1250);
	run_until(NS_PER_S);
	assert_int_equal(net.count, 1);
	assert_int_equal(up->cut_drops, 5);
	assert_int_equal(up->loss_drops, 5);
	assert_int_equal(net.stats.header->totals.held_packets, 0);
	link.line[WIRE_UP].cut = false;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){NS_PER_S}, 0, &link, &err), 0);
	send_packet(NS_PER_S, 0, 1, 1250);
	run_until(2 * NS_PER_S);
	assert_int_equal(net.count, 2);
	assert_int_equal(net.arrivals[1].due_ns, NS_PER_S + 15 * MS);
	/* A partition: both ways, but not within a group. */
	add(2, (struct wire_link){.group = 1});
	assert_int_equal(fabric_set_delay(net.fabric, 1, 0, WIRE_CUT, &err), 0);
	send_packet(2 * NS_PER_S, 0, 1, 1250);
	send_packet(2 * NS_PER_S, 1, 0, 1250);
	send_packet(2 * NS_PER_S, 1, 2, 1250);
	run_until(3 * NS_PER_S);
	assert_int_equal(net.count, 3);
	assert_int_equal(net.arrivals[2].dst, 2);
	assert_int_equal(up->cut_drops, 6);
	assert_int_equal(fabric_set_delay(net.fabric, 0, 1, 30 * MS, &err), 0);
	send_packet(3 * NS_PER_S, 1, 0, 1250);
	run_until(4 * NS_PER_S);
	assert_int_equal(net.count, 4);
	assert_int_equal(net.arrivals[3].due_ns, 3 * NS_PER_S + 30 * MS);
	close_net();
}

static void nonsense_is_refused(void **state)
{
	struct wire_link bad[] = {
		{.ip = 9, .line[WIRE_UP].loss.good = 1.5},      {.ip = 9, .line[WIRE_DOWN].loss.good = -0.1},
		{.ip = 9, .line[WIRE_UP].delay_ns = -1},   {.ip = 9, .line[WIRE_DOWN].rate_bps = UINT64_MAX},
		{.ip = 9, .group = 3},          {.ip = ip_of(0)},
		{.ip = 9, .line[WIRE_UP].loss.good = __builtin_nan("")},
	};
	struct wire_link good = {.ip = 9};
	struct err err;

	(void)state;
	open_net(0);
	add(0, (struct wire_link){0});
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(fabric_add_link(net.fabric, (virt_t){0}, 1, &bad[i], &err), -1);
	}
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){0}, LINKS, &good, &err), -1);
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){0}, 1, &good, &err), -1);
	assert_int_equal(fabric_set_delay(net.fabric, 0, 3, 1, &err), -1);
	assert_int_equal(fabric_set_delay(net.fabric, 0, 1, -1, &err), -1);
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){0}, 1, &good, &err), 0);
	close_net();
}

/* Against a plain list: random puts, moves, withdrawals and takes. */
static void event_queue_keeps_order(void **state)
{
	enum { TRACKED = 16, OTHERS = 200 };
	struct { int64_t at; uint64_t order; bool in; } ref[TRACKED + OTHERS] = {0};
	uint64_t order = 0;
	struct evq q;
	struct rng rng;
	struct err err;

	(void)state;
	rng_seed(&rng, 9);
	assert_int_equal(evq_init(&q, TRACKED, OTHERS, &err), 0);
	for (unsigned step = 0; step < 200000; step++) {
		uint32_t object = (uint32_t)rng_below(&rng, TRACKED + OTHERS);
		unsigned what = (unsigned)rng_below(&rng, 8), best = UINT32_MAX;
		virt_t at = {(int64_t)rng_below(&rng, 50)}, first;

		if (what < 4 && (object < TRACKED || !ref[object].in)) {
			evq_put(&q, object, at);
			ref[object].at = at.ns;
			ref[object].order = order++;
			ref[object].in = true;
		} else if (what == 4 && object < TRACKED) {
			evq_cancel(&q, object);
			ref[object].in = false;
		} else if (what > 4) {
			for (unsigned i = 0; i < TRACKED + OTHERS; i++) {
				if (ref[i].in && (best == UINT32_MAX || ref[i].at < ref[best].at ||
						  (ref[i].at == ref[best].at &&
						   ref[i].order < ref[best].order))) {
					best = i;
				}
			}
			assert_int_equal(evq_first(&q, &first), best != UINT32_MAX);
			if (best != UINT32_MAX) {
				assert_int_equal(evq_take(&q, &at), best);
				assert_int_equal(at.ns, ref[best].at);
				assert_int_equal(at.ns, first.ns);
				ref[best].in = false;
			}
		}
	}
	evq_fini(&q);
}

static void lateness_buckets(void **state)
{
	(void)state;
	assert_int_equal(stats_late_bucket(-5), 0);
	assert_int_equal(stats_late_bucket(1999), 0);
	assert_int_equal(stats_late_bucket(2000), 1);
	assert_int_equal(stats_late_bucket(3999), 1);
	assert_int_equal(stats_late_bucket(4000), 2);
	assert_int_equal(stats_late_bucket(1024 * 1000), 10);
	assert_int_equal(stats_late_bucket(INT64_MAX), WIRE_LATE_BUCKETS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(way_of_a_packet),
		cmocka_unit_test(plain_links_pass_at_once_and_in_order),
		cmocka_unit_test(downlink_is_shared),
		cmocka_unit_test(lateness_does_not_spread),
		cmocka_unit_test(bad_packets_are_counted),
		cmocka_unit_test(source_address_tells_whose_packet),
		cmocka_unit_test(queue_full_is_counted_where_it_happens),
		cmocka_unit_test(one_link_cannot_take_all_buffers),
		cmocka_unit_test(refused_and_gone),
		cmocka_unit_test(parameters_change_on_the_way),
		cmocka_unit_test(cut_and_healed),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(event_queue_keeps_order),
		cmocka_unit_test(lateness_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
