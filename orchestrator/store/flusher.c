/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/flusher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_TRIES 200 /* of 5 ms */

static void run(int pipe_fd, pid_t parent, const char *mountpoint) __attribute__((noreturn));
static void run(int pipe_fd, pid_t parent, const char *mountpoint)
{
	struct pollfd over = { .fd = STDIN_FILENO, .events = POLLIN };
	char go;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent || dup2(pipe_fd, STDIN_FILENO) < 0) {
		_exit(1);
	}
	(void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	if (read(STDIN_FILENO, &go, 1) != 1) {
		_exit(0);
	}
	int fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && poll(&over, 1, FLUSHER_PERIOD_WMS) == 0) {
		/* What cannot be written is the client's business: its msync() tells. */
		(void)syncfs(fd);
	}
	_exit(fd < 0);
}

int flusher_fork(struct flusher *flusher, const char *mountpoint, struct err *err)
{
	int fds[2];
	pid_t parent = getpid();

	*flusher = (struct flusher){ .pid = -1, .pipe_fd = -1 };
	if (pipe2(fds, O_CLOEXEC)) {
		return err_errno(err, ERR_FAILED, "pipe to the flusher");
	}
	flusher->pid = fork();
	if (flusher->pid == 0) {
		run(fds[0], parent, mountpoint);
	}
	close(fds[0]);
	flusher->pipe_fd = fds[1];
	if (flusher->pid < 0) {
		err_errno(err, ERR_FAILED, "starting the flusher");
		flusher_end(flusher);
		return -1;
	}
	return 0;
}

void flusher_go(const struct flusher *flusher)
{
	if (write(flusher->pipe_fd, "g", 1) != 1) {
		/* It has ended already; then mapped writes are seen late. */
		return;
	}
}

void flusher_end(struct flusher *flusher)
{
	if (flusher->pipe_fd >= 0) {
		close(flusher->pipe_fd);
		flusher->pipe_fd = -1;
	}
	if (flusher->pid > 0) {
		(void)kill(flusher->pid, SIGKILL);
		/* Its syncfs() may need us, who are still serving; but not for ever. */
		for (int i = 0; i < END_TRIES && waitpid(flusher->pid, NULL, WNOHANG) == 0; i++) {
			(void)poll(NULL, 0, 5);
		}
		flusher->pid = -1;
	}
}
