// SPDX-License-Identifier: GPL-2.0-or-later
/* The clock page: factors, exact conversion, continuity and monotony. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "timedil/vtime.h"

#define DAY_NS (INT64_C(86400) * NS_PER_S)

static char page_path[64];

static struct timedil_page *new_page(struct tdf tdf)
{
	struct timedil_page *page;

	snprintf(page_path, sizeof(page_path), "/tmp/test-vtime-%d", (int)getpid());
	page = vpage_create(page_path, tdf);
	assert_non_null(page);
	return page;
}

static void drop_page(struct timedil_page *page)
{
	vpage_close(page);
	unlink(page_path);
}

/* A clock built by hand through a page, so that mult and shift are the writer's. */
static struct vclock clock_at(struct tdf tdf)
{
	struct timedil_page *page = new_page(tdf);
	struct vclock clk;

	vpage_run(page, wall_now());
	vtime_load(page, &clk);
	drop_page(page);
	return clk;
}

static void test_parse(void **state)
{
	static const struct { const char *text; uint32_t num, den; } good[] = {
		{ "1", 1, 1 }, { "10", 10, 1 }, { "0.2", 1, 5 }, { "1/8", 1, 8 }, { "2.50", 5, 2 },
		{ "1000", 1000, 1 }, { "0.001", 1, 1000 }, { "6/4", 3, 2 }, { "007", 7, 1 },
		{ "3.141592", 392699, 125000 }, { "1000000/1000", 1000, 1 },
		{ "3000000/2000000", 3, 2 },
	};
	static const char *const bad[] = {
		"", "0", "-1", "+1", " 1", "1 ", "1x", ".5", "5.", "1/0", "0/1", "1//2", "/2",
		"1000.1", "1001", "0.0009", "nan", "inf", "1e3", "0x10", "1/1001", "1.2/3",
		"1000001/1000003", "99999999999999999999", "1,5", "3.14159265",
	};
	struct tdf tdf;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(tdf_parse(good[i].text, &tdf), 0);
		assert_int_equal(tdf.num, good[i].num);
		assert_int_equal(tdf.den, good[i].den);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tdf_parse(bad[i], &tdf), -1);
	}
}

static void test_format(void **state)
{
	static const struct { struct tdf tdf; const char *text; } rows[] = {
		{ { 10, 1 }, "10" }, { { 1, 5 }, "0.2" }, { { 1, 8 }, "0.125" }, { { 1, 3 }, "1/3" },
		{ { 5, 2 }, "2.5" }, { { 1, 1000 }, "0.001" }, { { 1000, 1 }, "1000" },
		{ { 1001, 1000 }, "1.001" },
	};
	struct rng rng;
	char buf[40];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(tdf_format(rows[i].tdf, buf, sizeof(buf)), rows[i].text);
	}
	assert_string_equal(tdf_format((struct tdf){ 1234, 1 }, buf, 3), "12");
	rng_seed(&rng, 7);
	for (int i = 0; i < 20000; i++) {
		struct tdf tdf, back;
		char text[40];

		snprintf(text, sizeof(text), "%u/%u", (unsigned)rng_below(&rng, 999) + 1,
			 (unsigned)rng_below(&rng, 999) + 1);
		assert_int_equal(tdf_parse(text, &tdf), 0);
		assert_int_equal(tdf_parse(tdf_format(tdf, buf, sizeof(buf)), &back), 0);
		assert_memory_equal(&tdf, &back, sizeof(tdf));
	}
}

static struct tdf random_tdf(struct rng *rng)
{
	struct tdf tdf;
	char text[40];

	do {
		snprintf(text, sizeof(text), "%u/%u", (unsigned)rng_below(rng, 1000000) + 1,
			 (unsigned)rng_below(rng, 1000000) + 1);
	} while (tdf_parse(text, &tdf) != 0);
	return tdf;
}

/* Against exact rational arithmetic: off by less than one nanosecond in a day. */
static void test_error_over_a_day(void **state)
{
	static const struct tdf edges[] = { { 1, 1 }, { 1000, 1 }, { 1, 1000 }, { 10, 1 }, { 1, 5 },
					    { 3, 7 }, { 999999, 1000000 }, { 1000000, 999999 } };
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int i = 0; i < 3000; i++) {
		struct tdf tdf = i < 8 ? edges[i] : random_tdf(&rng);
		struct vclock clk = clock_at(tdf);

		for (int j = 0; j < 20; j++) {
			int64_t dt = j ? (int64_t)rng_below(&rng, DAY_NS) : DAY_NS;
			__int128 exact = (__int128)dt * tdf.den;
			wall_t w = { clk.wall0_ns + dt };
			__int128 got = (__int128)(vtime_to_virt(&clk, w).ns - clk.virt0_ns) * tdf.num;

			assert_true(got - exact < tdf.num && exact - got < tdf.num);
		}
	}
}

/* vtime_to_wall gives the first wall nanosecond at which the instant is reached. */
static void test_inverse(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 2);
	for (int i = 0; i < 3000; i++) {
		struct vclock clk = clock_at(random_tdf(&rng));

		for (int j = 0; j < 20; j++) {
			int64_t d = (int64_t)rng_below(&rng, DAY_NS) - DAY_NS / 4;
			virt_t v = { clk.virt0_ns + d };
			wall_t w = vtime_to_wall(&clk, v);
			int64_t dw = vtime_dur_to_wall(&clk, d);

			assert_true(vtime_to_virt(&clk, w).ns >= v.ns);
			assert_true(vtime_to_virt(&clk, (wall_t){ w.ns - 1 }).ns < v.ns);
			assert_int_equal(w.ns - clk.wall0_ns, dw);
			if (d >= 0) {
				assert_true(vtime_dur_to_virt(&clk, dw) >= d);
			}
		}
	}
}

static void test_extremes(void **state)
{
	struct vclock slow = clock_at((struct tdf){ 1000, 1 });
	struct vclock fast = clock_at((struct tdf){ 1, 1000 });
	struct vclock paused = slow;

	(void)state;
	assert_int_equal(vtime_to_wall(&slow, (virt_t){ INT64_MAX }).ns, INT64_MAX);
	assert_int_equal(vtime_dur_to_wall(&slow, INT64_MAX), INT64_MAX);
	assert_true(vtime_dur_to_wall(&fast, INT64_MAX) < INT64_MAX / 999);
	assert_int_equal(vtime_dur_to_wall(&slow, 0), 0);
	assert_true(vtime_to_wall(&slow, (virt_t){ INT64_MIN }).ns < slow.wall0_ns);
	paused.state = TIMEDIL_PAUSED;
	assert_int_equal(vtime_to_virt(&paused, (wall_t){ INT64_MAX }).ns, paused.virt0_ns);
	assert_int_equal(vtime_to_wall(&paused, (virt_t){ paused.virt0_ns + 1 }).ns, INT64_MAX);
	assert_int_equal(vtime_to_wall(&paused, (virt_t){ paused.virt0_ns }).ns, paused.wall0_ns);
	assert_int_equal(vtime_dur_to_wall(&paused, 1), INT64_MAX);
	assert_int_equal(vtime_dur_to_wall(&paused, 0), 0);
	assert_int_equal(vtime_dur_to_virt(&paused, NS_PER_S), 0);
}

/* At each change the old and the new line meet, to the nanosecond. */
static void test_continuous(void **state)
{
	struct timedil_page *page = new_page((struct tdf){ 1, 1 });
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (int i = 0; i < 20000; i++) {
		struct vclock before, after;
		wall_t joint;

		vtime_load(page, &before);
		switch (rng_below(&rng, 4)) {
		case 0:
			vpage_run(page, wall_now());
			break;
		case 1:
			vpage_pause(page, wall_now());
			break;
		default:
			vpage_set_tdf(page, (wall_t){ wall_now().ns - 1000000 }, random_tdf(&rng));
			break;
		}
		vtime_load(page, &after);
		joint = (wall_t){ after.wall0_ns };
		assert_int_equal(vtime_to_virt(&before, joint).ns, vtime_to_virt(&after, joint).ns);
		assert_int_equal(after.generation, before.generation + 1);
		assert_true(joint.ns <= wall_now().ns);
		assert_int_equal(after.realtime_off_ns, before.realtime_off_ns);
	}
	drop_page(page);
}

struct watch {
	struct timedil_page *page;
	int64_t *latest; /* the greatest instant that anybody has published */
	int *stop;
	uint64_t reads, backward;
};

/* No reader may see an instant before one that any reader saw earlier. */
static void *watch_clock(void *arg)
{
	struct watch *w = arg;

	while (!__atomic_load_n(w->stop, __ATOMIC_RELAXED)) {
		int64_t seen = __atomic_load_n(w->latest, __ATOMIC_SEQ_CST);
		int64_t now = vtime_now(w->page).ns;

		w->reads++;
		w->backward += now < seen;
		while (now > seen && !__atomic_compare_exchange_n(w->latest, &seen, now, 0,
								   __ATOMIC_SEQ_CST,
								   __ATOMIC_SEQ_CST)) {
		}
	}
	return NULL;
}

static void test_monotone(void **state)
{
	static const struct tdf factors[] = { { 1, 1000 }, { 1000, 1 }, { 1, 1 }, { 10, 1 }, { 1, 5 } };
	struct timedil_page *page = new_page((struct tdf){ 1, 1 });
	struct watch watch[3];
	pthread_t thread[3];
	int64_t latest = 0, until;
	uint64_t changes = 0;
	struct rng rng;
	int stop = 0;

	(void)state;
	rng_seed(&rng, 4);
	vpage_run(page, wall_now());
	for (int i = 0; i < 3; i++) {
		watch[i] = (struct watch){ page, &latest, &stop, 0, 0 };
		assert_int_equal(pthread_create(&thread[i], NULL, watch_clock, &watch[i]), 0);
	}
	until = wall_now().ns + 1500 * NS_PER_MS;
	while (wall_now().ns < until) {
		vpage_set_tdf(page, wall_now(), factors[rng_below(&rng, 5)]);
		if (changes++ % 16 == 0) {
			vpage_pause(page, wall_now());
			vpage_run(page, wall_now());
		}
		vpage_mark_origin(page, wall_now());
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		assert_true(watch[i].reads > 1000);
		assert_int_equal(watch[i].backward, 0);
	}
	assert_true(changes > 1000);
	drop_page(page);
}

static void test_page_file(void **state)
{
	struct timedil_page *page = new_page((struct tdf){ 10, 1 });
	const struct timedil_page *reader = vtime_map(page_path);
	struct timedil_page *writer;
	struct vclock clk;
	struct stat st;
	int64_t ahead;
	int fd;

	(void)state;
	assert_non_null(reader);
	assert_int_equal(stat(page_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	vtime_load(reader, &clk);
	assert_int_equal(clk.state, TIMEDIL_PAUSED);
	assert_int_equal(clk.tdf.num, 10);
	ahead = wall_now().ns - vtime_now(reader).ns;
	assert_true(ahead >= 0 && ahead < 60 * NS_PER_S);
	vpage_run(page, wall_now());
	vpage_mark_origin(page, wall_now());
	vtime_load(reader, &clk);
	assert_int_equal(clk.state, TIMEDIL_RUNNING);
	assert_true(clk.origin_virt_ns <= vtime_now(reader).ns);

	/* A writer that died in the middle: the next one starts anew. */
	page->seq++;
	writer = vpage_open(page_path);
	assert_non_null(writer);
	assert_int_equal(writer->seq % 2, 0);
	vpage_close(writer);

	/* A new page at the same path leaves readers of the old one alone. */
	writer = vpage_create(page_path, (struct tdf){ 2, 1 });
	assert_non_null(writer);
	vtime_load(reader, &clk);
	assert_int_equal(clk.tdf.num, 10);
	vpage_close(writer);

	fd = open(page_path, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_null(vtime_map(page_path));
	assert_int_equal(errno, EPROTO);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_null(vpage_open(page_path));
	assert_int_equal(errno, EPROTO);
	close(fd);
	assert_null(vtime_map("/nonexistent/page"));
	assert_int_equal(errno, ENOENT);
	assert_null(vpage_create("/nonexistent/page", (struct tdf){ 1, 1 }));
	assert_int_equal(errno, ENOENT);
	vtime_unmap(NULL);
	vtime_unmap(reader);
	drop_page(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_error_over_a_day),
		cmocka_unit_test(test_inverse),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_continuous),
		cmocka_unit_test(test_monotone),
		cmocka_unit_test(test_page_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
