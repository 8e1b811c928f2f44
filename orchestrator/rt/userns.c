// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return -1;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In a child: namespaces, wait for the map, then as first process mount proc. */
static void try_inside(int go_fd, int ready_fd)
{
	char c = 0;
	pid_t first;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) || write(ready_fd, &c, 1) != 1 ||
	    read(go_fd, &c, 1) != 1 || setresgid(0, 0, 0) || setresuid(0, 0, 0)) {
		_exit(1);
	}
	first = fork();
	if (first == 0) {
		_exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0);
	}
	_exit(first < 0 || wait_for(first) != 0);
}

static bool write_maps(pid_t pid)
{
	CLEAN_FREE char *map = str_format("0 %u %u", USERNS_BASE_ID, USERNS_ID_COUNT);
	CLEAN_FREE char *uid_map = str_format("/proc/%d/uid_map", (int)pid);
	CLEAN_FREE char *gid_map = str_format("/proc/%d/gid_map", (int)pid);

	return !fs_write_knob(uid_map, map, NULL) && !fs_write_knob(gid_map, map, NULL);
}

bool userns_works(void)
{
	int go[2], ready[2];
	bool mapped = false;
	char c = 0;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC)) {
		return false;
	}
	if (pipe2(ready, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return false;
	}
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		close(ready[0]);
		try_inside(go[0], ready[1]);
	}
	close(ready[1]);
	close(go[0]);
	if (pid > 0 && read(ready[0], &c, 1) == 1) {
		mapped = write_maps(pid) && write(go[1], &c, 1) == 1;
	}
	close(go[1]);
	close(ready[0]);
	return pid > 0 && wait_for(pid) == 0 && mapped;
}
