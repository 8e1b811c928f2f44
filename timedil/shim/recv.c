// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * recv - time stamps that the kernel attaches to received packets.
 *
 * They are wall CLOCK_REALTIME; a program subtracts them from its own clock, as
 * ping does.  They are brought onto the virtual clock by the line that held then.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "next.h"
#include "past.h"
#include "socktime.h"
#include "wait.h"

/* SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING; and with 64-bit times everywhere. */
enum {
	STAMP = 29,
	STAMP_NS = 35,
	STAMPING = 37,
	STAMP_NEW = 63,
	STAMP_NS_NEW = 64,
	STAMPING_NEW = 65,
};

struct stamper {
	const struct timedil_page *page;
	int64_t wall_realtime_off_ns; /* wall CLOCK_REALTIME - wall CLOCK_MONOTONIC */
	bool ready;
};

static int64_t stamp_to_virt(struct stamper *s, int64_t wall_realtime_ns)
{
	if (!s->ready) {
		s->wall_realtime_off_ns = wall_offset_ns(CLOCK_REALTIME);
		s->ready = true;
	}
	return past_to_virt(s->page, wall_realtime_ns - s->wall_realtime_off_ns) +
	       VPAGE_GET(s->page, realtime_off_ns);
}

static void convert_timespec(struct stamper *s, struct timespec *ts)
{
	if (ts->tv_sec != 0 || ts->tv_nsec != 0) {
		*ts = ns_to_ts(stamp_to_virt(s, ts_to_ns_sat(ts)));
	}
}

static void convert_timeval(struct stamper *s, struct timeval *tv)
{
	struct timespec ts = { tv->tv_sec, tv->tv_usec * 1000 };

	convert_timespec(s, &ts);
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
}

static void convert_control(struct stamper *s, struct msghdr *msg)
{
	struct cmsghdr *c;

	if (!msg->msg_control || msg->msg_controllen < sizeof(*c)) {
		return;
	}
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET) {
			continue;
		}
		switch (c->cmsg_type) {
		case STAMP:
		case STAMP_NEW:
			if (c->cmsg_len >= CMSG_LEN(sizeof(struct timeval))) {
				convert_timeval(s, (struct timeval *)CMSG_DATA(c));
			}
			break;
		case STAMP_NS:
		case STAMP_NS_NEW:
		case STAMPING:      /* the first of three; the others are a device's clock */
		case STAMPING_NEW:
			if (c->cmsg_len >= CMSG_LEN(sizeof(struct timespec))) {
				convert_timespec(s, (struct timespec *)CMSG_DATA(c));
			}
			break;
		default:
			break;
		}
	}
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct stamper s = { .page = shim_page() };
	struct sock_wait w;
	bool timed = sock_begin(&w, fd, SOCK_RECEIVE);
	long ret;

	do {
		ret = shim_result(sys_wait4(SYS_recvmsg, fd, msg, flags, 0));
	} while (timed && ret == -1 && sock_again(&w, *shim_errno()));
	if (timed) {
		sock_end(&w);
	}
	if (ret >= 0 && s.page) {
		convert_control(&s, msg);
	}
	return ret;
}

/*
 * The kernel looks at this time-out only after each datagram, and counts it down in
 * place.
 */
static long recvmmsg_until(const struct timedil_page *page, int fd, struct mmsghdr *vec, unsigned n,
			   int flags, struct timespec *timeout)
{
	struct wait w;
	bool again;
	long ret;

	wait_begin(&w, page, WAIT_RELATIVE, deadline_in(page, ts_to_ns_sat(timeout)));
	do {
		ret = sys_wait5(SYS_recvmmsg, fd, vec, n, flags, wait_arm(&w));
		again = ret == -EINTR && wait_again(&w, ret);
	} while (again);
	if (ret >= 0) {
		*timeout = ns_to_ts(wait_left_ns(&w));
	}
	wait_end(&w);
	return ret;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *vec, unsigned n, int flags, struct timespec *timeout)
{
	struct stamper s = { .page = shim_page() };
	long ret;

	if (s.page && timeout && ts_valid(timeout) && timeout->tv_sec >= 0) {
		ret = recvmmsg_until(s.page, fd, vec, n, flags, timeout);
	} else {
		ret = sys_wait5(SYS_recvmmsg, fd, vec, n, flags, timeout);
	}
	for (long i = 0; s.page && i < ret; i++) {
		convert_control(&s, &vec[i].msg_hdr);
	}
	return (int)shim_result(ret);
}

/* The stamp of the packet received last. */
EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct stamper s = { .page = shim_page() };
	va_list list;
	void *arg;
	int ret;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	ret = next.ioctl(fd, request, arg);
	if (UNLIKELY((request == SIOCGSTAMP_OLD || request == SIOCGSTAMP_NEW) && ret == 0 && s.page)) {
		convert_timeval(&s, arg);
	} else if (UNLIKELY((request == SIOCGSTAMPNS_OLD || request == SIOCGSTAMPNS_NEW) &&
			    ret == 0 && s.page)) {
		convert_timespec(&s, arg);
	}
	return ret;
}
