// SPDX-License-Identifier: GPL-2.0-or-later
#include "test_result_sample.h"

/* What is printed; the caller frees it. */
static char *printed(struct sample *s, bool colour, unsigned width)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	verdict_judge(&s->res);
	result_print(&s->res, out, colour, width);
	fclose(out);
	assert_int_equal(strlen(text), len); /* no NUL in it */
	return text;
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		fail_msg("\"%s\" not in:\n%s", part, text);
	}
}

static size_t longest_line(const char *text)
{
	size_t longest = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		longest = len > longest ? len : longest;
		text += len + (text[len] == '\n');
	}
	return longest;
}

static void test_good(void **state)
{
	struct sample *s = sample_create(10);
	CLEAN_FREE char *text = printed(s, false, 80);

	(void)state;
	expect(text, "sample  seed 7");
	expect(text, "TRUSTED\n");
	expect(text, "2m30s virtual in 5m00s wall (TDF 2)  ended by: all leechers complete");
	/* Medians of 103..112 s. */
	expect(text, "  leechers    10       10   1m48s   1m52s   1m52s  1.25M   674k  0.14%\n");
	expect(text, "  tracker      1        -       -       -       -      -   640k  0.14%\n");
	expect(text, "2 of 2 figures in tolerance; worst: dsl up rate, 995kbit/s for");
	expect(text, "2 CPUs idle 60 % (least 20 %), emulator busy 10 %, 4.0 GiB free\n");
	assert_null(strchr(text, '\033'));
	assert_true(longest_line(text) <= 80);
	sample_destroy(s);
}

static void test_bad(void **state)
{
	struct sample *s = sample_create(10);
	CLEAN_FREE char *text = NULL;

	(void)state;
	for (int i = 4; i < 11; i++) {
		s->res.peers[i].as_expected = false;
		s->res.peers[i].complete_ns = -1;
		snprintf(s->res.peers[i].why, sizeof(s->res.peers[i].why),
			 "ended by signal 11 before it was complete, 17 of 64 pieces");
	}
	s->res.peers[3].verified = 0;
	s->res.interrupted = true;
	s->res.dir = "results/sample-7-20250101t000000";
	text = printed(s, false, 80);
	expect(text, "INVALID\n");
	expect(text, "interrupted\n");
	expect(text, "x payload not byte-exact at 1 peers: leechers-0");
	expect(text, "! 7 of 13 peers did not end as expected");
	expect(text, "leechers-1: ended by signal 11");
	expect(text, "leechers-5: ");
	assert_null(strstr(text, "leechers-6: "));
	expect(text, "and 2 more\n");
	expect(text, "results/sample-7-20250101t000000/\n");
	assert_true(longest_line(text) <= 80);
	sample_destroy(s);
}

static void test_long_names_and_figures(void **state)
{
	struct sample *s = sample_create(10);
	CLEAN_FREE char *text = NULL;

	(void)state;
	s->groups[2].name = (char *)"leechers-behind-a-very-slow-line-in-the-country";
	for (int i = 3; i < 13; i++) {
		s->res.peers[i].complete_ns = s->res.peers[i].started_ns + 123456 * NS_PER_S;
		s->res.peers[i].link.dir[WIRE_UP].bytes = UINT64_C(999600) * 150 / 8;
	}
	s->res.virt_ns = 9000000 * NS_PER_S;
	s->res.wall_ns = 18000000 * NS_PER_S;
	text = printed(s, false, 80);
	expect(text, "34h17m");
	expect(text, "104d04h");
	assert_true(longest_line(text) <= 80);
	sample_destroy(s);
}

static void test_colour(void **state)
{
	struct sample *s = sample_create(2);
	CLEAN_FREE char *text = printed(s, true, 100);

	(void)state;
	expect(text, "\033[1;32mTRUSTED\033[0m\n");
	sample_destroy(s);
}

static void test_lans(void **state)
{
	struct sample *s = sample_create(4);
	CLEAN_FREE char *text = NULL;

	(void)state;
	sample_add_lans(s);
	text = printed(s, false, 80);
	expect(text, "  LANs       office: 1 WAN line, 7.00MB down, 1.00MB up, 1.7% dropped\n");
	expect(text, "             home: 2 WAN lines, 14.0MB down, 2.00MB up, 1.7% dropped, 33 packets\n");
	sample_destroy(s);
}

/* A run that failed before anything started still prints. */
static void test_bare(void **state)
{
	struct sample *s = sample_create(1);
	CLEAN_FREE char *text = NULL;

	(void)state;
	for (size_t i = 0; i < s->res.peer_count; i++) {
		s->res.peers[i] = (struct peer_result){ .name = s->names[i], .started_ns = -1,
			.complete_ns = -1, .ended_ns = -1, .as_expected = true };
	}
	s->res.wall_ns = s->res.virt_ns = 0;
	s->res.phase_count = 0;
	s->res.calibration_count = 0;
	s->res.host.valid = false;
	s->res.stopped_by = NULL;
	snprintf(s->res.failure, sizeof(s->res.failure), "lento-wire was killed by signal 9");
	text = printed(s, false, 40);
	expect(text, "x lento-wire was killed by signal 9\n");
	sample_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long_names_and_figures),
		cmocka_unit_test(test_lans),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_bare),
	};

	return cmocka_run_group_tests_name("result_print", tests, NULL, NULL);
}
