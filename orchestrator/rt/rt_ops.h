/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rt_ops - what a back end of rt implements; for rt_*.c alone.
 *
 * A back end embeds struct rt and struct rt_peer as first members of its own.
 */
#ifndef LENTO_RT_OPS_H
#define LENTO_RT_OPS_H

#include "rt/rt.h"

struct rt_ops {
	void (*destroy)(struct rt *rt);
	uid_t (*peer_uid)(const struct rt *rt);
	int (*boot_begin)(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **peer,
			  struct err *err);
	int (*boot_next)(struct rt *rt, struct rt_peer **peer, struct err *err);
	int (*boot_fd)(const struct rt *rt);
	unsigned (*boot_slots)(void);
	void (*kill_all)(struct rt *rt);
	void (*peer_destroy)(struct rt_peer *peer);
	void (*peer_paths)(const struct rt_peer *peer, struct rt_paths *paths);
	int (*peer_usage)(const struct rt_peer *peer, struct rt_usage *usage, struct err *err);
	int (*peer_freeze)(struct rt_peer *peer, bool frozen, struct err *err);
	int (*peer_kill)(struct rt_peer *peer, struct err *err);
	int (*peer_set_tdf)(struct rt_peer *peer, struct tdf tdf, struct err *err);
	void (*peer_each_pid)(const struct rt_peer *peer, void (*act)(pid_t pid, void *arg),
			      void *arg);
	void (*set_clock)(struct rt *rt, const struct vclock *clk);
	const char *(*unscaled)(const struct rt *rt);
};

struct rt {
	const struct rt_ops *ops;
};

struct rt_peer {
	struct rt *rt;
	pid_t init_pid;
	int tun;                   /* -1: none, or taken */
	struct rt_boot_times times;
};

/* Are run id and peer name made of [a-z0-9-] only, and no longer than 63 characters?
 * They become names of directories and cgroups. */
int rt_check_name(const char *what, const char *name, struct err *err);

/* argv of lento-init in @argv; strings live in @room. */
struct rt_init_argv {
	char program[300], socket[300], peer[16], token[2 * INIT_TOKEN_BYTES + 1];
	char clock[300], log[256], tmp[256], ip[16];
	char *argv[9];
};
void rt_init_argv(struct rt_init_argv *room, const struct rt_peer_spec *spec,
		  const struct rt_paths *paths);

#endif
