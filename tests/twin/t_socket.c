// SPDX-License-Identifier: GPL-2.0-or-later
/* Times kept in sockets.  Local sockets only: no packet leaves the process. */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "twin.h"

static struct timeval tv_of(int64_t ns)
{
	return (struct timeval){ ns / NS_PER_S, ns % NS_PER_S / 1000 };
}

static int pair_with(int name, int64_t ns)
{
	struct timeval tv = tv_of(ns);
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 ||
	    setsockopt(fds[0], SOL_SOCKET, name, &tv, sizeof(tv)) != 0) {
		return -1;
	}
	return fds[0];
}

static int64_t would_block(ssize_t ret, int64_t ns)
{
	return ret == -1 && errno == EAGAIN ? ns : fail("no time-out");
}

TWIN(setsockopt, WAIT_BY_TICKS)
{
	struct msghdr msg = { .msg_name = NULL };

	return would_block(recvmsg(pair_with(SO_RCVTIMEO, ns), &msg, 0), ns);
}

#define RECEIVES(name, call)                            \
	TWIN(name, WAIT_BY_TICKS)                       \
	{                                               \
		int fd = pair_with(SO_RCVTIMEO, ns);    \
		char c[1];                              \
		struct iovec iov = { c, 1 };            \
                                                        \
		(void)iov;                              \
		return would_block(call, ns);           \
	}

extern ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
extern ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
extern ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
			      struct sockaddr *from, socklen_t *len);

RECEIVES(recv, recv(fd, c, 1, 0))
RECEIVES(__recv_chk, __recv_chk(fd, c, 1, 1, 0))
RECEIVES(recvfrom, recvfrom(fd, c, 1, 0, NULL, NULL))
RECEIVES(__recvfrom_chk, __recvfrom_chk(fd, c, 1, 1, 0, NULL, NULL))
RECEIVES(read, read(fd, c, 1))
RECEIVES(__read_chk, __read_chk(fd, c, 1, 1))
RECEIVES(readv, readv(fd, &iov, 1))

/* --- a full socket ------------------------------------------------------------------- */

static char block[1 << 16];

static int full(int64_t ns)
{
	int fd = pair_with(SO_SNDTIMEO, ns);

	while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0) {
	}
	twin_begin();
	return fd;
}

#define SENDS(name, call)                                                           \
	TWIN(name, WAIT_BY_TICKS)                                                   \
	{                                                                           \
		struct iovec iov = { block, sizeof(block) };                        \
		struct mmsghdr m = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } }; \
		int fd = full(ns);                                                  \
                                                                                    \
		(void)m;                                                            \
		return would_block(call, ns);                                       \
	}

SENDS(write, write(fd, block, sizeof(block)))
SENDS(writev, writev(fd, &iov, 1))
SENDS(send, send(fd, block, sizeof(block), 0))
SENDS(sendto, sendto(fd, block, sizeof(block), 0, NULL, 0))
SENDS(sendmsg, sendmsg(fd, &m.msg_hdr, 0))
SENDS(sendmmsg, sendmmsg(fd, &m, 1, 0))

/* --- a connection that does not come about --------------------------------------------- */

/* A listening socket with an abstract name of the kernel's choice, and that name. */
static int listening(struct sockaddr_un *at, socklen_t *len)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*len = sizeof(*at);
	return bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) == 0 &&
			       listen(fd, 0) == 0 &&
			       getsockname(fd, (struct sockaddr *)at, len) == 0 ?
		       fd :
		       -1;
}

static int accepting(int64_t ns)
{
	struct timeval tv = tv_of(ns);
	struct sockaddr_un at;
	socklen_t len;
	int fd = listening(&at, &len);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

TWIN(accept, WAIT_BY_TICKS)
{
	return would_block(accept(accepting(ns), NULL, NULL), ns);
}

TWIN(accept4, WAIT_BY_TICKS)
{
	return would_block(accept4(accepting(ns), NULL, NULL, SOCK_CLOEXEC), ns);
}

/* The backlog is full with the first. */
TWIN(connect, WAIT_BY_TICKS)
{
	struct timeval tv = tv_of(ns);
	struct sockaddr_un at;
	socklen_t len;
	int first, second;

	if (listening(&at, &len) < 0) {
		return fail("listen");
	}
	first = socket(AF_UNIX, SOCK_STREAM, 0);
	second = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(first, (struct sockaddr *)&at, len) != 0) {
		return fail("the first connection");
	}
	setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return would_block(connect(second, (struct sockaddr *)&at, len), ns);
}

/* What was set reads back, and the kernel has it times the factor. */
static int64_t reads_back(int fd, int level, int name, int value, int exact)
{
	socklen_t len = sizeof(int);
	int got = 0, raw = 0;
	double want = value * twin_factor();

	if (setsockopt(fd, level, name, &value, sizeof(value)) != 0 ||
	    getsockopt(fd, level, name, &got, &len) != 0) {
		return fail("an option is refused");
	}
	if (exact ? got != value : abs(got - value) > value / 5 + 1) {
		return fail("an option reads back differently");
	}
	len = sizeof(raw);
	raw_syscall(SYS_getsockopt, fd, level, name, (long)&raw, (long)&len, 0);
	return raw >= want * .8 && raw <= want * 1.2 + 1 ? 0 : fail("the kernel has another value");
}

TWIN(getsockopt, CHECK)
{
	int fd = pair_with(SO_RCVTIMEO, ns), tcp = socket(AF_INET, SOCK_STREAM, 0);
	struct linger l = { 1, 15 };
	struct timeval tv;
	socklen_t len = sizeof(tv);
	int64_t off;

	if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) != 0 || len != sizeof(tv)) {
		return fail("SO_RCVTIMEO");
	}
	/* The kernel keeps it in ticks, up to 10 ms. */
	off = tv.tv_sec * NS_PER_S + tv.tv_usec * 1000 - ns;
	if (llabs(off) > (int64_t)(10e6 / twin_factor()) + 1000) {
		return fail("SO_RCVTIMEO reads back differently");
	}
	len = sizeof(l);
	setsockopt(tcp, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	l.l_linger = 0;
	getsockopt(tcp, SOL_SOCKET, SO_LINGER, &l, &len);
	if (l.l_onoff != 1 || l.l_linger != 15) {
		return fail("SO_LINGER reads back differently");
	}
	if (reads_back(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000, 1) != 0 ||
	    reads_back(tcp, IPPROTO_TCP, TCP_KEEPIDLE, 60, 1) != 0 ||
	    reads_back(tcp, IPPROTO_TCP, TCP_KEEPINTVL, 10, 1) != 0 ||
	    reads_back(tcp, IPPROTO_TCP, TCP_LINGER2, 15, 1) != 0) {
		return TWIN_FAILED;
	}
	close(tcp);
	return 0;
}

/* The kernel looks at this time-out only when a datagram has come: one comes each few
 * milliseconds. */
TWIN(recvmmsg_timeout, WAIT)
{
	struct mmsghdr many[1024] = { { .msg_len = 0 } };
	struct timespec ts = ts_of(ns);
	int fds[2], got;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) != 0) {
		return fail("socketpair");
	}
	pid = fork();
	if (pid == 0) {
		while (send(fds[1], "x", 1, 0) == 1) {
			ruler_sleep(2 * NS_PER_MS);
		}
		_exit(0);
	}
	twin_begin();
	got = recvmmsg(fds[0], many, 1024, 0, &ts);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return got > 0 && got < 1024 ? ns : fail("recvmmsg");
}

/* --- time stamps ---------------------------------------------------------------------- */

/* A pair of datagram sockets with stamps, in a network namespace of our own: only IP
 * sockets stamp. */
static int stamped_pair(int fds[2], int stamps)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
	fds[1] = socket(AF_INET, SOCK_DGRAM, 0);
	return bind(fds[0], (struct sockaddr *)&at, sizeof(at)) == 0 &&
			       getsockname(fds[0], (struct sockaddr *)&at, &len) == 0 &&
			       connect(fds[1], (struct sockaddr *)&at, len) == 0 &&
			       setsockopt(fds[0], SOL_SOCKET, SO_TIMESTAMPNS, &stamps, sizeof(stamps)) == 0 ?
		       0 :
		       -1;
}

static int64_t stamp_in(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			return ns_of(ts);
		}
	}
	return fail("no time stamp came");
}

int twin_own_network(void);

static int64_t receive_stamp(int many, const struct timespec *timeout)
{
	char control[256], data[8];
	struct iovec iov = { data, sizeof(data) };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
					  .msg_controllen = sizeof(control) } };
	struct timespec ts = timeout ? *timeout : (struct timespec){ 0, 0 };
	int64_t stamp, now;
	int fds[2];

	if (twin_own_network() != 0) {
		return TWIN_SKIPPED;
	}
	if (stamped_pair(fds, 1) != 0 || send(fds[1], "x", 1, 0) != 1) {
		return fail("no datagram went");
	}
	if (many ? recvmmsg(fds[0], &m, 1, 0, timeout ? &ts : NULL) != 1 :
		   recvmsg(fds[0], &m.msg_hdr, 0) != 1) {
		return fail("no datagram came");
	}
	now = now_ns(CLOCK_REALTIME);
	stamp = stamp_in(&m.msg_hdr);
	close(fds[0]);
	close(fds[1]);
	if (stamp > 0 && (stamp > now || stamp < now - 500 * NS_PER_MS)) {
		return fail("the stamp is far from the clock");
	}
	return stamp;
}

TWIN(recvmsg, READ)
{
	(void)ns;
	return receive_stamp(0, NULL);
}

TWIN(recvmmsg, READ)
{
	struct timespec timeout = { 5, 0 };

	(void)ns;
	return receive_stamp(1, &timeout);
}

TWIN(ioctl, READ)
{
	struct timespec ts = { 0, 0 };
	int64_t now;
	int fds[2];
	char c;

	(void)ns;
	if (twin_own_network() != 0) {
		return TWIN_SKIPPED;
	}
	/* The first request finds no stamp, and switches them on. */
	if (stamped_pair(fds, 0) != 0 || ioctl(fds[0], SIOCGSTAMPNS_OLD, &ts) == 0 || send(fds[1], "x", 1, 0) != 1 || recv(fds[0], &c, 1, 0) != 1 ||
	    ioctl(fds[0], SIOCGSTAMPNS_OLD, &ts) != 0) {
		return fail("SIOCGSTAMPNS");
	}
	now = now_ns(CLOCK_REALTIME);
	close(fds[0]);
	close(fds[1]);
	return ns_of(ts) <= now && ns_of(ts) > now - 500 * NS_PER_MS ?
		       ns_of(ts) :
		       fail("the stamp is far from the clock");
}
