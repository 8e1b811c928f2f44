// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/units.h"
#include "topo/alloc.h"
#include "topo/graph.h"
#include "topo/limits.h"

#define FIRST_NETWORK UINT32_C(0xc6120000) /* 198.18.0.0/15 is for measurements, RFC 2544 */
#define LEAST_NETWORK 4u

/* What becomes of a node. */
struct site {
	char *name;     /* of its group */
	uint32_t peers;
	uint32_t link;  /* the number of the first node with such rates */
	struct prefix addresses;
};

/* --- names and addresses ----------------------------------------------------- */

/* A letter or digit as it is, in small; all else once a "-", but not at the ends. */
static void tidy_name(const char *from, char name[LIMIT_NAME_CHARS + 1], size_t room)
{
	size_t len = 0;

	for (; *from && len < room; from++) {
		unsigned char c = (unsigned char)*from;

		if (c < 128 && isalnum(c)) {
			name[len++] = (char)tolower(c);
		} else if (len && name[len - 1] != '-') {
			name[len++] = '-';
		}
	}
	while (len && name[len - 1] == '-') {
		len--;
	}
	name[len] = '\0';
}

static bool taken(const struct site *sites, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(sites[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* By its label; "node-ID" where it has none, and with a number behind where that is taken. */
static void name_site(struct site *sites, size_t index, const struct graph_node *node)
{
	char tidy[LIMIT_NAME_CHARS + 1];

	tidy_name(node->name ? node->name : node->id, tidy, LIMIT_NAME_CHARS - strlen("node--99999"));
	sites[index].name = node->name && *tidy ? str_format("%s", tidy)
						: str_format("node%s%s", *tidy ? "-" : "", tidy);
	for (size_t n = index + 1; taken(sites, index, sites[index].name); n += GRAPH_MAX_NODES) {
		free(sites[index].name);
		sites[index].name = str_format("node-%s-%zu", tidy, n);
	}
}

static uint32_t same_rates(const struct graph *graph, uint32_t index)
{
	const struct graph_node *node = &graph->nodes[index];

	for (uint32_t i = 0; i < index; i++) {
		if (graph->nodes[i].down_bps == node->down_bps && graph->nodes[i].up_bps == node->up_bps) {
			return i;
		}
	}
	return index;
}

static int plan_sites(const struct graph *graph, uint32_t peers, struct site *sites, struct err *err)
{
	uint32_t next = FIRST_NETWORK, total = 0;

	for (uint32_t i = 0; i < graph->node_count; i++) {
		struct site *s = &sites[i];
		uint32_t size = LEAST_NETWORK, bits = 30;

		name_site(sites, i, &graph->nodes[i]);
		s->peers = graph->nodes[i].peers ? (uint32_t)graph->nodes[i].peers : peers;
		s->link = same_rates(graph, i);
		for (; size - 2 < s->peers; bits--) {
			size *= 2;
		}
		next = (next + size - 1) & ~(size - 1);
		total += s->peers;
		if (total > LIMIT_PEERS || next + size > RESERVED_PROBE_NETWORK) {
			return err_set(err, ERR_USAGE, "all nodes together have more than %u peers", LIMIT_PEERS);
		}
		s->addresses = (struct prefix) {next, bits};
		next += size;
	}
	return 0;
}

static int check_latencies(const struct graph *graph, const int64_t *latency, struct err *err)
{
	size_t n = graph->node_count;

	for (size_t i = 0; i < n * n; i++) {
		if (latency[i] > LIMIT_DELAY_NS) {
			return err_set(err, ERR_USAGE, "from \"%.40s\" to \"%.40s\" it takes more than a minute",
				       graph->nodes[i / n].id, graph->nodes[i % n].id);
		}
	}
	return 0;
}

/* --- the experiment ---------------------------------------------------------- */

static const char *rate(uint64_t bps, char buf[32])
{
	return bps ? units_format_rate(bps, buf, 32) : "unlimited";
}

static void write_links(const struct graph *graph, const struct site *sites, FILE *out)
{
	char down[32], up[32];

	fputs("links:\n", out);
	for (uint32_t i = 0; i < graph->node_count; i++) {
		if (sites[i].link == i) {
			fprintf(out, "  line-%" PRIu32 ": {down: %s, up: %s}\n", i,
				rate(graph->nodes[i].down_bps, down), rate(graph->nodes[i].up_bps, up));
		}
	}
}

static void write_groups(const struct graph *graph, const struct site *sites, FILE *out)
{
	char ip[32];

	fputs("groups:\n", out);
	for (uint32_t i = 0; i < graph->node_count; i++) {
		const struct site *s = &sites[i];

		fprintf(out, "  %s: {image: idle, count: %" PRIu32 ", link: line-%" PRIu32 ", addresses: %s/%u}\n",
			s->name, s->peers, s->link,
			units_format_ip(s->addresses.network, ip, sizeof(ip)), s->addresses.bits);
	}
}

/* The mean of both ways; -1 when there is neither. */
static int64_t between(const int64_t *latency, size_t n, size_t a, size_t b)
{
	int64_t there = latency[a * n + b], back = latency[b * n + a];

	return there < 0 || back < 0 ? (there < 0 ? back : there) : (there + back) / 2;
}

static void write_delays(const struct site *sites, const int64_t *latency, size_t n, FILE *out)
{
	const char *heading = "delays:\n";
	char buf[32];

	for (size_t a = 0; a < n; a++) {
		for (size_t b = a; b < n; b++) {
			int64_t ns = between(latency, n, a, b);

			if (ns > 0 && (a != b || sites[a].peers > 1)) {
				fprintf(out, "%s  - {between: [%s, %s], delay: %s}\n", heading, sites[a].name,
					sites[b].name, units_format_duration(ns, buf, sizeof(buf)));
				heading = "";
			}
		}
	}
}

/* Where no way leads from one to the other, nothing gets through. */
static void write_partitions(const struct site *sites, const int64_t *latency, size_t n, FILE *out)
{
	const char *heading = "events:\n";

	for (size_t a = 0; a < n; a++) {
		for (size_t b = a + 1; b < n; b++) {
			if (between(latency, n, a, b) < 0) {
				fprintf(out, "%s  - {at: 0s, partition: [%s, %s]}\n", heading, sites[a].name,
					sites[b].name);
				heading = "";
			}
		}
	}
}

/* What an experiment cannot say, or not so. */
static void write_remarks(const struct graph *graph, const int64_t *latency, const char *path, FILE *out)
{
	size_t n = graph->node_count, lossy = 0, by_place = 0, uneven = 0;
	const char *slash = strrchr(path, '/');

	for (size_t i = 0; i < graph->edge_count; i++) {
		lossy += graph->edges[i].loss > 0;
		by_place += graph->edges[i].latency_ns < 0;
	}
	for (size_t a = 0; a < n; a++) {
		for (size_t b = a + 1; b < n; b++) {
			uneven += latency[a * n + b] != latency[b * n + a];
		}
	}
	fputs("# The network of ", out);
	for (const char *c = slash ? slash + 1 : path; *c; c++) {
		fputc((unsigned char)*c < ' ' || *c == 127 ? '?' : *c, out);
	}
	fprintf(out, ": %zu nodes, %zu edges.\n", n,
		graph->edge_count);
	if (by_place) {
		fprintf(out, "# %zu edges said no latency: it is that of light in glass between their places.\n",
			by_place);
	}
	if (uneven) {
		fprintf(out, "# %zu pairs differ by direction: the delay here is the mean of both.\n", uneven);
	}
	if (lossy) {
		fprintf(out, "# %zu edges have a loss, which is not here: an experiment has it on lines.\n", lossy);
	}
	fputs("# Put images, roles and a payload in.\n", out);
}

int graph_write_experiment(const struct graph *graph, const char *path, uint32_t peers, FILE *out,
			   struct err *err)
{
	CLEAN_FREE struct site *sites = must_calloc(graph->node_count, sizeof(*sites));
	CLEAN_FREE int64_t *latency = NULL;
	char name[LIMIT_NAME_CHARS + 1];
	const char *slash = strrchr(path, '/');
	CLEAN_FREE char *base = must_strdup(slash ? slash + 1 : path);
	int result = 0;

	base[strcspn(base, ".")] = '\0';
	tidy_name(base, name, LIMIT_NAME_CHARS);
	if (graph_latencies(graph, &latency, err) || check_latencies(graph, latency, err) ||
	    plan_sites(graph, peers, sites, err)) {
		result = err_wrap(err, "%s", path);
		goto out;
	}
	write_remarks(graph, latency, path, out);
	fprintf(out, "name: %s\n", *name ? name : "network");
	write_links(graph, sites, out);
	write_groups(graph, sites, out);
	write_delays(sites, latency, graph->node_count, out);
	write_partitions(sites, latency, graph->node_count, out);
out:
	for (size_t i = 0; i < graph->node_count; i++) {
		free(sites[i].name);
	}
	return result;
}
