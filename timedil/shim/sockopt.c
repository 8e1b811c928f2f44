// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sockopt - times kept in a socket.
 *
 * The kernel counts them in wall time, so they are scaled by the present rate when
 * set and back when read.  Zero keeps its meaning, and a small time never becomes
 * zero.  Rates (pacing) are scaled the other way round.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "shim.h"
#include "socktime.h"

#ifndef SO_RCVTIMEO_NEW
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#endif
#define TCP_KEEP_MAX_S 32767

enum unit {
	UNIT_NONE,
	UNIT_TIMEVAL,
	UNIT_LINGER,
	UNIT_SECONDS,
	UNIT_KEEPALIVE, /* seconds, 1..TCP_KEEP_MAX_S */
	UNIT_MS,
	UNIT_RATE,      /* bytes per second; all ones = no limit */
};

static enum unit unit_of(int level, int name)
{
	if (level == SOL_SOCKET) {
		switch (name) {
		case SO_RCVTIMEO:
		case SO_SNDTIMEO:
		case SO_RCVTIMEO_NEW:
		case SO_SNDTIMEO_NEW:
			return UNIT_TIMEVAL;
		case SO_LINGER:
			return UNIT_LINGER;
		case SO_MAX_PACING_RATE:
			return UNIT_RATE;
		default:
			return UNIT_NONE;
		}
	}
	if (level == IPPROTO_TCP) {
		switch (name) {
		case TCP_KEEPIDLE:
		case TCP_KEEPINTVL:
			return UNIT_KEEPALIVE;
		case TCP_LINGER2:
		case TCP_DEFER_ACCEPT:
			return UNIT_SECONDS;
		case TCP_USER_TIMEOUT:
			return UNIT_MS;
		default:
			return UNIT_NONE;
		}
	}
	return UNIT_NONE;
}

/* Socket times follow the factor even while the clock stands still. */
static int64_t to_wall(const struct moment *m, int64_t dur_vns)
{
	return vmath_unscale(dur_vns, m->mult, m->shift);
}

static int64_t to_virt(const struct moment *m, int64_t dur_wns)
{
	return vmath_scale(dur_wns, m->mult, m->shift);
}

/* Whole units, at least one, at most @max. */
static int scale_int(const struct moment *m, int value, int64_t unit_ns, int max)
{
	int64_t units;

	if (value <= 0) {
		return value;
	}
	units = vmath_add_sat(to_wall(m, value * unit_ns), unit_ns - 1) / unit_ns;
	return units > max ? max : (int)units;
}

static int unscale_int(const struct moment *m, int value, int64_t unit_ns)
{
	int64_t units;

	if (value <= 0) {
		return value;
	}
	units = (to_virt(m, value * unit_ns) + unit_ns / 2) / unit_ns;
	if (units > INT_MAX) {
		return INT_MAX;
	}
	return units > 0 ? (int)units : 1;
}

static struct timeval scale_timeval(const struct moment *m, struct timeval tv, bool set)
{
	int64_t ns;

	if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= US_PER_S ||
	    (tv.tv_sec == 0 && tv.tv_usec == 0)) {
		return tv;
	}
	ns = ts_to_ns_sat(&(struct timespec){ tv.tv_sec, tv.tv_usec * 1000 });
	ns = set ? vmath_add_sat(to_wall(m, ns), 999) : to_virt(m, ns);
	return (struct timeval){ ns / NS_PER_S, ns % NS_PER_S / 1000 };
}

/* Bytes per virtual second to bytes per wall second, or back. */
static uint64_t scale_rate(const struct moment *m, uint64_t rate, bool set)
{
	int64_t bps = rate > INT64_MAX ? INT64_MAX : (int64_t)rate;

	bps = set ? to_virt(m, bps) : to_wall(m, bps);
	return bps > 0 ? (uint64_t)bps : 1;
}

union option {
	struct timeval tv;
	struct linger linger;
	int number;
	uint32_t rate32;
	uint64_t rate64;
};

static size_t option_bytes(enum unit unit, size_t given)
{
	switch (unit) {
	case UNIT_TIMEVAL:
		return sizeof(struct timeval);
	case UNIT_LINGER:
		return sizeof(struct linger);
	case UNIT_RATE:
		return given >= sizeof(uint64_t) ? sizeof(uint64_t) : sizeof(uint32_t);
	default:
		return sizeof(int);
	}
}

static void convert(const struct moment *m, enum unit unit, union option *o, size_t bytes, bool set)
{
	switch (unit) {
	case UNIT_TIMEVAL:
		o->tv = scale_timeval(m, o->tv, set);
		break;
	case UNIT_LINGER:
		o->linger.l_linger = set ? scale_int(m, o->linger.l_linger, NS_PER_S, INT_MAX) :
					   unscale_int(m, o->linger.l_linger, NS_PER_S);
		break;
	case UNIT_KEEPALIVE:
		/* Beyond the kernel's limit it is the kernel that refuses. */
		if (!set || o->number <= TCP_KEEP_MAX_S) {
			o->number = set ? scale_int(m, o->number, NS_PER_S, TCP_KEEP_MAX_S) :
					  unscale_int(m, o->number, NS_PER_S);
		}
		break;
	case UNIT_SECONDS:
		o->number = set ? scale_int(m, o->number, NS_PER_S, INT_MAX) :
				  unscale_int(m, o->number, NS_PER_S);
		break;
	case UNIT_MS:
		o->number = set ? scale_int(m, o->number, NS_PER_MS, INT_MAX) :
				  unscale_int(m, o->number, NS_PER_MS);
		break;
	case UNIT_RATE:
		if (bytes == sizeof(o->rate64) && o->rate64 != UINT64_MAX) {
			o->rate64 = scale_rate(m, o->rate64, set);
		} else if (bytes == sizeof(o->rate32) && o->rate32 != UINT32_MAX) {
			uint64_t rate = scale_rate(m, o->rate32, set);

			o->rate32 = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
		}
		break;
	case UNIT_NONE:
		break;
	}
}

static enum sock_way way_of(int name)
{
	return name == SO_RCVTIMEO || name == SO_RCVTIMEO_NEW ? SOCK_RECEIVE : SOCK_SEND;
}

static int64_t tv_ns(struct timeval tv)
{
	return ts_to_ns_sat(&(struct timespec){ tv.tv_sec, tv.tv_usec * 1000 });
}

/* A clock that stands still lets nothing time out. */
static long set_timeout(const struct moment *m, int fd, int name, struct timeval want)
{
	struct timeval wall = scale_timeval(m, want, true);
	long ret;

	if (m->state == TIMEDIL_PAUSED && tv_ns(want) > 0) {
		wall = (struct timeval){ INT64_MAX / NS_PER_S - 1, 0 };
	}
	ret = sys6(SYS_setsockopt, fd, SOL_SOCKET, name, &wall, sizeof(wall), 0);
	if (ret == 0) {
		socktime_set(fd, way_of(name), tv_ns(want), tv_ns(wall));
	}
	return ret;
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	const struct timedil_page *page = shim_page();
	enum unit unit = page ? unit_of(level, name) : UNIT_NONE;
	size_t bytes = option_bytes(unit, len);
	union option o;
	struct moment m;

	if (LIKELY(unit == UNIT_NONE) || !value || len < bytes) {
		return (int)shim_result(sys6(SYS_setsockopt, fd, level, name, value, len, 0));
	}
	__builtin_memcpy(&o, value, bytes);
	moment_take(page, &m);
	if (unit == UNIT_TIMEVAL) {
		return (int)shim_result(set_timeout(&m, fd, name, o.tv));
	}
	convert(&m, unit, &o, bytes, true);
	return (int)shim_result(sys6(SYS_setsockopt, fd, level, name, &o, bytes, 0));
}

/* --- TCP_INFO -------------------------------------------------------------------- */

#define INFO_FIELD(field, factor) { offsetof(struct tcp_info, field), factor }

/* Durations, 32 bits each, in the unit given in ns. */
static const struct {
	uint16_t offset;
	uint32_t unit_ns;
} info_durations[] = {
	INFO_FIELD(tcpi_rto, 1000),
	INFO_FIELD(tcpi_ato, 1000),
	INFO_FIELD(tcpi_last_data_sent, 1000000),
	INFO_FIELD(tcpi_last_ack_sent, 1000000),
	INFO_FIELD(tcpi_last_data_recv, 1000000),
	INFO_FIELD(tcpi_last_ack_recv, 1000000),
	INFO_FIELD(tcpi_rtt, 1000),
	INFO_FIELD(tcpi_rttvar, 1000),
	INFO_FIELD(tcpi_rcv_rtt, 1000),
};

/* What follows struct tcp_info of libc in the kernel's longer one. */
#define INFO_PACING_RATE 104      /* and the maximum: bytes per second */
#define INFO_MIN_RTT 148          /* us */
#define INFO_DELIVERY_RATE 160    /* bytes per second */
#define INFO_BUSY_TIME 168        /* us, 64 bits: busy, rwnd limited, sndbuf limited */

static_assert(sizeof(struct tcp_info) == INFO_PACING_RATE, "the kernel's layout goes on here");

static void info_duration(const struct moment *m, unsigned char *info, size_t len, size_t offset,
			  int64_t unit_ns)
{
	uint32_t value;

	if (offset + sizeof(value) <= len) {
		__builtin_memcpy(&value, info + offset, sizeof(value));
		value = (uint32_t)(to_virt(m, value * unit_ns) / unit_ns);
		__builtin_memcpy(info + offset, &value, sizeof(value));
	}
}

static void info_wide(const struct moment *m, unsigned char *info, size_t len, size_t offset,
		      bool rate)
{
	uint64_t value;

	if (offset + sizeof(value) <= len) {
		__builtin_memcpy(&value, info + offset, sizeof(value));
		if (rate && value != UINT64_MAX && value != 0) {
			value = scale_rate(m, value, false);
		} else if (!rate) {
			value = (uint64_t)to_virt(m, (int64_t)value);
		}
		__builtin_memcpy(info + offset, &value, sizeof(value));
	}
}

static void convert_info(const struct moment *m, unsigned char *info, size_t len)
{
	for (size_t i = 0; i < sizeof(info_durations) / sizeof(info_durations[0]); i++) {
		info_duration(m, info, len, info_durations[i].offset, info_durations[i].unit_ns);
	}
	info_wide(m, info, len, INFO_PACING_RATE, true);
	info_wide(m, info, len, INFO_PACING_RATE + 8, true);
	info_duration(m, info, len, INFO_MIN_RTT, 1000);
	info_wide(m, info, len, INFO_DELIVERY_RATE, true);
	for (size_t i = 0; i < 3; i++) {
		info_wide(m, info, len, INFO_BUSY_TIME + 8 * i, false);
	}
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	const struct timedil_page *page = shim_page();
	enum unit unit = page ? unit_of(level, name) : UNIT_NONE;
	union option o;
	struct moment m;
	int64_t set_vns;
	long ret;

	ret = sys6(SYS_getsockopt, fd, level, name, value, len, 0);
	if (ret != 0 || !page || !value) {
		return (int)shim_result(ret);
	}
	if (level == IPPROTO_TCP && name == TCP_INFO) {
		moment_take(page, &m);
		convert_info(&m, value, *len);
	} else if (unit != UNIT_NONE && *len <= sizeof(o) && *len == option_bytes(unit, *len)) {
		moment_take(page, &m);
		__builtin_memcpy(&o, value, *len);
		if (unit == UNIT_TIMEVAL && socktime_get(fd, way_of(name), tv_ns(o.tv), &set_vns)) {
			o.tv = (struct timeval){ set_vns / NS_PER_S, set_vns % NS_PER_S / 1000 };
		} else {
			convert(&m, unit, &o, *len, false);
		}
		__builtin_memcpy(value, &o, *len);
	}
	return 0;
}
