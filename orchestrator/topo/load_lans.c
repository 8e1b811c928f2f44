// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LANs: hosts around a switch, behind a gateway with one line to the outside and, mostly, a
 * NAT.  With a count, several that are alike: the peers of a group are dealt out to them in turn.
 */
#include <stdio.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

const char *const nat_words[] = {
	[NAT_NONE] = "none", [NAT_FULL_CONE] = "full-cone", [NAT_RESTRICTED] = "restricted",
	[NAT_PORT_RESTRICTED] = "port-restricted", [NAT_SYMMETRIC] = "symmetric", NULL,
};

const char *const protocol_words[] = {
	[FORWARD_BOTH] = "both", [FORWARD_TCP] = "tcp", [FORWARD_UDP] = "udp", NULL,
};

static struct lan_places *places_of(struct reader *r, const struct lan_spec *lan)
{
	return &exp_reader(r)->lan_places[lan - exp_reader(r)->exp->lans];
}

/* --- NAT -------------------------------------------------------------------- */

static int read_type(struct reader *r, const struct node *node, void *object)
{
	int word = NAT_NONE;

	if (read_word(r, node, nat_words, &word)) {
		return -1;
	}
	((struct nat_spec *)object)->kind = (enum nat_kind)word;
	return 0;
}

static int read_hairpin(struct reader *r, const struct node *node, void *object)
{
	return read_flag(r, node, &((struct nat_spec *)object)->hairpin);
}

static int read_ports(struct reader *r, const struct node *node, void *object)
{
	struct nat_spec *nat = object;
	unsigned from = 0, to = 0;
	const char *text = "";
	char shown[NODE_SHOW_BYTES];
	int end = 0;

	if (read_text(r, node, "a range of ports", &text)) {
		return -1;
	}
	if (strspn(text, "0123456789-") != strlen(text) || strlen(text) > 11 ||
	    sscanf(text, "%u-%u%n", &from, &to, &end) != 2 || text[end] != '\0' || from < 1 ||
	    to > 65535 || from > to) {
		return node_fail(r->tree, node, r->err,
				 "%s; a range like 1024-65535 is allowed, from 1 to 65535",
				 node_show(node, shown));
	}
	nat->port_min = (uint16_t)from;
	nat->port_max = (uint16_t)to;
	return 0;
}

static int read_timeout(struct reader *r, const struct node *node, int64_t *ns)
{
	if (read_duration(r, node, LIMIT_TIME_NS, ns)) {
		return -1;
	}
	return *ns > 0 ? 0 : node_fail(r->tree, node, r->err,
				       "a time-out must be longer than nothing");
}

static int read_udp_timeout(struct reader *r, const struct node *node, void *object)
{
	return read_timeout(r, node, &((struct nat_spec *)object)->udp_ns);
}

static int read_tcp_timeout(struct reader *r, const struct node *node, void *object)
{
	return read_timeout(r, node, &((struct nat_spec *)object)->tcp_ns);
}

static int read_transitory_timeout(struct reader *r, const struct node *node, void *object)
{
	return read_timeout(r, node, &((struct nat_spec *)object)->tcp_transitory_ns);
}

static int read_icmp_timeout(struct reader *r, const struct node *node, void *object)
{
	return read_timeout(r, node, &((struct nat_spec *)object)->icmp_ns);
}

static const struct field timeouts_fields[] = {
	{.key = "udp", .read = read_udp_timeout},
	{.key = "tcp", .read = read_tcp_timeout},
	{.key = "tcp-transitory", .read = read_transitory_timeout},
	{.key = "icmp", .read = read_icmp_timeout},
};
const struct field_map timeouts_map = {
	"nat_timeouts", "\"timeouts\"", timeouts_fields, ARRAY_LEN(timeouts_fields),
};

static int read_timeouts(struct reader *r, const struct node *node, void *object)
{
	return read_fields(r, &timeouts_map, node, object);
}

static const struct field nat_fields[] = {
	{.key = "type", .required = true, .read = read_type},
	{.key = "hairpin", .read = read_hairpin},
	{.key = "ports", .read = read_ports},
	{.key = "timeouts", .read = read_timeouts},
};
const struct field_map nat_map = {"nat", "a NAT", nat_fields, ARRAY_LEN(nat_fields)};

static int read_nat(struct reader *r, const struct node *node, void *object)
{
	struct nat_spec *nat = &((struct lan_spec *)object)->nat;

	return node->kind == NODE_MAP ? read_fields(r, &nat_map, node, nat) : read_type(r, node, nat);
}

/* --- a LAN ------------------------------------------------------------------- */

static int read_lan_count(struct reader *r, const struct node *node, void *object)
{
	uint64_t count = 0;

	if (read_number(r, node, 1, LIMIT_LANS, &count)) {
		return -1;
	}
	((struct lan_spec *)object)->count = (uint32_t)count;
	return 0;
}

static int read_wan(struct reader *r, const struct node *node, void *object)
{
	struct lan_spec *lan = object;
	const struct link_spec *link;
	const char *name = "";

	if (read_text(r, node, "a link's name", &name) || find_link(r, node, name, &lan->wan)) {
		return -1;
	}
	link = &exp_reader(r)->exp->links[lan->wan];
	return link->up_trace || link->down_trace ?
	       node_fail(r->tree, node, r->err, "a gateway's line cannot follow a trace") : 0;
}

static int read_prefix(struct reader *r, const struct node *node, struct prefix *prefix)
{
	const char *text = "", *why;
	char shown[NODE_SHOW_BYTES];

	if (read_text(r, node, "an IPv4 prefix", &text)) {
		return -1;
	}
	if (units_parse_prefix(text, prefix, &why)) {
		return node_fail(r->tree, node, r->err, "%s: %s", node_show(node, shown), why);
	}
	return 0;
}

static int read_lan_addresses(struct reader *r, const struct node *node, void *object)
{
	struct lan_spec *lan = object;

	places_of(r, lan)->addresses = node;
	return read_prefix(r, node, &lan->addresses);
}

static int read_public(struct reader *r, const struct node *node, void *object)
{
	struct lan_spec *lan = object;

	places_of(r, lan)->public = node;
	return read_prefix(r, node, &lan->public);
}

/* It names groups, which are read after the LANs: see load_forwards(). */
static int note_forward(struct reader *r, const struct node *node, void *object)
{
	places_of(r, object)->forward = node;
	return read_list(r, node, "\"forward\"");
}

static const struct field lan_fields[] = {
	{.key = "count", .read = read_lan_count},
	{.key = "wan", .required = true, .read = read_wan},
	{.key = "addresses", .required = true, .read = read_lan_addresses},
	{.key = "nat", .read = read_nat},
	{.key = "public", .read = read_public},
	{.key = "forward", .read = note_forward},
};
const struct field_map lan_map = {"lan", "a LAN", lan_fields, ARRAY_LEN(lan_fields)};

static int settle_nat(struct reader *r, const struct node *body, const struct lan_spec *lan)
{
	const struct lan_places *at = places_of(r, lan);

	if (lan->nat.kind != NAT_NONE && !at->public) {
		return node_fail(r->tree, body, r->err,
				 "a LAN with a NAT needs the key \"public\": a prefix with an address for each gateway");
	}
	if (lan->nat.kind == NAT_NONE && at->public) {
		return node_fail(r->tree, at->public, r->err,
				 "without a \"nat\" the LAN's \"addresses\" are public themselves");
	}
	if (lan->nat.kind == NAT_NONE && lan->count > 1) {
		return node_fail(r->tree, body, r->err,
				 "%u LANs with the same addresses need a \"nat\" each", lan->count);
	}
	if (lan->nat.kind == NAT_NONE && at->forward) {
		return node_fail(r->tree, at->forward, r->err,
				 "without a \"nat\" all ports can be reached: there is nothing to forward");
	}
	return 0;
}

static int load_lan(struct reader *r, const struct node *key, const struct node *body,
		    struct lan_spec *lan)
{
	const char *name = "";

	if (read_name(r, key, "a LAN's name", &name)) {
		return -1;
	}
	*lan = (struct lan_spec){
		.name = must_strdup(name), .count = 1,
		.nat = {
			.port_min = DEFAULT_NAT_PORT_MIN, .port_max = UINT16_MAX,
			.udp_ns = DEFAULT_NAT_UDP_NS, .tcp_ns = DEFAULT_NAT_TCP_NS,
			.tcp_transitory_ns = DEFAULT_NAT_TCP_TRANSITORY_NS,
			.icmp_ns = DEFAULT_NAT_ICMP_NS,
		},
	};
	return read_fields(r, &lan_map, body, lan) || settle_nat(r, body, lan) ? -1 : 0;
}

int load_lans(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;

	if (read_map(r, node, "\"lans\"")) {
		return -1;
	}
	exp->lans = must_calloc(node->count, sizeof(*exp->lans));
	exp_reader(r)->lan_places = must_calloc(node->count, sizeof(struct lan_places));
	for (size_t i = 0; i < node->count; i++) {
		struct lan_spec *lan = &exp->lans[exp->lan_count++];

		if (load_lan(r, node->keys[i], node->items[i], lan)) {
			return -1;
		}
		lan->first_gateway = exp->gateway_count;
		exp->gateway_count += lan->count;
		if (exp->gateway_count > LIMIT_LANS) {
			return node_fail(r->tree, node->keys[i], r->err,
					 "more than %u LANs in all", LIMIT_LANS);
		}
	}
	return 0;
}

int find_lan(struct reader *r, const struct node *node, const char *word, uint32_t *index)
{
	const struct experiment *exp = exp_reader(r)->exp;
	const char **names = must_calloc(exp->lan_count + 1, sizeof(*names));
	int result = -1;

	for (uint32_t i = 0; i < exp->lan_count; i++) {
		names[i] = exp->lans[i].name;
		if (strcmp(names[i], word) == 0) {
			*index = i;
			result = 0;
		}
	}
	if (result) {
		fail_unknown(r, node, word, "LAN", names);
	}
	free(names);
	return result;
}

/* --- forwarded ports ------------------------------------------------------------ */

struct forward_reading {
	struct forward_spec forward;
	const struct node *to;
};

static int read_port(struct reader *r, const struct node *node, uint16_t *port)
{
	uint64_t number = 0;

	if (read_number(r, node, 1, UINT16_MAX, &number)) {
		return -1;
	}
	*port = (uint16_t)number;
	return 0;
}

static int read_outside_port(struct reader *r, const struct node *node, void *object)
{
	struct forward_spec *forward = &((struct forward_reading *)object)->forward;

	forward->inside_port = 0;
	return read_port(r, node, &forward->port);
}

static int read_inside_port(struct reader *r, const struct node *node, void *object)
{
	return read_port(r, node, &((struct forward_reading *)object)->forward.inside_port);
}

static int read_protocol(struct reader *r, const struct node *node, void *object)
{
	int word = FORWARD_BOTH;

	if (read_word(r, node, protocol_words, &word)) {
		return -1;
	}
	((struct forward_reading *)object)->forward.protocol = (enum forward_protocol)word;
	return 0;
}

static int read_to(struct reader *r, const struct node *node, void *object)
{
	struct forward_reading *reading = object;

	reading->to = node;
	return find_peers(r, node, &reading->forward.to);
}

static const struct field forward_fields[] = {
	{.key = "port", .required = true, .read = read_outside_port},
	{.key = "to", .required = true, .read = read_to},
	{.key = "inside", .read = read_inside_port},
	{.key = "protocol", .read = read_protocol},
};
const struct field_map forward_map = {
	"forward", "a forwarded port", forward_fields, ARRAY_LEN(forward_fields),
};

static bool same_protocol(enum forward_protocol a, enum forward_protocol b)
{
	return a == b || a == FORWARD_BOTH || b == FORWARD_BOTH;
}

/* One to a group is in each LAN; one to a peer in the LAN of that peer. */
static bool clash(const struct forward_spec *a, const struct forward_spec *b, uint32_t lans)
{
	bool same_lan = a->to.number == 0 || b->to.number == 0 ||
			(a->to.number - 1) % lans == (b->to.number - 1) % lans;

	return a->port == b->port && same_lan && same_protocol(a->protocol, b->protocol);
}

static int load_forward(struct reader *r, const struct node *node, struct lan_spec *lan)
{
	const struct experiment *exp = exp_reader(r)->exp;
	struct forward_reading reading = {.to = node};
	struct forward_spec *forward = &reading.forward;

	if (read_fields(r, &forward_map, node, &reading)) {
		return -1;
	}
	forward->inside_port = forward->inside_port ?: forward->port;
	if (exp->groups[forward->to.group].lan != lan - exp->lans) {
		return node_fail(r->tree, reading.to, r->err, "the group \"%s\" is not in the LAN \"%s\"",
				 exp->groups[forward->to.group].name, lan->name);
	}
	for (size_t i = 0; i < lan->forward_count; i++) {
		if (clash(forward, &lan->forwards[i], lan->count)) {
			return node_fail(r->tree, node, r->err, "port %u is forwarded already",
					 forward->port);
		}
	}
	lan->forwards[lan->forward_count++] = *forward;
	return 0;
}

int load_forwards(struct reader *r)
{
	struct experiment *exp = exp_reader(r)->exp;

	for (size_t i = 0; i < exp->lan_count; i++) {
		const struct node *node = exp_reader(r)->lan_places[i].forward;

		if (!node) {
			continue;
		}
		exp->lans[i].forwards = must_calloc(node->count, sizeof(struct forward_spec));
		for (size_t k = 0; k < node->count; k++) {
			if (load_forward(r, node->items[k], &exp->lans[i])) {
				return -1;
			}
		}
	}
	return 0;
}
