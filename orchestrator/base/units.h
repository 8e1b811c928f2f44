/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units - numbers as users write them: always with their unit.
 *
 *	rate      2Mbit/s  128kbit/s  1Gbit/s  250kB/s   -> bits per second
 *	duration  30ms  1.5s  2h  250us  10min           -> nanoseconds
 *	size      16MiB  150MB  256KiB  1500B            -> bytes
 *	prefix    10.2.0.0/16                            -> struct prefix
 *
 * SI prefixes are powers of 1000 (k, M, G), IEC ones of 1024 (Ki, Mi, Gi).  "2M" has no
 * unit and is refused; so is a fraction that is no whole bit, nanosecond or byte.
 * Parsers return 0, or -1 with a static text in *why that says what is allowed.
 */
#ifndef LENTO_UNITS_H
#define LENTO_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* An IPv4 prefix, host byte order. */
struct prefix {
	uint32_t network;
	unsigned bits;
};

int units_parse_rate(const char *text, uint64_t *bps, const char **why);
int units_parse_duration(const char *text, int64_t *ns, const char **why);
int units_parse_size(const char *text, uint64_t *bytes, const char **why);
int units_parse_prefix(const char *text, struct prefix *prefix, const char **why);
/* "0.03" or "3%". */
int units_parse_share(const char *text, double *share, const char **why);

/* The shortest exact form that the parser above reads back ("2Mbit/s", "90s"). */
const char *units_format_rate(uint64_t bps, char *buf, size_t len);
const char *units_format_duration(int64_t ns, char *buf, size_t len);
const char *units_format_size(uint64_t bytes, char *buf, size_t len);
const char *units_format_ip(uint32_t ip, char *buf, size_t len);

#endif
