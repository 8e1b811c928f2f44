// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/units.h"
#include "topo/alloc.h"
#include "topo/graph_private.h"
#include "topo/limits.h"

#define EARTH_RADIUS_M 6371000.0
#define LIGHT_IN_GLASS_M_PER_S 2e8
#define KIB_BITS 8192

/* --- attributes -------------------------------------------------------------- */

/* A finite number and nothing behind it. */
static int read_number(const char *text, double low, double high, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return end == text || *end || !(*value >= low && *value <= high) ? -1 : 0;
}

/* Without blanks, and with "/s" behind "bit": as our own units are written. */
static void tidy_unit(const char *text, char *buf, size_t len)
{
	size_t n = 0;

	for (; *text && n + 3 < len; text++) {
		if (!isspace((unsigned char)*text)) {
			buf[n++] = *text;
		}
	}
	buf[n] = '\0';
	if (n >= 3 && strcmp(buf + n - 3, "bit") == 0) {
		memcpy(buf + n, "/s", 3);
	}
}

static int set_text(void *at, const char *value, const char **why)
{
	char **text = at;

	if (!*value) {
		*why = "is empty";
		return -1;
	}
	free(*text);
	*text = must_strdup(value);
	return 0;
}

/* Ids stand in messages, which are one line. */
static int set_id(void *at, const char *value, const char **why)
{
	for (const char *c = value; *c; c++) {
		if (iscntrl((unsigned char)*c)) {
			*why = "has a control character";
			return -1;
		}
	}
	return set_text(at, value, why);
}

static int set_rate(void *at, const char *value, const char **why)
{
	char text[64];

	tidy_unit(value, text, sizeof(text) - 2);
	return units_parse_rate(text, at, why);
}

/* As old graphs of Shadow's have it. */
static int set_kib_per_s(void *at, const char *value, const char **why)
{
	double kib;

	if (read_number(value, 1, (double)LIMIT_RATE_BPS / KIB_BITS, &kib)) {
		*why = "should be KiB a second";
		return -1;
	}
	*(uint64_t *)at = (uint64_t)(kib * KIB_BITS);
	return 0;
}

/* A number without a unit is of milliseconds. */
static int set_latency(void *at, const char *value, const char **why)
{
	char text[64];
	double ms;

	if (read_number(value, 0, (double)LIMIT_DELAY_NS / 1e6, &ms) == 0) {
		*(int64_t *)at = llround(ms * 1e6);
		return 0;
	}
	tidy_unit(value, text, sizeof(text));
	if (units_parse_duration(text, at, why) == 0 && *(int64_t *)at <= LIMIT_DELAY_NS) {
		return 0;
	}
	*why = "should be milliseconds, or a duration with its unit, at most 60s";
	return -1;
}

static int set_share(void *at, const char *value, const char **why)
{
	*why = "should be a share, from 0 to 1";
	return read_number(value, 0, 1, at);
}

static int set_degrees(void *at, const char *value, const char **why)
{
	*why = "should be degrees, from -180 to 180";
	return read_number(value, -180, 180, at);
}

static int set_peers(void *at, const char *value, const char **why)
{
	double count;

	if (read_number(value, 1, LIMIT_PEERS, &count) || count != floor(count)) {
		*why = "should be a number of peers, from 1 to 16384";
		return -1;
	}
	*(uint64_t *)at = (uint64_t)count;
	return 0;
}

struct attribute {
	const char *key;
	size_t offset;
	int (*set)(void *at, const char *value, const char **why);
};

static const struct attribute node_attributes[] = {
	{"id", offsetof(struct graph_node, id), set_id},
	{"label", offsetof(struct graph_node, name), set_text},
	{"host_bandwidth_down", offsetof(struct graph_node, down_bps), set_rate},
	{"host_bandwidth_up", offsetof(struct graph_node, up_bps), set_rate},
	{"bandwidthdown", offsetof(struct graph_node, down_bps), set_kib_per_s},
	{"bandwidthup", offsetof(struct graph_node, up_bps), set_kib_per_s},
	{"peers", offsetof(struct graph_node, peers), set_peers},
	{"Latitude", offsetof(struct graph_node, latitude), set_degrees},
	{"Longitude", offsetof(struct graph_node, longitude), set_degrees},
};

static const struct attribute edge_attributes[] = {
	{"source", offsetof(struct graph_edge, source), set_id},
	{"target", offsetof(struct graph_edge, target), set_id},
	{"latency", offsetof(struct graph_edge, latency_ns), set_latency},
	{"delay", offsetof(struct graph_edge, latency_ns), set_latency},
	{"packet_loss", offsetof(struct graph_edge, loss), set_share},
	{"packetloss", offsetof(struct graph_edge, loss), set_share},
};

int graph_begin(struct graph *graph, enum graph_part part, const char **why)
{
	if (part == GRAPH_NODE) {
		*why = "a graph has at most 150 nodes here";
		if (graph->node_count == GRAPH_MAX_NODES) {
			return -1;
		}
		graph->nodes = must_grow(graph->nodes, graph->node_count, sizeof(*graph->nodes));
		graph->nodes[graph->node_count++] = (struct graph_node) {.latitude = NAN, .longitude = NAN};
	} else if (part == GRAPH_EDGE) {
		*why = "a graph has at most 100000 edges here";
		if (graph->edge_count == GRAPH_MAX_EDGES) {
			return -1;
		}
		graph->edges = must_grow(graph->edges, graph->edge_count, sizeof(*graph->edges));
		graph->edges[graph->edge_count++] = (struct graph_edge) {.latency_ns = -1};
	}
	return 0;
}

int graph_set(struct graph *graph, enum graph_part part, const char *key, const char *value,
	      const char **why)
{
	static const struct {
		const struct attribute *attributes;
		size_t count;
	} tables[] = {
		[GRAPH_ITSELF] = {NULL, 0},
		[GRAPH_NODE] = {node_attributes, ARRAY_LEN(node_attributes)},
		[GRAPH_EDGE] = {edge_attributes, ARRAY_LEN(edge_attributes)},
	};

	if (part == GRAPH_ITSELF && strcmp(key, "directed") == 0) {
		graph->directed = strcmp(value, "1") == 0;
	}
	for (size_t i = 0; i < tables[part].count; i++) {
		const struct attribute *a = &tables[part].attributes[i];

		if (strcmp(a->key, key) == 0) {
			char *object = part == GRAPH_NODE ? (char *)&graph->nodes[graph->node_count - 1]
							  : (char *)&graph->edges[graph->edge_count - 1];

			return a->set(object + a->offset, value, why);
		}
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------- */

static int find_node(const struct graph *graph, const char *id, uint32_t *index)
{
	for (uint32_t i = 0; id && i < graph->node_count; i++) {
		if (strcmp(graph->nodes[i].id, id) == 0) {
			*index = i;
			return 0;
		}
	}
	return -1;
}

static int check(struct graph *graph, const char *path, struct err *err)
{
	uint32_t other;

	if (graph->node_count == 0) {
		return err_set(err, ERR_USAGE, "%s: the graph has no nodes", path);
	}
	for (uint32_t i = 0; i < graph->node_count; i++) {
		const char *id = graph->nodes[i].id;

		if (!id) {
			return err_set(err, ERR_USAGE, "%s: node number %u has no id", path, i + 1);
		}
	}
	for (uint32_t i = 0; i < graph->node_count; i++) {
		if (find_node(graph, graph->nodes[i].id, &other) || other != i) {
			return err_set(err, ERR_USAGE, "%s: two nodes have the id \"%.40s\"", path,
				       graph->nodes[i].id);
		}
	}
	for (size_t i = 0; i < graph->edge_count; i++) {
		struct graph_edge *e = &graph->edges[i];

		if (find_node(graph, e->source, &e->from) || find_node(graph, e->target, &e->to)) {
			return err_set(err, ERR_USAGE, "%s: edge number %zu is not between two of the nodes",
				       path, i + 1);
		}
	}
	return 0;
}

int graph_load(const char *path, struct graph **graph, struct err *err)
{
	CLEAN_FREE char *text = NULL;
	size_t len = 0;
	struct graph *g;
	int result;

	if (fs_read(path, &text, &len, err)) {
		return -1;
	}
	if (len > GRAPH_MAX_BYTES || strlen(text) != len) {
		return err_set(err, ERR_USAGE, "%s: %s", path,
			       len > GRAPH_MAX_BYTES ? "more than 4 MiB" : "this is no text");
	}
	g = must_calloc(1, sizeof(*g));
	result = text[strspn(text, " \t\r\n")] == '<' || strncmp(text, "\xef\xbb\xbf<", 4) == 0
		? graph_read_xml(g, path, text, len, err) : graph_read_gml(g, path, text, err);
	if (result || check(g, path, err)) {
		graph_destroy(g);
		return -1;
	}
	*graph = g;
	return 0;
}

void graph_destroy(struct graph *graph)
{
	if (!graph) {
		return;
	}
	for (size_t i = 0; i < graph->node_count; i++) {
		free(graph->nodes[i].id);
		free(graph->nodes[i].name);
	}
	for (size_t i = 0; i < graph->edge_count; i++) {
		free(graph->edges[i].source);
		free(graph->edges[i].target);
	}
	free(graph->nodes);
	free(graph->edges);
	free(graph);
}

/* --- shortest ways ----------------------------------------------------------- */

/* Along a great circle; NAN when a place is not known. */
static double distance_m(const struct graph_node *a, const struct graph_node *b)
{
	double to_rad = M_PI / 180, south = sin((b->latitude - a->latitude) * to_rad / 2);
	double east = sin((b->longitude - a->longitude) * to_rad / 2);
	double h = south * south + cos(a->latitude * to_rad) * cos(b->latitude * to_rad) * east * east;

	return 2 * EARTH_RADIUS_M * asin(sqrt(h > 1 ? 1 : h));
}

/* In ns; -1 with *err. */
static int64_t edge_latency(const struct graph *graph, const struct graph_edge *e, struct err *err)
{
	const struct graph_node *a = &graph->nodes[e->from], *b = &graph->nodes[e->to];
	double m = distance_m(a, b);

	if (e->latency_ns >= 0) {
		return e->latency_ns;
	}
	if (isnan(m)) {
		return err_set(err, ERR_USAGE,
			       "the edge from \"%.40s\" to \"%.40s\" says no latency, and its nodes no place",
			       a->id, b->id);
	}
	return llround(m / LIGHT_IN_GLASS_M_PER_S * 1e6) * 1000;
}

static void keep_least(int64_t *known, int64_t latency_ns)
{
	if (*known < 0 || latency_ns < *known) {
		*known = latency_ns;
	}
}

static bool complete(const int64_t *latency, size_t n)
{
	for (size_t i = 0; i < n * n; i++) {
		if (latency[i] < 0) {
			return false;
		}
	}
	return true;
}

/* Floyd and Warshall. */
static void find_ways(int64_t *latency, size_t n)
{
	for (size_t via = 0; via < n; via++) {
		for (size_t a = 0; a < n; a++) {
			for (size_t b = 0; b < n; b++) {
				int64_t first = latency[a * n + via], second = latency[via * n + b];

				if (a != via && b != via && a != b && first >= 0 && second >= 0) {
					keep_least(&latency[a * n + b], first + second);
				}
			}
		}
	}
}

int graph_latencies(const struct graph *graph, int64_t **latency_ns, struct err *err)
{
	size_t n = graph->node_count;
	CLEAN_FREE int64_t *latency = must_calloc(n * n, sizeof(*latency));

	for (size_t i = 0; i < n * n; i++) {
		latency[i] = -1;
	}
	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *e = &graph->edges[i];
		int64_t ns = edge_latency(graph, e, err);

		if (ns < 0) {
			return -1;
		}
		keep_least(&latency[e->from * n + e->to], ns);
		if (!graph->directed) {
			keep_least(&latency[e->to * n + e->from], ns);
		}
	}
	for (size_t i = 0; i < n; i++) {
		latency[i * n + i] = latency[i * n + i] < 0 ? 0 : latency[i * n + i];
	}
	if (!complete(latency, n)) {
		find_ways(latency, n);
	}
	*latency_ns = take_ptr(latency);
	return 0;
}
