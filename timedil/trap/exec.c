// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * exec - what a program under the trap executes.
 *
 * The filter outlives the exec, so every program has to be loaded by the trap, also one that
 * the shim would reach.  Only one of another architecture, which the filter does not
 * look at, is left to the kernel; it is not dilated.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trap.h"

/* Words on the stack; more of them go to memory of their own, since the stack may be an
 * alternate one of a few pages. */
#define WORDS_ON_STACK 128

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static long run(const struct plan *plan, const char *options, char *const argv[], char *const env[])
{
	size_t count = plan_count(plan, argv);
	const char *few[WORDS_ON_STACK], **words = few;
	size_t bytes = count * sizeof(*words);
	long ret;

	if (count > WORDS_ON_STACK) {
		ret = sys6(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
		if (ret < 0 && ret > -4096) {
			return ret;
		}
		words = (const char **)ret;
	}
	plan_words(plan, trap.path, options, trap.page, argv, words);
	ret = sys3(SYS_execve, trap.path, words, env);
	if (words != few) {
		sys2(SYS_munmap, words, bytes);
	}
	return ret;
}

static long permitted(const char *path)
{
	struct stat st = { .st_mode = 0 };
	long ret = sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0);

	if (ret != 0) {
		return ret;
	}
	return S_ISREG(st.st_mode) ? sys4(SYS_faccessat, AT_FDCWD, path, X_OK, 0) : -EACCES;
}

long trap_exec(const char *path, char *const argv[], char *const env[], const char *options,
	       bool may_be_plain)
{
	struct plan plan;
	long ret;

	if (!path) {
		return -EFAULT;
	}
	if (same(path, "/proc/self/exe") && trap.exe[0]) {
		path = trap.exe;
	}
	ret = permitted(path);
	if (ret == 0) {
		ret = plan_look(&plan, path);
	}
	if (ret != 0) {
		return ret;
	}
	if (plan.kind == PLAN_FOREIGN || (plan.kind == PLAN_PLAIN && may_be_plain)) {
		return sys3(SYS_execve, path, argv, env);
	}
	return run(&plan, options, argv, env);
}

long call_execve(const struct call *c)
{
	return trap_exec((const char *)c->a[0], (char *const *)c->a[1], (char *const *)c->a[2],
			 trap.sockets_caught ? "-fs" : "-f", false);
}

static char *put_number(char *to, long n)
{
	char digits[24];
	unsigned len = 0;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len) {
		*to++ = digits[--len];
	}
	*to = '\0';
	return to;
}

/* The file as a descriptor that outlives the exec; the trap closes it there. */
long call_execveat(const struct call *c)
{
	static const char head[] = "/proc/self/fd/";
	const char *path = (const char *)c->a[1];
	const char *options = trap.sockets_caught ? "-fs" : "-f";
	char link[48];
	long fd, ret;

	if (!path) {
		return -EFAULT;
	}
	if (path[0] == '/' || ((int)c->a[0] == AT_FDCWD && path[0])) {
		return trap_exec(path, (char *const *)c->a[2], (char *const *)c->a[3], options, false);
	}
	if (path[0]) {
		fd = sys4(SYS_openat, c->a[0], path, O_RDONLY, 0);
	} else if (c->a[4] & AT_EMPTY_PATH) {
		fd = sys3(SYS_fcntl, c->a[0], F_DUPFD, 3);
	} else {
		return -ENOENT;
	}
	if (fd < 0) {
		return fd;
	}
	__builtin_memcpy(link, head, sizeof(head));
	put_number(link + sizeof(head) - 1, fd);
	options = trap.sockets_caught ? "-fsc" : "-fc";
	ret = trap_exec(link, (char *const *)c->a[2], (char *const *)c->a[3], options, false);
	sys1(SYS_close, fd);
	return ret;
}
