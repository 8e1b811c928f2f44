/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * natpkt - an IPv4 packet as a NAT sees it: its two ends, and changing one of them.
 *
 * An end is an address and a port; of ICMP queries the identifier stands for the
 * port of either end (RFC 5508, 3.1).  An ICMP error names the ends of the packet that it
 * quotes.  Checksums are updated by what changes (RFC 1624), never computed anew, so a
 * packet that was damaged arrives damaged.
 */
#ifndef LENTO_NATPKT_H
#define LENTO_NATPKT_H

#include <stdbool.h>
#include <stdint.h>

enum { NATPKT_SRC, NATPKT_DST };

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

struct natpkt {
	uint8_t *data;       /* the IP header */
	uint32_t len;
	uint32_t l4;         /* offset of the transport header */
	uint8_t proto;       /* IP_TCP, IP_UDP, IP_ICMP */
	uint8_t tcp_flags;
	uint32_t ip[2];      /* by NATPKT_SRC, NATPKT_DST */
	uint16_t port[2];
	uint32_t quoted;     /* offset of the packet that an ICMP error quotes; 0: it is none */
};

/* False for what has no ports: other protocols, other ICMP messages, fragments but the
 * first, headers that are cut off.  @data is a packet that ip_parse() has accepted. */
bool natpkt_read(uint8_t *data, uint32_t len, struct natpkt *p);
/* The packet that the ICMP error @p quotes; often no more than its header and 8 bytes. */
bool natpkt_read_quoted(const struct natpkt *p, struct natpkt *quoted);

/* Let end @end be @ip and @port. */
void natpkt_set(struct natpkt *p, int end, uint32_t ip, uint16_t port);
/* The same for @quoted, with the checksum of the error @p that it lies in. */
void natpkt_set_quoted(struct natpkt *p, struct natpkt *quoted, int end, uint32_t ip,
		       uint16_t port);
/* Let the address of end @end of an ICMP error be @ip. */
void natpkt_set_address(struct natpkt *p, int end, uint32_t ip);

#endif
