// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Queues: a limit alone, or a map with a discipline.
 */
#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

const char *const discipline_words[] = {
	[QUEUE_DROP_TAIL] = "drop-tail", [QUEUE_RED] = "red", [QUEUE_CODEL] = "codel", NULL,
};

/* What the fields of a queue are read into. */
struct queue_reading {
	struct queue_spec *queue;
	uint64_t bps;
	const struct node *red, *codel; /* a key that only this discipline has */
};

static int read_limit(struct reader *r, const struct node *node, struct queue_limit *queue)
{
	const char *text = "", *why, *unit;
	char shown[NODE_SHOW_BYTES];
	int64_t ns;
	size_t digits;

	if (read_text(r, node, "a queue", &text)) {
		return -1;
	}
	digits = strspn(text, "0123456789");
	unit = text + digits + (text[digits] == ' ');
	if (digits > 0 && (strcmp(unit, "packets") == 0 || strcmp(unit, "packet") == 0)) {
		queue->unit = QUEUE_PACKETS;
		queue->limit = strtoul(text, NULL, 10);
		if (digits > 9 || queue->limit == 0 || queue->limit > LIMIT_QUEUE_PACKETS) {
			return node_fail(r->tree, node, r->err, "%s; from 1 to %u packets are allowed",
					 node_show(node, shown), LIMIT_QUEUE_PACKETS);
		}
		return 0;
	}
	if (units_parse_size(text, &queue->limit, &why) == 0) {
		queue->unit = QUEUE_BYTES;
		return read_size(r, node, FRAME_BYTES, LIMIT_QUEUE_BYTES, &queue->limit);
	}
	if (units_parse_duration(text, &ns, &why) == 0) {
		queue->unit = QUEUE_NS;
		queue->limit = (uint64_t)ns;
		return read_duration(r, node, LIMIT_QUEUE_NS, &ns);
	}
	return node_fail(r->tree, node, r->err,
			 "%s; a queue is given in bytes (64KiB), packets (50packets) or time (200ms)",
			 node_show(node, shown));
}

/* A time holds nothing without a rate, and at a low rate perhaps no whole packet. */
static int read_limit_of(struct reader *r, const struct node *node, struct queue_limit *limit,
			 uint64_t bps)
{
	char shown[NODE_SHOW_BYTES];

	if (read_limit(r, node, limit)) {
		return -1;
	}
	if (limit->unit != QUEUE_NS) {
		return 0;
	}
	if (bps == 0) {
		return node_fail(r->tree, node, r->err,
				 "%s; an unlimited link's queue is given in bytes or packets",
				 node_show(node, shown));
	}
	if ((double)limit->limit * (double)bps < FRAME_BYTES * 8e9) {
		return node_fail(r->tree, node, r->err,
				 "%s is less than one packet of %u bytes at this rate",
				 node_show(node, shown), FRAME_BYTES);
	}
	return 0;
}

static int read_room(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;
	struct queue_limit limit = {0};

	if (read_limit_of(r, node, &limit, q->bps)) {
		return -1;
	}
	q->queue->unit = limit.unit;
	q->queue->limit = limit.limit;
	return 0;
}

static int read_discipline(struct reader *r, const struct node *node, void *object)
{
	int word = QUEUE_DROP_TAIL;

	if (read_word(r, node, discipline_words, &word)) {
		return -1;
	}
	((struct queue_reading *)object)->queue->discipline = (enum queue_discipline)word;
	return 0;
}

static int read_ecn(struct reader *r, const struct node *node, void *object)
{
	return read_flag(r, node, &((struct queue_reading *)object)->queue->ecn);
}

static int read_threshold(struct reader *r, const struct node *node, struct queue_reading *q,
			  struct queue_limit *limit)
{
	char shown[NODE_SHOW_BYTES];

	q->red = node;
	if (read_limit_of(r, node, limit, q->bps)) {
		return -1;
	}
	if (limit->unit == QUEUE_PACKETS) {
		return node_fail(r->tree, node, r->err,
				 "%s; RED's mean queue is given in bytes or time",
				 node_show(node, shown));
	}
	return 0;
}

static int read_min(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;

	return read_threshold(r, node, q, &q->queue->min);
}

static int read_max(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;

	return read_threshold(r, node, q, &q->queue->max);
}

static int read_above_zero(struct reader *r, const struct node *node, double *share)
{
	char shown[NODE_SHOW_BYTES];

	if (read_share(r, node, share)) {
		return -1;
	}
	return *share > 0 ? 0 : node_fail(r->tree, node, r->err, "%s; it must be above 0",
					  node_show(node, shown));
}

static int read_probability(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;

	q->red = node;
	return read_above_zero(r, node, &q->queue->probability);
}

static int read_weight(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;

	q->red = node;
	return read_above_zero(r, node, &q->queue->weight);
}

static int read_above_nothing(struct reader *r, const struct node *node, int64_t *ns)
{
	char shown[NODE_SHOW_BYTES];

	if (read_duration(r, node, LIMIT_QUEUE_NS, ns)) {
		return -1;
	}
	return *ns > 0 ? 0 : node_fail(r->tree, node, r->err, "%s; it must be above 0",
				       node_show(node, shown));
}

static int read_target(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;

	q->codel = node;
	return read_above_nothing(r, node, &q->queue->target_ns);
}

static int read_interval(struct reader *r, const struct node *node, void *object)
{
	struct queue_reading *q = object;

	q->codel = node;
	return read_above_nothing(r, node, &q->queue->interval_ns);
}

static const struct field queue_fields[] = {
	{.key = "limit", .read = read_room},
	{.key = "discipline", .required = true, .read = read_discipline},
	{.key = "ecn", .read = read_ecn},
	{.key = "min", .read = read_min},
	{.key = "max", .read = read_max},
	{.key = "probability", .read = read_probability},
	{.key = "weight", .read = read_weight},
	{.key = "target", .read = read_target},
	{.key = "interval", .read = read_interval},
};
const struct field_map queue_map = {
	"queue_discipline", "a queue", queue_fields, ARRAY_LEN(queue_fields),
};

static uint64_t limit_bytes(enum queue_unit unit, uint64_t limit, uint64_t bps)
{
	switch (unit) {
	case QUEUE_PACKETS:
		return limit * FRAME_BYTES;
	case QUEUE_NS:
		return (uint64_t)((double)limit * (double)bps / 8e9);
	case QUEUE_BYTES:
		break;
	}
	return limit;
}

/* Of the limit, in its own unit; packets become bytes. */
static struct queue_limit part(const struct queue_spec *queue, uint64_t parts)
{
	if (queue->unit == QUEUE_PACKETS) {
		return (struct queue_limit){QUEUE_BYTES, queue->limit * FRAME_BYTES / parts};
	}
	return (struct queue_limit){queue->unit, queue->limit / parts};
}

void settle_queue(struct queue_spec *queue, uint64_t bps)
{
	const uint64_t least = DEFAULT_QUEUE_FRAMES * FRAME_BYTES;

	if (queue->limit == 0 && bps == 0) {
		queue->unit = QUEUE_PACKETS;
		queue->limit = DEFAULT_QUEUE_PACKETS;
	} else if (queue->limit == 0) {
		queue->unit = QUEUE_BYTES;
		queue->limit = bps / 8 / (UINT64_C(1000000000) / (uint64_t)DEFAULT_QUEUE_NS);
		queue->limit = queue->limit < least ? least : queue->limit;
		queue->limit = queue->limit > LIMIT_QUEUE_BYTES ? LIMIT_QUEUE_BYTES : queue->limit;
	}
	if (queue->discipline == QUEUE_RED) {
		queue->min = queue->min.limit ? queue->min : part(queue, DEFAULT_RED_MIN_PART);
		queue->max = queue->max.limit ? queue->max : part(queue, DEFAULT_RED_MAX_PART);
		queue->probability = queue->probability > 0 ? queue->probability :
							      DEFAULT_RED_PROBABILITY;
		queue->weight = queue->weight > 0 ? queue->weight : DEFAULT_RED_WEIGHT;
	}
	if (queue->discipline == QUEUE_CODEL) {
		int64_t frame_ns = bps ? (int64_t)(FRAME_BYTES * UINT64_C(8000000000) / bps) : 0;
		int64_t target = frame_ns > DEFAULT_CODEL_TARGET_NS ? frame_ns :
								      DEFAULT_CODEL_TARGET_NS;

		target = target > LIMIT_QUEUE_NS ? LIMIT_QUEUE_NS : target;
		queue->target_ns = queue->target_ns ? queue->target_ns : target;
		queue->interval_ns = queue->interval_ns ? queue->interval_ns :
							  DEFAULT_CODEL_INTERVAL_NS;
	}
}

static int check_keys(struct reader *r, const struct node *node, const struct queue_reading *q)
{
	const struct queue_spec *queue = q->queue;

	if (q->red && queue->discipline != QUEUE_RED) {
		return node_fail(r->tree, q->red, r->err,
				 "min, max, probability and weight belong to the discipline red");
	}
	if (q->codel && queue->discipline != QUEUE_CODEL) {
		return node_fail(r->tree, q->codel, r->err,
				 "target and interval belong to the discipline codel");
	}
	if (queue->discipline == QUEUE_RED &&
	    limit_bytes(queue->min.unit, queue->min.limit, q->bps) >=
		    limit_bytes(queue->max.unit, queue->max.limit, q->bps)) {
		return node_fail(r->tree, node, r->err, "RED's min must be below its max");
	}
	return 0;
}

int load_queue(struct reader *r, const struct node *node, struct queue_spec *queue, uint64_t bps)
{
	struct queue_reading reading = {.queue = queue, .bps = bps};

	*queue = (struct queue_spec){0};
	if (node->kind != NODE_MAP) {
		return read_room(r, node, &reading);
	}
	if (read_fields(r, &queue_map, node, &reading)) {
		return -1;
	}
	settle_queue(queue, bps);
	return check_keys(r, node, &reading);
}
