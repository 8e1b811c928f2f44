/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * twin - one test per row of calls.def, run natively and dilated.
 *
 * A test says in virtual time what it does; the harness (main.c) measures it with a
 * clock that the shim cannot touch, and compares.
 */
#ifndef TESTS_TWIN_H
#define TESTS_TWIN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* What a test function may return instead of a time. */
#define TWIN_FAILED (-1)
#define TWIN_SKIPPED (-2)

enum twin_kind {
	/* Waits for @ns virtual ns and returns how long it asked for: the wall time that
	 * passed must be that, times the factor. */
	TWIN_WAIT,
	/* The same where the kernel counts in ticks, on its timer wheel: a time-out may come
	 * late by an eighth of itself, natively too. */
	TWIN_WAIT_BY_TICKS,
	/* Reads a clock in ns; two reads must lie apart by the wall time between them, over
	 * the factor. */
	TWIN_READ,
	/* The same in ticks of 10 ms. */
	TWIN_READ_BY_TICKS,
	/* Reads a clock of CPU time: the process works between two reads.  Real time or
	 * dilated time are both right: which it is, is a matter of policy. */
	TWIN_READ_CPU,
	/* Looks at something; returns 0. */
	TWIN_CHECK,
};

struct twin {
	const char *name;
	enum twin_kind kind;
	int64_t (*run)(int64_t ns);
};

#define TWIN(name_, kind_)                                                      \
	static int64_t run_##name_(int64_t ns);                                 \
	extern const struct twin twin_##name_;                                  \
	const struct twin twin_##name_ = { #name_, TWIN_##kind_, run_##name_ }; \
	static int64_t run_##name_(int64_t ns)

/* Say why and fail: return fail("..."). */
int64_t fail(const char *why);

/* What was done so far was preparation: the time counts from here. */
void twin_begin(void);

/* 1 natively; else the factor the run is meant to have. */
double twin_factor(void);
int twin_dilated(void);

/* --- the ruler: system calls that no library sees --------------------------------- */

#if defined(__x86_64__)
#define TRAP_BASE 0x700000000000UL /* of timedil/trap/trap.h */
#define TRAP_CODE_BYTES 0x8000UL

/*
 * Under the trap a system call of ours is caught, however it is made.  The kernel lets
 * through what comes from the trap's own code: there we look for the instructions
 * "syscall; ret".  NULL: we are not under it.
 */
static inline const unsigned char *ruler_door(void)
{
	static const unsigned char *door;
	static int known;

	if (!known && getauxval(AT_SYSINFO_EHDR) == TRAP_BASE) {
		for (door = (void *)TRAP_BASE; memcmp(door, "\x0f\x05\xc3", 3) != 0; door++) {
			if (door == (void *)(TRAP_BASE + TRAP_CODE_BYTES)) {
				abort();
			}
		}
	}
	known = 1;
	return door;
}

static inline long raw_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	const unsigned char *door = ruler_door();
	long ret;

	if (door) {
		/* The red zone below the stack is not ours to write to. */
		__asm__ volatile("lea -128(%%rsp), %%rsp; call *%%rbx; lea 128(%%rsp), %%rsp"
				 : "=a"(ret)
				 : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9),
				   "b"(door)
				 : "rcx", "r11", "memory");
		return ret;
	}
	__asm__ volatile("syscall" : "=a"(ret)
			 : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long raw_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#endif

static inline int64_t ruler_ns(void)
{
	struct timespec ts;

	raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&ts, 0, 0, 0, 0);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static inline void ruler_sleep(int64_t ns)
{
	int64_t until = ruler_ns() + ns;
	struct timespec ts = { until / NS_PER_S, until % NS_PER_S };

	while (raw_syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&ts, 0, 0,
			   0) != 0) {
	}
}

/* --- times in the forms that calls want --------------------------------------------- */

static inline struct timespec ts_of(int64_t ns)
{
	return (struct timespec){ ns / NS_PER_S, ns % NS_PER_S };
}

static inline int64_t ns_of(struct timespec ts)
{
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static inline int64_t now_ns(clockid_t id)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(id, &ts);
	return ns_of(ts);
}

static inline struct timespec in_ns(clockid_t id, int64_t ns)
{
	return ts_of(now_ns(id) + ns);
}

#endif
