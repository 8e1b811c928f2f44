// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LANs behind gateways, on invented time: an office of three hosts behind a NAT, a school of
 * two without one, and a peer outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "test_packets.h"
#include "wire/fabric.h"
#include "wire/igmp.h"
#include "wire/lan.h"

#define MS NS_PER_MS
#define LINKS 8

enum { OFFICE, SCHOOL, ANN, BEN, CEM, DAN, EVE, OUTSIDE };

#define OFFICE_IP 0xcb007101u  /* 203.0.113.1 */
#define OUTSIDE_IP 0xc6336401u /* 198.51.100.1 */
#define GROUP 0xefc0988fu      /* 239.192.152.143 */

static const uint32_t ips[LINKS] = {
	[OFFICE] = OFFICE_IP, [SCHOOL] = 0x0a050001, [ANN] = 0xc0a80102, [BEN] = 0xc0a80103,
	[CEM] = 0xc0a80104, [DAN] = 0x0a050002, [EVE] = 0x0a050003, [OUTSIDE] = OUTSIDE_IP,
};

static struct {
	struct fabric *fabric;
	struct stats stats;
	unsigned arrived[LINKS];     /* by destination */
	int64_t due_ns;              /* of the last one */
	uint32_t src_ip, dst_ip, sport, dport;
	unsigned sent, nat_drops;
} net;

static enum fabric_fate record(void *ctx, const struct packet *pkt, virt_t due)
{
	(void)ctx;
	net.arrived[pkt->dst]++;
	net.due_ns = due.ns;
	net.src_ip = ip_be32(pkt->data + 12);
	net.dst_ip = ip_be32(pkt->data + 16);
	net.sport = ip_be16(pkt->data + 20);
	net.dport = ip_be16(pkt->data + 22);
	return FABRIC_DELIVERED;
}

static void observe(void *ctx, uint32_t link, int dir, enum fabric_sight sight,
		    const struct packet *pkt, virt_t at)
{
	(void)ctx, (void)dir, (void)pkt, (void)at;
	if (sight == FABRIC_NAT) {
		assert_int_equal(link, OFFICE);
		net.nat_drops++;
	}
}

static void add(uint32_t id, struct wire_link link)
{
	struct err err;

	link.ip = ips[id];
	assert_int_equal(fabric_add_link(net.fabric, (virt_t){0}, id, &link, &err), 0);
}

static struct wire_link gateway(uint32_t inside, enum wire_nat_kind kind, bool hairpin)
{
	return (struct wire_link){
		.kind = WIRE_GATEWAY, .group = kind ? 1 : 2, .inside_ip = inside, .inside_bits = 24,
		.nat = {.kind = kind, .hairpin = hairpin, .port_min = 1024, .port_max = 65535,
			.timeout_ns = {NS_PER_S, NS_PER_S, NS_PER_S, NS_PER_S}},
		.line[WIRE_UP] = {.rate_bps = 1000000, .delay_ns = 20 * MS},
		.line[WIRE_DOWN] = {.rate_bps = 1000000, .delay_ns = 20 * MS},
	};
}

static void open_net(enum wire_nat_kind kind, bool hairpin)
{
	struct fabric_config cfg = {
		.max_links = LINKS, .max_groups = 3, .seed = 1, .buffer_bytes = 1 << 20,
		.stats = &net.stats, .deliver = record,
	};
	const struct wire_line port = {.rate_bps = 100000000, .delay_ns = MS};
	struct err err;
	int fd;

	memset(&net, 0, sizeof(net));
	assert_int_equal(stats_create(&net.stats, LINKS, &fd, &err), 0);
	close(fd);
	assert_int_equal(fabric_create(&cfg, &net.fabric, &err), 0);
	fabric_watch(net.fabric, observe, NULL);
	add(OFFICE, gateway(0xc0a80100, kind, hairpin));
	add(SCHOOL, gateway(0x0a050000, WIRE_NAT_NONE, false));
	for (uint32_t id = ANN; id <= EVE; id++) {
		add(id, (struct wire_link){.in_lan = true, .lan = id <= CEM ? OFFICE : SCHOOL,
					   .line = {port, port}});
	}
	add(OUTSIDE, (struct wire_link){.group = 0});
	assert_int_equal(fabric_set_delay(net.fabric, 0, 1, 100 * MS, &err), 0);
}

/* Every packet, and every copy of one, has ended in one of the ways that are counted. */
static void close_net(void)
{
	uint64_t ended = net.stats.header->totals.packets, copies = 0, nat = 0;

	fabric_run(net.fabric, (virt_t){INT64_MAX});
	for (unsigned i = 0; i < LINKS; i++) {
		const struct wire_link_stats *s = &net.stats.links[i];

		ended += s->unknown_dst_drops + s->spoofed_drops + s->malformed_drops + s->to_many;
		copies += s->copies;
		for (int d = 0; d < 2; d++) {
			ended += s->dir[d].queue_drops + s->dir[d].loss_drops + s->dir[d].fault_drops;
		}
		nat += s->nat.filtered_drops + s->nat.exhausted_drops + s->nat.hairpin_drops +
		       s->nat.unsupported_drops;
	}
	assert_int_equal(net.sent + copies, ended + nat);
	assert_int_equal(net.nat_drops, nat);
	assert_int_equal(net.stats.header->totals.held_packets, 0);
	fabric_destroy(net.fabric);
	stats_unmap(&net.stats);
}

static void feed(int64_t now, uint32_t id, const uint8_t *data, uint32_t len)
{
	struct packet *pkt = fabric_buffer(net.fabric);

	assert_non_null(pkt);
	memcpy(pkt->data, data, len);
	fabric_run(net.fabric, (virt_t){now});
	fabric_feed(net.fabric, (virt_t){now}, id, pkt, len);
	net.sent++;
}

static void send_udp(int64_t now, uint32_t id, uint32_t dst, uint16_t sport, uint16_t dport,
		     uint32_t len)
{
	uint8_t data[1500];

	write_packet(data, len, IP_UDP, ips[id], sport, dst, dport, 0);
	feed(now, id, data, len);
}

static void run_until(int64_t ns)
{
	fabric_run(net.fabric, (virt_t){ns});
}

/* Nothing of it touches the gateway; the LAN's own rate and delay hold. */
static void hosts_of_a_lan_meet_at_its_switch(void **state)
{
	(void)state;
	open_net(WIRE_NAT_SYMMETRIC, false);
	send_udp(0, ANN, ips[BEN], 1, 2, 1250);
	run_until(NS_PER_S);
	assert_int_equal(net.arrived[BEN], 1);
	assert_int_equal(net.due_ns, 2 * (MS + 100 * NS_PER_US));
	assert_int_equal(net.src_ip, ips[ANN]);
	assert_int_equal(net.stats.links[OFFICE].dir[WIRE_UP].packets, 0);
	assert_int_equal(net.stats.pairs[ANN * LINKS + BEN].bytes, 1250);
	/* An address of the LAN that nobody has; a private one from outside. */
	send_udp(NS_PER_S, ANN, 0xc0a80163, 1, 2, 100);
	send_udp(NS_PER_S, OUTSIDE, ips[ANN], 1, 2, 100);
	run_until(2 * NS_PER_S);
	assert_int_equal(net.stats.links[ANN].unknown_dst_drops, 1);
	assert_int_equal(net.stats.links[OUTSIDE].unknown_dst_drops, 1);
	close_net();
}

static void way_out_and_back(void **state)
{
	(void)state;
	open_net(WIRE_NAT_PORT_RESTRICTED, false);
	send_udp(0, ANN, OUTSIDE_IP, 5000, 80, 1250);
	run_until(NS_PER_S / 2);
	assert_int_equal(net.arrived[OUTSIDE], 1);
	/* 0.1 + 1 ms on the port, 10 + 20 ms on the WAN line, 100 ms between the sites. */
	assert_int_equal(net.due_ns, 131 * MS + 100 * NS_PER_US);
	assert_int_equal(net.src_ip, OFFICE_IP);
	assert_int_equal(net.stats.pairs[ANN * LINKS + OUTSIDE].packets, 1);
	assert_int_equal(net.stats.links[OFFICE].dir[WIRE_UP].bytes, 1250);
	send_udp(NS_PER_S / 2, OUTSIDE, OFFICE_IP, 80, (uint16_t)net.sport, 125);
	run_until(NS_PER_S);
	assert_int_equal(net.arrived[ANN], 1);
	assert_int_equal(net.dst_ip, ips[ANN]);
	assert_int_equal(net.dport, 5000);
	assert_int_equal(net.stats.links[OFFICE].dir[WIRE_DOWN].bytes, 125);
	assert_int_equal(net.stats.links[OFFICE].nat.bindings, 1);
	/* Somebody else's port: over the WAN line, and no further. */
	send_udp(NS_PER_S, OUTSIDE, OFFICE_IP, 81, 5000, 125);
	run_until(2 * NS_PER_S);
	assert_int_equal(net.stats.links[OFFICE].nat.filtered_drops, 1);
	assert_int_equal(net.stats.links[OFFICE].dir[WIRE_DOWN].packets, 2);
	close_net();
}

/* The WAN line's bytes are those of all that crossed it, and of nothing else. */
static void wan_bytes_are_what_crossed(void **state)
{
	const struct wire_forward forward = {ips[CEM], 6881, 51413, IP_UDP};
	const struct wire_dir_stats *wan;
	struct err err;

	(void)state;
	open_net(WIRE_NAT_PORT_RESTRICTED, true);
	assert_int_equal(fabric_add_forward(net.fabric, OFFICE, &forward, &err), 0);
	wan = net.stats.links[OFFICE].dir;
	/* To the outside, and back: an answer, what nobody asked for, a forwarded port. */
	send_udp(0, ANN, OUTSIDE_IP, 5000, 80, 1201);
	send_udp(0, BEN, ips[DAN], 5000, 80, 302);
	run_until(NS_PER_S / 2);
	send_udp(NS_PER_S / 2, OUTSIDE, OFFICE_IP, 80, 5000, 703);
	send_udp(NS_PER_S / 2, OUTSIDE, OFFICE_IP, 81, 5000, 104);
	send_udp(NS_PER_S / 2, OUTSIDE, OFFICE_IP, 9, 6881, 85);
	/* Nothing of this goes further than the gateway, if so far. */
	send_udp(NS_PER_S / 2, ANN, ips[BEN], 1, 2, 1400);
	send_udp(NS_PER_S / 2, ANN, GROUP, 1, 2, 1300);
	send_udp(NS_PER_S / 2, ANN, 0xffffffff, 1, 2, 1100);
	send_udp(NS_PER_S / 2, BEN, OFFICE_IP, 2, 6881, 1000);
	run_until(NS_PER_S);
	assert_int_equal(net.arrived[CEM], 3); /* forwarded, broadcast, by the public address */
	assert_int_equal(wan[WIRE_UP].bytes, 1201 + 302);
	assert_int_equal(wan[WIRE_UP].packets, 2);
	assert_int_equal(wan[WIRE_DOWN].bytes, 703 + 104 + 85);
	assert_int_equal(wan[WIRE_DOWN].packets, 3);
	assert_int_equal(net.stats.links[SCHOOL].dir[WIRE_DOWN].bytes, 302);
	assert_int_equal(net.stats.links[SCHOOL].dir[WIRE_UP].bytes, 0);
	close_net();
}

/* What the WAN line drops, and what has not left it yet, has not crossed it. */
static void wan_bytes_without_what_is_dropped(void **state)
{
	struct wire_link thin = gateway(0xc0a80100, WIRE_NAT_FULL_CONE, false);
	const struct wire_dir_stats *up;
	struct err err;

	(void)state;
	open_net(WIRE_NAT_FULL_CONE, false);
	up = &net.stats.links[OFFICE].dir[WIRE_UP];
	thin.ip = OFFICE_IP;
	thin.line[WIRE_UP].limit_packets = 2;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){0}, OFFICE, &thin, &err), 0);
	for (int i = 0; i < 5; i++) {
		send_udp(0, ANN, OUTSIDE_IP, 5000, 80, 1250);
	}
	run_until(5 * MS);
	assert_int_equal(up->bytes, 0); /* a packet takes 10 ms */
	run_until(NS_PER_S);
	assert_int_equal(up->queue_drops, 3);
	assert_int_equal(up->bytes, 2 * 1250);
	assert_int_equal(net.stats.pairs[ANN * LINKS + OUTSIDE].bytes, 2 * 1250);
	close_net();
}

/* Counting begins anew, the bindings are still there. */
static void reset_keeps_what_is_there(void **state)
{
	const struct wire_nat_stats *nat;

	(void)state;
	open_net(WIRE_NAT_FULL_CONE, false);
	nat = &net.stats.links[OFFICE].nat;
	send_udp(0, ANN, OUTSIDE_IP, 5000, 80, 100);
	run_until(NS_PER_S / 2);
	stats_reset(&net.stats);
	net.sent = 0;
	assert_int_equal(nat->bindings, 1);
	assert_int_equal(nat->bindings_peak, 1);
	assert_int_equal(nat->created, 0);
	send_udp(3 * NS_PER_S, BEN, OUTSIDE_IP, 5000, 80, 100);
	run_until(4 * NS_PER_S);
	assert_int_equal(nat->bindings, 1);
	close_net();
}

/* Two hosts send at once: their packets stand in one queue. */
static void wan_line_is_shared(void **state)
{
	(void)state;
	open_net(WIRE_NAT_FULL_CONE, false);
	send_udp(0, ANN, OUTSIDE_IP, 1, 2, 1250);
	send_udp(0, BEN, OUTSIDE_IP, 1, 2, 1250);
	run_until(NS_PER_S);
	assert_int_equal(net.due_ns, 141 * MS + 100 * NS_PER_US);
	assert_int_equal(net.stats.links[OFFICE].dir[WIRE_UP].queue_peak_bytes, 2500);
	close_net();
}

static void hairpin(void **state)
{
	(void)state;
	for (int on = 0; on < 2; on++) {
		open_net(WIRE_NAT_FULL_CONE, on);
		send_udp(0, ANN, OUTSIDE_IP, 5000, 80, 100);
		send_udp(10 * MS, BEN, OFFICE_IP, 6000, 5000, 100);
		run_until(100 * MS);
		assert_int_equal(net.arrived[ANN], on);
		assert_int_equal(net.stats.links[OFFICE].nat.hairpin_drops, !on);
		if (on) {
			/* RFC 4787, REQ-9: seen as from the public address, not past the WAN line. */
			assert_int_equal(net.src_ip, OFFICE_IP);
			assert_int_equal(net.dst_ip, ips[ANN]);
		}
		run_until(NS_PER_S);
		assert_int_equal(net.stats.links[OFFICE].dir[WIRE_UP].packets, 1);
		close_net();
	}
}

static void forwarded_port(void **state)
{
	const struct wire_forward forward = {ips[CEM], 6881, 51413, IP_UDP};
	struct err err;

	(void)state;
	open_net(WIRE_NAT_SYMMETRIC, false);
	assert_int_equal(fabric_add_forward(net.fabric, OFFICE, &forward, &err), 0);
	assert_int_equal(fabric_add_forward(net.fabric, SCHOOL, &forward, &err), -1);
	assert_int_equal(fabric_add_forward(net.fabric, ANN, &forward, &err), -1);
	send_udp(0, OUTSIDE, OFFICE_IP, 9, 6881, 100);
	run_until(NS_PER_S);
	assert_int_equal(net.arrived[CEM], 1);
	assert_int_equal(net.dport, 51413);
	close_net();
}

/* Without a NAT the LAN's addresses are public, and nothing is filtered. */
static void routed_lan(void **state)
{
	(void)state;
	open_net(WIRE_NAT_SYMMETRIC, false);
	send_udp(0, OUTSIDE, ips[DAN], 1, 2, 1250);
	run_until(NS_PER_S);
	assert_int_equal(net.arrived[DAN], 1);
	assert_int_equal(net.due_ns, 31 * MS + 100 * NS_PER_US);
	send_udp(NS_PER_S, ANN, ips[EVE], 1, 2, 100);
	send_udp(NS_PER_S, OUTSIDE, 0x0a050063, 1, 2, 100);
	run_until(2 * NS_PER_S);
	assert_int_equal(net.arrived[EVE], 1);
	assert_int_equal(net.src_ip, OFFICE_IP);
	assert_int_equal(net.stats.links[OUTSIDE].unknown_dst_drops, 1);
	close_net();
}

/* --- multicast --------------------------------------------------------------- */

/* The record type of IGMPv3, or the message of the older versions. */
static void report(int64_t now, uint32_t id, uint8_t type, unsigned sources)
{
	bool v3 = type < 0x10;
	uint8_t data[60];

	write_packet(data, 44, IP_IGMP, ips[id], 0, 0xe0000016, 0, 0);
	memset(data + 20, 0, 40);
	data[20] = v3 ? 0x22 : type;
	if (v3) {
		data[27] = 1;
		data[28] = type;
		data[31] = (uint8_t)sources;
		ip_put_be32(data + 32, GROUP);
		ip_put_be32(data + 36, OUTSIDE_IP);
	} else {
		ip_put_be32(data + 24, GROUP);
	}
	feed(now, id, data, 44);
	run_until(now + 10 * MS);
}

static unsigned multicast(int64_t now, uint32_t id, uint32_t group)
{
	unsigned before = net.arrived[ANN] + net.arrived[BEN] + net.arrived[CEM];

	send_udp(now, id, group, 6771, 6771, 100);
	run_until(now + 10 * MS);
	return net.arrived[ANN] + net.arrived[BEN] + net.arrived[CEM] - before;
}

static void multicast_reaches_members_in_the_lan(void **state)
{
	enum { IS_EXCLUDE = 2, TO_INCLUDE = 3, TO_EXCLUDE = 4, ALLOW = 5, BLOCK = 6 };

	(void)state;
	open_net(WIRE_NAT_FULL_CONE, false);
	assert_int_equal(multicast(0, ANN, GROUP), 0);
	report(0, BEN, TO_EXCLUDE, 0);
	report(0, BEN, TO_EXCLUDE, 0);
	report(0, DAN, TO_EXCLUDE, 0); /* of another LAN */
	assert_int_equal(multicast(20 * MS, ANN, GROUP), 1);
	assert_int_equal(net.arrived[BEN], 1);
	assert_int_equal(multicast(40 * MS, BEN, GROUP), 0); /* not to itself */
	assert_int_equal(multicast(60 * MS, OUTSIDE, GROUP), 0);
	assert_int_equal(net.stats.links[OUTSIDE].unknown_dst_drops, 1);
	report(80 * MS, CEM, 0x16, 0);
	assert_int_equal(multicast(100 * MS, ANN, GROUP), 2);
	assert_int_equal(multicast(120 * MS, ANN, GROUP + 1), 0);
	report(140 * MS, CEM, 0x17, 0);
	report(160 * MS, BEN, TO_INCLUDE, 0);
	assert_int_equal(multicast(180 * MS, ANN, GROUP), 0);
	report(200 * MS, CEM, ALLOW, 1);
	assert_int_equal(multicast(220 * MS, ANN, GROUP), 1);
	report(240 * MS, CEM, BLOCK, 1);
	assert_int_equal(multicast(260 * MS, ANN, GROUP), 1);
	/* Nobody joins for a peer that is gone. */
	fabric_link_gone(net.fabric, CEM);
	assert_int_equal(multicast(280 * MS, ANN, GROUP), 0);
	report(300 * MS, BEN, 0x12, 0);
	assert_int_equal(multicast(320 * MS, ANN, GROUP), 1);
	assert_int_equal(net.arrived[DAN] + net.arrived[EVE] + net.arrived[OUTSIDE], 0);
	assert_int_equal(net.stats.links[OFFICE].dir[WIRE_UP].packets, 0);
	close_net();
}

static void broadcast_and_link_local_groups_reach_all(void **state)
{
	(void)state;
	open_net(WIRE_NAT_FULL_CONE, false);
	assert_int_equal(multicast(0, ANN, 0xffffffff), 2);
	assert_int_equal(multicast(20 * MS, ANN, 0xc0a801ff), 2);
	assert_int_equal(multicast(40 * MS, ANN, 0xe00000fb), 2);
	assert_int_equal(net.stats.links[ANN].copies, 6);
	close_net();
}

static void copies_need_buffers(void **state)
{
	struct packet *held[600];
	unsigned n = 0;

	(void)state;
	open_net(WIRE_NAT_FULL_CONE, false);
	send_udp(0, ANN, 0xffffffff, 1, 2, 100);
	while ((held[n] = fabric_buffer(net.fabric))) {
		n++;
	}
	run_until(100 * MS);
	assert_int_equal(net.stats.links[BEN].dir[WIRE_DOWN].fault_drops, 1);
	assert_int_equal(net.stats.links[CEM].dir[WIRE_DOWN].fault_drops, 1);
	while (n > 0) {
		fabric_unbuffer(net.fabric, held[--n]);
	}
	close_net();
}

/* --- memberships and reports by themselves ------------------------------------- */

static void memberships_are_bounded(void **state)
{
	struct lans l;
	struct err err;
	uint32_t at = 0;

	(void)state;
	assert_int_equal(lan_init(&l, 4, &err), 0);
	for (uint32_t turn = 0; turn < 3; turn++) {
		for (uint32_t host = 1; host < 4; host++) {
			for (uint32_t g = 0; g < 2 * LAN_GROUPS_MAX; g++) {
				lan_join(&l, 0, ip_v4(GROUP + g), host);
			}
		}
		at = 0;
		assert_int_equal(lan_next_member(&l, 0, ip_v4(GROUP + LAN_GROUPS_MAX), &at), LAN_NONE);
		at = 0;
		for (unsigned n = 0; n < 3; n++) {
			assert_in_range(lan_next_member(&l, 0, ip_v4(GROUP), &at), 1, 3);
		}
		assert_int_equal(lan_next_member(&l, 0, ip_v4(GROUP), &at), LAN_NONE);
		lan_leave(&l, 0, ip_v4(GROUP), 2);
		lan_leave(&l, 0, ip_v4(GROUP), 2);
		at = 0;
		assert_int_not_equal(lan_next_member(&l, 0, ip_v4(GROUP), &at), 2);
		assert_int_not_equal(lan_next_member(&l, 0, ip_v4(GROUP), &at), 2);
		assert_int_equal(lan_next_member(&l, 0, ip_v4(GROUP), &at), LAN_NONE);
		for (uint32_t host = 1; host < 4; host++) {
			lan_leave_all(&l, host);
		}
		at = 0;
		assert_int_equal(lan_next_member(&l, 0, ip_v4(GROUP + 1), &at), LAN_NONE);
	}
	lan_fini(&l);
}

static void note_change(void *ctx, struct ip_addr group, bool joins)
{
	unsigned *seen = ctx;

	assert_true(ip_is_multicast(group));
	*seen = *seen * 10 + (joins ? 1 : 2);
}

static unsigned changes(const uint8_t *data, size_t len)
{
	struct ip_head head;
	unsigned seen = 0;

	assert_true(ip_parse(data, len, &head));
	igmp_read(data, len, &head, note_change, &seen);
	return seen;
}

/* MLD: a version 2 report of two groups behind a hop-by-hop header, a version 1 done; cut off. */
static void mld_reports(void **state)
{
	uint8_t p[96] = {0x60, 0, 0, 0, 0, 56, 0, 1, 0xfe, 0x80, [23] = 1, [24] = 0xff, 2, [39] = 0x16,
			 [40] = IP_ICMP6, 0, 5, 2, [48] = 143, [55] = 2,
			 [56] = 4, [60] = 0xff, 2, [75] = 9, [76] = 3, [80] = 0xff, 5, [95] = 8};

	(void)state;
	assert_int_equal(changes(p, 96), 12);
	p[59] = 1; /* claims a source that makes the second record too short */
	assert_int_equal(changes(p, 96), 1);
	p[5] = 8 + 24;
	p[48] = 132;
	assert_int_equal(changes(p, 72), 0); /* no multicast address there */
	memset(p + 56, 0, 16);
	p[56] = 0xff;
	assert_int_equal(changes(p, 72), 2);
	p[5] = 8 + 20;
	assert_int_equal(changes(p, 68), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_of_a_lan_meet_at_its_switch),
		cmocka_unit_test(way_out_and_back),
		cmocka_unit_test(wan_bytes_are_what_crossed),
		cmocka_unit_test(wan_bytes_without_what_is_dropped),
		cmocka_unit_test(reset_keeps_what_is_there),
		cmocka_unit_test(wan_line_is_shared),
		cmocka_unit_test(hairpin),
		cmocka_unit_test(forwarded_port),
		cmocka_unit_test(routed_lan),
		cmocka_unit_test(multicast_reaches_members_in_the_lan),
		cmocka_unit_test(broadcast_and_link_local_groups_reach_all),
		cmocka_unit_test(copies_need_buffers),
		cmocka_unit_test(memberships_are_bounded),
		cmocka_unit_test(mld_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
