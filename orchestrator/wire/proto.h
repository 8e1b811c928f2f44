/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proto - what lento and lento-wire say to each other.
 *
 * lento-wire is started with two descriptors: its end of a SOCK_SEQPACKET socket pair
 * (PROTO_CONTROL_FD) and the memory file of the counters (PROTO_STATS_FD,
 * wire/linkstats.h).  Each message is one struct proto_request or proto_reply, whole.
 * A reply bears the number of its request, so that one that comes after its asker
 * gave up is known for what it is.  Number 0 is never asked: a reply with it says
 * that lento-wire could not start.  PROTO_CLOCK_CHANGED has no reply.
 *
 * Both ends come from one build; the version guards against a stale program.
 */
#ifndef LENTO_PROTO_H
#define LENTO_PROTO_H

#include <stdint.h>

#include "wire/wire.h"

#define PROTO_VERSION 6
#define PROTO_CONTROL_FD 3
#define PROTO_STATS_FD 4

enum proto_kind {
	PROTO_PING = 1,
	PROTO_ADD_LINK,      /* with the TUN descriptor as SCM_RIGHTS */
	PROTO_ADD_ANSWERS,   /* likewise */
	PROTO_ADD_GATEWAY,
	PROTO_ADD_FORWARD,
	PROTO_ADD_SERIES,    /* its values in a memory file, as SCM_RIGHTS */
	PROTO_SET_LINK,
	PROTO_SET_DELAY,
	PROTO_RESET_STATS,
	PROTO_CAPTURE,       /* with the file's descriptor as SCM_RIGHTS */
	PROTO_CAPTURE_END,
	PROTO_CLOCK_CHANGED, /* read the clock page again now; no reply */
};

struct proto_delay {
	uint32_t group_a, group_b;
	int64_t delay_ns;
};

struct proto_capture {
	uint32_t snap_bytes;
	char name[64];           /* of the peer, NUL-terminated */
};

struct proto_request {
	uint32_t version;
	uint32_t kind;           /* enum proto_kind */
	uint32_t number;
	uint32_t id;             /* of the link */
	union {
		struct wire_link link;
		struct proto_delay delay;
		struct proto_capture capture;
		struct wire_forward forward;
	};
};

struct proto_reply {
	uint32_t version;
	uint32_t number;
	uint32_t error;          /* enum err_kind; 0: done */
	char text[2048];         /* of the error, NUL-terminated */
};

#endif
