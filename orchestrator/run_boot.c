// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_boot - all peers' containers brought up, as many at a time as the host carries.
 *
 * A boot spends most of its time waiting for the kernel, so several are under way at
 * once (rt_boot_slots()); a next one begins when one has ended.  Two things make a
 * peer ready for its client, in any order: its boot has ended, and its lento-init has
 * said HELLO.
 */
#include "run_private.h"

#define POLL_MS 50
#define HELLO_TIMEOUT_NS (20 * NS_PER_S)
/* No boot ends for so long although some are under way: the host is stuck. */
#define STALL_TIMEOUT_NS (60 * NS_PER_S)

static struct peer *peer_of_box(struct run *run, const struct rt_peer *box)
{
	for (uint32_t i = 0; i <= run->exp->peer_count; i++) {
		if (run->peers[i].box == box) {
			return &run->peers[i];
		}
	}
	return NULL;
}

void run_boots_ended(struct run *run)
{
	struct err err = { 0 };
	struct rt_peer *box;
	int rc;

	while ((rc = rt_boot_next(run->rt, &box, &err)) > 0) {
		struct peer *p = peer_of_box(run, box);

		run->boots_ended++;
		if (!p || peer_booted(run, p, &err)) {
			break;
		}
	}
	if (rc != 0) {
		run_fail(run, err.kind, "%s", err.msg);
	}
}

static int begin_some(struct run *run, uint32_t count, struct err *err)
{
	while (run->boots_begun < count &&
	       run->boots_begun - run->boots_ended < rt_boot_slots(run->rt)) {
		if (peer_boot_begin(run, &run->peers[run->boots_begun], err)) {
			return -1;
		}
		run->boots_begun++;
		if (rt_boot_fd(run->rt) < 0) {
			run_boots_ended(run);
		}
	}
	return 0;
}

static int boot_all(struct run *run, uint32_t count, struct err *err)
{
	uint32_t ended = 0;
	wall_t deadline = { wall_now().ns + STALL_TIMEOUT_NS };

	while (run->boots_ended < count) {
		if (begin_some(run, count, err) || run_poll(run, POLL_MS)) {
			return -1;
		}
		if (run->boots_ended > ended) {
			ended = run->boots_ended;
			deadline.ns = wall_now().ns + STALL_TIMEOUT_NS;
		}
		if (wall_now().ns > deadline.ns) {
			return err_set(err, ERR_HOST, "no container has come up within %d s; %u of %u did before",
				       (int)(STALL_TIMEOUT_NS / NS_PER_S), ended, count);
		}
	}
	return 0;
}

static int await_hellos(struct run *run, uint32_t count, struct err *err)
{
	wall_t deadline = { wall_now().ns + HELLO_TIMEOUT_NS };
	uint32_t waiting;

	do {
		waiting = 0;
		for (uint32_t i = 0; i < count; i++) {
			waiting += run->peers[i].state < PEER_WAITING;
		}
		if (waiting && run_poll(run, POLL_MS)) {
			return -1;
		}
	} while (waiting && wall_now().ns < deadline.ns);
	return waiting ? err_set(err, ERR_HOST, "%u of %u containers did not come up within %d s",
				 waiting, count, (int)(HELLO_TIMEOUT_NS / NS_PER_S)) : 0;
}

int run_boot(struct run *run, struct err *err)
{
	uint32_t count = run->exp->peer_count + (run->opt->calibrate && run->wire ? 1 : 0);

	run_say(run, "starting %u %s", run->exp->peer_count,
		run->opt->backend == BACKEND_LXC ? "containers" : "processes");
	run->boots_at = wall_now();
	if (rt_boot_fd(run->rt) >= 0 && run_watch(run, rt_boot_fd(run->rt), TAG_BOOT, err)) {
		return -1;
	}
	if (boot_all(run, count, err) || await_hellos(run, count, err)) {
		return -1;
	}
	run->res.launch_wns = wall_now().ns - run->boots_at.ns;
	return 0;
}
