// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * peers - the life of a peer as lento sees it, from its container to its verdict.
 */
#include "run_private.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clean.h"

#define PEER_MTU 1500
#define PEER_TMP_BYTES (UINT64_C(64) << 20)

bool peer_alive(const struct peer *peer)
{
	return peer->state >= PEER_STARTING && peer->state < PEER_ENDED;
}

bool peer_fault(struct peer_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!r->why[0]) {
		vsnprintf(r->why, sizeof(r->why), fmt, ap);
	}
	va_end(ap);
	return false;
}

/* The directory that the peer sees as /data: in the store where there is one. */
static int make_data_dir(struct run *run, struct peer *peer, char **dir, struct err *err)
{
	bool seed = peer->group && peer->group->role == ROLE_SEED;
	uid_t uid = rt_peer_uid(run->rt);

	if (run->store) {
		*dir = str_format("%s/%s", run->store_dir, peer->name);
		return store_add_peer(run->store, peer->index, peer->name, uid, uid, seed, err);
	}
	*dir = str_format("%s/%s", run->private_dir, peer->name);
	if (fs_mkdirs(*dir, 0755, err)) {
		return -1;
	}
	if (geteuid() == 0 && chown(*dir, uid, uid)) {
		return err_errno(err, ERR_FAILED, "%s", *dir);
	}
	return 0;
}

/* In a LAN the others are neighbours, and it has a broadcast address. */
static unsigned prefix_bits(const struct run *run, const struct peer *peer)
{
	return peer->group && peer->group->lan != NO_LAN
		? run->exp->lans[peer->group->lan].addresses.bits : 32;
}

int peer_boot_begin(struct run *run, struct peer *peer, struct err *err)
{
	CLEAN_FREE char *log_dir = str_format("%s/peers/%s", run->results_dir, peer->name);
	CLEAN_FREE char *data_dir = NULL;
	struct init_token token;
	struct wire_link link;

	peer->boot_begun = wall_now();
	run_link_init(run, peer);
	run_link_of(run, peer, &link);
	if (fs_mkdirs(log_dir, 0755, err) || make_data_dir(run, peer, &data_dir, err)) {
		return -1;
	}
	struct rt_peer_spec spec = {
		.index = peer->index, .name = peer->name, .network = run->wire != NULL,
		.ip = link.ip, .ip_bits = prefix_bits(run, peer),
		.mtu = peer->group ? peer->line.mtu : PEER_MTU,
		.data_dir = data_dir, .log_dir = log_dir,
		.memory_bytes = peer->group ? peer->group->memory_bytes : 0,
		.tmp_bytes = PEER_TMP_BYTES,
		.pids = peer->group ? peer->group->pids : 16,
		.tdf = run->exp->tdf,
	};
	if (initlink_expect(run->init, peer->index, &token, err)) {
		return err_wrap(err, "peer %s", peer->name);
	}
	memcpy(spec.token, token.bytes, sizeof(spec.token));
	return rt_boot_begin(run->rt, &spec, &peer->box, err);
}

static void keep_boot_times(struct run *run, struct peer *peer)
{
	const struct rt_boot_times *t = rt_peer_boot_times(peer->box);
	int64_t *step = peer->res->launch_wns;
	int64_t now = wall_now().ns;

	step[LAUNCH_CREATE] = t->create_wns;
	step[LAUNCH_START] = t->start_wns;
	step[LAUNCH_NAMESPACE] = t->namespace_wns;
	step[LAUNCH_DEVICE] = t->device_wns;
	step[LAUNCH_BOOT] = now - peer->boot_begun.ns;
	peer->res->up_wns = now - run->boots_at.ns;
}

int peer_booted(struct run *run, struct peer *peer, struct err *err)
{
	CLEAN_CLOSE int tun = rt_peer_take_tun(peer->box);
	struct wire_link link;

	run_link_of(run, peer, &link);
	if (run->wire && wire_add_link(run->wire, peer->index, &link, tun, err)) {
		return err_wrap(err, "peer %s", peer->name);
	}
	rt_peer_paths(peer->box, &peer->paths);
	if (peer->state == PEER_NEW) {
		peer->state = PEER_BOOTED;
	}
	if (peer->res) {
		keep_boot_times(run, peer);
	}
	return 0;
}

/* --- starting ------------------------------------------------------------- */

static void vars_of(const struct run *run, const struct peer *peer, char ip[16],
		    struct image_vars *v)
{
	const struct group_spec *g = peer->group;
	const struct link_spec *l = experiment_peer_link(run->exp, peer->index);

	units_format_ip(experiment_peer_ip(run->exp, peer->index), ip, 16);
	*v = (struct image_vars) {
		.ip = run->opt->backend == BACKEND_NULL ? "127.0.0.1" : ip,
		.name = g->name, .peer = peer->index,
		.data = peer->paths.data, .log = peer->paths.log,
		.tmp = peer->paths.tmp, .share = peer->paths.share,
		.payload = run->exp->payload.name ?: "",
		.infohash = run->torrent.infohash,
		.tracker_ip = run->tracker_ip, .tracker_port = run->tracker_port,
		.announce = run->announce, .port = g->image->port,
		.up_bps = l->up_bps, .down_bps = l->down_bps,
	};
}

static void free_texts(char **texts)
{
	for (char **t = texts; t && *t; t++) {
		free(*t);
	}
	free(texts);
}

/* Expand two NULL-terminated lists (either may be NULL) into a new one. */
static char **expand_list(char *const *a, char *const *b, const struct image_vars *vars,
			  struct err *err)
{
	size_t n = 0, k = 0;
	char **out;

	for (char *const *t = a; t && *t; t++) {
		n++;
	}
	for (char *const *t = b; t && *t; t++) {
		n++;
	}
	out = calloc(n + 1, sizeof(*out));
	if (!out) {
		err_errno(err, ERR_FAILED, "starting a client");
		return NULL;
	}
	for (int half = 0; half < 2; half++) {
		for (char *const *t = half ? b : a; t && *t; t++) {
			if (image_expand(*t, vars, &out[k++], err)) {
				free_texts(out);
				return NULL;
			}
		}
	}
	return out;
}

static int send_start(struct peer *peer, const struct image_vars *vars, struct err *err)
{
	const struct image *image = peer->group->image;
	const struct image_role *role = &image->roles[peer->group->role];
	CLEAN_FREE char *preload = str_format("LD_PRELOAD=%s/libtimedil.so", peer->paths.share);
	CLEAN_FREE char *page = str_format(TIMEDIL_PAGE_ENV "=%s/clock", peer->paths.share);
	CLEAN_FREE char *home = str_format("HOME=%s", peer->paths.tmp);
	CLEAN_FREE struct init_file *files = calloc(role->file_count + 1, sizeof(*files));
	char *base[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TZ=UTC", home,
			 preload, page, NULL };
	char **argv = expand_list(role->argv, peer->group->args, vars, err);
	char **env = argv ? expand_list(base, image->env, vars, err) : NULL;
	int rc = files && env ? 0 : -1;

	for (unsigned i = 0; rc == 0 && i < role->file_count; i++) {
		if (image_expand(role->files[i].path, vars, (char **)&files[i].path, err) ||
		    image_expand(role->files[i].content, vars, (char **)&files[i].content, err)) {
			rc = -1;
		}
	}
	if (rc == 0) {
		struct init_start start = {
			.argv = argv, .env = env, .files = files, .file_count = role->file_count,
			.ready_tcp_port = image->ready == READY_TCP_LISTEN ? image->port : 0,
			.ready_timeout_wns = image->ready_timeout_wns,
		};

		rc = initlink_start(peer->init, &start, err);
	}
	for (unsigned i = 0; files && i < role->file_count; i++) {
		free((char *)files[i].path);
		free((char *)files[i].content);
	}
	free_texts(argv);
	free_texts(env);
	return rc;
}

static void ended(struct run *run, struct peer *peer, virt_t at)
{
	struct rt_usage usage = { 0 };

	peer->state = PEER_ENDED;
	if (!peer->res) {
		return;
	}
	peer->res->ended_ns = clockctl_since_origin(run->clock, at.ns);
	if (peer->box && rt_peer_usage(peer->box, &usage, NULL) == 0) {
		peer->res->cpu_ns = usage.cpu_ns;
		peer->res->memory_peak_bytes = usage.memory_peak_bytes;
		run_limits_usage(peer, &usage);
	}
}

static void start_failed(struct run *run, struct peer *peer, const char *why)
{
	peer->res->end = END_START_FAILED;
	snprintf(peer->res->why, sizeof(peer->res->why), "could not be started: %s", why);
	run_log(run, "peer %s: %s", peer->name, peer->res->why);
	ended(run, peer, clockctl_now(run->clock));
}

void peer_start(struct run *run, struct peer *peer)
{
	struct image_vars vars;
	struct err err = { 0 };
	char ip[16];
	CLEAN_FREE char *torrent = str_format("%s/swarm.torrent", peer->paths.share);

	if (peer->state != PEER_WAITING) {
		return;
	}
	vars_of(run, peer, ip, &vars);
	vars.torrent = torrent;
	peer->state = PEER_STARTING;
	peer->start_sent = wall_now();
	if (send_start(peer, &vars, &err)) {
		start_failed(run, peer, err.msg);
	}
}

/* --- stopping ------------------------------------------------------------- */

void peer_stop(struct run *run, struct peer *peer)
{
	const struct image *image = peer->group->image;
	struct err err = { 0 };

	if (!peer_alive(peer) || peer->state == PEER_STOPPING) {
		return;
	}
	peer->state = PEER_STOPPING;
	peer->kill_at = (wall_t) { wall_now().ns + image->stop_grace_wns };
	peer->ask_again_at = (wall_t) { peer->kill_at.ns - image->stop_grace_wns / 2 };
	if (initlink_signal(peer->init, image->stop_signal, &err)) {
		run_log(run, "peer %s: %s", peer->name, err.msg);
		peer->kill_at = wall_now();
	}
}

void peer_kill(struct run *run, struct peer *peer)
{
	struct err err = { 0 };

	if (peer->box && rt_peer_kill(peer->box, &err)) {
		run_log(run, "peer %s: %s", peer->name, err.msg);
	}
}

void peer_press(struct run *run, struct peer *peer, wall_t now)
{
	if (peer->state != PEER_STOPPING || peer->killed_by_us) {
		return;
	}
	if (now.ns >= peer->kill_at.ns) {
		peer->killed_by_us = true;
		peer_kill(run, peer);
	} else if (now.ns >= peer->ask_again_at.ns && peer->init) {
		peer->ask_again_at = peer->kill_at;
		initlink_signal(peer->init, peer->group->image->stop_signal, NULL);
	}
}

/* --- what lento-init reports ------------------------------------------------ */

static void on_exit_event(struct run *run, struct peer *peer, const struct init_event *ev)
{
	struct peer_result *r = peer->res;

	r->exit_status = ev->status;
	if (run->phase >= PHASE_STOP && peer->state == PEER_STOPPING) {
		r->end = peer->killed_by_us ? END_HUNG : peer->asked_to_leave ? END_LEFT : END_RUNNING;
	} else if (peer->asked_to_leave) {
		r->end = peer->killed_by_us ? END_HUNG : END_LEFT;
	} else if (WIFSIGNALED(ev->status)) {
		r->end = END_CRASHED;
		peer_fault(r, "killed by signal %d (%s)", WTERMSIG(ev->status),
			   strsignal(WTERMSIG(ev->status)));
	} else if (WEXITSTATUS(ev->status) != 0) {
		r->end = END_FAILED;
		peer_fault(r, "ended by itself with status %d", WEXITSTATUS(ev->status));
	} else {
		r->end = END_EXITED;
	}
	ended(run, peer, ev->virt);
}

static void on_gone(struct run *run, struct peer *peer)
{
	peer->init = NULL;
	if (peer->state == PEER_ENDED || !peer->res) {
		return;
	}
	if (peer->state == PEER_STOPPING || peer->killed_by_us) {
		peer->res->end = peer->asked_to_leave ? END_LEFT : END_HUNG;
	} else {
		peer->res->end = peer->asked_to_leave ? END_LEFT : END_CRASHED;
		peer_fault(peer->res, "its container ended without a word (killed from outside?)");
	}
	ended(run, peer, clockctl_now(run->clock));
}

void peer_event(struct run *run, const struct init_event *ev)
{
	struct peer *peer;
	int64_t at;

	if (ev->peer > run->exp->peer_count) {
		return;
	}
	peer = &run->peers[ev->peer];
	at = clockctl_since_origin(run->clock, ev->virt.ns);
	switch (ev->kind) {
	case INIT_HELLO:
		peer->init = ev->from;
		peer->state = PEER_WAITING;
		if (peer->res) {
			peer->res->launch_wns[LAUNCH_HELLO] = wall_now().ns - peer->boot_begun.ns;
		}
		break;
	case INIT_STARTED:
		peer->res->started_ns = at;
		if (peer->state == PEER_STARTING) {
			peer->state = PEER_RUNNING;
		}
		break;
	case INIT_READY:
		peer->res->ready_ns = at;
		peer->res->launch_wns[LAUNCH_READY] = ev->wall.ns - peer->start_sent.ns;
		if (peer->state == PEER_RUNNING || peer->state == PEER_STARTING) {
			peer->state = PEER_READY;
		}
		break;
	case INIT_NOT_READY:
		snprintf(peer->res->why, sizeof(peer->res->why),
			 "did not listen on TCP port %u in time", peer->group->image->port);
		run_log(run, "peer %s: %s", peer->name, peer->res->why);
		break;
	case INIT_FAILED:
		start_failed(run, peer, ev->text);
		break;
	case INIT_EXITED:
		on_exit_event(run, peer, ev);
		run_log(run, "peer %s: ended, status 0x%x", peer->name, (unsigned)ev->status);
		break;
	case INIT_PROBE:
		run->last_probe = *ev;
		run->probe_arrived = true;
		break;
	case INIT_GONE:
		on_gone(run, peer);
		break;
	}
}

/* --- progress and judgement ------------------------------------------------- */

void peer_progress(struct run *run, struct peer *peer)
{
	const struct store_progress *p;
	struct peer_result *r = peer->res;

	if (!run->store || !peer->group) {
		return;
	}
	p = store_progress(run->store, peer->index);
	r->payload_bytes = p->bytes;
	r->pieces = p->pieces;
	r->private_bytes = p->private_bytes;
	if (p->first_virt_ns) {
		r->first_piece_ns = clockctl_since_origin(run->clock, p->first_virt_ns);
	}
	if (p->complete_virt_ns && r->complete_ns < 0) {
		r->complete_ns = clockctl_since_origin(run->clock, p->complete_virt_ns);
		run_log(run, "peer %s: complete", peer->name);
		if (peer->group->role == ROLE_LEECH && peer->group->after == AFTER_LEAVE) {
			peer->asked_to_leave = true;
			peer_stop(run, peer);
		}
	}
}

static bool ended_well(struct peer_result *r, const struct group_spec *g)
{
	bool alive = r->end == END_RUNNING || r->end == END_LEFT;

	switch (g->expect) {
	case EXPECT_ANY:
		return true;
	case EXPECT_COMPLETE:
		if (r->complete_ns < 0 && r->end != END_LEFT) {
			return peer_fault(r, "has %llu bytes of the payload, not all",
					  (unsigned long long)r->payload_bytes);
		}
		return alive || r->end == END_EXITED || peer_fault(r, "%s", peer_end_name(r->end));
	case EXPECT_RUNNING:
		return alive || peer_fault(r, "was expected to run to the end, but: %s",
					   peer_end_name(r->end));
	case EXPECT_EXIT:
		return r->end == END_EXITED || peer_fault(r, "was expected to end by itself, but: %s",
							  peer_end_name(r->end));
	}
	return false;
}

void peer_judge(struct run *run, struct peer *peer)
{
	struct peer_result *r = peer->res;

	(void)run;
	if (peer->state < PEER_STARTING) {
		r->end = END_NOT_STARTED;
	}
	r->as_expected = ended_well(r, peer->group) && r->end != END_HUNG &&
		r->end != END_START_FAILED;
	if (r->end == END_HUNG) {
		peer_fault(r, "did not end within %.1f s of its stop signal",
			   (double)peer->group->image->stop_grace_wns / 1e9);
	}
	if (r->as_expected) {
		r->why[0] = '\0';
	}
}
