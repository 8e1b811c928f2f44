// SPDX-License-Identifier: LGPL-2.1-or-later
/* install - arm the filters that filter/main.c has made. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "trap.h"

#include "trap_filter.inc"

static struct sock_fprog program_of(enum filter which)
{
	const struct sock_filter *code = which == FILTER_CALLS ? calls : sockets;
	size_t bytes = which == FILTER_CALLS ? sizeof(calls) : sizeof(sockets);

	return (struct sock_fprog){ .len = (unsigned short)(bytes / sizeof(*code)),
				    .filter = (struct sock_filter *)(uintptr_t)code };
}

/*
 * Without privileges the kernel wants a promise that exec will give none.  SPEC_ALLOW keeps
 * it from slowing the program down by a guard against speculation, which a filter that
 * protects nothing does not need.
 */
long filter_install(enum filter which)
{
	const long flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC;
	struct sock_fprog program = program_of(which);
	long ret = sys3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

	if (ret == -EACCES) {
		sys6(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
		ret = sys3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	}
	return ret > 0 ? -EAGAIN : ret; /* the thread that has filters of its own */
}
