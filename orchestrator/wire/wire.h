/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire - the side of the link emulator that lento sees: start a lento-wire
 * process, give it links, read its counters.
 *
 * Control goes over a SOCK_SEQPACKET socket pair (wire/proto.h), one reply for each
 * request.  Counters are read from memory that both map, so they cost no call
 * and survive the process: when lento-wire dies, what it had counted is still there.
 * lento-wire ends by itself when its control socket closes.
 *
 * All rates, delays and instants are virtual.
 */
#ifndef LENTO_WIRE_H
#define LENTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct wire;

struct wire_config {
	const char *program;      /* path of lento-wire */
	const char *clock_page;   /* path of the clock page */
	const char *log_path;     /* its stderr; NULL: inherited */
	uint32_t max_links;       /* ids 0 .. max_links - 1 */
	uint32_t max_groups;
	uint64_t seed;            /* of the loss draws */
	uint64_t buffer_bytes;    /* bound on all packets held; 0: a default */
};

/*
 * Jitter: what is added to the delay, drawn anew for each packet, with mean 0.  A sum
 * below 0 counts as 0.  Without `reorder` no packet comes out of the line before the one that
 * went in before it: it is held until then, so where packets follow each other closely
 * their delays are no longer independent, and their mean is higher.
 */
enum wire_jitter_kind {
	WIRE_JITTER_UNIFORM,      /* evenly within +- spread */
	WIRE_JITTER_NORMAL,       /* standard deviation: spread */
	WIRE_JITTER_PARETO,       /* shape 3, less its mean; standard deviation: spread */
	WIRE_JITTER_TABLE,        /* from quantiles with mean 0; the least is -spread */
	WIRE_JITTER_KINDS,
};

struct wire_jitter {
	int64_t spread_ns;        /* 0: none */
	uint32_t kind;            /* enum wire_jitter_kind */
	bool reorder;             /* packets may overtake each other */
	uint32_t table;           /* WIRE_JITTER_TABLE: id of the series */
};

/*
 * Loss in two states (Gilbert 1960, Elliott 1963): before each packet the line goes from
 * the good state to the bad one with probability p, back with r; then the packet is lost with
 * the probability of the state.  The first state is drawn as the long run has it.  With p = 0
 * and r = 0 it is always good: independent losses.
 */
struct wire_loss {
	double good, bad;         /* probability of a packet's loss */
	double p, r;              /* probability of the change, for each packet */
};

/*
 * What a queue does before it is full; see wire/aqm.h.  With `ecn` a packet whose sender has agreed
 * to it is marked instead of dropped.
 */
enum wire_discipline { WIRE_DROP_TAIL, WIRE_RED, WIRE_CODEL, WIRE_DISCIPLINES };

struct wire_aqm {
	uint32_t discipline;      /* enum wire_discipline */
	bool ecn;
	uint64_t min_bytes, max_bytes;  /* RED: of the mean queue; max > min > 0 */
	double probability, weight;     /* RED: at max; of a new measurement in the mean */
	int64_t target_ns, interval_ns; /* CoDel; interval > 0 */
};

/*
 * What a packet takes on the line beside its own bytes: `frame_bytes` of link-layer header and
 * trailer; with `atm`, all that and AAL5's trailer of 8 bytes in cells of 53 bytes that carry
 * 48 (ITU-T I.363.5), the last one filled up.
 */
struct wire_overhead {
	uint32_t frame_bytes;     /* at most WIRE_FRAME_BYTES_MAX */
	bool atm;
};

#define WIRE_FRAME_BYTES_MAX 256

/* Mahimahi's opportunity: an Ethernet frame's IP packet. */
#define WIRE_TRACE_BYTES 1500

/* One direction of an access link, its queue limit resolved to bytes or packets. */
struct wire_line {
	bool cut;                 /* what is queued is lost, and what comes */
	uint64_t rate_bps;        /* 0 = unlimited: no transmission time */
	/*
	 * Or a trace: a series of instants, counted from an origin, the last one being the period.
	 * At each the line takes up to WIRE_TRACE_BYTES of what is queued then; what it does not
	 * use is gone.  rate_bps is the mean then, for limits in time.
	 */
	bool traced;
	uint32_t trace;           /* id of the series */
	int64_t trace_origin_ns;  /* virtual CLOCK_MONOTONIC */
	int64_t delay_ns;         /* one-way, after transmission */
	struct wire_jitter jitter;
	struct wire_loss loss;
	uint64_t limit_bytes;     /* 0 = not limited in bytes */
	uint32_t limit_packets;   /* 0 = not limited in packets */
	struct wire_aqm aqm;
	struct wire_overhead overhead;  /* the limits and the rate count it in */
};

enum { WIRE_UP = 0, WIRE_DOWN = 1 };

/* See wire/nat.h for what each does. */
enum wire_nat_kind {
	WIRE_NAT_NONE, WIRE_NAT_FULL_CONE, WIRE_NAT_RESTRICTED, WIRE_NAT_PORT_RESTRICTED,
	WIRE_NAT_SYMMETRIC, WIRE_NAT_KINDS,
};

/* What ends a session that is silent; TRANSITORY: TCP that is half open or closing. */
enum wire_nat_timer {
	WIRE_NAT_UDP, WIRE_NAT_TCP, WIRE_NAT_TCP_TRANSITORY, WIRE_NAT_ICMP, WIRE_NAT_TIMERS,
};

struct wire_nat {
	uint32_t kind;            /* enum wire_nat_kind */
	bool hairpin;             /* hosts inside reach each other by the public address */
	uint16_t port_min, port_max;
	int64_t timeout_ns[WIRE_NAT_TIMERS];
};

/*
 *	WIRE_PEER     the access link of a peer, with a TUN device; in a LAN, its port there
 *	WIRE_GATEWAY  the line that a LAN shares to the outside
 */
enum wire_link_kind { WIRE_PEER, WIRE_GATEWAY, WIRE_LINK_KINDS };

struct wire_link {
	uint32_t kind;            /* enum wire_link_kind */
	uint32_t ip;              /* host byte order; of a gateway with NAT the public one */
	uint32_t group;           /* of a peer in a LAN it does not matter, its gateway's does */
	bool in_lan;              /* a peer that is behind a gateway */
	uint32_t lan;             /* that one's link id; it is added first */
	uint32_t inside_ip;       /* of a gateway: the prefix of its LAN's addresses */
	uint32_t inside_bits;
	struct wire_nat nat;      /* of a gateway; without one, its LAN's addresses are public */
	struct wire_line line[2]; /* WIRE_UP, WIRE_DOWN */
};

/* Histogram of how late packets left (wall, or virtual in late_hist_virt): bucket k counts
 * lateness in [2^k, 2^(k+1)) microseconds, bucket 0 everything below 2 us. */
#define WIRE_LATE_BUCKETS 24

struct wire_dir_stats {
	uint64_t packets, bytes;        /* delivered past this stage, IP bytes */
	uint64_t queue_drops;           /* as configured: the queue was full, or early */
	uint64_t early_drops;           /* of these: by RED or CoDel, before it was full */
	uint64_t ecn_marks;             /* packets marked instead of that */
	uint64_t loss_drops;            /* as configured: loss, or the line or its way was cut */
	uint64_t cut_drops;             /* of these: cut */
	uint64_t fault_drops;           /* our fault: no buffer, or the TUN refused */
	uint64_t queue_peak_bytes;
	int64_t queue_peak_ns;          /* longest sojourn, until sent whole; virtual */
};

struct wire_nat_stats {
	uint64_t created;               /* bindings so far */
	uint64_t bindings, bindings_peak; /* now, and the most at one time */
	uint64_t filtered_drops;        /* from outside, nobody inside had asked for it */
	uint64_t exhausted_drops;       /* no port was free for another binding */
	uint64_t hairpin_drops;         /* from inside to the public address, hairpin off */
	uint64_t unsupported_drops;     /* nothing that a NAT can translate */
};

struct wire_link_stats {
	struct wire_dir_stats dir[2];   /* WIRE_UP, WIRE_DOWN */
	struct wire_nat_stats nat;      /* of a gateway */
	uint64_t to_many;               /* multicasts and broadcasts of a host that its LAN has got */
	uint64_t copies;                /* that were made of them, for as many hosts */
	uint64_t unknown_dst_drops;     /* sent to an address that is no peer, or no more */
	uint64_t spoofed_drops;         /* sent from an address not its own */
	uint64_t malformed_drops;       /* not an IP packet of a sane length */
	uint64_t captured, capture_missing;  /* packets in its capture file, or not */
	int64_t late_max_vns, late_sum_vns;  /* of packets delivered to this peer */
	uint64_t late_hist[WIRE_LATE_BUCKETS];
	uint64_t late_hist_virt[WIRE_LATE_BUCKETS];
};

struct wire_totals {
	uint64_t packets, bytes;
	uint64_t unknown_dst_drops;
	uint64_t stray_drops;           /* from wire_add_answers(), of no peer */
	uint64_t held_packets, held_bytes, held_peak_bytes; /* in queues and in flight */
	uint64_t loops, busy_wns;       /* event loop turns, wall time spent in them */
	int64_t loop_max_wns, loop_max_vns; /* longest turn; in virtual time, under the factor it had */
	uint64_t late_hist[WIRE_LATE_BUCKETS];
};

int wire_spawn(const struct wire_config *cfg, struct wire **wire, struct err *err);
/* Closes the control socket, waits (5 s, then SIGKILL) and frees.  NULL is fine. */
void wire_destroy(struct wire *wire);

pid_t wire_pid(const struct wire *wire);
/* A pidfd, readable once the process has ended; owned by @wire. */
int wire_pidfd(const struct wire *wire);
/* How it ended ("killed by signal 9"), once wire_pidfd() is readable; static. */
const char *wire_end_reason(struct wire *wire);

/* Add link @id; a copy of @tun_fd goes to lento-wire, the caller closes its own. */
int wire_add_link(struct wire *wire, uint32_t id, const struct wire_link *link,
		  int tun_fd, struct err *err);
/*
 * Where one network namespace holds several peers, each has its TUN device, but what the
 * kernel answers without a socket (a TCP reset, an ICMP error) takes no peer's: it goes by
 * the namespace's default route.  Packets read from this device are of the peer that their
 * source address names.  Once; descriptors as above.
 */
int wire_add_answers(struct wire *wire, int tun_fd, struct err *err);
/* Add a gateway as link @id. */
int wire_add_gateway(struct wire *wire, uint32_t id, const struct wire_link *link,
		     struct err *err);
/* A port of gateway @id's public address that leads to a host inside, for TCP (6) or UDP (17). */
struct wire_forward {
	uint32_t inside_ip;
	uint16_t port, inside_port;
	uint8_t protocol;
};
int wire_add_forward(struct wire *wire, uint32_t id, const struct wire_forward *forward,
		     struct err *err);
/* Add series @id, from 0 and one after the other: @count values in ns, ascending. */
int wire_add_series(struct wire *wire, uint32_t id, const int64_t *values, size_t count,
		    struct err *err);
/* Replace the lines of a link while the run goes on (all else stays). */
int wire_set_link(struct wire *wire, uint32_t id, const struct wire_link *link, struct err *err);
/* One-way delay added between two groups, both ways; WIRE_CUT: nothing gets through. */
#define WIRE_CUT INT64_MAX
int wire_set_delay(struct wire *wire, uint32_t group_a, uint32_t group_b,
		   int64_t delay_ns, struct err *err);
/*
 * Capture what the peer @name at link @id sends and gets into the file @fd, of which a copy goes to
 * lento-wire; at most @snap_bytes (above 0) of each packet.  See wire/capture.h.
 */
int wire_capture(struct wire *wire, uint32_t id, const char *name, uint32_t snap_bytes, int fd,
		 struct err *err);
/* Complete all capture files; their counters are final then. */
int wire_capture_end(struct wire *wire, struct err *err);
/*
 * Say that the clock page has changed (rate, pause), so that pending deadlines are met
 * at the new wall instants.  Needs no reply; without it lento-wire notices within 20 ms
 * wall.
 */
void wire_clock_changed(struct wire *wire);
/* Set all counters and the matrix to zero, but for what is held just now: what came
 * before (calibration) is not part of the run. */
int wire_reset_stats(struct wire *wire, struct err *err);
/* A round trip through its event loop: it is alive.  Waits at most @timeout_wms. */
int wire_ping(struct wire *wire, int timeout_wms, struct err *err);

/* Live views into shared memory; valid until wire_destroy(). */
const struct wire_link_stats *wire_link_stats(const struct wire *wire, uint32_t id);
const struct wire_totals *wire_totals(const struct wire *wire);
/* Delivered from peer @src to peer @dst: IP bytes, packets. */
uint64_t wire_pair_bytes(const struct wire *wire, uint32_t src, uint32_t dst);
uint64_t wire_pair_packets(const struct wire *wire, uint32_t src, uint32_t dst);

#endif
