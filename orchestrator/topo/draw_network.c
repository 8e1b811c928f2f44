// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/draw.h"

/* --- dot -------------------------------------------------------------------- */

static void describe_link(const struct experiment *exp, const struct group_spec *g, FILE *out)
{
	const struct link_spec *l = &exp->links[g->link];
	char down[32] = "unlimited", up[32] = "unlimited", rtt[32];

	if (g->mix.count) {
		fprintf(out, "drawn from %zu links", g->mix.count);
		return;
	}
	if (l->down_bps) {
		units_format_rate(l->down_bps, down, sizeof(down));
	}
	if (l->up_bps) {
		units_format_rate(l->up_bps, up, sizeof(up));
	}
	fprintf(out, "%s: %s down, %s up\\n%s there and back", l->name, down, up,
		units_format_duration(l->down_delay_ns + l->up_delay_ns, rtt, sizeof(rtt)));
}

void draw_network_dot(const struct experiment *exp, FILE *out)
{
	char buf[32];

	fprintf(out, "graph \"%s\" {\n\tnode [shape=box, fontname=\"sans-serif\"];\n"
		     "\tedge [fontname=\"sans-serif\"];\n"
		     "\tinternet [shape=ellipse, label=\"the network\"];\n", exp->name);
	for (size_t i = 0; i < exp->group_count; i++) {
		const struct group_spec *g = &exp->groups[i];

		fprintf(out, "\t\"group %s\" [label=\"%s\\n%" PRIu32 " peer%s, %s\\n%s/%u\"];\n", g->name,
			g->name, g->count, g->count == 1 ? "" : "s", g->image_name,
			units_format_ip(g->addresses.network, buf, sizeof(buf)), g->addresses.bits);
		fprintf(out, "\t\"group %s\" -- internet [label=\"", g->name);
		describe_link(exp, g, out);
		fputs("\"];\n", out);
	}
	for (size_t i = 0; i < exp->delay_count; i++) {
		const struct delay_spec *d = &exp->delays[i];

		fprintf(out, "\t\"group %s\" -- \"group %s\" [style=dashed, label=\"+ %s each way\"];\n",
			exp->groups[d->a].name, exp->groups[d->b].name,
			units_format_duration(d->delay_ns, buf, sizeof(buf)));
	}
	fputs("}\n", out);
}

/* --- gml -------------------------------------------------------------------- */

/* Peers that the network cannot tell apart: those of a group that have the same link. */
struct alike {
	uint32_t group, link, peers;
};

/* In the order of groups and links; the caller frees them. */
static struct alike *find_alike(const struct experiment *exp, size_t *count)
{
	CLEAN_FREE uint32_t *peers = must_calloc(exp->link_count, sizeof(*peers));
	struct alike *list = NULL;

	*count = 0;
	for (uint32_t g = 0; g < exp->group_count; g++) {
		const struct group_spec *group = &exp->groups[g];

		for (uint32_t k = 0; k < group->count; k++) {
			peers[group->peer_links ? group->peer_links[k] : group->link]++;
		}
		for (uint32_t link = 0; link < exp->link_count; link++) {
			if (peers[link]) {
				list = must_grow(list, *count, sizeof(*list));
				list[(*count)++] = (struct alike) {g, link, peers[link]};
				peers[link] = 0;
			}
		}
	}
	return list;
}

static void draw_node(const struct experiment *exp, const struct alike *a, size_t id, FILE *out)
{
	const struct group_spec *group = &exp->groups[a->group];
	const struct link_spec *link = &exp->links[a->link];

	fprintf(out, "  node [\n    id %zu\n    label \"%s\"\n    link \"%s\"\n    peers %" PRIu32 "\n", id,
		group->name, link->name, a->peers);
	if (link->down_bps) {
		fprintf(out, "    host_bandwidth_down \"%" PRIu64 " bit\"\n", link->down_bps);
	}
	if (link->up_bps) {
		fprintf(out, "    host_bandwidth_up \"%" PRIu64 " bit\"\n", link->up_bps);
	}
	fputs("  ]\n", out);
}

/* Of groups in LANs the LAN: delays are between those. */
static uint32_t site_of(const struct experiment *exp, const struct alike *a)
{
	return experiment_peer_site(exp, exp->groups[a->group].first_peer);
}

static void draw_edge(const struct experiment *exp, const struct alike *list, size_t from, size_t to,
		      FILE *out)
{
	const struct link_spec *up = &exp->links[list[from].link], *down = &exp->links[list[to].link];
	int64_t latency = up->up_delay_ns + down->down_delay_ns +
			  experiment_site_delay(exp, site_of(exp, &list[from]), site_of(exp, &list[to]));

	fprintf(out, "  edge [\n    source %zu\n    target %zu\n    latency \"%" PRId64 " ns\"\n"
		     "    packet_loss %.9g\n  ]\n",
		from, to, latency, 1 - (1 - up->up_loss) * (1 - down->down_loss));
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
