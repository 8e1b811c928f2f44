// SPDX-License-Identifier: GPL-2.0-or-later
/* A seed's choker: its slots go round, whom it keeps, and what happens between rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/choke.h"

#define PEERS 16
#define ALL   ((1u << PEERS) - 1)

struct seed {
	struct choke_peer peers[PEERS];
	struct choke_peer *list[PEERS];
	struct choker choker;
};

/* A seed with 4 slots and peers in a row, all interested, all that was sent arrived. */
static void make(struct seed *seed)
{
	memset(seed, 0, sizeof(*seed));
	for (size_t i = 0; i < PEERS; i++) {
		seed->peers[i] = (struct choke_peer){ .interested = true, .choked = true,
						      .flushed = true };
		seed->list[i] = &seed->peers[i];
	}
	seed->choker = (struct choker){ .list = seed->list, .count = PEERS, .max_uploads = 4,
					.min_uploads = 2 };
}

static unsigned unchoked(const struct seed *seed)
{
	unsigned bits = 0;

	for (size_t i = 0; i < PEERS; i++) {
		bits |= (unsigned)!seed->peers[i].choked << i;
	}
	return bits;
}

static unsigned next_round(struct seed *seed)
{
	choker_apply(&seed->choker, true, true);
	return unchoked(seed);
}

static unsigned between(struct seed *seed)
{
	choker_apply(&seed->choker, true, false);
	return unchoked(seed);
}

/* All slots are taken at once; of 4, two change hands in 30 s, in the rounds 1 and 2 of three. */
static void test_slots_go_round(void **state)
{
	struct seed seed;
	unsigned had = 0;

	(void)state;
	make(&seed);
	assert_int_equal(next_round(&seed), 0x0f); /* the first of the list */
	for (unsigned round = 2; round <= 40; round++) {
		unsigned before = unchoked(&seed);
		unsigned now = next_round(&seed);
		unsigned due = round % 3 != 0;

		assert_int_equal(__builtin_popcount(now), 4);
		assert_int_equal(__builtin_popcount(now & ~before), due);
		had |= now;
	}
	assert_int_equal(had, ALL);
}

/* A third of the slots, rounded up, and spread over the rounds. */
static void test_a_third_in_30_s(void **state)
{
	static const struct {
		unsigned slots;
		unsigned changes[3]; /* in the rounds 0, 1, 2 of three */
	} cases[] = {
		{ 1, { 0, 0, 1 } }, { 4, { 0, 1, 1 } }, { 7, { 1, 1, 1 } }, { 6, { 0, 1, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seed seed;

		make(&seed);
		seed.choker.max_uploads = cases[i].slots;
		next_round(&seed);
		for (unsigned round = 2; round <= 30; round++) {
			unsigned before = unchoked(&seed);

			assert_int_equal(__builtin_popcount(next_round(&seed) & ~before),
					 cases[i].changes[round % 3]);
		}
	}
}

/* In round 10, when one slot is to be given away, the first four have theirs for long and
 * stand at the end of the list, each taking less than the one before. */
static void make_late(struct seed *seed)
{
	make(seed);
	for (unsigned i = 0; i < 4; i++) {
		seed->peers[i].choked = false;
		seed->peers[i].unchoked_round = 5;
		seed->peers[i].sent_bytes_s = 100 - i;
	}
	seed->choker.round = 9;
	choke_turn(&seed->choker, 4);
}

/* Who takes least goes, unless it is recent or being served; the next in the list comes. */
static void test_whom_it_keeps(void **state)
{
	struct seed seed;

	(void)state;
	make_late(&seed);
	assert_int_equal(next_round(&seed), 0x17);
	assert_int_equal(seed.peers[4].unchoked_round, 10);
	assert_int_equal(seed.peers[0].unchoked_round, 5);

	make_late(&seed);
	seed.peers[3].unchoked_round = 8;
	assert_int_equal(next_round(&seed), 0x1b);

	make_late(&seed);
	seed.peers[3].unchoked_round = 7; /* three rounds ago: not recent */
	assert_int_equal(next_round(&seed), 0x17);

	make_late(&seed);
	seed.peers[3].waiting = true; /* for the rate limit */
	assert_int_equal(next_round(&seed), 0x1b);

	make_late(&seed);
	seed.peers[3].waiting = true; /* for its own line: no reason to keep it */
	seed.peers[3].flushed = false;
	assert_int_equal(next_round(&seed), 0x17);
}

/* Those of no interest lose their slots, those whose line is full get none. */
static void test_who_gets_none(void **state)
{
	struct seed seed;

	(void)state;
	make(&seed);
	seed.peers[0].interested = false;
	seed.peers[1].flushed = false;
	assert_int_equal(next_round(&seed), 0x3c);
	seed.peers[2].interested = false;
	assert_int_equal(between(&seed), 0x38 | 1u << 6);
	/* That slot counts: in the next round none is due any more. */
	assert_int_equal(next_round(&seed), 0x38 | 1u << 6);
	assert_int_equal(next_round(&seed), 0x38 | 1u << 6);
	assert_int_equal(__builtin_popcount(next_round(&seed) & ~(0x38u | 1u << 6)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_go_round),
		cmocka_unit_test(test_a_third_in_30_s),
		cmocka_unit_test(test_whom_it_keeps),
		cmocka_unit_test(test_who_gets_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
