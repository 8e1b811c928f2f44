// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/rt.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clean.h"
#include "rt/rt_ops.h"

void rt_destroy(struct rt *rt)
{
	if (rt) {
		rt->ops->destroy(rt);
	}
}

uid_t rt_peer_uid(const struct rt *rt)
{
	return rt->ops->peer_uid(rt);
}

int rt_boot_begin(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **peer, struct err *err)
{
	if (rt_check_name("peer", spec->name, err)) {
		return -1;
	}
	return rt->ops->boot_begin(rt, spec, peer, err);
}

unsigned rt_boot_slots(const struct rt *rt)
{
	return rt->ops->boot_slots();
}

int rt_boot_fd(const struct rt *rt)
{
	return rt->ops->boot_fd(rt);
}

int rt_boot_next(struct rt *rt, struct rt_peer **peer, struct err *err)
{
	*peer = NULL;
	return rt->ops->boot_next(rt, peer, err);
}

int rt_boot(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **peer, struct err *err)
{
	struct rt_peer *begun, *ended;
	int rc;

	if (rt_boot_begin(rt, spec, &begun, err)) {
		return -1;
	}
	while ((rc = rt_boot_next(rt, &ended, err)) == 0) {
		struct pollfd pfd = { rt_boot_fd(rt), POLLIN, 0 };

		poll(&pfd, 1, -1);
	}
	if (rc < 0) {
		if (!ended) {
			rt_kill_all(rt);
		}
		rt_peer_destroy(begun);
		return -1;
	}
	*peer = begun;
	return 0;
}

void rt_kill_all(struct rt *rt)
{
	rt->ops->kill_all(rt);
}

const struct rt_boot_times *rt_peer_boot_times(const struct rt_peer *peer)
{
	return &peer->times;
}

int rt_peer_take_tun(struct rt_peer *peer)
{
	return take_fd(&peer->tun);
}

void rt_peer_destroy(struct rt_peer *peer)
{
	if (peer) {
		peer->rt->ops->peer_destroy(peer);
	}
}

pid_t rt_peer_pid(const struct rt_peer *peer)
{
	return peer->init_pid;
}

void rt_peer_paths(const struct rt_peer *peer, struct rt_paths *paths)
{
	peer->rt->ops->peer_paths(peer, paths);
}

int rt_peer_usage(const struct rt_peer *peer, struct rt_usage *usage, struct err *err)
{
	memset(usage, 0, sizeof(*usage));
	return peer->rt->ops->peer_usage(peer, usage, err);
}

int rt_peer_freeze(struct rt_peer *peer, bool frozen, struct err *err)
{
	return peer->rt->ops->peer_freeze(peer, frozen, err);
}

int rt_peer_kill(struct rt_peer *peer, struct err *err)
{
	return peer->rt->ops->peer_kill(peer, err);
}

int rt_peer_set_tdf(struct rt_peer *peer, struct tdf tdf, struct err *err)
{
	return peer->rt->ops->peer_set_tdf(peer, tdf, err);
}

void rt_peer_each_pid(const struct rt_peer *peer, void (*act)(pid_t pid, void *arg), void *arg)
{
	peer->rt->ops->peer_each_pid(peer, act, arg);
}

void rt_set_clock(struct rt *rt, const struct vclock *clk)
{
	rt->ops->set_clock(rt, clk);
}

const char *rt_unscaled(const struct rt *rt)
{
	return rt->ops->unscaled(rt);
}

int rt_check_name(const char *what, const char *name, struct err *err)
{
	size_t len = name ? strlen(name) : 0;

	if (len == 0 || len > 63 || name[0] == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
		return err_set(err, ERR_FAILED, "%s \"%s\": a name has 1 to 63 of a-z, 0-9 and -, "
			       "and begins with no -", what, name ? name : "");
	}
	return 0;
}

void rt_init_argv(struct rt_init_argv *room, const struct rt_peer_spec *spec,
		  const struct rt_paths *paths)
{
	char *argv[] = { room->program, room->socket, room->peer, room->token,
			 room->clock, room->log, room->tmp, room->ip, NULL };

	snprintf(room->program, sizeof(room->program), "%s/lento-init", paths->share);
	snprintf(room->socket, sizeof(room->socket), "%s/init.sock", paths->share);
	snprintf(room->clock, sizeof(room->clock), "%s/clock", paths->share);
	snprintf(room->peer, sizeof(room->peer), "%u", spec->index);
	snprintf(room->log, sizeof(room->log), "%s", paths->log);
	snprintf(room->tmp, sizeof(room->tmp), "%s", paths->tmp);
	snprintf(room->ip, sizeof(room->ip), "%u", spec->ip);
	for (size_t i = 0; i < INIT_TOKEN_BYTES; i++) {
		snprintf(room->token + 2 * i, 3, "%02x", spec->token[i]);
	}
	memcpy(room->argv, argv, sizeof(argv));
}
