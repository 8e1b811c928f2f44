// SPDX-License-Identifier: GPL-2.0-or-later
/* Past every library: system calls as instructions, the vDSO, the counter of the CPU. */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "timedil/shim/elf.h"
#include "twin.h"

TWIN(asm_nanosleep, WAIT)
{
	struct timespec ts = ts_of(ns);

	return raw_syscall(SYS_nanosleep, (long)&ts, 0, 0, 0, 0, 0) == 0 ? ns : fail("nanosleep");
}

TWIN(asm_futex_wait, WAIT)
{
	struct timespec ts = ts_of(ns);
	int word = 0;

	return raw_syscall(SYS_futex, (long)&word, FUTEX_WAIT, 0, (long)&ts, 0, 0) == -ETIMEDOUT ?
		       ns :
		       fail("futex");
}

/* Not by raw_syscall(), which the ruler is made of. */
TWIN(asm_clock_gettime, READ)
{
	struct timespec ts = { 0, 0 };
	long ret = SYS_clock_gettime;

	(void)ns;
#ifdef __x86_64__
	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"((long)CLOCK_REALTIME), "S"(&ts)
			 : "rcx", "r11", "memory");
#else
	ret = raw_syscall(ret, CLOCK_REALTIME, (long)&ts, 0, 0, 0, 0);
#endif
	return ret == 0 ? ns_of(ts) : fail("clock_gettime");
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
