/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storectl - lento-store's end of the control socket (proto.h).
 */
#ifndef LENTO_STORE_STORECTL_H
#define LENTO_STORE_STORECTL_H

#include "store/server.h"

/* Send STORE_READY; @why NULL: all is well. */
int storectl_ready(int fd, const struct err *why);

struct storectl {
	struct server *server;
	int fd;            /* the socket */
	int ended_fd;      /* readable: the file system was unmounted */
	int signal_fd;     /* readable: asked to end */
	int parent_fd;     /* pidfd of lento, readable: it has ended; -1: none */
};

/*
 * Serve until asked to end, or until whoever could ask is gone: 0.  -1 when the
 * mount went away under us.
 */
int storectl_serve(const struct storectl *ctl, struct err *err);

#endif
