// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The root of an experiment file, and the questions that a loaded one answers.
 */
#include "topo/experiment.h"

#include <math.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/rng.h"
#include "topo/alloc.h"
#include "topo/image.h"
#include "topo/limits.h"
#include "topo/load.h"

#define DEFAULT_LIMIT_NS INT64_C(7200000000000)

/* --- the root ------------------------------------------------------------- */

static int read_exp_name(struct reader *r, const struct node *node, void *object)
{
	const char *name = "";

	if (read_name(r, node, "a name", &name)) {
		return -1;
	}
	((struct experiment *)object)->name = must_strdup(name);
	return 0;
}

static int read_seed(struct reader *r, const struct node *node, void *object)
{
	return read_number(r, node, 0, UINT64_MAX, &((struct experiment *)object)->seed);
}

static int read_replicas(struct reader *r, const struct node *node, void *object)
{
	uint64_t n;

	if (read_number(r, node, 1, LIMIT_REPLICAS, &n)) {
		return -1;
	}
	((struct experiment *)object)->replicas = (uint32_t)n;
	return 0;
}

static int read_tdf(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;
	const char *text = "";
	char shown[NODE_SHOW_BYTES];

	if (read_text(r, node, "a factor", &text)) {
		return -1;
	}
	exp->tdf_auto = strcmp(text, "auto") == 0;
	if (!exp->tdf_auto && tdf_parse(text, &exp->tdf)) {
		return node_fail(r->tree, node, r->err,
				 "%s; a factor from 0.001 to 1000 is allowed, for example 5, 0.2 or "
				 "\"1/8\", or auto", node_show(node, shown));
	}
	return 0;
}

static int read_tdf_range(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;
	char shown[NODE_SHOW_BYTES];

	if (!exp->tdf_auto) {
		return node_fail(r->tree, node, r->err,
				 "\"tdf_range\" bounds \"tdf: auto\"; this experiment's factor is fixed");
	}
	if (read_list(r, node, "\"tdf_range\"")) {
		return -1;
	}
	if (node->count != 2) {
		return node_fail(r->tree, node, r->err,
				 "the least and the greatest factor are needed, for example [1/8, 64]");
	}
	for (size_t i = 0; i < 2; i++) {
		const char *text = "";

		if (read_text(r, node->items[i], "a factor", &text)) {
			return -1;
		}
		if (tdf_parse(text, &exp->tdf_range[i])) {
			return node_fail(r->tree, node->items[i], r->err,
					 "%s; a factor from 0.001 to 1000 is allowed",
					 node_show(node->items[i], shown));
		}
	}
	return tdf_double(exp->tdf_range[0]) <= tdf_double(exp->tdf_range[1]) ? 0 :
	       node_fail(r->tree, node, r->err, "the least factor comes first");
}

static int read_limit(struct reader *r, const struct node *node, void *object)
{
	struct experiment *exp = object;

	if (read_duration(r, node, LIMIT_TIME_NS, &exp->limit_ns)) {
		return -1;
	}
	return exp->limit_ns > 0 ? 0 :
	       node_fail(r->tree, node, r->err, "the limit must be longer than nothing");
}

static const struct field time_fields[] = {
	{.key = "tdf", .read = read_tdf},
	{.key = "tdf_range", .read = read_tdf_range},
	{.key = "limit", .read = read_limit},
};
static const struct field_map time_map = {
	"time", "\"time\"", time_fields, ARRAY_LEN(time_fields),
};

static int read_time(struct reader *r, const struct node *node, void *object)
{
	return read_fields(r, &time_map, node, object);
}

const char *const congestion_words[] = {
	[CONGESTION_RENO] = "reno", [CONGESTION_CUBIC] = "cubic", [CONGESTION_HOST] = "host", NULL,
};

static int read_congestion(struct reader *r, const struct node *node, void *object)
{
	int word;

	if (read_word(r, node, congestion_words, &word)) {
		return -1;
	}
	((struct experiment *)object)->tcp.congestion = (enum congestion)word;
	return 0;
}

static int read_dilate(struct reader *r, const struct node *node, void *object)
{
	return read_flag(r, node, &((struct experiment *)object)->tcp.dilate);
}

static const struct field tcp_fields[] = {
	{.key = "congestion", .read = read_congestion},
	{.key = "dilate", .read = read_dilate},
};
static const struct field_map tcp_map = {
	"tcp", "\"tcp\"", tcp_fields, ARRAY_LEN(tcp_fields),
};

static int read_tcp(struct reader *r, const struct node *node, void *object)
{
	return read_fields(r, &tcp_map, node, object);
}

/* In this order: groups name links, and what follows names groups. */
static const struct field root_fields[] = {
	{.key = "name", .required = true, .read = read_exp_name},
	{.key = "seed", .read = read_seed},
	{.key = "replicas", .read = read_replicas},
	{.key = "time", .read = read_time},
	{.key = "tcp", .read = read_tcp},
	{.key = "payload", .read = load_payload},
	{.key = "links", .required = true, .read = load_links},
	{.key = "lans", .read = load_lans},
	{.key = "groups", .required = true, .read = load_groups},
	{.key = "delays", .read = load_delays},
	{.key = "events", .read = load_events},
	{.key = "stop", .read = load_stop},
	{.key = "capture", .read = load_capture},
};
static const struct field_map root_map = {
	"", "an experiment", root_fields, ARRAY_LEN(root_fields),
};

const struct field_map *const experiment_field_maps[] = {
	&root_map, &time_map, &tcp_map, &payload_map, &link_map, &delay_both_map, &loss_both_map,
	&overhead_map, &overhead_both_map, &queue_map, &loss_map, &gilbert_map, &jitter_map, &jitter_both_map,
	&queue_both_map, &group_map, &start_map, &delays_map, &event_map, &exp_stop_map,
	&flap_map, &follow_map, &trace_map, &lan_map, &nat_map, &timeouts_map, &forward_map,
	&capture_map, &group_link_map, &profile_map, &profile_line_map, NULL,
};

/* --- load and destroy ----------------------------------------------------- */

/* Without a rule of its own a swarm ends when its leechers are complete. */
static void default_stop(struct experiment *exp)
{
	exp->stop.kind = STOP_LIMIT;
	for (size_t i = 0; i < exp->group_count; i++) {
		if (exp->groups[i].role == ROLE_LEECH) {
			exp->stop.kind = STOP_ALL_COMPLETE;
			exp->stop.groups[i] = true;
		}
	}
}

static int read_root(struct exp_reader *r)
{
	struct experiment *exp = r->exp;

	exp->seed = 1;
	exp->replicas = 1;
	exp->tdf = (struct tdf){.num = 1, .den = 1};
	exp->tdf_range[0] = (struct tdf){.num = 1, .den = 8};
	exp->tdf_range[1] = (struct tdf){.num = 64, .den = 1};
	exp->limit_ns = DEFAULT_LIMIT_NS;
	exp->capture.snap_bytes = LIMIT_SNAP_MAX;
	exp->tcp.dilate = true;
	exp->stop.groups = must_calloc(TREE_MAX_MAP, sizeof(*exp->stop.groups));
	if (read_fields(&r->base, &root_map, r->base.tree->root, exp)) {
		return -1;
	}
	if (!r->has_stop) {
		default_stop(exp);
	}
	if (!exp->tdf_auto) {
		exp->tdf_range[0] = exp->tdf_range[1] = exp->tdf;
	}
	return check_experiment(r);
}

int experiment_load(const char *path, const char *const *sets, const char *image_dir,
		    struct experiment **out, struct err *err)
{
	struct exp_reader r = {.base.err = err, .image_dir = image_dir};
	struct tree *tree;
	int failed = 0;

	if (tree_load(path, &tree, err)) {
		return -1;
	}
	for (; sets && *sets && !failed; sets++) {
		failed = tree_set(tree, *sets, err);
	}
	r.base.tree = tree;
	r.exp = must_calloc(1, sizeof(*r.exp));
	r.exp->path = must_strdup(path);
	failed = failed || read_root(&r);
	free(r.places);
	free(r.lan_places);
	tree_destroy(tree);
	if (failed) {
		experiment_destroy(r.exp);
		return -1;
	}
	*out = r.exp;
	return 0;
}

void experiment_destroy(struct experiment *exp)
{
	if (!exp) {
		return;
	}
	for (size_t i = 0; i < exp->link_count; i++) {
		free(exp->links[i].name);
	}
	for (size_t i = 0; i < exp->group_count; i++) {
		struct group_spec *group = &exp->groups[i];

		free(group->name);
		free(group->image_name);
		free(group->start.trace_path);
		free(group->start.trace_ns);
		texts_free(group->args);
		free(group->mix.links);
		free(group->mix.weights);
		free(group->peer_links);
	}
	for (size_t i = 0; i < exp->lan_count; i++) {
		free(exp->lans[i].name);
		free(exp->lans[i].forwards);
	}
	for (size_t i = 0; i < exp->image_count; i++) {
		image_destroy(exp->images[i]);
	}
	free(exp->images);
	free(exp->links);
	free(exp->groups);
	for (size_t i = 0; i < exp->event_count; i++) {
		free(exp->events[i].steps);
		free(exp->events[i].follow_path);
	}
	free(exp->lans);
	free(exp->delays);
	free(exp->events);
	free(exp->stop.groups);
	free(exp->capture.of);
	for (size_t i = 0; i < exp->series_count; i++) {
		free(exp->series[i]->path);
		free(exp->series[i]->values);
		free(exp->series[i]);
	}
	free(exp->series);
	free(exp->payload.path);
	free(exp->payload.name);
	free(exp->path);
	free(exp->name);
	free(exp);
}

/* --- questions ------------------------------------------------------------ */

const struct group_spec *experiment_group_of(const struct experiment *exp, uint32_t index)
{
	size_t low = 0, high = exp->group_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (exp->groups[middle].first_peer <= index) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return &exp->groups[low];
}

char *experiment_peer_name(const struct experiment *exp, uint32_t index)
{
	const struct group_spec *group = experiment_group_of(exp, index);

	return str_format("%s-%u", group->name, index - group->first_peer + 1);
}

/* Of the k-th peer of a group in a LAN, behind the gateway's address. */
static uint32_t host_ip(const struct experiment *exp, const struct group_spec *group, uint32_t k)
{
	const struct lan_spec *lan = &exp->lans[group->lan];

	return lan->addresses.network + 2 + group->lan_host + k / lan->count;
}

uint32_t experiment_peer_ip(const struct experiment *exp, uint32_t index)
{
	const struct group_spec *group = experiment_group_of(exp, index);

	return group->lan == NO_LAN ? group->addresses.network + 1 + (index - group->first_peer)
				    : host_ip(exp, group, index - group->first_peer);
}

uint32_t experiment_peer_gateway(const struct experiment *exp, uint32_t index)
{
	const struct group_spec *group = experiment_group_of(exp, index);
	const struct lan_spec *lan;

	if (group->lan == NO_LAN) {
		return NO_LAN;
	}
	lan = &exp->lans[group->lan];
	return lan->first_gateway + (index - group->first_peer) % lan->count;
}

const struct lan_spec *experiment_gateway_lan(const struct experiment *exp, uint32_t gateway)
{
	const struct lan_spec *lan = exp->lans;

	while (gateway >= lan->first_gateway + lan->count) {
		lan++;
	}
	return lan;
}

uint32_t experiment_gateway_ip(const struct experiment *exp, uint32_t gateway)
{
	const struct lan_spec *lan = experiment_gateway_lan(exp, gateway);

	if (lan->nat.kind == NAT_NONE) {
		return lan->addresses.network + 1;
	}
	return lan->public.bits == 32 ? lan->public.network
				      : lan->public.network + 1 + (gateway - lan->first_gateway);
}

uint32_t experiment_peer_site(const struct experiment *exp, uint32_t index)
{
	const struct group_spec *group = experiment_group_of(exp, index);

	return group->lan == NO_LAN ? (uint32_t)(group - exp->groups)
				    : (uint32_t)exp->group_count + group->lan;
}

const char *experiment_site_name(const struct experiment *exp, uint32_t site)
{
	return site < exp->group_count ? exp->groups[site].name
				       : exp->lans[site - exp->group_count].name;
}

const struct link_spec *experiment_peer_link(const struct experiment *exp, uint32_t index)
{
	const struct group_spec *group = experiment_group_of(exp, index);

	return &exp->links[group->peer_links ? group->peer_links[index - group->first_peer]
					     : group->link];
}

bool experiment_captures(const struct experiment *exp, uint32_t index)
{
	const struct group_spec *group = experiment_group_of(exp, index);

	for (size_t i = 0; i < exp->capture.count; i++) {
		const struct peers_spec *of = &exp->capture.of[i];

		if (&exp->groups[of->group] == group &&
		    (of->number == 0 || group->first_peer + of->number - 1 == index)) {
			return true;
		}
	}
	return false;
}

static void change_rate(enum rate_change what, uint64_t to, uint64_t given, uint64_t *bps, bool *cut)
{
	*cut = what == RATE_CUT;
	if (what != RATE_CUT) {
		*bps = what == RATE_RESTORE ? given : to;
	}
}

static void change_trace(enum rate_change what, const struct series_spec *given,
			 const struct series_spec **trace)
{
	if (what != RATE_CUT) {
		*trace = what == RATE_RESTORE ? given : NULL;
	}
}

void link_spec_change(struct link_spec *link, const struct link_spec *given,
		      const struct event_spec *event)
{
	const struct link_spec *to = &event->to;

	if (event->changes & CHANGE_DOWN) {
		change_rate(event->down, to->down_bps, given->down_bps, &link->down_bps,
			    &link->down_cut);
		change_trace(event->down, given->down_trace, &link->down_trace);
	}
	if (event->changes & CHANGE_UP) {
		change_rate(event->up, to->up_bps, given->up_bps, &link->up_bps, &link->up_cut);
		change_trace(event->up, given->up_trace, &link->up_trace);
	}
	if (event->changes & CHANGE_DELAY) {
		link->down_delay_ns = to->down_delay_ns;
		link->up_delay_ns = to->up_delay_ns;
	}
	if (event->changes & CHANGE_JITTER) {
		link->down_jitter = to->down_jitter;
		link->up_jitter = to->up_jitter;
	}
	if (event->changes & CHANGE_LOSS) {
		link->down_loss = to->down_loss;
		link->up_loss = to->up_loss;
		link->down_bursts = to->down_bursts;
		link->up_bursts = to->up_bursts;
	}
	if (event->changes & CHANGE_QUEUE) {
		link->down_queue = to->down_queue;
		link->up_queue = to->up_queue;
	}
	if (event->changes & CHANGE_OVERHEAD) {
		link->down_overhead = to->down_overhead;
		link->up_overhead = to->up_overhead;
	}
}

int64_t experiment_site_delay(const struct experiment *exp, uint32_t a, uint32_t b)
{
	for (size_t i = 0; i < exp->delay_count; i++) {
		const struct delay_spec *d = &exp->delays[i];

		if ((d->a == a && d->b == b) || (d->a == b && d->b == a)) {
			return d->delay_ns;
		}
	}
	return 0;
}

/*
 * Each group draws from a stream of its own, named after it, and each peer in its
 * turn: adding a group or a peer leaves the times of the others as they were.
 */
static void group_start_times(const struct experiment *exp, const struct group_spec *group,
			      int64_t *out)
{
	CLEAN_FREE char *stream = str_format("start %s", group->name);
	const struct start_spec *start = &group->start;
	int64_t at = start->at_ns;
	struct rng rng;

	rng_stream(&rng, exp->seed, stream, 0);
	for (uint32_t k = 0; k < group->count; k++) {
		switch (start->kind) {
		case START_AT_ONCE:
			out[k] = start->at_ns;
			break;
		case START_EVERY:
			out[k] = start->at_ns + (int64_t)k * start->every_ns;
			break;
		case START_POISSON:
			/* Gaps end at LIMIT_TIME_NS, far from an overflow of the sum. */
			at += llround(fmin(rng_exponential(&rng, (double)start->every_ns),
					   (double)LIMIT_TIME_NS));
			at = at < 2 * LIMIT_TIME_NS ? at : 2 * LIMIT_TIME_NS;
			out[k] = at;
			break;
		case START_TRACE:
			out[k] = start->at_ns + start->trace_ns[k];
			break;
		}
	}
}

int64_t *experiment_start_times(const struct experiment *exp)
{
	int64_t *times = must_calloc(exp->peer_count, sizeof(*times));

	for (size_t i = 0; i < exp->group_count; i++) {
		group_start_times(exp, &exp->groups[i], times + exp->groups[i].first_peer);
	}
	return times;
}

/* Of one instant: in the order of the file, and of the steps. */
static int compare_step(const void *a, const void *b)
{
	const struct event_step *x = a, *y = b;

	if (x->at_ns != y->at_ns) {
		return x->at_ns < y->at_ns ? -1 : 1;
	}
	if (x->event != y->event) {
		return x->event < y->event ? -1 : 1;
	}
	return x->does < y->does ? -1 : x->does > y->does;
}

/* How often the steps of @event come. */
static int64_t event_periods(const struct experiment *exp, const struct event_spec *event)
{
	int64_t left_ns = exp->limit_ns - event->at_ns;

	if (event->period_ns == 0) {
		return 1;
	}
	if (event->for_ns && event->for_ns < left_ns) {
		left_ns = event->for_ns;
	}
	return left_ns > 0 ? (left_ns + event->period_ns - 1) / event->period_ns : 0;
}

uint64_t experiment_event_step_count(const struct experiment *exp, const struct event_spec *event)
{
	return event->steps ? (uint64_t)event_periods(exp, event) * event->step_count : 1;
}

struct event_step *experiment_event_steps(const struct experiment *exp, size_t *count)
{
	struct event_step *steps, *step;
	uint64_t total = 0;

	for (size_t i = 0; i < exp->event_count; i++) {
		total += experiment_event_step_count(exp, &exp->events[i]);
	}
	step = steps = must_calloc(total, sizeof(*steps));
	for (uint32_t i = 0; i < exp->event_count; i++) {
		const struct event_spec *e = &exp->events[i];

		if (!e->steps) {
			*step++ = (struct event_step){e->at_ns, i, e};
			continue;
		}
		for (int64_t k = 0, periods = event_periods(exp, e); k < periods; k++) {
			for (size_t s = 0; s < e->step_count; s++) {
				int64_t at_ns = e->at_ns + k * e->period_ns + e->steps[s].at_ns;

				*step++ = (struct event_step){at_ns, i, &e->steps[s]};
			}
		}
	}
	qsort(steps, total, sizeof(*steps), compare_step);
	*count = total;
	return steps;
}

static int compare_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A partial shuffle: the first `pick` places of a permutation. */
uint32_t *experiment_event_peers(const struct experiment *exp, size_t event, uint32_t *count)
{
	const struct event_spec *ev = &exp->events[event];
	const struct group_spec *group = &exp->groups[ev->group];
	uint32_t *peers = must_calloc(group->count, sizeof(*peers));
	uint32_t pick = ev->pick_count;
	struct rng rng;

	if (pick == 0) {
		pick = (uint32_t)lround(ev->pick_share * group->count);
		pick = pick < 1 ? 1 : pick;
	}
	pick = pick > group->count ? group->count : pick;
	rng_stream(&rng, exp->seed, "event", event);
	for (uint32_t k = 0; k < group->count; k++) {
		peers[k] = group->first_peer + k;
	}
	for (uint32_t k = 0; k < pick; k++) {
		uint32_t other = k + (uint32_t)rng_below(&rng, group->count - k);
		uint32_t swap = peers[k];

		peers[k] = peers[other];
		peers[other] = swap;
	}
	qsort(peers, pick, sizeof(*peers), compare_index);
	*count = pick;
	return peers;
}
