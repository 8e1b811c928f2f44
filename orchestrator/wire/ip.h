/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ip - addresses and headers of IPv4 and IPv6 packets.
 *
 * An address is 128 bits; an IPv4 one is the IPv6 address ::ffff:a.b.c.d that stands for it
 * (RFC 4291, 2.5.5.2), so that tables need no second kind.
 */
#ifndef LENTO_IP_H
#define LENTO_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip_addr {
	uint64_t hi, lo;
};

enum { IP_ICMP = 1, IP_IGMP = 2, IP_TCP = 6, IP_UDP = 17, IP_ICMP6 = 58 };

#define IP_V4_PREFIX (UINT64_C(0xffff) << 32)
#define IP_V4_BITS 96 /* of an address before the IPv4 part */

static inline struct ip_addr ip_v4(uint32_t v4)
{
	return (struct ip_addr){.lo = IP_V4_PREFIX | v4};
}

static inline bool ip_is_v4(struct ip_addr a)
{
	return a.hi == 0 && a.lo >> 32 == 0xffff;
}

static inline bool ip_equal(struct ip_addr a, struct ip_addr b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static inline bool ip_is_none(struct ip_addr a)
{
	return a.hi == 0 && (a.lo == 0 || a.lo == IP_V4_PREFIX);
}

/* 224.0.0.0/4, ff00::/8 */
static inline bool ip_is_multicast(struct ip_addr a)
{
	return ip_is_v4(a) ? (uint32_t)a.lo >> 28 == 0xe : a.hi >> 56 == 0xff;
}

/* fe80::/10 */
static inline bool ip_is_link_local6(struct ip_addr a)
{
	return a.hi >> 54 == 0xfe80 >> 6;
}

/* The first @bits of @a (0..128), the others 0. */
struct ip_addr ip_prefix(struct ip_addr a, unsigned bits);
/* 16 bytes in network order. */
struct ip_addr ip_from_bytes(const uint8_t bytes[16]);

static inline uint32_t ip_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t ip_be32(const uint8_t *p)
{
	return ip_be16(p) << 16 | ip_be16(p + 2);
}

static inline void ip_put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void ip_put_be32(uint8_t *p, uint32_t v)
{
	ip_put_be16(p, v >> 16);
	ip_put_be16(p + 2, v);
}

/* What the header of a packet says. */
struct ip_head {
	struct ip_addr src, dst;
	uint8_t proto;       /* of the payload, behind IPv6 extension headers */
	bool is_fragment;    /* not the first one: its payload begins with no header */
	uint32_t payload;    /* where the payload begins */
};

/*
 * Is this one whole packet of IPv4 or IPv6?  Checksums are the receiver's concern, as on
 * a real wire.
 */
bool ip_parse(const uint8_t *data, size_t len, struct ip_head *head);

/*
 * What a checksum field becomes when data that it covers changes from @was to @is (16-bit words
 * in host order, or sums of such): RFC 1624, equation 3.
 */
static inline uint32_t ip_sum_update(uint32_t field, uint32_t was, uint32_t is)
{
	uint64_t sum = (uint64_t)(uint16_t)~field + (UINT64_C(0xffff0000ffff) - was) + is;

	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

#endif
