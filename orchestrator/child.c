// SPDX-License-Identifier: GPL-2.0-or-later
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "paths.h"

static void become(const char *program, const char **argv, bool quiet)
{
	int null = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
	}
	execv(program, (char **)argv);
	_exit(127);
}

int child_lento(const char *const argv[], bool quiet, int *status, struct err *err)
{
	CLEAN_FREE char *program = NULL;
	CLEAN_FREE const char **full = NULL;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	size_t n = 0;
	pid_t pid;
	int how;

	while (argv[n]) {
		n++;
	}
	full = calloc(n + 2, sizeof(*full));
	if (!full || paths_program("lento", &program, err)) {
		return full ? -1 : err_errno(err, ERR_FAILED, "lento %s", argv[0]);
	}
	full[0] = program;
	memcpy(full + 1, argv, n * sizeof(*full));
	pid = fork();
	if (pid == 0) {
		become(program, full, quiet);
	}
	if (pid < 0) {
		return err_errno(err, ERR_FAILED, "starting %s", program);
	}
	sigaction(SIGINT, &ignore, &before);
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
	}
	sigaction(SIGINT, &before, NULL);
	if (!WIFEXITED(how)) {
		return err_set(err, ERR_FAILED, "lento %s was killed by signal %d", argv[0], WTERMSIG(how));
	}
	*status = WEXITSTATUS(how);
	return 0;
}
