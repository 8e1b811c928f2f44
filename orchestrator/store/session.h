/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - the mount, its connection to the kernel, and the threads that serve it.
 */
#ifndef LENTO_STORE_SESSION_H
#define LENTO_STORE_SESSION_H

#include "store/server.h"

struct session;

enum session_io {
	SESSION_IO_AUTO,   /* direct where the kernel can map direct files, else cached */
	SESSION_IO_CACHED, /* always through the page cache */
};

/*
 * Mount at @mountpoint, finish the handshake and start @threads workers.
 * @server is borrowed.  The caller's signal mask is what the workers get.
 */
int session_open(struct server *server, const char *mountpoint, enum session_io io,
		 unsigned threads, struct session **session, struct err *err);

/* Readable once a worker has ended, that is when the file system is unmounted. */
int session_ended_fd(const struct session *session);
bool session_is_direct(const struct session *session);

/* Unmounts (lazily) and ends the workers; frees.  NULL is fine. */
void session_close(struct session *session);

#endif
