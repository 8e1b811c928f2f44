// SPDX-License-Identifier: LGPL-2.1-or-later
#include "proc.h"

#include <fcntl.h>
#include <stddef.h>

#include "sys.h"

static char *append(char *to, const char *text)
{
	while (*text) {
		*to++ = *text++;
	}
	return to;
}

static char *append_number(char *to, unsigned n)
{
	char digits[12];
	unsigned len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len) {
		*to++ = digits[--len];
	}
	return to;
}

/* Behind "key:" and blanks, if @line begins with that; else NULL. */
static const char *value_of(const char *line, const char *key)
{
	while (*key && *line == *key) {
		line++;
		key++;
	}
	if (*key || *line != ':') {
		return NULL;
	}
	for (line++; *line == ' ' || *line == '\t'; line++) {
	}
	return line;
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9') {
		return (unsigned)(c - '0');
	}
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;
}

bool proc_number(const char *head, unsigned number, const char *tail, const char *key,
		 unsigned base, uint64_t *value)
{
	char text[2048], path[80], *end;
	long fd, n;

	end = append(path, head);
	end = append_number(end, number);
	end = append(end, tail);
	*end = '\0';
	fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0) {
		return false;
	}
	n = sys3(SYS_read, fd, text, sizeof(text) - 1);
	sys1(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	for (const char *line = text; *line;) {
		const char *p = value_of(line, key);

		if (p) {
			for (*value = 0; digit(*p) < base; p++) {
				*value = *value * base + digit(*p);
			}
			return true;
		}
		while (*line && *line != '\n') {
			line++;
		}
		line += *line == '\n';
	}
	return false;
}
