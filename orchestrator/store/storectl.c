/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/storectl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A lento that does not read its replies is not waited for: the reply is lost. */
static int send_reply(int fd, uint16_t type, uint64_t seq, const struct err *why)
{
	struct store_reply reply = {
		.magic = STORE_PROTO_MAGIC,
		.version = STORE_PROTO_VERSION,
		.type = type,
		.seq = seq,
		.err_kind = why ? (uint32_t)why->kind : 0,
	};

	if (why) {
		snprintf(reply.text, sizeof(reply.text), "%.*s", STORE_TEXT_BYTES - 1, why->msg);
	}
	ssize_t n = send(fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL);

	return n == (ssize_t)sizeof(reply) ? 0 : -1;
}

int storectl_ready(int fd, const struct err *why)
{
	return send_reply(fd, STORE_READY, 0, why);
}

static int answer(const struct storectl *ctl, struct store_request *request)
{
	struct err err = { 0 };
	int rc = 0;

	request->name[sizeof(request->name) - 1] = '\0';
	switch (request->type) {
	case STORE_PING:
	case STORE_EXIT:
		break;
	case STORE_ADD_PEER:
		rc = server_add_peer(ctl->server, request->index, request->name, request->uid,
				     request->gid, request->complete != 0, &err);
		break;
	default:
		rc = err_set(&err, ERR_FAILED, "lento-store: unknown request %u", request->type);
	}
	return send_reply(ctl->fd, request->type, request->seq, rc ? &err : NULL);
}

/* One request.  1: the conversation is over. */
static int serve_socket(const struct storectl *ctl)
{
	struct store_request request;
	ssize_t n = recv(ctl->fd, &request, sizeof(request), MSG_DONTWAIT);

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : 1;
	}
	if (n == 0) {
		return 1;
	}
	if (n != (ssize_t)sizeof(request) || request.magic != STORE_PROTO_MAGIC ||
	    request.version != STORE_PROTO_VERSION) {
		fprintf(stderr, "lento-store: a request of %zd bytes is not of version %d\n", n,
			STORE_PROTO_VERSION);
		return 1;
	}
	(void)answer(ctl, &request);
	return request.type == STORE_EXIT;
}

int storectl_serve(const struct storectl *ctl, struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = ctl->fd, .events = POLLIN },
		{ .fd = ctl->ended_fd, .events = POLLIN },
		{ .fd = ctl->signal_fd, .events = POLLIN },
		{ .fd = ctl->parent_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 4, -1) < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "poll");
		}
		if (fds[1].revents) {
			return err_set(err, ERR_FAILED, "the store was unmounted");
		}
		if (fds[2].revents || fds[3].revents) {
			return 0;
		}
		if (fds[0].revents && serve_socket(ctl)) {
			return 0;
		}
	}
}
