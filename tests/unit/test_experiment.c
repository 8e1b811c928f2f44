// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Experiment files: the good ones survive printing, the bad ones are refused with
 * their place.  "test_experiment --fields" prints the parser's tables of keys for
 * test_schema.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/experiment.h"
#include "topo/fields.h"
#include "topo/image.h"
#include "topo/limits.h"
#include "topo/load.h"

#define SECOND INT64_C(1000000000)

static struct experiment *load_with(const char *path, const char *const *sets)
{
	struct experiment *exp = NULL;
	struct err err = {0};

	if (experiment_load(path, sets, "images", &exp, &err)) {
		fail_msg("%s", err.msg);
	}
	return exp;
}

static char *print(const struct experiment *exp)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(experiment_print(exp, f), 0);
	fclose(f);
	return text;
}

/* A temporary file with @text; the caller unlinks it. */
static void write_temp(char path[], const char *text, size_t len)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

/* --- equality ------------------------------------------------------------- */

static void same_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a) {
		assert_string_equal(a, b);
	}
}

static void same_queue(const struct queue_spec *a, const struct queue_spec *b)
{
	assert_int_equal(a->unit, b->unit);
	assert_true(a->limit == b->limit);
	assert_int_equal(a->discipline, b->discipline);
	assert_int_equal(a->ecn, b->ecn);
	assert_true(a->min.unit == b->min.unit && a->min.limit == b->min.limit);
	assert_true(a->max.unit == b->max.unit && a->max.limit == b->max.limit);
	assert_true(a->probability == b->probability && a->weight == b->weight);
	assert_true(a->target_ns == b->target_ns && a->interval_ns == b->interval_ns);
}

static void same_jitter(const struct jitter_spec *a, const struct jitter_spec *b)
{
	assert_true(a->spread_ns == b->spread_ns);
	assert_int_equal(a->distribution, b->distribution);
	assert_int_equal(a->reorder, b->reorder);
}

static void same_bursts(const struct bursts_spec *a, const struct bursts_spec *b)
{
	assert_true(a->p == b->p && a->r == b->r && a->good == b->good && a->bad == b->bad);
}

static void same_link(const struct link_spec *a, const struct link_spec *b)
{
	same_text(a->name, b->name);
	assert_true(a->down_bps == b->down_bps && a->up_bps == b->up_bps);
	assert_true(a->down_delay_ns == b->down_delay_ns && a->up_delay_ns == b->up_delay_ns);
	same_jitter(&a->down_jitter, &b->down_jitter);
	same_jitter(&a->up_jitter, &b->up_jitter);
	assert_true(a->down_loss == b->down_loss && a->up_loss == b->up_loss);
	same_bursts(&a->down_bursts, &b->down_bursts);
	same_bursts(&a->up_bursts, &b->up_bursts);
	assert_int_equal(a->down_overhead.frame_bytes, b->down_overhead.frame_bytes);
	assert_int_equal(a->up_overhead.frame_bytes, b->up_overhead.frame_bytes);
	assert_int_equal(a->down_overhead.atm, b->down_overhead.atm);
	assert_int_equal(a->up_overhead.atm, b->up_overhead.atm);
	assert_int_equal(a->mtu, b->mtu);
	same_queue(&a->down_queue, &b->down_queue);
	same_queue(&a->up_queue, &b->up_queue);
}

static void same_group(const struct group_spec *a, const struct group_spec *b)
{
	same_text(a->name, b->name);
	same_text(a->image_name, b->image_name);
	same_text(a->image->name, b->image->name);
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->first_peer, b->first_peer);
	assert_int_equal(a->link, b->link);
	assert_int_equal(a->mix.count, b->mix.count);
	for (size_t i = 0; i < a->mix.count; i++) {
		assert_int_equal(a->mix.links[i], b->mix.links[i]);
		assert_true(a->mix.weights[i] == b->mix.weights[i]);
	}
	assert_int_equal(!a->peer_links, !b->peer_links);
	if (a->peer_links) {
		assert_memory_equal(a->peer_links, b->peer_links, a->count * sizeof(uint32_t));
	}
	assert_int_equal(a->addresses.network, b->addresses.network);
	assert_int_equal(a->addresses.bits, b->addresses.bits);
	assert_int_equal(a->start.kind, b->start.kind);
	assert_true(a->start.at_ns == b->start.at_ns && a->start.every_ns == b->start.every_ns);
	same_text(a->start.trace_path, b->start.trace_path);
	if (a->start.kind == START_TRACE) {
		assert_memory_equal(a->start.trace_ns, b->start.trace_ns,
				    a->count * sizeof(int64_t));
	}
	assert_int_equal(a->after, b->after);
	assert_int_equal(a->expect, b->expect);
	assert_true(a->memory_bytes == b->memory_bytes && a->pids == b->pids);
	for (size_t i = 0; a->args[i] || b->args[i]; i++) {
		same_text(a->args[i], b->args[i]);
	}
}

static void same_experiment(const struct experiment *a, const struct experiment *b)
{
	same_text(a->name, b->name);
	assert_true(a->seed == b->seed && a->limit_ns == b->limit_ns);
	assert_true((uint64_t)a->tdf.num * b->tdf.den == (uint64_t)b->tdf.num * a->tdf.den);
	assert_int_equal(a->tdf_auto, b->tdf_auto);
	assert_int_equal(a->replicas, b->replicas);
	assert_true(tdf_double(a->tdf_range[0]) == tdf_double(b->tdf_range[0]));
	assert_true(tdf_double(a->tdf_range[1]) == tdf_double(b->tdf_range[1]));
	assert_true(a->tcp.congestion == b->tcp.congestion && a->tcp.dilate == b->tcp.dilate);
	assert_true(a->payload.size_bytes == b->payload.size_bytes);
	assert_true(a->payload.piece_bytes == b->payload.piece_bytes);
	same_text(a->payload.path, b->payload.path);
	same_text(a->payload.name, b->payload.name);
	assert_int_equal(a->link_count, b->link_count);
	assert_int_equal(a->group_count, b->group_count);
	assert_int_equal(a->delay_count, b->delay_count);
	assert_int_equal(a->event_count, b->event_count);
	assert_int_equal(a->peer_count, b->peer_count);
	assert_int_equal(a->image_count, b->image_count);
	for (size_t i = 0; i < a->link_count; i++) {
		same_link(&a->links[i], &b->links[i]);
	}
	for (size_t i = 0; i < a->group_count; i++) {
		same_group(&a->groups[i], &b->groups[i]);
		assert_int_equal(a->stop.groups[i], b->stop.groups[i]);
	}
	for (size_t i = 0; i < a->delay_count; i++) {
		assert_int_equal(a->delays[i].a, b->delays[i].a);
		assert_int_equal(a->delays[i].b, b->delays[i].b);
		assert_true(a->delays[i].delay_ns == b->delays[i].delay_ns);
	}
	for (size_t i = 0; i < a->event_count; i++) {
		assert_true(a->events[i].at_ns == b->events[i].at_ns);
		assert_int_equal(a->events[i].group, b->events[i].group);
		assert_true(a->events[i].pick_share == b->events[i].pick_share);
		assert_int_equal(a->events[i].pick_count, b->events[i].pick_count);
		assert_int_equal(a->events[i].what, b->events[i].what);
		assert_int_equal(a->events[i].changes, b->events[i].changes);
		assert_int_equal(a->events[i].link, b->events[i].link);
		assert_int_equal(a->events[i].down, b->events[i].down);
		assert_int_equal(a->events[i].up, b->events[i].up);
		assert_int_equal(a->events[i].pair.a, b->events[i].pair.a);
		assert_int_equal(a->events[i].pair.b, b->events[i].pair.b);
		assert_true(a->events[i].pair.delay_ns == b->events[i].pair.delay_ns);
		if (a->events[i].what == EVENT_LINK) {
			same_link(&a->events[i].to, &b->events[i].to);
		}
	}
	assert_int_equal(a->stop.kind, b->stop.kind);
	assert_true(a->stop.linger_ns == b->stop.linger_ns);
}

/* --- files ---------------------------------------------------------------- */

/* Call @each with the path of every *.yaml in @dir; returns how many. */
static unsigned each_file(const char *dir, void (*each)(const char *path))
{
	CLEAN_CLOSEDIR DIR *d = opendir(dir);
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		size_t len = strlen(entry->d_name);

		if (len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0) {
			CLEAN_FREE char *path = str_format("%s/%s", dir, entry->d_name);

			each(path);
			count++;
		}
	}
	return count;
}

/* Printed elsewhere and loaded again: the same experiment, and the same text. */
static void survives_printing(const char *path)
{
	char temp[] = "/tmp/test_experiment.XXXXXX";
	struct experiment *exp = load_with(path, NULL), *again;
	CLEAN_FREE char *text = print(exp), *twice = NULL;

	write_temp(temp, text, strlen(text));
	again = load_with(temp, NULL);
	unlink(temp);
	same_experiment(exp, again);
	twice = print(again);
	assert_string_equal(text, twice);
	experiment_destroy(exp);
	experiment_destroy(again);
}

static void good_files(void **state)
{
	(void)state;
	assert_true(each_file("tests/data/good", survives_printing) >= 4);
	assert_true(each_file("topologies", survives_printing) >= 4);
}

/* The first line says "# expect: LINE:COLUMN text". */
static void refused_as_expected(const char *path)
{
	struct experiment *exp = NULL;
	CLEAN_FREE char *text = NULL, *prefix = NULL;
	struct err err = {0};
	char *expected;
	unsigned line, column;
	int used = 0;

	assert_int_equal(fs_read(path, &text, NULL, &err), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(sscanf(text, "# expect: %u:%u %n", &line, &column, &used), 2);
	expected = text + used;
	assert_true(*expected != '\0');
	prefix = str_format("%s:%u:%u: ", path, line, column);

	assert_int_equal(experiment_load(path, NULL, "images", &exp, &err), -1);
	if (err.kind != ERR_USAGE || strncmp(err.msg, prefix, strlen(prefix)) != 0 ||
	    !strstr(err.msg, expected) || strchr(err.msg, '\n')) {
		fail_msg("%s\n  expected %s ... %s\n  found    %s", path, prefix, expected, err.msg);
	}
}

static void bad_files(void **state)
{
	(void)state;
	assert_true(each_file("tests/data/bad", refused_as_expected) >= 30);
}

static void no_file(void **state)
{
	static const char *const paths[] = {"tests/data/no-such.yaml", "tests/data", "/dev/zero"};
	struct experiment *exp = NULL;
	struct err err;
	char temp[] = "/tmp/test_experiment.XXXXXX";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		err = (struct err){0};
		assert_int_equal(experiment_load(paths[i], NULL, "images", &exp, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_ptr_equal(strstr(err.msg, paths[i]), err.msg);
	}
	write_temp(temp, "", 0); /* no byte at all, which a file with an expectation cannot be */
	assert_int_equal(experiment_load(temp, NULL, "images", &exp, &err), -1);
	unlink(temp);
	assert_non_null(strstr(err.msg, ":1:1: the file is empty"));
}

/* --- values --------------------------------------------------------------- */

static void everything(void **state)
{
	struct experiment *exp = load_with("tests/data/good/everything.yaml", NULL);
	const struct link_spec *both = &exp->links[3], *open = &exp->links[4];
	const struct group_spec *a = &exp->groups[2], *c = &exp->groups[4];
	static const int64_t trace[] = {0, 1500000000, 1500000000, 120 * SECOND};

	(void)state;
	assert_string_equal(exp->name, "everything-1");
	assert_true(exp->seed == UINT64_MAX);
	assert_true(exp->tdf.num * 8 == exp->tdf.den);
	assert_true(exp->tcp.congestion == CONGESTION_CUBIC && !exp->tcp.dilate);
	assert_true(exp->limit_ns == 5400 * SECOND);
	assert_true(exp->payload.size_bytes == 1500000 && exp->payload.piece_bytes == 16384);
	assert_string_equal(exp->payload.name, "Data_1.bin");
	assert_null(exp->payload.path);

	assert_int_equal(exp->link_count, 7);
	assert_string_equal(both->name, "both");
	assert_true(both->down_bps == 2000000 && both->up_bps == 1048576);
	assert_true(both->down_delay_ns == 5500000 && both->up_delay_ns == 12000);
	assert_true(both->down_jitter.spread_ns == 5500000 && !both->down_jitter.reorder);
	assert_true(both->up_jitter.spread_ns == 10000 && both->up_jitter.reorder);
	assert_int_equal(both->up_jitter.distribution, JITTER_PARETO);
	assert_true(exp->links[2].up_jitter.spread_ns == 10000000);
	assert_int_equal(exp->links[2].up_jitter.distribution, JITTER_NORMAL);
	assert_true(both->down_loss == 0.00065 && both->up_loss == 0);
	assert_true(both->down_queue.unit == QUEUE_NS && both->down_queue.limit == 200000000);
	assert_true(both->up_queue.unit == QUEUE_BYTES && both->up_queue.limit == 65536);
	assert_true(open->up_bursts.p == 0.01 && open->up_bursts.r == 0.25);
	assert_true(open->up_bursts.good == 0 && open->up_bursts.bad == 1);
	assert_true(fabs(open->up_loss - 1 / 26.0) < 1e-15);
	assert_true(open->down_bursts.good == 0.001 && open->down_bursts.bad == 0.5);
	assert_true(open->down_bps == 0 && open->up_bps == 0);
	assert_true(open->up_queue.unit == QUEUE_PACKETS && open->up_queue.limit == 1);
	/* 200 ms of 2 Mbit/s; 200 ms of 128 kbit/s are less than ten packets. */
	assert_true(exp->links[0].down_queue.limit == 50000 && exp->links[0].up_queue.limit == 15000);

	assert_int_equal(both->mtu, 1500);
	assert_int_equal(exp->links[6].mtu, 1492);
	assert_int_equal(exp->links[6].down_overhead.frame_bytes, 18);
	assert_true(exp->links[6].down_overhead.atm && exp->links[6].up_overhead.atm);
	assert_int_equal(exp->links[2].up_overhead.frame_bytes, 8);
	assert_int_equal(exp->links[6].down_queue.discipline, QUEUE_RED);
	assert_true(exp->links[6].down_queue.ecn && exp->links[6].down_queue.weight == 0.002);
	assert_true(exp->links[6].down_queue.min.limit == 20000000);
	assert_true(exp->links[6].down_queue.max.limit == 100000000);
	assert_int_equal(exp->links[6].up_queue.discipline, QUEUE_CODEL);
	/* One frame of 1500 bytes at 512 kbit/s is longer than 5 ms. */
	assert_true(exp->links[6].up_queue.target_ns == 23437500);
	assert_true(exp->links[6].up_queue.interval_ns == 150000000);

	assert_int_equal(exp->group_count, 6);
	assert_int_equal(exp->groups[0].role, ROLE_TRACKER);
	assert_int_equal(exp->groups[0].expect, EXPECT_RUNNING);
	assert_int_equal(exp->groups[1].expect, EXPECT_ANY);
	assert_string_equal(a->name, "a");
	assert_int_equal(a->role, ROLE_LEECH);
	assert_int_equal(a->expect, EXPECT_COMPLETE);
	assert_int_equal(a->after, AFTER_LEAVE);
	assert_int_equal(a->first_peer, 3);
	assert_string_equal(a->args[2], "say \"{ip}\" \\ \u00e9\u2028");
	assert_null(a->args[3]);
	assert_memory_equal(c->start.trace_ns, trace, sizeof(trace));
	assert_int_equal(exp->groups[5].expect, EXPECT_EXIT);
	assert_int_equal(exp->peer_count, 1 + 2 + 20 + 3 + 4 + 1);

	assert_true(experiment_site_delay(exp, 2, 3) == 20000000);
	assert_true(experiment_site_delay(exp, 3, 2) == 20000000);
	assert_true(experiment_site_delay(exp, 3, 3) == 500000);
	assert_true(experiment_site_delay(exp, 2, 2) == 0);
	assert_int_equal(exp->stop.kind, STOP_ALL_COMPLETE);
	assert_true(exp->stop.groups[2] && exp->stop.groups[3] && !exp->stop.groups[4]);
	assert_true(exp->stop.linger_ns == 30 * SECOND);
	experiment_destroy(exp);
}

static void peers(void **state)
{
	struct experiment *exp = load_with("tests/data/good/everything.yaml", NULL);
	CLEAN_FREE char *first = experiment_peer_name(exp, 0), *some = experiment_peer_name(exp, 9),
			*last = experiment_peer_name(exp, exp->peer_count - 1);

	(void)state;
	assert_string_equal(first, "tracker-1");
	assert_string_equal(some, "a-7");
	assert_string_equal(last, "d-1");
	assert_int_equal(experiment_peer_ip(exp, 0), 0xc6120001);
	assert_int_equal(experiment_peer_ip(exp, 9), 0xc6121007);
	for (uint32_t i = 0; i < exp->peer_count; i++) {
		const struct group_spec *g = experiment_group_of(exp, i);

		assert_true(i >= g->first_peer && i < g->first_peer + g->count);
	}
	experiment_destroy(exp);
}

/* Peers are dealt out to LANs in turn, and have addresses behind the gateway's. */
static void lans(void **state)
{
	struct experiment *exp = load_with("tests/data/good/lans.yaml", NULL);
	const struct lan_spec *home = &exp->lans[0];
	uint32_t homes = exp->groups[2].first_peer, guests = exp->groups[3].first_peer;

	(void)state;
	assert_int_equal(exp->lan_count, 3);
	assert_int_equal(exp->gateway_count, 4);
	assert_int_equal(home->nat.kind, NAT_PORT_RESTRICTED);
	assert_true(home->nat.hairpin && home->nat.port_min == 1024 && home->nat.port_max == 2047);
	assert_true(home->nat.udp_ns == 120 * SECOND && home->nat.icmp_ns == 60 * SECOND);
	assert_int_equal(home->forward_count, 2);
	assert_int_equal(home->forwards[0].inside_port, 51413);
	assert_int_equal(home->forwards[1].inside_port, 6882);
	assert_int_equal(exp->lans[2].nat.kind, NAT_NONE);

	assert_int_equal(experiment_peer_gateway(exp, 0), NO_LAN);
	assert_int_equal(experiment_peer_gateway(exp, homes), 0);
	assert_int_equal(experiment_peer_gateway(exp, homes + 1), 1);
	assert_int_equal(experiment_peer_gateway(exp, homes + 2), 0);
	assert_int_equal(experiment_peer_ip(exp, homes), 0xc0a80102);
	assert_int_equal(experiment_peer_ip(exp, homes + 1), 0xc0a80102);
	assert_int_equal(experiment_peer_ip(exp, homes + 2), 0xc0a80103);
	assert_int_equal(experiment_peer_ip(exp, guests), 0xc0a80105);
	assert_int_equal(experiment_gateway_ip(exp, 0), 0xcb007101);
	assert_int_equal(experiment_gateway_ip(exp, 1), 0xcb007102);
	assert_int_equal(experiment_gateway_ip(exp, 2), 0xcb007109);
	assert_int_equal(experiment_gateway_ip(exp, 3), 0xc0000201);

	assert_string_equal(experiment_site_name(exp, experiment_peer_site(exp, homes)), "home");
	assert_true(experiment_site_delay(exp, experiment_peer_site(exp, homes),
					  experiment_peer_site(exp, 1)) == 15 * SECOND / 1000);
	experiment_destroy(exp);
}

static void starts(void **state)
{
	static const char *const other_seed[] = {"seed=5", NULL};
	static const char *const more[] = {"groups.seeds.count=1", "groups.b.count=50", NULL};
	struct experiment *exp = load_with("tests/data/good/everything.yaml", NULL);
	struct experiment *other = load_with("tests/data/good/everything.yaml", other_seed);
	struct experiment *bigger = load_with("tests/data/good/everything.yaml", more);
	CLEAN_FREE int64_t *t = experiment_start_times(exp), *again = experiment_start_times(exp),
			   *o = experiment_start_times(other), *b = experiment_start_times(bigger);
	double sum = 0;

	(void)state;
	assert_memory_equal(t, again, exp->peer_count * sizeof(*t));
	assert_true(t[0] == 0);
	assert_true(t[3] == 2 * SECOND && t[22] == 2 * SECOND + 19 * (SECOND / 4));
	assert_true(t[23] > 60 * SECOND && t[24] > t[23] && t[25] > t[24]);
	assert_true(t[26] == SECOND && t[29] == 121 * SECOND);
	assert_true(o[23] != t[23]);
	/* A peer's draw depends on nothing but the seed, its group's name and its place there. */
	assert_memory_equal(&b[22], &t[23], 3 * sizeof(*t));
	for (int i = 23; i < 72; i++) {
		sum += (double)(b[i] - b[i - 1]);
	}
	assert_true(sum / 49 > 5e9 && sum / 49 < 20e9); /* the mean is 10 s, 49 gaps: +- 1.4 s */
	experiment_destroy(exp);
	experiment_destroy(other);
	experiment_destroy(bigger);
}

static void events(void **state)
{
	struct experiment *exp = load_with("tests/data/good/everything.yaml", NULL);
	uint32_t count = 0;
	CLEAN_FREE uint32_t *share = NULL, *number = NULL, *all = NULL;

	(void)state;
	share = experiment_event_peers(exp, 0, &count); /* 12.5 % of 20 */
	assert_int_equal(count, 3);
	for (uint32_t i = 0; i < count; i++) {
		assert_in_range(share[i], 3, 22);
		assert_true(i == 0 || share[i] > share[i - 1]);
	}
	number = experiment_event_peers(exp, 1, &count);
	assert_int_equal(count, 2);
	assert_true(number[0] >= 23 && number[1] > number[0] && number[1] <= 25);
	all = experiment_event_peers(exp, 2, &count);
	assert_int_equal(count, 1);
	assert_int_equal(all[0], exp->peer_count - 1);
	experiment_destroy(exp);
}

/* Each peer its own line, as often as the weights say, the same for the same seed. */
static void mixes(void **state)
{
	static const char *const profile[] = {
		"groups.a={image: ctorrent, role: leech, count: 4000, link: {profile: dischinger-2007}, addresses: 198.18.16.0/20}",
		"stop.when=limit", NULL,
	};
	static const char *const more[] = {
		"groups.a={image: ctorrent, role: leech, count: 4001, link: {profile: dischinger-2007}, addresses: 198.18.16.0/20}",
		"groups.b.link={mix: {plain: 3, modem: 1}}", "groups.b.count=1000",
		"stop.when=limit", NULL,
	};
	struct experiment *exp = load_with("tests/data/good/everything.yaml", profile);
	struct experiment *other = load_with("tests/data/good/everything.yaml", more);
	const struct group_spec *g = &exp->groups[2];
	uint64_t sum = 0;
	double chi = 0;

	(void)state;
	assert_true(g->mix.count > 40 && exp->link_count == 7 + g->mix.count);
	for (size_t i = 0; i < g->mix.count; i++) {
		sum += g->mix.weights[i];
	}
	for (size_t i = 0; i < g->mix.count; i++) {
		double expected = (double)g->mix.weights[i] / (double)sum * g->count, seen = 0;

		for (uint32_t k = 0; k < g->count; k++) {
			seen += g->peer_links[k] == g->mix.links[i];
		}
		chi += (seen - expected) * (seen - expected) / expected;
	}
	/* Mean and deviation of chi-square; 3.3 of them are passed by chance once in 1000. */
	assert_true(chi < (double)g->mix.count + 3.3 * sqrt(2 * (double)g->mix.count));
	assert_memory_equal(g->peer_links, other->groups[2].peer_links, 4000 * sizeof(uint32_t));
	assert_ptr_equal(experiment_peer_link(exp, g->first_peer + 7), &exp->links[g->peer_links[7]]);
	sum = 0;
	for (uint32_t k = 0; k < 1000; k++) {
		sum += other->groups[3].peer_links[k] == 0;
	}
	assert_in_range(sum, 750 - 45, 750 + 45);
	experiment_destroy(exp);
	experiment_destroy(other);
}

/* A line is cut, restored, changed; what an event does not name stays. */
static void link_events(void **state)
{
	struct experiment *exp = load_with("tests/data/good/everything.yaml", NULL);
	const struct event_spec *e = exp->events;
	struct link_spec line = exp->links[3];
	uint32_t count;

	(void)state;
	assert_int_equal(e[3].what, EVENT_LINK);
	assert_int_equal(e[3].link, 3);
	link_spec_change(&line, &exp->links[3], &e[3]);
	assert_true(line.down_cut && line.down_bps == 2000000 && !line.up_cut);
	link_spec_change(&line, &exp->links[3], &e[4]);
	assert_true(!line.down_cut && line.down_bps == 1000000 && line.up_bps == 64000);
	assert_true(line.up_delay_ns == 40000000 && line.down_delay_ns == 40000000);
	assert_true(line.up_loss == 0.02 && line.up_queue.limit == 65536);
	assert_int_equal(line.up_queue.discipline, QUEUE_DROP_TAIL);
	link_spec_change(&line, &exp->links[3], &e[5]);
	assert_true(line.down_bps == 2000000 && line.up_bps == 64000);
	assert_true(line.up_queue.discipline == QUEUE_CODEL && line.up_queue.limit == 30000);
	free(experiment_event_peers(exp, 5, &count));
	assert_int_equal(count, 1);
	assert_int_equal(e[6].what, EVENT_PARTITION);
	assert_int_equal(e[7].what, EVENT_DELAY);
	assert_int_equal(e[8].what, EVENT_HEAL);
	assert_true(e[6].pair.a == 2 && e[6].pair.b == 3 && e[7].pair.delay_ns == 50000000);
	experiment_destroy(exp);
}

/* "leechers" is all of them, unless a group has this very name. */
static void stops(void **state)
{
	static const char *const limit[] = {"stop.when=limit", NULL};
	static const char *const word[] = {"stop.when=all leechers complete", NULL};
	static const char *const exited[] = {"stop.when=all d exited", NULL};
	struct experiment *exp;

	(void)state;
	exp = load_with("tests/data/good/file-payload.yaml", NULL); /* no rule written */
	assert_int_equal(exp->stop.kind, STOP_ALL_COMPLETE);
	assert_true(exp->stop.groups[2] && exp->stop.groups[3]);
	experiment_destroy(exp);
	exp = load_with("tests/data/good/file-payload.yaml", word);
	assert_true(exp->stop.groups[2] && !exp->stop.groups[3]);
	experiment_destroy(exp);
	exp = load_with("tests/data/good/everything.yaml", word);
	assert_true(exp->stop.groups[2] && exp->stop.groups[3] && exp->stop.groups[4]);
	assert_true(!exp->stop.groups[0] && !exp->stop.groups[1] && !exp->stop.groups[5]);
	experiment_destroy(exp);
	exp = load_with("tests/data/good/everything.yaml", limit);
	assert_int_equal(exp->stop.kind, STOP_LIMIT);
	experiment_destroy(exp);
	exp = load_with("tests/data/good/everything.yaml", exited);
	assert_int_equal(exp->stop.kind, STOP_ALL_EXITED);
	assert_true(exp->stop.groups[5] && !exp->stop.groups[2]);
	experiment_destroy(exp);
	exp = load_with("tests/data/good/least.yaml", NULL);
	assert_int_equal(exp->stop.kind, STOP_LIMIT);
	experiment_destroy(exp);
}

/* --- --set ---------------------------------------------------------------- */

static void sets(void **state)
{
	static const char *const list[] = {
		"links.both.down=4Mbit/s", "time.tdf=5", "groups.a.count=30", "delays.1.delay=7ms",
		"groups.b.start={every: 3s}", "payload.name=other.bin", "groups.c.after=leave",
		"links.new={down: unlimited, up: unlimited}", "groups.d.link=new",
		"links.again.up=1Mbit/s", NULL,
	};
	struct experiment *exp = load_with("tests/data/good/everything.yaml", list);

	(void)state;
	assert_true(exp->links[3].down_bps == 4000000);
	assert_true(exp->tdf.num == 5 && exp->tdf.den == 1);
	assert_int_equal(exp->groups[2].count, 30);
	assert_true(exp->delays[1].delay_ns == 7000000);
	assert_int_equal(exp->groups[3].start.kind, START_EVERY);
	assert_string_equal(exp->payload.name, "other.bin");
	assert_int_equal(exp->groups[4].after, AFTER_LEAVE);
	assert_int_equal(exp->groups[5].link, 7);
	/* An alias is a copy: what is set at one place stays there. */
	assert_true(exp->links[0].up_bps == 128000 && exp->links[1].up_bps == 1000000);
	experiment_destroy(exp);
}

static void bad_sets(void **state)
{
	static const struct { const char *set, *why; } bad[] = {
		{"links.both.dwon=4Mbit/s", "did you mean \"down\""},
		{"links.both.down=4", "unit is missing"},
		{"links.both.down=", "nothing stands here"},
		{"time.tdf=automatic", "or auto"},
		{"time=5", "\"time\" is a map"},
		{"time.tdf.x=5", "lies below a plain value"},
		{"groups.aa.count=3", "nothing had this name before"},
		{"delays.7.delay=1ms", "is no index of the list"},
		{"delays.x.delay=1ms", "is no index of the list"},
		{"delays.18446744073709551616.delay=1ms", "is no index of the list"},
		{"=5", "write a path and a value"},
		{"time.tdf", "write a path and a value"},
		{"", "write a path and a value"},
		{"time..tdf=1", "is no key"},
		{".=1", "is no key"},
		{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r=1", "nested too deep"},
		{"links.both.down=[", "no YAML"},
		{"links.both.down=a: b: c", "no YAML"},
		{"links.both.down=\x80\x80", "no text"},
		{"links.both.\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		 "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		 "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80=1",
		 "unknown key"},
		{"name=a\nb", "a name has"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *list[] = {"seed=2", bad[i].set, NULL};
		struct experiment *exp = NULL;
		struct err err = {0};

		assert_int_equal(experiment_load("tests/data/good/everything.yaml", list, "images",
						 &exp, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		if (strncmp(err.msg, "--set ", 6) != 0 || !strstr(err.msg, bad[i].why) ||
		    strchr(err.msg, '\n')) {
			fail_msg("--set %s\n  expected %s\n  found    %s", bad[i].set, bad[i].why,
				 err.msg);
		}
	}
}

/* The events of everything.yaml that have a course are its last four. */
static void courses(void **state)
{
	const char *list[] = {"time.limit=1h", NULL};
	struct experiment *exp = load_with("tests/data/good/everything.yaml", list);
	const struct event_spec *e = &exp->events[exp->event_count - 4];
	CLEAN_FREE struct event_step *steps = NULL;
	size_t count = 0, flaps = 0;

	(void)state;
	/* Cut six times within the minute: at 0, 12, .. 48 s; and from 6 min to 1 h each second. */
	assert_int_equal(experiment_event_step_count(exp, &e[0]), 2 * 5);
	assert_int_equal(experiment_event_step_count(exp, &e[1]), 2 * 54 * 60);
	assert_int_equal(experiment_event_step_count(exp, &e[2]), 3);
	assert_int_equal(experiment_event_step_count(exp, &e[3]), 2 * 3);
	steps = experiment_event_steps(exp, &count);
	assert_int_equal(count, exp->event_count - 4 + 10 + 6480 + 3 + 6);
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || steps[i - 1].at_ns <= steps[i].at_ns);
		if (&exp->events[steps[i].event] == e) {
			int64_t at_ns = (300 + 12 * (int64_t)(flaps / 2) + (flaps % 2 ? 2 : 0)) * NS_PER_S;

			assert_true(steps[i].at_ns == at_ns);
			assert_int_equal(steps[i].does->up, flaps++ % 2 ? RATE_RESTORE : RATE_CUT);
			assert_int_equal(steps[i].does->changes, CHANGE_DOWN | CHANGE_UP);
		}
	}
	assert_int_equal(flaps, 10);
	/* A row's empty values leave what was; the last one cuts. */
	assert_int_equal(e[2].steps[0].changes, CHANGE_DOWN | CHANGE_UP | CHANGE_LOSS);
	assert_int_equal(e[2].steps[1].changes, CHANGE_DOWN);
	assert_true(e[2].steps[1].to.down_bps == 500000 && e[2].steps[1].to.down_loss > 0.009);
	assert_true(e[2].steps[2].at_ns == 20500 * NS_PER_MS);
	assert_int_equal(e[2].steps[2].down, RATE_CUT);
	assert_int_equal(e[2].steps[2].up, RATE_RESTORE);
	assert_true(e[2].steps[2].to.up_loss == 0);
	experiment_destroy(exp);
}

static void series(void **state)
{
	const char *list[] = {"links.again={down: {trace: cell.trace}, up: 1Mbit/s, delay: 1s, jitter: {table: delays.txt}}",
			      "events=[{at: 0s, link: cell, down: 1Mbit/s}, {at: 1s, link: cell, down: restore}]", NULL};
	struct experiment *exp = load_with("tests/data/good/everything.yaml", list);
	const struct link_spec *cell = &exp->links[5];
	const struct series_spec *trace = cell->down_trace, *table = cell->down_jitter.table;
	struct link_spec line = *cell;
	double mean = 0, square = 0;

	(void)state;
	assert_string_equal(cell->name, "cell");
	/* Six packets of 1500 bytes in 40 ms. */
	assert_int_equal(trace->count, 6);
	assert_true(trace->values[5] == 40 * NS_PER_MS && trace->gap_ns == 20 * NS_PER_MS);
	assert_true(cell->down_bps == 6 * 1500 * 8 * 25 && !cell->up_trace);
	/* A file is read once, for whatever it is used. */
	assert_int_equal(exp->series_count, 2);
	assert_ptr_equal(cell->up_jitter.table, table);
	assert_ptr_equal(exp->links[1].down_trace, trace);
	assert_ptr_equal(exp->links[1].up_jitter.table, table);
	for (size_t i = 0; i + 1 < table->count; i++) {
		double a = (double)table->values[i], b = (double)table->values[i + 1];

		mean += (a + b) / 2;
		square += (a * a + a * b + b * b) / 3;
	}
	assert_true(fabs(mean / (double)(table->count - 1)) < 2);
	assert_true(table->values[table->count - 1] - table->values[0] == 20 * NS_PER_MS);
	assert_true(cell->up_jitter.spread_ns == -table->values[0]);
	/* Pieces 10..11..12..14..30: their variance about a mean of 14.25. */
	assert_true(fabs(sqrt(square / (double)(table->count - 1)) - 5.1255e6) < 1e4);
	link_spec_change(&line, cell, &exp->events[0]);
	assert_true(line.down_bps == 1000000 && !line.down_trace);
	link_spec_change(&line, cell, &exp->events[1]);
	assert_ptr_equal(line.down_trace, trace);
	experiment_destroy(exp);
}

static void bad_series(void **state)
{
	static const struct { const char *set, *text, *why; } bad[] = {
		{"links.cell.down={trace: %s}", "1\n2ms\n", ":2:1: \"2ms\": a trace has a whole number"},
		{"links.cell.down={trace: %s}", "5\n4\n", ": the instants of a trace ascend"},
		{"links.cell.down={trace: %s}", "0\n", ": a trace ends later than at 0"},
		{"links.cell.down={trace: %s}", "", ": a trace ends later than at 0"},
		{"links.cell.jitter={table: %s}", "1ms\n2\n", ":2:1: \"2\": the unit is missing"},
		{"links.cell.jitter={table: %s}", "1ms\n", ": a table has at least two values"},
		{"links.cell.jitter={table: %s}", "1ms\n1ms\n1ms\n", ": all values are the same"},
		{"links.cell.jitter={table: %s}", "1ms\n90ms\n", "larger than the delay"},
		{"links.cell.jitter={spread: 1ms, table: %s}", "1ms\n2ms\n", "or a \"spread\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char temp[] = "/tmp/test_experiment.XXXXXX";
		const char *list[] = {NULL, NULL};
		struct experiment *exp = NULL;
		struct err err = {0};
		char set[128];

		write_temp(temp, bad[i].text, strlen(bad[i].text));
		snprintf(set, sizeof(set), bad[i].set, temp);
		list[0] = set;
		assert_int_equal(experiment_load("tests/data/good/everything.yaml", list, "images",
						 &exp, &err), -1);
		unlink(temp);
		assert_int_equal(err.kind, ERR_USAGE);
		if (!strstr(err.msg, bad[i].why) || strchr(err.msg, '\n')) {
			fail_msg("%s\n  expected %s\n  found    %s", bad[i].text, bad[i].why, err.msg);
		}
	}
}

static void bad_courses(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{"", "there are no rows"},
		{"at, down\n", "there are no rows"},
		{"down, at\n", ":1:1: the first column"},
		{"at, speed\n", ":1:5: this is \"speed\""},
		{"at, down, at\n", ":1:11: the first column"},
		{"at, down\n0s\n", ":2:1: 1 values under 2 columns"},
		{"at, down\n0s, 1Mbit/s\n\n-1s, 1Mbit/s\n", ":4:1: \"-1s\""},
		{"at, down\n2s, 1Mbit/s\n1s, 1Mbit/s\n", ":3:1: the instants must ascend"},
		{"at, down\n0s, 2\n", ":2:5: \"2\": the unit is missing"},
		{"at,loss\n0s,200%\n", ":2:4: \"200%\""},
		{"at,,,,,,,,,\n", "more than 8 values"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char temp[] = "/tmp/test_experiment.XXXXXX";
		CLEAN_FREE char *set = NULL;
		const char *list[] = {NULL, NULL};
		struct experiment *exp = NULL;
		struct err err = {0};

		write_temp(temp, bad[i].text, strlen(bad[i].text));
		set = str_format("events=[{at: 0s, link: both, follow: %s}]", temp);
		list[0] = set;
		assert_int_equal(experiment_load("tests/data/good/everything.yaml", list, "images",
						 &exp, &err), -1);
		unlink(temp);
		assert_int_equal(err.kind, ERR_USAGE);
		if (!strstr(err.msg, bad[i].why) || strchr(err.msg, '\n')) {
			fail_msg("%s\n  expected %s\n  found    %s", bad[i].text, bad[i].why, err.msg);
		}
	}
}

static void traces(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{"1s\n2s\n", ":3:1: the trace ends after 2 start times"},
		{"1s\n5s\n4s\n6s\n", ":3:1: \"4s\": the offsets must ascend"},
		{"1s\n\n2\n", ":3:1: \"2\": the unit is missing"},
		{"999h\n", "later than 30 days"},
		{"\x01\x02", ":1:1: \"\\x01\\x02\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char temp[] = "/tmp/test_experiment.XXXXXX";
		CLEAN_FREE char *set = NULL;
		const char *list[] = {NULL, NULL};
		struct experiment *exp = NULL;
		struct err err = {0};

		write_temp(temp, bad[i].text, strlen(bad[i].text));
		set = str_format("groups.c.start.trace=%s", temp);
		list[0] = set;
		assert_int_equal(experiment_load("tests/data/good/everything.yaml", list, "images",
						 &exp, &err), -1);
		unlink(temp);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.msg, bad[i].why));
		assert_null(strchr(err.msg, '\n'));
	}
}

/* --- hostile input -------------------------------------------------------- */

/*
 * Cut and flipped files: whatever comes, the answer is an experiment or one
 * ERR_USAGE line, never a crash (the sanitizers watch).
 */
static void damaged(const char *path)
{
	CLEAN_FREE char *text = NULL;
	size_t len = 0;
	uint32_t x = 12345;

	assert_int_equal(fs_read(path, &text, &len, NULL), 0);
	for (int i = 0; i < 60; i++) {
		struct experiment *exp = NULL;
		char temp[] = "/tmp/test_experiment.XXXXXX";
		struct err err = {0};
		size_t at, cut;
		char was;

		x = x * 1664525 + 1013904223;
		at = (x >> 8) % len;
		cut = i % 3 == 0 ? at : len;
		was = text[at];
		text[at] = i % 2 ? (char)(was ^ (1 << (x >> 29))) : "{}[]:,&*#-\"'\t\n"[(x >> 4) % 14];
		write_temp(temp, text, cut);
		text[at] = was;
		if (experiment_load(temp, NULL, "images", &exp, &err)) {
			assert_int_equal(err.kind, ERR_USAGE);
			assert_null(strchr(err.msg, '\n'));
		}
		experiment_destroy(exp);
		unlink(temp);
	}
}

static void damaged_files(void **state)
{
	(void)state;
	each_file("tests/data/good", damaged);
	each_file("topologies", damaged);
}

/* --- the tables for test_schema.py ---------------------------------------- */

static void print_words(const char *map, const char *key, const char *const *words)
{
	printf("words %s %s", map, key);
	for (; *words; words++) {
		printf(" %s", *words);
	}
	putchar('\n');
}

static int print_fields(void)
{
	for (size_t i = 0; experiment_field_maps[i]; i++) {
		const struct field_map *map = experiment_field_maps[i];

		for (size_t k = 0; k < map->count; k++) {
			if (map->fields[k].read) {
				printf("key %s %s %s\n", *map->schema ? map->schema : "/",
				       map->fields[k].key,
				       map->fields[k].required ? "required" : "optional");
			}
		}
	}
	print_words("group", "role", image_role_words);
	print_words("group", "after", after_words);
	print_words("group", "expect", expect_words);
	print_words("event", "do", do_words);
	print_words("queue_discipline", "discipline", discipline_words);
	print_words("jitter", "distribution", jitter_words);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files), cmocka_unit_test(bad_files), cmocka_unit_test(no_file),
		cmocka_unit_test(everything), cmocka_unit_test(peers), cmocka_unit_test(lans),
		cmocka_unit_test(starts),
		cmocka_unit_test(events), cmocka_unit_test(link_events), cmocka_unit_test(mixes), cmocka_unit_test(stops), cmocka_unit_test(sets),
		cmocka_unit_test(bad_sets), cmocka_unit_test(traces), cmocka_unit_test(series), cmocka_unit_test(bad_series), cmocka_unit_test(courses), cmocka_unit_test(bad_courses), cmocka_unit_test(damaged_files),
	};

	if (argc > 1 && strcmp(argv[1], "--fields") == 0) {
		return print_fields();
	}
	if (access("tests/data/good", F_OK) && chdir(fs_program_dir()) == 0 && chdir("../../..")) {
		perror("chdir");
		return 1;
	}
	return cmocka_run_group_tests_name("experiment", tests, NULL, NULL);
}
