// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_start - the swarm's ground: trackers first, then the seeds that are due at
 * once.  The run's time 0 is the instant when they are up and the trackers know
 * the seeds, so that the first leecher's first announce finds them.
 */
#include "run_private.h"

#include <string.h>

#define POLL_MS 20
/* A client starts its announce some time after it listens (it may hash first). */
#define ANNOUNCE_LIMIT_NS (60 * NS_PER_S)
/* SYN-ACK, ACK, FIN and an HTTP reply without peers take more than this. */
#define ANNOUNCE_REPLY_BYTES 250

static bool is_ground(const struct run *run, const struct peer *p, enum peer_role role)
{
	return p->group->role == role &&
		(role == ROLE_TRACKER || run->start_times[p->index] == 0);
}

/* Start the peers of @role that belong to the ground and wait until each is ready. */
static int start_role(struct run *run, enum peer_role role, struct err *err)
{
	bool waiting = true;

	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		if (is_ground(run, &run->peers[i], role)) {
			peer_start(run, &run->peers[i]);
		}
	}
	while (waiting) {
		if (run_poll(run, POLL_MS)) {
			return -1;
		}
		waiting = false;
		for (uint32_t i = 0; i < run->exp->peer_count; i++) {
			struct peer *p = &run->peers[i];

			if (!is_ground(run, p, role) || p->state == PEER_READY) {
				continue;
			}
			if (p->state == PEER_ENDED) {
				return err_set(err, ERR_PEER, "%s: %s; its output is in %s/peers/%s/",
					       p->name, p->res->why[0] ? p->res->why : "ended at once",
					       run->results_dir, p->name);
			}
			if (p->res->why[0]) { /* NOT_READY */
				return err_set(err, ERR_PEER, "%s: %s; its output is in %s/peers/%s/",
					       p->name, p->res->why, run->results_dir, p->name);
			}
			waiting = true;
		}
	}
	return 0;
}

/* Whether a tracker has answered the peer: seen from the link emulator's counters. */
static bool has_announced(const struct run *run, const struct peer *seed)
{
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		if (run->peers[i].group->role == ROLE_TRACKER &&
		    wire_pair_bytes(run->wire, i, seed->index) > ANNOUNCE_REPLY_BYTES) {
			return true;
		}
	}
	return false;
}

static int wait_announced(struct run *run)
{
	int64_t begin = clockctl_elapsed(run->clock);
	const struct peer *missing = NULL;

	if (!run->wire || !run->tracker_port) {
		return 0;
	}
	do {
		missing = NULL;
		for (uint32_t i = 0; i < run->exp->peer_count && !missing; i++) {
			if (is_ground(run, &run->peers[i], ROLE_SEED) &&
			    !has_announced(run, &run->peers[i])) {
				missing = &run->peers[i];
			}
		}
		if (missing && run_poll(run, POLL_MS)) {
			return -1;
		}
	} while (missing && clockctl_elapsed(run->clock) - begin < ANNOUNCE_LIMIT_NS);
	if (missing) {
		run_say(run, "note: %s has not announced itself to the tracker within %d virtual s; "
			"starting all the same", missing->name, (int)(ANNOUNCE_LIMIT_NS / NS_PER_S));
		run_log(run, "%s has not announced itself", missing->name);
	}
	return 0;
}

int run_start(struct run *run, struct err *err)
{
	if (clockctl_paused(run->clock)) {
		clockctl_run(run->clock);
	}
	if (start_role(run, ROLE_TRACKER, err) || start_role(run, ROLE_SEED, err) ||
	    wait_announced(run)) {
		return -1;
	}
	clockctl_mark_origin(run->clock);
	if (run_links_begin(run, err)) {
		return -1;
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		struct peer_result *r = run->peers[i].res;

		/* What happened before the run's time 0 happened at its time 0. */
		r->started_ns = r->started_ns >= 0 ? 0 : -1;
		r->ready_ns = r->ready_ns >= 0 ? 0 : -1;
	}
	run_say(run, "the ground is laid; the run begins");
	return 0;
}
