// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lento-init SOCKET PEER TOKEN CLOCK LOG_DIR TMP_DIR PROBE_IP
 *
 * The first process of a peer: PID 1 of a container, or the root of a plain process
 * tree under rt_null.  It connects to lento at SOCKET and says HELLO with its number
 * and TOKEN (hexadecimal), answers probes at PROBE_IP, starts the client when
 * told, reaps, and reports.  When the connection closes, lento has ended: it kills
 * all that lives in the peer and ends, too.
 *
 * The token leaves memory before any client runs, and the process is not
 * dumpable, so that a client of the same user can neither read nor trace it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "init.h"

enum { EXIT_ARGS = 2, EXIT_LINK = 3 };

void report_begin(const struct init *in, struct init_report *rep, enum init_report_kind kind)
{
	struct vclock clk;
	wall_t now = wall_now();

	memset(rep, 0, sizeof(*rep));
	rep->head.magic = INIT_PROTO_MAGIC;
	rep->head.version = INIT_PROTO_VERSION;
	rep->head.kind = (uint16_t)kind;
	rep->peer = in->peer;
	rep->wall_ns = now.ns;
	if (in->page) {
		vtime_load(in->page, &clk);
		rep->virt_ns = vtime_to_virt(&clk, now).ns;
	}
}

void report_send(const struct init *in, const struct init_report *rep)
{
	ssize_t n;

	do {
		n = send(in->link_fd, rep, sizeof(*rep), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		_exit(EXIT_LINK);
	}
}

void report_failed(const struct init *in, const char *what, const char *object, int errnum)
{
	const char *parts[] = { what, " ", object, ": ", strerror(errnum) };
	struct init_report rep;
	size_t used = 0;

	report_begin(in, &rep, INIT_REP_FAILED);
	rep.status = errnum;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t len = strlen(parts[i]), room = sizeof(rep.text) - 1 - used;

		len = len < room ? len : room;
		memcpy(rep.text + used, parts[i], len);
		used += len;
	}
	report_send(in, &rep);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Move the token out of the arguments, which /proc shows to everybody. */
static bool take_token(char *hex, uint8_t token[INIT_TOKEN_BYTES])
{
	size_t len = strlen(hex);
	bool good = len == (size_t)INIT_TOKEN_BYTES * 2;

	for (size_t i = 0; good && i < INIT_TOKEN_BYTES; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		good = high >= 0 && low >= 0;
		token[i] = good ? (uint8_t)(high << 4 | low) : 0;
	}
	explicit_bzero(hex, len);
	return good;
}

static int connect_link(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, rc;

	if (len >= sizeof(addr.sun_path)) {
		return -1;
	}
	memcpy(addr.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	do {
		rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	} while (rc && errno == EINTR);
	if (rc) {
		close(fd);
		return -1;
	}
	return fd;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void end_peer(struct init *in, int status)
{
	client_kill_all(in);
	_exit(status);
}

/* One command with, for START, its descriptor. */
static void link_input(struct init *in)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char record[sizeof(struct init_command) + 1];
	struct iovec iov = { record, sizeof(record) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control.room, .msg_controllen = sizeof(control.room) };
	struct init_command cmd;
	struct cmsghdr *c;
	int fd = -1;
	ssize_t n = recvmsg(in->link_fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		end_peer(in, EXIT_LINK);
	}
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	}
	if (!init_command_parse(record, (size_t)n, &cmd)) {
		end_peer(in, EXIT_LINK);
	}
	switch (cmd.head.kind) {
	case INIT_CMD_START:
		client_start(in, &cmd, fd);
		break;
	case INIT_CMD_SIGNAL:
		if (in->client > 0 && cmd.signo > 0 && cmd.signo < NSIG) {
			kill(in->client, cmd.signo);
		}
		break;
	case INIT_CMD_EXIT:
		end_peer(in, 0);
		break;
	default:
		probe_begin(in, &cmd);
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void signal_input(struct init *in)
{
	struct signalfd_siginfo info;

	while (read(in->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			end_peer(in, 0);
		}
	}
	client_reap(in);
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void loop(struct init *in)
{
	for (;;) {
		struct pollfd fds[] = {
			{ in->link_fd, POLLIN, 0 },
			{ in->signal_fd, POLLIN, 0 },
			{ probe_fd(), POLLIN, 0 },
		};
		wall_t now = wall_now(), due = probe_step(in, now);
		struct timespec wait;
		int64_t ns;

		client_check_ready(in, now);
		if (in->waiting_ready) {
			due.ns = min_ns(due.ns, in->ready_next.ns);
		}
		ns = due.ns > now.ns ? min_ns(due.ns - now.ns, 3600 * NS_PER_S) : 0;
		wait.tv_sec = ns / NS_PER_S;
		wait.tv_nsec = ns % NS_PER_S;
		if (ppoll(fds, 3, due.ns == INT64_MAX ? NULL : &wait, NULL) < 0) {
			continue;
		}
		if (fds[1].revents) {
			signal_input(in);
		}
		if (fds[2].revents) {
			probe_input(in);
		}
		if (fds[0].revents) {
			link_input(in);
		}
	}
}

static void say_hello(struct init *in, const uint8_t token[INIT_TOKEN_BYTES], const char *warning)
{
	struct init_report rep;

	report_begin(in, &rep, INIT_REP_HELLO);
	memcpy(rep.token, token, INIT_TOKEN_BYTES);
	strncpy(rep.text, warning, sizeof(rep.text) - 1);
	report_send(in, &rep);
	explicit_bzero(&rep, sizeof(rep));
}

int main(int argc, char **argv)
{
	uint8_t token[INIT_TOKEN_BYTES];
	struct init in = { .link_fd = -1 };
	char *end;

	/* Who started us, liblxc's monitor, goes as soon as it sees our new name. */
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_NAME, INIT_UP_NAME);
	prctl(PR_SET_DUMPABLE, 0);
	if (argc != 8 || !take_token(argv[3], token)) {
		return EXIT_ARGS;
	}
	in.peer = (uint32_t)strtoul(argv[2], &end, 10);
	in.log_dir = argv[5];
	in.tmp_dir = argv[6];
	/* Orphans of the client come to us, also where we are not PID 1. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	umask(022);
	in.signal_fd = block_signals();
	in.link_fd = connect_link(argv[1]);
	if (in.link_fd < 0 || in.signal_fd < 0) {
		return EXIT_LINK;
	}
	in.page = vtime_map(argv[4]);
	say_hello(&in, token, probe_open((uint32_t)strtoul(argv[7], &end, 10)) ?
		  "no probes: cannot bind UDP port 7" : "");
	explicit_bzero(token, sizeof(token));
	if (!in.page) {
		report_failed(&in, "mapping clock page", argv[4], errno);
		return EXIT_LINK;
	}
	loop(&in);
}
