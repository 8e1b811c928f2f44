// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * initlink - the listening side.
 *
 * One epoll instance holds the listening socket and every connection; its
 * descriptor is what the caller watches.  One event is fetched at a time, so a
 * connection closed meanwhile is never named by a stale event, and the kernel's
 * round robin keeps one busy peer from hiding the others.
 *
 * A connection is a stranger until its HELLO shows the token of an expected peer.
 * Strangers are few (MAX_STRANGERS): one more replaces the oldest, so a client
 * that opens connections and says nothing locks nobody out for good.
 */
#include "rt/initlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

#define MAX_STRANGERS 256
#define BACKLOG 4096
/* Events looked at without one for the caller, before it gets a turn. */
#define QUIET_EVENTS 256

/* What an epoll event points to. */
struct watch {
	enum { WATCH_LISTEN, WATCH_STRANGER, WATCH_PEER } kind;
	int fd;
};

struct stranger {
	struct watch watch; /* fd -1: free */
	uint64_t since;
};

struct initlink_peer {
	struct watch watch; /* fd -1: not connected */
	uint32_t index;
	bool expected, started;
	struct init_token token;
};

struct initlink {
	char *path;
	int epoll_fd;
	struct watch listener;
	uint64_t accepted;
	struct stranger strangers[MAX_STRANGERS];
	uint32_t peer_count;
	struct initlink_peer peers[];
};

static int watch_add(struct initlink *link, struct watch *watch)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = watch };

	return epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, watch->fd, &ev);
}

static void watch_close(struct watch *watch)
{
	if (watch->fd >= 0) {
		close(watch->fd);
		watch->fd = -1;
	}
}

static int listen_at(struct initlink *link, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (strlen(link->path) >= sizeof(addr.sun_path)) {
		return err_set(err, ERR_FAILED, "%s: longer than the %zu characters of a socket's path",
			       link->path, sizeof(addr.sun_path) - 1);
	}
	strcpy(addr.sun_path, link->path);
	link->listener.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->listener.fd < 0 ||
	    bind(link->listener.fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    chmod(link->path, 0666) || listen(link->listener.fd, BACKLOG) ||
	    watch_add(link, &link->listener)) {
		return err_errno(err, ERR_FAILED, "listening at %s", link->path);
	}
	return 0;
}

int initlink_listen(const char *path, uint32_t max_peers, struct initlink **out, struct err *err)
{
	struct initlink *link = calloc(1, sizeof(*link) + max_peers * sizeof(link->peers[0]));

	if (!link) {
		return err_errno(err, ERR_FAILED, "listening at %s", path);
	}
	link->path = str_format("%s", path);
	link->listener = (struct watch){ WATCH_LISTEN, -1 };
	link->peer_count = max_peers;
	for (uint32_t i = 0; i < max_peers; i++) {
		link->peers[i].watch = (struct watch){ WATCH_PEER, -1 };
		link->peers[i].index = i;
	}
	for (size_t i = 0; i < MAX_STRANGERS; i++) {
		link->strangers[i].watch = (struct watch){ WATCH_STRANGER, -1 };
	}
	link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (link->epoll_fd < 0) {
		err_errno(err, ERR_FAILED, "listening at %s", path);
		initlink_destroy(link);
		return -1;
	}
	if (listen_at(link, err)) {
		initlink_destroy(link);
		return -1;
	}
	*out = link;
	return 0;
}

void initlink_destroy(struct initlink *link)
{
	if (!link) {
		return;
	}
	for (uint32_t i = 0; i < link->peer_count; i++) {
		watch_close(&link->peers[i].watch);
	}
	for (size_t i = 0; i < MAX_STRANGERS; i++) {
		watch_close(&link->strangers[i].watch);
	}
	if (link->listener.fd >= 0) {
		unlink(link->path);
	}
	watch_close(&link->listener);
	if (link->epoll_fd >= 0) {
		close(link->epoll_fd);
	}
	free(link->path);
	free(link);
}

int initlink_expect(struct initlink *link, uint32_t peer, struct init_token *token, struct err *err)
{
	struct initlink_peer *p;

	if (peer >= link->peer_count) {
		return err_set(err, ERR_FAILED, "peer %u: only %u are foreseen", peer, link->peer_count);
	}
	p = &link->peers[peer];
	if (p->watch.fd >= 0) {
		return err_set(err, ERR_FAILED, "peer %u: its lento-init is connected already", peer);
	}
	if (getrandom(p->token.bytes, sizeof(p->token.bytes), 0) != (ssize_t)sizeof(p->token.bytes)) {
		return err_errno(err, ERR_FAILED, "drawing a token for peer %u", peer);
	}
	p->expected = true;
	p->started = false;
	*token = p->token;
	return 0;
}

int initlink_fd(const struct initlink *link)
{
	return link->epoll_fd;
}

static struct stranger *place_for_stranger(struct initlink *link)
{
	struct stranger *oldest = &link->strangers[0];

	for (size_t i = 0; i < MAX_STRANGERS; i++) {
		struct stranger *s = &link->strangers[i];

		if (s->watch.fd < 0) {
			return s;
		}
		if (s->since < oldest->since) {
			oldest = s;
		}
	}
	watch_close(&oldest->watch);
	return oldest;
}

static int accept_stranger(struct initlink *link, struct err *err)
{
	int fd = accept4(link->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct stranger *s;

	if (fd < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) {
			return 0;
		}
		return err_errno(err, ERR_FAILED, "accepting at %s", link->path);
	}
	s = place_for_stranger(link);
	s->watch.fd = fd;
	s->since = ++link->accepted;
	if (watch_add(link, &s->watch)) {
		err_errno(err, ERR_FAILED, "accepting at %s", link->path);
		watch_close(&s->watch);
		return -1;
	}
	return 0;
}

/* In constant time: a wrong token tells nothing of the right one. */
static bool token_equal(const uint8_t *a, const uint8_t *b)
{
	uint8_t differ = 0;

	for (size_t i = 0; i < INIT_TOKEN_BYTES; i++) {
		differ |= a[i] ^ b[i];
	}
	return differ == 0;
}

/* 1: a record, 0: nothing yet, -1: closed or no report. */
static int receive(int fd, struct init_report *rep)
{
	char record[sizeof(*rep) + 1];
	ssize_t n = recv(fd, record, sizeof(record), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	return n > 0 && init_report_parse(record, (size_t)n, rep) ? 1 : -1;
}

static int64_t within(int64_t value, int64_t low)
{
	return value < low ? low : value;
}

static void fill_event(struct init_event *ev, const struct init_report *rep)
{
	ev->virt.ns = rep->virt_ns;
	ev->wall.ns = rep->wall_ns;
	ev->status = rep->status;
	ev->client_pid = rep->client_pid;
	ev->usage.ru_utime = (struct timeval){ within(rep->utime_us, 0) / 1000000,
					       within(rep->utime_us, 0) % 1000000 };
	ev->usage.ru_stime = (struct timeval){ within(rep->stime_us, 0) / 1000000,
					       within(rep->stime_us, 0) % 1000000 };
	ev->usage.ru_maxrss = rep->maxrss_kib;
	ev->usage.ru_minflt = rep->minflt;
	ev->usage.ru_majflt = rep->majflt;
	ev->usage.ru_inblock = rep->inblock;
	ev->usage.ru_oublock = rep->oublock;
	ev->usage.ru_nvcsw = rep->nvcsw;
	ev->usage.ru_nivcsw = rep->nivcsw;
	ev->token = rep->probe_token;
	ev->probe = (struct init_probe_result){
		.sent = rep->sent, .received = rep->received,
		.rtt_min_vns = rep->rtt_min_vns, .rtt_median_vns = rep->rtt_median_vns,
		.rtt_max_vns = rep->rtt_max_vns, .first_vns = rep->first_vns, .last_vns = rep->last_vns,
		.rtt_count = rep->received < INIT_RTT_VALUES ? rep->received : INIT_RTT_VALUES,
		.bytes = rep->probe_bytes,
	};
	memcpy(ev->probe.rtt_vns, rep->rtt_vns, sizeof(ev->probe.rtt_vns));
	memcpy(ev->text, rep->text, sizeof(ev->text));
}

/* A stranger speaks: it becomes its peer, or goes. */
static int hear_stranger(struct initlink *link, struct stranger *s, struct init_event *ev)
{
	struct epoll_event watch = { .events = EPOLLIN };
	struct init_report rep;
	struct initlink_peer *p;
	int rc = receive(s->watch.fd, &rep);

	if (rc == 0) {
		return 0;
	}
	if (rc < 0 || rep.head.kind != INIT_REP_HELLO || rep.peer >= link->peer_count ||
	    !link->peers[rep.peer].expected ||
	    !token_equal(rep.token, link->peers[rep.peer].token.bytes)) {
		watch_close(&s->watch);
		return 0;
	}
	p = &link->peers[rep.peer];
	watch.data.ptr = &p->watch;
	if (epoll_ctl(link->epoll_fd, EPOLL_CTL_MOD, s->watch.fd, &watch)) {
		watch_close(&s->watch);
		return 0;
	}
	p->expected = false;
	explicit_bzero(&p->token, sizeof(p->token));
	p->watch.fd = take_fd(&s->watch.fd);
	fill_event(ev, &rep);
	ev->kind = INIT_HELLO;
	ev->peer = p->index;
	ev->from = p;
	return 1;
}

static int hear_peer(struct initlink_peer *p, struct init_event *ev)
{
	static const enum init_event_kind kinds[] = {
		[INIT_REP_STARTED] = INIT_STARTED, [INIT_REP_READY] = INIT_READY,
		[INIT_REP_NOT_READY] = INIT_NOT_READY, [INIT_REP_FAILED] = INIT_FAILED,
		[INIT_REP_EXITED] = INIT_EXITED, [INIT_REP_PROBE] = INIT_PROBE,
	};
	struct init_report rep;
	int rc = receive(p->watch.fd, &rep);

	if (rc == 0) {
		return 0;
	}
	ev->peer = p->index;
	ev->from = p;
	if (rc < 0 || rep.head.kind == INIT_REP_HELLO || rep.peer != p->index) {
		watch_close(&p->watch);
		ev->kind = INIT_GONE;
		ev->wall = wall_now();
		if (rc > 0) {
			snprintf(ev->text, sizeof(ev->text), "its lento-init broke the protocol");
		}
		return 1;
	}
	fill_event(ev, &rep);
	ev->kind = kinds[rep.head.kind];
	return 1;
}

int initlink_next(struct initlink *link, struct init_event *event, struct err *err)
{
	memset(event, 0, sizeof(*event));
	for (int i = 0; i < QUIET_EVENTS; i++) {
		struct epoll_event ev;
		struct watch *watch;
		int rc = epoll_wait(link->epoll_fd, &ev, 1, 0);

		if (rc < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "waiting for peers at %s", link->path);
		}
		if (rc <= 0) {
			return 0;
		}
		watch = ev.data.ptr;
		switch (watch->kind) {
		case WATCH_LISTEN:
			rc = accept_stranger(link, err);
			break;
		case WATCH_STRANGER:
			rc = hear_stranger(link, (struct stranger *)watch, event);
			break;
		default:
			rc = hear_peer((struct initlink_peer *)watch, event);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

struct initlink_peer *initlink_find(struct initlink *link, uint32_t peer)
{
	return peer < link->peer_count && link->peers[peer].watch.fd >= 0 ? &link->peers[peer] : NULL;
}

/* --- commands --------------------------------------------------------------- */

static struct init_command command(enum init_command_kind kind)
{
	return (struct init_command){ .head = { INIT_PROTO_MAGIC, INIT_PROTO_VERSION, (uint16_t)kind } };
}

static int send_command(struct initlink_peer *p, const struct init_command *cmd, int fd, struct err *err)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)cmd, sizeof(*cmd) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (p->watch.fd < 0) {
		return err_set(err, ERR_PEER, "peer %u: its lento-init has gone", p->index);
	}
	if (fd >= 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(p->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(*cmd)) {
		return err_errno(err, ERR_PEER, "peer %u: telling its lento-init", p->index);
	}
	return 0;
}

/* Append @s with its NUL to the blob. */
static int blob_add(FILE *blob, const char *s, size_t *bytes)
{
	size_t len = strlen(s) + 1;

	if (*bytes + len > INIT_BLOB_MAX_BYTES) {
		return -1;
	}
	*bytes += len;
	return fwrite(s, 1, len, blob) == len ? 0 : -1;
}

static int blob_add_list(FILE *blob, char *const *list, uint32_t *count, size_t *bytes)
{
	*count = 0;
	for (; list && list[*count]; (*count)++) {
		if (*count == INIT_BLOB_MAX_STRINGS || blob_add(blob, list[*count], bytes)) {
			return -1;
		}
	}
	return 0;
}

static int write_blob(FILE *blob, const struct init_start *start, struct init_command *cmd)
{
	size_t bytes = 0;

	if (start->file_count > INIT_BLOB_MAX_STRINGS / 2 ||
	    blob_add_list(blob, start->argv, &cmd->argc, &bytes) ||
	    blob_add_list(blob, start->env, &cmd->envc, &bytes)) {
		return -1;
	}
	for (size_t i = 0; i < start->file_count; i++) {
		if (blob_add(blob, start->files[i].path, &bytes) ||
		    blob_add(blob, start->files[i].content, &bytes)) {
			return -1;
		}
	}
	cmd->filec = (uint32_t)start->file_count;
	cmd->blob_bytes = (uint32_t)bytes;
	return fflush(blob) ? -1 : 0;
}

int initlink_start(struct initlink_peer *p, const struct init_start *start, struct err *err)
{
	struct init_command cmd = command(INIT_CMD_START);
	CLEAN_CLOSE int fd = -1;
	CLEAN_FCLOSE FILE *blob = NULL;

	if (p->started) {
		return err_set(err, ERR_FAILED, "peer %u: its client was started already", p->index);
	}
	if (!start->argv || !start->argv[0] || start->argv[0][0] != '/') {
		return err_set(err, ERR_FAILED, "peer %u: the client's path is not absolute", p->index);
	}
	fd = memfd_create("lento-start", MFD_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, ERR_FAILED, "peer %u: memfd", p->index);
	}
	blob = fdopen(fd, "w");
	if (!blob) {
		return err_errno(err, ERR_FAILED, "peer %u: memfd", p->index);
	}
	(void)take_fd(&fd); /* the stream owns it now */
	if (write_blob(blob, start, &cmd)) {
		return err_set(err, ERR_FAILED, "peer %u: command line, environment and files exceed %d bytes",
			       p->index, INIT_BLOB_MAX_BYTES);
	}
	cmd.ready_tcp_port = start->ready_tcp_port;
	cmd.ready_timeout_wns = start->ready_timeout_wns;
	if (send_command(p, &cmd, fileno(blob), err)) {
		return -1;
	}
	p->started = true;
	return 0;
}

int initlink_signal(struct initlink_peer *p, int signo, struct err *err)
{
	struct init_command cmd = command(INIT_CMD_SIGNAL);

	cmd.signo = signo;
	return send_command(p, &cmd, -1, err);
}

int initlink_exit(struct initlink_peer *p, struct err *err)
{
	struct init_command cmd = command(INIT_CMD_EXIT);

	return send_command(p, &cmd, -1, err);
}

int initlink_probe_rtt(struct initlink_peer *p, uint32_t token, uint32_t dst_ip, uint32_t count,
		       uint32_t bytes, int64_t gap_vns, struct err *err)
{
	struct init_command cmd = command(INIT_CMD_PROBE_RTT);

	cmd.token = token;
	cmd.dst_ip = dst_ip;
	cmd.count = count;
	cmd.bytes = bytes;
	cmd.gap_vns = gap_vns;
	return send_command(p, &cmd, -1, err);
}

int initlink_probe_train(struct initlink_peer *p, uint32_t token, uint32_t dst_ip, uint32_t count,
			 uint32_t bytes, struct err *err)
{
	struct init_command cmd = command(INIT_CMD_PROBE_TRAIN);

	cmd.token = token;
	cmd.dst_ip = dst_ip;
	cmd.count = count;
	cmd.bytes = bytes;
	return send_command(p, &cmd, -1, err);
}
