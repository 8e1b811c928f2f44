// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes as packets of arbitrary peers, at arbitrary instants, between changes of
 * the links.  Beside what the sanitizers see: every packet is accounted for, none is
 * delivered before it was sent or out of the order of instants, and nothing is held
 * once all events have been run.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/fabric.h"
#include "wire/linkq.h"

#define LINKS 4
#define GROUPS 2
#define BUFFERS 64

/* The two series that a line may refer to. */
enum { TABLE, TRACE };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

static struct {
	struct fabric *fabric;
	struct stats stats;
	int64_t now, last_due;
	uint64_t sent;
	unsigned moods;
} net;

static void check(bool good)
{
	if (!good) {
		abort();
	}
}

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t n = 0;

	while (bytes-- > 0 && in->left > 0) {
		n = n << 8 | *in->data++;
		in->left--;
	}
	return n;
}

static enum fabric_fate deliver(void *ctx, const struct packet *pkt, virt_t due)
{
	(void)ctx;
	check(due.ns >= net.last_due && due.ns <= net.now);
	check(pkt->src < LINKS && pkt->dst < LINKS && pkt->len >= 20 && pkt->len <= PACKET_BYTES);
	net.last_due = due.ns;
	return (enum fabric_fate)(net.moods++ % 7 % 3);
}

/* Evenly over the orders of magnitude, from unlimited to the highest allowed. */
static uint64_t rate(struct input *in)
{
	return (take(in, 5) >> take(in, 1) % 40) % (LINKQ_RATE_MAX + 1);
}

static void take_link(struct input *in, uint32_t id, struct wire_link *link)
{
	*link = (struct wire_link){
		.ip = 0x0a000001 + id,
		.group = id % GROUPS,
		.line[WIRE_UP].rate_bps = rate(in),
		.line[WIRE_DOWN].rate_bps = rate(in),
		.line[WIRE_UP].delay_ns = (int64_t)take(in, 4),
		.line[WIRE_DOWN].delay_ns = (int64_t)take(in, 4),
		.line[WIRE_UP].loss.good = (double)(take(in, 1) % 8) / 8,
		.line[WIRE_UP].loss.p = (double)(take(in, 1) % 4) / 8,
		.line[WIRE_UP].loss.r = (double)(take(in, 1) % 4) / 8,
		.line[WIRE_UP].loss.bad = (double)(take(in, 1) % 8) / 8,
		.line[WIRE_DOWN].loss.good = (double)(take(in, 1) % 8) / 8,
		.line[WIRE_UP].jitter = {.spread_ns = (int64_t)take(in, 4),
					 .kind = (uint32_t)take(in, 1) % WIRE_JITTER_KINDS,
					 .table = TABLE,
					 .reorder = take(in, 1) & 1},
		.line[WIRE_UP].limit_bytes = take(in, 2) & 0x3fff,
		.line[WIRE_UP].aqm = {.discipline = (uint32_t)take(in, 1) % WIRE_DISCIPLINES,
				      .ecn = take(in, 1) & 1,
				      .min_bytes = 1 + take(in, 1), .max_bytes = 257 + take(in, 2),
				      .probability = 0.1, .weight = 0.5,
				      .target_ns = (int64_t)take(in, 3),
				      .interval_ns = 1 + (int64_t)take(in, 3)},
		.line[WIRE_UP].overhead = {.frame_bytes = (uint32_t)take(in, 1),
					   .atm = take(in, 1) & 1},
		.line[WIRE_UP].cut = take(in, 1) % 8 == 0,
		.line[WIRE_DOWN].limit_packets = (uint32_t)take(in, 1) % 16,
		.line[WIRE_DOWN].traced = take(in, 1) % 4 == 0,
		.line[WIRE_DOWN].trace = TRACE,
	};
}

static void add_series(uint32_t id, const int64_t *values, size_t count)
{
	int64_t *own = calloc(count, sizeof(*own));

	check(own);
	memcpy(own, values, count * sizeof(*own));
	check(fabric_add_series(net.fabric, id, own, count, NULL) == 0);
}

static void feed(struct input *in)
{
	uint32_t id = (uint32_t)take(in, 1) % LINKS, flags = (uint32_t)take(in, 1);
	struct packet *pkt = fabric_buffer(net.fabric);
	size_t len = take(in, 2) % (PACKET_BYTES + 1);

	net.sent++;
	if (!pkt) {
		fabric_no_buffer(net.fabric, id);
		return;
	}
	memset(pkt->data, 0, PACKET_BYTES);
	memcpy(pkt->data, in->data, len < in->left ? len : in->left);
	take(in, len < 40 ? len : 40);
	/* Mend some, or hardly any would get past the checks. */
	if (len >= 20 && (flags & 1)) {
		pkt->data[0] = 0x45;
		pkt->data[2] = (uint8_t)(len >> 8);
		pkt->data[3] = (uint8_t)len;
	}
	if (len >= 20 && (flags & 2)) {
		const uint8_t pair[8] = {10, 0, 0, (uint8_t)(1 + id),
					 10, 0, 0, (uint8_t)(1 + (flags >> 2) % LINKS)};

		memcpy(pkt->data + 12, pair, sizeof(pair));
	}
	fabric_feed(net.fabric, (virt_t){net.now}, id, pkt, (uint32_t)len);
}

static void check_accounts(void)
{
	const struct wire_totals *t = &net.stats.header->totals;
	uint64_t ended = t->packets;

	for (unsigned i = 0; i < LINKS; i++) {
		const struct wire_link_stats *s = &net.stats.links[i];

		ended += s->unknown_dst_drops + s->spoofed_drops + s->malformed_drops;
		for (int d = 0; d < 2; d++) {
			ended += s->dir[d].queue_drops + s->dir[d].loss_drops +
				 s->dir[d].fault_drops;
		}
	}
	check(net.sent == ended + t->held_packets);
}

static void step(struct input *in)
{
	struct wire_link link;
	uint32_t id;

	switch (take(in, 1) % 8) {
	case 0:
		id = (uint32_t)take(in, 1) % LINKS;
		take_link(in, id, &link);
		fabric_set_link(net.fabric, (virt_t){net.now}, id, &link, NULL);
		break;
	case 1:
		fabric_set_delay(net.fabric, (uint32_t)take(in, 1) % (GROUPS + 1),
				 (uint32_t)take(in, 1) % GROUPS, (int64_t)take(in, 4), NULL);
		break;
	case 2:
		id = (uint32_t)take(in, 1) % LINKS;
		fabric_link_gone(net.fabric, id);
		take_link(in, id, &link);
		check(fabric_add_link(net.fabric, (virt_t){net.now}, id, &link, NULL) == 0);
		break;
	case 3:
		net.now += (int64_t)take(in, 5);
		fabric_run(net.fabric, (virt_t){net.now});
		break;
	default:
		feed(in);
	}
	check_accounts();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct fabric_config cfg = {
		.max_links = LINKS, .max_groups = GROUPS, .seed = 1,
		.buffer_bytes = BUFFERS * PACKET_BYTES, .stats = &net.stats, .deliver = deliver,
	};
	virt_t when;
	int fd;

	memset(&net, 0, sizeof(net));
	check(stats_create(&net.stats, LINKS, &fd, NULL) == 0);
	close(fd);
	check(fabric_create(&cfg, &net.fabric, NULL) == 0);
	add_series(TABLE, (const int64_t[]){-5000000, -1000000, 0, 6000000}, 4);
	add_series(TRACE, (const int64_t[]){0, 1000000, 1000000, 9000000, 20000000}, 5);
	for (uint32_t id = 0; id < LINKS; id++) {
		struct wire_link link;

		take_link(&in, id, &link);
		check(fabric_add_link(net.fabric, (virt_t){0}, id, &link, NULL) == 0);
	}
	while (in.left > 0) {
		step(&in);
	}
	while (fabric_next(net.fabric, &when)) {
		check(when.ns >= net.now);
		net.now = when.ns;
		fabric_run(net.fabric, when);
	}
	check_accounts();
	check(net.stats.header->totals.held_packets == 0);
	check(net.stats.header->totals.held_bytes == 0);
	fabric_destroy(net.fabric);
	stats_unmap(&net.stats);
	return 0;
}
