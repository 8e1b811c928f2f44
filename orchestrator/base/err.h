/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * err - an error that travels.
 *
 * A fallible function returns 0, or -1 after filling a struct err with a
 * message that names the object concerned (container, link, file:line).  The
 * caller may put a prefix in front with err_wrap(); it never replaces the text.
 * Only main() prints, and turns the kind into the exit status.
 */
#ifndef LENTO_ERR_H
#define LENTO_ERR_H

/* The kinds are the exit statuses of lento (77, "test skipped", is not one). */
enum err_kind {
	ERR_NONE = 0,
	ERR_FAILED = 1,   /* something went wrong on the way */
	ERR_USAGE = 2,    /* bad command line or bad experiment file */
	ERR_HOST = 3,     /* this host cannot run it; "lento check" says why */
	ERR_PEER = 4,     /* a peer did not end as expected */
	ERR_FIDELITY = 5, /* ran, but degraded or invalid */
};

struct err {
	enum err_kind kind;
	char msg[2048];
};

/* Fill @err (NULL is fine) and return -1.  A second call overwrites. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, with ": <text of errno>" appended.  Keeps errno. */
int err_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "<text>: " in front of the message that @err holds; returns -1. */
int err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
