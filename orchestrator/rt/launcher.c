// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * launcher - theory of operation.
 *
 *	lento --order--> launcher --fork--> child --liblxc--> monitor --> lento-init
 *	lento <---------------report--------- child
 *
 * The launcher waits for orders and for the ends of its children, nothing else.  A child
 * starts one container, makes eth0 in its network namespace, so that no device
 * has to move between namespaces, reports with the device's descriptor, and ends.  A child
 * that ends without a report (liblxc has crashed) is reported by the launcher.  The monitor is
 * ended as soon as lento-init runs, which is the launcher's child then.
 *
 * The launcher has a mount namespace of its own: there liblxc finds only the
 * cgroup hierarchies that we use, and there the ways (ways.h) are bound.  It is in a
 * group of the run from the beginning, so that a purge in mid-boot finds it and its
 * children; when lento dies it sees its socket close, and ends.
 *
 * liblxc runs newuidmap where it finds one, and that obeys /etc/subuid; as root we may
 * write the map ourselves, and liblxc does so when it finds no such program: hence
 * the PATH.
 */
#include "rt/launcher.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/netns.h"
#include "rt/ways.h"

/* Most of a start is waiting, for the kernel's grace periods and for one another. */
#define SLOTS_PER_CPU 4
#define MAX_SLOTS 64
#define RENEW_PROC_EVERY 32
#define REPORTED 0
#define NOT_REPORTED 1

struct launcher {
	pid_t pid;
	int socket;
};

/* The spec's strings follow it: its pointers mean nothing to the other side. */
struct order {
	struct rt_peer_spec spec;
	char name[64], data_dir[PATH_MAX], log_dir[PATH_MAX];
};

/* In the launcher. */
struct service {
	const struct lxc_ground *ground;
	struct lxc_ground seen;      /* the same, with paths as any user can reach them */
	struct ways ways;
	int socket, signal_fd;
	sigset_t old_mask;
	struct { pid_t pid; uint32_t index; } children[MAX_SLOTS]; /* pid 0: free */
	unsigned started;
	bool proc_is_ours;           /* over the one that was there */
};

/* --- the two ends of the socket ------------------------------------------------- */

static int send_report(int socket, const struct launch_report *report, int tun)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)report, sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (tun >= 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &tun, sizeof(int));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(*report) ? 0 : -1;
}

static void send_failure(int socket, uint32_t index, const struct err *err)
{
	struct launch_report report = { .index = index, .err = *err };

	send_report(socket, &report, -1);
}

/* --- in a child: one container ------------------------------------------------------ */

static int make_network(const struct lxc_ground *g, const struct rt_peer_spec *spec, pid_t init_pid,
			struct rt_boot_times *times, int *tun, struct err *err)
{
	wall_t begin = wall_now(), made;

	if (netns_set_up(init_pid, spec, tun, err)) {
		return -1;
	}
	made = wall_now();
	times->device_wns = made.ns - begin.ns;
	/* Some constants belong to the device and its route. */
	if (tcp_run_apply(g->tcp, init_pid, spec->tdf, err)) {
		return -1;
	}
	times->namespace_wns = wall_now().ns - made.ns;
	return 0;
}

static int start_child(const struct service *sv, const struct rt_peer_spec *spec)
{
	struct launch_report report = { .index = spec->index };
	CLEAN_CLOSE int tun = -1;
	struct err err = { 0 };

	if (lxc_start_peer(&sv->seen, spec, &report.init_pid, &report.times, &err) ||
	    make_network(&sv->seen, spec, report.init_pid, &report.times, &tun, &err)) {
		send_failure(sv->socket, spec->index, &err);
		return REPORTED;
	}
	return send_report(sv->socket, &report, tun) ? NOT_REPORTED : REPORTED;
}

/* --- in the launcher ------------------------------------------------------------------ */

/* Children that have started containers; and lento-inits, whose monitors are gone. */
static void reap(struct service *sv)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(sv->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < MAX_SLOTS; i++) {
			struct err err = { 0 };

			if (sv->children[i].pid != pid) {
				continue;
			}
			sv->children[i].pid = 0;
			if (WIFEXITED(status) && WEXITSTATUS(status) == REPORTED) {
				continue;
			}
			err_set(&err, ERR_FAILED, "the process that started its container ended without a "
				"word (status 0x%x)", (unsigned)status);
			send_failure(sv->socket, sv->children[i].index, &err);
		}
	}
}

/*
 * A fresh /proc.  The kernel caches what was looked up below /proc/sys/net for each network
 * namespace under the same names, in one chain: with n namespaces behind us each
 * look-up takes n steps.  A new mount begins with an empty cache, and frees the old one.
 */
static void renew_proc(struct service *sv)
{
	if (sv->started++ % RENEW_PROC_EVERY != 0) {
		return;
	}
	if (sv->proc_is_ours) {
		umount2("/proc", MNT_DETACH);
	}
	sv->proc_is_ours = mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

/* Only in user namespaces does it matter who may pass through a directory. */
static int reach(struct service *sv, const char *path, char **seen, struct err *err)
{
	if (sv->ground->userns) {
		return ways_find(&sv->ways, path, seen, err);
	}
	*seen = realpath(path, NULL);
	return *seen ? 0 : err_errno(err, ERR_FAILED, "%s", path);
}

static int fork_child(struct service *sv, const struct rt_peer_spec *spec, struct err *err)
{
	size_t slot = 0;
	pid_t pid;

	while (slot < MAX_SLOTS && sv->children[slot].pid) {
		slot++;
	}
	if (slot == MAX_SLOTS) {
		return err_set(err, ERR_FAILED, "more than %d containers are being started", MAX_SLOTS);
	}
	pid = fork();
	if (pid == 0) {
		close(sv->signal_fd);
		sigprocmask(SIG_SETMASK, &sv->old_mask, NULL);
		_exit(start_child(sv, spec));
	}
	if (pid < 0) {
		return err_errno(err, ERR_HOST, "fork");
	}
	sv->children[slot].pid = pid;
	sv->children[slot].index = spec->index;
	return 0;
}

static void carry_out(struct service *sv, struct order *order)
{
	CLEAN_FREE char *data = NULL, *log = NULL;
	struct rt_peer_spec *spec = &order->spec;
	struct err err = { 0 };

	if (reach(sv, order->data_dir, &data, &err) || reach(sv, order->log_dir, &log, &err)) {
		send_failure(sv->socket, spec->index, &err);
		return;
	}
	renew_proc(sv);
	spec->name = order->name;
	spec->data_dir = data;
	spec->log_dir = log;
	if (fork_child(sv, spec, &err)) {
		send_failure(sv->socket, spec->index, &err);
	}
}

static void serve(struct service *sv)
{
	struct pollfd fds[] = { { sv->socket, POLLIN, 0 }, { sv->signal_fd, POLLIN, 0 } };
	static struct order order;

	for (;;) {
		ssize_t n;

		if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR) {
			return;
		}
		reap(sv);
		n = recv(sv->socket, &order, sizeof(order), MSG_DONTWAIT);
		if (n == (ssize_t)sizeof(order)) {
			carry_out(sv, &order);
		} else if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
			return; /* lento has gone */
		}
		explicit_bzero(order.spec.token, sizeof(order.spec.token));
	}
}

static int set_up(struct service *sv, struct err *err)
{
	CLEAN_FREE char *boot_group = str_format("%s/_boot", sv->ground->run_id);
	sigset_t child;

	if (cgroup_join(&sv->ground->cg, boot_group, err)) {
		return -1;
	}
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		return err_errno(err, ERR_HOST, "a mount namespace for starting containers");
	}
	cgroups_hide_spare(&sv->ground->cg);
	setenv("PATH", "/nonexistent", 1);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &sv->old_mask);
	sv->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sv->signal_fd < 0) {
		return err_errno(err, ERR_FAILED, "signalfd");
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1)) {
		return err_errno(err, ERR_FAILED, "becoming the parent of containers");
	}
	sv->ways.place = PRIVATE_DIR;
	sv->seen = *sv->ground;
	return reach(sv, sv->ground->share_dir, &sv->seen.share_dir, err);
}

/* Its first report says whether it could begin. */
static void run_launcher(const struct lxc_ground *ground, int socket)
{
	struct service sv = { .ground = ground, .socket = socket };
	struct launch_report ready = { 0 };
	struct err err = { 0 };

	if (set_up(&sv, &err)) {
		send_failure(socket, 0, &err);
		return;
	}
	if (send_report(socket, &ready, -1) == 0) {
		serve(&sv);
	}
}

/* --- in lento --------------------------------------------------------------------------- */

/* A report, waited for when @flags is 0. */
static int receive(struct launcher *l, struct launch_report *report, int *tun, int flags, struct err *err)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { report, sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c;
	ssize_t n;

	*tun = -1;
	do {
		n = recvmsg(l->socket, &msg, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		return 0;
	}
	if (n != (ssize_t)sizeof(*report)) {
		return err_set(err, ERR_FAILED, "the launcher of containers has ended");
	}
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(tun, CMSG_DATA(c), sizeof(int));
	}
	return 1;
}

static int await_ready(struct launcher *l, struct err *err)
{
	struct launch_report first;
	int tun;

	if (receive(l, &first, &tun, 0, err) < 0) {
		return -1;
	}
	if (first.err.kind != ERR_NONE) {
		*err = first.err;
		return -1;
	}
	return 0;
}

int launcher_create(const struct lxc_ground *ground, struct launcher **out, struct err *err)
{
	struct launcher *l = calloc(1, sizeof(*l));
	int pair[2];

	if (!l || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		free(l);
		return err_errno(err, ERR_FAILED, "starting the launcher of containers");
	}
	l->socket = pair[0];
	l->pid = fork();
	if (l->pid == 0) {
		/* Only 0, 1, 2 and the socket: what is open here is open in each monitor. */
		if (dup2(pair[1], 3) == 3) {
			close_range(4, ~0u, 0);
			run_launcher(ground, 3);
		}
		_exit(0);
	}
	close(pair[1]);
	if (l->pid < 0) {
		err_errno(err, ERR_HOST, "starting the launcher of containers: fork");
		close(l->socket);
		free(l);
		return -1;
	}
	if (await_ready(l, err)) {
		launcher_destroy(l);
		return -1;
	}
	*out = l;
	return 0;
}

void launcher_destroy(struct launcher *l)
{
	if (!l) {
		return;
	}
	close(l->socket);
	kill(l->pid, SIGKILL);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	free(l);
}

unsigned launcher_slots(void)
{
	long slots = sysconf(_SC_NPROCESSORS_ONLN) * SLOTS_PER_CPU;

	return slots < 1 ? 1 : slots > MAX_SLOTS ? MAX_SLOTS : (unsigned)slots;
}

int launcher_order(struct launcher *l, const struct rt_peer_spec *spec, struct err *err)
{
	struct order order = { .spec = *spec };
	ssize_t n;

	if (snprintf(order.name, sizeof(order.name), "%s", spec->name) >= (int)sizeof(order.name) ||
	    snprintf(order.data_dir, sizeof(order.data_dir), "%s", spec->data_dir) >= PATH_MAX ||
	    snprintf(order.log_dir, sizeof(order.log_dir), "%s", spec->log_dir) >= PATH_MAX) {
		return err_set(err, ERR_FAILED, "%s: a path too long", spec->name);
	}
	do {
		n = send(l->socket, &order, sizeof(order), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	explicit_bzero(order.spec.token, sizeof(order.spec.token));
	return n == (ssize_t)sizeof(order) ? 0 :
	       err_errno(err, ERR_FAILED, "the launcher of containers");
}

int launcher_fd(const struct launcher *l)
{
	return l->socket;
}

int launcher_next(struct launcher *l, struct launch_report *report, int *tun, struct err *err)
{
	return receive(l, report, tun, MSG_DONTWAIT, err);
}
