// SPDX-License-Identifier: GPL-2.0-or-later
/* Bencoded values: what is read, what is refused, and that what is written reads the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "images/abt/core/bencode.h"

static size_t parse(const char *text, struct ben *out)
{
	return ben_parse((const uint8_t *)text, strlen(text), out);
}

static void test_good(void **state)
{
	static const struct {
		const char *text;
		size_t used;
		enum ben_type type;
		int64_t num;
		const char *str;
	} cases[] = {
		{ "i0e", 3, BEN_INT, 0, NULL },
		{ "i-42e", 5, BEN_INT, -42, NULL },
		{ "i9223372036854775807e", 21, BEN_INT, INT64_MAX, NULL },
		{ "0:", 2, BEN_STR, 0, "" },
		{ "4:spam", 6, BEN_STR, 0, "spam" },
		{ "4:spamX", 6, BEN_STR, 0, "spam" },
		{ "10:0123456789", 13, BEN_STR, 0, "0123456789" },
		{ "le", 2, BEN_LIST, 0, NULL },
		{ "de", 2, BEN_DICT, 0, NULL },
		{ "l4:spami7eli1eedee", 18, BEN_LIST, 0, NULL },
	};
	struct ben out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text, &out), cases[i].used);
		assert_int_equal(out.type, cases[i].type);
		assert_int_equal(out.num, cases[i].num);
		assert_true(!cases[i].str || ben_is(&out, cases[i].str));
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"", "i", "ie", "i-e", "i-0e", "i01e", "i1", "i 1e", "i+1e", "x",
		"i9223372036854775808e", "i99999999999999999999e",
		"5:spam", "04:spam", "4", "4spam", "-1:a",
		"99999999999999999999:a", "18446744073709551617:a",
		"l", "li1e", "d", "d1:a", "d1:ae", "di1ei2ee", "d1:ai1e",
	};
	struct ben out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i], &out) != 0) {
			fail_msg("\"%s\" was taken", cases[i]);
		}
	}
}

/* Every proper beginning of a value is refused; read in a heap block, so that a
 * sanitizer sees a byte too many. */
static void test_truncated(void **state)
{
	static const char whole[] = "d3:fool4:spami-7ee3:keyd1:xi1eee";
	size_t len = sizeof(whole) - 1;
	struct ben out;

	(void)state;
	assert_int_equal(parse(whole, &out), len);
	for (size_t n = 1; n < len; n++) {
		uint8_t *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, whole, n);
		assert_int_equal(ben_parse(copy, n, &out), 0);
		free(copy);
	}
}

static size_t parse_nested(unsigned depth)
{
	char text[2 * (BEN_DEPTH_MAX + 1) + 1] = "";
	struct ben out;

	memset(text, 'l', depth);
	memset(text + depth, 'e', depth);
	return parse(text, &out);
}

static void test_depth_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_nested(BEN_DEPTH_MAX), 2 * BEN_DEPTH_MAX);
	assert_int_equal(parse_nested(BEN_DEPTH_MAX + 1), 0);
}

static void test_lookup(void **state)
{
	struct ben dict, out;

	(void)state;
	/* Not sorted; a value that looks like a key; a key twice. */
	assert_int_not_equal(parse("d1:z1:a1:ai5e1:ai6ee", &dict), 0);
	assert_true(ben_get(&dict, "a", BEN_INT, &out));
	assert_int_equal(out.num, 5);
	assert_false(ben_get(&dict, "a", BEN_STR, &out));
	assert_false(ben_get(&dict, "b", BEN_INT, &out));
	assert_true(ben_get(&dict, "z", BEN_STR, &out));
	assert_true(ben_is(&out, "a"));
	assert_false(ben_is(&out, "ab"));
}

static void test_written_reads_the_same(void **state)
{
	static const char want[] = "d1:ai-3e1:bl0:2:xyee";
	uint8_t buf[64];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(want); cap++) {
		struct ben_out out = { .buf = buf, .cap = cap };

		ben_open_dict(&out);
		ben_put_key(&out, "a");
		ben_put_int(&out, -3);
		ben_put_key(&out, "b");
		ben_open_list(&out);
		ben_put_str(&out, "", 0);
		ben_put_str(&out, "xyz", 2);
		ben_close(&out);
		ben_close(&out);
		assert_int_equal(out.full, cap < sizeof(want) - 1);
		assert_true(out.len <= cap);
		if (!out.full) {
			assert_int_equal(out.len, sizeof(want) - 1);
			assert_memory_equal(buf, want, out.len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_written_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
