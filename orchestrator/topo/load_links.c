// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

/* --- one value ------------------------------------------------------------ */

int load_rate(struct reader *r, const struct node *node, uint64_t *bps)
{
	const char *text = "", *why;
	char shown[NODE_SHOW_BYTES];

	if (read_text(r, node, "a rate", &text)) {
		return -1;
	}
	if (strcmp(text, "unlimited") == 0) {
		*bps = 0;
		return 0;
	}
	if (units_parse_rate(text, bps, &why)) {
		return node_fail(r->tree, node, r->err, "%s: %s; or \"unlimited\"",
				 node_show(node, shown), why);
	}
	if (*bps == 0 || *bps > LIMIT_RATE_BPS) {
		return node_fail(r->tree, node, r->err,
				 "%s; from 1bit/s to 1000Gbit/s is allowed, or \"unlimited\"",
				 node_show(node, shown));
	}
	return 0;
}

/* --- both directions, or each its own ------------------------------------- */

static int read_trace(struct reader *r, const struct node *node, void *object)
{
	return load_series(r, node, SERIES_TRACE, object);
}

static const struct field trace_fields[] = {
	{.key = "trace", .required = true, .read = read_trace},
};
const struct field_map trace_map = {
	"trace", "a rate that is no number", trace_fields, ARRAY_LEN(trace_fields),
};

static int read_rate_of(struct reader *r, const struct node *node, uint64_t *bps,
			const struct series_spec **trace)
{
	if (node->kind != NODE_MAP) {
		return load_rate(r, node, bps);
	}
	if (read_fields(r, &trace_map, node, trace)) {
		return -1;
	}
	*bps = (*trace)->mean_bps;
	return 0;
}

static int read_down(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return read_rate_of(r, node, &link->down_bps, &link->down_trace);
}

static int read_up(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return read_rate_of(r, node, &link->up_bps, &link->up_trace);
}

static int read_delay_down(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_DELAY_NS, &((struct link_spec *)object)->down_delay_ns);
}

static int read_delay_up(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_DELAY_NS, &((struct link_spec *)object)->up_delay_ns);
}

const char *const jitter_words[] = {
	[JITTER_UNIFORM] = "uniform", [JITTER_NORMAL] = "normal", [JITTER_PARETO] = "pareto", NULL, /* of JITTER_TABLE the key "table" tells */
};

static int read_spread(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_DELAY_NS, &((struct jitter_spec *)object)->spread_ns);
}

static int read_distribution(struct reader *r, const struct node *node, void *object)
{
	int word = JITTER_UNIFORM;

	if (read_word(r, node, jitter_words, &word)) {
		return -1;
	}
	((struct jitter_spec *)object)->distribution = (enum jitter_distribution)word;
	return 0;
}

static int read_reorder(struct reader *r, const struct node *node, void *object)
{
	return read_flag(r, node, &((struct jitter_spec *)object)->reorder);
}

static int read_table(struct reader *r, const struct node *node, void *object)
{
	struct jitter_spec *jitter = object;

	if (jitter->spread_ns || jitter->distribution != JITTER_UNIFORM) {
		return node_fail(r->tree, node, r->err,
				 "a jitter has a \"table\", or a \"spread\" and its \"distribution\"");
	}
	if (load_series(r, node, SERIES_TABLE, &jitter->table)) {
		return -1;
	}
	jitter->distribution = JITTER_TABLE;
	jitter->spread_ns = -jitter->table->values[0];
	return 0;
}

static const struct field jitter_fields[] = {
	{.key = "spread", .read = read_spread},
	{.key = "distribution", .read = read_distribution},
	{.key = "table", .read = read_table},
	{.key = "reorder", .read = read_reorder},
};
const struct field_map jitter_map = {
	"jitter", "a jitter", jitter_fields, ARRAY_LEN(jitter_fields),
};

/* A packet cannot arrive before it was sent. */
static int read_jitter_of(struct reader *r, const struct node *node, struct jitter_spec *jitter,
			  int64_t delay_ns)
{
	char shown[NODE_SHOW_BYTES], most[64];

	*jitter = (struct jitter_spec){0};
	if (node->kind == NODE_MAP ? read_fields(r, &jitter_map, node, jitter)
				   : read_spread(r, node, jitter)) {
		return -1;
	}
	if (node->kind == NODE_MAP && !jitter->table && !node_get(node, "spread")) {
		return node_fail(r->tree, node, r->err, "a jitter needs a \"spread\" or a \"table\"");
	}
	if (jitter->spread_ns > delay_ns) {
		return node_fail(r->tree, node, r->err,
				 "%s: the jitter is larger than the delay, %s",
				 node_show(node, shown),
				 units_format_duration(delay_ns, most, sizeof(most)));
	}
	return 0;
}

static int read_jitter_down(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return read_jitter_of(r, node, &link->down_jitter, link->down_delay_ns);
}

static int read_jitter_up(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return read_jitter_of(r, node, &link->up_jitter, link->up_delay_ns);
}

static int read_p(struct reader *r, const struct node *node, void *object)
{
	return read_share(r, node, &((struct bursts_spec *)object)->p);
}

static int read_r(struct reader *r, const struct node *node, void *object)
{
	return read_share(r, node, &((struct bursts_spec *)object)->r);
}

static int read_good(struct reader *r, const struct node *node, void *object)
{
	return read_share(r, node, &((struct bursts_spec *)object)->good);
}

static int read_bad(struct reader *r, const struct node *node, void *object)
{
	return read_share(r, node, &((struct bursts_spec *)object)->bad);
}

static const struct field gilbert_fields[] = {
	{.key = "p", .required = true, .read = read_p},
	{.key = "r", .required = true, .read = read_r},
	{.key = "good", .read = read_good},
	{.key = "bad", .read = read_bad},
};
const struct field_map gilbert_map = {
	"gilbert-elliott", "\"gilbert-elliott\"", gilbert_fields, ARRAY_LEN(gilbert_fields),
};

static int read_gilbert(struct reader *r, const struct node *node, void *object)
{
	struct bursts_spec *bursts = object;

	bursts->bad = 1;
	if (read_fields(r, &gilbert_map, node, bursts)) {
		return -1;
	}
	if (!(bursts->p > 0 && bursts->r > 0)) {
		return node_fail(r->tree, node, r->err,
				 "p and r must be above 0, else the line stays in one state");
	}
	return 0;
}

static const struct field loss_fields[] = {
	{.key = "gilbert-elliott", .required = true, .read = read_gilbert},
};
const struct field_map loss_map = {"loss", "a loss", loss_fields, ARRAY_LEN(loss_fields)};

static int read_loss_of(struct reader *r, const struct node *node, double *share,
			struct bursts_spec *bursts)
{
	*bursts = (struct bursts_spec){0};
	if (node->kind != NODE_MAP) {
		return read_share(r, node, share);
	}
	if (read_fields(r, &loss_map, node, bursts)) {
		return -1;
	}
	*share = (bursts->p * bursts->bad + bursts->r * bursts->good) / (bursts->p + bursts->r);
	return 0;
}

static int read_loss_down(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return read_loss_of(r, node, &link->down_loss, &link->down_bursts);
}

static int read_loss_up(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return read_loss_of(r, node, &link->up_loss, &link->up_bursts);
}

static int read_queue_down(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return load_queue(r, node, &link->down_queue, link->down_bps);
}

static int read_queue_up(struct reader *r, const struct node *node, void *object)
{
	struct link_spec *link = object;

	return load_queue(r, node, &link->up_queue, link->up_bps);
}

static int read_frame(struct reader *r, const struct node *node, void *object)
{
	uint64_t bytes = 0;

	if (read_size(r, node, 0, LIMIT_OVERHEAD_BYTES, &bytes)) {
		return -1;
	}
	((struct overhead_spec *)object)->frame_bytes = (uint32_t)bytes;
	return 0;
}

static int read_atm(struct reader *r, const struct node *node, void *object)
{
	return read_flag(r, node, &((struct overhead_spec *)object)->atm);
}

static const struct field overhead_fields[] = {
	{.key = "frame", .read = read_frame},
	{.key = "atm", .read = read_atm},
};
const struct field_map overhead_map = {
	"overhead", "an overhead", overhead_fields, ARRAY_LEN(overhead_fields),
};

static int read_overhead_of(struct reader *r, const struct node *node,
			    struct overhead_spec *overhead)
{
	*overhead = (struct overhead_spec){0};
	return node->kind == NODE_MAP ? read_fields(r, &overhead_map, node, overhead)
				      : read_frame(r, node, overhead);
}

static int read_overhead_down(struct reader *r, const struct node *node, void *object)
{
	return read_overhead_of(r, node, &((struct link_spec *)object)->down_overhead);
}

static int read_overhead_up(struct reader *r, const struct node *node, void *object)
{
	return read_overhead_of(r, node, &((struct link_spec *)object)->up_overhead);
}

static int read_mtu(struct reader *r, const struct node *node, void *object)
{
	uint64_t bytes = 0;

	if (read_size(r, node, LIMIT_MTU_MIN, FRAME_BYTES, &bytes)) {
		return -1;
	}
	((struct link_spec *)object)->mtu = (uint32_t)bytes;
	return 0;
}

static bool is_map(const struct node *node)
{
	return node->kind == NODE_MAP;
}

/* A map that names a direction, and not one that spells out a value. */
static bool names_direction(const struct node *node)
{
	return is_map(node) && (node_get(node, "down") || node_get(node, "up"));
}

#define BOTH(property, is_both) \
	static const struct field property##_both_fields[] = { \
		{.key = "down", .required = true, .read = read_##property##_down}, \
		{.key = "up", .required = true, .read = read_##property##_up}, \
	}; \
	const struct field_map property##_both_map = { \
		#property "_both", "\"" #property "\"", property##_both_fields, \
		ARRAY_LEN(property##_both_fields), \
	}; \
	static int read_##property(struct reader *r, const struct node *node, void *object) \
	{ \
		if (is_both(node)) { \
			return read_fields(r, &property##_both_map, node, object); \
		} \
		return read_##property##_down(r, node, object) || \
		       read_##property##_up(r, node, object) ? -1 : 0; \
	}

BOTH(delay, is_map)
BOTH(jitter, names_direction)
BOTH(loss, names_direction)
BOTH(queue, names_direction)
BOTH(overhead, names_direction)

/* In this order: a queue is checked against its rate, a jitter against its delay. */
static const struct field link_fields[] = {
	{.key = "down", .required = true, .read = read_down},
	{.key = "up", .required = true, .read = read_up},
	{.key = "delay", .read = read_delay},
	{.key = "jitter", .read = read_jitter},
	{.key = "loss", .read = read_loss},
	{.key = "queue", .read = read_queue},
	{.key = "overhead", .read = read_overhead},
	{.key = "mtu", .read = read_mtu},
};
const struct field_map link_map = {"link", "a link", link_fields, ARRAY_LEN(link_fields)};

int load_link_value(struct reader *r, const char *key, const struct node *node,
		    struct link_spec *link)
{
	for (size_t i = 0; i < ARRAY_LEN(link_fields); i++) {
		if (strcmp(link_fields[i].key, key) == 0) {
			return link_fields[i].read(r, node, link);
		}
	}
	return node_fail(r->tree, node, r->err, "a link has no \"%s\"", key);
}

int find_link(struct reader *r, const struct node *node, const char *word, uint32_t *index)
{
	const struct experiment *exp = exp_reader(r)->exp;
	const char **names = must_calloc(exp->link_count + 1, sizeof(*names));
	int result = -1;

	for (uint32_t i = 0; i < exp->link_count; i++) {
		names[i] = exp->links[i].name;
		if (strcmp(names[i], word) == 0) {
			*index = i;
			result = 0;
		}
	}
	if (result) {
		fail_unknown(r, node, word, "link", names);
	}
	free(names);
	return result;
}

/* --- links ---------------------------------------------------------------- */

int load_link(struct reader *r, const struct node *node, char *name, struct link_spec *link)
{
	*link = (struct link_spec){.name = name, .mtu = FRAME_BYTES};
	if (read_fields(r, &link_map, node, link)) {
		return -1;
	}
	settle_queue(&link->down_queue, link->down_bps);
	settle_queue(&link->up_queue, link->up_bps);
	return 0;
}

int load_links(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;

	if (read_map(r, node, "\"links\"")) {
		return -1;
	}
	exp->links = must_calloc(node->count, sizeof(*exp->links));
	for (size_t i = 0; i < node->count; i++) {
		const char *name = "";

		if (read_name(r, node->keys[i], "a link's name", &name)) {
			return -1;
		}
		exp->link_count++;
		if (load_link(r, node->items[i], must_strdup(name), &exp->links[i])) {
			return -1;
		}
	}
	return 0;
}
