// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation.  No call may hang, whatever state lento-wire is in: a request waits
 * for room in the socket and for the reply with poll(), beside the pidfd and up to a
 * deadline.  A request that has run out of time leaves its reply behind; the next one
 * skips it by its number.  Not for several threads at once.
 */
#include "wire/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clean.h"
#include "base/fs.h"
#include "timedil/vtime.h"
#include "wire/linkstats.h"
#include "wire/proto.h"

#define REQUEST_TIMEOUT_WMS 5000
#define CAPTURE_END_TIMEOUT_WMS 30000  /* a disk may be slow */
#define EXIT_TIMEOUT_WMS 20000          /* the devices of a thousand peers */

struct wire {
	pid_t pid;
	int pidfd;
	int control;
	uint32_t number;      /* of the last request */
	uint32_t max_links;
	bool ended;           /* reaped; end_reason is set */
	char end_reason[64];
	struct stats stats;
};

/* --- the process --------------------------------------------------------- */

static int reap(struct wire *w)
{
	siginfo_t info = {0};

	if (w->ended) {
		return 0;
	}
	if (waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG)) {
		w->ended = true;
		snprintf(w->end_reason, sizeof(w->end_reason), "ended, status unknown");
		return 0;
	}
	if (info.si_pid == 0) {
		return -1;
	}
	w->ended = true;
	if (info.si_code == CLD_EXITED) {
		snprintf(w->end_reason, sizeof(w->end_reason), "exited with status %d",
			 info.si_status);
	} else {
		snprintf(w->end_reason, sizeof(w->end_reason), "killed by signal %d",
			 info.si_status);
	}
	return 0;
}

const char *wire_end_reason(struct wire *w)
{
	return reap(w) ? "still running" : w->end_reason;
}

pid_t wire_pid(const struct wire *w)
{
	return w->pid;
}

int wire_pidfd(const struct wire *w)
{
	return w->pidfd;
}

/* Descriptors out of the way of those that the child gets by number. */
static int raise_fd(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, 16);

	if (high < 0) {
		return -1;
	}
	close(*fd);
	*fd = high;
	return 0;
}

static int spawn(const struct wire_config *cfg, int control, int stats, pid_t *pid,
		 struct err *err)
{
	char links[24], groups[24], seed[24], buffer[24];
	char *const argv[] = {
		(char *)cfg->program, "--clock", (char *)cfg->clock_page, "--links", links,
		"--groups", groups, "--seed", seed, "--buffer", buffer, NULL,
	};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	snprintf(links, sizeof(links), "%u", cfg->max_links);
	snprintf(groups, sizeof(groups), "%u", cfg->max_groups);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)cfg->seed);
	snprintf(buffer, sizeof(buffer), "%llu", (unsigned long long)cfg->buffer_bytes);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	/* A process group of its own: ^C is for lento, which then ends us in order. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_RDWR, 0);
	if (cfg->log_path) {
		posix_spawn_file_actions_addopen(&files, 2, cfg->log_path,
						 O_WRONLY | O_CREAT | O_APPEND, 0644);
	}
	posix_spawn_file_actions_adddup2(&files, control, PROTO_CONTROL_FD);
	posix_spawn_file_actions_adddup2(&files, stats, PROTO_STATS_FD);
	rc = posix_spawn(pid, cfg->program, &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (rc) {
		errno = rc;
		return err_errno(err, ERR_FAILED, "%s: start", cfg->program);
	}
	return 0;
}

/* --- requests ------------------------------------------------------------ */

static int ended_err(struct wire *w, struct err *err)
{
	return err_set(err, ERR_FAILED, "lento-wire (pid %d) has ended: %s", (int)w->pid,
		       wire_end_reason(w));
}

/* Wait until the control socket has @events; -1 at @deadline or at the end of lento-wire. */
static int await(struct wire *w, short events, wall_t deadline, struct err *err)
{
	for (;;) {
		struct pollfd fds[2] = {
			{.fd = w->control, .events = events},
			{.fd = w->pidfd, .events = POLLIN},
		};
		int64_t left_wns = deadline.ns - wall_now().ns;
		int n = poll(fds, 2, left_wns > 0 ? (int)(left_wns / NS_PER_MS) + 1 : 0);

		if (n < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "lento-wire: poll");
		}
		if (n > 0 && (fds[0].revents & events)) {
			return 0;
		}
		if (n > 0 && (fds[1].revents || fds[0].revents)) {
			/* The socket closes a little before the process is a zombie. */
			struct pollfd end = {.fd = w->pidfd, .events = POLLIN};

			poll(&end, 1, 1000);
			return ended_err(w, err);
		}
		if (n <= 0 && left_wns <= 0) {
			return err_set(err, ERR_FAILED, "lento-wire (pid %d) does not answer",
				       (int)w->pid);
		}
	}
}

static int send_request(struct wire *w, const struct proto_request *req, int fd, wall_t deadline,
			struct err *err)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)req, sizeof(*req)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(w->control, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
			return 0;
		}
		if (errno == EPIPE || errno == ECONNRESET) {
			return await(w, POLLIN, (wall_t){INT64_MIN / 2}, err);
		}
		if (errno != EAGAIN && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "lento-wire: send");
		}
		if (await(w, POLLOUT, deadline, err)) {
			return -1;
		}
	}
}

static int await_reply(struct wire *w, uint32_t number, wall_t deadline, struct err *err)
{
	for (;;) {
		struct proto_reply reply;
		ssize_t n;

		if (await(w, POLLIN, deadline, err)) {
			return -1;
		}
		n = recv(w->control, &reply, sizeof(reply), MSG_DONTWAIT);
		/* It ended without reading all we sent: told once, before what it sent itself. */
		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNRESET)) {
			continue;
		}
		if (n <= 0) {
			struct pollfd end = {.fd = w->pidfd, .events = POLLIN};

			poll(&end, 1, 1000);
			return ended_err(w, err);
		}
		if (n != (ssize_t)sizeof(reply) || reply.version != PROTO_VERSION) {
			return err_set(err, ERR_FAILED,
				       "lento-wire speaks another protocol: rebuild it");
		}
		if (reply.number != number && reply.number != 0) {
			continue;
		}
		if (reply.error) {
			reply.text[sizeof(reply.text) - 1] = '\0';
			return err_set(err, (enum err_kind)reply.error, "lento-wire: %s",
				       reply.text);
		}
		return 0;
	}
}

static int request(struct wire *w, struct proto_request *req, int fd, int timeout_wms,
		   struct err *err)
{
	wall_t deadline = {wall_now().ns + timeout_wms * NS_PER_MS};

	if (++w->number == 0) {
		w->number = 1;
	}
	req->version = PROTO_VERSION;
	req->number = w->number;
	if (send_request(w, req, fd, deadline, err)) {
		return -1;
	}
	return await_reply(w, req->number, deadline, err);
}

int wire_ping(struct wire *w, int timeout_wms, struct err *err)
{
	struct proto_request req = {.kind = PROTO_PING};

	return request(w, &req, -1, timeout_wms, err);
}

static int check_id(const struct wire *w, uint32_t id, struct err *err)
{
	if (id >= w->max_links) {
		return err_set(err, ERR_USAGE, "link %u: there is room for %u", id, w->max_links);
	}
	return 0;
}

int wire_add_link(struct wire *w, uint32_t id, const struct wire_link *link, int tun_fd,
		  struct err *err)
{
	struct proto_request req = {.kind = PROTO_ADD_LINK, .id = id, .link = *link};

	if (check_id(w, id, err)) {
		return -1;
	}
	return request(w, &req, tun_fd, REQUEST_TIMEOUT_WMS, err);
}

int wire_add_answers(struct wire *w, int tun_fd, struct err *err)
{
	struct proto_request req = {.kind = PROTO_ADD_ANSWERS};

	return request(w, &req, tun_fd, REQUEST_TIMEOUT_WMS, err);
}

int wire_add_gateway(struct wire *w, uint32_t id, const struct wire_link *link, struct err *err)
{
	struct proto_request req = {.kind = PROTO_ADD_GATEWAY, .id = id, .link = *link};

	if (check_id(w, id, err)) {
		return -1;
	}
	return request(w, &req, -1, REQUEST_TIMEOUT_WMS, err);
}

int wire_add_forward(struct wire *w, uint32_t id, const struct wire_forward *forward,
		     struct err *err)
{
	struct proto_request req = {.kind = PROTO_ADD_FORWARD, .id = id, .forward = *forward};

	return request(w, &req, -1, REQUEST_TIMEOUT_WMS, err);
}

int wire_set_link(struct wire *w, uint32_t id, const struct wire_link *link, struct err *err)
{
	struct proto_request req = {.kind = PROTO_SET_LINK, .id = id, .link = *link};

	if (check_id(w, id, err)) {
		return -1;
	}
	return request(w, &req, -1, REQUEST_TIMEOUT_WMS, err);
}

int wire_set_delay(struct wire *w, uint32_t group_a, uint32_t group_b, int64_t delay_ns,
		   struct err *err)
{
	struct proto_request req = {
		.kind = PROTO_SET_DELAY,
		.delay = {.group_a = group_a, .group_b = group_b, .delay_ns = delay_ns},
	};

	return request(w, &req, -1, REQUEST_TIMEOUT_WMS, err);
}

int wire_reset_stats(struct wire *w, struct err *err)
{
	struct proto_request req = {.kind = PROTO_RESET_STATS};

	return request(w, &req, -1, REQUEST_TIMEOUT_WMS, err);
}

int wire_add_series(struct wire *w, uint32_t id, const int64_t *values, size_t count,
		    struct err *err)
{
	struct proto_request req = {.kind = PROTO_ADD_SERIES, .id = id};
	CLEAN_CLOSE int fd = memfd_create("lento-wire-series", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || fs_write_all(fd, values, count * sizeof(*values)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE)) {
		return err_errno(err, ERR_FAILED, "series %u", id);
	}
	return request(w, &req, fd, REQUEST_TIMEOUT_WMS, err);
}

int wire_capture(struct wire *w, uint32_t id, const char *name, uint32_t snap_bytes, int fd,
		 struct err *err)
{
	struct proto_request req = {
		.kind = PROTO_CAPTURE, .id = id, .capture = {.snap_bytes = snap_bytes},
	};

	if (check_id(w, id, err)) {
		return -1;
	}
	snprintf(req.capture.name, sizeof(req.capture.name), "%s", name);
	return request(w, &req, fd, REQUEST_TIMEOUT_WMS, err);
}

int wire_capture_end(struct wire *w, struct err *err)
{
	struct proto_request req = {.kind = PROTO_CAPTURE_END};

	return request(w, &req, -1, CAPTURE_END_TIMEOUT_WMS, err);
}

void wire_clock_changed(struct wire *w)
{
	struct proto_request req = {.version = PROTO_VERSION, .kind = PROTO_CLOCK_CHANGED};

	/* If it cannot be sent, lento-wire is behind or dead; it looks at the page by
	 * itself whenever it wakes, so nothing is lost but some punctuality. */
	(void)!send(w->control, &req, sizeof(req), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- life ---------------------------------------------------------------- */

int wire_spawn(const struct wire_config *cfg, struct wire **wire, struct err *err)
{
	struct wire *w = calloc(1, sizeof(*w));
	CLEAN_CLOSE int theirs = -1, stats_fd = -1;
	int pair[2];

	if (!w) {
		return err_errno(err, ERR_FAILED, "lento-wire");
	}
	w->pid = -1;
	w->pidfd = w->control = -1;
	w->max_links = cfg->max_links;
	if (stats_create(&w->stats, cfg->max_links, &stats_fd, err)) {
		goto fail;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err_errno(err, ERR_FAILED, "lento-wire: socketpair");
		goto fail;
	}
	w->control = pair[0];
	theirs = pair[1];
	if (raise_fd(&theirs) || raise_fd(&stats_fd)) {
		err_errno(err, ERR_FAILED, "lento-wire: descriptors");
		goto fail;
	}
	if (spawn(cfg, theirs, stats_fd, &w->pid, err)) {
		goto fail;
	}
	/* Else we would hold their end open ourselves and never see it close. */
	close(take_fd(&theirs));
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (w->pidfd < 0) {
		err_errno(err, ERR_HOST, "lento-wire: pidfd_open (needs Linux 5.3)");
		goto fail;
	}
	if (wire_ping(w, REQUEST_TIMEOUT_WMS, err)) {
		goto fail;
	}
	*wire = w;
	return 0;
fail:
	wire_destroy(w);
	return -1;
}

static void end_process(struct wire *w)
{
	wall_t deadline = {wall_now().ns + EXIT_TIMEOUT_WMS * NS_PER_MS};

	while (reap(w)) {
		struct pollfd end = {.fd = w->pidfd, .events = POLLIN};
		int64_t left_wns = deadline.ns - wall_now().ns;

		if (left_wns <= 0 || w->pidfd < 0) {
			siginfo_t info;

			kill(w->pid, SIGKILL);
			while (waitid(P_PID, (id_t)w->pid, &info, WEXITED) && errno == EINTR) {
			}
			return;
		}
		poll(&end, 1, (int)(left_wns / NS_PER_MS) + 1);
	}
}

void wire_destroy(struct wire *w)
{
	if (!w) {
		return;
	}
	if (w->control >= 0) {
		close(w->control);
	}
	if (w->pid > 0) {
		end_process(w);
	}
	if (w->pidfd >= 0) {
		close(w->pidfd);
	}
	stats_unmap(&w->stats);
	free(w);
}

/* --- counters ------------------------------------------------------------ */

const struct wire_link_stats *wire_link_stats(const struct wire *w, uint32_t id)
{
	return id < w->max_links ? &w->stats.links[id] : NULL;
}

const struct wire_totals *wire_totals(const struct wire *w)
{
	return &w->stats.header->totals;
}

uint64_t wire_pair_bytes(const struct wire *w, uint32_t src, uint32_t dst)
{
	return __atomic_load_n(&w->stats.pairs[(size_t)src * w->max_links + dst].bytes,
			       __ATOMIC_RELAXED);
}

uint64_t wire_pair_packets(const struct wire *w, uint32_t src, uint32_t dst)
{
	return __atomic_load_n(&w->stats.pairs[(size_t)src * w->max_links + dst].packets,
			       __ATOMIC_RELAXED);
}
