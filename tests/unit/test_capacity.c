// SPDX-License-Identifier: GPL-2.0-or-later
/* The planning formulas, against the two examples that their paper works out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "plan/capacity.h"

/* Section 6.6: average rate 4.25 MB/s, Gigabit Ethernet, 500 MB/s within a node. */
static void two_nodes(struct capacity_host hosts[2], uint32_t peers)
{
	for (int i = 0; i < 2; i++) {
		hosts[i] = (struct capacity_host){
			.peers = peers, .up = peers * 4.25, .down = peers * 4.25,
			.card_up = 125, .card_down = 125, .within = 500,
		};
	}
}

static void assert_near(double a, double b, double tolerance)
{
	assert_true(fabs(a - b) <= tolerance);
}

static void forty_peers_a_node_fit(void **state)
{
	struct capacity_host h[2];
	size_t where;

	(void)state;
	two_nodes(h, 40);
	/* equation (12) */
	assert_near(capacity_traffic(h, 2, 0, 0), 83.9, 0.05);
	assert_near(capacity_traffic(h, 2, 0, 1), 86.1, 0.05);
	assert_near(capacity_traffic(h, 2, 1, 0), 86.1, 0.05);
	assert_near(capacity_traffic(h, 2, 1, 1), 83.9, 0.05);
	for (int rule = CAPACITY_DOWN; rule <= CAPACITY_WITHIN; rule++) {
		struct capacity_load l = capacity_judge(h, 2, 0, (enum capacity_rule)rule);

		assert_true(l.load <= l.room);
	}
	assert_true(capacity_binding(h, 2, &where).load < 125);
}

static void sixty_peers_a_node_break_the_network_rules(void **state)
{
	struct capacity_host h[2];
	struct capacity_load l;
	size_t where;

	(void)state;
	two_nodes(h, 60);
	/* equation (13) */
	assert_near(capacity_traffic(h, 2, 0, 0), 126.4, 0.05);
	assert_near(capacity_traffic(h, 2, 1, 0), 128.6, 0.05);
	l = capacity_judge(h, 2, 0, CAPACITY_UP);
	assert_true(l.load > l.room);
	l = capacity_judge(h, 2, 1, CAPACITY_DOWN);
	assert_true(l.load > l.room);
	l = capacity_judge(h, 2, 0, CAPACITY_WITHIN);
	assert_true(l.load <= l.room);
	l = capacity_binding(h, 2, &where);
	assert_true(l.rule == CAPACITY_DOWN || l.rule == CAPACITY_UP);
	assert_near(l.load / l.room, 128.571 / 125, 1e-3);
}

static void the_fit_is_that_of_the_figure(void **state)
{
	(void)state;
	/* 1.25, 2.5, 5 and 12.5 MB/s, the four rates of Fig. 3 */
	assert_near(capacity_paper_peers(1.25), 448, 0.5);
	assert_near(capacity_paper_peers(5), 112, 0.5);
	assert_near(capacity_paper_peers(12.5), 44.8, 0.05);
}

static void shares_sum_to_one(void **state)
{
	struct capacity_host h[3] = { { .peers = 5 }, { .peers = 17 }, { .peers = 1 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double sum = 0;

		for (size_t j = 0; j < 3; j++) {
			sum += capacity_share(h, 3, i, j);
		}
		assert_near(sum, 1, 1e-12);
	}
}

/* On one host nothing crosses a card, and (8) is (11). */
static void a_single_host_is_bound_within(void **state)
{
	struct capacity_host h = { .peers = 100, .up = 200, .down = 300,
				   .card_up = INFINITY, .card_down = INFINITY, .within = 300 };
	struct capacity_load l;
	size_t where;

	(void)state;
	l = capacity_binding(&h, 1, &where);
	assert_int_equal(l.rule, CAPACITY_WITHIN);
	assert_near(l.load, 200, 1e-9);
	assert_near(l.load, capacity_judge(&h, 1, 0, CAPACITY_ALL_WITHIN).load, 1e-9);
	assert_near(capacity_judge(&h, 1, 0, CAPACITY_DOWN).load, 0, 0);
}

static void hosts_without_peers_have_no_traffic(void **state)
{
	struct capacity_host h[2] = { { .peers = 1, .up = 5, .down = 5 }, { .peers = 0 } };

	(void)state;
	assert_near(capacity_traffic(h, 2, 0, 0), 0, 0);
	assert_near(capacity_traffic(h, 2, 0, 1), 0, 0);
	assert_near(capacity_traffic(h, 2, 1, 1), 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forty_peers_a_node_fit),
		cmocka_unit_test(sixty_peers_a_node_break_the_network_rules),
		cmocka_unit_test(the_fit_is_that_of_the_figure),
		cmocka_unit_test(shares_sum_to_one),
		cmocka_unit_test(a_single_host_is_bound_within),
		cmocka_unit_test(hosts_without_peers_have_no_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
