// SPDX-License-Identifier: GPL-2.0-or-later
/* Waits for descriptors, none of which ever becomes ready. */
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "twin.h"

extern int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t bytes);
extern int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask, size_t bytes);

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static int silent_fd(void)
{
	int fds[2];

	return pipe(fds) == 0 ? fds[0] : -1;
}

static int silent_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, silent_fd(), &e);
	return ep;
}

#define POLLED struct pollfd p = { .fd = silent_fd(), .events = POLLIN }

TWIN(poll, WAIT)
{
	POLLED;
	return poll(&p, 1, (int)(ns / NS_PER_MS)) == 0 ? ns : fail("poll");
}

TWIN(ppoll, WAIT)
{
	struct timespec ts = ts_of(ns);
	sigset_t all;
	POLLED;

	sigfillset(&all);
	if (ppoll(&p, 1, &ts, &all) != 0) {
		return fail("ppoll");
	}
	return ns_of(ts) == ns ? ns : fail("ppoll has changed its time-out");
}

TWIN(__poll_chk, WAIT)
{
	POLLED;
	return __poll_chk(&p, 1, (int)(ns / NS_PER_MS), sizeof(p)) == 0 ? ns : fail("__poll_chk");
}

TWIN(__ppoll_chk, WAIT)
{
	struct timespec ts = ts_of(ns);
	POLLED;

	return __ppoll_chk(&p, 1, &ts, NULL, sizeof(p)) == 0 ? ns : fail("__ppoll_chk");
}

TWIN(select, WAIT)
{
	struct timeval tv = { ns / NS_PER_S, ns % NS_PER_S / 1000 };
	int fd = silent_fd();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	if (select(fd + 1, &set, NULL, NULL, &tv) != 0) {
		return fail("select");
	}
	if (tv.tv_sec != 0 || tv.tv_usec != 0) {
		return fail("select left time over");
	}
	return FD_ISSET(fd, &set) ? fail("select left a bit set") : ns;
}

TWIN(pselect, WAIT)
{
	struct timespec ts = ts_of(ns);

	if (pselect(0, NULL, NULL, NULL, &ts, NULL) != 0) {
		return fail("pselect");
	}
	return ns_of(ts) == ns ? ns : fail("pselect has changed its time-out");
}

TWIN(epoll_wait, WAIT)
{
	struct epoll_event e;

	return epoll_wait(silent_epoll(), &e, 1, (int)(ns / NS_PER_MS)) == 0 ? ns : fail("epoll_wait");
}

TWIN(epoll_pwait, WAIT)
{
	struct epoll_event e;
	sigset_t all;

	sigfillset(&all);
	return epoll_pwait(silent_epoll(), &e, 1, (int)(ns / NS_PER_MS), &all) == 0 ?
		       ns :
		       fail("epoll_pwait");
}

TWIN(epoll_pwait2, WAIT)
{
	struct timespec ts = ts_of(ns);
	struct epoll_event e;

	return epoll_pwait2(silent_epoll(), &e, 1, &ts, NULL) == 0 ? ns : fail("epoll_pwait2");
}

TWIN(poll_by_number, WAIT)
{
#ifdef SYS_poll
	POLLED;
	return syscall(SYS_poll, &p, 1, (int)(ns / NS_PER_MS)) == 0 ? ns : fail("SYS_poll");
#else
	return TWIN_SKIPPED;
#endif
}

/* The kernel's own form counts the time-out down. */
TWIN(ppoll_by_number, WAIT)
{
	struct timespec ts = ts_of(ns);
	POLLED;

	if (syscall(SYS_ppoll, &p, 1, &ts, NULL, 8) != 0) {
		return fail("SYS_ppoll");
	}
	return ns_of(ts) == 0 ? ns : fail("SYS_ppoll left time over");
}

TWIN(pselect6_by_number, WAIT)
{
	struct timespec ts = ts_of(ns);

	if (syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL) != 0) {
		return fail("SYS_pselect6");
	}
	return ns_of(ts) == 0 ? ns : fail("SYS_pselect6 left time over");
}

TWIN(epoll_pwait_by_number, WAIT)
{
	struct epoll_event e;

	return syscall(SYS_epoll_pwait, silent_epoll(), &e, 1, (int)(ns / NS_PER_MS), NULL, 8) == 0 ?
		       ns :
		       fail("SYS_epoll_pwait");
}

TWIN(epoll_pwait2_by_number, WAIT)
{
	struct timespec ts = ts_of(ns);
	struct epoll_event e;

	return syscall(SYS_epoll_pwait2, silent_epoll(), &e, 1, &ts, NULL, 8) == 0 ?
		       ns :
		       fail("SYS_epoll_pwait2");
}
