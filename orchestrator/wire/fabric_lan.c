// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LANs.  A host's line leads to the switch of its LAN.  From there a packet goes
 *
 *	to a host of the LAN     down that one's line
 *	to a multicast group     a copy down the line of each member but the sender
 *	to the broadcast address a copy down the line of each other host
 *	anywhere else            through the gateway (its NAT, if it has one) up the WAN line
 *
 * and what comes down the WAN line, through the NAT, down the line of the host that it is for.
 * Multicast and broadcast stay in the LAN.  Nothing of it is lost at the switch: what a queue
 * has no room for is dropped there, as ever.
 */
#include "wire/fabric_private.h"

#include "wire/igmp.h"

/* Of all gateways; what is not used costs no memory. */
#define NAT_SESSIONS_DEFAULT (UINT32_C(1) << 20)
#define BROADCAST_V4 (IP_V4_PREFIX | UINT32_MAX)

static int add_gateway(struct fabric *f, uint32_t id, const struct wire_link *link,
		       struct err *err)
{
	struct link *l = &f->links[id];

	l->inside_bits = IP_V4_BITS + link->inside_bits;
	l->inside = ip_prefix(ip_v4(link->inside_ip), l->inside_bits);
	l->hairpin = link->nat.hairpin;
	if (link->nat.kind == WIRE_NAT_NONE) {
		return route_add(&f->routes, SPACE_PUBLIC, l->inside, l->inside_bits, id, err);
	}
	if (!f->nat && nat_create(f->cfg.nat_sessions ?: NAT_SESSIONS_DEFAULT, &f->nat, err)) {
		return -1;
	}
	return nat_add(f->nat, link->ip, &link->nat, &f->cfg.stats->links[id].nat, &l->nat, err) ||
	       route_add(&f->routes, SPACE_PUBLIC, l->ip, 128, id, err) ? -1 : 0;
}

int fabric_add_to_lan(struct fabric *f, uint32_t id, const struct wire_link *link, struct err *err)
{
	struct link *l = &f->links[id];
	const struct link *g;

	if (link->kind == WIRE_GATEWAY) {
		return add_gateway(f, id, link, err);
	}
	if (link->lan >= f->cfg.max_links || f->links[link->lan].state == LINK_NONE ||
	    f->links[link->lan].kind != WIRE_GATEWAY) {
		return err_set(err, ERR_USAGE, "link %u is no gateway", link->lan);
	}
	g = &f->links[link->lan];
	if (!ip_equal(ip_prefix(l->ip, g->inside_bits), g->inside)) {
		return err_set(err, ERR_USAGE, "the address is not of its LAN");
	}
	if (route_add(&f->routes, SPACE_INSIDE(link->lan), l->ip, 128, id, err)) {
		return -1;
	}
	l->lan = link->lan;
	lan_add_host(&f->lans, l->lan, id);
	return 0;
}

int fabric_add_forward(struct fabric *f, uint32_t id, const struct wire_forward *forward,
		       struct err *err)
{
	if (id >= f->cfg.max_links || f->links[id].state == LINK_NONE ||
	    f->links[id].kind != WIRE_GATEWAY || f->links[id].nat == NO_NAT) {
		return err_set(err, ERR_USAGE, "link %u is no gateway with a NAT", id);
	}
	return nat_forward(f->nat, f->links[id].nat, forward->protocol, forward->port,
			   forward->inside_ip, forward->inside_port, err);
}

/* 255.255.255.255, or the last address of the LAN. */
static bool is_broadcast(const struct link *gateway, struct ip_addr dst)
{
	uint64_t hosts = UINT64_MAX >> (gateway->inside_bits - 64);

	return ip_is_v4(dst) && (dst.lo == BROADCAST_V4 ||
				 (gateway->inside_bits < 127 && dst.lo == (gateway->inside.lo | hosts)));
}

uint32_t fabric_lan_destination(const struct fabric *f, uint32_t host, struct ip_addr dst)
{
	uint32_t lan = f->links[host].lan, to;
	const struct link *gateway = &f->links[lan];

	if (ip_is_multicast(dst) || is_broadcast(gateway, dst)) {
		return TO_MANY;
	}
	to = route_find(&f->routes, SPACE_INSIDE(lan), dst);
	if (to != ROUTE_NONE || ip_equal(ip_prefix(dst, gateway->inside_bits), gateway->inside)) {
		return to;
	}
	return route_find(&f->routes, SPACE_PUBLIC, dst);
}

/* --- to many ---------------------------------------------------------------- */

static void send_copy(struct fabric *f, const struct packet *pkt, uint32_t to, virt_t at)
{
	struct packet *copy;

	if (to == pkt->src) {
		return;
	}
	copy = fabric_copy(f, pkt);
	stat_add(&f->cfg.stats->links[pkt->src].copies, 1);
	if (!copy) {
		stat_add(&f->links[to].dir[WIRE_DOWN].stats->fault_drops, 1);
		fabric_observe(f, to, WIRE_DOWN, FABRIC_FAULT, pkt, at);
		return;
	}
	copy->dst = to;
	fabric_enter(f, copy, to, WIRE_DOWN, at);
}

struct reporter {
	struct fabric *f;
	uint32_t host;
	unsigned reports;
};

static void change_membership(void *ctx, struct ip_addr group, bool joins)
{
	struct reporter *r = ctx;

	r->reports++;
	(joins ? lan_join : lan_leave)(&r->f->lans, r->f->links[r->host].lan, group, r->host);
}

static void to_many(struct fabric *f, struct packet *pkt, uint32_t lan, virt_t at)
{
	struct reporter r = {.f = f, .host = pkt->src};
	struct ip_head head;
	uint32_t cursor = 0, to;

	stat_add(&f->cfg.stats->links[pkt->src].to_many, 1);
	ip_parse(pkt->data, pkt->len, &head);
	if (f->links[pkt->src].state == LINK_UP) {
		igmp_read(pkt->data, pkt->len, &head, change_membership, &r);
	}
	if (r.reports || head.proto == IP_IGMP) {
		/* For the switch alone: other hosts have no use for it (RFC 4541, 2.1.1). */
	} else if (ip_is_multicast(head.dst) && !lan_floods(head.dst)) {
		while ((to = lan_next_member(&f->lans, lan, head.dst, &cursor)) != LAN_NONE) {
			send_copy(f, pkt, to, at);
		}
	} else {
		for (to = lan_first_host(&f->lans, lan); to != LAN_NONE;
		     to = lan_next_host(&f->lans, to)) {
			send_copy(f, pkt, to, at);
		}
	}
	fabric_drop(f, pkt);
}

/* --- through the gateway ------------------------------------------------------ */

static void drop_at_nat(struct fabric *f, struct packet *pkt, uint32_t id, int dir,
			uint64_t *counter, virt_t at)
{
	stat_add(counter, 1);
	fabric_observe(f, id, dir, FABRIC_NAT, pkt, at);
	fabric_drop(f, pkt);
}

/* Is @pkt translated?  If not, it is gone. */
static bool is_translated(struct fabric *f, struct packet *pkt, uint32_t id, int dir,
			  enum nat_verdict verdict, virt_t at)
{
	struct wire_nat_stats *nat = &f->cfg.stats->links[id].nat;

	switch (verdict) {
	case NAT_PASS:
		return true;
	case NAT_FILTERED:
		drop_at_nat(f, pkt, id, dir, &nat->filtered_drops, at);
		break;
	case NAT_EXHAUSTED:
		drop_at_nat(f, pkt, id, dir, &nat->exhausted_drops, at);
		break;
	case NAT_UNSUPPORTED:
		drop_at_nat(f, pkt, id, dir, &nat->unsupported_drops, at);
		break;
	case NAT_FULL:
		stat_add(&f->links[id].dir[dir].stats->fault_drops, 1);
		fabric_observe(f, id, dir, FABRIC_FAULT, pkt, at);
		fabric_drop(f, pkt);
		break;
	}
	return false;
}

void fabric_lan_arrive(struct fabric *f, struct packet *pkt, uint32_t id, virt_t at)
{
	const struct link *g = &f->links[id];
	struct ip_head head;
	uint32_t inside, to;

	ip_parse(pkt->data, pkt->len, &head);
	if (g->nat != NO_NAT && ip_is_v4(head.dst)) {
		if (!is_translated(f, pkt, id, WIRE_DOWN,
				   nat_in(f->nat, g->nat, at, pkt->data, pkt->len, &inside), at)) {
			return;
		}
		head.dst = ip_v4(inside);
	}
	to = route_find(&f->routes, SPACE_INSIDE(id), head.dst);
	if (to == ROUTE_NONE) {
		fabric_drop_unknown(f, pkt, at);
		return;
	}
	pkt->dst = to;
	fabric_enter(f, pkt, to, WIRE_DOWN, at);
}

static void to_gateway(struct fabric *f, struct packet *pkt, uint32_t id, virt_t at)
{
	const struct link *g = &f->links[id];

	if (g->nat != NO_NAT && pkt->data[0] >> 4 == 4) {
		if (pkt->dst == id && !g->hairpin) {
			drop_at_nat(f, pkt, id, WIRE_UP, &f->cfg.stats->links[id].nat.hairpin_drops, at);
			return;
		}
		if (!is_translated(f, pkt, id, WIRE_UP,
				   nat_out(f->nat, g->nat, at, pkt->data, pkt->len), at)) {
			return;
		}
	}
	if (pkt->dst == id) {
		fabric_lan_arrive(f, pkt, id, at); /* and back in: hairpin (RFC 4787, 6) */
	} else {
		fabric_enter(f, pkt, id, WIRE_UP, at);
	}
}

void fabric_lan_switch(struct fabric *f, struct packet *pkt, virt_t at)
{
	uint32_t lan = f->links[pkt->src].lan;

	if (pkt->dst == TO_MANY) {
		to_many(f, pkt, lan, at);
	} else if (f->links[pkt->dst].lan == lan) {
		fabric_enter(f, pkt, pkt->dst, WIRE_DOWN, at);
	} else {
		to_gateway(f, pkt, lan, at);
	}
}
