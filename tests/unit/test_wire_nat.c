// SPDX-License-Identifier: GPL-2.0-or-later
/* Network address translation, on invented time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "wire/ip.h"
#include "wire/nat.h"
#include "wire/natpkt.h"
#include "test_packets.h"

#define PUBLIC 0xcb007101u /* 203.0.113.1 */
#define INSIDE 0xc0a80102u /* 192.168.1.2 */
#define ALICE 0xc6336401u  /* 198.51.100.1 */
#define BOB 0xc6336402u
#define MIN (60 * NS_PER_S)
#define LEN 60

static struct {
	struct nat *nat;
	struct wire_nat_stats stats;
	uint32_t gateway;
	uint8_t pkt[LEN];
} bed;

static const struct wire_nat plain = {
	.port_min = 1024, .port_max = 65535,
	.timeout_ns = {[WIRE_NAT_UDP] = 5 * MIN, [WIRE_NAT_TCP] = 124 * MIN,
		       [WIRE_NAT_TCP_TRANSITORY] = 4 * MIN, [WIRE_NAT_ICMP] = MIN},
};

static void open_bed(enum wire_nat_kind kind, const struct wire_nat *base, uint32_t sessions)
{
	struct wire_nat cfg = *base;
	struct err err;

	memset(&bed, 0, sizeof(bed));
	cfg.kind = kind;
	assert_int_equal(nat_create(sessions, &bed.nat, &err), 0);
	assert_int_equal(nat_add(bed.nat, PUBLIC, &cfg, &bed.stats, &bed.gateway, &err), 0);
}

/* From inside; the port that it has outside, 0 if it did not get there. */
static uint16_t out_from(int64_t at, uint8_t proto, uint32_t host, uint16_t sport, uint32_t dst,
			 uint16_t dport, uint8_t flags)
{
	write_packet(bed.pkt, LEN, proto, host, sport, dst, dport, flags);
	if (nat_out(bed.nat, bed.gateway, (virt_t){at}, bed.pkt, LEN) != NAT_PASS) {
		return 0;
	}
	assert_true(sums_hold(bed.pkt, LEN));
	assert_int_equal(ip_be32(bed.pkt + 12), PUBLIC);
	assert_int_equal(ip_be32(bed.pkt + 16), dst);
	return (uint16_t)ip_be16(bed.pkt + (proto == IP_ICMP ? 24 : 20));
}

static uint16_t out(int64_t at, uint16_t sport, uint32_t dst, uint16_t dport)
{
	return out_from(at, IP_UDP, INSIDE, sport, dst, dport, 0);
}

/* From outside; the port inside that it gets to, 0 if it does not. */
static uint16_t in_to(int64_t at, uint8_t proto, uint32_t src, uint16_t sport, uint16_t dport,
		      uint8_t flags)
{
	uint32_t inside = 0;

	write_packet(bed.pkt, LEN, proto, src, proto == IP_ICMP ? dport : sport, PUBLIC, dport, flags);
	if (nat_in(bed.nat, bed.gateway, (virt_t){at}, bed.pkt, LEN, &inside) != NAT_PASS) {
		return 0;
	}
	assert_true(sums_hold(bed.pkt, LEN));
	assert_int_equal(ip_be32(bed.pkt + 16), inside);
	assert_int_equal(ip_be32(bed.pkt + 12), src);
	return (uint16_t)ip_be16(bed.pkt + (proto == IP_ICMP ? 24 : 22));
}

static uint16_t in(int64_t at, uint32_t src, uint16_t sport, uint16_t dport)
{
	return in_to(at, IP_UDP, src, sport, dport, 0);
}

/* The table of nat.h, for UDP and for TCP. */
static void the_four_kinds(void **state)
{
	static const struct {
		enum wire_nat_kind kind;
		bool same_binding;   /* for another destination */
		bool other_port, other_address, stranger; /* get in */
	} want[] = {
		{WIRE_NAT_FULL_CONE, true, true, true, true},
		{WIRE_NAT_RESTRICTED, true, true, false, false},
		{WIRE_NAT_PORT_RESTRICTED, true, false, false, false},
		{WIRE_NAT_SYMMETRIC, false, false, false, false},
	};
	const uint8_t protos[] = {IP_UDP, IP_TCP};

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t proto = protos[i % 2];
		uint16_t port, port_bob;

		open_bed(want[i / 2].kind, &plain, 100);
		assert_int_equal(in_to(0, proto, ALICE, 80, 5000, TCP_SYN), 0);
		port = out_from(1, proto, INSIDE, 5000, ALICE, 80, TCP_SYN);
		assert_int_equal(port, 5000); /* preserved */
		assert_int_equal(in_to(2, proto, ALICE, 80, port, TCP_SYN | TCP_ACK), 5000);
		assert_int_equal(in_to(3, proto, ALICE, 81, port, TCP_SYN) == 5000, want[i / 2].other_port);
		assert_int_equal(in_to(4, proto, BOB, 80, port, TCP_SYN) == 5000, want[i / 2].other_address);
		assert_int_equal(in_to(5, proto, BOB, 9999, port, TCP_SYN) == 5000, want[i / 2].stranger);
		port_bob = out_from(6, proto, INSIDE, 5000, BOB, 80, TCP_SYN);
		assert_int_equal(port_bob == port, want[i / 2].same_binding);
		assert_int_equal(in_to(7, proto, BOB, 80, port_bob, TCP_ACK), 5000);
		assert_int_equal(in_to(8, proto, ALICE, 80, port, TCP_ACK), 5000);
		nat_destroy(bed.nat);
	}
}

static void bindings_time_out(void **state)
{
	(void)state;
	open_bed(WIRE_NAT_PORT_RESTRICTED, &plain, 100);
	assert_int_equal(out(0, 5000, ALICE, 80), 5000);
	assert_int_equal(in(5 * MIN - 1, ALICE, 80, 5000), 5000); /* starts anew */
	assert_int_equal(in(10 * MIN - 2, ALICE, 80, 5000), 5000);
	assert_int_equal(bed.stats.bindings, 1);
	assert_int_equal(in(15 * MIN - 2, ALICE, 80, 5000), 0);
	assert_int_equal(bed.stats.bindings, 0);
	/* One binding lasts as long as one of its sessions; the other's filter closes. */
	assert_int_equal(out(20 * MIN, 5000, ALICE, 80), 5000);
	assert_int_equal(out(24 * MIN, 5000, BOB, 80), 5000);
	assert_int_equal(in(26 * MIN, BOB, 80, 5000), 5000);
	assert_int_equal(in(26 * MIN, ALICE, 80, 5000), 0);
	assert_int_equal(bed.stats.created, 2);
	nat_destroy(bed.nat);
}

static void tcp_has_two_timers(void **state)
{
	(void)state;
	open_bed(WIRE_NAT_SYMMETRIC, &plain, 100);
	/* Nobody answers: 4 minutes. */
	assert_int_equal(out_from(0, IP_TCP, INSIDE, 5000, ALICE, 80, TCP_SYN), 5000);
	assert_int_equal(in_to(4 * MIN, IP_TCP, ALICE, 80, 5000, TCP_SYN | TCP_ACK), 0);
	/* Open: 2 hours 4 minutes. */
	assert_int_equal(out_from(5 * MIN, IP_TCP, INSIDE, 5000, ALICE, 80, TCP_SYN), 5000);
	assert_int_equal(in_to(5 * MIN, IP_TCP, ALICE, 80, 5000, TCP_SYN | TCP_ACK), 5000);
	assert_int_equal(in_to(120 * MIN, IP_TCP, ALICE, 80, 5000, TCP_ACK), 5000);
	/* One FIN leaves it open, two do not. */
	assert_int_equal(in_to(121 * MIN, IP_TCP, ALICE, 80, 5000, TCP_ACK | TCP_FIN), 5000);
	assert_int_equal(out_from(200 * MIN, IP_TCP, INSIDE, 5000, ALICE, 80, TCP_FIN), 5000);
	assert_int_equal(in_to(204 * MIN, IP_TCP, ALICE, 80, 5000, TCP_ACK), 0);
	/* A reset. */
	assert_int_equal(out_from(300 * MIN, IP_TCP, INSIDE, 5000, ALICE, 80, TCP_SYN), 5000);
	assert_int_equal(in_to(300 * MIN, IP_TCP, ALICE, 80, 5000, TCP_ACK), 5000);
	assert_int_equal(in_to(301 * MIN, IP_TCP, ALICE, 80, 5000, TCP_RST), 5000);
	assert_int_equal(bed.stats.bindings, 1);
	assert_int_equal(in_to(305 * MIN, IP_TCP, ALICE, 80, 5000, TCP_ACK), 0);
	assert_int_equal(bed.stats.bindings, 0);
	nat_destroy(bed.nat);
}

static void hosts_do_not_share_ports(void **state)
{
	struct wire_nat few = plain;

	(void)state;
	few.port_min = 2000;
	few.port_max = 2009;
	open_bed(WIRE_NAT_FULL_CONE, &few, 100);
	for (uint32_t i = 0; i < 10; i++) {
		uint16_t port = out_from(i, IP_UDP, INSIDE + i, 2003, ALICE, 80, 0);

		assert_in_range(port, 2000, 2009);
		if (i == 0) {
			assert_int_equal(port, 2003);
		}
	}
	/* Each of the ten is somebody's. */
	for (uint16_t port = 2000; port <= 2009; port++) {
		assert_int_equal(in(10, BOB, 80, port), 2003);
	}
	assert_int_equal(bed.stats.bindings, 10);
	write_packet(bed.pkt, LEN, IP_UDP, INSIDE + 10, 2003, ALICE, 80, 0);
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){MIN}, bed.pkt, LEN), NAT_EXHAUSTED);
	/* TCP has its own. */
	assert_int_equal(out_from(MIN, IP_TCP, INSIDE, 7, ALICE, 80, TCP_SYN), 2000);
	/* Time frees them. */
	assert_in_range(out_from(6 * MIN, IP_UDP, INSIDE + 10, 2003, ALICE, 80, 0), 2000, 2009);
	assert_int_equal(bed.stats.bindings_peak, 11);
	nat_destroy(bed.nat);
}

static void forwarded_ports_are_open(void **state)
{
	struct err err;

	(void)state;
	open_bed(WIRE_NAT_SYMMETRIC, &plain, 100);
	assert_int_equal(nat_forward(bed.nat, bed.gateway, IP_TCP, 6881, INSIDE, 51413, &err), 0);
	assert_int_equal(nat_forward(bed.nat, bed.gateway, IP_TCP, 6881, INSIDE + 1, 1, &err), -1);
	assert_int_equal(nat_forward(bed.nat, bed.gateway, IP_TCP, 6882, INSIDE, 51413, &err), -1);
	assert_int_equal(in_to(0, IP_TCP, BOB, 7777, 6881, TCP_SYN), 51413);
	assert_int_equal(out_from(1, IP_TCP, INSIDE, 51413, BOB, 7777, TCP_SYN | TCP_ACK), 6881);
	assert_int_equal(in(2, BOB, 7777, 6881), 0); /* UDP was not asked for */
	/* It stays when nobody has used it for a week, and nobody else gets it. */
	assert_int_equal(in_to(10080 * MIN, IP_TCP, ALICE, 1, 6881, TCP_SYN), 51413);
	assert_int_not_equal(out_from(10080 * MIN, IP_TCP, INSIDE + 3, 6881, BOB, 1, TCP_SYN), 6881);
	assert_int_equal(bed.stats.bindings, 1);
	nat_destroy(bed.nat);
}

static void echoes_and_errors(void **state)
{
	uint8_t error[56];
	uint16_t port;
	uint32_t inside = 0;

	(void)state;
	open_bed(WIRE_NAT_PORT_RESTRICTED, &plain, 100);
	assert_int_equal(out_from(0, IP_ICMP, INSIDE, 4242, ALICE, 0, 8), 4242);
	port = out_from(0, IP_ICMP, INSIDE + 1, 4242, ALICE, 0, 8);
	assert_int_not_equal(port, 4242);
	assert_int_equal(in_to(1, IP_ICMP, ALICE, 0, port, 0), 4242);
	assert_int_equal(ip_be32(bed.pkt + 16), INSIDE + 1);
	assert_int_equal(in_to(1, IP_ICMP, BOB, 0, port, 0), 0);
	assert_int_equal(in_to(MIN + 1, IP_ICMP, ALICE, 0, port, 0), 0);

	/* An error from a third party about a packet of ours: back to who has sent it. */
	port = out(2 * MIN, 900, ALICE, 33434);
	assert_int_not_equal(port, 900); /* below the range */
	write_packet(error, sizeof(error), IP_ICMP, BOB, 0, PUBLIC, 0, 11);
	write_packet(bed.pkt, LEN, IP_UDP, PUBLIC, port, ALICE, 33434, 0);
	ip_put_be32(error + 24, 0);
	memcpy(error + 28, bed.pkt, 28);
	ip_put_be16(error + 22, 0);
	ip_put_be16(error + 22, ~sum(error + 20, 36, 0) & 0xffff);
	assert_int_equal(nat_in(bed.nat, bed.gateway, (virt_t){2 * MIN}, error, 56, &inside), NAT_PASS);
	assert_int_equal(inside, INSIDE);
	assert_true(sums_hold(error, 56));
	assert_int_equal(ip_be32(error + 28 + 12), INSIDE);
	assert_int_equal(ip_be16(error + 28 + 20), 900);
	/* The quoted checksum is again the one that the host has sent. */
	write_packet(bed.pkt, LEN, IP_UDP, INSIDE, 900, ALICE, 33434, 0);
	assert_int_equal(ip_be16(error + 28 + 26), ip_be16(bed.pkt + 26));
	assert_int_equal(sum(error + 28, 20, 0), 0xffff);

	/* And one that the host itself sends: what it quotes came from outside. */
	write_packet(error, sizeof(error), IP_ICMP, INSIDE, 0, ALICE, 0, 3);
	write_packet(bed.pkt, LEN, IP_UDP, ALICE, 33434, INSIDE, 900, 0);
	ip_put_be32(error + 24, 0);
	memcpy(error + 28, bed.pkt, 28);
	ip_put_be16(error + 22, 0);
	ip_put_be16(error + 22, ~sum(error + 20, 36, 0) & 0xffff);
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){2 * MIN}, error, 56), NAT_PASS);
	assert_true(sums_hold(error, 56));
	assert_int_equal(ip_be32(error + 12), PUBLIC);
	assert_int_equal(ip_be32(error + 28 + 16), PUBLIC);
	assert_int_equal(ip_be16(error + 28 + 22), port);

	/* About nothing that was ever sent. */
	write_packet(error, sizeof(error), IP_ICMP, BOB, 0, PUBLIC, 0, 11);
	write_packet(error + 28, 28, IP_UDP, PUBLIC, 1234, ALICE, 33434, 0);
	assert_int_equal(nat_in(bed.nat, bed.gateway, (virt_t){2 * MIN}, error, 56, &inside), NAT_FILTERED);
	nat_destroy(bed.nat);
}

/* A damaged packet stays damaged, a UDP packet without a checksum stays without. */
static void checksums_are_updated_not_made(void **state)
{
	(void)state;
	open_bed(WIRE_NAT_FULL_CONE, &plain, 100);
	write_packet(bed.pkt, LEN, IP_TCP, INSIDE, 5000, ALICE, 80, TCP_SYN);
	bed.pkt[50] ^= 1;
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){0}, bed.pkt, LEN), NAT_PASS);
	assert_false(sums_hold(bed.pkt, LEN));
	bed.pkt[50] ^= 1;
	assert_true(sums_hold(bed.pkt, LEN));
	write_packet(bed.pkt, LEN, IP_UDP, INSIDE, 5000, ALICE, 80, 0);
	ip_put_be16(bed.pkt + 26, 0);
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){0}, bed.pkt, LEN), NAT_PASS);
	assert_int_equal(ip_be16(bed.pkt + 26), 0);
	/* Every value of the sums comes out right. */
	for (uint32_t port = 1024; port < 65536; port += 7) {
		assert_int_equal(out((int64_t)port * 10 * MIN, (uint16_t)port, ALICE + port * 77, 80), port);
	}
	nat_destroy(bed.nat);
}

static void what_cannot_be_translated(void **state)
{
	(void)state;
	open_bed(WIRE_NAT_FULL_CONE, &plain, 2);
	write_packet(bed.pkt, LEN, 47, INSIDE, 1, ALICE, 1, 0);
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){0}, bed.pkt, LEN), NAT_UNSUPPORTED);
	write_packet(bed.pkt, LEN, IP_UDP, INSIDE, 1, ALICE, 1, 0);
	bed.pkt[7] = 1; /* a later fragment */
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){0}, bed.pkt, LEN), NAT_UNSUPPORTED);
	/* No more memory than was asked for. */
	assert_int_not_equal(out(0, 5000, ALICE, 1), 0);
	assert_int_not_equal(out(0, 5001, ALICE, 1), 0);
	write_packet(bed.pkt, LEN, IP_UDP, INSIDE, 5002, ALICE, 1, 0);
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){0}, bed.pkt, LEN), NAT_FULL);
	write_packet(bed.pkt, LEN, IP_UDP, INSIDE, 5000, BOB, 1, 0);
	assert_int_equal(nat_out(bed.nat, bed.gateway, (virt_t){0}, bed.pkt, LEN), NAT_FULL);
	assert_int_equal(bed.stats.bindings, 2);
	assert_int_not_equal(out(5 * MIN, 5002, ALICE, 1), 0);
	assert_int_equal(bed.stats.bindings, 1);
	nat_destroy(bed.nat);
}

static void bad_configurations(void **state)
{
	struct wire_nat cfg = plain;
	struct err err;

	(void)state;
	open_bed(WIRE_NAT_FULL_CONE, &plain, 2);
	cfg.kind = WIRE_NAT_KINDS;
	assert_int_equal(nat_add(bed.nat, PUBLIC, &cfg, &bed.stats, &bed.gateway, &err), -1);
	cfg.kind = WIRE_NAT_SYMMETRIC;
	cfg.port_min = 0;
	assert_int_equal(nat_add(bed.nat, PUBLIC, &cfg, &bed.stats, &bed.gateway, &err), -1);
	cfg.port_min = 1;
	cfg.timeout_ns[WIRE_NAT_ICMP] = 0;
	assert_int_equal(nat_add(bed.nat, PUBLIC, &cfg, &bed.stats, &bed.gateway, &err), -1);
	nat_destroy(bed.nat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_four_kinds),
		cmocka_unit_test(bindings_time_out),
		cmocka_unit_test(tcp_has_two_timers),
		cmocka_unit_test(hosts_do_not_share_ports),
		cmocka_unit_test(forwarded_ports_are_open),
		cmocka_unit_test(echoes_and_errors),
		cmocka_unit_test(checksums_are_updated_not_made),
		cmocka_unit_test(what_cannot_be_translated),
		cmocka_unit_test(bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
