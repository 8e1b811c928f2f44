/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * init - what the parts of lento-init share.
 *
 * lento-init is the first process of a peer: one thread, one poll() loop.  It is
 * static and allocates only for a START and for a probe's samples.
 */
#ifndef LENTO_INIT_H
#define LENTO_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rt/initproto.h"
#include "timedil/vtime.h"

struct init {
	int link_fd;
	int signal_fd;
	uint32_t peer;
	const char *log_dir, *tmp_dir;
	const struct timedil_page *page;
	bool started;        /* a START was obeyed */
	pid_t client;        /* 0: none, or has ended */
	bool waiting_ready;
	uint16_t ready_tcp_port;
	wall_t ready_until, ready_next;
};

/* A report with head, peer and both instants filled in. */
void report_begin(const struct init *in, struct init_report *rep, enum init_report_kind kind);
/* Send it; ends the program when lento has gone. */
void report_send(const struct init *in, const struct init_report *rep);
void report_failed(const struct init *in, const char *what, const char *object, int errnum);

/* client.c */
void client_start(struct init *in, const struct init_command *cmd, int blob_fd);
void client_reap(struct init *in);
/* Look whether the client listens, when that is due. */
void client_check_ready(struct init *in, wall_t now);
/* Kill all that lives in the peer, and wait for it. */
void client_kill_all(struct init *in);

/* probe.c */
int probe_open(uint32_t bind_ip);
void probe_close(void);
int probe_fd(void);
void probe_begin(const struct init *in, const struct init_command *cmd);
void probe_input(const struct init *in);
/* Do what is due; returns the wall instant of the next step, INT64_MAX: none. */
wall_t probe_step(const struct init *in, wall_t now);

#endif
