// SPDX-License-Identifier: GPL-2.0-or-later
/* Past every library: system calls as instructions, the vDSO, the counter of the CPU. */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "timedil/shim/elf.h"
#include "twin.h"

/* Not raw_syscall(), which the ruler is made of, and which the trap lets through. */
static long asm_syscall(long n, long a, long b, long c, long d)
{
#ifdef __x86_64__
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
#else
	return raw_syscall(n, a, b, c, d, 0, 0);
#endif
}

TWIN(asm_nanosleep, WAIT)
{
	struct timespec ts = ts_of(ns);

	return asm_syscall(SYS_nanosleep, (long)&ts, 0, 0, 0) == 0 ? ns : fail("nanosleep");
}

TWIN(asm_futex_wait, WAIT)
{
	struct timespec ts = ts_of(ns);
	int word = 0;

	return asm_syscall(SYS_futex, (long)&word, FUTEX_WAIT, 0, (long)&ts) == -ETIMEDOUT ?
		       ns :
		       fail("futex");
}

TWIN(asm_clock_gettime, READ)
{
	struct timespec ts = { 0, 0 };

	(void)ns;
	return asm_syscall(SYS_clock_gettime, CLOCK_REALTIME, (long)&ts, 0, 0) == 0 ?
		       ns_of(ts) :
		       fail("clock_gettime");
}

typedef int clock_reader(clockid_t id, struct timespec *ts);

static clock_reader *in_vdso(uintptr_t header)
{
	struct elf_image image;
	void *found = NULL;

	if (header && elf_open_header(&image, (const void *)header)) {
		found = elf_find(&image, "__vdso_clock_gettime");
		found = found ? found : elf_find(&image, "__kernel_clock_gettime");
	}
	return (clock_reader *)(uintptr_t)found;
}

TWIN(vdso_by_auxv, READ)
{
	clock_reader *read = in_vdso(getauxval(AT_SYSINFO_EHDR));
	struct timespec ts;

	(void)ns;
	return read ? (read(CLOCK_REALTIME, &ts), ns_of(ts)) : TWIN_SKIPPED;
}

/* The counter's frequency is the one the kernel prints. */
static double cycles_per_ns(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];
	double mhz = 0;

	while (f && mhz == 0 && fgets(line, sizeof(line), f)) {
		sscanf(line, "cpu MHz : %lf", &mhz);
	}
	if (f) {
		fclose(f);
	}
	return mhz / 1000;
}

TWIN(rdtsc, READ)
{
	double rate = cycles_per_ns();

	(void)ns;
#ifdef __x86_64__
	return rate > 0 ? (int64_t)((double)__builtin_ia32_rdtsc() / rate) : TWIN_SKIPPED;
#else
	return TWIN_SKIPPED;
#endif
}
