// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/natpkt.h"

#include "wire/ip.h"

#define IP_SUM 10
#define TCP_SUM 16
#define UDP_SUM 6
#define ICMP_SUM 2
#define ICMP_ID 4
#define ICMP_HEADER 8
#define QUOTED_L4_MIN 8 /* of the quoted packet's payload, RFC 792 */

enum icmp_type {
	ICMP_ECHO_REPLY = 0, ICMP_UNREACHABLE = 3, ICMP_SOURCE_QUENCH = 4, ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER = 12,
};

static bool read_icmp(struct natpkt *p)
{
	const uint8_t *icmp = p->data + p->l4;

	switch (icmp[0]) {
	case ICMP_ECHO:
	case ICMP_ECHO_REPLY:
		p->port[NATPKT_SRC] = p->port[NATPKT_DST] = (uint16_t)ip_be16(icmp + ICMP_ID);
		return true;
	case ICMP_UNREACHABLE:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER:
		p->quoted = p->l4 + ICMP_HEADER;
		return true;
	default:
		return false;
	}
}

/* The header at @data, of which @len bytes are there. */
static bool read_ends(uint8_t *data, uint32_t len, struct natpkt *p)
{
	uint32_t l4 = (uint32_t)(data[0] & 15) * 4;

	*p = (struct natpkt){.data = data, .len = len, .l4 = l4, .proto = data[9]};
	if (l4 < 20 || len < l4 + QUOTED_L4_MIN || (ip_be16(data + 6) & 0x1fff) != 0) {
		return false;
	}
	p->ip[NATPKT_SRC] = ip_be32(data + 12);
	p->ip[NATPKT_DST] = ip_be32(data + 16);
	switch (p->proto) {
	case IP_TCP:
		p->tcp_flags = len >= l4 + 14 ? data[l4 + 13] : 0;
		break;
	case IP_UDP:
		break;
	case IP_ICMP:
		return read_icmp(p);
	default:
		return false;
	}
	p->port[NATPKT_SRC] = (uint16_t)ip_be16(data + l4);
	p->port[NATPKT_DST] = (uint16_t)ip_be16(data + l4 + 2);
	return true;
}

bool natpkt_read(uint8_t *data, uint32_t len, struct natpkt *p)
{
	return data[0] >> 4 == 4 && read_ends(data, len, p) &&
	       (p->proto != IP_TCP || len >= p->l4 + 20);
}

bool natpkt_read_quoted(const struct natpkt *p, struct natpkt *quoted)
{
	return p->len > p->quoted && p->data[p->quoted] >> 4 == 4 && p->len >= p->quoted + 20 &&
	       read_ends(p->data + p->quoted, p->len - p->quoted, quoted) && !quoted->quoted;
}

static void update(uint8_t *field, uint32_t was, uint32_t is)
{
	ip_put_be16(field, ip_sum_update(ip_be16(field), was, is));
}

static void set_l4(struct natpkt *p, int end, uint32_t ip, uint16_t port)
{
	uint8_t *l4 = p->data + p->l4, *sum = NULL, *field = l4 + 2 * end;
	uint32_t was = p->port[end], is = port;

	if (p->proto == IP_ICMP) {
		field = l4 + ICMP_ID;
		sum = l4 + ICMP_SUM;
	} else {
		/* The pseudo header has the addresses. */
		was += (p->ip[end] >> 16) + (p->ip[end] & 0xffff);
		is += (ip >> 16) + (ip & 0xffff);
		if (p->proto == IP_UDP && ip_be16(l4 + UDP_SUM) != 0) {
			sum = l4 + UDP_SUM;
		} else if (p->proto == IP_TCP && p->len >= p->l4 + TCP_SUM + 2) {
			sum = l4 + TCP_SUM;
		}
	}
	ip_put_be16(field, port);
	if (sum) {
		update(sum, was, is);
	}
	if (p->proto == IP_UDP && sum && ip_be16(sum) == 0) {
		ip_put_be16(sum, 0xffff); /* 0 would say that there is none */
	}
}

void natpkt_set_address(struct natpkt *p, int end, uint32_t ip)
{
	uint32_t was = p->ip[end];

	ip_put_be32(p->data + 12 + 4 * end, ip);
	update(p->data + IP_SUM, (was >> 16) + (was & 0xffff), (ip >> 16) + (ip & 0xffff));
	p->ip[end] = ip;
}

void natpkt_set(struct natpkt *p, int end, uint32_t ip, uint16_t port)
{
	set_l4(p, end, ip, port);
	natpkt_set_address(p, end, ip);
	p->port[end] = port;
}

/* The sum of the headers of a quoted packet, in 16-bit words as they lie in the error. */
static uint32_t sum_headers(const struct natpkt *q)
{
	uint32_t end = q->l4 + TCP_SUM + 2 < q->len ? q->l4 + TCP_SUM + 2 : q->len, sum = 0;

	for (uint32_t i = 0; i + 1 < end; i += 2) {
		sum += ip_be16(q->data + i);
	}
	return sum;
}

void natpkt_set_quoted(struct natpkt *p, struct natpkt *quoted, int end, uint32_t ip,
		       uint16_t port)
{
	uint32_t was = sum_headers(quoted);

	natpkt_set(quoted, end, ip, port);
	update(p->data + p->l4 + ICMP_SUM, was, sum_headers(quoted));
}
