// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clean.h"
#include "run_private.h"

#define MAX_CLIENTS 8
#define MAX_REQUEST 4096
#define CALL_TIMEOUT_MS 10000

struct client {
	int fd;                   /* -1: free */
	char request[MAX_REQUEST];
	size_t request_len;
	char *reply;              /* NULL until the request is complete */
	size_t reply_len, sent;
	wall_t since;
};

struct control {
	struct run *run;
	int listen_fd, epoll_fd;
	char *path;
	struct client clients[MAX_CLIENTS];
};

/* --- requests --------------------------------------------------------------- */

static const char *state_name(enum peer_state s)
{
	static const char *const names[] = {
		[PEER_NEW] = "new", [PEER_BOOTED] = "booted", [PEER_WAITING] = "waiting",
		[PEER_STARTING] = "starting", [PEER_RUNNING] = "running", [PEER_READY] = "ready",
		[PEER_STOPPING] = "stopping", [PEER_ENDED] = "ended",
	};

	return names[s];
}

static const char *phase_name(int phase)
{
	static const char *const names[PHASE_COUNT] = {
		"check", "prepare", "calibrate", "start", "run", "stop", "collect",
	};

	return names[phase];
}

static json_t *ok(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *refuse(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

static json_t *do_status(struct run *run, const json_t *req)
{
	struct run_counts c;
	char tdf[24];

	(void)req;
	run_count(run, &c);
	return json_pack("{s:b, s:s, s:I, s:I, s:s, s:b, s:i, s:i, s:i, s:i, s:i}",
			 "ok", 1, "phase", phase_name(run->phase),
			 "virtual_ns", (json_int_t)clockctl_elapsed(run->clock),
			 "wall_ns", (json_int_t)(wall_now().ns - run->begun.ns),
			 "tdf", tdf_format(clockctl_tdf(run->clock), tdf, sizeof(tdf)),
			 "paused", clockctl_paused(run->clock),
			 "peers", (int)run->exp->peer_count, "alive", (int)c.alive,
			 "failed", (int)c.failed, "leechers", (int)c.total,
			 "complete", (int)c.complete);
}

static json_t *do_peers(struct run *run, const json_t *req)
{
	json_t *list = json_array();
	char ip[16];

	(void)req;
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		const struct peer *p = &run->peers[i];
		uint64_t size = run->exp->payload.size_bytes;

		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:s, s:i, s:f, s:s, s:s}",
			"name", p->name, "image", p->group->image_name,
			"ip", units_format_ip(experiment_peer_ip(run->exp, i), ip, sizeof(ip)),
			"state", state_name(p->state),
			"pid", p->box ? (int)rt_peer_pid(p->box) : 0,
			"share_complete", size ? (double)p->res->payload_bytes / (double)size : 0.0,
			"why", p->res->why, "share_dir", p->paths.share));
	}
	return json_pack("{s:b, s:o}", "ok", 1, "peers", list);
}

static json_t *do_set(struct run *run, const json_t *req)
{
	const char *text = json_string_value(json_object_get(req, "tdf"));
	struct tdf tdf;

	if (!text || tdf_parse(text, &tdf)) {
		return refuse("tdf: expected a factor from 1/1000 to 1000, as in 5, 0.2 or 1/8");
	}
	run_log(run, "set tdf %s", text);
	run->pacing = false; /* whoever sets a factor wants that one */
	run_set_tdf(run, tdf);
	return ok();
}

static void freeze_all(struct run *run, bool frozen)
{
	struct err err = { 0 };

	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		struct peer *p = &run->peers[i];

		if (p->box && p->state != PEER_ENDED && rt_peer_freeze(p->box, frozen, &err)) {
			run_log(run, "peer %s: %s", p->name, err.msg);
		}
	}
}

static json_t *do_pause(struct run *run, const json_t *req)
{
	(void)req;
	if (run->phase != PHASE_RUN) {
		return refuse("a run can be paused only in its run phase");
	}
	if (!clockctl_paused(run->clock)) {
		run_log(run, "pause");
		clockctl_pause(run->clock);
		freeze_all(run, true);
	}
	return ok();
}

static json_t *do_resume(struct run *run, const json_t *req)
{
	(void)req;
	if (run->phase == PHASE_RUN && clockctl_paused(run->clock)) {
		run_log(run, "resume");
		freeze_all(run, false);
		clockctl_run(run->clock);
	}
	return ok();
}

static json_t *do_stop(struct run *run, const json_t *req)
{
	(void)req;
	run_log(run, "stop requested");
	run->interrupts++;
	return ok();
}

static const struct {
	const char *name;
	json_t *(*serve)(struct run *run, const json_t *req);
} requests[] = {
	{ "status", do_status }, { "peers", do_peers }, { "set", do_set },
	{ "pause", do_pause }, { "resume", do_resume }, { "stop", do_stop },
};

static json_t *answer(struct run *run, const char *text)
{
	json_t *req = json_loads(text, 0, NULL), *reply = NULL;
	const char *what = json_string_value(json_object_get(req, "do"));

	for (size_t i = 0; what && i < ARRAY_LEN(requests); i++) {
		if (strcmp(what, requests[i].name) == 0) {
			reply = requests[i].serve(run, req);
		}
	}
	json_decref(req);
	return reply ? reply : refuse("not a request that this version of lento knows");
}

/* --- the server --------------------------------------------------------------- */

static void drop(struct client *c)
{
	close(c->fd);
	free(c->reply);
	*c = (struct client) { .fd = -1 };
}

/* Read what is there; 1 when the request is complete, 0 not yet, -1 drop it. */
static int read_request(struct client *c)
{
	ssize_t n = read(c->fd, c->request + c->request_len, MAX_REQUEST - 1 - c->request_len);

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	c->request_len += (size_t)n;
	c->request[c->request_len] = '\0';
	if (memchr(c->request, '\n', c->request_len)) {
		return 1;
	}
	return n == 0 || c->request_len == MAX_REQUEST - 1 ? -1 : 0;
}

static void serve_client(struct control *ctl, struct client *c)
{
	ssize_t n;

	if (!c->reply) {
		int rc = read_request(c);
		json_t *reply;

		if (rc <= 0) {
			if (rc < 0) {
				drop(c);
			}
			return;
		}
		reply = answer(ctl->run, c->request);
		c->reply = json_dumps(reply, JSON_COMPACT);
		json_decref(reply);
		c->reply_len = c->reply ? strlen(c->reply) : 0;
		struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };

		epoll_ctl(ctl->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
	}
	n = send(c->fd, c->reply ? c->reply + c->sent : "", c->reply_len - c->sent, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (n < 0 || c->sent == c->reply_len) {
		drop(c);
	}
}

/* Where all places are taken, the oldest gives way: a silent client blocks nobody. */
static struct client *free_place(struct control *ctl)
{
	struct client *oldest = &ctl->clients[0];

	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct client *c = &ctl->clients[i];

		if (c->fd < 0) {
			return c;
		}
		if (c->since.ns < oldest->since.ns) {
			oldest = c;
		}
	}
	drop(oldest);
	return oldest;
}

static void accept_client(struct control *ctl)
{
	int fd = accept4(ctl->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	if (fd < 0) {
		return;
	}
	c = free_place(ctl);
	c->fd = fd;
	c->since = wall_now();
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(ctl->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		drop(c);
	}
}

void control_serve(struct control *ctl)
{
	struct epoll_event evs[MAX_CLIENTS + 1];
	int n = epoll_wait(ctl->epoll_fd, evs, MAX_CLIENTS + 1, 0);
	bool accepting = false;

	for (int i = 0; i < n; i++) {
		struct client *c = evs[i].data.ptr;

		if (!c) {
			accepting = true;
		} else if (c->fd >= 0) {
			serve_client(ctl, c);
		}
	}
	/* Last, so that no event above is taken for that of a newcomer in its place. */
	if (accepting) {
		accept_client(ctl);
	}
}

static int socket_address(const char *dir, struct sockaddr_un *sa, struct err *err)
{
	*sa = (struct sockaddr_un) { .sun_family = AF_UNIX };
	if ((size_t)snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/control.sock", dir) >=
	    sizeof(sa->sun_path)) {
		return err_set(err, ERR_USAGE, "%s: path too long for a socket; set LENTO_STATE "
			       "to a shorter directory", dir);
	}
	return 0;
}

int control_listen(struct run *run, struct control **out, struct err *err)
{
	struct control *ctl = calloc(1, sizeof(*ctl));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	struct sockaddr_un sa;

	if (!ctl) {
		return err_errno(err, ERR_FAILED, "control socket");
	}
	ctl->run = run;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		ctl->clients[i].fd = -1;
	}
	ctl->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ctl->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (socket_address(run->state->dir, &sa, err)) {
		control_destroy(ctl);
		return -1;
	}
	if (ctl->listen_fd < 0 || ctl->epoll_fd < 0 ||
	    bind(ctl->listen_fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    chmod(sa.sun_path, 0600) || listen(ctl->listen_fd, MAX_CLIENTS) ||
	    epoll_ctl(ctl->epoll_fd, EPOLL_CTL_ADD, ctl->listen_fd, &ev)) {
		err_errno(err, ERR_FAILED, "control socket %s", sa.sun_path);
		control_destroy(ctl);
		return -1;
	}
	ctl->path = str_format("%s", sa.sun_path);
	*out = ctl;
	return 0;
}

void control_destroy(struct control *ctl)
{
	if (!ctl) {
		return;
	}
	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (ctl->clients[i].fd >= 0) {
			drop(&ctl->clients[i]);
		}
	}
	if (ctl->path) {
		unlink(ctl->path);
		free(ctl->path);
	}
	close(ctl->listen_fd);
	close(ctl->epoll_fd);
	free(ctl);
}

int control_fd(const struct control *ctl)
{
	return ctl->epoll_fd;
}

/* --- the caller --------------------------------------------------------------- */

static int exchange(int fd, const char *line, char **text, struct err *err)
{
	wall_t deadline = { wall_now().ns + CALL_TIMEOUT_MS * NS_PER_MS };
	size_t len = strlen(line), used = 0;
	CLEAN_FREE char *buf = NULL;

	if (send(fd, line, len, MSG_NOSIGNAL) != (ssize_t)len) {
		return err_errno(err, ERR_FAILED, "asking the run");
	}
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline.ns - wall_now().ns;
		char *grown = realloc(buf, used + 65536);
		ssize_t n;

		if (!grown) {
			return err_errno(err, ERR_FAILED, "asking the run");
		}
		buf = grown;
		if (left <= 0 || poll(&p, 1, (int)(left / NS_PER_MS) + 1) == 0) {
			return err_set(err, ERR_FAILED, "the run did not answer within %d s: it is busy or "
				       "stopped", CALL_TIMEOUT_MS / 1000);
		}
		n = read(fd, buf + used, 65535);
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return err_errno(err, ERR_FAILED, "asking the run");
		}
		if (n == 0) {
			break;
		}
		used += n > 0 ? (size_t)n : 0;
	}
	buf[used] = '\0';
	*text = take_ptr(buf);
	return 0;
}

int control_call(const struct state *state, json_t *request, json_t **out, struct err *err)
{
	CLEAN_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEAN_FREE char *body = json_dumps(request, JSON_COMPACT);
	CLEAN_FREE char *line = str_format("%s\n", body ? body : "");
	CLEAN_FREE char *text = NULL;
	struct sockaddr_un sa;
	json_t *reply;

	json_decref(request);
	if (fd < 0 || socket_address(state->dir, &sa, err)) {
		return fd < 0 ? err_errno(err, ERR_FAILED, "run %s", state->id) : -1;
	}
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		return err_errno(err, ERR_FAILED, "run %s does not take requests (\"lento destroy %s\" "
				 "removes what is left of it)", state->id, state->id);
	}
	if (exchange(fd, line, &text, err)) {
		return err_wrap(err, "run %s", state->id);
	}
	reply = json_loads(text, 0, NULL);
	if (!json_is_true(json_object_get(reply, "ok"))) {
		err_set(err, ERR_USAGE, "run %s: %s", state->id,
			json_string_value(json_object_get(reply, "error")) ?: "it ended");
		json_decref(reply);
		return -1;
	}
	*out = reply;
	return 0;
}
