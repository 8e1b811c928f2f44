/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 packets with right checksums, for the unit tests of lento-wire. */
#ifndef TEST_PACKETS_H
#define TEST_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/ip.h"

static inline uint32_t sum(const uint8_t *p, size_t len, uint32_t s)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		s += ip_be16(p + i);
	}
	while (s >> 16) {
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

/* Is the checksum of the packet at @p right, and that of what it carries? */
static inline bool sums_hold(const uint8_t *p, size_t len)
{
	uint32_t pseudo = sum(p + 12, 8, p[9] + (uint32_t)len - 20);

	return sum(p, 20, 0) == 0xffff &&
	       (p[9] == IP_ICMP ? sum(p + 20, len - 20, 0) : sum(p + 20, len - 20, pseudo)) == 0xffff;
}

static inline unsigned sum_offset(uint8_t proto)
{
	return 20 + (proto == IP_TCP ? 16 : proto == IP_UDP ? 6 : 2);
}

/* A packet with right checksums into @p, @len bytes. */
static inline void write_packet(uint8_t *p, size_t len, uint8_t proto, uint32_t src, uint16_t sport,
			 uint32_t dst, uint16_t dport, uint8_t flags)
{
	uint32_t s;

	memset(p, 0, len);
	p[0] = 0x45;
	ip_put_be16(p + 2, (uint32_t)len);
	p[8] = 64;
	p[9] = proto;
	ip_put_be32(p + 12, src);
	ip_put_be32(p + 16, dst);
	ip_put_be16(p + 10, ~sum(p, 20, 0) & 0xffff);
	for (size_t i = 40; i < len; i++) {
		p[i] = (uint8_t)(i * 37 + len);
	}
	if (proto == IP_ICMP) {
		p[20] = flags; /* the type */
		ip_put_be16(p + 24, sport);
	} else {
		ip_put_be16(p + 20, sport);
		ip_put_be16(p + 22, dport);
	}
	if (proto == IP_UDP) {
		ip_put_be16(p + 24, (uint32_t)len - 20);
	} else if (proto == IP_TCP) {
		p[32] = 0x50;
		p[33] = flags;
	}
	s = proto == IP_ICMP ? 0 : sum(p + 12, 8, proto + (uint32_t)len - 20);
	ip_put_be16(p + sum_offset(proto), ~sum(p + 20, len - 20, s) & 0xffff);
}

#endif
