/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rt - the run-time that holds peers: one container each (rt_lxc.c), or plain
 * processes without isolation (rt_null.c), so that all above it is tested
 * without root.
 *
 * A peer is booted with lento-init as its first process, which connects back to
 * lento (rt/initlink.h) and waits; the client is started through that link, at a
 * virtual instant of lento's choice.
 */
#ifndef LENTO_RT_H
#define LENTO_RT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "rt/initproto.h"
#include "timedil/vtime.h"

struct rt;
struct rt_peer;

/* What chooses the window of a peer's TCP sockets. */
enum rt_congestion {
	RT_RENO,  /* clocked by ACKs alone */
	RT_CUBIC, /* CUBIC by the virtual clock */
	RT_HOST,  /* whatever the host has as its default, in wall time */
};

struct rt_tcp {
	enum rt_congestion congestion;
	bool wall;          /* leave the kernel's time constants as they are */
};

struct rt_config {
	const char *run_id;       /* [a-z0-9-]; cgroups are lento/<run_id>/<peer> */
	const char *state_dir;    /* on disk; rt keeps what it needs below it */
	const char *ns_dir;       /* a tmpfs of the run's own mount namespace */
	const char *share_dir;    /* seen read-only as /lento by each peer: init, shim, clock, socket */
	const char *seccomp_policy; /* path of the policy file */
	const char *extra_root;   /* an image's root instead of the host's /usr, or NULL */
	bool userns;              /* map peers' root to an unprivileged range */
	struct rt_tcp tcp;
};

struct rt_peer_spec {
	uint32_t index;
	const char *name;         /* "leechers-7": [a-z0-9-], at most 63 characters */
	uint8_t token[INIT_TOKEN_BYTES]; /* from initlink_expect() */
	bool network;             /* has a TUN device, eth0; else only a loopback */
	uint32_t ip;              /* host byte order */
	unsigned ip_bits;         /* prefix length to configure */
	unsigned mtu;
	const char *data_dir;     /* host path, seen as /data */
	const char *log_dir;      /* host path, seen as /log */
	uint64_t memory_bytes;    /* 0 = no limit */
	uint64_t tmp_bytes;       /* size of its /tmp */
	uint32_t pids;            /* 0 = no limit */
	struct tdf tdf;           /* for the kernel's TCP constants of its namespace */
};

/* Where a peer sees its directories ("/data" in a container, the host path under rt_null). */
struct rt_paths {
	char data[256], log[256], tmp[256], share[256];
};

/* Wall time that the steps of a boot took. */
struct rt_boot_times {
	int64_t create_wns;    /* described to the container library */
	int64_t start_wns;     /* from there until lento-init runs: cgroups, namespaces, mounts */
	int64_t namespace_wns; /* TCP constants and the like of its network namespace */
	int64_t device_wns;    /* eth0 made, addressed, up, with its route */
};

struct rt_usage {
	uint64_t cpu_ns;          /* wall CPU time used by all its processes */
	uint64_t memory_bytes, memory_peak_bytes;
	uint32_t processes;
	uint64_t oom_kills;
	uint64_t forks_refused;   /* for the limit of processes */
};

/*
 * rt_lxc: the caller is in private mount and network namespaces of its own, its mounts
 * private.  Mounts made here vanish with that namespace.
 */
int rt_lxc_create(const struct rt_config *cfg, struct rt **rt, struct err *err);
int rt_null_create(const struct rt_config *cfg, struct rt **rt, struct err *err);
/* Kills and removes what is left.  NULL is fine. */
void rt_destroy(struct rt *rt);

/* The ids that a peer's root has on the host. */
uid_t rt_peer_uid(const struct rt *rt);

/*
 * Boot peers, several at a time: begin as many as rt_boot_slots() says, then one more for
 * each that rt_boot_next() hands back.  The spec need not outlive the call.
 */
int rt_boot_begin(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **peer, struct err *err);
unsigned rt_boot_slots(const struct rt *rt);
/* For the caller's epoll: readable when a boot has ended; -1: look after each begin. */
int rt_boot_fd(const struct rt *rt);
/*
 * 1: the lento-init of *peer runs, and its network is up; 0: nothing yet; -1: *peer could
 * not be booted (ERR_HOST where the host lacks something, naming the fix) and is to be
 * destroyed, or *peer is NULL and none can be booted any more.
 */
int rt_boot_next(struct rt *rt, struct rt_peer **peer, struct err *err);
/* Boot a single one and wait; no other boot may be under way.  On failure nothing is left of it. */
int rt_boot(struct rt *rt, const struct rt_peer_spec *spec, struct rt_peer **peer, struct err *err);

/* SIGKILL everything in all peers, also in those being booted: after it none can boot, and
 * destroying peers takes no time. */
void rt_kill_all(struct rt *rt);
/* Kill all its processes and remove container, cgroups, mounts.  NULL is fine.  One whose
 * boot has not ended: only after rt_kill_all(). */
void rt_peer_destroy(struct rt_peer *peer);

const struct rt_boot_times *rt_peer_boot_times(const struct rt_peer *peer);
/* The other end of its eth0: once, the caller owns it then; -1: it has none. */
int rt_peer_take_tun(struct rt_peer *peer);
pid_t rt_peer_pid(const struct rt_peer *peer);   /* of lento-init, in the host's pid namespace */
void rt_peer_paths(const struct rt_peer *peer, struct rt_paths *paths);
int rt_peer_usage(const struct rt_peer *peer, struct rt_usage *usage, struct err *err);
/* Stop and continue all processes of a peer (freezer). */
int rt_peer_freeze(struct rt_peer *peer, bool frozen, struct err *err);
/* SIGKILL everything in it. */
int rt_peer_kill(struct rt_peer *peer, struct err *err);
/* A new factor for the time constants of its network namespace.  A socket keeps the
 * minimum RTO that it was opened with. */
int rt_peer_set_tdf(struct rt_peer *peer, struct tdf tdf, struct err *err);

/* Do @act for each process of a peer. */
void rt_peer_each_pid(const struct rt_peer *peer, void (*act)(pid_t pid, void *arg), void *arg);

/* The virtual clock is now @clk: for what runs in the kernel.  After each change, and at first. */
void rt_set_clock(struct rt *rt, const struct vclock *clk);

/* The constants of kernel TCP that stay in wall time whatever the factor; for the
 * result.  Lives as long as @rt. */
const char *rt_unscaled(const struct rt *rt);

/* --- from another process ("lento exec", "lento destroy") ----------------- */

/*
 * Run @argv inside the peer whose lento-init is @init_pid, on the caller's
 * descriptors, with @env (may be NULL) added to a plain environment, and wait; *status
 * as from waitpid().  The command has the peer's capabilities, limits and
 * namespaces, but not its seccomp filter.
 */
int rt_exec(const char *run_id, const char *peer, pid_t init_pid, char *const argv[],
	    char *const env[], int *status, struct err *err);

/*
 * Kill every process in cgroups of the run and remove them, given the id alone:
 * works after a kill -9 of everything else.  *killed counts processes.
 */
int rt_purge(const char *run_id, unsigned *killed, struct err *err);

#endif
