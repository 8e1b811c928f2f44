// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * wait - the system calls that wait.
 *
 * Each becomes a `struct timed`: the kernel's call to make, a virtual deadline, and
 * where the wall instant that belongs to it goes.  wait_for() makes it, and again after
 * a change of the clock.  Calls without an end are caught as well, where the kernel would
 * not restart them after a kick.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>

#include "timedil/shim/wait.h"
#include "trap.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif

#define FOR_EVER INT64_MAX
#define MASK_BYTES KERNEL_MASK_BYTES
#define SELECT_COPY_FDS 1024

enum form {
	ENDLESS,
	RELATIVE,
	ABSOLUTE,          /* wall CLOCK_MONOTONIC */
	ABSOLUTE_REALTIME,
};

struct timed {
	struct numbered sys;
	enum form form;
	unsigned time_at;   /* the argument that is a timespec */
	int64_t due_vns;    /* virtual CLOCK_MONOTONIC */
	long timed_out;     /* the kernel's result when the time is over */
	struct fd_copies {
		unsigned count; /* descriptors; 0: nothing to restore */
		unsigned long bits[3][SELECT_COPY_FDS / 64];
	} *sets;            /* select's: cleared by a time-out */
};

/* The handler of a kick (signals.c) knows these labels: what it interrupts between
 * `begin` and `syscall` goes on at `stale`. */
__asm__(".text\n"
	".globl trap_wait\n"
	".hidden trap_wait\n"
	".hidden trap_wait_begin\n"
	".globl trap_wait_begin\n"
	".hidden trap_wait_syscall\n"
	".globl trap_wait_syscall\n"
	".hidden trap_wait_stale\n"
	".globl trap_wait_stale\n"
	".type trap_wait, @function\n"
	"trap_wait:\n"
	"	.cfi_startproc\n"
	"	push %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbx, 0\n"
	"	push %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"	mov %rsi, %rbx\n"
	"	mov %edx, %ebp\n"
	"	mov %rdi, %r11\n"
	"	mov 0(%r11), %rax\n"
	"	mov 8(%r11), %rdi\n"
	"	mov 16(%r11), %rsi\n"
	"	mov 24(%r11), %rdx\n"
	"	mov 32(%r11), %r10\n"
	"	mov 40(%r11), %r8\n"
	"	mov 48(%r11), %r9\n"
	"trap_wait_begin:\n"
	"	cmp (%rbx), %ebp\n"
	"	jne trap_wait_stale\n"
	"trap_wait_syscall:\n"
	"	syscall\n"
	"1:	pop %rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbp\n"
	"	pop %rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbx\n"
	"	ret\n"
	"	.cfi_adjust_cfa_offset 16\n"
	"	.cfi_rel_offset %rbx, 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"trap_wait_stale:\n"
	"	mov $-4, %rax\n" /* -EINTR */
	"	jmp 1b\n"
	"	.cfi_endproc\n"
	".size trap_wait, . - trap_wait\n");

/* --- the wait ----------------------------------------------------------------------------- */

static void copy_sets(const struct timed *t, bool back)
{
	for (unsigned k = 0; t->sets && k < 3; k++) {
		unsigned long *theirs = (unsigned long *)t->sys.a[1 + k];

		for (unsigned i = 0; theirs && i < (t->sets->count + 63) / 64; i++) {
			if (back) {
				theirs[i] = t->sets->bits[k][i];
			} else {
				t->sets->bits[k][i] = theirs[i];
			}
		}
	}
}

static struct timespec wall_time(const struct timed *t, const struct moment *m)
{
	int64_t wall = moment_to_wall(m, t->due_vns);

	if (t->form == RELATIVE) {
		wall = vmath_sub_sat(wall, m->wall_ns);
	} else if (t->form == ABSOLUTE_REALTIME) {
		wall = vmath_add_sat(wall, wall_offset_ns(CLOCK_REALTIME));
	}
	return ns_to_ts(wall > 0 ? wall : 0);
}

/* Whether the kernel's time-out came by an older clock than the present one. */
static bool came_early(const struct timed *t, long ret, const struct moment *begun)
{
	struct moment now;

	if (t->form == ENDLESS || ret != t->timed_out) {
		return false;
	}
	moment_take(shim.page, &now);
	return now.generation != begun->generation && now.virt_ns < t->due_vns;
}

/* Wait until what the caller waits for has come, or its virtual time is over. */
static long wait_by_clock(struct timed *t, struct timespec *ts)
{
	const uint32_t *word = &shim.page->generation;
	struct moment m;
	unsigned kicks;
	long ret;

	for (;;) {
		kicks = wait_kicks();
		moment_take(shim.page, &m);
		*ts = wall_time(t, &m);
		ret = trap_wait(&t->sys, word, m.generation);
		if (ret == -EINTR &&
		    (kicks != wait_kicks() || m.generation != VPAGE_GET(shim.page, generation))) {
			continue;
		}
		if (!came_early(t, ret, &m)) {
			return ret;
		}
		copy_sets(t, true);
	}
}

static long wait_for(struct timed *t)
{
	struct timespec ts;
	long ret;

	copy_sets(t, false);
	if (t->form == ENDLESS) {
		return wait_by_clock(t, &ts);
	}
	t->sys.a[t->time_at] = (long)&ts;
	ret = wait_by_clock(t, &ts);
	t->sys.a[t->time_at] = 0;
	return ret;
}

static int64_t left_vns(const struct timed *t)
{
	int64_t left = vmath_sub_sat(t->due_vns, virt_now_ns(shim.page));

	return left > 0 ? left : 0;
}

/* A relative time of the program's; false if the kernel would refuse it. */
static bool set_relative(struct timed *t, const struct timespec *ts)
{
	if (!ts) {
		t->form = ENDLESS;
		return true;
	}
	t->form = RELATIVE;
	t->due_vns = vmath_add_sat(virt_now_ns(shim.page), ts_to_ns_sat(ts));
	return ts_valid(ts) && ts->tv_sec >= 0;
}

/* The same for an absolute one on clock @id. */
static bool set_absolute(struct timed *t, clockid_t id, const struct timespec *ts)
{
	int64_t off = 0;

	if (!ts) {
		t->form = ENDLESS;
		return true;
	}
	t->form = ABSOLUTE;
	clock_offset(shim.page, id, &off);
	t->due_vns = vmath_sub_sat(ts_to_ns_sat(ts), off);
	return ts_valid(ts) && ts->tv_sec >= 0;
}

static struct timed as_called(const struct call *c)
{
	return (struct timed){ .sys = { c->nr, { c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5] } } };
}

static bool is_zero(const struct timespec *ts)
{
	return ts && ts->tv_sec == 0 && ts->tv_nsec == 0;
}

/* --- sleeps --------------------------------------------------------------------------------- */

static long sleep_until(struct timed *t, struct timespec *left)
{
	long ret;

	t->sys.nr = SYS_clock_nanosleep;
	t->form = ABSOLUTE;
	t->sys.a[0] = CLOCK_MONOTONIC;
	t->sys.a[1] = TIMER_ABSTIME;
	t->sys.a[3] = 0;
	t->time_at = 2;
	ret = wait_for(t);
	if (ret == -EINTR && left) {
		*left = ns_to_ts(left_vns(t));
	}
	return ret;
}

static long call_nanosleep(const struct call *c)
{
	const struct timespec *want = (const void *)c->a[0];
	struct timed t = as_called(c);

	if (!want) {
		return -EFAULT;
	}
	return set_relative(&t, want) ? sleep_until(&t, (void *)c->a[1]) : -EINVAL;
}

static long call_clock_nanosleep(const struct call *c)
{
	const struct timespec none = { 0, 0 }, *want = (const void *)c->a[2];
	clockid_t id = (clockid_t)c->a[0];
	struct timed t = as_called(c);
	int64_t off;
	long ret;

	if (!clock_offset(shim.page, id, &off)) {
		return call_as_is(c); /* CPU time */
	}
	if (!want) {
		return -EFAULT;
	}
	/* Some clocks cannot be slept on, others need a privilege: the kernel judges. */
	ret = sys4(SYS_clock_nanosleep, id, 0, &none, NULL);
	if (ret != 0) {
		return ret;
	}
	if (c->a[1] & TIMER_ABSTIME) {
		return set_absolute(&t, id, want) ? sleep_until(&t, NULL) : -EINVAL;
	}
	return set_relative(&t, want) ? sleep_until(&t, (void *)c->a[3]) : -EINVAL;
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* The kernel writes the time left into the program's timespec. */
static long wait_and_tell(struct timed *t, struct timespec *theirs)
{
	long ret = wait_for(t);

	if (theirs) {
		*theirs = ns_to_ts(left_vns(t));
	}
	return ret;
}

/* A time-out in ms; negative: none. */
static void set_ms(struct timed *t, long ms, unsigned time_at)
{
	struct timespec ts = ns_to_ts((int)ms > 0 ? (int)ms * NS_PER_MS : 0);

	set_relative(t, (int)ms < 0 ? NULL : &ts);
	t->time_at = time_at;
	t->sys.a[time_at] = 0;
}

static long call_poll(const struct call *c)
{
	struct timed t = as_called(c);

	t.sys.nr = SYS_ppoll;
	t.sys.a[3] = 0;
	t.sys.a[4] = MASK_BYTES;
	set_ms(&t, c->a[2], 2);
	return wait_for(&t);
}

static long call_ppoll(const struct call *c)
{
	struct timespec *ts = (void *)c->a[2];
	struct timed t = as_called(c);
	kernel_mask mask;

	t.sys.a[3] = (long)mask_laundered((const void *)c->a[3], &mask);
	t.time_at = 2;
	if (is_zero(ts)) {
		return sys6(t.sys.nr, t.sys.a[0], t.sys.a[1], ts, t.sys.a[3], t.sys.a[4], 0);
	}
	return set_relative(&t, ts) ? wait_and_tell(&t, ts) : -EINVAL;
}

static long select_for(struct timed *t, struct timespec *ts)
{
	struct fd_copies copies = { .count = 0 };
	long ret;

	t->sys.nr = SYS_pselect6;
	t->time_at = 4;
	if (is_zero(ts)) {
		return sys6(t->sys.nr, t->sys.a[0], t->sys.a[1], t->sys.a[2], t->sys.a[3], ts, t->sys.a[5]);
	}
	if (!set_relative(t, ts)) {
		return -EINVAL;
	}
	if (ts && t->sys.a[0] > 0 && t->sys.a[0] <= SELECT_COPY_FDS) {
		copies.count = (unsigned)t->sys.a[0];
		t->sets = &copies;
	}
	ret = wait_and_tell(t, ts);
	t->sets = NULL;
	return ret;
}

static long call_select(const struct call *c)
{
	struct timeval *tv = (void *)c->a[4];
	struct timed t = as_called(c);
	struct timespec ts;
	int64_t us;
	long ret;

	t.sys.a[5] = 0;
	if (!tv) {
		return select_for(&t, NULL);
	}
	/* Microseconds may exceed a second here. */
	if (tv->tv_sec < 0 || tv->tv_usec < 0) {
		return -EINVAL;
	}
	ts = (struct timespec){ tv->tv_sec + tv->tv_usec / US_PER_S, tv->tv_usec % US_PER_S * 1000 };
	ret = select_for(&t, &ts);
	us = ts.tv_nsec / 1000;
	*tv = (struct timeval){ ts.tv_sec, us };
	return ret;
}

static long call_pselect6(const struct call *c)
{
	const struct mask_arg {
		const kernel_mask *mask;
		size_t bytes;
	} *theirs = (const void *)c->a[5];
	struct mask_arg ours;
	struct timed t = as_called(c);
	kernel_mask mask;

	if (theirs) {
		ours = (struct mask_arg){ mask_laundered(theirs->mask, &mask), theirs->bytes };
		t.sys.a[5] = (long)&ours;
	}
	return select_for(&t, (void *)c->a[4]);
}

/* All go to the one with a timespec. */
static long call_epoll(const struct call *c)
{
	const struct timespec *ts = (const void *)c->a[3];
	struct timed t = as_called(c);
	kernel_mask mask;

	t.sys.nr = SYS_epoll_pwait2;
	t.time_at = 3;
	if (c->nr == SYS_epoll_wait) {
		t.sys.a[4] = 0;
		t.sys.a[5] = MASK_BYTES;
	} else {
		t.sys.a[4] = (long)mask_laundered((const void *)c->a[4], &mask);
	}
	if (c->nr != SYS_epoll_pwait2) {
		set_ms(&t, c->a[3], 3);
	} else if (is_zero(ts)) {
		return sys6(t.sys.nr, t.sys.a[0], t.sys.a[1], t.sys.a[2], ts, t.sys.a[4], t.sys.a[5]);
	} else if (!set_relative(&t, ts)) {
		return -EINVAL;
	}
	return wait_for(&t);
}

/* --- futexes ---------------------------------------------------------------------------------- */

/*
 * All deadlines become absolute ones on CLOCK_MONOTONIC, by which a relative wait is one
 * for any of the bits; only LOCK_PI knows no other clock than CLOCK_REALTIME.
 */
static long call_futex(const struct call *c)
{
	const struct timespec *ts = (const void *)c->a[3];
	clockid_t id = c->a[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	struct timed t = as_called(c);
	bool valid;

	t.time_at = 3;
	t.timed_out = -ETIMEDOUT;
	t.sys.a[1] &= ~FUTEX_CLOCK_REALTIME;
	switch (c->a[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		valid = set_relative(&t, ts);
		t.form = ABSOLUTE;
		t.sys.a[1] = (t.sys.a[1] & ~(long)FUTEX_CMD_MASK) | FUTEX_WAIT_BITSET;
		t.sys.a[5] = FUTEX_BITSET_MATCH_ANY;
		break;
	case FUTEX_LOCK_PI:
		t.sys.a[1] = c->a[1];
		valid = set_absolute(&t, CLOCK_REALTIME, ts);
		t.form = ABSOLUTE_REALTIME;
		break;
	default:
		valid = set_absolute(&t, id, ts);
		break;
	}
	return valid ? wait_for(&t) : -EINVAL;
}

/* futex_waitv and futex_wait: the timespec at @time_at, and its clock behind it. */
static long call_futex2(const struct call *c, unsigned time_at)
{
	clockid_t id = (clockid_t)c->a[time_at + 1];
	struct timed t = as_called(c);

	if (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC) {
		return call_as_is(c);
	}
	t.time_at = time_at;
	t.timed_out = -ETIMEDOUT;
	t.sys.a[time_at + 1] = CLOCK_MONOTONIC;
	return set_absolute(&t, id, (const void *)c->a[time_at]) ? wait_for(&t) : -EINVAL;
}

/* --- signals, messages, semaphores, asynchronous I/O -------------------------------------------- */

static long call_sigtimedwait(const struct call *c)
{
	const struct timespec *ts = (const void *)c->a[2];
	struct timed t = as_called(c);
	siginfo_t own = { .si_signo = 0 }, *info = c->a[1] ? (siginfo_t *)c->a[1] : &own;
	long ret;

	t.sys.a[1] = (long)info;
	t.time_at = 2;
	t.timed_out = -EAGAIN;
	if (!set_relative(&t, ts)) {
		return -EINVAL;
	}
	/* A kick may be taken out of the queue by this very call. */
	do {
		ret = is_zero(ts) ? sys4(t.sys.nr, t.sys.a[0], info, ts, t.sys.a[3]) : wait_for(&t);
	} while (ret > 0 && is_kick(info) && (kicked(), true));
	return ret;
}

static long call_sigsuspend(const struct call *c)
{
	struct timed t = as_called(c);
	kernel_mask mask;

	t.sys.a[0] = (long)mask_laundered((const void *)c->a[0], &mask);
	return wait_for(&t);
}

static long call_relative(const struct call *c, unsigned time_at, long timed_out)
{
	const struct timespec *ts = (const void *)c->a[time_at];
	struct timed t = as_called(c);

	t.time_at = time_at;
	t.timed_out = timed_out;
	if (is_zero(ts)) {
		return call_as_is(c);
	}
	return set_relative(&t, ts) ? wait_for(&t) : -EINVAL;
}

static long call_mq(const struct call *c)
{
	struct timed t = as_called(c);

	t.time_at = 4;
	t.timed_out = -ETIMEDOUT;
	if (!set_absolute(&t, CLOCK_REALTIME, (const void *)c->a[4])) {
		return call_as_is(c); /* only a call that would wait is refused for it */
	}
	t.form = c->a[4] ? ABSOLUTE_REALTIME : ENDLESS;
	return wait_for(&t);
}

/* The kernel looks at this time-out only after each datagram. */
static long call_recvmmsg(const struct call *c)
{
	struct timespec *ts = (void *)c->a[4];
	struct timed t = as_called(c);
	long ret;

	t.time_at = 4;
	t.timed_out = 1; /* nothing tells */
	if (!set_relative(&t, ts)) {
		return -EINVAL;
	}
	ret = wait_for(&t);
	if (ret >= 0 && ts) {
		*ts = ns_to_ts(left_vns(&t));
	}
	return ret;
}

static long call_io_pgetevents(const struct call *c)
{
	const struct mask_arg {
		const kernel_mask *mask;
		size_t bytes;
	} *theirs = (const void *)c->a[5];
	struct mask_arg ours;
	struct call changed = *c;
	kernel_mask mask;

	if (theirs) {
		ours = (struct mask_arg){ mask_laundered(theirs->mask, &mask), theirs->bytes };
		changed.a[5] = (long)&ours;
	}
	return call_relative(&changed, 4, 0);
}

static long call_endless(const struct call *c)
{
	struct timed t = as_called(c);

	return wait_for(&t);
}

bool wait_call(const struct call *c, long *result)
{
	switch (c->nr) {
	case SYS_nanosleep:
		return *result = call_nanosleep(c), true;
	case SYS_clock_nanosleep:
		return *result = call_clock_nanosleep(c), true;
	case SYS_poll:
		return *result = call_poll(c), true;
	case SYS_ppoll:
		return *result = call_ppoll(c), true;
	case SYS_select:
		return *result = call_select(c), true;
	case SYS_pselect6:
		return *result = call_pselect6(c), true;
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return *result = call_epoll(c), true;
	case SYS_futex:
		return *result = call_futex(c), true;
	case SYS_futex_waitv:
		return *result = call_futex2(c, 3), true;
	case SYS_futex_wait:
		return *result = call_futex2(c, 4), true;
	case SYS_rt_sigtimedwait:
		return *result = call_sigtimedwait(c), true;
	case SYS_rt_sigsuspend:
		return *result = call_sigsuspend(c), true;
	case SYS_semtimedop:
		return *result = call_relative(c, 3, -EAGAIN), true;
	case SYS_io_getevents:
		return *result = call_relative(c, 4, 0), true;
	case SYS_io_pgetevents:
		return *result = call_io_pgetevents(c), true;
	case SYS_mq_timedsend:
	case SYS_mq_timedreceive:
		return *result = call_mq(c), true;
	case SYS_recvmmsg:
		return *result = call_recvmmsg(c), true;
	case SYS_pause:
	case SYS_semop:
	case SYS_msgsnd:
	case SYS_msgrcv:
		return *result = call_endless(c), true;
	default:
		return false;
	}
}
