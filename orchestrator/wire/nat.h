/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nat - network address (and port) translation of IPv4 at the gateways of LANs.  Pure:
 * packets are changed in place, instants come in as arguments and never go back.
 *
 * Theory.  A binding says which port of the gateway's public address an inside endpoint
 * (address and port) has.  A session of it is one outside endpoint that it has exchanged packets
 * with; it has a timer, and a binding lasts as long as one of its sessions.  The four
 * kinds that RFC 3489 names differ in two ways (in the terms of RFC 4787):
 *
 *	                   one binding for               a packet from outside passes
 *	full cone          the inside endpoint           always
 *	restricted cone    the inside endpoint           if a session has its address
 *	port restricted    the inside endpoint           if a session has its address and port
 *	symmetric          the pair of the endpoints     if a session has its address and port
 *	                   endpoint-independent, or      endpoint-independent, address-
 *	                   address-and-port-dependent    dependent, or address-and-port-
 *	                   mapping                       dependent filtering
 *
 * A port that is forwarded is a binding without end, and what comes to it passes always.
 *
 * A binding gets the port that the inside endpoint has, if it is free, else the next free one; no
 * two bindings of one protocol share a port.  Packets of either direction start a timer anew.
 * TCP's is long while the connection is open, and short before that, and after a reset or
 * both ends' FIN (RFC 5382).
 *
 * Sessions of one timer stand in the order of their last packets, so those whose time is over
 * are at the front: each call frees them first.  All memory is taken at the start.
 */
#ifndef LENTO_NAT_H
#define LENTO_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"
#include "wire/wire.h"

struct nat;

enum nat_verdict {
	NAT_PASS,
	NAT_FILTERED,    /* from outside, and nobody has asked for it */
	NAT_EXHAUSTED,   /* no port is free */
	NAT_UNSUPPORTED, /* no TCP, UDP or ICMP that can be translated; a later fragment */
	NAT_FULL,        /* no memory for another session: our fault */
};

/* Room for @sessions of all gateways together. */
int nat_create(uint32_t sessions, struct nat **nat, struct err *err);
void nat_destroy(struct nat *n);

/* A gateway with the public address @ip; *gateway is its number.  @stats outlives @n. */
int nat_add(struct nat *n, uint32_t ip, const struct wire_nat *cfg, struct wire_nat_stats *stats,
	    uint32_t *gateway, struct err *err);
/* Lead what comes to @port to @inside_ip, @inside_port.  ERR_FAILED when the port is taken. */
int nat_forward(struct nat *n, uint32_t gateway, uint8_t proto, uint16_t port,
		uint32_t inside_ip, uint16_t inside_port, struct err *err);

/* A packet (ip_parse() has accepted it) from inside: its source becomes the public one. */
enum nat_verdict nat_out(struct nat *n, uint32_t gateway, virt_t now, uint8_t *data,
			 uint32_t len);
/* A packet to the public address: its destination becomes the inside one, *inside_ip. */
enum nat_verdict nat_in(struct nat *n, uint32_t gateway, virt_t now, uint8_t *data, uint32_t len,
			uint32_t *inside_ip);

#endif
