// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbers with units are held exactly: digits as an integer, and how many of
 * them stand behind the point.  So "1.5s" is 1500000000 ns, and "0.1B" is refused
 * rather than rounded.  128 bits hold any such number times any unit.
 */
#include "base/units.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clean.h"

__extension__ typedef unsigned __int128 wide;

#define MAX_BEHIND 19 /* 10^19 is below 2^64 */

struct decimal {
	uint64_t digits;
	unsigned behind; /* of these, behind the point; the last is not 0 */
};

struct unit {
	const char *name;
	uint64_t size;
};

/* A table ends with its smallest unit, of size 1. */
#define KI UINT64_C(1024)

static const struct unit rate_units[] = {
	{"Gbit/s", 1000000000}, {"Mbit/s", 1000000}, {"kbit/s", 1000}, {"bit/s", 1},
};

/* Read, but never written: one spelling is enough for what lento prints. */
static const struct unit more_rate_units[] = {
	{"GB/s", UINT64_C(8000000000)}, {"MB/s", 8000000}, {"kB/s", 8000}, {"B/s", 8},
	{"GiB/s", 8 * KI * KI * KI}, {"MiB/s", 8 * KI * KI}, {"KiB/s", 8 * KI},
	{"Gibit/s", KI * KI * KI}, {"Mibit/s", KI * KI}, {"Kibit/s", KI},
};

static const struct unit duration_units[] = {
	{"h", UINT64_C(3600000000000)}, {"min", UINT64_C(60000000000)},
	{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1},
};

static const struct unit size_units[] = {
	{"TiB", KI * KI * KI * KI}, {"TB", UINT64_C(1000000000000)},
	{"GiB", KI * KI * KI}, {"GB", 1000000000},
	{"MiB", KI * KI}, {"MB", 1000000}, {"KiB", KI}, {"kB", 1000}, {"B", 1},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Read "12" or "12.5" from *text and step over it.  Digits only, so that neither
 * the locale nor "nan", "inf", "0x10" and "1e9" come into it.
 */
static int parse_decimal(const char **text, struct decimal *out, const char **why)
{
	const char *p = *text;
	bool point = false;

	*out = (struct decimal){0};
	if (*p == '-') {
		*why = "it cannot be negative";
		return -1;
	}
	if (!is_digit(*p)) {
		*why = NULL;
		return -1;
	}
	for (;; p++) {
		if (*p == '.' && !point && is_digit(p[1])) {
			point = true;
			continue;
		}
		if (!is_digit(*p)) {
			break;
		}
		if (__builtin_mul_overflow(out->digits, 10, &out->digits) ||
		    __builtin_add_overflow(out->digits, (uint64_t)(*p - '0'), &out->digits) ||
		    out->behind == MAX_BEHIND) {
			*why = "it has too many digits";
			return -1;
		}
		out->behind += point;
	}
	while (out->behind > 0 && out->digits % 10 == 0) {
		out->digits /= 10;
		out->behind--;
	}
	*text = p;
	return 0;
}

static uint64_t power10(unsigned exponent)
{
	uint64_t p = 1;

	while (exponent-- > 0) {
		p *= 10;
	}
	return p;
}

static const struct unit *find_unit(const char *name, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, units[i].name) == 0) {
			return &units[i];
		}
	}
	return NULL;
}

/* The texts that differ between the kinds of quantity. */
struct quantity {
	const struct unit *units, *more;
	size_t unit_count, more_count;
	uint64_t max;
	const char *shape, *no_unit, *bad_unit, *fraction;
};

static int parse_quantity(const char *text, const struct quantity *q, uint64_t *value,
			  const char **why)
{
	const struct unit *unit;
	struct decimal number;
	wide product;

	if (parse_decimal(&text, &number, why)) {
		*why = *why ? *why : q->shape;
		return -1;
	}
	if (*text == ' ') {
		text++;
	}
	if (*text == '\0') {
		*why = q->no_unit;
		return -1;
	}
	unit = find_unit(text, q->units, q->unit_count);
	if (!unit && q->more) {
		unit = find_unit(text, q->more, q->more_count);
	}
	if (!unit) {
		*why = q->bad_unit;
		return -1;
	}
	product = (wide)number.digits * unit->size;
	if (product % power10(number.behind) != 0) {
		*why = q->fraction;
		return -1;
	}
	product /= power10(number.behind);
	if (product > q->max) {
		*why = "it is too large";
		return -1;
	}
	*value = (uint64_t)product;
	return 0;
}

int units_parse_rate(const char *text, uint64_t *bps, const char **why)
{
	static const struct quantity rate = {
		.units = rate_units, .unit_count = ARRAY_LEN(rate_units),
		.more = more_rate_units, .more_count = ARRAY_LEN(more_rate_units),
		.max = UINT64_MAX,
		.shape = "a rate is a number with its unit, for example 2Mbit/s",
		.no_unit = "the unit is missing, for example 2Mbit/s, 128kbit/s or 250kB/s",
		.bad_unit = "the units of a rate are bit/s, kbit/s, Mbit/s, Gbit/s, "
			    "B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s",
		.fraction = "it is no whole number of bits per second",
	};

	return parse_quantity(text, &rate, bps, why);
}

int units_parse_duration(const char *text, int64_t *ns, const char **why)
{
	static const struct quantity duration = {
		.units = duration_units, .unit_count = ARRAY_LEN(duration_units),
		.max = INT64_MAX,
		.shape = "a duration is a number with its unit, for example 30ms",
		.no_unit = "the unit is missing, for example 30ms, 1.5s, 10min or 2h",
		.bad_unit = "the units of a duration are ns, us, ms, s, min, h",
		.fraction = "it is no whole number of nanoseconds",
	};
	uint64_t value;

	if (parse_quantity(text, &duration, &value, why)) {
		return -1;
	}
	*ns = (int64_t)value;
	return 0;
}

int units_parse_size(const char *text, uint64_t *bytes, const char **why)
{
	static const struct quantity size = {
		.units = size_units, .unit_count = ARRAY_LEN(size_units),
		.max = UINT64_MAX,
		.shape = "a size is a number with its unit, for example 16MiB",
		.no_unit = "the unit is missing, for example 16MiB, 150MB or 1500B",
		.bad_unit = "the units of a size are B, kB, MB, GB, TB, KiB, MiB, GiB, TiB",
		.fraction = "it is no whole number of bytes",
	};

	return parse_quantity(text, &size, bytes, why);
}

/* 0..255 or 0..32 in decimal, no leading zero (which others read as octal). */
static int parse_small(const char **text, unsigned max, unsigned *out)
{
	const char *p = *text;
	unsigned v = 0;

	if (!is_digit(*p) || (*p == '0' && is_digit(p[1]))) {
		return -1;
	}
	while (is_digit(*p)) {
		v = v * 10 + (unsigned)(*p++ - '0');
		if (v > max) {
			return -1;
		}
	}
	*text = p;
	*out = v;
	return 0;
}

int units_parse_prefix(const char *text, struct prefix *prefix, const char **why)
{
	uint32_t network = 0;
	unsigned part, bits;

	*why = "an IPv4 prefix is an address and a length, for example 10.2.0.0/16";
	for (int i = 0; i < 4; i++) {
		if (i > 0 && *text++ != '.') {
			return -1;
		}
		if (parse_small(&text, 255, &part)) {
			return -1;
		}
		network = network << 8 | part;
	}
	if (*text++ != '/' || parse_small(&text, 32, &bits) || *text != '\0') {
		return -1;
	}
	if (bits < 32 && (network & (UINT32_MAX >> bits)) != 0) {
		*why = "bits are set behind the prefix length; write the network's address";
		return -1;
	}
	*prefix = (struct prefix){.network = network, .bits = bits};
	return 0;
}

int units_parse_share(const char *text, double *share, const char **why)
{
	struct decimal number;
	unsigned behind;

	if (parse_decimal(&text, &number, why)) {
		*why = *why ? *why : "a share is written 3% or 0.03";
		return -1;
	}
	behind = number.behind;
	if (strcmp(text, "%") == 0) {
		behind += 2;
	} else if (*text != '\0') {
		*why = "a share is written 3% or 0.03";
		return -1;
	}
	/* Both operands exact doubles: then the quotient is the nearest one. */
	if (number.digits > (UINT64_C(1) << 53) || behind > MAX_BEHIND) {
		*why = "it has too many digits";
		return -1;
	}
	if (number.digits > power10(behind)) {
		*why = "it lies between 0 and 1, or 0% and 100%";
		return -1;
	}
	*share = (double)number.digits / (double)power10(behind);
	return 0;
}

/*
 * @value in units of @unit, exactly: false where that has no end ("1s" in
 * minutes) or is longer than the parser reads.
 */
static bool format_in(uint64_t value, const struct unit *unit, char *buf, size_t len)
{
	uint64_t whole = value / unit->size;
	wide rest = value % unit->size;
	char fraction[MAX_BEHIND + 1] = "";
	int n = 0;

	while (rest != 0) {
		if (n == MAX_BEHIND) {
			return false;
		}
		rest *= 10;
		fraction[n++] = (char)('0' + (int)(rest / unit->size));
		rest %= unit->size;
	}
	fraction[n] = '\0';
	n = snprintf(buf, len, "%llu%s%s%s", (unsigned long long)whole, *fraction ? "." : "",
		     fraction, unit->name);
	return n > 0 && (size_t)n < len && (!*fraction || strcspn(buf, ".") + strlen(fraction) <= 19);
}

/* The shortest that does not begin with 0; among equals a whole number, then the largest unit. */
static const char *format_shortest(uint64_t value, const struct unit *units, size_t count,
				   char *buf, size_t len)
{
	char best[64] = "", text[64];

	for (size_t i = 0; i < count; i++) {
		size_t a, b;

		if ((!format_in(value, &units[i], text, sizeof(text)) || value < units[i].size) &&
		    units[i].size != 1) {
			continue;
		}
		a = strlen(text);
		b = strlen(best);
		if (b == 0 || a < b || (a == b && strchr(best, '.') && !strchr(text, '.'))) {
			memcpy(best, text, sizeof(best));
		}
	}
	snprintf(buf, len, "%s", best);
	return buf;
}

const char *units_format_rate(uint64_t bps, char *buf, size_t len)
{
	return format_shortest(bps, rate_units, ARRAY_LEN(rate_units), buf, len);
}

const char *units_format_duration(int64_t ns, char *buf, size_t len)
{
	char digits[64];

	if (ns == 0) {
		snprintf(buf, len, "0s");
		return buf;
	}
	if (ns > 0) {
		return format_shortest((uint64_t)ns, duration_units, ARRAY_LEN(duration_units),
				       buf, len);
	}
	format_shortest(-(uint64_t)ns, duration_units, ARRAY_LEN(duration_units), digits,
			sizeof(digits));
	snprintf(buf, len, "-%s", digits);
	return buf;
}

const char *units_format_size(uint64_t bytes, char *buf, size_t len)
{
	return format_shortest(bytes, size_units, ARRAY_LEN(size_units), buf, len);
}

const char *units_format_ip(uint32_t ip, char *buf, size_t len)
{
	snprintf(buf, len, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	return buf;
}
