// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * client - the one program that lento-init runs: start, readiness, end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

#define READY_POLL_WNS (10 * NS_PER_MS)

struct start {
	char *blob;
	char **argv, **env;
	size_t at, bytes;
};

/* Names what failed, for the report. */
struct trouble {
	const char *what, *object;
	int errnum;
};

static int fail(struct trouble *t, const char *what, const char *object, int errnum)
{
	*t = (struct trouble){ what, object, errnum };
	return -1;
}

static int read_blob(struct start *st, int fd, struct trouble *t)
{
	size_t used = 0;

	st->blob = malloc(st->bytes ? st->bytes : 1);
	if (!st->blob) {
		return fail(t, "reading", "START", ENOMEM);
	}
	while (used < st->bytes) {
		ssize_t n = pread(fd, st->blob + used, st->bytes - used, (off_t)used);

		if (n <= 0) {
			return fail(t, "reading", "START", n ? errno : EPROTO);
		}
		used += (size_t)n;
	}
	return 0;
}

static char **take_strings(struct start *st, uint32_t count)
{
	char **list = calloc((size_t)count + 1, sizeof(*list));

	for (uint32_t i = 0; list && i < count; i++) {
		list[i] = init_blob_next(st->blob, st->bytes, &st->at);
		if (!list[i]) {
			free(list);
			return NULL;
		}
	}
	return list;
}

static void make_parents(char *path)
{
	for (char *s = path + 1; *s; s++) {
		if (*s == '/') {
			*s = '\0';
			mkdir(path, 0755);
			*s = '/';
		}
	}
}

static int write_file(char *path, const char *content, struct trouble *t)
{
	size_t len = strlen(content);
	int fd;

	make_parents(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		return fail(t, "writing", path, errno);
	}
	while (len > 0) {
		ssize_t n = write(fd, content, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			fail(t, "writing", path, n ? errno : EIO);
			close(fd);
			return -1;
		}
		content += n;
		len -= (size_t)n;
	}
	close(fd);
	return 0;
}

/* In the child: the log files become stdout and stderr. */
static int open_log(const char *dir, const char *name, int as_fd)
{
	char path[512];
	size_t len = strlen(dir), name_len = strlen(name);
	int fd;

	if (len + name_len + 2 > sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(path, dir, len);
	path[len] = '/';
	memcpy(path + len + 1, name, name_len + 1);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || dup2(fd, as_fd) < 0) {
		return -1;
	}
	return fd;
}

static void become_client(const struct init *in, const struct start *st, int status_fd)
{
	/* As the kernel lays it out; all zero is SIG_DFL.  libc hides its own two
	 * signals from sigaction(), but posix_spawn() may have set them ignored. */
	static const unsigned long plain[4];
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;
	int errnum;

	for (int signo = 1; signo < NSIG; signo++) {
		syscall(SYS_rt_sigaction, signo, plain, NULL, sizeof(unsigned long));
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && !chdir(in->tmp_dir) &&
	    open_log(in->log_dir, "stdout", STDOUT_FILENO) >= 0 &&
	    open_log(in->log_dir, "stderr", STDERR_FILENO) >= 0) {
		execve(st->argv[0], st->argv, st->env);
	}
	errnum = errno;
	while (write(status_fd, &errnum, sizeof(errnum)) < 0 && errno == EINTR) {
	}
	_exit(127);
}

/*
 * Fork and execute.  The pipe closes by itself when execve() succeeds; what comes
 * through it instead is the errno of its failure.
 */
static int spawn(struct init *in, const struct start *st, struct trouble *t)
{
	int fds[2], errnum = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		return fail(t, "starting", st->argv[0], errno);
	}
	pid = fork();
	if (pid == 0) {
		become_client(in, st, fds[1]);
	}
	errnum = errno;
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return fail(t, "starting", st->argv[0], errnum);
	}
	do {
		n = read(fds[0], &errnum, sizeof(errnum));
	} while (n < 0 && errno == EINTR);
	close(fds[0]);
	if (n == (ssize_t)sizeof(errnum)) {
		waitpid(pid, NULL, 0);
		return fail(t, "starting", st->argv[0], errnum);
	}
	in->client = pid;
	return 0;
}

static int prepare(struct start *st, const struct init_command *cmd, int blob_fd, struct trouble *t)
{
	st->bytes = cmd->blob_bytes;
	if (cmd->argc == 0 || blob_fd < 0) {
		return fail(t, "reading", "START", EPROTO);
	}
	if (read_blob(st, blob_fd, t)) {
		return -1;
	}
	st->argv = take_strings(st, cmd->argc);
	st->env = take_strings(st, cmd->envc);
	if (!st->argv || !st->env) {
		return fail(t, "reading", "START", EPROTO);
	}
	for (uint32_t i = 0; i < cmd->filec; i++) {
		char *path = init_blob_next(st->blob, st->bytes, &st->at);
		const char *content = init_blob_next(st->blob, st->bytes, &st->at);

		if (!path || path[0] != '/' || !content) {
			return fail(t, "reading", "START", EPROTO);
		}
		if (write_file(path, content, t)) {
			return -1;
		}
	}
	return 0;
}

void client_start(struct init *in, const struct init_command *cmd, int blob_fd)
{
	struct start st = { 0 };
	struct init_report rep;
	struct trouble t;

	if (in->started) {
		report_failed(in, "starting", "the client a second time", EALREADY);
		return;
	}
	in->started = true;
	probe_close();
	if (prepare(&st, cmd, blob_fd, &t) || spawn(in, &st, &t)) {
		report_failed(in, t.what, t.object, t.errnum);
	} else {
		report_begin(in, &rep, INIT_REP_STARTED);
		rep.client_pid = in->client;
		report_send(in, &rep);
		in->waiting_ready = true;
		in->ready_tcp_port = cmd->ready_tcp_port;
		in->ready_next = wall_now();
		in->ready_until.ns = in->ready_next.ns +
			(cmd->ready_timeout_wns > 0 ? cmd->ready_timeout_wns : 0);
	}
	free(st.argv);
	free(st.env);
	free(st.blob);
}

static void report_exit(struct init *in, int status, const struct rusage *ru)
{
	struct init_report rep;

	report_begin(in, &rep, INIT_REP_EXITED);
	rep.status = status;
	rep.utime_us = (int64_t)ru->ru_utime.tv_sec * 1000000 + ru->ru_utime.tv_usec;
	rep.stime_us = (int64_t)ru->ru_stime.tv_sec * 1000000 + ru->ru_stime.tv_usec;
	rep.maxrss_kib = ru->ru_maxrss;
	rep.minflt = ru->ru_minflt;
	rep.majflt = ru->ru_majflt;
	rep.inblock = ru->ru_inblock;
	rep.oublock = ru->ru_oublock;
	rep.nvcsw = ru->ru_nvcsw;
	rep.nivcsw = ru->ru_nivcsw;
	in->client = 0;
	in->waiting_ready = false;
	report_send(in, &rep);
}

void client_reap(struct init *in)
{
	struct rusage ru;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0) {
		if (pid == in->client) {
			report_exit(in, status, &ru);
		}
	}
}

/*
 * Is a line of /proc/net/tcp a socket in state LISTEN (0A) on @port?
 *	"   0: 0100007F:1F90 00000000:0000 0A ..."
 */
static bool line_listens(const char *line, uint16_t port)
{
	char *end;
	const char *colon = strchr(line, ':');

	colon = colon ? strchr(colon + 1, ':') : NULL;
	if (!colon || strtoul(colon + 1, &end, 16) != port) {
		return false;
	}
	colon = strchr(end, ':');
	return colon && strlen(colon) > 8 && !memcmp(colon + 5, " 0A", 3);
}

static bool table_listens(const char *path, uint16_t port)
{
	char buf[4096];
	size_t used = 0;
	bool found = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		return false;
	}
	while (!found && (n = read(fd, buf + used, sizeof(buf) - 1 - used)) > 0) {
		char *line = buf, *nl;

		used += (size_t)n;
		buf[used] = '\0';
		while (!found && (nl = strchr(line, '\n'))) {
			*nl = '\0';
			found = line_listens(line, port);
			line = nl + 1;
		}
		used -= (size_t)(line - buf);
		memmove(buf, line, used);
		if (used == sizeof(buf) - 1) {
			used = 0; /* no line is that long */
		}
	}
	close(fd);
	return found;
}

void client_check_ready(struct init *in, wall_t now)
{
	struct init_report rep;
	bool ready;

	if (!in->waiting_ready || now.ns < in->ready_next.ns) {
		return;
	}
	ready = in->ready_tcp_port == 0 ||
		table_listens("/proc/net/tcp", in->ready_tcp_port) ||
		table_listens("/proc/net/tcp6", in->ready_tcp_port);
	if (!ready && now.ns < in->ready_until.ns) {
		in->ready_next.ns = now.ns + READY_POLL_WNS;
		return;
	}
	in->waiting_ready = false;
	report_begin(in, &rep, ready ? INIT_REP_READY : INIT_REP_NOT_READY);
	report_send(in, &rep);
}

/* Our children, as the kernel lists them; false when there are none. */
static bool kill_children(void)
{
	char buf[4096];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	bool any = false;
	ssize_t n;

	if (fd < 0) {
		return false;
	}
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	for (char *at = buf, *end; ; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at || pid <= 1) {
			return any;
		}
		any = true;
		kill((pid_t)pid, SIGKILL);
	}
}

/*
 * As PID 1 one call reaches all.  Under rt_null the orphans of a killed process
 * become our children (we are a subreaper), so killing children until none is
 * left ends the whole tree.
 */
void client_kill_all(struct init *in)
{
	if (getpid() == 1) {
		kill(-1, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
		}
		return;
	}
	if (in->client > 0) {
		kill(in->client, SIGKILL);
	}
	while (kill_children()) {
		waitpid(-1, NULL, 0);
	}
}
