// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ptimer - POSIX timers.
 *
 * A timer on a dilated clock has a record; one on a CPU clock has none and passes
 * through.  Records live in chunks that are mapped when needed and never given back.
 */
#include <errno.h>
#include <sys/mman.h>

#include "next.h"
#include "proc.h"
#include "timers.h"

struct record {
	bool used;
	timer_t id;
	clockid_t clock;
	int sig; /* sent at expiry, or 0 */
	int tid; /* to this thread alone, or 0 */
	struct armed armed;
};

#define CHUNK_RECORDS 63

struct chunk {
	struct chunk *more;
	struct record record[CHUNK_RECORDS];
};

static struct chunk first_chunk;

/* With the lock held: the record of @id; or, for a NULL @id, a free one. */
static struct record *find(const timer_t *id)
{
	for (struct chunk *c = &first_chunk; c; c = c->more) {
		for (unsigned i = 0; i < CHUNK_RECORDS; i++) {
			struct record *r = &c->record[i];

			if (id ? r->used && r->id == *id : !r->used) {
				return r;
			}
		}
	}
	return NULL;
}

static struct record *add(void)
{
	struct record *r = find(NULL);
	struct chunk *last = &first_chunk;
	long map;

	if (r) {
		return r;
	}
	map = sys6(SYS_mmap, NULL, sizeof(struct chunk), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map < 0 && map > -4096) {
		return NULL;
	}
	while (last->more) {
		last = last->more;
	}
	last->more = (struct chunk *)map;
	return &last->more->record[0];
}

void ptimers_forget(void)
{
	for (struct chunk *c = &first_chunk; c; c = c->more) {
		for (unsigned i = 0; i < CHUNK_RECORDS; i++) {
			c->record[i].used = false;
		}
	}
}

static bool signal_pending(const struct record *r)
{
	uint64_t pending = 0;

	if (r->sig == 0) {
		return false;
	}
	if (r->tid) {
		proc_number("/proc/self/task/", (unsigned)r->tid, "/status", "SigPnd", 16, &pending);
	} else {
		sys2(SYS_rt_sigpending, &pending, KERNEL_MASK_BYTES);
	}
	return pending & MASK_OF(r->sig);
}

/*
 * Arming a timer anew takes back a signal of its that is still pending.  Then the new
 * setting begins an interval early, in the past: the signal comes at once, and the next
 * expiry is where it belongs.
 */
static void rearm(const struct record *r, struct itimerspec wall)
{
	if (r->armed.interval_vns && signal_pending(r)) {
		int64_t due = vmath_sub_sat(ts_to_ns_sat(&wall.it_value),
					    ts_to_ns_sat(&wall.it_interval));

		wall.it_value = ns_to_ts(due > 0 ? due : 1);
	}
	wall = on_clock(wall, r->clock);
	next.timer_settime(r->id, TIMER_ABSTIME, &wall, NULL);
}

static long read_left(const void *timer, struct itimerspec *left)
{
	return next.timer_gettime(((const struct record *)timer)->id, left);
}

void ptimers_rearm(const struct moment *m)
{
	struct itimerspec wall;

	for (struct chunk *c = &first_chunk; c; c = c->more) {
		for (unsigned i = 0; i < CHUNK_RECORDS; i++) {
			struct record *r = &c->record[i];

			if (r->used && armed_again(&r->armed, m, read_left, r, &wall)) {
				rearm(r, wall);
			}
		}
	}
}

static void note_signal(struct record *r, const struct sigevent *event)
{
	if (!event) {
		r->sig = SIGALRM;
	} else if (event->sigev_notify == SIGEV_SIGNAL) {
		r->sig = event->sigev_signo;
	} else if (event->sigev_notify == SIGEV_THREAD_ID) {
		r->sig = event->sigev_signo;
		r->tid = event->_sigev_un._tid;
	}
}

bool ptimer_register(clockid_t clock, const struct sigevent *event, timer_t id)
{
	struct record *r;
	kernel_mask mask;
	int64_t off;

	if (!shim.page || !clock_offset(shim.page, clock, &off)) {
		return true;
	}
	mask = timers_lock();
	r = add();
	if (r) {
		*r = (struct record){ .used = true, .id = id, .clock = clock };
		note_signal(r, event);
	}
	timers_unlock(mask);
	return r != NULL;
}

EXPORT int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict id)
{
	int ret = (shim_page(), next.timer_create(clock, event, id));

	if (ret == 0 && !ptimer_register(clock, event, *id)) {
		next.timer_delete(*id);
		return (int)shim_result(-EAGAIN);
	}
	return ret;
}

EXPORT int timer_delete(timer_t id)
{
	struct record *r;
	kernel_mask mask;

	if (shim_page()) {
		mask = timers_lock();
		r = find(&id);
		if (r) {
			r->used = false;
		}
		timers_unlock(mask);
	}
	return next.timer_delete(id);
}

static int settime(const struct timedil_page *page, struct record *r, int flags,
		   const struct itimerspec *want, struct itimerspec *old)
{
	struct itimerspec wall, before;
	struct armed armed;
	struct moment m;
	int64_t off = 0;
	int ret;

	clock_offset(page, r->clock, &off);
	moment_take(page, &m);
	wall = armed_set(&armed, &m, want, flags & TIMER_ABSTIME, off);
	wall = on_clock(wall, r->clock);
	ret = next.timer_settime(r->id, TIMER_ABSTIME, &wall, &before);
	if (ret == 0) {
		if (old) {
			*old = armed_left(&r->armed, &m, &before);
		}
		r->armed = armed;
	}
	return ret;
}

EXPORT int timer_settime(timer_t id, int flags, const struct itimerspec *restrict want,
			 struct itimerspec *restrict old)
{
	const struct timedil_page *page = shim_page();
	struct record *r;
	kernel_mask mask;
	int ret;

	if (!page || !want || !itimerspec_valid(want)) {
		return next.timer_settime(id, flags, want, old);
	}
	mask = timers_lock();
	r = find(&id);
	ret = r ? settime(page, r, flags, want, old) : next.timer_settime(id, flags, want, old);
	timers_unlock(mask);
	return ret;
}

EXPORT int timer_gettime(timer_t id, struct itimerspec *left)
{
	const struct timedil_page *page = shim_page();
	struct record *r;
	struct moment m;
	kernel_mask mask;
	int ret;

	if (!page) {
		return next.timer_gettime(id, left);
	}
	mask = timers_lock();
	r = find(&id);
	moment_take(page, &m);
	ret = next.timer_gettime(id, left);
	if (ret == 0 && r) {
		*left = armed_left(&r->armed, &m, left);
	}
	timers_unlock(mask);
	return ret;
}
