// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/draw.h"
#include "topo/load.h"

/* --- dot -------------------------------------------------------------------- */

static void describe_link(const struct link_spec *l, FILE *out)
{
	char down[32] = "unlimited", up[32] = "unlimited", rtt[32];

	if (l->down_bps) {
		units_format_rate(l->down_bps, down, sizeof(down));
	}
	if (l->up_bps) {
		units_format_rate(l->up_bps, up, sizeof(up));
	}
	fprintf(out, "%s: %s down, %s up\\n%s there and back", l->name, down, up,
		units_format_duration(l->down_delay_ns + l->up_delay_ns, rtt, sizeof(rtt)));
}

/* A group, and its peers' lines to the network, or to the switch of their LAN. */
static void draw_group(const struct experiment *exp, const struct group_spec *g, FILE *out)
{
	char ip[32];

	fprintf(out, "\t\"group %s\" [label=\"%s\\n%" PRIu32 " peer%s, %s", g->name, g->name, g->count,
		g->count == 1 ? "" : "s", g->image_name);
	if (g->lan == NO_LAN) {
		fprintf(out, "\\n%s/%u\"];\n\t\"group %s\" -- internet [label=\"",
			units_format_ip(g->addresses.network, ip, sizeof(ip)), g->addresses.bits, g->name);
	} else {
		fprintf(out, "\"];\n\t\"group %s\" -- \"lan %s\" [label=\"", g->name,
			exp->lans[g->lan].name);
	}
	if (g->mix.count) {
		fprintf(out, "drawn from %zu links", g->mix.count);
	} else {
		describe_link(&exp->links[g->link], out);
	}
	fputs("\"];\n", out);
}

/* LANs that are alike: a box around their gateway and the groups that are in it. */
static void draw_lan(const struct experiment *exp, size_t index, FILE *out)
{
	const struct lan_spec *lan = &exp->lans[index];
	char inside[32], public[32];

	fprintf(out, "\tsubgraph \"cluster %s\" {\n\tlabel=\"%" PRIu32 " LAN%s %s/%u\"; "
		     "fontname=\"sans-serif\";\n", lan->name, lan->count,
		lan->count == 1 ? "," : "s, each",
		units_format_ip(lan->addresses.network, inside, sizeof(inside)), lan->addresses.bits);
	fprintf(out, "\t\"lan %s\" [shape=hexagon, label=\"%s", lan->name, lan->name);
	if (lan->nat.kind != NAT_NONE) {
		fprintf(out, "\\n%s NAT%s\\n%s/%u", nat_words[lan->nat.kind],
			lan->nat.hairpin ? ", hairpin" : "",
			units_format_ip(lan->public.network, public, sizeof(public)), lan->public.bits);
	}
	fputs("\"];\n", out);
	for (size_t i = 0; i < exp->group_count; i++) {
		if (exp->groups[i].lan == index) {
			draw_group(exp, &exp->groups[i], out);
		}
	}
	fprintf(out, "\t}\n\t\"lan %s\" -- internet [label=\"", lan->name);
	describe_link(&exp->links[lan->wan], out);
	fputs("\"];\n", out);
}

void draw_network_dot(const struct experiment *exp, FILE *out)
{
	char buf[32];

	fprintf(out, "graph \"%s\" {\n\tnode [shape=box, fontname=\"sans-serif\"];\n"
		     "\tedge [fontname=\"sans-serif\"];\n"
		     "\tinternet [shape=ellipse, label=\"the network\"];\n", exp->name);
	for (size_t i = 0; i < exp->lan_count; i++) {
		draw_lan(exp, i, out);
	}
	for (size_t i = 0; i < exp->group_count; i++) {
		if (exp->groups[i].lan == NO_LAN) {
			draw_group(exp, &exp->groups[i], out);
		}
	}
	for (size_t i = 0; i < exp->delay_count; i++) {
		const struct delay_spec *d = &exp->delays[i];

		fprintf(out, "\t\"%s %s\" -- \"%s %s\" [style=dashed, label=\"+ %s each way\"];\n",
			d->a < exp->group_count ? "group" : "lan", experiment_site_name(exp, d->a),
			d->b < exp->group_count ? "group" : "lan", experiment_site_name(exp, d->b),
			units_format_duration(d->delay_ns, buf, sizeof(buf)));
	}
	fputs("}\n", out);
}

/* --- gml -------------------------------------------------------------------- */

/* Peers that the network cannot tell apart: those of a group that have the same link, and are in the
 * same LAN if they are in one. */
struct alike {
	uint32_t group, link, peers;
	uint32_t gateway;          /* NO_LAN */
};

/* Add those of a group whose numbers are @first, @first + @step, ... */
static struct alike *add_alike(const struct experiment *exp, struct alike *list, size_t *count, uint32_t g,
			       uint32_t first, uint32_t step)
{
	CLEAN_FREE uint32_t *peers = must_calloc(exp->link_count, sizeof(*peers));
	const struct group_spec *group = &exp->groups[g];

	for (uint32_t k = first; k < group->count; k += step) {
		peers[group->peer_links ? group->peer_links[k] : group->link]++;
	}
	for (uint32_t link = 0; link < exp->link_count; link++) {
		if (peers[link]) {
			list = must_grow(list, *count, sizeof(*list));
			list[(*count)++] = (struct alike) {
				g, link, peers[link],
				experiment_peer_gateway(exp, group->first_peer + first),
			};
		}
	}
	return list;
}

/* In the order of groups, LANs and links; the caller frees them. */
static struct alike *find_alike(const struct experiment *exp, size_t *count)
{
	struct alike *list = NULL;

	*count = 0;
	for (uint32_t g = 0; g < exp->group_count; g++) {
		uint32_t lan = exp->groups[g].lan;
		uint32_t lans = lan == NO_LAN ? 1 : exp->lans[lan].count;

		for (uint32_t first = 0; first < lans && first < exp->groups[g].count; first++) {
			list = add_alike(exp, list, count, g, first, lans);
		}
	}
	return list;
}

static void draw_rates(const char *whose, const struct link_spec *link, FILE *out)
{
	if (link->down_bps) {
		fprintf(out, "    %s_bandwidth_down \"%" PRIu64 " bit\"\n", whose, link->down_bps);
	}
	if (link->up_bps) {
		fprintf(out, "    %s_bandwidth_up \"%" PRIu64 " bit\"\n", whose, link->up_bps);
	}
}

static void draw_node(const struct experiment *exp, const struct alike *a, size_t id, FILE *out)
{
	const struct group_spec *group = &exp->groups[a->group];
	const struct link_spec *link = &exp->links[a->link];

	fprintf(out, "  node [\n    id %zu\n    label \"%s\"\n    link \"%s\"\n    peers %" PRIu32 "\n", id,
		group->name, link->name, a->peers);
	draw_rates("host", link, out);
	if (a->gateway != NO_LAN) {
		const struct lan_spec *lan = experiment_gateway_lan(exp, a->gateway);

		fprintf(out, "    lan \"%s-%" PRIu32 "\"\n    nat \"%s\"\n    wan \"%s\"\n", lan->name,
			a->gateway - lan->first_gateway + 1, nat_words[lan->nat.kind],
			exp->links[lan->wan].name);
		draw_rates("wan", &exp->links[lan->wan], out);
	}
	fputs("  ]\n", out);
}

/* Of groups in LANs the LAN: delays are between those. */
static uint32_t site_of(const struct experiment *exp, const struct alike *a)
{
	return experiment_peer_site(exp, exp->groups[a->group].first_peer);
}

/* The WAN line between @a and the rest; NULL: it is in no LAN. */
static const struct link_spec *wan_of(const struct experiment *exp, const struct alike *a)
{
	return a->gateway == NO_LAN ? NULL : &exp->links[experiment_gateway_lan(exp, a->gateway)->wan];
}

static void draw_edge(const struct experiment *exp, const struct alike *list, size_t from, size_t to,
		      FILE *out)
{
	const struct alike *a = &list[from], *b = &list[to];
	const struct link_spec *up = &exp->links[a->link], *down = &exp->links[b->link];
	const struct link_spec *out_of = wan_of(exp, a), *into = wan_of(exp, b);
	int64_t latency = up->up_delay_ns + down->down_delay_ns;
	double arrives = (1 - up->up_loss) * (1 - down->down_loss);

	/* Within a LAN nothing lies between the two. */
	if (a->gateway == NO_LAN || a->gateway != b->gateway) {
		latency += experiment_site_delay(exp, site_of(exp, a), site_of(exp, b)) +
			   (out_of ? out_of->up_delay_ns : 0) + (into ? into->down_delay_ns : 0);
		arrives *= (out_of ? 1 - out_of->up_loss : 1) * (into ? 1 - into->down_loss : 1);
	}
	fprintf(out, "  edge [\n    source %zu\n    target %zu\n    latency \"%" PRId64 " ns\"\n"
		     "    packet_loss %.9g\n  ]\n", from, to, latency, 1 - arrives);
}

void draw_network_gml(const struct experiment *exp, FILE *out)
{
	size_t count;
	CLEAN_FREE struct alike *list = find_alike(exp, &count);

	fputs("graph [\n  directed 1\n", out);
	for (size_t i = 0; i < count; i++) {
		draw_node(exp, &list[i], i, out);
	}
	for (size_t from = 0; from < count; from++) {
		for (size_t to = 0; to < count; to++) {
			draw_edge(exp, list, from, to, out);
		}
	}
	fputs("]\n", out);
}
