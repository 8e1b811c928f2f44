/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vtime_math - the arithmetic of the clock page, inline, without any library.
 *
 * Shared by vtime.c and by the shim, whose clock reads cannot afford a call and
 * whose libc is the one it stands in front of.  Everything else includes vtime.h.
 *
 * The rate is mult / 2^shift with the largest shift that keeps mult below 2^63,
 * so its relative error is below 2^-62; over a day (2^46 ns) that is far below
 * one nanosecond, and what remains is the rounding to whole nanoseconds.
 */
#ifndef TIMEDIL_VTIME_MATH_H
#define TIMEDIL_VTIME_MATH_H

#include <stdbool.h>
#include <stdint.h>

#include "page.h"

/* floor(delta * mult / 2^shift); shift <= 63, mult < 2^63. */
static inline int64_t vmath_scale(int64_t delta_ns, uint64_t mult, uint32_t shift)
{
	return (int64_t)(((__int128)delta_ns * (int64_t)mult) >> (shift & 63));
}

/* The inverse: the least d with floor(d * mult / 2^shift) >= delta; saturates. */
static inline int64_t vmath_unscale(int64_t delta_ns, uint64_t mult, uint32_t shift)
{
	unsigned __int128 wide, d;

	if (delta_ns <= 0) {
		wide = (unsigned __int128)(-(__int128)delta_ns) << (shift & 63);
		d = wide / mult;
		return d > (unsigned __int128)INT64_MAX ? INT64_MIN : -(int64_t)d;
	}
	wide = (unsigned __int128)delta_ns << (shift & 63);
	d = (wide + mult - 1) / mult;
	return d > (unsigned __int128)INT64_MAX ? INT64_MAX : (int64_t)d;
}

static inline int64_t vmath_add_sat(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum)) {
		return b > 0 ? INT64_MAX : INT64_MIN;
	}
	return sum;
}

static inline int64_t vmath_sub_sat(int64_t a, int64_t b)
{
	int64_t diff;

	if (__builtin_sub_overflow(a, b, &diff)) {
		return b < 0 ? INT64_MAX : INT64_MIN;
	}
	return diff;
}

/*
 * A reader's section: copy between vseq_begin() and vseq_retry().  The wall
 * clock, too, has to be read inside the section: the writer takes its instant
 * after making the counter odd, so no reader can have seen a later one under
 * the old rate.
 */
uint32_t vseq_wait(const struct timedil_page *page);

static inline uint32_t vseq_begin(const struct timedil_page *page)
{
	uint32_t seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);

	if (__builtin_expect(seq & 1, 0)) {
		seq = vseq_wait(page);
	}
	return seq;
}

static inline bool vseq_retry(const struct timedil_page *page, uint32_t seq)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __builtin_expect(__atomic_load_n(&page->seq, __ATOMIC_RELAXED) != seq, 0);
}

static inline struct timedil_past *vpage_past(const struct timedil_page *page)
{
	return (struct timedil_past *)((uintptr_t)page + TIMEDIL_PAST_OFFSET);
}

#define VPAGE_GET(page, field) __atomic_load_n(&(page)->field, __ATOMIC_RELAXED)

#endif
