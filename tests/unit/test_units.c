// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/rng.h"
#include "base/units.h"

#define MINUTE INT64_C(60000000000)
#define HOUR (60 * MINUTE)

static void rates(void **state)
{
	static const struct { const char *text; uint64_t bps; } good[] = {
		{"2Mbit/s", 2000000}, {"128kbit/s", 128000}, {"1Gbit/s", 1000000000},
		{"250kB/s", 2000000}, {"33.6kbit/s", 33600}, {"1bit/s", 1}, {"0bit/s", 0},
		{"1KiB/s", 8192}, {"1Kibit/s", 1024}, {"0.001kbit/s", 1}, {"0.125B/s", 1},
		{"2 Mbit/s", 2000000}, {"007bit/s", 7}, {"1.50Mbit/s", 1500000},
		{"9999999999999999999bit/s", UINT64_C(9999999999999999999)},
		{"18446744073709551615bit/s", UINT64_MAX},
	};
	const char *why;
	uint64_t bps;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(units_parse_rate(good[i].text, &bps, &why), 0);
		assert_true(bps == good[i].bps);
	}
}

static void refused(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{"2M", "units of a rate"}, {"2", "unit is missing"}, {"", "a rate is"},
		{"fast", "a rate is"}, {"-2Mbit/s", "negative"}, {"2Mbit", "units of a rate"},
		{"2mbit/s", "units of a rate"}, {"2  Mbit/s", "units of a rate"},
		{"2Mbit/s ", "units of a rate"}, {" 2Mbit/s", "a rate is"},
		{"1.5bit/s", "whole number of bits"}, {"0.1bit/s", "whole number"},
		{"18446744074Gbit/s", "too large"}, {"nanMbit/s", "a rate is"},
		{"infMbit/s", "a rate is"}, {"1e3bit/s", "units of a rate"},
		{"0x10bit/s", "units of a rate"}, {"1.bit/s", "units of a rate"},
		{".5Mbit/s", "a rate is"}, {"1.2.3Mbit/s", "units of a rate"},
		{"99999999999999999999999bit/s", "too many digits"},
		{"0.00000000000000000000001Mbit/s", "too many digits"}, {"2ms", "units of a rate"},
	};
	const char *why;
	uint64_t bps;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		why = NULL;
		assert_int_equal(units_parse_rate(bad[i].text, &bps, &why), -1);
		assert_non_null(why);
		assert_non_null(strstr(why, bad[i].why));
	}
}

static void durations(void **state)
{
	static const struct { const char *text; int64_t ns; } good[] = {
		{"30ms", 30000000}, {"1.5s", 1500000000}, {"2h", 2 * HOUR}, {"250us", 250000},
		{"10min", 10 * MINUTE}, {"1ns", 1}, {"0s", 0}, {"0.000000001s", 1},
		{"0.5ms", 500000}, {"2562047h", INT64_C(2562047) * HOUR},
		{"9223372036854775807ns", INT64_MAX},
	};
	static const char *const bad[] = {
		"30", "1.5ns", "-1s", "2562048h", "9223372036854775808ns", "1d", "5m", "1e9ns",
		"s", "0.0000000001s",
	};
	const char *why;
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(units_parse_duration(good[i].text, &ns, &why), 0);
		assert_true(ns == good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(units_parse_duration(bad[i], &ns, &why), -1);
	}
}

static void sizes(void **state)
{
	static const struct { const char *text; uint64_t bytes; } good[] = {
		{"16MiB", 16777216}, {"150MB", 150000000}, {"256KiB", 262144}, {"1500B", 1500},
		{"0.5KiB", 512}, {"1TiB", UINT64_C(1) << 40}, {"16777215TiB", UINT64_C(16777215) << 40},
	};
	static const char *const bad[] = {"16", "16M", "16Mb", "0.3B", "16777216TiB", "-1B", "1 "};
	const char *why;
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(units_parse_size(good[i].text, &bytes, &why), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(units_parse_size(bad[i], &bytes, &why), -1);
	}
}

static void prefixes(void **state)
{
	static const char *const bad[] = {
		"10.2.0.0", "10.2.0.0/33", "10.2.0/16", "10.2.0.1/16", "256.0.0.0/8", "010.0.0.0/8",
		"10.2.0.0/16 ", "10.2.0.0/", "10.2.0.0/-1", "a.b.c.d/8", "", "10..0.0/8", "::1/64",
	};
	struct prefix p;
	const char *why;
	char buf[32];

	(void)state;
	assert_int_equal(units_parse_prefix("10.2.0.0/16", &p, &why), 0);
	assert_true(p.network == 0x0a020000 && p.bits == 16);
	assert_int_equal(units_parse_prefix("0.0.0.0/0", &p, &why), 0);
	assert_true(p.network == 0 && p.bits == 0);
	assert_int_equal(units_parse_prefix("255.255.255.255/32", &p, &why), 0);
	assert_true(p.network == UINT32_MAX && p.bits == 32);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(units_parse_prefix(bad[i], &p, &why), -1);
	}
	assert_string_equal(units_format_ip(0xc6120107, buf, sizeof(buf)), "198.18.1.7");
}

static void shares(void **state)
{
	static const struct { const char *text; double share; } good[] = {
		{"0.03", 0.03}, {"3%", 0.03}, {"0", 0}, {"1", 1}, {"100%", 1}, {"0.05%", 0.0005},
		{"12.5%", 0.125}, {"0.00065", 0.00065}, {"1.0", 1},
	};
	static const char *const bad[] = {
		"1.1", "101%", "-0.1", "nan", "inf", "3 %", "", "%", "0.1.2", "3%%", "1e-3",
		"0.12345678901234567890123",
	};
	const char *why;
	double share;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(units_parse_share(good[i].text, &share, &why), 0);
		assert_true(share == good[i].share);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(units_parse_share(bad[i], &share, &why), -1);
	}
}

static void formats(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(units_format_rate(2000000, buf, sizeof(buf)), "2Mbit/s");
	assert_string_equal(units_format_rate(33600, buf, sizeof(buf)), "33600bit/s");
	assert_string_equal(units_format_rate(7210000, buf, sizeof(buf)), "7210kbit/s");
	assert_string_equal(units_format_rate(0, buf, sizeof(buf)), "0bit/s");
	assert_string_equal(units_format_duration(90 * INT64_C(1000000000), buf, sizeof(buf)), "90s");
	assert_string_equal(units_format_duration(2 * MINUTE, buf, sizeof(buf)), "2min");
	assert_string_equal(units_format_duration(2 * HOUR, buf, sizeof(buf)), "2h");
	assert_string_equal(units_format_duration(1500000000, buf, sizeof(buf)), "1.5s");
	assert_string_equal(units_format_duration(200000000, buf, sizeof(buf)), "200ms");
	assert_string_equal(units_format_duration(0, buf, sizeof(buf)), "0s");
	assert_string_equal(units_format_duration(-30000000, buf, sizeof(buf)), "-30ms");
	assert_string_equal(units_format_size(262144, buf, sizeof(buf)), "256KiB");
	assert_string_equal(units_format_size(1500, buf, sizeof(buf)), "1500B");
	assert_string_equal(units_format_size(150000000, buf, sizeof(buf)), "150MB");
}

/* What is printed is read back as the same number, over the whole range. */
static void round_trip(void **state)
{
	struct rng rng;
	const char *why;
	char buf[64];

	(void)state;
	rng_seed(&rng, 7);
	for (int i = 0; i < 20000; i++) {
		uint64_t v = rng_u64(&rng) >> (i % 64), back;
		int64_t ns;

		/* Round numbers too: they are what takes the larger units. */
		v = i % 3 == 0 ? v : i % 3 == 1 ? v / 1000000 * 1000000 : v & ~UINT64_C(1023);
		assert_int_equal(units_parse_rate(units_format_rate(v, buf, 64), &back, &why), 0);
		assert_true(back == v);
		assert_int_equal(units_parse_size(units_format_size(v, buf, 64), &back, &why), 0);
		assert_true(back == v);
		units_format_duration((int64_t)(v >> 1), buf, 64);
		assert_int_equal(units_parse_duration(buf, &ns, &why), 0);
		assert_true(ns == (int64_t)(v >> 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates), cmocka_unit_test(refused), cmocka_unit_test(durations),
		cmocka_unit_test(sizes), cmocka_unit_test(prefixes), cmocka_unit_test(shares),
		cmocka_unit_test(formats), cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
