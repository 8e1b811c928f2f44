// SPDX-License-Identifier: LGPL-2.1-or-later
#include "timers.h"

#include "socktime.h"

/* A record agrees with the kernel's timer if the two expiries lie this close. */
#define AGREE_NS (2 * NS_PER_MS)

static struct {
	uint32_t held;
	uint32_t generation; /* of the clock that the timers are armed by */
	long pid;            /* whose timers these are */
} timers;

void timers_init(const struct timedil_page *page)
{
	timers.generation = VPAGE_GET(page, generation);
	timers.pid = sys0(SYS_getpid);
}

/* A forked child has none of its parent's timers, except those that are descriptors;
 * and the lock may have been copied while another thread held it. */
static void after_fork(long pid)
{
	timers.pid = pid;
	timers.held = 0;
	itimer_forget();
	ptimers_forget();
}

kernel_mask timers_lock(void)
{
	kernel_mask mask = signals_block();
	long pid = sys0(SYS_getpid);

	if (UNLIKELY(pid != timers.pid)) {
		after_fork(pid);
	}
	while (__atomic_exchange_n(&timers.held, 1, __ATOMIC_ACQUIRE)) {
		sys0(SYS_sched_yield);
	}
	return mask;
}

void timers_unlock(kernel_mask mask)
{
	__atomic_store_n(&timers.held, 0, __ATOMIC_RELEASE);
	signals_restore(mask);
}

/* In a vfork child the memory is the parent's: leave it alone. */
void timers_kicked(const struct timedil_page *page)
{
	struct moment m;
	kernel_mask mask;

	if (timers.generation == VPAGE_GET(page, generation) || sys0(SYS_getpid) != timers.pid) {
		return;
	}
	mask = timers_lock();
	moment_take(page, &m);
	if (timers.generation != m.generation) {
		timers.generation = m.generation;
		itimer_rearm(&m);
		ptimers_rearm(&m);
		timerfds_rearm(&m);
		socktimes_rearm(&m);
	}
	timers_unlock(mask);
}

bool itimerspec_valid(const struct itimerspec *its)
{
	return ts_valid(&its->it_value) && ts_valid(&its->it_interval) && its->it_value.tv_sec >= 0 &&
	       its->it_interval.tv_sec >= 0;
}

static bool ts_zero(const struct timespec *ts)
{
	return ts->tv_sec == 0 && ts->tv_nsec == 0;
}

static struct itimerspec wall_setting(struct armed *armed, const struct moment *m)
{
	int64_t due = moment_to_wall(m, armed->due_vns);
	int64_t interval = moment_dur_to_wall(m, armed->interval_vns);

	armed->due_wns = due > 0 ? due : 1;
	return (struct itimerspec){
		.it_value = ns_to_ts(armed->due_wns),
		.it_interval = ns_to_ts(armed->interval_vns > 0 && interval == 0 ? 1 : interval),
	};
}

struct itimerspec on_clock(struct itimerspec monotonic, clockid_t id)
{
	int64_t due = ts_to_ns_sat(&monotonic.it_value);

	if (due > 0 && id != CLOCK_MONOTONIC) {
		due = vmath_add_sat(due, wall_offset_ns(id));
		monotonic.it_value = ns_to_ts(due > 0 ? due : 1);
	}
	return monotonic;
}

struct itimerspec armed_set(struct armed *armed, const struct moment *m,
			    const struct itimerspec *want, bool absolute, int64_t clock_off_ns)
{
	*armed = (struct armed){ 0 };
	if (ts_zero(&want->it_value)) {
		return (struct itimerspec){ .it_value = { 0, 0 } };
	}
	if (absolute) {
		armed->due_vns = vmath_sub_sat(ts_to_ns_sat(&want->it_value), clock_off_ns);
	} else {
		armed->due_vns = vmath_add_sat(m->virt_ns, ts_to_ns_sat(&want->it_value));
	}
	if (armed->due_vns == 0) {
		armed->due_vns = 1;
	}
	armed->interval_vns = ts_to_ns_sat(&want->it_interval);
	return wall_setting(armed, m);
}

/* The first expiry after now. */
static int64_t next_due(const struct armed *armed, const struct moment *m)
{
	int64_t late = vmath_sub_sat(m->virt_ns, armed->due_vns);

	if (late < 0 || armed->interval_vns <= 0) {
		return armed->due_vns;
	}
	return vmath_add_sat(armed->due_vns,
			     (late / armed->interval_vns + 1) * armed->interval_vns);
}

struct itimerspec armed_left(const struct armed *armed, const struct moment *m,
			     const struct itimerspec *kernel)
{
	struct itimerspec left = { .it_value = { 0, 0 } };
	int64_t ns;

	if (armed->due_vns == 0) {
		left.it_interval =
			ns_to_ts(moment_dur_to_virt(m, ts_to_ns_sat(&kernel->it_interval)));
		left.it_value = ns_to_ts(moment_dur_to_virt(m, ts_to_ns_sat(&kernel->it_value)));
		return left;
	}
	left.it_interval = ns_to_ts(armed->interval_vns);
	if (!ts_zero(&kernel->it_value)) {
		ns = vmath_sub_sat(next_due(armed, m), m->virt_ns);
		left.it_value = ns_to_ts(ns > 0 ? ns : 1);
	}
	return left;
}

/* What the kernel's timer will do. */
struct pending {
	int64_t expiry_wns, interval_wns;
};

/* The time left counts from when the kernel looked: if we were held up meanwhile, ask
 * again. */
static bool read_pending(armed_reader *read, const void *timer, struct pending *p)
{
	struct itimerspec left;
	int64_t before;

	for (int i = 0; i < 10; i++) {
		before = wall_ns(CLOCK_MONOTONIC);
		if (read(timer, &left) != 0 || ts_zero(&left.it_value)) {
			return false;
		}
		if (wall_ns(CLOCK_MONOTONIC) - before < AGREE_NS / 2) {
			break;
		}
	}
	p->expiry_wns = vmath_add_sat(before, ts_to_ns_sat(&left.it_value));
	p->interval_wns = ts_to_ns_sat(&left.it_interval);
	return true;
}

/*
 * The kernel's expiry must be what the record, armed under the old clock, makes one
 * expect: for a repeated timer, modulo its interval.  Timers of a clock that stood
 * still are as good as for ever away.
 */
static bool agrees(const struct armed *armed, const struct pending *p)
{
	int64_t off = vmath_sub_sat(p->expiry_wns, armed->due_wns);

	if ((p->interval_wns == 0) != (armed->interval_vns == 0)) {
		return false;
	}
	if (armed->due_wns > INT64_MAX / 4) {
		return p->expiry_wns > INT64_MAX / 4;
	}
	if (p->interval_wns > 0) {
		off %= p->interval_wns;
		return off < AGREE_NS || off > p->interval_wns - AGREE_NS;
	}
	return off < AGREE_NS && off > -AGREE_NS;
}

/*
 * The expiry that the kernel would have brought next.  Counted by the kernel's timer and
 * not by the clock: near an expiry the two may differ, and one would be lost or come
 * twice.
 */
static int64_t kernels_next(const struct armed *armed, const struct pending *p)
{
	int64_t off = vmath_sub_sat(p->expiry_wns, armed->due_wns);

	if (p->interval_wns <= 0 || off < p->interval_wns / 2) {
		return armed->due_vns;
	}
	off = vmath_add_sat(off, p->interval_wns / 2) / p->interval_wns;
	return vmath_add_sat(armed->due_vns, off * armed->interval_vns);
}

bool armed_again(struct armed *armed, const struct moment *m, armed_reader *read,
		 const void *timer, struct itimerspec *wall)
{
	struct pending p;

	if (armed->due_vns == 0) {
		return false;
	}
	if (!read_pending(read, timer, &p) || !agrees(armed, &p)) {
		armed->due_vns = 0;
		return false;
	}
	armed->due_vns = kernels_next(armed, &p);
	*wall = wall_setting(armed, m);
	return true;
}
