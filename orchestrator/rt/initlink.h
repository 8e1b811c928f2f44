/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initlink - the conversation between lento and the lento-init of each peer,
 * over a SOCK_SEQPACKET socket bound to a path (it crosses network namespaces).
 *
 * lento-init says HELLO with its peer index.  lento may ask for probes (calibration),
 * then says START once; lento-init writes the files, starts the client with
 * stdout and stderr in the log directory, and reports STARTED, READY and EXITED
 * with wall and virtual instants read from the clock page.  SIGNAL passes a signal
 * to the client; EXIT ends lento-init, and with it the container.
 */
#ifndef LENTO_INITLINK_H
#define LENTO_INITLINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"
#include "rt/initproto.h"
#include "timedil/vtime.h"

struct initlink;      /* the listening side, in lento */
struct initlink_peer; /* one connected lento-init */

struct init_file {
	const char *path, *content;
};

struct init_start {
	char *const *argv;             /* NULL-terminated; argv[0] an absolute path */
	char *const *env;              /* NULL-terminated; the whole environment */
	const struct init_file *files; /* written first, directories are made */
	size_t file_count;
	uint16_t ready_tcp_port;       /* 0: READY follows STARTED at once */
	int64_t ready_timeout_wns;
};

enum init_event_kind {
	INIT_HELLO,     /* a peer has connected: peer */
	INIT_STARTED,   /* the client has been executed: client_pid, virt */
	INIT_READY,     /* it listens */
	INIT_NOT_READY, /* ready_timeout_wns went by; it goes on running */
	INIT_FAILED,    /* it could not be started: text says why */
	INIT_EXITED,    /* status, usage, virt */
	INIT_PROBE,     /* result of a probe: token, probe */
	INIT_GONE,      /* the connection closed: lento-init has ended */
};

struct init_probe_result {
	uint32_t sent, received;       /* packets */
	int64_t rtt_min_vns, rtt_median_vns, rtt_max_vns;
	uint32_t rtt_count;            /* of the next: all of them, or as many, evenly picked */
	int64_t rtt_vns[INIT_RTT_VALUES]; /* ascending */
	int64_t first_vns, last_vns;   /* virtual instants of the first and last arrival (train) */
	uint64_t bytes;                /* IP bytes of all that arrived */
};

struct init_event {
	enum init_event_kind kind;
	uint32_t peer;
	struct initlink_peer *from;
	virt_t virt;
	wall_t wall;
	int status;                    /* as from waitpid() */
	pid_t client_pid;              /* STARTED: as seen inside the peer */
	struct rusage usage;
	uint32_t token;
	struct init_probe_result probe;
	char text[256];
};

/* Shown by lento-init in its HELLO; goes from initlink_expect() to rt_boot(). */
struct init_token {
	uint8_t bytes[INIT_TOKEN_BYTES];
};

/* Listen at @path (mode 0666; a peer may be of any user), for peers 0 .. @max_peers - 1. */
int initlink_listen(const char *path, uint32_t max_peers, struct initlink **link, struct err *err);
void initlink_destroy(struct initlink *link);
/*
 * Say that peer @peer will connect, and draw the token that proves it: call it
 * before rt_boot(), once a boot.  A HELLO of another peer, with another token or
 * after the first is refused, and its connection closed without an event.
 */
int initlink_expect(struct initlink *link, uint32_t peer, struct init_token *token, struct err *err);
/* For the caller's epoll: readable when initlink_next() has something. */
int initlink_fd(const struct initlink *link);
/* 1 and *event, 0 when nothing is waiting, -1 on an error. Never blocks. */
int initlink_next(struct initlink *link, struct init_event *event, struct err *err);

/*
 * The peer's connection, NULL before its HELLO and after INIT_GONE.  The pointer stays
 * good until initlink_destroy(); a command to a peer that has gone is an error.
 * No command blocks: it is an error, too, when a frozen peer has too many unread.
 */
struct initlink_peer *initlink_find(struct initlink *link, uint32_t peer);
/* Once a boot.  The client starts in its tmp directory, as leader of a session. */
int initlink_start(struct initlink_peer *peer, const struct init_start *start, struct err *err);
int initlink_signal(struct initlink_peer *peer, int signo, struct err *err);
int initlink_exit(struct initlink_peer *peer, struct err *err);

/* Probes, before START.  Each lento-init answers UDP port INIT_PROBE_PORT while it
 * waits: it echoes ECHO packets, and counts the packets of a TRAIN.  One probe at a
 * time for each peer: another is answered at once with sent = 0 and a text.  A probe
 * ends at the latest 20 virtual seconds after its last packet, with what arrived.
 * @bytes is the size of the IP packet, 28 + 32 at least. */
#define INIT_PROBE_PORT 7
/* @count echoes of @bytes (IP) to @dst_ip, one each @gap_vns; the result has the RTTs. */
int initlink_probe_rtt(struct initlink_peer *peer, uint32_t token, uint32_t dst_ip,
		       uint32_t count, uint32_t bytes, int64_t gap_vns, struct err *err);
/* @count packets of @bytes (IP) back to back to @dst_ip; the receiver's report comes back in the result. */
int initlink_probe_train(struct initlink_peer *peer, uint32_t token, uint32_t dst_ip,
			 uint32_t count, uint32_t bytes, struct err *err);

#endif
