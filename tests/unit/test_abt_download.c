// SPDX-License-Identifier: GPL-2.0-or-later
/* What is asked of whom: backlog, interest, endgame, what becomes of what does not come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/download.h"

#define PIECES 8
#define PER_PIECE 4
#define LOG 4096

static const struct metainfo torrent = {
	.length = (uint64_t)PIECES * PER_PIECE * SLICE_BYTES, .piece_bytes = PER_PIECE * SLICE_BYTES,
	.pieces = PIECES,
};

static const uint8_t all = 0xff;

struct asked {
	struct source *source;
	struct slice slice;
};

struct bed {
	struct picker *picker;
	struct download *download;
	struct source source[3];
	struct asked asked[LOG], cancelled[LOG];
	unsigned nasked, ncancelled, got, bad, kicks;
	bool corrupt; /* verify says no */
	instant_t now;
};

static void on_request(void *ctx, struct source *source, const struct slice *slice)
{
	struct bed *bed = ctx;

	assert_in_range(bed->nasked, 0, LOG - 1);
	bed->asked[bed->nasked++] = (struct asked){ source, *slice };
}

static void on_cancel(void *ctx, struct source *source, const struct slice *slice)
{
	struct bed *bed = ctx;

	bed->cancelled[bed->ncancelled++] = (struct asked){ source, *slice };
}

static void on_interest(void *ctx, struct source *source)
{
	(void)ctx;
	(void)source;
}

static uint32_t pick(void *ctx, struct picker *picker, const struct source *source)
{
	(void)ctx;
	return picker_next(picker, source->has);
}

static void store(void *ctx, const struct slice *slice, const uint8_t *data)
{
	(void)ctx;
	(void)slice;
	(void)data;
}

static bool is_stored(void *ctx, const struct slice *slice, const uint8_t *data)
{
	(void)ctx;
	(void)slice;
	(void)data;
	return true;
}

static bool verify(void *ctx, uint32_t index)
{
	(void)index;
	return !((struct bed *)ctx)->corrupt;
}

static void got(void *ctx, uint32_t index, bool good)
{
	struct bed *bed = ctx;

	(void)index;
	good ? bed->got++ : bed->bad++;
}

static void kick(void *ctx, int conn)
{
	(void)conn;
	((struct bed *)ctx)->kicks++;
}

static void ban(void *ctx, uint32_t ip)
{
	(void)ctx;
	(void)ip;
}

static const struct download_ops ops = {
	.request = on_request, .cancel = on_cancel, .interest = on_interest, .pick = pick,
	.store = store, .is_stored = is_stored, .verify = verify, .got = got, .blame = { kick, ban },
};

static int set_up(void **state)
{
	static struct bed bed;

	memset(&bed, 0, sizeof(bed));
	bed.picker = picker_create(PIECES, 0, 1);
	bed.download = download_create(&torrent, SLICE_BYTES, bed.picker, &ops, &bed, 1);
	*state = &bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	for (unsigned i = 0; i < 3; i++) {
		if (bed->source[i].has) {
			download_leave(bed->download, &bed->source[i], bed->now);
		}
	}
	download_destroy(bed->download);
	picker_destroy(bed->picker);
	return 0;
}

static struct source *join(struct bed *bed, unsigned i)
{
	download_join(bed->download, &bed->source[i], (struct sender){ (int)i, 0xc6120001 + i }, bed->now);
	return &bed->source[i];
}

/* One that has @pieces and does not choke. */
static struct source *join_open(struct bed *bed, unsigned i, uint8_t pieces)
{
	struct source *source = join(bed, i);

	download_bitfield(bed->download, source, &pieces);
	download_choke(bed->download, source, false, bed->now);
	return source;
}

/* The first that @source was asked for comes. */
static void answer(struct bed *bed, struct source *source)
{
	static const uint8_t data[SLICE_BYTES];
	struct slice slice = source->asked[0];

	assert_int_not_equal(source->asked_count, 0);
	bed->now.ns += ABT_S_NS / 100;
	download_slice(bed->download, source, &slice, data, bed->now);
}

static void test_interest_before_unchoke(void **state)
{
	struct bed *bed = *state;
	struct source *source = join(bed, 0);
	const uint8_t none = 0;

	download_bitfield(bed->download, source, &none);
	assert_false(source->interested);
	download_have(bed->download, source, 3, bed->now);
	assert_true(source->interested);
	assert_int_equal(bed->nasked, 0);
	download_choke(bed->download, source, false, bed->now);
	assert_int_equal(bed->nasked, 2); /* a new source's backlog */
	assert_int_equal(bed->asked[0].slice.index, 3);
	assert_int_equal(bed->asked[1].slice.begin, SLICE_BYTES);
}

/* 2 + 4 s of the rate; of what exceeds 50 only 7.5 %, but no less than 50. */
static void test_backlog(void **state)
{
	static const struct { uint64_t bytes_s; uint32_t want; } rows[] = {
		{ 0, 2 }, { SLICE_BYTES, 6 }, { UINT64_C(12) * SLICE_BYTES, 50 },
		{ UINT64_C(100) * SLICE_BYTES, 50 }, { UINT64_C(1000) * SLICE_BYTES, 300 },
	};
	struct bed *bed = *state;
	struct source *source = join(bed, 0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		source->rate = (struct rate){
			.period_ns = RATE_PERIOD_NS, .since = { -ABT_S_NS }, .last = bed->now,
			.ubytes_s = rows[i].bytes_s * 1000000,
		};
		assert_int_equal(download_backlog(bed->download, source, bed->now), rows[i].want);
	}
}

static void test_choked_is_asked_elsewhere(void **state)
{
	struct bed *bed = *state;
	struct source *a = join_open(bed, 0, 0x80), *b = join_open(bed, 1, 0x80);

	assert_int_equal(a->asked_count, 2);
	assert_int_equal(b->asked_count, 2);
	answer(bed, b);
	answer(bed, b);
	assert_int_equal(b->asked_count, 0); /* all is asked for */
	download_choke(bed->download, a, true, bed->now);
	assert_int_equal(a->asked_count, 0);
	assert_int_equal(b->asked_count, 2); /* what a was asked for */
	answer(bed, b);
	answer(bed, b);
	assert_int_equal(bed->got, 1);
}

/* One piece is missing, and all of it is asked for: now of everybody, once. */
static void test_endgame(void **state)
{
	struct bed *bed = *state;
	struct source *a, *b;

	for (uint32_t i = 1; i < PIECES; i++) {
		download_has(bed->download, i);
	}
	a = join_open(bed, 0, 0x80);
	assert_false(download_is_endgame(bed->download));
	b = join_open(bed, 1, 0x80);
	assert_true(download_is_endgame(bed->download));
	assert_int_equal(a->asked_count, 2);
	assert_int_equal(b->asked_count, 2);
	while (!download_is_complete(bed->download)) {
		answer(bed, a);
	}
	assert_int_equal(b->asked_count, 0);
	assert_int_not_equal(bed->ncancelled, 0);
	assert_ptr_equal(bed->cancelled[0].source, b);
	assert_int_equal(bed->got, 1);
	/* What comes too late is counted, and no more. */
	download_slice(bed->download, b, &bed->cancelled[0].slice, NULL, bed->now);
	assert_int_equal(download_discarded_bytes(bed->download), SLICE_BYTES);
}

static void test_bad_piece_comes_again(void **state)
{
	struct bed *bed = *state;
	struct source *source;

	for (uint32_t i = 1; i < PIECES; i++) {
		download_has(bed->download, i);
	}
	source = join_open(bed, 0, 0x80);
	bed->corrupt = true;
	while (bed->bad == 0) {
		answer(bed, source);
	}
	assert_int_equal(bed->kicks, 1);
	assert_false(download_is_complete(bed->download));
	bed->corrupt = false;
	while (!download_is_complete(bed->download)) {
		answer(bed, source);
	}
	assert_int_equal(bed->got, 1);
}

static void test_what_nobody_asked_for(void **state)
{
	static const uint8_t data[SLICE_BYTES];
	struct bed *bed = *state;
	struct source *source = join_open(bed, 0, all);
	struct slice asked = source->asked[0], strange = { asked.index, asked.begin, SLICE_BYTES / 2 };

	download_slice(bed->download, source, &strange, data, bed->now);
	assert_int_equal(download_discarded_bytes(bed->download), SLICE_BYTES / 2);
	assert_int_equal(source->asked_count, 2);
	download_slice(bed->download, source, &asked, data, bed->now);
	download_slice(bed->download, source, &asked, data, bed->now); /* twice */
	assert_int_equal(download_discarded_bytes(bed->download), SLICE_BYTES / 2 + SLICE_BYTES);
}

/* A source that leaves takes its requests and its pieces' availability along. */
static void test_leave(void **state)
{
	struct bed *bed = *state;
	struct source *a = join_open(bed, 0, all), *b = join(bed, 1);

	assert_int_equal(picker_availability(bed->picker, 5), 1);
	download_leave(bed->download, a, bed->now);
	a->has = NULL;
	assert_int_equal(picker_availability(bed->picker, 5), 0);
	download_bitfield(bed->download, b, &all);
	download_choke(bed->download, b, false, bed->now);
	while (!download_is_complete(bed->download)) {
		answer(bed, b);
	}
	assert_int_equal(bed->got, PIECES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_interest_before_unchoke), TEST(test_backlog),
		TEST(test_choked_is_asked_elsewhere), TEST(test_endgame),
		TEST(test_bad_piece_comes_again), TEST(test_what_nobody_asked_for), TEST(test_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
