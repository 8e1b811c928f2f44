// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * socket - waits in a socket that has a time-out (shim/socktime.h).
 *
 * Reads and writes are too many to be caught in every program.  The filter that does so
 * is installed when a program first sets such a time-out, for all of its threads.
 */
#include <errno.h>
#include <sys/socket.h>

#include "timedil/shim/socktime.h"
#include "trap.h"

long call_setsockopt(const struct call *c)
{
	long ret = setsockopt((int)c->a[0], (int)c->a[1], (int)c->a[2], (const void *)c->a[3],
			      (socklen_t)c->a[4]);

	if (ret == 0 && socktimes_any() && !trap.sockets_caught) {
		trap.sockets_caught = filter_install(FILTER_SOCKETS) == 0;
	}
	return ret;
}

static enum sock_way way_of(long nr)
{
	switch (nr) {
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_connect:
		return SOCK_SEND;
	default:
		return SOCK_RECEIVE;
	}
}

static long wait_in(const struct call *c, struct sock_wait *w)
{
	struct numbered sys = { c->nr, { c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5] } };
	bool again;
	int error;
	long ret;

	do {
		ret = trap_wait(&sys, &shim.page->generation, w->generation);
		if (ret == -EALREADY && w->shortened) {
			ret = -EINPROGRESS; /* a connect() that goes on after its first time-out */
		}
		/* A kick may be on its way still. */
		error = ret == -EINTR && VPAGE_GET(shim.page, generation) != w->generation ?
				EAGAIN :
				(int)-ret;
		again = ret < 0 && sock_again(w, error);
	} while (again);
	sock_end(w);
	return ret;
}

long call_in_socket(const struct call *c)
{
	struct sock_wait w;

	return sock_begin(&w, (int)c->a[0], way_of(c->nr)) ? wait_in(c, &w) : call_as_is(c);
}
