// SPDX-License-Identifier: GPL-2.0-or-later
/* initlink against well-behaved and hostile connections, and the blob's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/rng.h"
#include "rt/initlink.h"

#define PEERS 4

struct bed {
	char dir[64], path[96];
	struct initlink *link;
};

static int bed_create(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct err err = { 0 };

	strcpy(bed->dir, "/tmp/test_initlink.XXXXXX");
	assert_non_null(mkdtemp(bed->dir));
	snprintf(bed->path, sizeof(bed->path), "%s/init.sock", bed->dir);
	assert_int_equal(initlink_listen(bed->path, PEERS, &bed->link, &err), 0);
	*state = bed;
	return 0;
}

static int bed_destroy(void **state)
{
	struct bed *bed = *state;

	initlink_destroy(bed->link);
	assert_int_equal(access(bed->path, F_OK), -1);
	rmdir(bed->dir);
	free(bed);
	return 0;
}

static int dial(const struct bed *bed)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, bed->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static struct init_report report(enum init_report_kind kind, uint32_t peer)
{
	return (struct init_report){
		.head = { INIT_PROTO_MAGIC, INIT_PROTO_VERSION, (uint16_t)kind }, .peer = peer,
	};
}

static void say(int fd, const struct init_report *rep)
{
	assert_int_equal(send(fd, rep, sizeof(*rep), MSG_NOSIGNAL), sizeof(*rep));
}

static int dial_as(const struct bed *bed, uint32_t peer, const struct init_token *token)
{
	struct init_report rep = report(INIT_REP_HELLO, peer);
	int fd = dial(bed);

	memcpy(rep.token, token->bytes, sizeof(rep.token));
	say(fd, &rep);
	return fd;
}

/* The connection was closed by the other side. */
static bool closed(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	char c;

	return poll(&pfd, 1, 0) == 1 && recv(fd, &c, 1, MSG_DONTWAIT) <= 0;
}

static int next(struct bed *bed, struct init_event *ev)
{
	struct err err = { 0 };
	int rc = 0;

	/* A turn without an event may still have accepted or refused somebody. */
	for (int i = 0; i < 8 && rc == 0; i++) {
		rc = initlink_next(bed->link, ev, &err);
	}
	if (rc < 0) {
		fail_msg("%s", err.msg);
	}
	return rc;
}

static struct initlink_peer *join(struct bed *bed, uint32_t peer, int *fd)
{
	struct init_token token;
	struct init_event ev;
	struct err err = { 0 };

	assert_int_equal(initlink_expect(bed->link, peer, &token, &err), 0);
	*fd = dial_as(bed, peer, &token);
	assert_int_equal(next(bed, &ev), 1);
	assert_int_equal(ev.kind, INIT_HELLO);
	assert_int_equal(ev.peer, peer);
	assert_ptr_equal(ev.from, initlink_find(bed->link, peer));
	return ev.from;
}

static void test_hello(void **state)
{
	struct bed *bed = *state;
	struct pollfd pfd = { initlink_fd(bed->link), POLLIN, 0 };
	struct init_event ev;
	int fd;

	assert_int_equal(next(bed, &ev), 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_null(initlink_find(bed->link, 1));
	assert_null(initlink_find(bed->link, PEERS));
	join(bed, 1, &fd);
	assert_int_equal(next(bed, &ev), 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	close(fd);
	assert_int_equal(poll(&pfd, 1, 1000), 1);
	assert_int_equal(next(bed, &ev), 1);
	assert_int_equal(ev.kind, INIT_GONE);
	assert_int_equal(ev.peer, 1);
	assert_null(initlink_find(bed->link, 1));
}

static void test_reports(void **state)
{
	struct bed *bed = *state;
	struct init_report rep = report(INIT_REP_EXITED, 2);
	struct init_event ev;
	int fd;

	join(bed, 2, &fd);
	rep.status = 9;
	rep.virt_ns = 17;
	rep.wall_ns = 34;
	rep.utime_us = 2500000;
	rep.stime_us = -5;
	rep.maxrss_kib = 77;
	memset(rep.text, 'x', sizeof(rep.text)); /* no NUL */
	say(fd, &rep);
	assert_int_equal(next(bed, &ev), 1);
	assert_int_equal(ev.kind, INIT_EXITED);
	assert_int_equal(ev.status, 9);
	assert_int_equal(ev.virt.ns, 17);
	assert_int_equal(ev.wall.ns, 34);
	assert_int_equal(ev.usage.ru_utime.tv_sec, 2);
	assert_int_equal(ev.usage.ru_utime.tv_usec, 500000);
	assert_int_equal(ev.usage.ru_stime.tv_usec, 0);
	assert_int_equal(ev.usage.ru_maxrss, 77);
	assert_int_equal(strlen(ev.text), sizeof(ev.text) - 1);
	/* A second HELLO, or another's number, breaks the protocol. */
	rep = report(INIT_REP_READY, 3);
	say(fd, &rep);
	assert_int_equal(next(bed, &ev), 1);
	assert_int_equal(ev.kind, INIT_GONE);
	assert_int_equal(ev.peer, 2);
	assert_true(closed(fd));
	close(fd);
}

static void test_liars(void **state)
{
	struct bed *bed = *state;
	struct init_token token, other, wrong;
	struct init_report rep;
	struct init_event ev;
	struct err err = { 0 };
	int fds[7], fd;

	assert_int_equal(initlink_expect(bed->link, 0, &token, &err), 0);
	assert_int_equal(initlink_expect(bed->link, 1, &other, &err), 0);
	assert_int_equal(initlink_expect(bed->link, PEERS, &wrong, &err), -1);
	wrong = token;
	wrong.bytes[INIT_TOKEN_BYTES - 1] ^= 1;
	fds[0] = dial_as(bed, 0, &wrong);
	fds[1] = dial_as(bed, 0, &other);      /* another peer's token */
	fds[2] = dial_as(bed, 2, &token);      /* nobody expects peer 2 */
	fds[3] = dial_as(bed, UINT32_MAX, &token);
	fds[4] = dial(bed);
	assert_int_equal(send(fds[4], "HELLO", 5, 0), 5);
	fds[5] = dial(bed);
	rep = report(INIT_REP_STARTED, 0);
	say(fds[5], &rep);
	fds[6] = dial(bed);
	rep = report(INIT_REP_HELLO, 0);
	memcpy(rep.token, token.bytes, sizeof(rep.token));
	rep.head.version++;
	say(fds[6], &rep);
	assert_int_equal(next(bed, &ev), 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(closed(fds[i]));
		close(fds[i]);
	}
	fd = dial_as(bed, 0, &token);
	assert_int_equal(next(bed, &ev), 1);
	assert_int_equal(ev.kind, INIT_HELLO);
	/* The token is good for one HELLO. */
	fds[0] = dial_as(bed, 0, &token);
	assert_int_equal(next(bed, &ev), 0);
	assert_true(closed(fds[0]));
	assert_non_null(initlink_find(bed->link, 0));
	assert_int_equal(initlink_expect(bed->link, 0, &token, &err), -1);
	close(fds[0]);
	close(fd);
}

/* Silent connections do not lock out the next peer. */
static void test_crowd(void **state)
{
	struct bed *bed = *state;
	struct init_event ev;
	int crowd[600], fd;

	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		crowd[i] = dial(bed);
	}
	assert_int_equal(next(bed, &ev), 0);
	join(bed, 3, &fd);
	for (size_t i = 0; i < ARRAY_LEN(crowd); i++) {
		close(crowd[i]);
	}
	assert_int_equal(next(bed, &ev), 0);
	assert_non_null(initlink_find(bed->link, 3));
	close(fd);
}

static void test_garbage(void **state)
{
	struct bed *bed = *state;
	struct rng rng;

	rng_seed(&rng, 1);
	for (int round = 0; round < 300; round++) {
		struct init_report rep = report(INIT_REP_READY, 1);
		struct init_event ev;
		char *bytes = (char *)&rep;
		size_t len = sizeof(rep);
		int fd, rc;

		join(bed, 1, &fd);
		if (round % 3 == 0) {
			len = 1 + (size_t)rng_below(&rng, sizeof(rep));
		}
		for (unsigned k = 0; k < 1 + rng_below(&rng, 40); k++) {
			bytes[rng_below(&rng, round % 3 == 1 ? sizeof(struct init_head) : sizeof(rep))] =
				(char)rng_u64(&rng);
		}
		assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
		rc = next(bed, &ev);
		assert_int_equal(rc, 1);
		assert_int_equal(ev.peer, 1);
		assert_true(ev.kind <= INIT_GONE && ev.kind != INIT_HELLO);
		assert_non_null(memchr(ev.text, '\0', sizeof(ev.text)));
		close(fd);
		while (ev.kind != INIT_GONE) {
			assert_int_equal(next(bed, &ev), 1);
		}
	}
}

static void test_commands(void **state)
{
	char *argv[] = { "/bin/x", "a b", "", NULL }, *env[] = { "A=1", NULL };
	struct init_file files[] = { { "/f", "one\ntwo" } };
	struct init_start start = { .argv = argv, .env = env, .files = files, .file_count = 1,
				    .ready_tcp_port = 80, .ready_timeout_wns = 5 };
	static const char expected[] = "/bin/x\0a b\0\0A=1\0/f\0one\ntwo";
	struct bed *bed = *state;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct init_command cmd;
	char record[sizeof(cmd)], blob[sizeof(expected)];
	struct iovec iov = { record, sizeof(record) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	struct err err = { 0 };
	int fd, blob_fd, rc;
	struct initlink_peer *p = join(bed, 0, &fd);

	assert_int_equal(initlink_start(p, &start, &err), 0);
	assert_int_equal(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC), sizeof(cmd));
	assert_true(init_command_parse(record, sizeof(record), &cmd));
	assert_int_equal(cmd.head.kind, INIT_CMD_START);
	assert_int_equal(cmd.argc, 3);
	assert_int_equal(cmd.envc, 1);
	assert_int_equal(cmd.filec, 1);
	assert_int_equal(cmd.ready_tcp_port, 80);
	assert_int_equal(cmd.blob_bytes, sizeof(expected));
	memcpy(&blob_fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(blob_fd));
	assert_int_equal(pread(blob_fd, blob, sizeof(blob), 0), sizeof(expected));
	assert_memory_equal(blob, expected, sizeof(expected));
	close(blob_fd);
	assert_int_equal(initlink_start(p, &start, &err), -1); /* once */
	/* A peer that does not read: an error, no wait. */
	for (rc = 0; rc == 0; ) {
		rc = initlink_signal(p, 15, &err);
	}
	assert_int_equal(err.kind, ERR_PEER);
	close(fd);
	assert_int_equal(initlink_exit(p, &err), -1);
}

static void test_too_big(void **state)
{
	struct bed *bed = *state;
	CLEAN_FREE char *big = malloc(INIT_BLOB_MAX_BYTES + 1);
	char *argv[] = { "/bin/x", big, NULL }, *relative[] = { "x", NULL };
	struct init_start start = { .argv = argv };
	struct err err = { 0 };
	int fd;
	struct initlink_peer *p = join(bed, 0, &fd);

	memset(big, 'x', INIT_BLOB_MAX_BYTES);
	big[INIT_BLOB_MAX_BYTES] = '\0';
	assert_int_equal(initlink_start(p, &start, &err), -1);
	start.argv = relative;
	assert_int_equal(initlink_start(p, &start, &err), -1);
	close(fd);
}

static void test_blob(void **state)
{
	char blob[] = "one\0\0two\0cut";
	size_t at = 0, bytes = sizeof(blob) - 1; /* without the last NUL */

	(void)state;
	assert_string_equal(init_blob_next(blob, bytes, &at), "one");
	assert_string_equal(init_blob_next(blob, bytes, &at), "");
	assert_string_equal(init_blob_next(blob, bytes, &at), "two");
	assert_null(init_blob_next(blob, bytes, &at));
	at = 0;
	assert_null(init_blob_next(blob, 0, &at));
	at = bytes;
	assert_null(init_blob_next(blob, bytes, &at));
}

static void test_command_bounds(void **state)
{
	struct init_command cmd = { .head = { INIT_PROTO_MAGIC, INIT_PROTO_VERSION, INIT_CMD_START } }, out;

	(void)state;
	assert_true(init_command_parse(&cmd, sizeof(cmd), &out));
	assert_false(init_command_parse(&cmd, sizeof(cmd) - 1, &out));
	cmd.blob_bytes = INIT_BLOB_MAX_BYTES + 1;
	assert_false(init_command_parse(&cmd, sizeof(cmd), &out));
	cmd.blob_bytes = 0;
	cmd.filec = UINT32_MAX;
	assert_false(init_command_parse(&cmd, sizeof(cmd), &out));
	cmd.filec = 0;
	cmd.head.kind = INIT_CMD_LAST + 1;
	assert_false(init_command_parse(&cmd, sizeof(cmd), &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hello, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_reports, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_liars, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_crowd, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_garbage, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_commands, bed_create, bed_destroy),
		cmocka_unit_test_setup_teardown(test_too_big, bed_create, bed_destroy),
		cmocka_unit_test(test_blob),
		cmocka_unit_test(test_command_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
