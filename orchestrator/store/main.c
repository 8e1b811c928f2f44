/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lento-store - serves the payload store; started by lento (store.h), not by hand.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "base/clean.h"
#include "base/fs.h"
#include "store/storectl.h"
#include "store/flusher.h"
#include "store/session.h"

struct options {
	struct server_config server;
	const char *mountpoint;
	enum session_io io;
	unsigned threads; /* 0: by the number of CPUs */
	pid_t parent;     /* 0: none */
};

static int parse_number(const char *name, const char *text, uint64_t max, uint64_t *value,
			struct err *err)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);

	if (errno || end == text || *end || text[0] == '-' || number > max) {
		return err_set(err, ERR_USAGE, "--%s \"%s\": a number up to %llu is expected",
			       name, text, (unsigned long long)max);
	}
	*value = number;
	return 0;
}

enum option_id {
	OPT_MOUNTPOINT = 1, OPT_PAYLOAD, OPT_PAYLOAD_NAME, OPT_CLOCK_PAGE, OPT_BACKING,
	OPT_PIECE_BYTES, OPT_MAX_PEERS, OPT_PRIVATE_LIMIT, OPT_THREADS, OPT_PARENT, OPT_CACHED,
};

static const struct option option_table[] = {
	{ "mountpoint", required_argument, NULL, OPT_MOUNTPOINT },
	{ "payload", required_argument, NULL, OPT_PAYLOAD },
	{ "payload-name", required_argument, NULL, OPT_PAYLOAD_NAME },
	{ "clock-page", required_argument, NULL, OPT_CLOCK_PAGE },
	{ "backing", required_argument, NULL, OPT_BACKING },
	{ "piece-bytes", required_argument, NULL, OPT_PIECE_BYTES },
	{ "max-peers", required_argument, NULL, OPT_MAX_PEERS },
	{ "private-limit", required_argument, NULL, OPT_PRIVATE_LIMIT },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "parent", required_argument, NULL, OPT_PARENT },
	{ "cached", no_argument, NULL, OPT_CACHED },
	{ NULL, 0, NULL, 0 },
};

/* An option whose value is a number. */
static int set_number(struct options *o, int id, const char *name, struct err *err)
{
	uint64_t n = 0;

	if (parse_number(name, optarg, id == OPT_PIECE_BYTES || id == OPT_PRIVATE_LIMIT ?
			 UINT64_MAX : INT32_MAX, &n, err)) {
		return -1;
	}
	switch (id) {
	case OPT_PIECE_BYTES:
		o->server.piece_bytes = n;
		break;
	case OPT_PRIVATE_LIMIT:
		o->server.private_limit_bytes = n;
		break;
	case OPT_MAX_PEERS:
		o->server.max_peers = (uint32_t)n;
		break;
	case OPT_THREADS:
		o->threads = (unsigned)n;
		break;
	default:
		o->parent = (pid_t)n;
	}
	return 0;
}

static int set_option(struct options *o, int id, const char *name, struct err *err)
{
	switch (id) {
	case OPT_MOUNTPOINT:
		o->mountpoint = optarg;
		return 0;
	case OPT_PAYLOAD:
		o->server.payload_path = optarg;
		return 0;
	case OPT_PAYLOAD_NAME:
		o->server.payload_name = optarg;
		return 0;
	case OPT_CLOCK_PAGE:
		o->server.clock_page = optarg;
		return 0;
	case OPT_BACKING:
		o->server.backing_dir = optarg;
		return 0;
	case OPT_CACHED:
		o->io = SESSION_IO_CACHED;
		return 0;
	default:
		return set_number(o, id, name, err);
	}
}

static int parse_options(int argc, char **argv, struct options *o, struct err *err)
{
	int id, place = 0;

	*o = (struct options){ .server = { .stats_fd = STORE_STATS_FD } };
	while ((id = getopt_long(argc, argv, "", option_table, &place)) != -1) {
		if (id == '?') {
			return err_set(err, ERR_USAGE, "bad option; lento starts this program");
		}
		if (set_option(o, id, option_table[place].name, err)) {
			return -1;
		}
	}
	if (optind < argc || !o->mountpoint || !o->server.clock_page || !o->server.backing_dir ||
	    o->server.max_peers == 0) {
		return err_set(err, ERR_USAGE, "--mountpoint, --clock-page, --backing and "
			       "--max-peers are needed; lento starts this program");
	}
	return 0;
}

/*
 * The whole swarm depends on this process: keep it from the OOM killer while there
 * are others, and let it free memory by writing to itself (PR_SET_IO_FLUSHER).
 * Best effort.
 */
static void prepare_process(void)
{
	struct rlimit files;
	struct err err;

	(void)fs_write_knob("/proc/self/oom_score_adj", "-900", &err);
	(void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		/* A descriptor for each file with private blocks that is open. */
		struct rlimit many = { 1 << 20, 1 << 20 };

		if (setrlimit(RLIMIT_NOFILE, &many)) {
			files.rlim_cur = files.rlim_max;
			(void)setrlimit(RLIMIT_NOFILE, &files);
		}
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* SIGTERM ends us in order; ^C on lento's terminal is lento's business. */
static int open_signals(struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0) {
		err_errno(err, ERR_FAILED, "signalfd");
	}
	return fd;
}

/* A descriptor that tells when lento has ended, whoever else holds its socket. */
static int watch_parent(pid_t parent, int *fd, struct err *err)
{
	*fd = -1;
	if (parent == 0) {
		return 0;
	}
	*fd = (int)syscall(SYS_pidfd_open, parent, 0);
	if (*fd < 0 || getppid() != parent) {
		return err_set(err, ERR_FAILED, "lento (pid %d) has ended", (int)parent);
	}
	return 0;
}

/* More than CPUs: a thread may wait for the disk on one peer's behalf. */
static unsigned default_threads(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus <= 2 ? 8 : cpus >= 8 ? 20 : 4 + 2 * (unsigned)cpus;
}

static int serve(const struct options *o, struct err *err)
{
	struct server server;
	struct session *session = NULL;
	struct flusher flusher;
	CLEAN_CLOSE int parent_fd = -1;
	CLEAN_CLOSE int signal_fd = open_signals(err);

	if (signal_fd < 0 || watch_parent(o->parent, &parent_fd, err)) {
		return -1;
	}
	if (server_open(&server, &o->server, err)) {
		return -1;
	}
	if (flusher_fork(&flusher, o->mountpoint, err)) {
		server_close(&server);
		return -1;
	}
	int rc = session_open(&server, o->mountpoint, o->io,
			      o->threads ? o->threads : default_threads(), &session, err);

	if (rc == 0) {
		fprintf(stderr, "lento-store: mounted at %s, %s I/O\n", o->mountpoint,
			session_is_direct(session) ? "direct" : "cached");
		flusher_go(&flusher);
		(void)storectl_ready(STORE_CONTROL_FD, NULL);
		rc = storectl_serve(&(struct storectl){
			.server = &server,
			.fd = STORE_CONTROL_FD,
			.ended_fd = session_ended_fd(session),
			.signal_fd = signal_fd,
			.parent_fd = parent_fd,
		}, err);
	}
	flusher_end(&flusher);
	session_close(session);
	server_close(&server);
	return rc;
}

int main(int argc, char **argv)
{
	struct options options;
	struct err err = { 0 };

	if (parse_options(argc, argv, &options, &err) == 0) {
		prepare_process();
		if (serve(&options, &err) == 0) {
			return 0;
		}
	}
	fprintf(stderr, "lento-store: %s\n", err.msg);
	/* Nobody listens when this is a lone terminal; then the line above must do. */
	(void)storectl_ready(STORE_CONTROL_FD, &err);
	return (int)err.kind;
}
