// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_loop - what a run waits for, and the run phase itself.
 *
 * One epoll switch: signals, the peers' lento-init, control requests, the end of
 * lento-wire or lento-store.  Between two waits the clock is looked at once.
 */
#include "run_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clean.h"
#include "control.h"

#define POLL_CAP_MS 200       /* how late a completion may be noticed */
#define HELPER_TIMEOUT_MS 5000

int run_watch(struct run *run, int fd, uint64_t tag, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = tag };

	if (epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		return err_errno(err, ERR_FAILED, "epoll_ctl");
	}
	return 0;
}

static void on_signal(struct run *run)
{
	struct signalfd_siginfo si;

	while (read(run->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo != SIGCHLD) {
			run->interrupts++;
		}
	}
}

static void on_init(struct run *run)
{
	struct init_event ev;
	struct err err = { 0 };
	int rc;

	while ((rc = initlink_next(run->init, &ev, &err)) > 0) {
		peer_event(run, &ev);
	}
	if (rc < 0) {
		run_log(run, "%s", err.msg);
	}
}

static void on_ready(struct run *run, uint64_t tag)
{
	switch (tag) {
	case TAG_SIGNAL:
		on_signal(run);
		break;
	case TAG_INIT:
		on_init(run);
		break;
	case TAG_BOOT:
		run_boots_ended(run);
		break;
	case TAG_CONTROL:
		control_serve(run->control);
		break;
	case TAG_WIRE:
		run_fail(run, ERR_FIDELITY, "the link emulator (lento-wire) ended during the run: %s",
			 wire_end_reason(run->wire));
		epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, wire_pidfd(run->wire), NULL);
		break;
	case TAG_STORE:
		run_fail(run, ERR_FIDELITY, "the payload store (lento-store) ended during the run: %s",
			 store_end_reason(run->store));
		epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, store_pidfd(run->store), NULL);
		break;
	default:
		break;
	}
}

/* A helper that is there but does not answer would leave the peers hanging. */
static void check_helpers(struct run *run)
{
	struct err err = { 0 };

	if (run->wire && wire_ping(run->wire, HELPER_TIMEOUT_MS, &err)) {
		run_fail(run, ERR_FIDELITY, "the link emulator does not answer: %s", err.msg);
	}
	if (run->store && store_ping(run->store, HELPER_TIMEOUT_MS, &err)) {
		run_fail(run, ERR_FIDELITY, "the payload store does not answer: %s", err.msg);
	}
}

int run_poll(struct run *run, int timeout_ms)
{
	struct epoll_event evs[16];
	int n = epoll_wait(run->epoll_fd, evs, ARRAY_LEN(evs), timeout_ms);

	for (int i = 0; i < n; i++) {
		on_ready(run, evs[i].data.u64);
	}
	if (run->interrupts && run->phase < PHASE_STOP) {
		run->res.interrupted = true;
		return -1;
	}
	return run->res.failure_kind != ERR_NONE && run->phase < PHASE_STOP ? -1 : 0;
}

/* --- the run phase ------------------------------------------------------------ */

static void start_due(struct run *run, int64_t now)
{
	while (run->next_start < run->exp->peer_count) {
		struct peer *p = &run->peers[run->start_order[run->next_start]];

		if (run->start_times[p->index] > now) {
			return;
		}
		peer_start(run, p);
		run->next_start++;
	}
}

static void do_step(struct run *run, const struct event_step *step)
{
	const struct event_spec *e = step->does;
	uint32_t count = 0;
	CLEAN_FREE uint32_t *peers = NULL;

	if (e->what != EVENT_LEAVE && e->what != EVENT_KILL) {
		run_link_event(run, step);
		return;
	}
	peers = experiment_event_peers(run->exp, step->event, &count);
	for (uint32_t i = 0; i < count; i++) {
		struct peer *p = &run->peers[peers[i]];

		run_log(run, "event: %s %s", p->name, e->what == EVENT_KILL ? "killed" : "leaves");
		p->asked_to_leave = true;
		if (e->what == EVENT_KILL) {
			peer_kill(run, p);
		} else {
			peer_stop(run, p);
		}
	}
}


static void events_due(struct run *run, int64_t now)
{
	while (run->next_step < run->step_count && run->steps[run->next_step].at_ns <= now) {
		do_step(run, &run->steps[run->next_step]);
		run->next_step++;
	}
}

static void press_all(struct run *run)
{
	wall_t now = wall_now();

	for (uint32_t i = 0; i < run->exp->peer_count && !clockctl_paused(run->clock); i++) {
		peer_press(run, &run->peers[i], now);
	}
}

static bool peer_satisfies(const struct run *run, const struct peer *p)
{
	if (run->exp->stop.kind == STOP_ALL_COMPLETE) {
		return p->res->complete_ns >= 0 || p->state == PEER_ENDED;
	}
	return p->state == PEER_ENDED;
}

static bool stop_rule_holds(const struct run *run)
{
	if (run->exp->stop.kind == STOP_LIMIT) {
		return false;
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		const struct peer *p = &run->peers[i];

		if (run->exp->stop.groups[p->group - run->exp->groups] && !peer_satisfies(run, p)) {
			return false;
		}
	}
	return true;
}

static bool all_ended(const struct run *run)
{
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		if (run->peers[i].state != PEER_ENDED) {
			return false;
		}
	}
	return true;
}

/* Whether the run is over, and why. */
static bool over(struct run *run, int64_t now)
{
	static const char *const why[] = {
		[STOP_ALL_COMPLETE] = "stop rule: all complete",
		[STOP_ALL_EXITED] = "stop rule: all ended",
		[STOP_LIMIT] = "time limit",
	};

	if (run->stop_rule_at < 0 && stop_rule_holds(run)) {
		run->stop_rule_at = now;
		run_log(run, "%s", why[run->exp->stop.kind]);
	}
	if (run->stop_rule_at >= 0 && now >= run->stop_rule_at + run->exp->stop.linger_ns) {
		run->res.stopped_by = why[run->exp->stop.kind];
		return true;
	}
	if (now >= run->exp->limit_ns) {
		run->res.stopped_by = "time limit";
		return true;
	}
	if (all_ended(run)) {
		run->res.stopped_by = "no peer is left";
		return true;
	}
	return false;
}

static int64_t worst_lateness(const struct run *run)
{
	int64_t worst = 0;

	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		int64_t late = wire_link_stats(run->wire, i)->late_max_vns;

		worst = late > worst ? late : worst;
	}
	return worst;
}

static void tick(struct run *run)
{
	struct run_counts c;
	struct timeline_row row;
	struct err err = { 0 };
	wall_t w = wall_now();

	run_count(run, &c);
	row = (struct timeline_row) {
		.virt_ns = clockctl_elapsed(run->clock),
		.wall_ns = w.ns - run->loop_begun.ns,
		.tdf = clockctl_tdf(run->clock), .paused = clockctl_paused(run->clock),
		.started = c.started, .complete = c.complete, .failed = c.failed, .running = c.alive,
		.payload_bytes = c.payload_bytes,
	};
	if (run->wire) {
		const struct wire_totals *t = wire_totals(run->wire);

		row.wire_bytes = t->bytes;
		row.wire_held_bytes = t->held_bytes;
		row.late_max_vns = worst_lateness(run);
	}
	if ((host_sampler_sample(run->host, w, clockctl_now(run->clock), &err) ||
	     timeline_add(run->timeline, &row, &err) ||
	     traffic_tick(run->traffic, row.virt_ns, &err) ||
	     run_course_tick(run, row.virt_ns, row.wall_ns, &err)) && !run->records_lost) {
		run->records_lost = true;
		run_say(run, "warning: %s", err.msg);
		run_log(run, "%s", err.msg);
	}
	run_pace_tick(run);
	run_limits_check(run);
	progress_show(run, &c);
	if (run->ticks % 5 == 0) {
		check_helpers(run);
	}
	run->ticks++;
}

static int next_wait_ms(const struct run *run, wall_t next_tick)
{
	int64_t to_tick = (next_tick.ns - wall_now().ns) / NS_PER_MS + 1;
	int ms = to_tick < 0 ? 0 : to_tick < POLL_CAP_MS ? (int)to_tick : POLL_CAP_MS;

	if (run->next_start < run->exp->peer_count) {
		uint32_t next = run->start_order[run->next_start];

		ms = clockctl_wait_ms(run->clock, run->start_times[next], ms);
	}
	if (run->next_step < run->step_count) {
		ms = clockctl_wait_ms(run->clock, run->steps[run->next_step].at_ns, ms);
	}
	return ms;
}

int run_loop(struct run *run, struct err *err)
{
	wall_t next_tick = run->loop_begun = wall_now();

	host_sampler_restart(run->host);
	if (run_pace_begin(run, err) || run_traffic_begin(run, err) ||
	    run_course_begin(run, err)) {
		return -1;
	}
	for (;;) {
		int64_t now = clockctl_elapsed(run->clock);

		start_due(run, now);
		events_due(run, now);
		for (uint32_t i = 0; i < run->exp->peer_count; i++) {
			peer_progress(run, &run->peers[i]);
		}
		press_all(run);
		if (wall_now().ns >= next_tick.ns) {
			tick(run);
			next_tick.ns += NS_PER_S;
		}
		if (over(run, now)) {
			return 0;
		}
		if (run_poll(run, next_wait_ms(run, next_tick))) {
			return -1;
		}
	}
}
