// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes as packets of hosts in a LAN behind a NAT, and of a peer outside.  Beside what
 * the sanitizers see: every packet and every copy is accounted for, what is for one LAN does
 * not leave it, and nobody outside sees a private address.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/fabric.h"
#include "wire/ip.h"

enum { GATEWAY, ANN, BEN, OUTSIDE, LINKS };

#define PUBLIC 0xcb007101u
#define INSIDE 0xc0a80100u
#define OUTSIDE_IP 0xc6336401u
#define BUFFERS 64
#define PORTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t ips[LINKS] = {PUBLIC, INSIDE + 2, INSIDE + 3, OUTSIDE_IP};
static const uint32_t targets[] = {PUBLIC, INSIDE + 2, INSIDE + 3, OUTSIDE_IP, 0xe0000016,
				   0xefc0988f, UINT32_MAX, INSIDE + 255};

struct input {
	const uint8_t *data;
	size_t left;
};

static struct {
	struct fabric *fabric;
	struct stats stats;
	int64_t now;
	uint64_t sent;
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
	uint32_t src = ip_be32(pkt->data + 12), dst = ip_be32(pkt->data + 16);

	(void)ctx;
	check(due.ns <= net.now);
	if (pkt->dst == OUTSIDE) {
		check(src == PUBLIC || src == OUTSIDE_IP);
		check(dst == OUTSIDE_IP);
	} else if (dst != ips[pkt->dst]) {
		check(dst >> 28 == 0xe || dst == UINT32_MAX || dst == INSIDE + 255);
		check(pkt->src == ANN || pkt->src == BEN);
	}
	return FABRIC_DELIVERED;
}

static void feed(struct input *in)
{
	uint32_t id = ANN + (uint32_t)take(in, 1) % 3, flags = (uint32_t)take(in, 1);
	struct packet *pkt = fabric_buffer(net.fabric);
	size_t len = take(in, 1) + (flags & 1) * 20;

	net.sent++;
	if (!pkt) {
		fabric_no_buffer(net.fabric, id);
		return;
	}
	memset(pkt->data, 0, PACKET_BYTES);
	memcpy(pkt->data, in->data, len < in->left ? len : in->left);
	take(in, len < 64 ? len : 64);
	/* Mend most, or hardly any would get past the checks. */
	if (flags & 1) {
		pkt->data[0] = 0x45;
		ip_put_be16(pkt->data + 2, (uint32_t)len);
		ip_put_be16(pkt->data + 6, flags & 2 ? 1 : 0);
		pkt->data[9] = (const uint8_t[]){IP_UDP, IP_TCP, IP_ICMP, IP_IGMP}[flags >> 2 & 3];
		ip_put_be32(pkt->data + 12, ips[id]);
		ip_put_be32(pkt->data + 16, targets[flags >> 4 & 7]);
	}
	fabric_feed(net.fabric, (virt_t){net.now}, id, pkt, (uint32_t)len);
}

static void check_accounts(void)
{
	const struct wire_totals *t = &net.stats.header->totals;
	uint64_t ended = t->packets, begun = net.sent;

	for (unsigned i = 0; i < LINKS; i++) {
		const struct wire_link_stats *s = &net.stats.links[i];

		ended += s->unknown_dst_drops + s->spoofed_drops + s->malformed_drops + s->to_many;
		begun += s->copies;
		for (int d = 0; d < 2; d++) {
			ended += s->dir[d].queue_drops + s->dir[d].loss_drops +
				 s->dir[d].fault_drops;
		}
		ended += s->nat.filtered_drops + s->nat.exhausted_drops + s->nat.hairpin_drops +
			 s->nat.unsupported_drops;
		check(s->nat.bindings <= s->nat.created && s->nat.bindings <= 3 * PORTS);
	}
	check(begun == ended + t->held_packets);
}

static void add_links(struct input *in)
{
	struct wire_link link = {
		.kind = WIRE_GATEWAY, .ip = PUBLIC, .inside_ip = INSIDE, .inside_bits = 24,
		.nat = {.kind = WIRE_NAT_FULL_CONE + (uint32_t)take(in, 1) % 4,
			.hairpin = take(in, 1) & 1, .port_min = 0x4141, .port_max = 0x4140 + PORTS,
			.timeout_ns = {1000000, 9000000, 3000000, 500000}},
		.line = {{.rate_bps = 1000000, .limit_bytes = 4000}, {.delay_ns = 1000}},
	};
	const struct wire_forward forward = {INSIDE + 2, 0x4142, 0x4143, IP_TCP};

	check(fabric_add_link(net.fabric, (virt_t){0}, GATEWAY, &link, NULL) == 0);
	check(fabric_add_forward(net.fabric, GATEWAY, &forward, NULL) == 0);
	for (uint32_t id = ANN; id <= OUTSIDE; id++) {
		link = (struct wire_link){
			.ip = ips[id], .in_lan = id != OUTSIDE, .lan = GATEWAY,
			.line = {{.delay_ns = (int64_t)take(in, 2)}, {.rate_bps = 10000000}},
		};
		check(fabric_add_link(net.fabric, (virt_t){0}, id, &link, NULL) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct fabric_config cfg = {
		.max_links = LINKS, .max_groups = 1, .seed = 1, .nat_sessions = 16,
		.buffer_bytes = BUFFERS * PACKET_BYTES, .stats = &net.stats, .deliver = deliver,
	};
	virt_t when;
	int fd;

	memset(&net, 0, sizeof(net));
	check(stats_create(&net.stats, LINKS, &fd, NULL) == 0);
	close(fd);
	check(fabric_create(&cfg, &net.fabric, NULL) == 0);
	add_links(&in);
	while (in.left > 0) {
		if (take(&in, 1) % 4 == 0) {
			net.now += (int64_t)take(&in, 3);
			fabric_run(net.fabric, (virt_t){net.now});
		} else {
			feed(&in);
		}
		check_accounts();
	}
	while (fabric_next(net.fabric, &when)) {
		net.now = when.ns;
		fabric_run(net.fabric, when);
	}
	check_accounts();
	check(net.stats.header->totals.held_packets == 0);
	fabric_destroy(net.fabric);
	stats_unmap(&net.stats);
	return 0;
}
