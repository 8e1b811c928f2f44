/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trap - dilation of programs that a preloaded library does not reach: static ones,
 * Go, those that make system calls or read the vDSO by themselves.
 *
 * Theory of operation.  The program is not executed; `timedil-trap` is, and loads it in
 * its own process as the kernel would have done (load.c), after moving itself to
 * TRAP_BASE.  Two things reach from there into the program:
 *
 * - AT_SYSINFO_EHDR names the trap's own image, which is a shared object with the
 *   vDSO's symbols.  So glibc, musl and Go read the clock by the shim's read.c: the
 *   kernel's vDSO, brought onto the page's line, no system call.
 * - A seccomp filter (filter/main.c) answers the few system calls that carry a time with a
 *   signal, SIGSYS, and lets all others through.  The handler (signals.c) does the call in the
 *   program's place (calls.c, wait.c, exec.c): the filter allows what comes from the trap's own
 *   addresses.
 *
 * Why a signal: caught by SIGSYS a call costs 3.3 us on the machine where these were
 * measured (a bare one costs 1.1 us there), by a user notification 17 to 26, by ptrace 24.
 * The signal needs no second process that could die or lag behind, works where
 * ptrace is forbidden, and leaves the call to be made in the thread that asked
 * for it: signals interrupt it, the kernel's rules of restarting hold, pthread_cancel
 * works.  Its price: the program must not block SIGSYS, so masks are laundered on their way
 * (signals.c); and calls with bad pointers may crash where the kernel says EFAULT.
 *
 * The filter stays for good, across fork and exec.  So all that such a program executes is
 * loaded by the trap too, at the same TRAP_BASE, dynamic programs as well; the shim, if it is
 * preloaded there, finds the trap's symbol in the vDSO and passes all calls through.
 *
 * A change of the clock comes as a kick (timedil/kick.h).  Waits do not poll: the
 * handler makes the kernel's call end, or keeps it from beginning, and wait.c makes
 * another one by the new clock.
 *
 * There is no thread-local storage here, since the register that leads to it is the
 * program's; what a call needs lies on its stack.  No libc either: of the shim those parts
 * are linked that do without (module.mk).
 */
#ifndef TIMEDIL_TRAP_H
#define TIMEDIL_TRAP_H

#include <stdint.h>
#include <stdnoreturn.h>
#include <ucontext.h>

#include "timedil/shim/plan.h"
#include "timedil/shim/shim.h"
#include "timedil/shim/signals.h"

#define PATH_BYTES 4096

struct trap {
	char page[256];       /* path of the clock page */
	char path[512];       /* our own file */
	char exe[PATH_BYTES]; /* the program: what /proc/self/exe should be */
	uint32_t kicks;       /* this process's threads have had */
	bool sockets_caught;  /* FILTER_SOCKETS is installed */
	/* The kernel's vDSO, which may have to make a system call itself. */
	uintptr_t vdso_begin, vdso_end;
	long (*getcpu)(unsigned *cpu, unsigned *node, void *unused); /* the kernel's, or NULL */
	/* The process these belong to; reads 0 in a forked child, see trap_shares_memory(). */
	int32_t *pid;
};

extern struct trap trap;

/* A system call that the filter has caught. */
struct call {
	long nr;
	long a[6];
	ucontext_t *context;
	uintptr_t from; /* the address behind the instruction */
};

/* --- start.c ------------------------------------------------------------------------- */

/* The first words on a new program's stack, taken apart. */
struct stack {
	long *argc;            /* the program's own, not ours */
	char **argv, **env;
	struct auxv {
		unsigned long type, value;
	} *auxv;
};

/* Say "timedil-trap: @what: @text" and end. */
noreturn void trap_die(const char *what, const char *text, int status);

/* --- load.c -------------------------------------------------------------------------- */

/* Map the program, and its dynamic linker if it has one; fix the auxiliary vector.
 * Returns where to begin. */
uintptr_t load_program(const char *path, bool close_fd, const struct stack *stack);

/* Make /proc/self tell of the program and not of us, as far as the kernel allows. */
void load_disguise(const struct stack *stack);

/* --- filter.c's product ---------------------------------------------------------------- */

enum filter {
	FILTER_CALLS,   /* for every program */
	FILTER_SOCKETS, /* where a socket has a time-out */
};

/* 0 or a negative error number. */
long filter_install(enum filter which);

/* --- signals.c ----------------------------------------------------------------------- */

void trap_signals_init(void);

/* Whether our memory is another process's too: we are a vfork child. */
bool trap_shares_memory(void);

/* rt_sigaction, rt_sigprocmask: what the program wants, short of SIGSYS and the kick. */
long call_sigaction(const struct call *c);
long call_sigprocmask(const struct call *c);

/* @mask without the two, in *@buf. */
const kernel_mask *mask_laundered(const kernel_mask *mask, kernel_mask *buf);

/* --- calls.c, wait.c, socket.c, exec.c ------------------------------------------------------------ */

/* The kernel's result for a caught call. */
long trap_call(const struct call *c);

/* The same if it is one that waits (*result), else false. */
bool wait_call(const struct call *c, long *result);

/*
 * A system call; -EINTR without making it if *@word is not @generation any more.  One that
 * a kick interrupts, or just precedes, ends with -EINTR.
 */
struct numbered {
	long nr, a[6];
};

long trap_wait(const struct numbered *call, const uint32_t *word, uint32_t generation)
	__attribute__((visibility("hidden")));

long call_setsockopt(const struct call *c);
long call_in_socket(const struct call *c);

long call_execve(const struct call *c);
long call_execveat(const struct call *c);

/* Execute a program under the trap, or without if @may_be_plain and it can do without. */
long trap_exec(const char *path, char *const argv[], char *const env[], const char *options,
	       bool may_be_plain);

static inline long call_as_is(const struct call *c)
{
	return sys_call6(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
}

#endif
