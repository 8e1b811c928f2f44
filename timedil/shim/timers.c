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

/* The kernel's setting for a record: never zero, which would disarm. */
static struct itimerspec wall_setting(struct armed *armed, const struct moment *m)
{
	int64_t due = moment_to_wall(m, armed->due_vns);
	int64_t left = vmath_sub_sat(due, m->wall_ns);
	int64_t interval = moment_dur_to_wall(m, armed->interval_vns);

	armed->due_wns = due;
	return (struct itimerspec){
		.it_value = ns_to_ts(left > 0 ? left : 1),
		.it_interval = ns_to_ts(armed->interval_vns > 0 && interval == 0 ? 1 : interval),
	};
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

/*
 * The kernel's remaining time must be what the record, armed under the old clock,
 * makes one expect: for a repeated timer, modulo its interval.
 */
static bool agrees(const struct armed *armed, const struct moment *m,
		   const struct itimerspec *kernel)
{
	int64_t expiry = vmath_add_sat(m->wall_ns, ts_to_ns_sat(&kernel->it_value));
	int64_t interval = ts_to_ns_sat(&kernel->it_interval);
	int64_t off = vmath_sub_sat(expiry, armed->due_wns);

	if ((interval == 0) != (armed->interval_vns == 0)) {
		return false;
	}
	if (interval > 0) {
		off %= interval;
		return off < AGREE_NS || off > interval - AGREE_NS;
	}
	return off < AGREE_NS && off > -AGREE_NS;
}

/*
 * The expiry that the kernel would have brought next.  Counted by the kernel's timer and
 * not by the clock: near an expiry the two may differ, and one would be lost or come
 * twice.
 */
static int64_t kernels_next(const struct armed *armed, const struct moment *m,
			    const struct itimerspec *kernel)
{
	int64_t interval = ts_to_ns_sat(&kernel->it_interval);
	int64_t expiry = vmath_add_sat(m->wall_ns, ts_to_ns_sat(&kernel->it_value));
	int64_t off = vmath_sub_sat(expiry, armed->due_wns);

	if (interval <= 0 || off < interval / 2) {
		return armed->due_vns;
	}
	return vmath_add_sat(armed->due_vns,
			     vmath_add_sat(off, interval / 2) / interval * armed->interval_vns);
}

bool armed_again(struct armed *armed, const struct moment *m, const struct itimerspec *kernel,
		 struct itimerspec *wall)
{
	if (armed->due_vns == 0) {
		return false;
	}
	if (ts_zero(&kernel->it_value) || !agrees(armed, m, kernel)) {
		armed->due_vns = 0;
		return false;
	}
	armed->due_vns = kernels_next(armed, m, kernel);
	*wall = wall_setting(armed, m);
	return true;
}
