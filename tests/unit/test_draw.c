// SPDX-License-Identifier: GPL-2.0-or-later
/* Pictures of an experiment: what they must say is in them, and they are well formed. */
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

static const char plain[] =
	"name: pictures\n"
	"links:\n"
	"  fast: {down: unlimited, up: unlimited, delay: 1ms}\n"
	"  dsl: {down: 2Mbit/s, up: 128kbit/s, delay: {down: 10ms, up: 30ms}, loss: {down: 0%, up: 10%}}\n"
	"  cable: {down: 8Mbit/s, up: 1Mbit/s, delay: 5ms}\n"
	"groups:\n"
	"  one: {image: opentracker, link: fast, addresses: 198.18.0.0/24}\n"
	"  many: {image: transmission, role: seed, count: 50, link: {mix: {dsl: 1, cable: 1}},\n"
	"         addresses: 198.18.1.0/24}\n"
	"payload: {size: 1MiB, piece: 256KiB}\n"
	"delays:\n"
	"  - {between: [one, many], delay: 20ms}\n";

/* Five homes in three LANs that are alike, a cottage in one of its own, and a peer outside. */
static const char with_lans[] =
	"name: lans\n"
	"links:\n"
	"  fast: {down: unlimited, up: unlimited, delay: 1ms}\n"
	"  ether: {down: 100Mbit/s, up: 100Mbit/s, delay: 2ms}\n"
	"  dsl: {down: 2Mbit/s, up: 128kbit/s, delay: {down: 10ms, up: 30ms}, loss: {down: 0%, up: 10%}}\n"
	"lans:\n"
	"  home: {count: 3, wan: dsl, addresses: 192.168.1.0/24, nat: {type: restricted, hairpin: true},\n"
	"         public: 203.0.113.0/24}\n"
	"  village: {wan: fast, addresses: 192.0.2.0/24}\n"
	"groups:\n"
	"  one: {image: idle, role: none, link: fast, addresses: 198.18.0.0/24}\n"
	"  homes: {image: idle, role: none, count: 5, link: ether, lan: home}\n"
	"  cottages: {image: idle, role: none, link: ether, lan: village}\n"
	"delays:\n"
	"  - {between: [one, home], delay: 20ms}\n"
	"  - {between: [home, home], delay: 7ms}\n"
	"time: {limit: 1s}\n"
	"stop: {when: limit}\n";

static char *draw_of(const char *experiment, void (*drawing)(const struct experiment *, FILE *))
{
	char path[] = "/tmp/lento-test-draw-XXXXXX", *text = NULL;
	struct experiment *exp = NULL;
	struct err err = {0};
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int fd = mkstemp(path);

	assert_non_null(out);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, experiment, strlen(experiment)), strlen(experiment));
	close(fd);
	if (experiment_load(path, NULL, "images", &exp, &err)) {
		fail_msg("%s", err.msg);
	}
	unlink(path);
	drawing(exp, out);
	assert_int_equal(fclose(out), 0);
	experiment_destroy(exp);
	return text;
}

static char *draw(void (*drawing)(const struct experiment *, FILE *))
{
	return draw_of(plain, drawing);
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)); text += strlen(what)) {
		count++;
	}
	return count;
}

static void assert_has(const char *text, const char *what)
{
	if (!strstr(text, what)) {
		fail_msg("\"%s\" is not in:\n%s", what, text);
	}
}

static void svg_has_a_curve_for_each_direction(void **state)
{
	CLEAN_FREE char *svg = draw(draw_links_svg);

	(void)state;
	/* Two in each panel, and two in the legend. */
	assert_int_equal(count_of(svg, "class=\"curve\""), 6);
	assert_has(svg, "pictures: the lines of 51 peers");
	assert_has(svg, "2 directions without a rate");
	assert_has(svg, ">100 kbit/s<");
	assert_has(svg, ">10 Mbit/s<");
	assert_has(svg, ">30 ms<");
	assert_int_equal(count_of(svg, "nan"), 0);
	assert_int_equal(count_of(svg, "inf"), 0);
}

static void dot_has_groups_links_and_delays(void **state)
{
	CLEAN_FREE char *dot = draw(draw_network_dot);

	(void)state;
	assert_has(dot, "[label=\"one\\n1 peer, opentracker\\n198.18.0.0/24\"]");
	assert_has(dot, "[label=\"fast: unlimited down, unlimited up\\n2ms there and back\"]");
	assert_has(dot, "[label=\"many\\n50 peers, transmission\\n198.18.1.0/24\"]");
	assert_has(dot, "drawn from 2 links");
	assert_has(dot, "\"group one\" -- \"group many\" [style=dashed, label=\"+ 20ms each way\"]");
}

static void gml_has_a_node_for_each_line_of_a_group(void **state)
{
	CLEAN_FREE char *gml = draw(draw_network_gml);

	(void)state;
	assert_int_equal(count_of(gml, "  node ["), 3);
	assert_int_equal(count_of(gml, "  edge ["), 9);
	assert_int_equal(count_of(gml, "host_bandwidth_up \"128000 bit\""), 1);
	assert_has(gml, "    label \"many\"\n    link \"dsl\"\n");
	/* From the line without a rate to the DSL line, and back. */
	assert_has(gml, "    source 0\n    target 1\n    latency \"31000000 ns\"\n    packet_loss 0\n");
	assert_has(gml, "    source 1\n    target 0\n    latency \"51000000 ns\"\n    packet_loss 0.1\n");
	/* Between two DSL lines. */
	assert_has(gml, "    source 1\n    target 1\n    latency \"40000000 ns\"\n    packet_loss 0.1\n");
}

static void svg_has_the_lines_of_lans(void **state)
{
	CLEAN_FREE char *svg = draw_of(with_lans, draw_links_svg);

	(void)state;
	/* Of peers and of LANs two in each panel, and four in the legend. */
	assert_int_equal(count_of(svg, "class=\"curve\""), 12);
	assert_has(svg, "lans: the lines of 7 peers and 4 LANs");
	assert_has(svg, ">WAN up<");
	/* Of the peer outside and of the village. */
	assert_has(svg, "4 directions without a rate");
	assert_has(svg, ">100 kbit/s<");
}

static void dot_has_lans_and_gateways(void **state)
{
	CLEAN_FREE char *dot = draw_of(with_lans, draw_network_dot);

	(void)state;
	assert_has(dot, "subgraph \"cluster home\" {\n\tlabel=\"3 LANs, each 192.168.1.0/24\"");
	assert_has(dot, "\"lan home\" [shape=hexagon, label=\"home\\nrestricted NAT, hairpin\\n203.0.113.0/24\"]");
	assert_has(dot, "\"lan home\" -- internet [label=\"dsl: 2Mbit/s down, 128kbit/s up\\n40ms there and back\"]");
	assert_has(dot, "\"group homes\" [label=\"homes\\n5 peers, idle\"]");
	assert_has(dot, "\"group homes\" -- \"lan home\" [label=\"ether: 100Mbit/s down");
	assert_has(dot, "\"lan village\" [shape=hexagon, label=\"village\"]");
	assert_has(dot, "\"group one\" -- internet [");
	assert_int_equal(count_of(dot, " -- internet ["), 3);
	assert_has(dot, "\"group one\" -- \"lan home\" [style=dashed, label=\"+ 20ms each way\"]");
	assert_has(dot, "\"lan home\" -- \"lan home\" [style=dashed, label=\"+ 7ms each way\"]");
	assert_int_equal(count_of(dot, "{"), count_of(dot, "}"));
}

static void assert_edge(const char *gml, int from, int to, const char *latency, const char *loss)
{
	CLEAN_FREE char *edge = str_format("    source %d\n    target %d\n    latency \"%s ns\"\n"
					   "    packet_loss %s\n", from, to, latency, loss);

	assert_has(gml, edge);
}

/* Node 0 is the peer outside, 1 to 3 are the homes by their LANs, 4 is the cottage. */
static void gml_leads_through_the_gateways(void **state)
{
	CLEAN_FREE char *gml = draw_of(with_lans, draw_network_gml);

	(void)state;
	assert_int_equal(count_of(gml, "  node ["), 5);
	assert_int_equal(count_of(gml, "  edge ["), 25);
	assert_has(gml, "    id 2\n    label \"homes\"\n    link \"ether\"\n    peers 2\n");
	assert_has(gml, "    id 3\n    label \"homes\"\n    link \"ether\"\n    peers 1\n");
	assert_has(gml, "    lan \"home-3\"\n    nat \"restricted\"\n    wan \"dsl\"\n"
			"    wan_bandwidth_down \"2000000 bit\"\n    wan_bandwidth_up \"128000 bit\"\n");
	assert_has(gml, "    lan \"village-1\"\n    nat \"none\"\n    wan \"fast\"\n  ]\n");
	assert_edge(gml, 1, 1, "4000000", "0");          /* at the switch */
	assert_edge(gml, 1, 2, "51000000", "0.1");       /* 2 + 30 + 7 + 10 + 2 */
	assert_edge(gml, 0, 1, "33000000", "0");         /* 1 + 20 + 10 + 2 */
	assert_edge(gml, 1, 0, "53000000", "0.1");       /* 2 + 30 + 20 + 1 */
	assert_edge(gml, 3, 4, "35000000", "0.1");       /* 2 + 30 + 1 + 2 */
	assert_edge(gml, 4, 4, "4000000", "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(svg_has_a_curve_for_each_direction),
		cmocka_unit_test(dot_has_groups_links_and_delays),
		cmocka_unit_test(gml_has_a_node_for_each_line_of_a_group),
		cmocka_unit_test(svg_has_the_lines_of_lans),
		cmocka_unit_test(dot_has_lans_and_gateways),
		cmocka_unit_test(gml_leads_through_the_gateways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
