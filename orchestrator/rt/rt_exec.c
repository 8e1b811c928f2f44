// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rt_exec, rt_purge - acting on a run from outside of it.
 *
 * liblxc's own way in, a command socket, is bound to the network namespace of the
 * run; so we go in by the kernel's: join the peer's cgroups, setns() to the
 * namespaces of its lento-init through a pidfd, fork once more to be born
 * into the process namespace, and drop what the peer's processes lack.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/caps.h"
#include "rt/cgroup.h"
#include "rt/rt_ops.h"

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)

/* What the helper process tells us: the command's status, or why there is none. */
struct outcome {
	bool ran;
	int status;
	struct err err;
};

/* A process number may be used again: is this one in the peer's cgroup? */
static int check_member(const char *name, pid_t pid, struct err *err)
{
	CLEAN_FREE char *path = str_format("/proc/%d/cgroup", (int)pid);
	CLEAN_FREE char *wanted = str_format("/lento/%s\n", name);
	CLEAN_FREE char *text = NULL;

	if (fs_read(path, &text, NULL, NULL) || !strstr(text, wanted)) {
		return err_set(err, ERR_PEER, "%s: its container does not run (any more)", name);
	}
	return 0;
}

static bool same_namespace(pid_t pid, const char *kind)
{
	CLEAN_FREE char *own = str_format("/proc/self/ns/%s", kind);
	CLEAN_FREE char *its = str_format("/proc/%d/ns/%s", (int)pid, kind);
	struct stat a, b;

	return !stat(own, &a) && !stat(its, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int enter(pid_t pid, struct err *err)
{
	int flags = NAMESPACES | (same_namespace(pid, "user") ? 0 : CLONE_NEWUSER);
	CLEAN_FREE char *root_path = str_format("/proc/%d/root", (int)pid);
	CLEAN_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CLEAN_CLOSE int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || root < 0 || setns(fd, flags)) {
		return err_errno(err, ERR_FAILED, "entering the namespaces of process %d", (int)pid);
	}
	/* Where lento itself runs in a chroot, the peer's root is not that of its mounts. */
	if (fchdir(root) || chroot(".")) {
		return err_errno(err, ERR_FAILED, "entering the root of process %d", (int)pid);
	}
	if (setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0) || chdir("/")) {
		return err_errno(err, ERR_FAILED, "becoming the peer's root");
	}
	return 0;
}

static int drop_privileges(struct err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { PEER_CAPS_MASK, PEER_CAPS_MASK, 0 } };

	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		bool keep = cap < 32 && (PEER_CAPS_MASK & 1u << cap);

		if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)) {
			return err_errno(err, ERR_FAILED, "dropping capability %d", cap);
		}
	}
	if (syscall(SYS_capset, &head, data) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		return err_errno(err, ERR_FAILED, "dropping capabilities");
	}
	return 0;
}

static int set_environment(char *const env[])
{
	const char *old = getenv("TERM");
	CLEAN_FREE char *term = old ? str_format("%s", old) : NULL;

	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("LANG", "C.UTF-8", 1);
	if (term) {
		setenv("TERM", term, 1);
	}
	for (; env && *env; env++) {
		if (putenv(*env)) {
			return -1;
		}
	}
	return 0;
}

/* In the innermost process: returns only when the command could not be executed. */
static void run_command(char *const argv[], char *const env[], struct outcome *out)
{
	if (drop_privileges(&out->err)) {
		return;
	}
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	if (set_environment(env) == 0) {
		execvp(argv[0], argv);
	}
	err_errno(&out->err, ERR_FAILED, "executing %s", argv[0]);
}

static void tell(int fd, const struct outcome *out)
{
	while (write(fd, out, sizeof(*out)) < 0 && errno == EINTR) {
	}
}

/* The helper: enters, forks the command, waits for it, tells. */
static void help(const char *name, pid_t pid, char *const argv[], char *const env[], int tell_fd)
{
	struct outcome out = { 0 };
	struct cgroups cg;
	pid_t child;

	if (cgroups_find(&cg, &out.err) || cgroup_join(&cg, name, &out.err) || enter(pid, &out.err)) {
		tell(tell_fd, &out);
		_exit(1);
	}
	child = fork();
	if (child == 0) {
		run_command(argv, env, &out);
		tell(tell_fd, &out);
		_exit(127);
	}
	if (child < 0) {
		err_errno(&out.err, ERR_FAILED, "starting %s", argv[0]);
	} else {
		while (waitpid(child, &out.status, 0) < 0 && errno == EINTR) {
		}
		out.ran = true;
	}
	tell(tell_fd, &out);
	_exit(0);
}

int rt_exec(const char *run_id, const char *peer, pid_t init_pid, char *const argv[],
	    char *const env[], int *status, struct err *err)
{
	CLEAN_FREE char *name = NULL;
	struct outcome out;
	int fds[2];
	pid_t helper;
	ssize_t n;

	if (rt_check_name("run", run_id, err) || rt_check_name("peer", peer, err)) {
		return -1;
	}
	name = str_format("%s/%s", run_id, peer);
	if (check_member(name, init_pid, err)) {
		return -1;
	}
	if (pipe2(fds, O_CLOEXEC)) {
		return err_errno(err, ERR_FAILED, "%s", name);
	}
	fflush(NULL);
	helper = fork();
	if (helper == 0) {
		close(fds[0]);
		help(name, init_pid, argv, env, fds[1]);
	}
	close(fds[1]);
	if (helper < 0) {
		close(fds[0]);
		return err_errno(err, ERR_FAILED, "%s", name);
	}
	/* The first word counts: one that could not execute speaks before its parent. */
	do {
		n = read(fds[0], &out, sizeof(out));
	} while (n < 0 && errno == EINTR);
	close(fds[0]);
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR) {
	}
	if (n != (ssize_t)sizeof(out)) {
		return err_set(err, ERR_PEER, "%s: the peer ended", name);
	}
	if (!out.ran) {
		if (err) {
			*err = out.err;
		}
		return err_wrap(err, "%s", name);
	}
	*status = out.status;
	return 0;
}

int rt_purge(const char *run_id, unsigned *killed, struct err *err)
{
	struct cgroups cg;
	int rc;

	*killed = 0;
	if (rt_check_name("run", run_id, err) || cgroups_find(&cg, err)) {
		return -1;
	}
	rc = cgroup_kill(&cg, run_id, killed, err) || cgroup_remove(&cg, run_id, err) ? -1 : 0;
	cgroup_remove_top(&cg);
	cgroups_free(&cg);
	return rc;
}
