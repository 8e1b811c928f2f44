// SPDX-License-Identifier: GPL-2.0-or-later
/* A leecher's choker: slots by rate, the best first, the optimistic unchoke and its turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/choke.h"

#define PEERS 8

/* Peers in a row, all choked and interested, peer i giving @rates[i]. */
static void make(struct choke_peer *peers, struct choke_peer **list, const uint64_t *rates)
{
	for (size_t i = 0; i < PEERS; i++) {
		peers[i] = (struct choke_peer){ .rate_bps = rates[i], .interested = true,
						.choked = true };
		list[i] = &peers[i];
	}
}

/* Bit i: peer i is unchoked. */
static unsigned unchoked(const struct choke_peer *peers)
{
	unsigned bits = 0;

	for (size_t i = 0; i < PEERS; i++) {
		bits |= (unsigned)!peers[i].choked << i;
	}
	return bits;
}

static void test_slots(void **state)
{
	static const struct {
		uint32_t rate;
		unsigned slots;
	} cases[] = {
		{ 0, 7 }, { 1, 2 }, { 8, 2 }, { 9, 3 }, { 14, 3 }, { 15, 4 }, { 41, 4 },
		{ 42, 5 }, { 100, 7 }, { 1000, 24 }, { 5000, 54 }, { 5120, 55 }, { 12500, 86 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(choke_slots(cases[i].rate), cases[i].slots);
	}
}

static const uint64_t rates[PEERS] = { 0, 10, 50, 20, 40, 30, 0, 60 };

static void test_best_and_one_optimistic(void **state)
{
	struct choke_peer peers[PEERS], *list[PEERS];

	(void)state;
	make(peers, list, rates);
	choke_leech(list, PEERS, 4, 2);
	/* 7, 2 and 4 give most; 0 is at the head. */
	assert_int_equal(unchoked(peers), 1u << 7 | 1u << 2 | 1u << 4 | 1u << 0);
	assert_true(peers[7].preferred);
	assert_false(peers[0].preferred);
}

static void test_snubbed_and_not_interested(void **state)
{
	struct choke_peer peers[PEERS], *list[PEERS];

	(void)state;
	make(peers, list, rates);
	peers[7].snubbed = true;     /* loses its slot to 5 */
	peers[0].interested = false; /* unchoked in passing: 1 gets the optimistic slot */
	peers[6].interested = false; /* behind it: choked */
	choke_leech(list, PEERS, 4, 2);
	assert_int_equal(unchoked(peers),
			 1u << 2 | 1u << 4 | 1u << 5 | 1u << 0 | 1u << 1);
}

/* While nobody gives anything worth a slot, min_uploads are unchoked all the same. */
static void test_min_uploads(void **state)
{
	struct choke_peer peers[PEERS], *list[PEERS];

	(void)state;
	make(peers, list, rates);
	for (size_t i = 0; i < PEERS; i++) {
		peers[i].snubbed = true;
	}
	choke_leech(list, PEERS, 4, 2);
	assert_int_equal(unchoked(peers), 1u << 0 | 1u << 1);
	peers[5].snubbed = false;
	choke_leech(list, PEERS, 4, 3);
	assert_int_equal(unchoked(peers), 1u << 5 | 1u << 0 | 1u << 1);
	choke_leech(list, PEERS, 1, 1);
	assert_int_equal(unchoked(peers), 1u << 0);
	choke_leech(list, 0, 4, 2);
}

/* Turned each time, the optimistic slot goes round all that are choked. */
static void test_rotation(void **state)
{
	static const unsigned turn[] = { 0, 1, 3, 5, 6, 0, 1 };
	struct choke_peer peers[PEERS], *list[PEERS];

	(void)state;
	make(peers, list, rates);
	for (size_t i = 0; i < sizeof(turn) / sizeof(turn[0]); i++) {
		choke_rotate(list, PEERS);
		choke_leech(list, PEERS, 4, 2);
		assert_int_equal(unchoked(peers),
				 1u << 7 | 1u << 2 | 1u << 4 | 1u << turn[i]);
	}
	memset(peers, 0, sizeof(peers));
	choke_rotate(list, PEERS); /* nobody waits: as it was */
	assert_ptr_equal(list[0], &peers[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_best_and_one_optimistic),
		cmocka_unit_test(test_snubbed_and_not_interested),
		cmocka_unit_test(test_min_uploads),
		cmocka_unit_test(test_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
