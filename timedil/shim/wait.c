// SPDX-License-Identifier: LGPL-2.1-or-later
#include "wait.h"

#include <errno.h>

#include "next.h"

/* Waits of one thread nest only through signal handlers that wait themselves.
 * The slots are used in turn, so that one which was never given back is passed
 * over and re-used later. */
#define SLOTS 8

static __thread struct {
	struct wait_slot slot[SLOTS];
	unsigned turn, kicks;
} thread_waits __attribute__((tls_model("initial-exec")));

static int64_t not_negative(int64_t ns)
{
	return ns > 0 ? ns : 0;
}

static void slot_compute(struct wait_slot *slot, const struct timedil_page *page)
{
	struct moment m;
	int64_t wall;

	moment_take(page, &m);
	wall = moment_to_wall(&m, slot->virt_ns);
	if (slot->form == WAIT_RELATIVE) {
		wall = vmath_sub_sat(wall, m.wall_ns);
	} else if (slot->form == WAIT_ABSOLUTE_REALTIME) {
		wall = vmath_add_sat(wall, wall_offset_ns(CLOCK_REALTIME));
	}
	slot->ts = ns_to_ts(not_negative(wall));
	slot->generation = m.generation;
}

void wait_begin(struct wait *w, const struct timedil_page *page, enum wait_form form,
		int64_t virt_deadline_ns)
{
	struct wait_slot *slot = &thread_waits.slot[thread_waits.turn++ % SLOTS];

	w->page = page;
	w->slot = slot;
	slot->form = WAIT_NONE;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	slot->virt_ns = virt_deadline_ns;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	slot->form = form;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* A kick in the middle is overwritten by the older value: hence the loop. */
struct timespec *wait_arm(struct wait *w)
{
	do {
		slot_compute(w->slot, w->page);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	} while (UNLIKELY(w->slot->generation != VPAGE_GET(w->page, generation)));
	w->kicks = thread_waits.kicks;
	return &w->slot->ts;
}

bool wait_reached(const struct wait *w)
{
	return virt_now_ns(w->page) >= w->slot->virt_ns;
}

bool wait_again(struct wait *w, long kernel_result)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (kernel_result == 0 || kernel_result == -ETIMEDOUT) {
		return !wait_reached(w);
	}
	return kernel_result == -EINTR && w->kicks != thread_waits.kicks;
}

int64_t wait_left_ns(const struct wait *w)
{
	return not_negative(vmath_sub_sat(w->slot->virt_ns, virt_now_ns(w->page)));
}

void wait_end(struct wait *w)
{
	w->slot->form = WAIT_NONE;
}

unsigned wait_kicks(void)
{
	unsigned kicks = thread_waits.kicks;

	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return kicks;
}

void wait_kicked(const struct timedil_page *page)
{
	thread_waits.kicks++;
	for (unsigned i = 0; i < SLOTS; i++) {
		if (thread_waits.slot[i].form != WAIT_NONE) {
			slot_compute(&thread_waits.slot[i], page);
		}
	}
}

int64_t deadline_in(const struct timedil_page *page, int64_t dur_vns)
{
	return vmath_add_sat(virt_now_ns(page), dur_vns);
}

bool deadline_at(const struct timedil_page *page, clockid_t id, const struct timespec *abs,
		 int64_t *virt_ns)
{
	int64_t off;

	if (!clock_offset(page, id, &off)) {
		return false;
	}
	*virt_ns = vmath_sub_sat(ts_to_ns_sat(abs), off);
	return true;
}

long sys_cancel(long n, long a, long b, long c, long d, long e, long f)
{
	int old;
	long ret;

	if (!next.pthread_setcanceltype) {
		return sys_call6(n, a, b, c, d, e, f);
	}
	next.pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	ret = sys_call6(n, a, b, c, d, e, f);
	next.pthread_setcanceltype(old, NULL);
	return ret;
}
