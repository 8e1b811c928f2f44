// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run_prepare - everything that must stand before a client may start, and its undoing.
 *
 * The order is the order of recovery: first the run's directory (state.h), which
 * `lento destroy` finds; then namespaces of our own for mounts and for network
 * devices, which the kernel takes away with the last process in them; then what
 * lives in them.  Nothing here touches the host's own mounts, devices or routes.
 */
#include "run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "control.h"
#include "paths.h"
#include "timedil/kick.h"

/* --- directories ---------------------------------------------------------------- */

/* results/latest always points to a run, never to nothing: renamed into place. */
static int point_latest(const struct run *run, struct err *err)
{
	CLEAN_FREE char *link_path = str_format("%s/latest", run->opt->results_root);
	CLEAN_FREE char *tmp = str_format("%s.tmp.%d", link_path, (int)getpid());

	unlink(tmp);
	if (symlink(run->state->id, tmp) || rename(tmp, link_path)) {
		return err_errno(err, ERR_FAILED, "%s", link_path);
	}
	return 0;
}

static int make_results_dir(struct run *run, struct err *err)
{
	CLEAN_FREE char *resolved = NULL;
	CLEAN_FCLOSE FILE *f = NULL;
	char *root;

	if (fs_mkdirs(run->opt->results_root, 0755, err)) {
		return -1;
	}
	root = realpath(run->opt->results_root, NULL);
	if (!root) {
		return err_errno(err, ERR_FAILED, "%s", run->opt->results_root);
	}
	run->results_dir = str_format("%s/%s", root, run->state->id);
	free(root);
	if (mkdir(run->results_dir, 0755)) {
		return err_errno(err, ERR_FAILED, "results directory %s", run->results_dir);
	}
	run->state->results_dir = str_format("%s", run->results_dir);
	if (state_save(run->state, err) || point_latest(run, err)) {
		return -1;
	}
	resolved = str_format("%s/experiment.resolved.yaml", run->results_dir);
	f = fopen(resolved, "we");
	if (!f || experiment_print(run->exp, f) || fflush(f)) {
		return err_errno(err, ERR_FAILED, "%s", resolved);
	}
	return 0;
}

static int make_dirs(struct run *run, struct err *err)
{
	const char *base = run->state->dir;

	run->ns_dir = str_format("%s/ns", base);
	run->share_dir = str_format("%s/ns/share", base);
	run->store_dir = str_format("%s/ns/store", base);
	run->private_dir = str_format("%s/private", base);
	return fs_mkdirs(run->ns_dir, 0755, err) || fs_mkdirs(run->private_dir, 0755, err) ? -1 : 0;
}

/* --- namespaces ------------------------------------------------------------------- */

static int loopback_up(struct err *err)
{
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr)) {
		return err_errno(err, ERR_FAILED, "loopback device of the run's network namespace");
	}
	return 0;
}

static int enter_namespaces(struct run *run, struct err *err)
{
	if (run->opt->backend == BACKEND_NULL) {
		return fs_mkdirs(run->share_dir, 0755, err);
	}
	run->host_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (run->host_netns < 0 || unshare(CLONE_NEWNS | CLONE_NEWNET)) {
		return err_errno(err, ERR_HOST, "mount and network namespaces of the run (root is "
				 "needed: sudo lento run ...)");
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("lento", run->ns_dir, "tmpfs", MS_NOSUID, "mode=0755")) {
		return err_errno(err, ERR_HOST, "private mounts of the run");
	}
	if (loopback_up(err)) {
		return -1;
	}
	return fs_mkdirs(run->share_dir, 0755, err) || fs_mkdirs(run->store_dir, 0755, err) ? -1 : 0;
}

/* --- what the peers share ---------------------------------------------------------- */

static int copy_program(const struct run *run, const char *name, struct err *err)
{
	CLEAN_FREE char *from = NULL;
	CLEAN_FREE char *to = str_format("%s/%s", run->share_dir, name);
	CLEAN_FREE char *bytes = NULL;
	size_t len;

	if (paths_program(name, &from, err) || fs_read(from, &bytes, &len, err) ||
	    fs_write_atomic(to, bytes, len, err)) {
		return -1;
	}
	return chmod(to, 0755) ? err_errno(err, ERR_FAILED, "%s", to) : 0;
}

static void find_tracker(struct run *run)
{
	for (size_t g = 0; g < run->exp->group_count; g++) {
		const struct group_spec *spec = &run->exp->groups[g];

		if (spec->role != ROLE_TRACKER) {
			continue;
		}
		units_format_ip(experiment_peer_ip(run->exp, spec->first_peer), run->tracker_ip,
				sizeof(run->tracker_ip));
		if (run->opt->backend == BACKEND_NULL) {
			snprintf(run->tracker_ip, sizeof(run->tracker_ip), "127.0.0.1");
		}
		run->tracker_port = spec->image->port;
		break;
	}
	snprintf(run->announce, sizeof(run->announce), "http://%s:%u/announce",
		 run->tracker_port ? run->tracker_ip : "192.0.2.1",
		 run->tracker_port ? run->tracker_port : 6969);
}

static int make_payload(struct run *run, struct err *err)
{
	const struct payload_spec *p = &run->exp->payload;
	CLEAN_FREE char *dir = str_format("%s/payload", run->state->dir);
	CLEAN_FREE char *torrent = str_format("%s/swarm.torrent", run->share_dir);

	find_tracker(run);
	if (!p->size_bytes) {
		return 0;
	}
	if (p->path) {
		run->payload_path = str_format("%s", p->path);
	} else {
		run->payload_path = str_format("%s/%s", dir, p->name);
		if (fs_mkdirs(dir, 0755, err) ||
		    payload_generate(run->payload_path, p->size_bytes, run->exp->seed, err)) {
			return -1;
		}
	}
	return torrent_write(torrent, run->payload_path, p->name, p->piece_bytes, run->announce,
			     &run->torrent, err);
}

/* --- the clock ---------------------------------------------------------------------- */

static void tell_runtime(struct run *run)
{
	struct vclock clk;

	clockctl_load(run->clock, &clk);
	rt_set_clock(run->rt, &clk);
}

static void kick_one(pid_t pid, void *arg)
{
	(void)arg;
	kick_process(pid);
}

/* Tell everybody who sleeps on the old rate; they then compute their waits anew. */
static void clock_changed(void *arg)
{
	struct run *run = arg;

	if (run->rt) {
		tell_runtime(run);
	}
	if (run->wire) {
		wire_clock_changed(run->wire);
	}
	for (uint32_t i = 0; run->peers && i <= run->exp->peer_count; i++) {
		if (run->peers[i].box) {
			rt_peer_each_pid(run->peers[i].box, kick_one, NULL);
		}
	}
}

static int make_clock(struct run *run, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/clock", run->share_dir);

	if (clockctl_create(path, run->exp->tdf, &run->clock, err)) {
		return -1;
	}
	clockctl_listen(run->clock, clock_changed, run);
	return 0;
}

/* --- helper processes ----------------------------------------------------------------- */

static int start_store(struct run *run, struct err *err)
{
	CLEAN_FREE char *program = NULL;
	CLEAN_FREE char *page = str_format("%s/clock", run->share_dir);
	CLEAN_FREE char *log = str_format("%s/lento-store.log", run->results_dir);

	if (!run->exp->payload.size_bytes) {
		return 0;
	}
	if (paths_program("lento-store", &program, err)) {
		return -1;
	}
	struct store_config cfg = {
		.program = program, .clock_page = page, .mountpoint = run->store_dir,
		.payload_path = run->payload_path, .payload_name = run->exp->payload.name,
		.backing_dir = run->private_dir, .log_path = log,
		.piece_bytes = run->exp->payload.piece_bytes,
		.max_peers = run->exp->peer_count + 1,
	};

	if (store_spawn(&cfg, &run->store, err)) {
		return -1;
	}
	run->state->store = proc_id_of(store_pid(run->store));
	return state_save(run->state, err) ||
		run_watch(run, store_pidfd(run->store), TAG_STORE, err) ? -1 : 0;
}

static int start_wire(struct run *run, struct err *err)
{
	CLEAN_FREE char *program = NULL;
	CLEAN_FREE char *page = str_format("%s/clock", run->share_dir);
	CLEAN_FREE char *log = str_format("%s/lento-wire.log", run->results_dir);

	if (paths_program("lento-wire", &program, err)) {
		return -1;
	}
	struct wire_config cfg = {
		.program = program, .clock_page = page, .log_path = log,
		.max_links = run->exp->peer_count + 1 + run->exp->gateway_count,
		.max_groups = (uint32_t)(run->exp->group_count + run->exp->lan_count) + 1,
		.seed = run->exp->seed,
	};

	if (wire_spawn(&cfg, &run->wire, err)) {
		return -1;
	}
	run->state->wire = proc_id_of(wire_pid(run->wire));
	if (state_save(run->state, err) || run_watch(run, wire_pidfd(run->wire), TAG_WIRE, err)) {
		return -1;
	}
	for (uint32_t i = 0; i < run->exp->series_count; i++) {
		const struct series_spec *s = run->exp->series[i];

		if (wire_add_series(run->wire, i, s->values, s->count, err)) {
			return err_wrap(err, "%s", s->path);
		}
	}
	for (size_t i = 0; i < run->exp->delay_count; i++) {
		const struct delay_spec *d = &run->exp->delays[i];

		if (wire_set_delay(run->wire, d->a, d->b, d->delay_ns, err)) {
			return -1;
		}
	}
	return run_add_gateways(run, err);
}

static int start_helpers(struct run *run, struct err *err)
{
	if (run->opt->backend == BACKEND_NULL) {
		return 0;
	}
	return start_store(run, err) || start_wire(run, err) ? -1 : 0;
}

/* --- run-time and peers ---------------------------------------------------------------- */

static int make_runtime(struct run *run, struct err *err)
{
	static const enum rt_congestion congestions[] = {
		[CONGESTION_RENO] = RT_RENO, [CONGESTION_CUBIC] = RT_CUBIC, [CONGESTION_HOST] = RT_HOST,
	};
	CLEAN_FREE char *socket_path = str_format("%s/init.sock", run->share_dir);
	CLEAN_FREE char *policy = NULL;

	if (paths_share("seccomp.policy", &policy, err) || copy_program(run, "lento-init", err) ||
	    copy_program(run, "libtimedil.so", err) ||
	    initlink_listen(socket_path, run->exp->peer_count + 1, &run->init, err) ||
	    run_watch(run, initlink_fd(run->init), TAG_INIT, err)) {
		return -1;
	}
	struct rt_config cfg = {
		.run_id = run->state->id, .state_dir = run->state->dir, .ns_dir = run->ns_dir,
		.share_dir = run->share_dir, .seccomp_policy = policy, .userns = true,
		.tcp = {
			.congestion = congestions[run->exp->tcp.congestion], .wall = !run->exp->tcp.dilate,
		},
	};

	if (run->opt->backend == BACKEND_NULL ? rt_null_create(&cfg, &run->rt, err)
					      : rt_lxc_create(&cfg, &run->rt, err)) {
		return -1;
	}
	tell_runtime(run);
	return 0;
}

static int order_by_start(const void *a, const void *b, void *arg)
{
	const int64_t *times = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (times[x] != times[y]) {
		return times[x] < times[y] ? -1 : 1;
	}
	return x < y ? -1 : x > y;
}

static int make_peers(struct run *run, struct err *err)
{
	uint32_t n = run->exp->peer_count;

	run->peers = calloc(n + 1, sizeof(*run->peers));
	run->res.peers = calloc(n, sizeof(*run->res.peers));
	run->start_times = experiment_start_times(run->exp);
	run->start_order = calloc(n, sizeof(*run->start_order));
	run->steps = experiment_event_steps(run->exp, &run->step_count);
	if (!run->peers || !run->res.peers || !run->start_times || !run->start_order) {
		return err_errno(err, ERR_FAILED, "%u peers", n);
	}
	run->res.peer_count = n;
	for (uint32_t i = 0; i < n; i++) {
		struct peer *p = &run->peers[i];

		*p = (struct peer) {
			.index = i, .name = experiment_peer_name(run->exp, i),
			.group = experiment_group_of(run->exp, i), .res = &run->res.peers[i],
		};
		*p->res = (struct peer_result) {
			.name = p->name, .group = p->group->name, .image = p->group->image_name,
			.role = p->group->role, .ip = experiment_peer_ip(run->exp, i),
			.scheduled_ns = run->start_times[i], .started_ns = -1, .ready_ns = -1,
			.first_piece_ns = -1, .complete_ns = -1, .ended_ns = -1,
			.exit_status = -1, .verified = -1, .up_wns = -1,
		};
		for (int step = 0; step < LAUNCH_STEP_COUNT; step++) {
			p->res->launch_wns[step] = -1;
		}
		run->start_order[i] = i;
	}
	run->peers[n] = (struct peer) { .index = n, .name = str_format("probe") };
	qsort_r(run->start_order, n, sizeof(*run->start_order), order_by_start, run->start_times);
	return 0;
}

/* A thousand peers need a few descriptors each; the hard limit is the host's. */
static void raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

/* Raise what this host has set too low for the swarm; put back at the end. */
static int fix_host(struct run *run, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/hostfix.json", run->state->dir);

	return run->opt->fix ? hostcheck_fix_apply(&run->check, path, err) : 0;
}

/* Some knobs below /proc/sys/net are there in the host's network namespace alone. */
static void unfix_host(struct run *run)
{
	CLEAN_FREE char *path = str_format("%s/hostfix.json", run->state->dir);
	struct err err = { 0 };

	if (run->host_netns >= 0 && setns(run->host_netns, CLONE_NEWNET)) {
		fprintf(stderr, "lento: returning to the host's network: %s\n", strerror(errno));
	}
	if (hostcheck_fix_restore(path, &err)) {
		fprintf(stderr, "lento: %s\n", err.msg);
	}
}

static int make_loop(struct run *run, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (run->signal_fd < 0 || run->epoll_fd < 0) {
		return err_errno(err, ERR_FAILED, "event loop");
	}
	return run_watch(run, run->signal_fd, TAG_SIGNAL, err);
}

/*
 * Best effort; and after the launcher has been started, from which the peers have their
 * nice value.
 */
static void be_prompt(struct run *run)
{
	run->nice_before = getpriority(PRIO_PROCESS, 0);
	run->prompt = run->nice_before > PROMPT_NICE && setpriority(PRIO_PROCESS, 0, PROMPT_NICE) == 0;
}

int run_prepare(struct run *run, struct err *err)
{
	raise_descriptor_limit();
	if (make_loop(run, err) ||
	    state_create(run->exp->name, run->exp->seed, run->exp->path, run->opt->results_root, &run->state,
			 err) ||
	    fix_host(run, err) ||
	    make_results_dir(run, err) || make_dirs(run, err) || enter_namespaces(run, err) ||
	    make_payload(run, err) || make_clock(run, err) || make_peers(run, err) ||
	    control_listen(run, &run->control, err) ||
	    run_watch(run, control_fd(run->control), TAG_CONTROL, err) ||
	    start_helpers(run, err) || make_runtime(run, err)) {
		return -1;
	}
	run->res.run_id = run->state->id;
	run->res.launch_wns = -1;
	run->res.dir = run->results_dir;
	snprintf(run->res.started_at, sizeof(run->res.started_at), "%s", run->state->started_at);
	run->res.unscaled = rt_unscaled(run->rt);
	if (host_sampler_open(run->results_dir, "", run->begun, clockctl_now(run->clock), &run->host, err) ||
	    timeline_open(run->results_dir, &run->timeline, err)) {
		return -1;
	}
	be_prompt(run);
	return run_boot(run, err);
}

/* --- undoing ----------------------------------------------------------------------------- */

static void destroy_peers(struct run *run)
{
	if (run->rt) {
		rt_kill_all(run->rt);
	}
	for (uint32_t i = 0; run->peers && i <= run->exp->peer_count; i++) {
		rt_peer_destroy(run->peers[i].box);
		free(run->peers[i].name);
	}
	free(run->peers);
	run->peers = NULL;
}

void run_teardown(struct run *run)
{
	struct err err = { 0 };
	unsigned killed = 0;

	run_log(run, "teardown");
	destroy_peers(run);
	rt_destroy(run->rt);
	run_log(run, "teardown: containers gone");
	initlink_destroy(run->init);
	wire_destroy(run->wire);
	store_destroy(run->store);
	run_log(run, "teardown: devices and payload store gone");
	/* What hung in the store can die only now. */
	if (run->state && run->opt->backend == BACKEND_LXC &&
	    rt_purge(run->state->id, &killed, &err)) {
		fprintf(stderr, "lento: %s\n", err.msg);
	}
	control_destroy(run->control);
	host_sampler_close(run->host);
	timeline_close(run->timeline);
	traffic_close(run->traffic);
	free(run->group_names);
	run_course_destroy(run);
	clockctl_destroy(run->clock);
	verdict_clear(&run->res);
	free(run->res.peers);
	free(run->res.calibration);
	free(run->res.pair_bytes);
	free(run->res.gateways);
	free(run->start_times);
	free(run->wans);
	free(run->start_order);
	free(run->steps);
	free(run->late_before);
	if (run->ns_dir && run->opt->backend == BACKEND_LXC) {
		umount2(run->ns_dir, MNT_DETACH);
	}
	if (run->state) {
		unfix_host(run);
	}
	if (run->state && state_remove(run->state, &err)) {
		fprintf(stderr, "lento: %s\n", err.msg);
	}
	free(run->results_dir);
	free(run->ns_dir);
	free(run->share_dir);
	free(run->store_dir);
	free(run->private_dir);
	free(run->payload_path);
	if (run->epoll_fd >= 0) {
		close(run->epoll_fd);
	}
	if (run->signal_fd >= 0) {
		close(run->signal_fd);
	}
	if (run->host_netns >= 0) {
		close(run->host_netns);
	}
	if (run->prompt) {
		setpriority(PRIO_PROCESS, 0, run->nice_before);
	}
}
