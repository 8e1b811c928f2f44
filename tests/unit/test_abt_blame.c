// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is blamed for bad data: one sender at once, of several who differed; when it is banned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "images/abt/core/blame.h"

#define PIECES 200
#define SLICES 4

static const struct sender good = { 1, 0xc6120001 }, bad = { 2, 0xc6120002 }, other = { 3, 0xc6120003 };

struct bed {
	struct blame *blame;
	int kicked, kicks; /* who was, last; and how often */
	uint32_t banned;
};

static void kick(void *ctx, int conn)
{
	struct bed *bed = ctx;

	bed->kicked = conn;
	bed->kicks++;
}

static void ban(void *ctx, uint32_t ip)
{
	((struct bed *)ctx)->banned = ip;
}

static int set_up(void **state)
{
	static const struct blame_ops ops = { kick, ban };
	static struct bed bed;

	bed = (struct bed){ .blame = blame_create(PIECES, &ops, &bed) };
	*state = &bed;
	return 0;
}

static int tear_down(void **state)
{
	blame_destroy(((struct bed *)*state)->blame);
	return 0;
}

/* All slices of @index come from @from, but slice 2 from @third, which @differs from last time. */
static void send(struct bed *bed, uint32_t index, struct sender from, struct sender third, bool differs)
{
	for (uint32_t i = 0; i < SLICES; i++) {
		blame_slice(bed->blame, index, i, SLICES, i == 2 ? third : from, i == 2 && differs);
	}
}

static void test_one_sender(void **state)
{
	struct bed *bed = *state;

	send(bed, 0, bad, bad, false);
	assert_true(blame_bad(bed->blame, 0));
	assert_int_equal(bed->kicked, bad.conn);
	assert_int_equal(bed->banned, 0);
	assert_false(blame_is_suspect(bed->blame, 0));
}

static void test_the_one_who_differed(void **state)
{
	struct bed *bed = *state;

	send(bed, 0, good, bad, false);
	assert_false(blame_bad(bed->blame, 0));
	assert_int_equal(bed->kicks, 0);
	assert_true(blame_is_suspect(bed->blame, 0));
	send(bed, 0, good, other, true);
	blame_good(bed->blame, 0);
	assert_int_equal(bed->kicks, 1);
	assert_int_equal(bed->kicked, bad.conn);
	assert_false(blame_is_suspect(bed->blame, 0));
}

/* What is the same as last time was not the fault. */
static void test_who_sent_the_same_is_spared(void **state)
{
	struct bed *bed = *state;

	send(bed, 0, bad, good, false);
	assert_false(blame_bad(bed->blame, 0));
	for (uint32_t i = 0; i < SLICES; i++) {
		blame_slice(bed->blame, 0, i, SLICES, good, i == 3);
	}
	blame_good(bed->blame, 0);
	assert_int_equal(bed->kicks, 1);
	assert_int_equal(bed->kicked, bad.conn);
}

static void test_third_bad_piece_bans(void **state)
{
	struct bed *bed = *state;

	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(bed->banned, 0);
		send(bed, i, bad, bad, false);
		blame_bad(bed->blame, i);
	}
	assert_int_equal(bed->banned, bad.ip);
	assert_int_equal(bed->kicks, 3);
}

static void test_same_piece_counts_once(void **state)
{
	struct bed *bed = *state;

	for (uint32_t i = 0; i < 5; i++) {
		send(bed, 7, bad, bad, false);
		blame_bad(bed->blame, 7);
	}
	assert_int_equal(bed->kicks, 5);
	assert_int_equal(bed->banned, 0);
}

/* Three bad ones of 90 good are one for 30: not banned; the fourth bans. */
static void test_good_pieces_weigh(void **state)
{
	struct bed *bed = *state;

	for (uint32_t i = 0; i < 90; i++) {
		send(bed, i, bad, bad, false);
		blame_good(bed->blame, i);
	}
	for (uint32_t i = 90; i < 94; i++) {
		assert_int_equal(bed->banned, 0);
		send(bed, i, bad, bad, false);
		blame_bad(bed->blame, i);
	}
	assert_int_equal(bed->banned, bad.ip);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_one_sender), TEST(test_the_one_who_differed),
		TEST(test_who_sent_the_same_is_spared), TEST(test_third_bad_piece_bans),
		TEST(test_same_piece_counts_once), TEST(test_good_pieces_weigh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
