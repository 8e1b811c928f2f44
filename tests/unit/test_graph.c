// SPDX-License-Identifier: GPL-2.0-or-later
/* Graphs of other tools become experiments that load, with the latencies that the graphs say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/draw.h"
#include "topo/graph.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)

static void write_temp(char path[], const char *text, size_t len)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, len), 0);
	close(fd);
}

/* The experiment that comes of the graph in @path, once through text. */
static struct experiment *import(const char *path)
{
	char temp[] = "/tmp/lento-test-graph-XXXXXX";
	struct experiment *exp = NULL;
	struct graph *graph = NULL;
	CLEAN_FREE char *text = NULL;
	struct err err = {0};
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	if (graph_load(path, &graph, &err) || graph_write_experiment(graph, path, 2, out, &err)) {
		fail_msg("%s", err.msg);
	}
	assert_int_equal(fclose(out), 0);
	graph_destroy(graph);
	write_temp(temp, text, len);
	if (experiment_load(temp, NULL, "images", &exp, &err)) {
		fail_msg("%s\n%s", err.msg, text);
	}
	unlink(temp);
	return exp;
}

static const struct link_spec *link_of(const struct experiment *exp, uint32_t group)
{
	return experiment_peer_link(exp, exp->groups[group].first_peer);
}

static void shadows_graphs(void **state)
{
	struct experiment *exp = import("tests/data/graphs/shadow.gml");

	(void)state;
	assert_string_equal(exp->name, "shadow");
	assert_int_equal(exp->group_count, 4);
	assert_string_equal(exp->groups[0].name, "berlin-a");
	assert_string_equal(exp->groups[1].name, "node-berlin-a-2");
	assert_string_equal(exp->groups[2].name, "node-9");
	assert_int_equal(exp->groups[0].count, 2);
	assert_int_equal(exp->groups[2].count, 6);
	assert_int_equal(link_of(exp, 0)->down_bps, 100000000);
	assert_int_equal(link_of(exp, 0)->up_bps, 20000000);
	assert_int_equal(link_of(exp, 1)->up_bps, 1000000000);
	assert_int_equal(link_of(exp, 2)->down_bps, 0);
	/* Within, over an edge, by two edges where that is shorter than the one. */
	assert_int_equal(experiment_site_delay(exp, 0, 0), 1 * MS);
	assert_int_equal(experiment_site_delay(exp, 0, 1), 10 * MS);
	assert_int_equal(experiment_site_delay(exp, 2, 0), 12500 * US);
	assert_int_equal(experiment_site_delay(exp, 2, 2), 3 * MS);
	/* No way leads to the last one. */
	assert_int_equal(exp->event_count, 3);
	for (size_t i = 0; i < exp->event_count; i++) {
		assert_int_equal(exp->events[i].what, EVENT_PARTITION);
		assert_int_equal(exp->events[i].pair.b, 3);
	}
	experiment_destroy(exp);
}

static void shadows_old_graphs(void **state)
{
	struct experiment *exp = import("tests/data/graphs/shadow-1.graphml");

	(void)state;
	assert_int_equal(exp->group_count, 2);
	assert_string_equal(exp->groups[1].name, "node-poi-2");
	assert_int_equal(link_of(exp, 0)->down_bps, 1000 * 8192);
	assert_int_equal(link_of(exp, 0)->up_bps, 500 * 8192);
	/* The mean of both ways. */
	assert_int_equal(experiment_site_delay(exp, 0, 1), 50 * MS);
	experiment_destroy(exp);
}

/* 343.5 km along a great circle. */
static void places_give_latencies(void **state)
{
	struct experiment *exp = import("tests/data/graphs/zoo.gml");

	(void)state;
	assert_string_equal(exp->groups[1].name, "london");
	assert_in_range(experiment_site_delay(exp, 0, 1), 1710 * US, 1725 * US);
	experiment_destroy(exp);
}

/* A picture of an experiment as GML, read back, has what lies between its peers. */
static void what_show_draws_is_read_back(void **state)
{
	char path[] = "/tmp/lento-test-graph-XXXXXX";
	struct experiment *exp = import("tests/data/graphs/shadow.gml"), *again;
	CLEAN_FREE char *gml = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&gml, &len);

	(void)state;
	assert_non_null(out);
	draw_network_gml(exp, out);
	assert_int_equal(fclose(out), 0);
	write_temp(path, gml, len);
	again = import(path);
	unlink(path);
	assert_int_equal(again->group_count, exp->group_count);
	for (uint32_t a = 0; a < exp->group_count; a++) {
		assert_string_equal(again->groups[a].name, exp->groups[a].name);
		assert_int_equal(again->groups[a].count, exp->groups[a].count);
		assert_int_equal(link_of(again, a)->up_bps, link_of(exp, a)->up_bps);
		for (uint32_t b = 0; b < exp->group_count; b++) {
			assert_int_equal(experiment_site_delay(again, a, b), experiment_site_delay(exp, a, b));
		}
	}
	experiment_destroy(again);
	experiment_destroy(exp);
}

/* What is wrong, with its line where there is one. */
static void bad_graphs_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", ": the graph has no nodes"},
		{"graph [\n node [ id 1 ]", ":2: a bracket is missing"},
		{"graph [ ] ]", ":1: a bracket closes nothing"},
		{"graph [\n node [ label \"x\" ] ]", ": node number 1 has no id"},
		{"graph [ node [ id 1 ] node [ id 1 ] ]", ": two nodes have the id \"1\""},
		{"graph [ node [ id 1 ]\n\n edge [ source 1 target 2 latency 1 ] ]",
		 ": edge number 1 is not between two of the nodes"},
		{"graph [ node [ id 1 ]\n edge [ source 1 target 1\n latency \"soon\" ] ]",
		 ":3: latency should be milliseconds"},
		{"graph [ node [ id 1\n peers 1.5 ] ]", ":2: peers should be a number of peers"},
		{"graph [ node [ id 1\n host_bandwidth_up \"2 M\" ] ]", ":2: host_bandwidth_up "},
		{"graph [ node [ id \"1", ":1: id has a text without end"},
		{"graph [ node [ id ] ]", ":1: id has no value"},
		{"graph [ node [ id \"a\nb\" ] ]", ":2: id has a control character"},
		{"<graphml><graph><node id='a&#10;b'/></graph></graphml>", ":1: id has a control character"},
		{"<graphml><graph><node id='a'>\n</graph></graphml>", ":2: mismatched tag"},
		{"<graphml><graph>\n<node id=''/></graph></graphml>", ":2: id is empty"},
		{"<graphml><key id='l' attr.name='latency'/><graph><node id='a'/>\n"
		 "<edge source='a' target='a'><data key='l'>-1</data></edge></graph></graphml>",
		 ":2: latency should be milliseconds"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char path[] = "/tmp/lento-test-graph-XXXXXX";
		struct graph *graph = NULL;
		struct err err = {0};

		write_temp(path, bad[i].text, strlen(bad[i].text));
		assert_int_equal(graph_load(path, &graph, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		if (strncmp(err.msg, path, strlen(path)) != 0 ||
		    strncmp(err.msg + strlen(path), bad[i].message, strlen(bad[i].message)) != 0) {
			fail_msg("\"%s\" instead of \"%s\"", err.msg, bad[i].message);
		}
		unlink(path);
	}
}

static void an_edge_without_length_is_refused(void **state)
{
	static const char text[] = "graph [ node [ id 1 Latitude 2 Longitude 3 ] node [ id 2 ]\n"
				   " edge [ source 1 target 2 ] ]";
	char path[] = "/tmp/lento-test-graph-XXXXXX";
	struct graph *graph = NULL;
	int64_t *latency = NULL;
	struct err err = {0};

	(void)state;
	write_temp(path, text, strlen(text));
	assert_int_equal(graph_load(path, &graph, &err), 0);
	assert_int_equal(graph_latencies(graph, &latency, &err), -1);
	assert_non_null(strstr(err.msg, "from \"1\" to \"2\" says no latency"));
	graph_destroy(graph);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shadows_graphs),
		cmocka_unit_test(shadows_old_graphs),
		cmocka_unit_test(places_give_latencies),
		cmocka_unit_test(what_show_draws_is_read_back),
		cmocka_unit_test(bad_graphs_are_refused),
		cmocka_unit_test(an_edge_without_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
