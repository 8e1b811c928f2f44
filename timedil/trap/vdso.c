// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vdso - the symbols of the kernel's vDSO, on the virtual clock.
 *
 * The resolution of clocks is real, as under the shim; the number of the CPU is asked of the
 * kernel's own vDSO.
 */
#include <sys/time.h>

#include "timedil/shim/attach.h"
#include "trap.h"

int __vdso_clock_gettime(clockid_t id, struct timespec *ts);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
time_t __vdso_time(time_t *out);
int __vdso_clock_getres(clockid_t id, struct timespec *resolution);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

EXPORT int __vdso_clock_gettime(clockid_t id, struct timespec *ts)
{
	return clock_gettime(id, ts);
}

EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	return gettimeofday(tv, tz);
}

EXPORT time_t __vdso_time(time_t *out)
{
	return time(out);
}

EXPORT int __vdso_clock_getres(clockid_t id, struct timespec *resolution)
{
	return (int)sys2(SYS_clock_getres, id, resolution);
}

EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	return trap.getcpu ? trap.getcpu(cpu, node, unused) : sys3(SYS_getcpu, cpu, node, unused);
}
