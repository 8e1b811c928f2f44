/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fabric_private - the state of the emulated network, shared by the files that move its
 * packets: fabric.c (links, lines, the way between sites), fabric_lan.c (LANs and their
 * gateways), fabric_check.c (what a link may be).
 */
#ifndef LENTO_FABRIC_PRIVATE_H
#define LENTO_FABRIC_PRIVATE_H

#include "wire/evq.h"
#include "wire/fabric.h"
#include "wire/ip.h"
#include "wire/lan.h"
#include "wire/linkq.h"
#include "wire/nat.h"
#include "wire/route.h"
#include "wire/series.h"

#define DELAY_NS_MAX (INT64_C(3600) * NS_PER_S)
#define SERIES_MAX 1024
#define NO_LINK UINT32_MAX
/* As a destination: several hosts of the sender's LAN. */
#define TO_MANY (UINT32_MAX - 1)
#define NO_NAT UINT32_MAX

/* Spaces of addresses in the routing table. */
#define SPACE_PUBLIC 0
#define SPACE_INSIDE(gateway) ((gateway) + 1)

enum link_state { LINK_NONE, LINK_UP, LINK_GONE };

struct link {
	enum link_state state;
	enum wire_link_kind kind;
	struct ip_addr ip;
	uint32_t group;
	uint32_t lan;                 /* of a host: its gateway; LAN_NONE */
	uint32_t nat;                 /* of a gateway: its number there; NO_NAT */
	bool hairpin;
	struct ip_addr inside;        /* of a gateway: network of its LAN, and its length */
	unsigned inside_bits;
	struct linkq dir[2];          /* WIRE_UP, WIRE_DOWN */
	bool limited[2];              /* the queue has a limit of the user's */
};

/*
 * Events: object 2 * id + direction is a line whose packet has been sent; from
 * first_packet on, a packet that has arrived after a delay.  What it has arrived
 * at follows from `landed`.
 */
struct fabric {
	struct fabric_config cfg;
	struct wire_totals *totals;
	struct link *links;
	int64_t *delays;              /* [max_groups * a + b] */
	struct series *series;        /* as many as were added; room for SERIES_MAX */
	uint32_t series_count;
	struct route routes;
	struct lans lans;
	struct nat *nat;              /* NULL before the first gateway with one */
	struct pool pool;
	struct evq events;
	uint32_t first_packet;
	uint32_t *landed;             /* by packet: the line that it has passed last, 2 * id + dir */
	fabric_observe_fn observe;    /* NULL: nobody looks on */
	void *observer;
};

/* May there be such a link, with the id @id? */
int fabric_check_link(const struct fabric *f, uint32_t id, const struct wire_link *link,
		      struct err *err);

/* --- fabric.c ------------------------------------------------------------- */

void fabric_drop(struct fabric *f, struct packet *pkt);
void fabric_drop_unknown(struct fabric *f, struct packet *pkt, virt_t at);
void fabric_observe(const struct fabric *f, uint32_t id, int dir, enum fabric_sight sight,
		    const struct packet *pkt, virt_t at);
/* A packet like it, its destination still open; NULL when no buffer is left. */
struct packet *fabric_copy(struct fabric *f, const struct packet *pkt);
/* @pkt arrives at the queue of a line at @now. */
void fabric_enter(struct fabric *f, struct packet *pkt, uint32_t id, int dir, virt_t now);

/* --- fabric_lan.c --------------------------------------------------------- */

/* Make @l, the link @id, a host of its LAN, or a gateway. */
int fabric_add_to_lan(struct fabric *f, uint32_t id, const struct wire_link *link, struct err *err);
/* Where a packet from a host to @dst goes: a link id, TO_MANY or NO_LINK. */
uint32_t fabric_lan_destination(const struct fabric *f, uint32_t host, struct ip_addr dst);
/* @pkt, from a host, has come to the switch of its LAN. */
void fabric_lan_switch(struct fabric *f, struct packet *pkt, virt_t at);
/* @pkt has come in over the WAN line of gateway @id. */
void fabric_lan_arrive(struct fabric *f, struct packet *pkt, uint32_t id, virt_t at);

#endif
