// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/nat.h"

#include <stdlib.h>

#include "base/clean.h"
#include "wire/ip.h"
#include "wire/linkstats.h"
#include "wire/natpkt.h"

#define NIL 0 /* index 0 of bindings and sessions is none */
#define PORTS 65536u
#define PORT_WORDS (PORTS / 64)

/* Protocols have ports of their own. */
enum { SET_TCP, SET_UDP, SET_ICMP, PORT_SETS };

/* What TCP has shown in each direction. */
enum { SEEN_OUT = 1, SEEN_IN = 2, FIN_OUT = 4, FIN_IN = 8 };

enum { OUT, IN };

struct binding {
	uint32_t next_inside, next_port; /* in the chains of the two look-ups; or free */
	uint32_t gateway, sessions;
	uint32_t inside_ip, remote_ip;
	uint16_t inside_port, remote_port; /* remote_*: symmetric, else 0 */
	uint16_t port;
	uint8_t proto;
	bool is_forward;
};

struct session {
	uint32_t next;           /* in its chain; or free */
	uint32_t older, newer;   /* with the same timer */
	uint32_t binding;
	uint32_t remote_ip;
	uint16_t remote_port;
	uint8_t timer, seen;
	int64_t touched_ns;
};

struct gateway {
	struct wire_nat cfg;
	uint32_t ip;
	struct wire_nat_stats *stats;
	uint32_t oldest[WIRE_NAT_TIMERS], newest[WIRE_NAT_TIMERS];
	uint32_t in_use[PORT_SETS];     /* of port_min..port_max */
	uint32_t cursor[PORT_SETS];     /* where the last search ended */
	uint64_t used[PORT_SETS][PORT_WORDS];
};

/* A table of structs whose unused ones form a list, those never used being at its end. */
struct stock {
	uint32_t free, fresh, room;
};

struct nat {
	struct gateway **gateways;
	uint32_t gateway_count;
	struct binding *bindings;
	struct session *sessions;
	struct stock binding_stock, session_stock;
	uint32_t *by_inside, *by_port, *by_remote;
	uint32_t mask;
};

/* --- life ---------------------------------------------------------------- */

int nat_create(uint32_t sessions, struct nat **nat, struct err *err)
{
	struct nat *n = calloc(1, sizeof(*n));
	uint32_t chains = 2;

	if (!n) {
		return err_errno(err, ERR_FAILED, "NAT");
	}
	while (chains < sessions && chains < UINT32_C(1) << 30) {
		chains *= 2;
	}
	n->mask = chains - 1;
	n->binding_stock = n->session_stock = (struct stock){.fresh = 1, .room = sessions + 1};
	/* Pages that are never touched cost nothing. */
	n->bindings = calloc((size_t)sessions + 1, sizeof(*n->bindings));
	n->sessions = calloc((size_t)sessions + 1, sizeof(*n->sessions));
	n->by_inside = calloc(chains, sizeof(*n->by_inside));
	n->by_port = calloc(chains, sizeof(*n->by_port));
	n->by_remote = calloc(chains, sizeof(*n->by_remote));
	if (!n->bindings || !n->sessions || !n->by_inside || !n->by_port || !n->by_remote) {
		err_errno(err, ERR_FAILED, "NAT for %u sessions", sessions);
		nat_destroy(n);
		return -1;
	}
	*nat = n;
	return 0;
}

void nat_destroy(struct nat *n)
{
	if (!n) {
		return;
	}
	for (uint32_t i = 0; i < n->gateway_count; i++) {
		free(n->gateways[i]);
	}
	free(n->gateways);
	free(n->bindings);
	free(n->sessions);
	free(n->by_inside);
	free(n->by_port);
	free(n->by_remote);
	free(n);
}

int nat_add(struct nat *n, uint32_t ip, const struct wire_nat *cfg, struct wire_nat_stats *stats,
	    uint32_t *gateway, struct err *err)
{
	struct gateway **grown, *g;

	if (cfg->kind == WIRE_NAT_NONE || cfg->kind >= WIRE_NAT_KINDS || cfg->port_min == 0 ||
	    cfg->port_max < cfg->port_min) {
		return err_set(err, ERR_USAGE, "a NAT of kind %u with the ports %u to %u",
			       cfg->kind, cfg->port_min, cfg->port_max);
	}
	for (int t = 0; t < WIRE_NAT_TIMERS; t++) {
		if (cfg->timeout_ns[t] <= 0) {
			return err_set(err, ERR_USAGE, "a NAT with a time-out of %lld ns",
				       (long long)cfg->timeout_ns[t]);
		}
	}
	g = calloc(1, sizeof(*g));
	grown = reallocarray(n->gateways, n->gateway_count + 1, sizeof(*grown));
	n->gateways = grown ?: n->gateways;
	if (!g || !grown) {
		free(g);
		return err_errno(err, ERR_FAILED, "NAT");
	}
	g->cfg = *cfg;
	g->ip = ip;
	g->stats = stats;
	for (int set = 0; set < PORT_SETS; set++) {
		g->cursor[set] = cfg->port_min;
	}
	*gateway = n->gateway_count;
	n->gateways[n->gateway_count++] = g;
	return 0;
}

/* An index for use, or NIL. @next is where free ones name the next one. */
static uint32_t stock_take(struct stock *s, const uint32_t *next_of_free)
{
	uint32_t i = s->free;

	if (i != NIL) {
		s->free = *next_of_free;
		return i;
	}
	return s->fresh < s->room ? s->fresh++ : NIL;
}

static void stock_give(struct stock *s, uint32_t i, uint32_t *next)
{
	*next = s->free;
	s->free = i;
}

/* --- look-ups --------------------------------------------------------------- */

static uint32_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ b * UINT64_C(0xbf58476d1ce4e5b9)) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(h >> 32);
}

static uint32_t *chain_inside(struct nat *n, const struct binding *b)
{
	uint64_t inside = (uint64_t)b->inside_ip << 32 | (uint32_t)b->proto << 16 | b->inside_port;
	uint64_t remote = (uint64_t)b->remote_ip << 32 | b->remote_port;

	return &n->by_inside[mix(inside, remote ^ (uint64_t)b->gateway << 16) & n->mask];
}

static uint32_t *chain_port(struct nat *n, uint32_t gateway, uint8_t proto, uint16_t port)
{
	return &n->by_port[mix((uint64_t)proto << 16 | port, gateway) & n->mask];
}

/* Not by the remote port: who filters by address looks for any of them. */
static uint32_t *chain_remote(struct nat *n, uint32_t binding, uint32_t remote_ip)
{
	return &n->by_remote[mix(binding, remote_ip) & n->mask];
}

/* The binding with the key that @k gives. */
static struct binding *find_inside(struct nat *n, const struct binding *k)
{
	for (uint32_t i = *chain_inside(n, k); i != NIL; i = n->bindings[i].next_inside) {
		struct binding *b = &n->bindings[i];

		if (b->inside_ip == k->inside_ip && b->inside_port == k->inside_port &&
		    b->proto == k->proto && b->gateway == k->gateway &&
		    b->remote_ip == k->remote_ip && b->remote_port == k->remote_port) {
			return b;
		}
	}
	return NULL;
}

static struct binding *find_port(struct nat *n, uint32_t gateway, uint8_t proto, uint16_t port)
{
	for (uint32_t i = *chain_port(n, gateway, proto, port); i != NIL;
	     i = n->bindings[i].next_port) {
		struct binding *b = &n->bindings[i];

		if (b->port == port && b->proto == proto && b->gateway == gateway) {
			return b;
		}
	}
	return NULL;
}

/* The session of @b with an outside endpoint; *any: there is one with that address. */
static struct session *find_session(struct nat *n, const struct binding *b, uint32_t ip,
				    uint16_t port, bool *any)
{
	uint32_t binding = (uint32_t)(b - n->bindings);

	*any = false;
	for (uint32_t i = *chain_remote(n, binding, ip); i != NIL; i = n->sessions[i].next) {
		struct session *s = &n->sessions[i];

		if (s->binding == binding && s->remote_ip == ip) {
			*any = true;
			if (s->remote_port == port) {
				return s;
			}
		}
	}
	return NULL;
}

/* --- ports -------------------------------------------------------------------- */

static int port_set(uint8_t proto)
{
	return proto == IP_TCP ? SET_TCP : proto == IP_UDP ? SET_UDP : SET_ICMP;
}

static bool in_range(const struct gateway *g, uint32_t port)
{
	return port >= g->cfg.port_min && port <= g->cfg.port_max;
}

static bool is_used(const struct gateway *g, int set, uint32_t port)
{
	return g->used[set][port / 64] >> port % 64 & 1;
}

static void flip_port(struct gateway *g, int set, uint32_t port, bool used)
{
	g->used[set][port / 64] ^= UINT64_C(1) << port % 64;
	if (in_range(g, port)) {
		g->in_use[set] += used ? 1 : UINT32_MAX;
	}
}

/* The first free one from the cursor on; there is one. */
static uint16_t search_port(struct gateway *g, int set)
{
	uint32_t port = g->cursor[set];

	while (is_used(g, set, port)) {
		/* 64 at a time where all are used. */
		port += g->used[set][port / 64] == UINT64_MAX ? 64 - port % 64 : 1;
		if (port > g->cfg.port_max) {
			port = g->cfg.port_min;
		}
	}
	g->cursor[set] = port;
	return (uint16_t)port;
}

/* A port for an inside one; false when all are used. */
static bool take_port(struct gateway *g, int set, uint16_t wish, uint16_t *port)
{
	if (g->in_use[set] > (uint32_t)g->cfg.port_max - g->cfg.port_min) {
		return false;
	}
	*port = in_range(g, wish) && !is_used(g, set, wish) ? wish : search_port(g, set);
	flip_port(g, set, *port, true);
	return true;
}

/* --- bindings ------------------------------------------------------------------- */

static struct binding *add_binding(struct nat *n, const struct binding *key, uint16_t port)
{
	struct stock *stock = &n->binding_stock;
	uint32_t i = stock_take(stock, &n->bindings[stock->free].next_inside), *chain;
	struct binding *b = &n->bindings[i];

	if (i == NIL) {
		return NULL;
	}
	*b = *key;
	b->port = port;
	chain = chain_inside(n, b);
	b->next_inside = *chain;
	*chain = i;
	chain = chain_port(n, b->gateway, b->proto, port);
	b->next_port = *chain;
	*chain = i;
	return b;
}

static void end_binding(struct nat *n, struct binding *b)
{
	struct gateway *g = n->gateways[b->gateway];
	uint32_t i = (uint32_t)(b - n->bindings), *at;

	for (at = chain_inside(n, b); *at != i; at = &n->bindings[*at].next_inside) {
	}
	*at = b->next_inside;
	for (at = chain_port(n, b->gateway, b->proto, b->port); *at != i;
	     at = &n->bindings[*at].next_port) {
	}
	*at = b->next_port;
	flip_port(g, port_set(b->proto), b->port, false);
	stat_set(&g->stats->bindings, g->stats->bindings - 1);
	stock_give(&n->binding_stock, i, &b->next_inside);
}

int nat_forward(struct nat *n, uint32_t gateway, uint8_t proto, uint16_t port,
		uint32_t inside_ip, uint16_t inside_port, struct err *err)
{
	const struct binding key = {
		.gateway = gateway, .inside_ip = inside_ip, .inside_port = inside_port,
		.proto = proto, .is_forward = true,
	};
	struct gateway *g;

	if (gateway >= n->gateway_count || (proto != IP_TCP && proto != IP_UDP)) {
		return err_set(err, ERR_USAGE, "a forwarded port of gateway %u, protocol %u",
			       gateway, proto);
	}
	g = n->gateways[gateway];
	if (is_used(g, port_set(proto), port) || find_inside(n, &key)) {
		return err_set(err, ERR_FAILED, "port %u, or what it is to lead to, has a forwarding already",
			       port);
	}
	if (!add_binding(n, &key, port)) {
		return err_set(err, ERR_FAILED, "NAT: too many forwarded ports");
	}
	flip_port(g, port_set(proto), port, true);
	return 0;
}

/* The binding of what @key names, a new one if need be. */
static enum nat_verdict get_binding(struct nat *n, struct binding *key, uint32_t remote_ip,
				    uint16_t remote_port, struct binding **out)
{
	struct gateway *g = n->gateways[key->gateway];
	int set = port_set(key->proto);
	uint16_t port;

	*out = find_inside(n, key);
	if (!*out && g->cfg.kind == WIRE_NAT_SYMMETRIC) {
		key->remote_ip = remote_ip;
		key->remote_port = remote_port;
		*out = find_inside(n, key);
	}
	if (*out) {
		return NAT_PASS;
	}
	if (!take_port(g, set, key->inside_port, &port)) {
		return NAT_EXHAUSTED;
	}
	*out = add_binding(n, key, port);
	if (!*out) {
		flip_port(g, set, port, false);
		return NAT_FULL;
	}
	stat_add(&g->stats->created, 1);
	stat_set(&g->stats->bindings, g->stats->bindings + 1);
	stat_max(&g->stats->bindings_peak, g->stats->bindings);
	return NAT_PASS;
}

/* --- sessions ------------------------------------------------------------------- */

static void unlink_timer(struct nat *n, struct gateway *g, struct session *s)
{
	*(s->older ? &n->sessions[s->older].newer : &g->oldest[s->timer]) = s->newer;
	*(s->newer ? &n->sessions[s->newer].older : &g->newest[s->timer]) = s->older;
}

static void link_timer(struct nat *n, struct gateway *g, struct session *s, uint8_t timer,
		       virt_t now)
{
	uint32_t i = (uint32_t)(s - n->sessions);

	s->timer = timer;
	s->touched_ns = now.ns;
	s->newer = NIL;
	s->older = g->newest[timer];
	*(s->older ? &n->sessions[s->older].newer : &g->oldest[timer]) = i;
	g->newest[timer] = i;
}

static void end_session(struct nat *n, struct session *s)
{
	struct binding *b = &n->bindings[s->binding];
	uint32_t i = (uint32_t)(s - n->sessions), *at;

	unlink_timer(n, n->gateways[b->gateway], s);
	for (at = chain_remote(n, s->binding, s->remote_ip); *at != i; at = &n->sessions[*at].next) {
	}
	*at = s->next;
	stock_give(&n->session_stock, i, &s->next);
	if (--b->sessions == 0 && !b->is_forward) {
		end_binding(n, b);
	}
}

static void expire(struct nat *n, struct gateway *g, virt_t now)
{
	for (int t = 0; t < WIRE_NAT_TIMERS; t++) {
		while (g->oldest[t] != NIL) {
			struct session *s = &n->sessions[g->oldest[t]];

			if (now.ns - s->touched_ns < g->cfg.timeout_ns[t]) {
				break;
			}
			end_session(n, s);
		}
	}
}

static struct session *add_session(struct nat *n, struct binding *b, uint32_t ip, uint16_t port)
{
	struct stock *stock = &n->session_stock;
	uint32_t i = stock_take(stock, &n->sessions[stock->free].next);
	uint32_t binding = (uint32_t)(b - n->bindings), *chain;

	if (i == NIL) {
		return NULL;
	}
	chain = chain_remote(n, binding, ip);
	n->sessions[i] = (struct session){
		.next = *chain, .binding = binding, .remote_ip = ip, .remote_port = port,
		.timer = WIRE_NAT_TIMERS,
	};
	*chain = i;
	b->sessions++;
	return &n->sessions[i];
}

static uint8_t tcp_timer(struct session *s, uint8_t flags, int direction)
{
	const uint8_t both = SEEN_OUT | SEEN_IN, fins = FIN_OUT | FIN_IN;

	if ((flags & TCP_RST) || ((flags & TCP_SYN) && (s->seen & fins))) {
		s->seen = 0;
	}
	if (!(flags & TCP_RST)) {
		s->seen |= direction == OUT ? SEEN_OUT : SEEN_IN;
	}
	if (flags & TCP_FIN) {
		s->seen |= direction == OUT ? FIN_OUT : FIN_IN;
	}
	return (s->seen & both) == both && (s->seen & fins) != fins ? WIRE_NAT_TCP
								    : WIRE_NAT_TCP_TRANSITORY;
}

/* A packet of session @s: its time begins anew. */
static void touch(struct nat *n, struct gateway *g, struct session *s, const struct natpkt *p,
		  int direction, virt_t now)
{
	uint8_t timer = p->proto == IP_UDP ? WIRE_NAT_UDP : WIRE_NAT_ICMP;

	if (p->proto == IP_TCP) {
		timer = tcp_timer(s, p->tcp_flags, direction);
	}
	if (s->timer != WIRE_NAT_TIMERS) {
		unlink_timer(n, g, s);
	}
	link_timer(n, g, s, timer, now);
}

/* The port of the outside end; an ICMP identifier belongs to the inside one alone. */
static uint16_t remote_port(const struct natpkt *p, int end)
{
	return p->proto == IP_ICMP ? 0 : p->port[end];
}

/* --- packets --------------------------------------------------------------------- */

/* An ICMP error that an inside host sends about a packet which it has received. */
static enum nat_verdict error_out(struct nat *n, uint32_t gateway, struct natpkt *p)
{
	const struct gateway *g = n->gateways[gateway];
	struct binding key = {.gateway = gateway}, *b;
	struct natpkt q;

	if (!natpkt_read_quoted(p, &q)) {
		return NAT_UNSUPPORTED;
	}
	key.proto = q.proto;
	key.inside_ip = q.ip[NATPKT_DST];
	key.inside_port = q.port[NATPKT_DST];
	b = find_inside(n, &key);
	if (!b) {
		key.remote_ip = q.ip[NATPKT_SRC];
		key.remote_port = remote_port(&q, NATPKT_SRC);
		b = find_inside(n, &key);
	}
	if (!b) {
		return NAT_UNSUPPORTED;
	}
	natpkt_set_quoted(p, &q, NATPKT_DST, g->ip, b->port);
	natpkt_set_address(p, NATPKT_SRC, g->ip);
	return NAT_PASS;
}

/* An ICMP error from outside about a packet of a session. */
static enum nat_verdict error_in(struct nat *n, uint32_t gateway, struct natpkt *p,
				 uint32_t *inside_ip)
{
	struct binding *b;
	struct natpkt q;
	bool any;

	if (!natpkt_read_quoted(p, &q)) {
		return NAT_UNSUPPORTED;
	}
	b = find_port(n, gateway, q.proto, q.port[NATPKT_SRC]);
	if (!b || q.ip[NATPKT_SRC] != n->gateways[gateway]->ip ||
	    !find_session(n, b, q.ip[NATPKT_DST], remote_port(&q, NATPKT_DST), &any)) {
		return NAT_FILTERED;
	}
	natpkt_set_quoted(p, &q, NATPKT_SRC, b->inside_ip, b->inside_port);
	natpkt_set_address(p, NATPKT_DST, b->inside_ip);
	*inside_ip = b->inside_ip;
	return NAT_PASS;
}

enum nat_verdict nat_out(struct nat *n, uint32_t gateway, virt_t now, uint8_t *data, uint32_t len)
{
	struct gateway *g = n->gateways[gateway];
	enum nat_verdict verdict;
	struct binding key, *b;
	struct session *s;
	struct natpkt p;
	uint16_t remote;
	bool any;

	expire(n, g, now);
	if (!natpkt_read(data, len, &p)) {
		return NAT_UNSUPPORTED;
	}
	if (p.quoted) {
		return error_out(n, gateway, &p);
	}
	remote = remote_port(&p, NATPKT_DST);
	key = (struct binding){
		.gateway = gateway, .proto = p.proto, .inside_ip = p.ip[NATPKT_SRC],
		.inside_port = p.port[NATPKT_SRC],
	};
	verdict = get_binding(n, &key, p.ip[NATPKT_DST], remote, &b);
	if (verdict != NAT_PASS) {
		return verdict;
	}
	s = find_session(n, b, p.ip[NATPKT_DST], remote, &any);
	if (!s) {
		s = add_session(n, b, p.ip[NATPKT_DST], remote);
	}
	if (!s) {
		if (b->sessions == 0 && !b->is_forward) {
			end_binding(n, b);
		}
		return NAT_FULL;
	}
	touch(n, g, s, &p, OUT, now);
	natpkt_set(&p, NATPKT_SRC, g->ip, b->port);
	return NAT_PASS;
}

/* What filters let in that no session stands for. */
static bool lets_in(const struct gateway *g, const struct binding *b, bool same_address)
{
	return b->is_forward || g->cfg.kind == WIRE_NAT_FULL_CONE ||
	       (g->cfg.kind == WIRE_NAT_RESTRICTED && same_address);
}

enum nat_verdict nat_in(struct nat *n, uint32_t gateway, virt_t now, uint8_t *data, uint32_t len,
			uint32_t *inside_ip)
{
	struct gateway *g = n->gateways[gateway];
	bool same_address = false;
	struct binding *b;
	struct session *s;
	struct natpkt p;
	uint16_t remote;

	expire(n, g, now);
	if (!natpkt_read(data, len, &p)) {
		return NAT_UNSUPPORTED;
	}
	if (p.quoted) {
		return error_in(n, gateway, &p, inside_ip);
	}
	remote = remote_port(&p, NATPKT_SRC);
	b = find_port(n, gateway, p.proto, p.port[NATPKT_DST]);
	if (!b) {
		return NAT_FILTERED;
	}
	s = find_session(n, b, p.ip[NATPKT_SRC], remote, &same_address);
	if (!s) {
		if (!lets_in(g, b, same_address)) {
			return NAT_FILTERED;
		}
		s = add_session(n, b, p.ip[NATPKT_SRC], remote);
		if (!s) {
			return NAT_FULL;
		}
	}
	touch(n, g, s, &p, IN, now);
	*inside_ip = b->inside_ip;
	natpkt_set(&p, NATPKT_DST, b->inside_ip, b->inside_port);
	return NAT_PASS;
}
