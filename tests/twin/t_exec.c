// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs that the shim does not reach, started in each way: a static one that sleeps.  It
 * is the test program `sleeper`, beside this one.  Starting a process takes its time, which the
 * form WAIT_BY_TICKS leaves room for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "twin.h"

extern char **environ;

static char dir[PATH_MAX], path[PATH_MAX + 16], ms[32];
static char *words[] = { "sleeper", ms, NULL };

/* Find the sleeper, and put its directory into $PATH. */
static int prepare(int64_t ns)
{
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	char *slash;

	dir[n > 0 ? n : 0] = '\0';
	slash = strrchr(dir, '/');
	if (!slash) {
		return -1;
	}
	*slash = '\0';
	snprintf(path, sizeof(path), "%s/sleeper", dir);
	snprintf(ms, sizeof(ms), "%lld", (long long)(ns / NS_PER_MS));
	return access(path, X_OK) || setenv("PATH", dir, 1);
}

static int64_t ended(pid_t pid, int64_t ns)
{
	int status = -1;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		return fail("the program did not end well");
	}
	return ns;
}

/* One way to execute it, in a child. */
#define EXEC_TWIN(name, call)                         \
	TWIN(name, WAIT_BY_TICKS)                            \
	{                                             \
		pid_t pid;                            \
                                                      \
		if (prepare(ns)) {                    \
			return fail("no sleeper");    \
		}                                     \
		pid = fork();                         \
		if (pid == 0) {                       \
			call;                         \
			_exit(127);                   \
		}                                     \
		return ended(pid, ns);                \
	}

EXEC_TWIN(execve, execve(path, words, environ))
EXEC_TWIN(execv, execv(path, words))
EXEC_TWIN(execvp, execvp("sleeper", words))
EXEC_TWIN(execvpe, execvpe("sleeper", words, environ))
EXEC_TWIN(execl, execl(path, "sleeper", ms, (char *)NULL))
EXEC_TWIN(execlp, execlp("sleeper", "sleeper", ms, (char *)NULL))
EXEC_TWIN(execle, execle(path, "sleeper", ms, (char *)NULL, environ))
EXEC_TWIN(fexecve, fexecve(open(path, O_RDONLY | O_CLOEXEC), words, environ))
EXEC_TWIN(execve_without_environment, execve(path, words, (char *[]){ NULL }))

TWIN(posix_spawn, WAIT_BY_TICKS)
{
	pid_t pid = 0;

	if (prepare(ns) || posix_spawn(&pid, path, NULL, NULL, words, environ)) {
		return fail("posix_spawn");
	}
	return ended(pid, ns);
}

TWIN(posix_spawnp, WAIT_BY_TICKS)
{
	pid_t pid = 0;

	if (prepare(ns) || posix_spawnp(&pid, "sleeper", NULL, NULL, words, environ)) {
		return fail("posix_spawnp");
	}
	return ended(pid, ns);
}

/* A script whose interpreter is static. */
TWIN(execve_script, WAIT_BY_TICKS)
{
	char script[] = "/tmp/twin-script-XXXXXX";
	int fd = mkstemp(script);
	int64_t ret;
	pid_t pid;

	if (fd < 0 || prepare(ns) || dprintf(fd, "#! %s %s\n", path, ms) < 0 || fchmod(fd, 0700)) {
		return fail("no script");
	}
	close(fd);
	twin_begin();
	pid = fork();
	if (pid == 0) {
		execl(script, "x", (char *)NULL);
		_exit(127);
	}
	ret = ended(pid, ns);
	unlink(script);
	return ret;
}
