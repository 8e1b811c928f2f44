// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_stop - the end of a run: clients asked to end, what they hold compared with
 * the payload, counters read, the result judged and written.
 */
#include "run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"

#define POLL_MS 20
/* After SIGKILL the kernel needs a moment; a container that outlives this is stuck. */
#define KILL_WAIT_NS (10 * NS_PER_S)
#define COMPARE_BYTES (1u << 20)

/* --- stop ------------------------------------------------------------------------- */

static bool any_alive(const struct run *run, bool trackers)
{
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		const struct peer *p = &run->peers[i];

		if ((p->group->role == ROLE_TRACKER) == trackers && peer_alive(p)) {
			return true;
		}
	}
	return false;
}

static void thaw_all(struct run *run)
{
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		if (run->peers[i].box) {
			rt_peer_freeze(run->peers[i].box, false, NULL);
		}
	}
}

static void press_all(struct run *run, bool now)
{
	wall_t w = { now ? INT64_MAX : wall_now().ns };

	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		peer_press(run, &run->peers[i], w);
	}
}

static void stop_some(struct run *run, bool trackers, int interrupts)
{
	int64_t latest = 0;

	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		struct peer *p = &run->peers[i];

		if ((p->group->role == ROLE_TRACKER) != trackers) {
			continue;
		}
		peer_stop(run, p);
		if (peer_alive(p) && p->kill_at.ns > latest) {
			latest = p->kill_at.ns;
		}
	}
	/* Who asks twice does not want to wait. */
	while (any_alive(run, trackers) && wall_now().ns < latest + KILL_WAIT_NS) {
		press_all(run, run->interrupts > interrupts);
		run_poll(run, POLL_MS);
	}
}

void run_stop(struct run *run)
{
	int interrupts = run->interrupts;
	struct err err = { 0 };

	run->res.virt_ns = clockctl_elapsed(run->clock);
	if (clockctl_paused(run->clock)) {
		thaw_all(run);
		clockctl_run(run->clock);
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		peer_progress(run, &run->peers[i]);
	}
	if (run_course_end(run, &err)) {
		run_log(run, "%s", err.msg);
	}
	/* Trackers last: a client that ends takes its leave of them. */
	stop_some(run, false, interrupts);
	stop_some(run, true, interrupts);
}

/* --- collect ------------------------------------------------------------------------ */

/* 1 equal, 0 different, -1 not there or not readable. */
static int compare_files(const char *a, const char *b)
{
	CLEAN_CLOSE int fa = open(a, O_RDONLY | O_CLOEXEC);
	CLEAN_CLOSE int fb = open(b, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE char *ba = malloc(COMPARE_BYTES);
	CLEAN_FREE char *bb = malloc(COMPARE_BYTES);
	struct stat sa, sb;

	if (fa < 0 || fb < 0 || !ba || !bb || fstat(fa, &sa) || fstat(fb, &sb)) {
		return -1;
	}
	if (sa.st_size != sb.st_size) {
		return 0;
	}
	for (off_t at = 0; at < sa.st_size; ) {
		ssize_t na = pread(fa, ba, COMPARE_BYTES, at);
		ssize_t nb = na > 0 ? pread(fb, bb, (size_t)na, at) : -1;

		if (na <= 0 || nb <= 0) {
			return -1;
		}
		if (memcmp(ba, bb, (size_t)(na < nb ? na : nb)) != 0) {
			return 0;
		}
		at += na < nb ? na : nb;
	}
	return 1;
}

static void verify_files(struct run *run)
{
	if (!run->store || run->res.failure_kind != ERR_NONE) {
		return;
	}
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		struct peer_result *r = &run->res.peers[i];
		CLEAN_FREE char *path = NULL;

		if (r->complete_ns < 0 && r->role != ROLE_SEED) {
			continue;
		}
		path = str_format("%s/%s/%s", run->store_dir, r->name, run->exp->payload.name);
		r->verified = compare_files(run->payload_path, path);
	}
}

static void read_gateways(struct run *run)
{
	uint32_t n = run->exp->gateway_count;

	run->res.gateways = calloc(n + 1, sizeof(*run->res.gateways));
	for (uint32_t g = 0; run->res.gateways && g < n; g++) {
		run->res.gateways[g] = *wire_link_stats(run->wire, run_gateway_id(run, g));
	}
}

static void read_counters(struct run *run)
{
	uint32_t n = run->exp->peer_count;
	struct err err = { 0 };

	if (!run->wire) {
		return;
	}
	if (traffic_end(run->traffic, clockctl_elapsed(run->clock), &err)) {
		run_log(run, "%s", err.msg);
	}
	run->res.wire = *wire_totals(run->wire);
	read_gateways(run);
	run->res.pair_bytes = calloc((size_t)n * n, sizeof(uint64_t));
	for (uint32_t i = 0; i < n; i++) {
		run->res.peers[i].link = *wire_link_stats(run->wire, i);
		run_limits_link(&run->res.peers[i]);
		for (uint32_t j = 0; run->res.pair_bytes && j < n; j++) {
			run->res.pair_bytes[(size_t)i * n + j] = wire_pair_bytes(run->wire, i, j);
		}
	}
}

void run_collect(struct run *run)
{
	CLEAN_FREE char *path = str_format("%s/results.json", run->results_dir);
	struct phase_result *ph = run->res.phases;
	struct err err = { 0 };

	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		peer_progress(run, &run->peers[i]);
		peer_judge(run, &run->peers[i]);
	}
	verify_files(run);
	run_capture_end(run);
	read_counters(run);
	if (run->host) {
		host_sampler_summary(run->host, &run->res.host);
	}
	run->res.tdf_changes = (struct tdf_change *)clockctl_changes(run->clock,
								     &run->res.tdf_change_count);
	for (size_t i = 0; i < run->res.phase_count; i++) {
		if (strcmp(ph[i].name, "run") == 0) {
			run->res.wall_ns = ph[i].end_wns - ph[i].begin_wns;
		}
	}
	verdict_judge(&run->res);
	run_phase(run, PHASE_COUNT);
	if (result_write_json(&run->res, path, &err)) {
		run_fail(run, ERR_FAILED, "%s", err.msg);
		verdict_clear(&run->res);
		verdict_judge(&run->res);
	}
	/* Logs were written by the peers' mapped users. */
	if (fs_give_to_caller(run->results_dir)) {
		run_say(run, "note: %s: %s; some files there keep another owner", run->results_dir,
			strerror(errno));
	}
}
