// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * timerfd - timers that are descriptors.
 *
 * Records are kept by descriptor number.  A timer that came from elsewhere (across
 * exec, over a socket) has none until it is set; the kernel tells its clock in
 * /proc/self/fdinfo.  Expirations that the program has not read yet survive the
 * re-arming of a changed clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "proc.h"
#include "timers.h"

#define SET_TICKS _IOW('T', 0, uint64_t) /* linux/timerfd.h; clashes with sys/timerfd.h */

struct record {
	bool used;
	clockid_t clock;
	struct armed armed;
};

/* Descriptors beyond the last chunk are served, but not re-armed. */
#define CHUNK_FDS 256
#define CHUNKS 4096

static struct record *chunks[CHUNKS];
static unsigned chunks_end;

static struct record *slot_of(int fd, bool create)
{
	unsigned c = (unsigned)fd / CHUNK_FDS;
	long map;

	if (fd < 0 || c >= CHUNKS) {
		return NULL;
	}
	if (!chunks[c] && create) {
		map = sys6(SYS_mmap, NULL, CHUNK_FDS * sizeof(struct record), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map < 0 && map > -4096) {
			return NULL;
		}
		chunks[c] = (struct record *)map;
		if (c >= chunks_end) {
			chunks_end = c + 1;
		}
	}
	return chunks[c] ? &chunks[c][(unsigned)fd % CHUNK_FDS] : NULL;
}

/* --- what the kernel knows of a descriptor ------------------------------------- */

static bool fdinfo(int fd, const char *key, uint64_t *value)
{
	return proc_number("/proc/self/fdinfo/", (unsigned)fd, "", key, 10, value);
}

static clockid_t clock_of(int fd)
{
	struct record *r = slot_of(fd, false);
	uint64_t id;

	if (r && r->used) {
		return r->clock;
	}
	return fdinfo(fd, "clockid", &id) ? (clockid_t)id : -1;
}

/* --- re-arming ------------------------------------------------------------------ */

/* Unread expirations, or 0. */
static uint64_t pending_ticks(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec now = { 0, 0 };
	uint64_t ticks;

	if (sys6(SYS_ppoll, &p, 1, &now, NULL, 0, 0) != 1) {
		return 0;
	}
	return fdinfo(fd, "ticks", &ticks) && ticks > 0 ? ticks : 1;
}

static long read_left(const void *timer, struct itimerspec *left)
{
	return sys2(SYS_timerfd_gettime, *(const int *)timer, left);
}

static void rearm(int fd, struct record *r, const struct moment *m)
{
	struct itimerspec wall;
	uint64_t ticks;

	if (!armed_again(&r->armed, m, read_left, &fd, &wall)) {
		return;
	}
	ticks = pending_ticks(fd);
	wall = on_clock(wall, r->clock);
	sys4(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &wall, NULL);
	if (ticks) {
		sys3(SYS_ioctl, fd, SET_TICKS, &ticks);
	}
}

void timerfds_rearm(const struct moment *m)
{
	for (unsigned c = 0; c < chunks_end; c++) {
		for (unsigned i = 0; chunks[c] && i < CHUNK_FDS; i++) {
			struct record *r = &chunks[c][i];

			if (r->used && r->armed.due_vns) {
				rearm((int)(c * CHUNK_FDS + i), r, m);
			}
		}
	}
}

/* --- calls ---------------------------------------------------------------------- */

EXPORT int timerfd_create(__clockid_t clock, int flags)
{
	long fd = sys2(SYS_timerfd_create, clock, flags);
	struct record *r;
	kernel_mask mask;

	if (fd >= 0 && shim_page()) {
		mask = timers_lock();
		r = slot_of((int)fd, true);
		if (r) {
			*r = (struct record){ .used = true, .clock = clock };
		}
		timers_unlock(mask);
	}
	return (int)shim_result(fd);
}

static long settime(const struct timedil_page *page, int fd, int flags,
		    const struct itimerspec *want, struct itimerspec *old)
{
	struct record *r, none = { .used = false };
	struct itimerspec wall, before;
	clockid_t clock = clock_of(fd);
	struct armed armed;
	struct moment m;
	int64_t off;
	long ret;

	if (!clock_offset(page, clock, &off)) {
		return sys4(SYS_timerfd_settime, fd, flags, want, old);
	}
	moment_take(page, &m);
	wall = armed_set(&armed, &m, want, flags & TFD_TIMER_ABSTIME, off);
	wall = on_clock(wall, clock);
	ret = sys4(SYS_timerfd_settime, fd, TFD_TIMER_ABSTIME, &wall, &before);
	if (ret != 0) {
		return ret;
	}
	r = slot_of(fd, true);
	if (!r) {
		r = &none;
	}
	if (old) {
		*old = armed_left(r->used ? &r->armed : &none.armed, &m, &before);
	}
	*r = (struct record){ .used = true, .clock = clock, .armed = armed };
	return 0;
}

EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec *want, struct itimerspec *old)
{
	const struct timedil_page *page = shim_page();
	kernel_mask mask;
	long ret;

	if (!page || !want || !itimerspec_valid(want) ||
	    (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))) {
		return (int)shim_result(sys4(SYS_timerfd_settime, fd, flags, want, old));
	}
	mask = timers_lock();
	ret = settime(page, fd, flags, want, old);
	timers_unlock(mask);
	return (int)shim_result(ret);
}

EXPORT int timerfd_gettime(int fd, struct itimerspec *left)
{
	const struct timedil_page *page = shim_page();
	const struct record *r;
	struct armed none = { 0 };
	struct moment m;
	kernel_mask mask;
	long ret;

	if (!page || !left) {
		return (int)shim_result(sys2(SYS_timerfd_gettime, fd, left));
	}
	mask = timers_lock();
	moment_take(page, &m);
	ret = sys2(SYS_timerfd_gettime, fd, left);
	if (ret == 0) {
		r = slot_of(fd, false);
		*left = armed_left(r && r->used ? &r->armed : &none, &m, left);
	}
	timers_unlock(mask);
	return (int)shim_result(ret);
}
