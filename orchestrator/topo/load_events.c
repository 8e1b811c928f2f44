// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens in the course of the run.  An event is of one kind, told by its keys:
 *	do                        some peers of a group end
 *	down, up, delay, ...      the line of some peers of a group, of all on a link, or the WAN
 *	                          line of a LAN changes
 *	flap, follow              the same again and again, or as a file says (load_follow.c)
 *	delay with "between"      the delay between two groups changes
 *	partition, heal           two groups lose sight of each other, and find it again
 */
#include <stdio.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/limits.h"
#include "topo/load.h"

#define MAX_EVENTS 10000u
#define MAX_STEPS UINT64_C(1000000)

const char *const do_words[] = {[EVENT_LEAVE] = "leave", [EVENT_KILL] = "kill", NULL};

/* What is being read: an event, and what its keys have said so far. */
struct event_reading {
	struct event_spec event; /* first: most fields know but this */
	unsigned kinds;          /* bits: enum event_do */
};

static int read_event_at(struct reader *r, const struct node *node, void *object)
{
	return read_duration(r, node, LIMIT_TIME_NS, &((struct event_spec *)object)->at_ns);
}

static int read_event_group(struct reader *r, const struct node *node, void *object)
{
	const struct experiment *exp = exp_reader(r)->exp;
	struct event_spec *event = object;
	const char *name = "";

	if (read_text(r, node, "a group's name", &name) ||
	    find_group(r, node, name, &event->group)) {
		return -1;
	}
	event->link = exp->groups[event->group].link;
	event->to = exp->links[event->link];
	return 0;
}

static int read_event_link(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;
	const char *name = "";

	if (event->group != NO_GROUP) {
		return node_fail(r->tree, node, r->err,
				 "an event has a \"group\" or a \"link\", not both");
	}
	if (read_text(r, node, "a link's name", &name) ||
	    find_link(r, node, name, &event->link)) {
		return -1;
	}
	event->to = exp_reader(r)->exp->links[event->link];
	return 0;
}

static int read_event_lan(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;
	const struct experiment *exp = exp_reader(r)->exp;
	const char *name = "";

	if (event->group != NO_GROUP || event->link != NO_GROUP) {
		return node_fail(r->tree, node, r->err,
				 "an event has a \"group\", a \"link\" or a \"lan\", not two of them");
	}
	if (read_text(r, node, "a LAN's name", &name) || find_lan(r, node, name, &event->lan)) {
		return -1;
	}
	event->link = exp->lans[event->lan].wan;
	event->to = exp->links[event->link];
	return 0;
}

static int read_pick(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;
	const struct group_spec *group;
	const char *text = "", *why;
	char shown[NODE_SHOW_BYTES];
	uint64_t count = 0;

	if (event->group == NO_GROUP) {
		return node_fail(r->tree, node, r->err, "\"pick\" needs a \"group\" to pick from");
	}
	group = &exp_reader(r)->exp->groups[event->group];
	if (read_text(r, node, "a share or number of peers", &text)) {
		return -1;
	}
	if (text[strspn(text, "0123456789")] == '\0') {
		if (read_number(r, node, 1, group->count, &count)) {
			return -1;
		}
		event->pick_count = (uint32_t)count;
		return 0;
	}
	if (!strchr(text, '%')) {
		return node_fail(r->tree, node, r->err,
				 "%s; a share like 10%% or a number of peers is allowed",
				 node_show(node, shown));
	}
	if (units_parse_share(text, &event->pick_share, &why)) {
		return node_fail(r->tree, node, r->err, "%s: %s", node_show(node, shown), why);
	}
	if (!(event->pick_share > 0)) {
		return node_fail(r->tree, node, r->err, "%s picks nobody", node_show(node, shown));
	}
	return 0;
}

static int read_do(struct reader *r, const struct node *node, void *object)
{
	struct event_reading *reading = object;
	int word = EVENT_LEAVE;

	if (read_word(r, node, do_words, &word)) {
		return -1;
	}
	if (reading->event.group == NO_GROUP) {
		return node_fail(r->tree, node, r->err, "\"do\" needs a \"group\" whose peers do it");
	}
	reading->event.what = (enum event_do)word;
	reading->kinds |= 1u << EVENT_LEAVE;
	return 0;
}

static int read_pair_of(struct reader *r, const struct node *node, const char *key,
			struct event_reading *reading, enum event_do what)
{
	reading->event.what = what;
	reading->kinds |= 1u << what;
	return load_pair(r, node, key, &reading->event.pair);
}

static int read_partition(struct reader *r, const struct node *node, void *object)
{
	return read_pair_of(r, node, "partition", object, EVENT_PARTITION);
}

static int read_heal(struct reader *r, const struct node *node, void *object)
{
	return read_pair_of(r, node, "heal", object, EVENT_HEAL);
}

/* --- changes of a link ------------------------------------------------------- */

static int change(struct reader *r, const struct node *node, struct event_reading *reading,
		  enum link_change what)
{
	reading->kinds |= 1u << EVENT_LINK;
	reading->event.what = EVENT_LINK;
	reading->event.changes |= what;
	if (reading->event.link == NO_GROUP) {
		return node_fail(r->tree, node, r->err,
				 "whose line changes?  The event needs a \"group\", a \"link\" or a \"lan\"");
	}
	return 0;
}

static int read_new_rate(struct reader *r, const struct node *node, enum rate_change *how,
			 uint64_t *bps)
{
	if (node->kind == NODE_TEXT && strcmp(node->text, "0") == 0) {
		*how = RATE_CUT;
		return 0;
	}
	if (node->kind == NODE_TEXT && strcmp(node->text, "restore") == 0) {
		*how = RATE_RESTORE;
		return 0;
	}
	*how = RATE_SET;
	return load_rate(r, node, bps);
}

static int read_new_down(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;

	return change(r, node, object, CHANGE_DOWN) ||
	       read_new_rate(r, node, &event->down, &event->to.down_bps) ? -1 : 0;
}

static int read_new_up(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;

	return change(r, node, object, CHANGE_UP) ||
	       read_new_rate(r, node, &event->up, &event->to.up_bps) ? -1 : 0;
}

static int read_new(struct reader *r, const struct node *node, struct event_reading *reading,
		    enum link_change what, const char *key)
{
	return change(r, node, reading, what) ||
	       load_link_value(r, key, node, &reading->event.to) ? -1 : 0;
}

static int read_new_delay(struct reader *r, const struct node *node, void *object)
{
	struct event_reading *reading = object;

	if (node->kind == NODE_MAP && node_get(node, "between")) {
		reading->event.what = EVENT_DELAY;
		reading->kinds |= 1u << EVENT_DELAY;
		return read_fields(r, &delays_map, node, &reading->event.pair);
	}
	return read_new(r, node, reading, CHANGE_DELAY, "delay");
}

static int read_new_jitter(struct reader *r, const struct node *node, void *object)
{
	return read_new(r, node, object, CHANGE_JITTER, "jitter");
}

static int read_new_loss(struct reader *r, const struct node *node, void *object)
{
	return read_new(r, node, object, CHANGE_LOSS, "loss");
}

static int read_new_queue(struct reader *r, const struct node *node, void *object)
{
	struct event_spec *event = object;

	if (read_new(r, node, object, CHANGE_QUEUE, "queue")) {
		return -1;
	}
	settle_queue(&event->to.down_queue, event->to.down_bps);
	settle_queue(&event->to.up_queue, event->to.up_bps);
	return 0;
}

static int read_new_overhead(struct reader *r, const struct node *node, void *object)
{
	return read_new(r, node, object, CHANGE_OVERHEAD, "overhead");
}

static int read_course(struct reader *r, const struct node *node, struct event_reading *reading,
		       enum event_do what)
{
	reading->kinds |= 1u << what;
	reading->event.what = what;
	if (reading->event.link == NO_GROUP) {
		return node_fail(r->tree, node, r->err,
				 "whose line changes?  The event needs a \"group\" or a \"link\"");
	}
	return what == EVENT_FLAP ? load_flap(r, node, &reading->event)
				  : load_follow(r, node, &reading->event);
}

static int read_flap(struct reader *r, const struct node *node, void *object)
{
	return read_course(r, node, object, EVENT_FLAP);
}

static int read_follow(struct reader *r, const struct node *node, void *object)
{
	return read_course(r, node, object, EVENT_FOLLOW);
}

/* In this order: whose it is before all else, a rate before the queue. */
static const struct field event_fields[] = {
	{.key = "at", .required = true, .read = read_event_at},
	{.key = "group", .read = read_event_group},
	{.key = "link", .read = read_event_link},
	{.key = "lan", .read = read_event_lan},
	{.key = "pick", .read = read_pick},
	{.key = "do", .read = read_do},
	{.key = "down", .read = read_new_down},
	{.key = "up", .read = read_new_up},
	{.key = "delay", .read = read_new_delay},
	{.key = "jitter", .read = read_new_jitter},
	{.key = "loss", .read = read_new_loss},
	{.key = "queue", .read = read_new_queue},
	{.key = "overhead", .read = read_new_overhead},
	{.key = "flap", .read = read_flap},
	{.key = "follow", .read = read_follow},
	{.key = "partition", .read = read_partition},
	{.key = "heal", .read = read_heal},
};
const struct field_map event_map = {"event", "an event", event_fields, ARRAY_LEN(event_fields)};

int load_event_value(struct reader *r, const char *key, const struct node *node,
		     struct event_spec *event)
{
	struct event_reading reading = {.event = *event};
	int result = -1;

	for (size_t i = 0; i < ARRAY_LEN(event_fields); i++) {
		if (strcmp(event_fields[i].key, key) == 0) {
			result = event_fields[i].read(r, node, &reading);
		}
	}
	*event = reading.event;
	return result;
}

static int load_event(struct reader *r, const struct node *node, struct event_spec *event)
{
	struct event_reading reading = {
		.event = {.pick_share = 1, .group = NO_GROUP, .link = NO_GROUP, .lan = NO_LAN},
	};
	const unsigned of_pairs = 1u << EVENT_DELAY | 1u << EVENT_PARTITION | 1u << EVENT_HEAL;

	int result = read_fields(r, &event_map, node, &reading);

	*event = reading.event;     /* so that what it owns is freed whatever happens */
	if (result) {
		return -1;
	}
	if (reading.kinds == 0) {
		return node_fail(r->tree, node, r->err,
				 "nothing happens in this event: it needs \"do\", a link's key, \"partition\" or \"heal\"");
	}
	if (reading.kinds & (reading.kinds - 1)) {
		return node_fail(r->tree, node, r->err,
				 "an event is one thing only: write several with the same \"at\"");
	}
	if ((reading.kinds & of_pairs) && reading.event.link != NO_GROUP) {
		return node_fail(r->tree, node, r->err,
				 "an event between two groups has no \"group\", \"link\" or \"lan\" beside");
	}
	return 0;
}

int load_events(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;
	uint64_t steps = 0;

	if (read_list(r, node, "\"events\"")) {
		return -1;
	}
	if (node->count > MAX_EVENTS) {
		return node_fail(r->tree, node, r->err, "%zu events; at most %u are allowed",
				 node->count, MAX_EVENTS);
	}
	exp->events = must_calloc(node->count, sizeof(*exp->events));
	for (size_t i = 0; i < node->count; i++) {
		exp->event_count++;
		if (load_event(r, node->items[i], &exp->events[i])) {
			return -1;
		}
		steps += experiment_event_step_count(exp, &exp->events[i]);
		if (steps > MAX_STEPS) {
			return node_fail(r->tree, node->items[i], r->err,
					 "the events do more than %llu things until the time limit",
					 (unsigned long long)MAX_STEPS);
		}
	}
	return 0;
}
