/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store - lento's side (store.h).  No call waits without a bound: replies are
 * awaited together with the end of the process, under a deadline, and nothing here
 * ever looks into the mount, which hangs when the process is stopped.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clean.h"
#include "base/fs.h"
#include "store/blockmap.h"
#include "store/proto.h"
#include "store/reference.h"

#define READY_TIMEOUT_WMS 15000
#define REQUEST_TIMEOUT_WMS 10000
#define EXIT_TIMEOUT_WMS 5000
#define MAX_ARGS 24
#define FIRST_FREE_FD 10 /* above all descriptors with a fixed meaning */

struct store {
	pid_t pid;
	int pidfd, sock, stats_fd;
	uint64_t last_seq;
	uint32_t pieces, max_peers;
	struct store_stats_head *stats;
	size_t stats_bytes;
	char *mountpoint; /* resolved */
	bool ended;
	char reason[96];
};

/* --- the process ----------------------------------------------------------- */

/* What the child needs, all made before the fork. */
struct launch {
	char *argv[MAX_ARGS];
	int argc;
	int sock, stats_fd, null_fd, log_fd; /* log_fd -1: inherit stderr */
};

static void add_arg(struct launch *launch, const char *option, char *value)
{
	if (launch->argc + 3 <= MAX_ARGS) {
		launch->argv[launch->argc++] = str_format("%s", option);
		launch->argv[launch->argc++] = value;
		launch->argv[launch->argc] = NULL;
	}
}

static void free_args(struct launch *launch)
{
	for (int i = 0; i < launch->argc; i++) {
		free(launch->argv[i]);
	}
	launch->argc = 0;
}

static void make_args(struct launch *launch, const struct store_config *cfg)
{
	launch->argv[launch->argc++] = str_format("%s", cfg->program);
	add_arg(launch, "--mountpoint", str_format("%s", cfg->mountpoint));
	add_arg(launch, "--clock-page", str_format("%s", cfg->clock_page));
	add_arg(launch, "--backing", str_format("%s", cfg->backing_dir));
	add_arg(launch, "--max-peers", str_format("%u", cfg->max_peers));
	add_arg(launch, "--private-limit",
		str_format("%llu", (unsigned long long)cfg->private_limit_bytes));
	add_arg(launch, "--parent", str_format("%d", (int)getpid()));
	if (cfg->payload_path) {
		add_arg(launch, "--payload", str_format("%s", cfg->payload_path));
		add_arg(launch, "--piece-bytes",
			str_format("%llu", (unsigned long long)cfg->piece_bytes));
	}
	if (cfg->payload_name) {
		add_arg(launch, "--payload-name", str_format("%s", cfg->payload_name));
	}
}

/* In the child: only what is safe between fork and exec. */
static void run_child(const struct launch *launch) __attribute__((noreturn));
static void run_child(const struct launch *launch)
{
	sigset_t none;
	int sock = fcntl(launch->sock, F_DUPFD, FIRST_FREE_FD);
	int stats = fcntl(launch->stats_fd, F_DUPFD, FIRST_FREE_FD);
	int null = fcntl(launch->null_fd, F_DUPFD, FIRST_FREE_FD);
	int log = fcntl(launch->log_fd < 0 ? STDERR_FILENO : launch->log_fd, F_DUPFD,
			FIRST_FREE_FD);

	if (log < 0) {
		log = null;
	}
	/* A session of its own: ^C on the terminal is for lento, which ends the run. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(null, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
	    dup2(log, STDERR_FILENO) >= 0 && dup2(sock, STORE_CONTROL_FD) >= 0 &&
	    dup2(stats, STORE_STATS_FD) >= 0) {
		(void)syscall(SYS_close_range, STORE_STATS_FD + 1, ~0U, 0);
		execv(launch->argv[0], launch->argv);
	}
	_exit(127);
}

static int open_launch(struct launch *launch, const struct store_config *cfg, struct err *err)
{
	launch->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (launch->null_fd < 0) {
		return err_errno(err, ERR_FAILED, "/dev/null");
	}
	if (cfg->log_path) {
		launch->log_fd = open(cfg->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
				      0644);
		if (launch->log_fd < 0) {
			return err_errno(err, ERR_FAILED, "log of the store %s", cfg->log_path);
		}
	}
	return 0;
}

static int launch_process(struct store *store, const struct store_config *cfg, struct err *err)
{
	struct launch launch = { .sock = -1, .stats_fd = store->stats_fd, .null_fd = -1,
				 .log_fd = -1 };
	int pair[2] = { -1, -1 };
	int rc = -1;

	if (access(cfg->program, X_OK)) {
		return err_errno(err, ERR_FAILED, "program of the store %s", cfg->program);
	}
	if (open_launch(&launch, cfg, err)) {
		goto out;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err_errno(err, ERR_FAILED, "socket to the store");
		goto out;
	}
	launch.sock = pair[1];
	make_args(&launch, cfg);
	store->pid = fork();
	if (store->pid == 0) {
		run_child(&launch);
	}
	if (store->pid < 0) {
		err_errno(err, ERR_FAILED, "starting the store");
		goto out;
	}
	store->sock = take_fd(&pair[0]);
	store->pidfd = (int)syscall(SYS_pidfd_open, store->pid, 0);
	if (store->pidfd < 0) {
		err_errno(err, ERR_HOST, "pidfd of the store");
		goto out;
	}
	rc = 0;
out:
	free_args(&launch);
	for (int i = 0; i < 2; i++) {
		if (pair[i] >= 0) {
			close(pair[i]);
		}
	}
	if (launch.null_fd >= 0) {
		close(launch.null_fd);
	}
	if (launch.log_fd >= 0) {
		close(launch.log_fd);
	}
	return rc;
}

/* Note how it ended, if it has. */
static void reap(struct store *store)
{
	int status;

	if (store->ended || store->pid <= 0 || waitpid(store->pid, &status, WNOHANG) != store->pid) {
		return;
	}
	store->ended = true;
	if (WIFSIGNALED(status)) {
		snprintf(store->reason, sizeof(store->reason), "killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) == 127) {
		snprintf(store->reason, sizeof(store->reason), "could not be executed");
	} else {
		snprintf(store->reason, sizeof(store->reason), "ended with status %d",
			 WEXITSTATUS(status));
	}
}

const char *store_end_reason(struct store *store)
{
	reap(store);
	return store->ended ? store->reason : "running";
}

pid_t store_pid(const struct store *store)
{
	return store->pid;
}

int store_pidfd(const struct store *store)
{
	return store->pidfd;
}

/* --- requests -------------------------------------------------------------- */

static wall_t deadline_after(int timeout_wms)
{
	return (wall_t){ wall_now().ns + timeout_wms * NS_PER_MS };
}

static int left_wms(wall_t deadline)
{
	int64_t left = deadline.ns - wall_now().ns;

	return left <= 0 ? 0 : (int)((left + NS_PER_MS - 1) / NS_PER_MS);
}

static int say_ended(struct store *store, struct err *err)
{
	struct pollfd end = { .fd = store->pidfd, .events = POLLIN };

	/* The socket closes a moment before the process can be reaped. */
	(void)poll(&end, 1, 1000);
	reap(store);
	return err_set(err, ERR_FAILED, "lento-store (pid %d) %s", (int)store->pid,
		       store->ended ? store->reason : "closed its socket");
}

/* Wait for the reply to request @seq; older ones (of calls that timed out) are skipped. */
static int await_reply(struct store *store, uint64_t seq, wall_t deadline, struct err *err)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = store->sock, .events = POLLIN },
			{ .fd = store->pidfd, .events = POLLIN },
		};
		struct store_reply reply;
		int n = poll(fds, 2, left_wms(deadline));

		if (n < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "waiting for lento-store");
		}
		if (n == 0) {
			return err_set(err, ERR_FAILED, "lento-store (pid %d) does not answer",
				       (int)store->pid);
		}
		ssize_t len = recv(store->sock, &reply, sizeof(reply), MSG_DONTWAIT);

		if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR) ||
		    (len < 0 && n > 0 && fds[1].revents)) {
			return say_ended(store, err);
		}
		if (len != (ssize_t)sizeof(reply) || reply.magic != STORE_PROTO_MAGIC ||
		    reply.version != STORE_PROTO_VERSION || reply.seq != seq) {
			continue;
		}
		if (reply.err_kind == ERR_NONE) {
			return 0;
		}
		reply.text[sizeof(reply.text) - 1] = '\0';
		return err_set(err, (enum err_kind)reply.err_kind, "%s", reply.text);
	}
}

static int request(struct store *store, struct store_request *request, int timeout_wms,
		   struct err *err)
{
	wall_t deadline = deadline_after(timeout_wms);

	request->magic = STORE_PROTO_MAGIC;
	request->version = STORE_PROTO_VERSION;
	request->seq = ++store->last_seq;
	for (;;) {
		struct pollfd out = { .fd = store->sock, .events = POLLOUT };
		ssize_t n = send(store->sock, request, sizeof(*request),
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n == (ssize_t)sizeof(*request)) {
			return await_reply(store, request->seq, deadline, err);
		}
		if (errno != EAGAIN && errno != EINTR) {
			return say_ended(store, err);
		}
		if (left_wms(deadline) == 0) {
			return err_set(err, ERR_FAILED, "lento-store (pid %d) does not answer",
				       (int)store->pid);
		}
		(void)poll(&out, 1, left_wms(deadline));
	}
}

int store_ping(struct store *store, int timeout_wms, struct err *err)
{
	struct store_request ping = { .type = STORE_PING };

	return request(store, &ping, timeout_wms, err);
}

int store_add_peer(struct store *store, uint32_t index, const char *name, uid_t uid, gid_t gid,
		   bool complete, struct err *err)
{
	struct store_request add = {
		.type = STORE_ADD_PEER,
		.index = index,
		.uid = uid,
		.gid = gid,
		.complete = complete,
	};

	if (strlen(name) >= sizeof(add.name)) {
		return err_set(err, ERR_FAILED, "peer %u: the name \"%.40s...\" is too long",
			       index, name);
	}
	strcpy(add.name, name);
	return request(store, &add, REQUEST_TIMEOUT_WMS, err);
}

/* --- progress -------------------------------------------------------------- */

uint32_t store_piece_count(const struct store *store)
{
	return store->pieces;
}

const struct store_progress *store_progress(const struct store *store, uint32_t index)
{
	return index < store->max_peers ? store_stats_peer(store->stats, index) : NULL;
}

int64_t store_piece_time(const struct store *store, uint32_t index, uint32_t piece)
{
	if (index >= store->max_peers || piece >= store->pieces) {
		return 0;
	}
	return __atomic_load_n(&store_stats_times(store->stats, index)[piece], __ATOMIC_RELAXED);
}

/* The memory that both sides map, of a size that follows from the configuration. */
static int make_stats(struct store *store, const struct store_config *cfg, struct err *err)
{
	uint64_t pieces = 0;
	struct stat st;

	if (cfg->payload_path) {
		if (cfg->piece_bytes == 0 || cfg->piece_bytes % BLOCK_BYTES) {
			return err_set(err, ERR_USAGE, "piece size %llu is no multiple of %llu",
				       (unsigned long long)cfg->piece_bytes,
				       (unsigned long long)BLOCK_BYTES);
		}
		if (stat(cfg->payload_path, &st)) {
			return err_errno(err, ERR_FAILED, "payload %s", cfg->payload_path);
		}
		pieces = reference_piece_count((uint64_t)st.st_size, cfg->piece_bytes);
	}
	if (pieces > UINT32_MAX || cfg->max_peers == 0 || cfg->max_peers > INT32_MAX) {
		return err_set(err, ERR_USAGE, "a store of %u peers and %llu pieces",
			       cfg->max_peers, (unsigned long long)pieces);
	}
	store->pieces = (uint32_t)pieces;
	store->max_peers = cfg->max_peers;
	store->stats_bytes = store_stats_bytes(cfg->max_peers, store->pieces);
	store->stats_fd = memfd_create("lento-store", MFD_CLOEXEC);
	if (store->stats_fd < 0 || ftruncate(store->stats_fd, (off_t)store->stats_bytes)) {
		return err_errno(err, ERR_FAILED, "statistics memory of the store");
	}
	void *stats = mmap(NULL, store->stats_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			   store->stats_fd, 0);

	if (stats == MAP_FAILED) {
		return err_errno(err, ERR_FAILED, "mapping the statistics of the store");
	}
	store->stats = stats;
	/* The same in the other process; here so that reading works whatever it does. */
	store->stats->max_peers = store->max_peers;
	store->stats->pieces = store->pieces;
	return 0;
}

/* --- lifetime -------------------------------------------------------------- */

int store_spawn(const struct store_config *cfg, struct store **out, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));

	*out = NULL;
	if (!store) {
		return err_errno(err, ERR_FAILED, "store");
	}
	store->pidfd = store->sock = store->stats_fd = -1;
	store->mountpoint = realpath(cfg->mountpoint, NULL);
	if (!store->mountpoint) {
		err_errno(err, ERR_FAILED, "mount point of the store %s", cfg->mountpoint);
		goto fail;
	}
	if (make_stats(store, cfg, err) || launch_process(store, cfg, err)) {
		goto fail;
	}
	if (await_reply(store, 0, deadline_after(READY_TIMEOUT_WMS), err)) {
		goto fail;
	}
	*out = store;
	return 0;
fail:
	store_destroy(store);
	return err_wrap(err, "payload store");
}

/* Undo mountinfo's \ooo in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] && from[2] && from[3]) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/*
 * Is a store still mounted at @mountpoint?  From the table of mounts, as looking at
 * the place itself may hang, and as an unmount too many could hit what the caller
 * mounted there.
 */
static bool is_mounted(const char *mountpoint)
{
	CLEAN_FREE char *table = NULL;
	struct err err;
	char *rest, *line;

	if (fs_read("/proc/self/mountinfo", &table, NULL, &err)) {
		return false;
	}
	rest = table;
	while ((line = strsep(&rest, "\n"))) {
		char *type = strstr(line, " - fuse.lento-store ");
		char *field = line;

		for (int i = 0; type && field && i < 4; i++) {
			field = strchr(field, ' ');
			field = field ? field + 1 : NULL;
		}
		if (type && field) {
			field[strcspn(field, " ")] = '\0';
			unescape(field);
			if (strcmp(field, mountpoint) == 0) {
				return true;
			}
		}
	}
	return false;
}

static void await_end(struct store *store, int timeout_wms)
{
	struct pollfd end = { .fd = store->pidfd, .events = POLLIN };
	wall_t deadline = deadline_after(timeout_wms);

	while (!store->ended && left_wms(deadline) > 0) {
		if (store->pidfd < 0) {
			end.fd = -1;
		}
		(void)poll(&end, 1, store->pidfd < 0 ? 10 : left_wms(deadline));
		reap(store);
	}
}

static void end_process(struct store *store)
{
	struct store_request bye = { .magic = STORE_PROTO_MAGIC, .version = STORE_PROTO_VERSION,
				     .type = STORE_EXIT };

	if (store->pid <= 0) {
		return;
	}
	reap(store);
	if (!store->ended) {
		(void)send(store->sock, &bye, sizeof(bye), MSG_DONTWAIT | MSG_NOSIGNAL);
		close(take_fd(&store->sock));
		await_end(store, EXIT_TIMEOUT_WMS);
	}
	if (!store->ended) {
		(void)kill(store->pid, SIGKILL);
		await_end(store, EXIT_TIMEOUT_WMS);
	}
}

void store_destroy(struct store *store)
{
	if (!store) {
		return;
	}
	end_process(store);
	if (store->pid > 0 && is_mounted(store->mountpoint)) {
		(void)umount2(store->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	for (int i = 0; i < 3; i++) {
		int fd = (int[]){ store->sock, store->pidfd, store->stats_fd }[i];

		if (fd >= 0) {
			close(fd);
		}
	}
	if (store->stats) {
		munmap(store->stats, store->stats_bytes);
	}
	free(store->mountpoint);
	free(store);
}
