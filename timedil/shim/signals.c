// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The handler restarts interrupted calls (SA_RESTART): read(), accept() and the like
 * never see a kick.  Those that the kernel does not restart are all calls with a
 * time-out, and a few more (pause, sigsuspend); they have wrappers that wait again.
 */
#include "signals.h"

#include <errno.h>

#include "next.h"
#include "shim.h"
#include "timedil/kick.h"
#include "timers.h"
#include "wait.h"

/* What the program wants done with its own signals of that number. */
static struct sigaction program_action;

bool is_kick(const siginfo_t *info)
{
	return info->si_signo == TIMEDIL_KICK_SIGNAL && info->si_code == TIMEDIL_KICK_CODE &&
	       (uintptr_t)info->si_value.sival_ptr == TIMEDIL_KICK_VALUE;
}

void kicked(void)
{
	wait_kicked(shim.page);
	timers_kicked(shim.page);
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

/* The program's own handler, with the mask that it would have had. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	struct sigaction action = program_action;
	kernel_mask mask;

	if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) {
		return;
	}
	if (action.sa_flags & (int)SA_RESETHAND) {
		program_action.sa_handler = SIG_DFL;
	}
	mask = *(const kernel_mask *)&((const ucontext_t *)context)->uc_sigmask |
	       *(const kernel_mask *)&action.sa_mask;
	if (!(action.sa_flags & SA_NODEFER)) {
		mask |= MASK_OF(sig);
	}
	signals_restore(mask);
	if (action.sa_flags & SA_SIGINFO) {
		action.sa_sigaction(sig, info, context);
	} else {
		action.sa_handler(sig);
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int saved = *shim_errno();

	if (is_kick(info)) {
		kicked();
	} else {
		pass_on(sig, info, context);
	}
	*shim_errno() = saved;
}

/* The kernel's own form of sigaction. */
struct kernel_action {
	void (*handler)(int sig, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	kernel_mask mask;
};

#ifdef __x86_64__
#define FLAG_RESTORER 0x04000000UL

/* Where the handler returns to.  Debuggers and unwinders know signal frames by just these
 * instructions. */
void timedil_restore(void) __attribute__((visibility("hidden")));
__asm__(".text\n"
	".balign 16\n"
	".hidden timedil_restore\n"
	".globl timedil_restore\n"
	".type timedil_restore, @function\n"
	"nop\n"
	"timedil_restore:\n"
	"movq $15, %rax\n"
	"syscall\n"
	".size timedil_restore, . - timedil_restore\n");
#else
#define FLAG_RESTORER 0UL
#define timedil_restore NULL
#endif

/* Not through libc: what stands in for its sigaction (a sanitizer) may not be ready. */
void signals_init(void)
{
	struct kernel_action action = {
		.handler = on_signal,
		.flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | FLAG_RESTORER,
		.restorer = timedil_restore,
		.mask = ~(kernel_mask)0,
	};
	struct kernel_action before = { .handler = NULL };
	kernel_mask kick = MASK_OF(TIMEDIL_KICK_SIGNAL);

	sys4(SYS_rt_sigaction, TIMEDIL_KICK_SIGNAL, &action, &before, KERNEL_MASK_BYTES);
	program_action.sa_sigaction = before.handler;
	sys4(SYS_rt_sigprocmask, SIG_UNBLOCK, &kick, NULL, KERNEL_MASK_BYTES);
}

const sigset_t *mask_without_kick(const sigset_t *mask, struct kick_mask *buf)
{
	if (!mask || !(*(const kernel_mask *)mask & MASK_OF(TIMEDIL_KICK_SIGNAL))) {
		return mask;
	}
	buf->set = *(const kernel_mask *)mask & ~MASK_OF(TIMEDIL_KICK_SIGNAL);
	return (const sigset_t *)buf;
}

EXPORT int sigaction(int sig, const struct sigaction *restrict act, struct sigaction *restrict old)
{
	struct sigaction changed;

	if (!shim_page()) {
		return next.sigaction(sig, act, old);
	}
	if (sig == TIMEDIL_KICK_SIGNAL) {
		changed = program_action;
		if (act) {
			program_action = *act;
		}
		if (old) {
			*old = changed;
		}
		return 0;
	}
	if (act && (*(const kernel_mask *)&act->sa_mask & MASK_OF(TIMEDIL_KICK_SIGNAL))) {
		changed = *act;
		*(kernel_mask *)&changed.sa_mask &= ~MASK_OF(TIMEDIL_KICK_SIGNAL);
		act = &changed;
	}
	return next.sigaction(sig, act, old);
}

EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	if (!shim_page() || sig != TIMEDIL_KICK_SIGNAL) {
		return next.signal(sig, handler);
	}
	sigaction(sig, &act, &old);
	return old.sa_handler;
}

sighandler_t bsd_signal(int sig, sighandler_t handler)
	__attribute__((alias("signal"), visibility("default")));
sighandler_t ssignal(int sig, sighandler_t handler)
	__attribute__((alias("signal"), visibility("default")));

/* System V's: the handler serves once, and interrupts. */
EXPORT sighandler_t __sysv_signal(int sig, sighandler_t handler)
{
	struct sigaction act = { .sa_handler = handler,
				 .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };
	struct sigaction old;

	if (!shim_page() || sig != TIMEDIL_KICK_SIGNAL) {
		return next.__sysv_signal(sig, handler);
	}
	sigaction(sig, &act, &old);
	return old.sa_handler;
}

sighandler_t sysv_signal(int sig, sighandler_t handler)
	__attribute__((alias("__sysv_signal"), visibility("default")));

/* libc's own sets are longer than the kernel's: a copy keeps libc's rules. */
static const sigset_t *without_kick(const sigset_t *set, sigset_t *copy)
{
	if (!set || !(*(const kernel_mask *)set & MASK_OF(TIMEDIL_KICK_SIGNAL))) {
		return set;
	}
	*copy = *set;
	*(kernel_mask *)copy &= ~MASK_OF(TIMEDIL_KICK_SIGNAL);
	return copy;
}

EXPORT int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	sigset_t copy;

	if (shim_page() && how != SIG_UNBLOCK) {
		set = without_kick(set, &copy);
	}
	return next.sigprocmask(how, set, old);
}

EXPORT int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	sigset_t copy;

	if (shim_page() && how != SIG_UNBLOCK) {
		set = without_kick(set, &copy);
	}
	return next.pthread_sigmask(how, set, old);
}

/* BSD's masks: an int, the first 32 signals. */
static int set_mask(int how, int mask)
{
	sigset_t set, old;

	__builtin_memset(&set, 0, sizeof(set));
	*(kernel_mask *)&set = (kernel_mask)(unsigned)mask;
	__builtin_memset(&old, 0, sizeof(old));
	return sigprocmask(how, &set, &old) == 0 ? (int)*(kernel_mask *)&old : -1;
}

EXPORT int sigblock(int mask)
{
	return set_mask(SIG_BLOCK, mask);
}

EXPORT int sigsetmask(int mask)
{
	return set_mask(SIG_SETMASK, mask);
}

/* --- waits for signals --------------------------------------------------------- */

/* One rt_sigtimedwait; a kick taken out of the queue counts as an interruption. */
static long kernel_sigwait(const sigset_t *set, siginfo_t *info, const struct timespec *ts)
{
	long ret = sys_wait4(SYS_rt_sigtimedwait, set, info, ts, KERNEL_MASK_BYTES);

	if (ret == TIMEDIL_KICK_SIGNAL && shim.page && is_kick(info)) {
		kicked();
		return -EINTR;
	}
	if (ret > 0 && info->si_code == SI_TKILL) {
		info->si_code = SI_USER; /* as libc does */
	}
	return ret;
}

static long sigwait_for_ever(const sigset_t *set, siginfo_t *info)
{
	unsigned kicks;
	long ret;

	do {
		kicks = wait_kicks();
		ret = kernel_sigwait(set, info, NULL);
	} while (ret == -EINTR && kicks != wait_kicks());
	return ret;
}

static long sigwait_until(const struct timedil_page *page, const sigset_t *set, siginfo_t *info,
			  int64_t virt_ns)
{
	struct wait w;
	long ret;

	wait_begin(&w, page, WAIT_RELATIVE, virt_ns);
	do {
		ret = kernel_sigwait(set, info, wait_arm(&w));
	} while (wait_again(&w, ret == -EAGAIN ? -ETIMEDOUT : ret));
	wait_end(&w);
	return ret;
}

EXPORT int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
			const struct timespec *restrict timeout)
{
	const struct timedil_page *page = shim_page();
	siginfo_t own;
	long ret;

	if (!info) {
		info = &own;
	}
	if (!timeout) {
		return (int)shim_result(sigwait_for_ever(set, info));
	}
	if (!ts_valid(timeout) || timeout->tv_sec < 0) {
		return (int)shim_result(-EINVAL);
	}
	if (!page || (timeout->tv_sec == 0 && timeout->tv_nsec == 0)) {
		ret = kernel_sigwait(set, info, timeout);
	} else {
		ret = sigwait_until(page, set, info, deadline_in(page, ts_to_ns_sat(timeout)));
	}
	return (int)shim_result(ret);
}

EXPORT int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
	return sigtimedwait(set, info, NULL);
}

/* Returns an error number, and never EINTR. */
EXPORT int sigwait(const sigset_t *restrict set, int *restrict sig)
{
	siginfo_t info;
	long ret;

	shim_page();
	do {
		ret = sigwait_for_ever(set, &info);
	} while (ret == -EINTR);
	if (ret < 0) {
		return (int)-ret;
	}
	*sig = (int)ret;
	return 0;
}

EXPORT int sigsuspend(const sigset_t *mask)
{
	struct kick_mask unblocked;
	unsigned kicks;
	long ret;

	if (shim_page()) {
		mask = mask_without_kick(mask, &unblocked);
	}
	do {
		kicks = wait_kicks();
		ret = sys_wait4(SYS_rt_sigsuspend, mask, KERNEL_MASK_BYTES, 0, 0);
	} while (ret == -EINTR && kicks != wait_kicks());
	return (int)shim_result(ret);
}

EXPORT int pause(void)
{
	unsigned kicks;
	long ret;

	shim_page();
	do {
		kicks = wait_kicks();
		ret = sys_wait4(SYS_ppoll, NULL, 0, NULL, NULL);
	} while (ret == -EINTR && kicks != wait_kicks());
	return (int)shim_result(ret);
}
