/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wireloop - the event loop of lento-wire: descriptors and clocks around the fabric.
 *
 * Theory.  Pending events are virtual instants.  The loop sleeps until the wall instant
 * at which the clock page says the first one will be reached (a little less, see wire/nap.h), or a peer has
 * sent, or lento has a request.  Then, again and again:
 *
 *	read the clock         one `now` for what follows
 *	run the fabric         all that is due; packets are written to their peers
 *	read one peer's TUN    at most a few packets, which enter the fabric at `now`
 *
 * so a packet is stamped at most a few reads late, and a peer that floods is read
 * no oftener than any other.  epoll is level-triggered and moves a descriptor it has
 * reported to the end of its list: what is left unread comes again, in turn.
 *
 * While the clock is paused no TUN is read; packets wait in the devices' rings.
 */
#ifndef LENTO_WIRELOOP_H
#define LENTO_WIRELOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"
#include "wire/fabric.h"
#include "wire/linkstats.h"

struct wireloop;

struct wireloop_config {
	const char *clock_page;
	uint32_t max_links, max_groups;
	uint64_t seed, buffer_bytes;
	int control_fd, stats_fd;  /* stay the caller's */
};

int wireloop_create(const struct wireloop_config *cfg, struct wireloop **loop, struct err *err);
void wireloop_destroy(struct wireloop *l);

/* Until lento closes the control socket (0), or something breaks (-1). */
int wireloop_run(struct wireloop *l, struct err *err);

/* --- for requests (wirectl.c) --------------------------------------------- */

struct fabric *wireloop_fabric(struct wireloop *l);
virt_t wireloop_now(const struct wireloop *l);
/* The peer of link @id is behind @fd, which is the loop's from here on, also on failure. */
int wireloop_add_port(struct wireloop *l, uint32_t id, int fd, struct err *err);
/* The device of wire_add_answers(), likewise. */
int wireloop_add_answers(struct wireloop *l, int fd, struct err *err);
/* Capture at link @id, see capture_add(). */
int wireloop_capture(struct wireloop *l, uint32_t id, const char *name, uint32_t snap, int fd,
		     struct err *err);
void wireloop_capture_end(struct wireloop *l);
void wireloop_reset_stats(struct wireloop *l);
void wireloop_load_clock(struct wireloop *l);

#endif
