// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * signals - the two that belong to the trap: SIGSYS and the kick.
 *
 * The kernel ends a process that blocks or ignores SIGSYS when the filter raises it.  So
 * the program never gets to block it, and what it wants done with it is only written
 * down; the same goes for the kick's signal.  Both handlers run on the alternate stack if
 * the thread has one, since the thread's own may be as small as a goroutine's.
 *
 * While the SIGSYS handler waits in the program's place, the mask is what the program had:
 * its handlers run as if it waited itself.  The kick's handler, when it finds that it
 * has interrupted a wait (wait.c) before the kernel took it on, makes it end at once.
 */
#include <errno.h>

#include "timedil/kick.h"
#include "timedil/shim/timers.h"
#include "trap.h"

#include <sys/mman.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define FLAG_RESTORER 0x04000000UL
#define OURS (MASK_OF(SIGSYS) | MASK_OF(TIMEDIL_KICK_SIGNAL))

/* The kernel's own form of sigaction. */
struct kernel_action {
	void (*handler)(int sig, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	kernel_mask mask;
};

/* What the program wants. */
static struct kernel_action program_sigsys, program_kick;

void trap_restore(void) __attribute__((visibility("hidden")));
__asm__(".text\n"
	".balign 16\n"
	"nop\n"
	".globl trap_restore\n"
	".hidden trap_restore\n"
	".type trap_restore, @function\n"
	"trap_restore:\n"
	"	movq $15, %rax\n"
	"	syscall\n"
	".size trap_restore, . - trap_restore\n");

/* Of wait.c's system call. */
extern const char trap_wait_begin[] __attribute__((visibility("hidden")));
extern const char trap_wait_syscall[] __attribute__((visibility("hidden")));
extern const char trap_wait_stale[] __attribute__((visibility("hidden")));

bool is_kick(const siginfo_t *info)
{
	return info->si_signo == TIMEDIL_KICK_SIGNAL && info->si_code == TIMEDIL_KICK_CODE &&
	       (uintptr_t)info->si_value.sival_ptr == TIMEDIL_KICK_VALUE;
}

void kicked(void)
{
	__atomic_fetch_add(&trap.kicks, 1, __ATOMIC_RELAXED);
	timers_kicked(shim.page);
}

unsigned wait_kicks(void)
{
	return __atomic_load_n(&trap.kicks, __ATOMIC_RELAXED);
}

kernel_mask signals_block(void)
{
	kernel_mask all = ~(kernel_mask)0, old = 0;

	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, KERNEL_MASK_BYTES);
	return old;
}

void signals_restore(kernel_mask mask)
{
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, KERNEL_MASK_BYTES);
}

static greg_t *reg(void *context, int number)
{
	return &((ucontext_t *)context)->uc_mcontext.gregs[number];
}

static kernel_mask *context_mask(void *context)
{
	return (kernel_mask *)&((ucontext_t *)context)->uc_sigmask;
}

/* The program's own handler, with the mask that it would have had. */
static void pass_on(struct kernel_action *theirs, int sig, siginfo_t *info, void *context)
{
	struct kernel_action action = *theirs;
	kernel_mask mask = *context_mask(context) | action.mask;

	if (action.handler == (void *)SIG_DFL || action.handler == (void *)SIG_IGN) {
		return;
	}
	if (action.flags & SA_RESETHAND && !trap_shares_memory()) {
		theirs->handler = (void *)SIG_DFL;
	}
	if (!(action.flags & SA_NODEFER)) {
		mask |= MASK_OF(sig);
	}
	signals_restore(mask & ~MASK_OF(SIGSYS));
	action.handler(sig, info, context);
}

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	struct call c = { .context = context };

	if (info->si_code != SYS_SECCOMP) {
		pass_on(&program_sigsys, sig, info, context);
		return;
	}
	c.nr = info->si_syscall;
	c.from = (uintptr_t)info->si_call_addr;
	c.a[0] = *reg(context, REG_RDI);
	c.a[1] = *reg(context, REG_RSI);
	c.a[2] = *reg(context, REG_RDX);
	c.a[3] = *reg(context, REG_R10);
	c.a[4] = *reg(context, REG_R8);
	c.a[5] = *reg(context, REG_R9);
	*reg(context, REG_RAX) = trap_call(&c);
}

static void on_kick(int sig, siginfo_t *info, void *context)
{
	greg_t *ip = reg(context, REG_RIP);

	if (!is_kick(info)) {
		pass_on(&program_kick, sig, info, context);
		return;
	}
	kicked();
	if (*ip >= (greg_t)trap_wait_begin && *ip <= (greg_t)trap_wait_syscall) {
		*ip = (greg_t)trap_wait_stale;
	}
}

static void install(int sig, const struct kernel_action *action, struct kernel_action *before)
{
	sys4(SYS_rt_sigaction, sig, action, before, KERNEL_MASK_BYTES);
}

void trap_signals_init(void)
{
	struct kernel_action sigsys = {
		.handler = on_sigsys,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | FLAG_RESTORER,
		.restorer = trap_restore,
	};
	struct kernel_action kick = {
		.handler = on_kick,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | FLAG_RESTORER,
		.restorer = trap_restore,
		.mask = ~MASK_OF(SIGSYS),
	};
	kernel_mask ours = OURS;
	long map;

	map = sys6(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map < 0 && map > -4096) {
		trap_die("memory", "none left", 125);
	}
	sys3(SYS_madvise, map, 4096, MADV_WIPEONFORK);
	trap.pid = (int32_t *)map;
	*trap.pid = (int32_t)sys0(SYS_getpid);
	install(SIGSYS, &sigsys, &program_sigsys);
	install(TIMEDIL_KICK_SIGNAL, &kick, &program_kick);
	sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &ours, NULL, KERNEL_MASK_BYTES);
}

/* The page of *trap.pid reads as zero in a forked child; in a vfork child it is the parent's. */
bool trap_shares_memory(void)
{
	int32_t pid = (int32_t)sys0(SYS_getpid);

	if (*trap.pid == 0) {
		*trap.pid = pid;
	}
	return *trap.pid != pid;
}

const kernel_mask *mask_laundered(const kernel_mask *mask, kernel_mask *buf)
{
	if (!mask) {
		return NULL;
	}
	*buf = *mask & ~OURS;
	return buf;
}

static long set_written_down(struct kernel_action *written, const struct kernel_action *want,
			     struct kernel_action *old)
{
	struct kernel_action before = *written;

	if (want && !trap_shares_memory()) {
		*written = *want;
	}
	if (old) {
		*old = before;
	}
	return 0;
}

long call_sigaction(const struct call *c)
{
	const struct kernel_action *want = (const void *)c->a[1];
	struct kernel_action *old = (void *)c->a[2], changed;

	if (c->a[3] != KERNEL_MASK_BYTES) {
		return -EINVAL;
	}
	if ((int)c->a[0] == SIGSYS) {
		return set_written_down(&program_sigsys, want, old);
	}
	if ((int)c->a[0] == TIMEDIL_KICK_SIGNAL) {
		return set_written_down(&program_kick, want, old);
	}
	if (want) {
		changed = *want;
		changed.mask &= ~OURS;
		want = &changed;
	}
	return sys4(SYS_rt_sigaction, c->a[0], want, old, KERNEL_MASK_BYTES);
}

/* The mask takes effect when the handler returns to the program. */
long call_sigprocmask(const struct call *c)
{
	kernel_mask *mask = context_mask(c->context), before = *mask, set;
	const kernel_mask *want = (const void *)c->a[1];
	kernel_mask *old = (void *)c->a[2];

	if (c->a[3] != KERNEL_MASK_BYTES) {
		return -EINVAL;
	}
	if (want) {
		set = *want & ~(OURS | MASK_OF(SIGKILL) | MASK_OF(SIGSTOP));
		switch ((int)c->a[0]) {
		case SIG_BLOCK:
			*mask |= set;
			break;
		case SIG_UNBLOCK:
			*mask &= ~set;
			break;
		case SIG_SETMASK:
			*mask = set;
			break;
		default:
			return -EINVAL;
		}
	}
	if (old) {
		*old = before;
	}
	return 0;
}
