// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct err *err, enum err_kind kind, const char *fmt,
		 va_list ap, const char *tail)
{
	int n;

	if (!err) {
		return;
	}
	err->kind = kind;
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	if (tail && n >= 0 && (size_t)n < sizeof(err->msg)) {
		snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", tail);
	}
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, kind, fmt, ap, NULL);
	va_end(ap);
	return -1;
}

int err_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	fill(err, kind, fmt, ap, strerror(saved));
	va_end(ap);
	errno = saved;
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char prefix[512], rest[sizeof(err->msg)];
	va_list ap;

	if (!err) {
		return -1;
	}
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	memcpy(rest, err->msg, sizeof(rest));
	if (snprintf(err->msg, sizeof(err->msg), "%s: ", prefix) > 0) {
		size_t used = strlen(err->msg);

		/* A message too long for both loses its end, never its start. */
		strncat(err->msg, rest, sizeof(err->msg) - used - 1);
	}
	return -1;
}
