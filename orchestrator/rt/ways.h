/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ways - directories made reachable for any user.
 *
 * With a user namespace the peer's root is an unprivileged user of the host, so the
 * way to what is bind-mounted must be open to any user; results below a home are
 * not.  So the parents of such directories are bound once below a place that is.
 */
#ifndef LENTO_WAYS_H
#define LENTO_WAYS_H

#include "base/err.h"

#define WAYS_MAX 16

struct ways {
	const char *place;      /* a directory that any user can reach; "way0", ... come below */
	unsigned count;
	struct {
		char *dir;      /* directory on the host */
		char *seen_at;  /* where it is bound */
	} way[WAYS_MAX];
};

/*
 * @path as any user can reach it; the caller frees *seen.  May mount, in the caller's
 * mount namespace: what is mounted goes with that.
 */
int ways_find(struct ways *ways, const char *path, char **seen, struct err *err);

#endif
