/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory.  libfuse does the protocol; three things are done beside it, through
 * its custom-I/O hooks:
 *
 * The mount is made here with mount(2) and not by fusermount3, so that it is in
 * the caller's namespace, and the descriptor is ours.
 *
 * Each worker reads requests from a descriptor of its own (FUSE_DEV_IOC_CLONE), so that
 * the kernel hands each request to one thread and its reply returns through
 * the same queue; worker_fd says which.  A request that was left to another thread
 * (gate.h) is answered through the descriptor that it came from.
 *
 * Two flags of the handshake are younger than the library (FUSE_INIT flags2):
 * DIRECT_IO_ALLOW_MMAP (Linux 6.6), without which a file opened for direct I/O
 * cannot be mapped shared, and NO_EXPORT_SUPPORT (6.10), which closes the door of
 * open_by_handle_at().  They are seen in the kernel's request and put into our reply.
 */
#include "store/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "base/clean.h"
#include "base/fs.h"
#include "store/ops.h"

#define FLAG2_DIRECT_IO_ALLOW_MMAP (UINT32_C(1) << (36 - 32))
#define FLAG2_NO_EXPORT_SUPPORT (UINT32_C(1) << (38 - 32))
#define HANDSHAKE_TIMEOUT_WMS 5000
#define THREADS_MAX 64

struct worker {
	struct session *session;
	pthread_t thread;
	int fd;
};

struct session {
	struct ops_context context;
	struct fuse_session *fuse;
	char *mountpoint;
	bool mounted, may_direct;
	int fd;                  /* owned by `fuse` once that has it */
	int ended_fd;
	uint64_t init_unique;    /* of the handshake's request; 0: none seen */
	uint32_t offered2;       /* flags2 that the kernel offers */
	struct worker *workers;
	unsigned worker_count;
};

/* The descriptor that this thread talks to the kernel through. */
static __thread int worker_fd = -1;

/* --- I/O hooks ------------------------------------------------------------- */

static void note_init(struct session *session, const uint8_t *buf, size_t len)
{
	struct fuse_in_header head;
	struct fuse_init_in init;

	if (len < sizeof(head) + sizeof(init)) {
		return;
	}
	memcpy(&head, buf, sizeof(head));
	memcpy(&init, buf + sizeof(head), sizeof(init));
	if (head.opcode == FUSE_INIT) {
		session->init_unique = head.unique;
		session->offered2 = (init.flags & FUSE_INIT_EXT) ? init.flags2 : 0;
	}
}

static ssize_t hook_read(int fd, void *buf, size_t len, void *userdata)
{
	struct ops_context *context = userdata;
	ssize_t n = read(worker_fd >= 0 ? worker_fd : fd, buf, len);

	if (!context->ready && n > 0) {
		note_init((struct session *)context, buf, (size_t)n);
	}
	return n;
}

/* Put the flags that libfuse does not know into its reply to the handshake. */
static void amend_init(struct session *session, const struct iovec *iov, int count)
{
	const struct fuse_out_header *head = iov[0].iov_base;
	struct fuse_init_out init;
	uint32_t want = FLAG2_NO_EXPORT_SUPPORT |
			(session->may_direct ? FLAG2_DIRECT_IO_ALLOW_MMAP : 0);

	if (count != 2 || iov[0].iov_len != sizeof(*head) || head->error ||
	    head->unique != session->init_unique || iov[1].iov_len < sizeof(init)) {
		return;
	}
	memcpy(&init, iov[1].iov_base, sizeof(init));
	if (session->offered2) {
		init.flags |= FUSE_INIT_EXT;
		init.flags2 |= session->offered2 & want;
		memcpy(iov[1].iov_base, &init, sizeof(init));
	}
	session->context.direct_io = (session->offered2 & want & FLAG2_DIRECT_IO_ALLOW_MMAP) != 0;
	session->init_unique = 0;
}

static ssize_t hook_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct session *session = userdata;

	if (session->init_unique) {
		amend_init(session, iov, count);
	}
	return writev(worker_fd >= 0 ? worker_fd : fd, iov, count);
}

static const struct fuse_custom_io hooks = {
	.read = hook_read,
	.writev = hook_writev,
};

/* --- opening --------------------------------------------------------------- */

static int make_fuse(struct session *session, struct err *err)
{
	char *argv[] = { "lento-store", "-o", "max_read=1048576", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);

	static_assert(OPS_MAX_IO_BYTES == 1048576, "the option above");
	static_assert(offsetof(struct session, context) == 0, "the hooks' user data");
	session->fuse = fuse_session_new(&args, &ops_table, sizeof(ops_table),
					 &session->context);
	fuse_opt_free_args(&args);
	if (!session->fuse) {
		return err_set(err, ERR_FAILED, "libfuse refused to make a session");
	}
	session->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (session->fd < 0) {
		return err_errno(err, ERR_HOST, "/dev/fuse");
	}
	int rc = fuse_session_custom_io(session->fuse, &hooks, session->fd);

	if (rc) {
		close(take_fd(&session->fd));
		errno = rc < 0 ? -rc : EINVAL;
		return err_errno(err, ERR_FAILED, "libfuse custom I/O");
	}
	return 0;
}

static int make_mount(struct session *session, struct err *err)
{
	CLEAN_FREE char *options = str_format(
		"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,"
		"max_read=%u", session->fd, OPS_MAX_IO_BYTES);

	if (mount("lento-store", session->mountpoint, "fuse.lento-store",
		  MS_NOSUID | MS_NODEV | MS_NOATIME, options)) {
		return err_errno(err, ERR_HOST, "mounting the store at %s", session->mountpoint);
	}
	session->mounted = true;
	return 0;
}

/* Let this thread answer the kernel's first request. */
static int handshake(struct session *session, struct err *err)
{
	struct pollfd ready = { .fd = session->fd, .events = POLLIN };
	struct fuse_buf buf = { 0 };

	if (poll(&ready, 1, HANDSHAKE_TIMEOUT_WMS) != 1) {
		return err_set(err, ERR_FAILED, "mounting the store at %s: the kernel is silent",
			       session->mountpoint);
	}
	if (fuse_session_receive_buf(session->fuse, &buf) > 0) {
		fuse_session_process_buf(session->fuse, &buf);
	}
	free(buf.mem);
	if (!session->context.ready || fuse_session_exited(session->fuse)) {
		return err_set(err, ERR_FAILED, "mounting the store at %s: handshake failed",
			       session->mountpoint);
	}
	return 0;
}

/*
 * Serve the request in @buf, or leave it to the thread that is at work for its peer.
 * A reply goes out through the descriptor by which the request came in.
 */
static void serve(struct session *session, const struct fuse_buf *buf)
{
	struct peer *peer = ops_peer_of(buf->mem, buf->size);
	enum gate_answer answer = GATE_PASS;
	struct gate_item *item;
	int own_fd = worker_fd;

	if (peer) {
		answer = gate_enter(&peer->gate, own_fd, buf->mem, buf->size);
	}
	if (answer != GATE_LEFT) {
		fuse_session_process_buf(session->fuse, buf);
	}
	while (answer == GATE_SERVE && (item = gate_leave(&peer->gate))) {
		struct fuse_buf copy = { .size = item->size, .mem = item->data };

		worker_fd = item->fd;
		fuse_session_process_buf(session->fuse, &copy);
		gate_free(item);
	}
	worker_fd = own_fd;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct session *session = worker->session;
	struct fuse_buf buf = { 0 };
	uint64_t one = 1;

	worker_fd = worker->fd;
	if (ops_thread_begin() == 0) {
		while (!fuse_session_exited(session->fuse)) {
			int n = fuse_session_receive_buf(session->fuse, &buf);

			if (n > 0) {
				serve(session, &buf);
			} else if (n != -EINTR) {
				break;
			}
		}
	}
	ops_thread_end();
	free(buf.mem);
	if (write(session->ended_fd, &one, sizeof(one)) < 0) {
		fprintf(stderr, "lento-store: eventfd: %s\n", strerror(errno));
	}
	return NULL;
}

static int start_worker(struct session *session, struct worker *worker, struct err *err)
{
	uint32_t fd = (uint32_t)session->fd;

	worker->session = session;
	worker->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (worker->fd < 0 || ioctl(worker->fd, FUSE_DEV_IOC_CLONE, &fd)) {
		err_errno(err, ERR_FAILED, "a further connection to /dev/fuse");
		goto fail;
	}
	int rc = pthread_create(&worker->thread, NULL, worker_main, worker);

	if (rc) {
		errno = rc;
		err_errno(err, ERR_FAILED, "starting a thread");
		goto fail;
	}
	return 0;
fail:
	if (worker->fd >= 0) {
		close(worker->fd);
	}
	return -1;
}

int session_open(struct server *server, const char *mountpoint, enum session_io io,
		 unsigned threads, struct session **out, struct err *err)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		return err_errno(err, ERR_FAILED, "session");
	}
	session->context.server = server;
	session->may_direct = io == SESSION_IO_AUTO;
	session->fd = -1;
	session->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->mountpoint = str_format("%s", mountpoint);
	threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
	session->workers = calloc(threads, sizeof(*session->workers));
	if (session->ended_fd < 0 || !session->workers) {
		err_errno(err, ERR_FAILED, "session");
		goto fail;
	}
	if (make_fuse(session, err) || make_mount(session, err) || handshake(session, err)) {
		goto fail;
	}
	for (; session->worker_count < threads; session->worker_count++) {
		if (start_worker(session, &session->workers[session->worker_count], err)) {
			goto fail;
		}
	}
	*out = session;
	return 0;
fail:
	session_close(session);
	return -1;
}

int session_ended_fd(const struct session *session)
{
	return session->ended_fd;
}

bool session_is_direct(const struct session *session)
{
	return session->context.direct_io;
}

/* --- closing --------------------------------------------------------------- */

/* Runs in a worker's read(2), which it ends with EINTR. */
static void on_wake(int signo)
{
	(void)signo;
}

/*
 * The workers sit in read(2).  The unmount ends that, unless somebody still has
 * files open; then a signal does, sent again until the thread is gone, since it may
 * arrive just before the read.
 */
static void end_workers(struct session *session)
{
	struct sigaction wake = { .sa_handler = on_wake };

	sigaction(SIGUSR1, &wake, NULL);
	fuse_session_exit(session->fuse);
	for (unsigned i = 0; i < session->worker_count; i++) {
		struct worker *worker = &session->workers[i];
		struct timespec until;

		do {
			pthread_kill(worker->thread, SIGUSR1);
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 20 * NS_PER_MS;
			if (until.tv_nsec >= NS_PER_S) {
				until.tv_nsec -= NS_PER_S;
				until.tv_sec++;
			}
		} while (pthread_timedjoin_np(worker->thread, NULL, &until) == ETIMEDOUT);
	}
	/* Not before all have ended: each may reply through the descriptor of another. */
	for (unsigned i = 0; i < session->worker_count; i++) {
		close(session->workers[i].fd);
	}
}

void session_close(struct session *session)
{
	if (!session) {
		return;
	}
	if (session->mounted) {
		(void)umount2(session->mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	if (session->worker_count > 0) {
		end_workers(session);
	}
	if (session->fuse) {
		/* Closes the descriptor too, and with the last one the connection. */
		fuse_session_destroy(session->fuse);
	} else if (session->fd >= 0) {
		close(session->fd);
	}
	if (session->ended_fd >= 0) {
		close(session->ended_fd);
	}
	free(session->workers);
	free(session->mountpoint);
	free(session);
}
