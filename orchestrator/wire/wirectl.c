// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wirectl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clean.h"
#include "wire/proto.h"
#include "wire/wireloop.h"

_Static_assert(sizeof(((struct proto_reply *)0)->text) == sizeof(((struct err *)0)->msg),
	       "a reply carries any error message whole");

/* So that a caller who asks without end does not stop the packets. */
#define REQUESTS_PER_TURN 32

static void reply(int control, uint32_t number, const struct err *err)
{
	struct proto_reply rep = {
		.version = PROTO_VERSION,
		.number = number,
		.error = (uint32_t)err->kind,
	};

	if (err->kind) {
		memcpy(rep.text, err->msg, sizeof(rep.text));
	}
	/* Fails only if lento reads no replies or is gone: its loss either way. */
	(void)!send(control, &rep, sizeof(rep), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void wirectl_refuse(int control, const struct err *err)
{
	reply(control, 0, err);
}

static int add_link(struct wireloop *l, const struct proto_request *req, int *fd, struct err *err)
{
	if (*fd < 0) {
		return err_set(err, ERR_USAGE, "link %u: no TUN descriptor came along", req->id);
	}
	if (req->link.kind != WIRE_PEER) {
		return err_set(err, ERR_USAGE, "link %u: no peer's", req->id);
	}
	if (fabric_add_link(wireloop_fabric(l), wireloop_now(l), req->id, &req->link, err)) {
		return -1;
	}
	if (wireloop_add_port(l, req->id, take_fd(fd), err)) {
		fabric_link_gone(wireloop_fabric(l), req->id);
		return -1;
	}
	return 0;
}

static int add_gateway(struct wireloop *l, const struct proto_request *req, struct err *err)
{
	if (req->link.kind != WIRE_GATEWAY) {
		return err_set(err, ERR_USAGE, "link %u: no gateway's", req->id);
	}
	return fabric_add_link(wireloop_fabric(l), wireloop_now(l), req->id, &req->link, err);
}

static int add_answers(struct wireloop *l, int *fd, struct err *err)
{
	if (*fd < 0) {
		return err_set(err, ERR_USAGE, "answers: no TUN descriptor came along");
	}
	return wireloop_add_answers(l, take_fd(fd), err);
}

static int add_series(struct wireloop *l, const struct proto_request *req, const int *fd,
		      struct err *err)
{
	CLEAN_FREE int64_t *values = NULL;
	struct stat st;

	if (*fd < 0 || fstat(*fd, &st) || st.st_size <= 0 || st.st_size % sizeof(*values)) {
		return err_set(err, ERR_USAGE, "series %u: no file with values came along", req->id);
	}
	values = malloc((size_t)st.st_size);
	if (!values || pread(*fd, values, (size_t)st.st_size, 0) != st.st_size) {
		return err_errno(err, ERR_FAILED, "series %u", req->id);
	}
	return fabric_add_series(wireloop_fabric(l), req->id, take_ptr(values),
				 (size_t)st.st_size / sizeof(*values), err);
}

static int start_capture(struct wireloop *l, const struct proto_request *req, int *fd,
			 struct err *err)
{
	char name[sizeof(req->capture.name)];

	if (*fd < 0) {
		return err_set(err, ERR_USAGE, "link %u: no file came along", req->id);
	}
	memcpy(name, req->capture.name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	return wireloop_capture(l, req->id, name, req->capture.snap_bytes, take_fd(fd), err);
}

static int serve(struct wireloop *l, const struct proto_request *req, int *fd, struct err *err)
{
	switch (req->kind) {
	case PROTO_PING:
		return 0;
	case PROTO_ADD_LINK:
		return add_link(l, req, fd, err);
	case PROTO_ADD_ANSWERS:
		return add_answers(l, fd, err);
	case PROTO_ADD_GATEWAY:
		return add_gateway(l, req, err);
	case PROTO_ADD_FORWARD:
		return fabric_add_forward(wireloop_fabric(l), req->id, &req->forward, err);
	case PROTO_ADD_SERIES:
		return add_series(l, req, fd, err);
	case PROTO_SET_LINK:
		return fabric_set_link(wireloop_fabric(l), wireloop_now(l), req->id, &req->link,
				       err);
	case PROTO_SET_DELAY:
		return fabric_set_delay(wireloop_fabric(l), req->delay.group_a,
					req->delay.group_b, req->delay.delay_ns, err);
	case PROTO_RESET_STATS:
		wireloop_reset_stats(l);
		return 0;
	case PROTO_CAPTURE:
		return start_capture(l, req, fd, err);
	case PROTO_CAPTURE_END:
		wireloop_capture_end(l);
		return 0;
	case PROTO_CLOCK_CHANGED:
		wireloop_load_clock(l);
		return 0;
	default:
		return err_set(err, ERR_USAGE, "request of unknown kind %u", req->kind);
	}
}

/* One message; its descriptor, if any, to *fd.  As recvmsg(). */
static ssize_t receive(int control, struct proto_request *req, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec iov = {req, sizeof(*req)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.buf,
		.msg_controllen = sizeof(ancillary.buf),
	};
	ssize_t n = recvmsg(control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(fd, CMSG_DATA(cmsg), sizeof(int));
	}
	return n;
}

bool wirectl_serve(struct wireloop *l, int control)
{
	for (int i = 0; i < REQUESTS_PER_TURN; i++) {
		struct proto_request req;
		struct err err = {0};
		CLEAN_CLOSE int fd = -1;
		ssize_t n = receive(control, &req, &fd);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN;
		}
		if (n == 0) {
			return false;
		}
		if (n != (ssize_t)sizeof(req) || req.version != PROTO_VERSION) {
			err_set(&err, ERR_FAILED, "request of another protocol version");
			reply(control, 0, &err);
			continue;
		}
		serve(l, &req, &fd, &err);
		if (req.kind != PROTO_CLOCK_CHANGED) {
			reply(control, req.number, &err);
		}
	}
	return true;
}
