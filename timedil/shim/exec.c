// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A call is changed only where the program needs the trap; every other one goes on to libc
 * as it came.  Needs no heap, so that it serves in a vfork child and after fork.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "next.h"
#include "plan.h"
#include "shim.h"

#define PATH_BYTES 4096

extern char **environ __attribute__((weak));

static struct {
	char trap[512]; /* empty: there is none beside us */
	char page[256];
} self;

static void copy(char *to, const char *from, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && from[n]) {
		to[n] = from[n];
		n++;
	}
	to[n] = '\0';
}

/* The trap lies beside the shim. */
void exec_init(const char *page)
{
	const char *shim_path = next_own_path();
	size_t dir = 0;

	copy(self.page, page, sizeof(self.page));
	for (size_t i = 0; shim_path && shim_path[i] && i < PATH_BYTES; i++) {
		dir = shim_path[i] == '/' ? i + 1 : dir;
	}
	if (dir == 0 || dir + sizeof(PLAN_TRAP_NAME) > sizeof(self.trap)) {
		return;
	}
	copy(self.trap, shim_path, dir + 1);
	copy(self.trap + dir, PLAN_TRAP_NAME, sizeof(self.trap) - dir);
	if (sys3(SYS_access, self.trap, X_OK, 0) != 0) {
		self.trap[0] = '\0';
	}
}

static bool needs_trap(struct plan *plan, const char *path)
{
	return shim_page() && self.trap[0] && path && plan_look(plan, path) == 0 &&
	       plan->kind == PLAN_TRAP;
}

static bool executable(const char *path)
{
	struct stat st;

	return sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	       sys4(SYS_faccessat, AT_FDCWD, path, X_OK, 0) == 0;
}

static const char *search_dirs(void)
{
	static const char key[] = "PATH=";

	for (char **e = &environ ? environ : NULL; e && *e; e++) {
		size_t i = 0;

		while (key[i] && (*e)[i] == key[i]) {
			i++;
		}
		if (!key[i]) {
			return *e + i;
		}
	}
	return "/bin:/usr/bin";
}

/* The file that libc's execvp() would run, in @buf; NULL if there is none. */
static const char *search(const char *file, char buf[PATH_BYTES])
{
	const char *dirs = search_dirs();
	size_t n;

	for (const char *p = file; *p; p++) {
		if (*p == '/') {
			return executable(file) ? file : NULL;
		}
	}
	for (;; dirs++) {
		for (n = 0; *dirs && *dirs != ':' && n < PATH_BYTES / 2; dirs++) {
			buf[n++] = *dirs;
		}
		if (n > 0) {
			buf[n++] = '/';
		}
		copy(buf + n, file, PATH_BYTES - n);
		if (executable(buf)) {
			return buf;
		}
		if (*dirs != ':') {
			return NULL;
		}
	}
}

/* --- exec ----------------------------------------------------------------------------- */

static int run_trap(const struct plan *plan, const char *options, char *const argv[],
		    char *const env[])
{
	const char *words[plan_count(plan, argv)];

	plan_words(plan, self.trap, options, self.page, argv, words);
	return (int)shim_result(sys3(SYS_execve, self.trap, words, env));
}

EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
	struct plan plan;

	if (needs_trap(&plan, path) && executable(path)) {
		return run_trap(&plan, "-", argv, env);
	}
	return (int)shim_result(sys3(SYS_execve, path, argv, env));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const env[])
{
	char buf[PATH_BYTES];
	struct plan plan;

	if (shim_page() && file && needs_trap(&plan, search(file, buf))) {
		return run_trap(&plan, "-", argv, env);
	}
	return next.execvpe(file, argv, env);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

static size_t count_words(va_list list)
{
	size_t n = 1;

	while (va_arg(list, char *)) {
		n++;
	}
	return n;
}

/* The words of an execl(), as an array on the caller's stack. */
#define EXECL_WORDS(argv, first, list)                           \
	char *argv[((first) ? count_words(list) : 0) + 1];       \
	va_end(list);                                            \
	va_start(list, first);                                   \
	argv[0] = (char *)(uintptr_t)(first);                    \
	for (size_t i = 0; argv[i];) {                           \
		argv[++i] = va_arg(list, char *);                \
	}

EXPORT int execl(const char *path, const char *arg, ...)
{
	va_list list;

	va_start(list, arg);
	EXECL_WORDS(argv, arg, list)
	va_end(list);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
	va_list list;

	va_start(list, arg);
	EXECL_WORDS(argv, arg, list)
	va_end(list);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
	char *const *env;
	va_list list;

	va_start(list, arg);
	EXECL_WORDS(argv, arg, list)
	env = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, env);
}

static const char *fd_path(int fd, char buf[32])
{
	static const char head[] = "/proc/self/fd/";
	char digits[12];
	unsigned n = (unsigned)fd, len = 0, at = sizeof(head) - 1;

	copy(buf, head, 32);
	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len) {
		buf[at++] = digits[--len];
	}
	buf[at] = '\0';
	return buf;
}

/* The descriptor has to outlive the exec; the trap closes the second one. */
EXPORT int fexecve(int fd, char *const argv[], char *const env[])
{
	struct plan plan;
	char buf[32];
	long spare;
	int ret;

	if (fd < 0 || !needs_trap(&plan, fd_path(fd, buf)) || !executable(buf)) {
		return shim_page(), next.fexecve(fd, argv, env);
	}
	spare = sys3(SYS_fcntl, fd, F_DUPFD, 3);
	if (spare < 0) {
		return (int)shim_result(spare);
	}
	fd_path((int)spare, buf);
	ret = run_trap(&plan, "-c", argv, env);
	sys1(SYS_close, spare);
	return ret;
}

/* --- posix_spawn ------------------------------------------------------------------------ */

static int spawn_trap(pid_t *pid, const struct plan *plan, const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
	const char *words[plan_count(plan, argv)];

	plan_words(plan, self.trap, "-", self.page, argv, words);
	return next.posix_spawn(pid, self.trap, actions, attr, (char *const *)words, env);
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
		       const posix_spawn_file_actions_t *restrict actions,
		       const posix_spawnattr_t *restrict attr, char *const argv[restrict],
		       char *const env[restrict])
{
	struct plan plan;

	if (needs_trap(&plan, path) && executable(path)) {
		return spawn_trap(pid, &plan, actions, attr, argv, env);
	}
	return next.posix_spawn(pid, path, actions, attr, argv, env);
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			const posix_spawn_file_actions_t *restrict actions,
			const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			char *const env[restrict])
{
	char buf[PATH_BYTES];
	struct plan plan;

	if (shim_page() && file && needs_trap(&plan, search(file, buf))) {
		return spawn_trap(pid, &plan, actions, attr, argv, env);
	}
	return next.posix_spawnp(pid, file, actions, attr, argv, env);
}
