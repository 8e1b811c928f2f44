// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/ip.h"

#define V4_HEADER 20
#define V6_HEADER 40
#define V6_EXTENSIONS_MAX 8

/* IPv6 extension headers that may stand before the payload (RFC 8200, 4). */
enum { EXT_HOP_BY_HOP = 0, EXT_ROUTING = 43, EXT_FRAGMENT = 44, EXT_DESTINATION = 60 };

struct ip_addr ip_prefix(struct ip_addr a, unsigned bits)
{
	if (bits < 64) {
		a.hi = bits ? a.hi & UINT64_MAX << (64 - bits) : 0;
		a.lo = 0;
	} else if (bits < 128) {
		a.lo = bits > 64 ? a.lo & UINT64_MAX << (128 - bits) : 0;
	}
	return a;
}

struct ip_addr ip_from_bytes(const uint8_t b[16])
{
	return (struct ip_addr){
		.hi = (uint64_t)ip_be32(b) << 32 | ip_be32(b + 4),
		.lo = (uint64_t)ip_be32(b + 8) << 32 | ip_be32(b + 12),
	};
}

static bool parse_v4(const uint8_t *data, size_t len, struct ip_head *head)
{
	uint32_t header = (uint32_t)(data[0] & 15) * 4, total = ip_be16(data + 2);

	if (header < V4_HEADER || total < header || total != len) {
		return false;
	}
	*head = (struct ip_head){
		.src = ip_v4(ip_be32(data + 12)), .dst = ip_v4(ip_be32(data + 16)),
		.proto = data[9], .is_fragment = (ip_be16(data + 6) & 0x1fff) != 0,
		.payload = header,
	};
	return true;
}

static bool parse_v6(const uint8_t *data, size_t len, struct ip_head *head)
{
	uint32_t at = V6_HEADER;
	uint8_t next = data[6];

	if (len < V6_HEADER || ip_be16(data + 4) != len - V6_HEADER) {
		return false;
	}
	*head = (struct ip_head){
		.src = ip_from_bytes(data + 8), .dst = ip_from_bytes(data + 24),
	};
	/* What stands for an IPv4 address must not travel in an IPv6 header. */
	if (ip_is_v4(head->src) || ip_is_v4(head->dst)) {
		return false;
	}
	for (int i = 0; i < V6_EXTENSIONS_MAX && len - at >= 8; i++) {
		if (next == EXT_FRAGMENT) {
			head->is_fragment = (ip_be16(data + at + 2) & 0xfff8) != 0;
			next = data[at];
			at += 8;
			break;
		}
		if (next != EXT_HOP_BY_HOP && next != EXT_ROUTING && next != EXT_DESTINATION) {
			break;
		}
		if (len - at < ((size_t)data[at + 1] + 1) * 8) {
			break;
		}
		next = data[at];
		at += ((uint32_t)data[at + 1] + 1) * 8;
	}
	head->proto = next;
	head->payload = at;
	return true;
}

bool ip_parse(const uint8_t *data, size_t len, struct ip_head *head)
{
	if (len < V4_HEADER) {
		return false;
	}
	switch (data[0] >> 4) {
	case 4:
		return parse_v4(data, len, head);
	case 6:
		return parse_v6(data, len, head);
	default:
		return false;
	}
}
