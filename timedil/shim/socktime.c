// SPDX-License-Identifier: LGPL-2.1-or-later
#include "socktime.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "next.h"
#include "timers.h"
#include "wait.h"

struct record {
	int64_t dur_vns[2]; /* by way; 0 = no time-out */
	int64_t wall_ns[2]; /* as the kernel was told: all of it, or a rest */
};

#define CHUNK_FDS 256
#define CHUNKS 4096

static struct record *chunks[CHUNKS];
static unsigned chunks_end; /* 0 in most programs: nobody has set a time-out */

static struct record *record_of(int fd)
{
	unsigned c = (unsigned)fd / CHUNK_FDS;

	return c < chunks_end && chunks[c] ? &chunks[c][(unsigned)fd % CHUNK_FDS] : NULL;
}

static struct record *record_for(int fd)
{
	unsigned c = (unsigned)fd / CHUNK_FDS;
	long map;

	if (c >= CHUNKS) {
		return NULL;
	}
	if (!chunks[c]) {
		map = sys6(SYS_mmap, NULL, CHUNK_FDS * sizeof(struct record), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map < 0 && map > -4096) {
			return NULL;
		}
		__atomic_store_n(&chunks[c], (struct record *)map, __ATOMIC_RELEASE);
		if (c >= chunks_end) {
			__atomic_store_n(&chunks_end, c + 1, __ATOMIC_RELEASE);
		}
	}
	return &chunks[c][(unsigned)fd % CHUNK_FDS];
}

/* --- the kernel's side --------------------------------------------------------------- */

static int option(enum sock_way way)
{
	return way == SOCK_RECEIVE ? SO_RCVTIMEO : SO_SNDTIMEO;
}

static int64_t kernel_timeout_ns(int fd, enum sock_way way)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);

	if (sys6(SYS_getsockopt, fd, SOL_SOCKET, option(way), &tv, &len, 0) != 0) {
		return -1;
	}
	return tv.tv_sec * NS_PER_S + tv.tv_usec * 1000;
}

/* Rounded up, and never to zero, which is no time-out at all. */
static void set_kernel_timeout(int fd, struct record *r, enum sock_way way, int64_t wall)
{
	struct timespec ts = ns_to_ts(vmath_add_sat(wall > 1000 ? wall : 1000, 999));
	struct timeval tv = { ts.tv_sec, ts.tv_nsec / 1000 };

	r->wall_ns[way] = wall;
	sys6(SYS_setsockopt, fd, SOL_SOCKET, option(way), &tv, sizeof(tv), 0);
}

/* The kernel keeps ticks, of 10 ms at most; what is as good as for ever reads as zero. */
static bool agrees(int64_t kernel_ns, int64_t set_ns)
{
	int64_t off = kernel_ns - set_ns;

	return kernel_ns >= 0 && ((off > -10 * NS_PER_MS && off < 20 * NS_PER_MS) ||
				  (kernel_ns == 0 && set_ns > INT64_MAX / 8));
}

void socktime_set(int fd, enum sock_way way, int64_t dur_vns, int64_t wall)
{
	kernel_mask mask;
	struct record *r;

	if (fd < 0 || (dur_vns == 0 && !record_of(fd))) {
		return;
	}
	mask = timers_lock();
	r = record_for(fd);
	if (r) {
		r->dur_vns[way] = dur_vns;
		r->wall_ns[way] = wall;
	}
	timers_unlock(mask);
}

bool socktime_get(int fd, enum sock_way way, int64_t kernel_wall_ns, int64_t *dur_vns)
{
	const struct record *r = fd >= 0 ? record_of(fd) : NULL;

	if (!r || r->dur_vns[way] == 0 || !agrees(kernel_wall_ns, r->wall_ns[way])) {
		return false;
	}
	*dur_vns = r->dur_vns[way];
	return true;
}

static void rearm(int fd, struct record *r, enum sock_way way, const struct moment *m)
{
	if (r->dur_vns[way] == 0) {
		return;
	}
	if (!agrees(kernel_timeout_ns(fd, way), r->wall_ns[way])) {
		r->dur_vns[way] = 0;
		return;
	}
	set_kernel_timeout(fd, r, way, moment_dur_to_wall(m, r->dur_vns[way]));
}

bool socktimes_any(void)
{
	return __atomic_load_n(&chunks_end, __ATOMIC_RELAXED) != 0;
}

void socktimes_rearm(const struct moment *m)
{
	for (unsigned c = 0; c < chunks_end; c++) {
		for (unsigned i = 0; chunks[c] && i < CHUNK_FDS; i++) {
			int fd = (int)(c * CHUNK_FDS + i);

			rearm(fd, &chunks[c][i], SOCK_RECEIVE, m);
			rearm(fd, &chunks[c][i], SOCK_SEND, m);
		}
	}
}

/* --- waiting in a socket ---------------------------------------------------------------- */

bool sock_begin(struct sock_wait *w, int fd, enum sock_way way)
{
	struct record *r;
	struct moment m;

	if (LIKELY(chunks_end == 0) || fd < 0) {
		return false;
	}
	r = record_of(fd);
	if (!r || r->dur_vns[way] == 0 || !shim.page) {
		return false;
	}
	moment_take(shim.page, &m);
	*w = (struct sock_wait){ .page = shim.page, .way = way, .fd = fd,
				 .generation = m.generation, .kicks = wait_kicks(),
				 .deadline_vns = vmath_add_sat(m.virt_ns, r->dur_vns[way]) };
	return true;
}

bool sock_again(struct sock_wait *w, int error)
{
	struct record *r = record_of(w->fd);
	kernel_mask mask;
	struct moment m;
	bool kicked = w->kicks != wait_kicks();

	if (!(error == EINTR && kicked) && error != EAGAIN && error != EINPROGRESS) {
		return false;
	}
	mask = timers_lock();
	moment_take(w->page, &m);
	kicked = (kicked || m.generation != w->generation) && w->deadline_vns > m.virt_ns &&
		 r->dur_vns[w->way] != 0;
	if (kicked) {
		w->generation = m.generation;
		w->kicks = wait_kicks();
		w->shortened = true;
		set_kernel_timeout(w->fd, r, w->way,
				   vmath_sub_sat(moment_to_wall(&m, w->deadline_vns), m.wall_ns));
	}
	timers_unlock(mask);
	return kicked;
}

void sock_end(const struct sock_wait *w)
{
	struct record *r = record_of(w->fd);
	kernel_mask mask;
	struct moment m;

	if (!w->shortened || r->dur_vns[w->way] == 0) {
		return;
	}
	mask = timers_lock();
	moment_take(w->page, &m);
	set_kernel_timeout(w->fd, r, w->way, moment_dur_to_wall(&m, r->dur_vns[w->way]));
	timers_unlock(mask);
}

/* A wrapper: straight to the next definition unless the socket has a time-out. */
#define SOCK_CALL(type, name, way, parameters, arguments)            \
	EXPORT type name parameters                                  \
	{                                                            \
		struct sock_wait w;                                  \
		type ret;                                            \
                                                                     \
		if (UNLIKELY(!next.name)) {                          \
			shim_init();                                 \
		}                                                    \
		if (LIKELY(!sock_begin(&w, fd, way))) {              \
			return next.name arguments;                  \
		}                                                    \
		do {                                                 \
			ret = next.name arguments;                   \
		} while (ret == -1 && sock_again(&w, *shim_errno()));               \
		sock_end(&w);                                        \
		return ret;                                          \
	}

SOCK_CALL(ssize_t, read, SOCK_RECEIVE, (int fd, void *buf, size_t n), (fd, buf, n))
SOCK_CALL(ssize_t, readv, SOCK_RECEIVE, (int fd, const struct iovec *iov, int n), (fd, iov, n))
SOCK_CALL(ssize_t, recv, SOCK_RECEIVE, (int fd, void *buf, size_t n, int flags),
	  (fd, buf, n, flags))
SOCK_CALL(ssize_t, recvfrom, SOCK_RECEIVE,
	  (int fd, void *restrict buf, size_t n, int flags, struct sockaddr *restrict from,
	   socklen_t *restrict len),
	  (fd, buf, n, flags, from, len))
SOCK_CALL(int, accept, SOCK_RECEIVE,
	  (int fd, struct sockaddr *restrict from, socklen_t *restrict len), (fd, from, len))
SOCK_CALL(int, accept4, SOCK_RECEIVE,
	  (int fd, struct sockaddr *restrict from, socklen_t *restrict len, int flags),
	  (fd, from, len, flags))
SOCK_CALL(ssize_t, write, SOCK_SEND, (int fd, const void *buf, size_t n), (fd, buf, n))
SOCK_CALL(ssize_t, writev, SOCK_SEND, (int fd, const struct iovec *iov, int n), (fd, iov, n))
SOCK_CALL(ssize_t, send, SOCK_SEND, (int fd, const void *buf, size_t n, int flags),
	  (fd, buf, n, flags))
SOCK_CALL(ssize_t, sendto, SOCK_SEND,
	  (int fd, const void *buf, size_t n, int flags, const struct sockaddr *to, socklen_t len),
	  (fd, buf, n, flags, to, len))
SOCK_CALL(ssize_t, sendmsg, SOCK_SEND, (int fd, const struct msghdr *msg, int flags),
	  (fd, msg, flags))
SOCK_CALL(int, sendmmsg, SOCK_SEND, (int fd, struct mmsghdr *vec, unsigned n, int flags),
	  (fd, vec, n, flags))

/* A connect() that goes on after a first one timed out says EALREADY. */
EXPORT int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct sock_wait w;
	int ret;

	if (UNLIKELY(!next.connect)) {
		shim_init();
	}
	if (LIKELY(!sock_begin(&w, fd, SOCK_SEND))) {
		return next.connect(fd, to, len);
	}
	do {
		ret = next.connect(fd, to, len);
		if (ret == -1 && w.shortened && *shim_errno() == EALREADY) {
			*shim_errno() = EINPROGRESS;
		}
	} while (ret == -1 && sock_again(&w, *shim_errno()));
	sock_end(&w);
	return ret;
}

/* The fortified forms: the buffer's size is checked first, as in libc. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t n, size_t size, int flags,
		       struct sockaddr *restrict from, socklen_t *restrict len);

EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size) {
		__builtin_trap();
	}
	return read(fd, buf, n);
}

EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	if (n > size) {
		__builtin_trap();
	}
	return recv(fd, buf, n, flags);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t n, size_t size, int flags,
			      struct sockaddr *restrict from, socklen_t *restrict len)
{
	if (n > size) {
		__builtin_trap();
	}
	return recvfrom(fd, buf, n, flags, from, len);
}
