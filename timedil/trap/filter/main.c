// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * filter - print the trap's system call filter, as C initialisers; runs when timedil is built.
 *
 * libseccomp makes the program from the table below; it cannot compare the address that a
 * call comes from, so a few instructions of our own stand in front and allow what comes from
 * TRAP_BASE.  A call is listed if it has a time in it that the kernel would count by
 * the wall, if a kick would end it for good, or if it could take the trap's signals away.
 * Forms that can do neither (no time-out, or one of zero) go straight to the kernel.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "timedil/kick.h"
#include "timedil/trap/trap.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif

#define INT UINT64_C(0xffffffff) /* int arguments: the kernel takes no more of the register */

#define ANY { 0 }
#define IS(arg, mask, value) { 1, SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value) }
#define SET(arg) { 1, SCMP_CMP64(arg, SCMP_CMP_NE, 0) }

struct condition {
	int used;
	struct scmp_arg_cmp cmp;
};

struct rule {
	int nr; /* -1 ends a table */
	struct condition when, and_when;
};

static const struct rule caught[] = {
	/* Clock reads; CPU clocks are real. */
	{ SYS_clock_gettime, IS(0, INT, CLOCK_REALTIME), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_MONOTONIC), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_MONOTONIC_RAW), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_REALTIME_COARSE), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_MONOTONIC_COARSE), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_BOOTTIME), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_REALTIME_ALARM), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_BOOTTIME_ALARM), ANY },
	{ SYS_clock_gettime, IS(0, INT, CLOCK_TAI), ANY },
	{ SYS_gettimeofday, ANY, ANY },
	{ SYS_time, ANY, ANY },
	{ SYS_times, ANY, ANY },
	{ SYS_sysinfo, ANY, ANY },
	{ SYS_adjtimex, ANY, ANY },
	{ SYS_clock_adjtime, ANY, ANY },
	/* Sleeps, and waits for descriptors; a time-out of zero in a register is let through. */
	{ SYS_nanosleep, ANY, ANY },
	{ SYS_clock_nanosleep, ANY, ANY },
	{ SYS_poll, SET(2), ANY },
	{ SYS_ppoll, ANY, ANY },
	{ SYS_select, ANY, ANY },
	{ SYS_pselect6, ANY, ANY },
	{ SYS_epoll_wait, SET(3), ANY },
	{ SYS_epoll_pwait, SET(3), ANY },
	{ SYS_epoll_pwait, SET(4), ANY },
	{ SYS_epoll_pwait2, ANY, ANY },
	/* Futexes with a deadline; in other operations the argument is something else. */
	{ SYS_futex, IS(1, FUTEX_CMD_MASK & INT, FUTEX_WAIT), SET(3) },
	{ SYS_futex, IS(1, FUTEX_CMD_MASK & INT, FUTEX_WAIT_BITSET), SET(3) },
	{ SYS_futex, IS(1, FUTEX_CMD_MASK & INT, FUTEX_WAIT_REQUEUE_PI), SET(3) },
	{ SYS_futex, IS(1, FUTEX_CMD_MASK & INT, FUTEX_LOCK_PI), SET(3) },
	{ SYS_futex, IS(1, FUTEX_CMD_MASK & INT, FUTEX_LOCK_PI2), SET(3) },
	{ SYS_futex_waitv, SET(3), ANY },
	{ SYS_futex_wait, SET(4), ANY },
	/* Signals, messages, semaphores, asynchronous I/O. */
	{ SYS_rt_sigtimedwait, ANY, ANY },
	{ SYS_rt_sigsuspend, ANY, ANY },
	{ SYS_pause, ANY, ANY },
	{ SYS_semop, ANY, ANY },
	{ SYS_semtimedop, ANY, ANY },
	{ SYS_msgsnd, ANY, ANY },
	{ SYS_msgrcv, ANY, ANY },
	{ SYS_mq_timedsend, SET(4), ANY },
	{ SYS_mq_timedreceive, SET(4), ANY },
	{ SYS_recvmmsg, SET(4), ANY },
	{ SYS_io_getevents, ANY, ANY },
	{ SYS_io_pgetevents, ANY, ANY },
	/* Timers. */
	{ SYS_alarm, ANY, ANY },
	{ SYS_setitimer, IS(0, INT, ITIMER_REAL), ANY },
	{ SYS_getitimer, IS(0, INT, ITIMER_REAL), ANY },
	{ SYS_timer_create, ANY, ANY },
	{ SYS_timer_settime, ANY, ANY },
	{ SYS_timer_gettime, ANY, ANY },
	{ SYS_timer_delete, ANY, ANY },
	{ SYS_timerfd_create, ANY, ANY },
	{ SYS_timerfd_settime, ANY, ANY },
	{ SYS_timerfd_gettime, ANY, ANY },
	/* Times in sockets: see shim/sockopt.c. */
#define SOCKET_OPTION(level, name)                                       \
	{ SYS_setsockopt, IS(1, INT, level), IS(2, INT, name) },         \
	{ SYS_getsockopt, IS(1, INT, level), IS(2, INT, name) }
	SOCKET_OPTION(SOL_SOCKET, SO_RCVTIMEO),
	SOCKET_OPTION(SOL_SOCKET, SO_SNDTIMEO),
	SOCKET_OPTION(SOL_SOCKET, 66), /* SO_RCVTIMEO_NEW */
	SOCKET_OPTION(SOL_SOCKET, 67), /* SO_SNDTIMEO_NEW */
	SOCKET_OPTION(SOL_SOCKET, SO_LINGER),
	SOCKET_OPTION(SOL_SOCKET, SO_MAX_PACING_RATE),
	SOCKET_OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
	SOCKET_OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
	SOCKET_OPTION(IPPROTO_TCP, TCP_LINGER2),
	SOCKET_OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
	SOCKET_OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
	SOCKET_OPTION(IPPROTO_TCP, TCP_INFO),
	/* What could block or replace our signals, or leave us. */
	{ SYS_rt_sigprocmask, SET(1), ANY },
	{ SYS_rt_sigaction, SET(1), ANY },
	{ SYS_rt_sigaction, IS(0, INT, SIGSYS), ANY },
	{ SYS_rt_sigaction, IS(0, INT, TIMEDIL_KICK_SIGNAL), ANY },
	{ SYS_execve, ANY, ANY },
	{ SYS_execveat, ANY, ANY },
	{ -1, ANY, ANY },
};

/* A second filter, for programs that have set a time-out in a socket: what may wait there. */
static const struct rule caught_in_sockets[] = {
#define SOCKET_CALL(name) { SYS_##name, ANY, ANY },
#include "timedil/trap/socket.def"
#undef SOCKET_CALL
	{ -1, ANY, ANY },
};

/*
 * As on a kernel that does not know them: time-outs in a ring are beyond our reach, and
 * clone3() may hide a flag that takes all handlers away behind a pointer.  Programs
 * fall back to epoll and to clone().
 */
static const int unknown[] = { SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
			       SYS_clone3 };

static int add_rules(scmp_filter_ctx ctx, const struct rule *rule)
{
	int ret = 0;

	for (const struct rule *r = rule; ret == 0 && r->nr >= 0; r++) {
		struct scmp_arg_cmp cmp[2] = { r->when.cmp, r->and_when.cmp };

		ret = seccomp_rule_add_exact_array(ctx, SCMP_ACT_TRAP, r->nr,
						   (unsigned)(r->when.used + r->and_when.used), cmp);
		if (ret != 0) {
			fprintf(stderr, "filter: system call %d: %s\n", r->nr, strerror(-ret));
		}
	}
	for (size_t i = 0; ret == 0 && i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		ret = seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO(ENOSYS), unknown[i], 0);
	}
	return ret;
}

static void print(const struct sock_filter *ins)
{
	printf("{ 0x%04x, %u, %u, 0x%08x },\n", ins->code, ins->jt, ins->jf, ins->k);
}

static void print_prefix(void)
{
	const unsigned ip = offsetof(struct seccomp_data, instruction_pointer);
	const struct sock_filter prefix[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(TRAP_BASE >> 32), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)TRAP_BYTES, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	_Static_assert((TRAP_BASE & UINT32_MAX) == 0, "the prefix compares the halves apart");
	for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++) {
		print(&prefix[i]);
	}
}

/* As the array @name. */
static int print_filter(const char *name, const struct rule *rules)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct sock_filter ins;
	FILE *f = tmpfile();
	int ret = -ENOMEM;

	if (ctx && f) {
		/* Programs of another architecture are not dilated, but they run. */
		seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		ret = add_rules(ctx, rules);
	}
	if (ret == 0) {
		ret = seccomp_export_bpf(ctx, fileno(f));
	}
	if (ret == 0) {
		printf("static const struct sock_filter %s[] = {\n", name);
		print_prefix();
		rewind(f);
		while (fread(&ins, sizeof(ins), 1, f) == 1) {
			print(&ins);
		}
		printf("};\n");
	}
	seccomp_release(ctx);
	if (f) {
		fclose(f);
	}
	return ret;
}

int main(void)
{
	return print_filter("calls", caught) != 0 || print_filter("sockets", caught_in_sockets) != 0;
}
