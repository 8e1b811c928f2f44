// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses, headers, and the longest prefix that matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "wire/ip.h"
#include "wire/route.h"

static struct ip_addr addr(const char *text)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, text, b) == 1) {
		return ip_v4(ip_be32(b));
	}
	assert_int_equal(inet_pton(AF_INET6, text, b), 1);
	return ip_from_bytes(b);
}

static void add(struct route *r, uint32_t space, const char *net, unsigned bits, uint32_t to)
{
	struct err err;
	unsigned more = strchr(net, ':') ? 0 : IP_V4_BITS;

	assert_int_equal(route_add(r, space, addr(net), bits + more, to, &err), 0);
}

static void longest_prefix_wins(void **state)
{
	struct route r;
	struct err err;

	(void)state;
	assert_int_equal(route_init(&r, 16, &err), 0);
	add(&r, 0, "10.0.0.0", 8, 1);
	add(&r, 0, "10.1.0.0", 16, 2);
	add(&r, 0, "10.1.3.0", 24, 3);
	add(&r, 0, "10.1.3.207", 32, 4);
	add(&r, 0, "2001:db8::", 32, 5);
	add(&r, 0, "2001:db8:0:1::", 64, 6);
	add(&r, 1, "10.1.3.207", 32, 7);
	assert_int_equal(route_find(&r, 0, addr("10.200.0.1")), 1);
	assert_int_equal(route_find(&r, 0, addr("10.1.2.3")), 2);
	assert_int_equal(route_find(&r, 0, addr("10.1.3.206")), 3);
	assert_int_equal(route_find(&r, 0, addr("10.1.3.207")), 4);
	assert_int_equal(route_find(&r, 1, addr("10.1.3.207")), 7);
	assert_int_equal(route_find(&r, 1, addr("10.1.3.206")), ROUTE_NONE);
	assert_int_equal(route_find(&r, 0, addr("11.0.0.1")), ROUTE_NONE);
	assert_int_equal(route_find(&r, 0, addr("2001:db8:0:2::9")), 5);
	assert_int_equal(route_find(&r, 0, addr("2001:db8:0:1::9")), 6);
	assert_int_equal(route_find(&r, 0, addr("2001:db9::")), ROUTE_NONE);
	/* The same again is fine, elsewhere is not. */
	add(&r, 0, "10.1.3.0", 24, 3);
	assert_int_equal(route_add(&r, 0, addr("10.1.3.9"), 120, 9, &err), -1);
	add(&r, 0, "0.0.0.0", 0, 8);
	assert_int_equal(route_find(&r, 0, addr("11.0.0.1")), 8);
	route_fini(&r);
}

/* Against a walk over all prefixes. */
static void agrees_with_a_walk(void **state)
{
	enum { COUNT = 500 };
	struct ip_addr nets[COUNT];
	unsigned bits[COUNT];
	struct route r;
	struct err err;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5);
	assert_int_equal(route_init(&r, COUNT, &err), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		bits[i] = IP_V4_BITS + 4 + (unsigned)rng_below(&rng, 29);
		nets[i] = ip_prefix(ip_v4((uint32_t)rng_u64(&rng) & 0x0fffffff), bits[i]);
		if (route_add(&r, 0, nets[i], bits[i], i, &err)) {
			bits[i] = 0; /* there already */
			nets[i] = ip_v4(0);
		}
	}
	for (unsigned k = 0; k < 20000; k++) {
		struct ip_addr a = ip_v4((uint32_t)rng_u64(&rng) & 0x0fffffff);
		uint32_t best = ROUTE_NONE;

		for (uint32_t i = 0; i < COUNT; i++) {
			if (bits[i] && ip_equal(ip_prefix(a, bits[i]), nets[i]) &&
			    (best == ROUTE_NONE || bits[i] > bits[best])) {
				best = i;
			}
		}
		assert_int_equal(route_find(&r, 0, a), best);
	}
	route_fini(&r);
}

static void full_table(void **state)
{
	struct route r;
	struct err err;

	(void)state;
	assert_int_equal(route_init(&r, 2, &err), 0);
	add(&r, 0, "10.0.0.1", 32, 1);
	add(&r, 0, "10.0.0.2", 32, 2);
	assert_int_equal(route_add(&r, 0, addr("10.0.0.3"), 128, 3, &err), -1);
	assert_int_equal(route_find(&r, 0, addr("10.0.0.3")), ROUTE_NONE);
	route_fini(&r);
}

static void headers_are_read(void **state)
{
	uint8_t v4[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, IP_UDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	uint8_t v6[64] = {0x60, 0, 0, 0, 0, 24, 0, 64, 0x20, 1, [23] = 1, [24] = 0xff, 2, [39] = 22,
			  [40] = IP_ICMP6, 0};
	struct ip_head h;

	(void)state;
	assert_true(ip_parse(v4, 40, &h));
	assert_true(ip_equal(h.src, addr("10.0.0.1")) && ip_equal(h.dst, addr("10.0.0.2")));
	assert_int_equal(h.proto, IP_UDP);
	assert_int_equal(h.payload, 20);
	assert_false(h.is_fragment);
	v4[7] = 1;
	assert_true(ip_parse(v4, 40, &h) && h.is_fragment);
	assert_false(ip_parse(v4, 39, &h));
	assert_true(ip_parse(v6, 64, &h));
	assert_true(ip_equal(h.src, addr("2001::1")) && ip_equal(h.dst, addr("ff02::16")));
	assert_int_equal(h.proto, IP_ICMP6); /* behind a hop-by-hop header */
	assert_int_equal(h.payload, 48);
	assert_true(ip_is_multicast(h.dst));
	assert_false(ip_parse(v6, 63, &h));
	/* ::ffff:1.2.3.4 in an IPv6 header is nobody's. */
	memset(v6 + 8, 0, 16);
	v6[18] = v6[19] = 0xff;
	assert_false(ip_parse(v6, 64, &h));
	v6[0] = 0x50;
	assert_false(ip_parse(v6, 64, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_prefix_wins),
		cmocka_unit_test(agrees_with_a_walk),
		cmocka_unit_test(full_table),
		cmocka_unit_test(headers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
