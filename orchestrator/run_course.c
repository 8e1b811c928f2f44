// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_course - what is looked at of each peer while the run goes on: its course (peers.csv) and
 * how long its threads wait for a CPU.
 *
 * Both cost time for each peer, on the very CPUs that the peers share.  So a round over all
 * peers is made once a second while they are few, and less often the more they are.
 */
#include "run_private.h"

#include <stdlib.h>

#include "observe/peerlog.h"
#include "observe/runqueue.h"

/* Run queues looked at in a wall second: about 5 ms of CPU time. */
#define QUEUES_PER_TICK 100
/* Rows of peers.csv in a second: an hour of a thousand peers is 20 MB. */
#define ROWS_PER_SECOND 100

struct course {
	struct peerlog *log;
	struct runqueue *queues;
	uint32_t next_queue;      /* peer that is looked at next */
	int64_t round_at;         /* virtual, when the next round of rows is due */
	unsigned ticks_to_round;  /* and not before so many wall seconds */
};

int run_course_begin(struct run *run, struct err *err)
{
	run->course = calloc(1, sizeof(*run->course));
	if (!run->course) {
		return err_errno(err, ERR_FAILED, "the course of the peers");
	}
	run->course->round_at = NS_PER_S;
	if (peerlog_open(run->results_dir, run->exp->peer_count, &run->course->log, err)) {
		return -1;
	}
	return runqueue_create("", run->exp->peer_count, &run->course->queues, err);
}

static void look_at_process(pid_t pid, void *queues)
{
	runqueue_process(queues, pid);
}

static void look_at_queue(struct run *run, uint32_t i)
{
	struct course *c = run->course;

	if (!run->peers[i].box || !peer_alive(&run->peers[i])) {
		return;
	}
	runqueue_begin(c->queues, i);
	rt_peer_each_pid(run->peers[i].box, look_at_process, c->queues);
	runqueue_end(c->queues, wall_now(), clockctl_now(run->clock));
}

static void look_at_queues(struct run *run)
{
	struct course *c = run->course;
	uint32_t peers = run->exp->peer_count;

	for (uint32_t n = peers < QUEUES_PER_TICK ? peers : QUEUES_PER_TICK; n > 0; n--) {
		look_at_queue(run, c->next_queue);
		c->next_queue = (c->next_queue + 1) % peers;
	}
}

static struct peerlog_row row_of(const struct run *run, uint32_t i)
{
	struct peerlog_row row = {
		.payload_bytes = run->res.peers[i].payload_bytes,
		.pieces = run->res.peers[i].pieces,
	};

	if (run->wire) {
		const struct wire_dir_stats *dir = wire_link_stats(run->wire, i)->dir;

		row.up_bytes = dir[WIRE_UP].bytes;
		row.down_bytes = dir[WIRE_DOWN].bytes;
		for (int d = WIRE_UP; d <= WIRE_DOWN; d++) {
			row.drops += dir[d].queue_drops + dir[d].loss_drops + dir[d].fault_drops;
		}
	}
	return row;
}

static int write_rows(struct run *run, int64_t virt_ns, int64_t wall_ns, struct err *err)
{
	struct peerlog *log = run->course->log;

	peerlog_round(log, virt_ns, wall_ns);
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		struct peerlog_row row = row_of(run, i);

		peerlog_add(log, i, run->peers[i].name, &row);
	}
	return peerlog_flush(log, err);
}

int run_course_tick(struct run *run, int64_t virt_ns, int64_t wall_ns, struct err *err)
{
	struct course *c = run->course;
	unsigned seconds = 1 + (run->exp->peer_count - 1) / ROWS_PER_SECOND;

	look_at_queues(run);
	if (c->ticks_to_round > 0) {
		c->ticks_to_round--;
	}
	if (c->ticks_to_round > 0 || virt_ns < c->round_at) {
		return 0;
	}
	c->ticks_to_round = seconds;
	c->round_at = virt_ns + seconds * NS_PER_S;
	return write_rows(run, virt_ns, wall_ns, err);
}

int run_course_end(struct run *run, struct err *err)
{
	if (!run->course) {
		return 0;
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		const struct runqueue_times *t = runqueue_of(run->course->queues, i);
		struct peer_result *p = &run->res.peers[i];

		look_at_queue(run, i);
		p->cpu_turns = t->turns;
		p->cpu_wait_wns = t->wait_wns;
		p->cpu_wait_vns = t->wait_vns;
	}
	return write_rows(run, clockctl_elapsed(run->clock), wall_now().ns - run->loop_begun.ns, err);
}

void run_course_destroy(struct run *run)
{
	if (run->course) {
		peerlog_close(run->course->log);
		runqueue_destroy(run->course->queues);
		free(run->course);
		run->course = NULL;
	}
}
