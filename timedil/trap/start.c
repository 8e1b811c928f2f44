// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * start - from the kernel's exec to the program's first instruction.
 *
 * The image that the kernel has mapped, wherever, copies itself to TRAP_BASE and goes
 * on there; the first one is unmapped, which also lets go of our file.  It is linked
 * without relocations, so that the copy is as good.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "timedil/shim/attach.h"
#include "timedil/shim/next.h"
#include "timedil/shim/timers.h"
#include "trap.h"

struct trap trap;
struct shim shim;
struct next next;

extern const char image_begin[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const char image_end[] __asm__("_end") __attribute__((visibility("hidden")));

noreturn void trap_begin(long *sp) __attribute__((visibility("hidden")));
noreturn void trap_enter(uintptr_t entry, long *sp) __attribute__((visibility("hidden")));

__asm__(".text\n"
	".globl _start\n"
	".hidden _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call trap_begin\n"
	"	hlt\n"
	".size _start, . - _start\n"
	".globl trap_enter\n"
	".hidden trap_enter\n"
	".type trap_enter, @function\n"
	"trap_enter:\n"
	"	mov %rsi, %rsp\n"
	"	mov %rdi, %rax\n"
	"	xor %edx, %edx\n" /* nothing to be called at exit */
	"	xor %ebp, %ebp\n"
	"	jmp *%rax\n"
	".size trap_enter, . - trap_enter\n");

/* The kernel's results are what the trap's callers want: no errno here. */
long shim_result(long kernel_result)
{
	return kernel_result;
}

int *shim_errno(void)
{
	static int nowhere;

	return &nowhere;
}

void shim_init(void)
{
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n]) {
		n++;
	}
	return n;
}

noreturn void trap_die(const char *what, const char *text, int status)
{
	static const char name[] = "timedil-trap: ", between[] = ": ", end[] = "\n";

	sys3(SYS_write, 2, name, sizeof(name) - 1);
	sys3(SYS_write, 2, what, length(what));
	sys3(SYS_write, 2, between, sizeof(between) - 1);
	sys3(SYS_write, 2, text, length(text));
	sys3(SYS_write, 2, end, sizeof(end) - 1);
	for (;;) {
		sys1(SYS_exit_group, status);
	}
}

static void copy(char *to, const char *from, size_t size, const char *what)
{
	size_t n = length(from);

	if (n >= size) {
		trap_die(what, "the path is too long", 125);
	}
	__builtin_memcpy(to, from, n + 1);
}

/* --- POSIX timers by the kernel's numbers, for ptimer.c ----------------------------------- */

static int raw_timer_settime(timer_t id, int flags, const struct itimerspec *restrict want,
			     struct itimerspec *restrict old)
{
	return (int)sys4(SYS_timer_settime, id, flags, want, old);
}

static int raw_timer_gettime(timer_t id, struct itimerspec *left)
{
	return (int)sys2(SYS_timer_gettime, id, left);
}

static int raw_timer_delete(timer_t id)
{
	return (int)sys1(SYS_timer_delete, id);
}

static int raw_timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict id)
{
	int number = 0;
	long ret = sys3(SYS_timer_create, clock, event, &number);

	*id = (timer_t)(uintptr_t)number;
	return (int)ret;
}

/* --- the steps ---------------------------------------------------------------------------- */

static struct auxv *find_aux(const struct stack *stack, unsigned long type)
{
	for (struct auxv *a = stack->auxv; a->type != AT_NULL; a++) {
		if (a->type == type) {
			return a;
		}
	}
	return NULL;
}

static struct stack take_apart(long *sp)
{
	struct stack s = { .argc = sp, .argv = (char **)(sp + 1) };

	s.env = s.argv + *s.argc + 1;
	s.auxv = (struct auxv *)s.env;
	while (*(char **)s.auxv) {
		s.auxv = (struct auxv *)((char **)s.auxv + 1);
	}
	s.auxv = (struct auxv *)((char **)s.auxv + 1);
	return s;
}

/* The program must find its words at the top of its stack: ours give way.  They are four,
 * which keeps the stack aligned. */
static struct stack drop_prefix(struct stack s)
{
	long argc = *s.argc - PLAN_PREFIX;

	_Static_assert(PLAN_PREFIX % 2 == 0, "the ABI wants a stack aligned to 16 bytes");
	s.argc += PLAN_PREFIX;
	s.argv += PLAN_PREFIX;
	*s.argc = argc;
	return s;
}

static void find_clock(const struct stack *stack)
{
	struct auxv *vdso = find_aux(stack, AT_SYSINFO_EHDR);
	const void *header = vdso ? (const void *)vdso->value : NULL;

	shim.read_wall = attach_clock(header);
	trap.getcpu = (long (*)(unsigned *, unsigned *, void *))attach_symbol(header, "__vdso_getcpu");
	if (header) {
		trap.vdso_begin = vdso->value;
		trap.vdso_end = vdso->value + 0x4000; /* what the kernel maps there is shorter */
		vdso->value = TRAP_BASE;
	}
	shim.page = attach_page(trap.page);
	if (!shim.page) {
		trap_die(trap.page, "no clock page", 125);
	}
	shim.ready = true;
}

static bool has_option(const char *options, char letter)
{
	while (*options && *options != letter) {
		options++;
	}
	return *options == letter;
}

static void look_first(const char *path, const struct stack *stack)
{
	long ret = trap_exec(path, stack->argv, stack->env, "-", true);

	trap_die(path, ret == -ENOENT ? "not found" : ret == -EACCES ? "permission denied" :
							 "cannot be executed",
		 ret == -ENOENT ? 127 : 126);
}

/* In the copy at TRAP_BASE. */
static __attribute__((noinline)) noreturn void go_on(long *sp, uintptr_t old, size_t bytes)
{
	struct stack stack = take_apart(sp);
	struct auxv *own_name = find_aux(&stack, AT_EXECFN);
	const char *options, *path;
	uintptr_t entry;

	sys2(SYS_munmap, old, bytes);
	if (*stack.argc <= PLAN_PREFIX) {
		trap_die("usage", PLAN_TRAP_NAME " OPTIONS PAGE PROGRAM ARGV0 [ARG...]", 2);
	}
	options = stack.argv[1];
	path = stack.argv[3];
	copy(trap.path, own_name ? (const char *)own_name->value : stack.argv[0], sizeof(trap.path),
	     "own file");
	copy(trap.page, stack.argv[2], sizeof(trap.page), "clock page");
	stack = drop_prefix(stack);
	if (has_option(options, PLAN_AUTO)) {
		look_first(path, &stack);
	}
	trap.sockets_caught = has_option(options, PLAN_SOCKETS);
	next.timer_settime = raw_timer_settime;
	next.timer_gettime = raw_timer_gettime;
	next.timer_delete = raw_timer_delete;
	next.timer_create = raw_timer_create;
	find_clock(&stack);
	entry = load_program(path, has_option(options, PLAN_CLOSE), &stack);
	load_disguise(&stack);
	timers_init(shim.page);
	trap_signals_init();
	if (!has_option(options, PLAN_FILTERED) && filter_install(FILTER_CALLS) != 0) {
		trap_die(path, "the kernel refuses the system call filter", 125);
	}
	trap_enter(entry, stack.argc);
}

static size_t pages(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

static void protect(const ElfW(Phdr) *p)
{
	uintptr_t begin = TRAP_BASE + (p->p_vaddr & ~(uintptr_t)4095);
	uintptr_t end = TRAP_BASE + pages(p->p_vaddr + p->p_memsz);

	if (!(p->p_flags & PF_W)) {
		sys3(SYS_mprotect, begin, end - begin,
		     PROT_READ | (p->p_flags & PF_X ? PROT_EXEC : 0));
	}
}

/*
 * Give the copy's segments their protection.  As a vDSO it has to have one segment, by
 * which glibc finds the base; the first one, which holds the headers, comes last.
 */
static void finish_image(size_t bytes)
{
	const ElfW(Ehdr) *ehdr = (const void *)TRAP_BASE;
	ElfW(Phdr) *phdr = (void *)(TRAP_BASE + ehdr->e_phoff), first = *phdr;

	for (unsigned i = 1; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD) {
			protect(&phdr[i]);
			phdr[i].p_type = PT_NULL;
		}
	}
	phdr->p_filesz = phdr->p_memsz = bytes;
	phdr->p_flags = PF_R | PF_X;
	protect(&first);
}

noreturn void trap_begin(long *sp)
{
	uintptr_t here = (uintptr_t)image_begin;
	size_t used = (uintptr_t)image_end - here, bytes = pages(used);
	void (*there)(long *sp, uintptr_t old, size_t bytes);
	long base;

	base = sys6(SYS_mmap, TRAP_BASE, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (base != (long)TRAP_BASE || bytes > TRAP_BYTES) {
		trap_die("memory", "the trap's addresses are taken", 125);
	}
	__builtin_memcpy((void *)TRAP_BASE, image_begin, used);
	finish_image(bytes);
	there = (void (*)(long *, uintptr_t, size_t))((uintptr_t)go_on - here + TRAP_BASE);
	there(sp, here, bytes);
	for (;;) {
	}
}
