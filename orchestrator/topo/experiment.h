/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * experiment - what the user asked for: an experiment file, checked and resolved.
 *
 * experiment_load() reads YAML 1.2 (JSON is part of it) into one struct that is
 * never written again.  Every member is filled: defaults are applied, names are
 * resolved to indices, units are converted.  All durations are virtual.
 *
 * Errors are of kind ERR_USAGE and read
 *	FILE:LINE:COLUMN: what was found; what is allowed (did you mean "x"?)
 */
#ifndef LENTO_EXPERIMENT_H
#define LENTO_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/units.h"
#include "timedil/vtime.h"

struct image; /* topo/image.h */

enum queue_unit { QUEUE_BYTES, QUEUE_PACKETS, QUEUE_NS };

/* QUEUE_NS: as many bytes as the link's rate sends in that time. */
struct queue_limit {
	enum queue_unit unit;
	uint64_t limit;
};

enum queue_discipline { QUEUE_DROP_TAIL, QUEUE_RED, QUEUE_CODEL };

struct queue_spec {
	enum queue_unit unit;      /* as in struct queue_limit: no more than this is queued */
	uint64_t limit;
	enum queue_discipline discipline;
	bool ecn;                  /* mark instead of dropping early, where the sender takes that */
	struct queue_limit min, max;    /* RED: of the mean queue; bytes or ns */
	double probability, weight;     /* RED: of a drop at max; of a new value in the mean */
	int64_t target_ns, interval_ns; /* CoDel */
};

/* A file of numbers that links refer to (topo/load_series.c). */
enum series_kind {
	SERIES_TABLE,      /* quantiles in equal steps, their mean 0 */
	SERIES_TRACE,      /* instants at which a packet may be sent, the last one the period */
};

struct series_spec {
	enum series_kind kind;
	uint32_t id;       /* position among all of the experiment */
	char *path;        /* absolute */
	int64_t *values;   /* ns, ascending */
	size_t count;
	uint64_t mean_bps; /* SERIES_TRACE */
	int64_t gap_ns;    /* SERIES_TRACE: the longest between two instants */
};

/* Added to the delay, anew for each packet; its mean is 0. */
enum jitter_distribution { JITTER_UNIFORM, JITTER_NORMAL, JITTER_PARETO, JITTER_TABLE };

struct jitter_spec {
	int64_t spread_ns; /* uniform: the largest value; others: standard deviation; 0: none */
	enum jitter_distribution distribution;
	bool reorder;      /* packets may overtake each other */
	const struct series_spec *table; /* JITTER_TABLE; `spread_ns` is how far it goes below 0 */
};

/* Loss in a good and a bad state (Gilbert, Elliott).  p == 0: there are no states. */
struct bursts_spec {
	double p, r;       /* good to bad, bad to good; for each packet */
	double good, bad;  /* probability of a packet's loss in each */
};

/* What a packet takes on the line beside its own bytes. */
struct overhead_spec {
	uint32_t frame_bytes; /* link-layer header and trailer */
	bool atm;             /* in cells of 53 bytes with 48 of payload, AAL5 */
};

/* An access link, seen from the peer: `up` leaves it, `down` reaches it. */
struct link_spec {
	char *name;
	bool from_profile;                /* made by a group's "profile", not written under links */
	uint64_t down_bps, up_bps;        /* bits per virtual second; 0 = unlimited */
	const struct series_spec *down_trace, *up_trace; /* the rate above is its mean; or NULL */
	int64_t down_delay_ns, up_delay_ns; /* one-way */
	struct jitter_spec down_jitter, up_jitter;
	double down_loss, up_loss;        /* share of the packets lost in the long run, 0..1 */
	struct bursts_spec down_bursts, up_bursts;
	struct queue_spec down_queue, up_queue;
	struct overhead_spec down_overhead, up_overhead;
	bool down_cut, up_cut;            /* by an event; never in a file */
	uint32_t mtu;                     /* largest IP packet that the peer sends, bytes */
};

enum peer_role { ROLE_SEED, ROLE_LEECH, ROLE_TRACKER, ROLE_NONE };

enum start_kind {
	START_AT_ONCE,  /* all at `at` */
	START_EVERY,    /* the k-th at `at` + k * `every` */
	START_POISSON,  /* gaps exponential with mean `every`, by seed */
	START_TRACE,    /* virtual offsets read from a file */
};

struct start_spec {
	enum start_kind kind;
	int64_t at_ns;       /* offset from the start of the run */
	int64_t every_ns;
	char *trace_path;    /* absolute; NULL unless START_TRACE */
	int64_t *trace_ns;   /* `count` of the group offsets, ascending */
};

enum after_complete { AFTER_SEED, AFTER_LEAVE };

/* The end state that is not a fault. */
enum expect_end {
	EXPECT_COMPLETE,   /* has the whole payload; alive, or left by itself after that */
	EXPECT_RUNNING,    /* alive when the run stops (trackers, seeds) */
	EXPECT_EXIT,       /* ended by itself with status 0 */
	EXPECT_ANY,
};

/* Some peers, as names say: "leechers", or "leechers-3". */
struct peers_spec {
	uint32_t group;
	uint32_t number;           /* of one peer, from 1; 0: all of them */
};

/* See wire/nat.h for what each does. */
enum nat_kind { NAT_NONE, NAT_FULL_CONE, NAT_RESTRICTED, NAT_PORT_RESTRICTED, NAT_SYMMETRIC };

struct nat_spec {
	enum nat_kind kind;
	bool hairpin;              /* hosts inside reach each other by the public address */
	uint16_t port_min, port_max;
	int64_t udp_ns, tcp_ns, tcp_transitory_ns, icmp_ns; /* a session lasts so long unused */
};

enum forward_protocol { FORWARD_BOTH, FORWARD_TCP, FORWARD_UDP };

/* A port of a gateway's public address that leads to a host inside. */
struct forward_spec {
	uint16_t port, inside_port;
	enum forward_protocol protocol;
	struct peers_spec to;      /* a group: its first peer in each LAN */
};

#define NO_LAN UINT32_MAX

/*
 * LANs that are alike, each behind a gateway of its own.  The k-th peer of a group is in LAN number
 * k modulo `count`.  In each LAN the first address is the gateway's, the next ones are the hosts'.
 */
struct lan_spec {
	char *name;
	uint32_t count;
	uint32_t wan;              /* index into links: the line of each gateway */
	struct prefix addresses;   /* inside; the same in each */
	struct nat_spec nat;       /* NAT_NONE: the addresses are public */
	struct prefix public;      /* the k-th gateway has network + 1 + k; or a /32 */
	struct forward_spec *forwards;
	size_t forward_count;
	uint32_t first_gateway;    /* its gateways: first_gateway .. first_gateway + count - 1 */
	uint32_t hosts;            /* of the first one, which is the fullest */
};

/* Links that the peers of a group draw from, each for itself; count 0: there is none. */
struct mix_spec {
	uint32_t *links;           /* indices into links */
	uint64_t *weights;         /* at least 1 */
	size_t count;
};

struct group_spec {
	char *name;
	char *image_name;          /* a folder of images/ */
	const struct image *image; /* owned by the experiment */
	enum peer_role role;
	uint32_t count;
	uint32_t first_peer;       /* peers of the group: first_peer .. first_peer + count - 1 */
	uint32_t link;             /* index into links; of a mix the first */
	struct mix_spec mix;
	uint32_t *peer_links;      /* each peer's link, drawn from the mix; NULL: all have `link` */
	uint32_t lan;              /* index into lans; NO_LAN */
	uint32_t lan_host;         /* in a LAN: how many hosts of other groups come before */
	struct prefix addresses;   /* not in a LAN: the k-th peer gets network + 1 + k */
	struct start_spec start;
	enum after_complete after;
	enum expect_end expect;
	uint64_t memory_bytes;     /* limit of each container */
	uint32_t pids;             /* limit of each container */
	char **args;               /* extra arguments for the client, NULL-terminated */
	unsigned line;             /* in the file, for later messages */
};

/*
 * One-way delay between two sites (both ways alike); added to the links' own.  A site is a group
 * outside of LANs (its index) or a LAN (group_count + its index).
 */
struct delay_spec {
	uint32_t a, b;             /* a == b: between peers of the group, or LANs that are alike */
	int64_t delay_ns;
};

enum event_do {
	EVENT_LEAVE,     /* SIGTERM */
	EVENT_KILL,      /* SIGKILL: a crash */
	EVENT_LINK,      /* the line of some peers changes */
	EVENT_FLAP,      /* it is cut and comes back, again and again */
	EVENT_FOLLOW,    /* it changes as a file says */
	EVENT_PARTITION, /* nothing gets through between two groups */
	EVENT_HEAL,      /* it does again, with the delay of before */
	EVENT_DELAY,     /* between two groups */
};

/* What of a link changes. */
enum link_change {
	CHANGE_DOWN = 1 << 0, CHANGE_UP = 1 << 1, CHANGE_DELAY = 1 << 2, CHANGE_JITTER = 1 << 3,
	CHANGE_LOSS = 1 << 4, CHANGE_QUEUE = 1 << 5, CHANGE_OVERHEAD = 1 << 6,
};

enum rate_change { RATE_SET, RATE_CUT, RATE_RESTORE /* what the experiment gives */ };

#define NO_GROUP UINT32_MAX

struct event_spec {
	int64_t at_ns;
	uint32_t group;            /* NO_GROUP: EVENT_LINK of all on `link` or `lan`, or of pairs */
	uint32_t lan;              /* EVENT_LINK of the WAN lines of these; NO_LAN */
	uint32_t link;
	struct link_spec to;       /* EVENT_LINK: the values of `changes`; its name is not owned */
	unsigned changes;          /* enum link_change */
	enum rate_change down, up;
	struct delay_spec pair;    /* EVENT_PARTITION, EVENT_HEAL, EVENT_DELAY */
	/* How many of the group: all of it, a share, or a number; drawn by seed. */
	double pick_share;         /* 0..1 */
	uint32_t pick_count;       /* used when nonzero, instead of the share */
	enum event_do what;
	/* EVENT_FLAP, EVENT_FOLLOW: each an EVENT_LINK, `at_ns` after that of the event, and
	 * once more in each period that begins before `for_ns`. */
	struct event_spec *steps;
	size_t step_count;
	int64_t period_ns, for_ns; /* 0: once; 0: until the end */
	char *follow_path;         /* absolute */
};

/* What happens at one instant: the event itself or one of its steps. */
struct event_step {
	int64_t at_ns;
	uint32_t event;            /* index */
	const struct event_spec *does;
};

enum stop_kind {
	STOP_ALL_COMPLETE,  /* every peer of the groups below has the payload */
	STOP_ALL_EXITED,    /* every peer of the groups below has ended */
	STOP_LIMIT,         /* only the time limit ends the run */
};

struct stop_spec {
	enum stop_kind kind;
	bool *groups;       /* by group index */
	int64_t linger_ns;  /* go on for so long after the rule has come true */
};

/* Whose packets are captured. */
struct capture_spec {
	struct peers_spec *of;
	size_t count;
	uint32_t snap_bytes;  /* of each packet at most */
};

struct payload_spec {
	uint64_t size_bytes;  /* 0: the experiment has no payload */
	uint64_t piece_bytes;
	char *path;           /* a file of the user's, absolute; NULL: pseudo-random by seed */
	char *name;           /* file name that the peers see */
};

enum congestion { CONGESTION_RENO, CONGESTION_CUBIC, CONGESTION_HOST };

/* The kernel's TCP as the peers have it. */
struct tcp_spec {
	enum congestion congestion;
	bool dilate;          /* bring its time constants to virtual time */
};

struct experiment {
	char *path;           /* the file it came from; "-" for standard input */
	char *name;           /* [a-z0-9-], at most 40 characters */
	uint64_t seed;
	uint32_t replicas;    /* how often it is to be run, each time with a seed of its own */
	struct tdf tdf;       /* the factor that the run begins with */
	bool tdf_auto;        /* lento chooses it, within tdf_range */
	struct tdf tdf_range[2]; /* least, greatest; without tdf_auto both are tdf */
	int64_t limit_ns;     /* virtual; the run ends then at the latest */
	struct tcp_spec tcp;
	struct payload_spec payload;
	struct series_spec **series;
	size_t series_count;
	struct link_spec *links;
	size_t link_count;
	struct lan_spec *lans;
	size_t lan_count;
	uint32_t gateway_count;    /* of all LANs */
	struct group_spec *groups;
	size_t group_count;
	struct delay_spec *delays;
	size_t delay_count;
	struct event_spec *events;
	size_t event_count;
	struct stop_spec stop;
	struct capture_spec capture;
	uint32_t peer_count;
	struct image **images; /* each image once */
	size_t image_count;
};

/*
 * Load @path, with @sets ("links.dsl.down=4Mbit/s"; NULL-terminated, may be
 * NULL) put over it before it is checked.  Images are sought in @image_dir.
 * The caller destroys *exp.
 */
int experiment_load(const char *path, const char *const *sets, const char *image_dir,
		    struct experiment **exp, struct err *err);
void experiment_destroy(struct experiment *exp);

/* Write it back as YAML with every default spelt out.  Loading that text again
 * gives an equal experiment.  0, or -1 when the stream failed. */
int experiment_print(const struct experiment *exp, FILE *out);

/* The group that peer @index belongs to. */
const struct group_spec *experiment_group_of(const struct experiment *exp, uint32_t index);
/* "leechers-7", counted from 1, as the addresses are; the caller frees it. */
char *experiment_peer_name(const struct experiment *exp, uint32_t index);
/* Host byte order. */
uint32_t experiment_peer_ip(const struct experiment *exp, uint32_t index);
/* The number of the gateway that peer @index is behind, NO_LAN if none. */
uint32_t experiment_peer_gateway(const struct experiment *exp, uint32_t index);
/* The LAN that gateway number @gateway belongs to. */
const struct lan_spec *experiment_gateway_lan(const struct experiment *exp, uint32_t gateway);
/* Its public address; without a NAT the one inside. */
uint32_t experiment_gateway_ip(const struct experiment *exp, uint32_t gateway);
/* The site of peer @index, and its name; see struct delay_spec. */
uint32_t experiment_peer_site(const struct experiment *exp, uint32_t index);
const char *experiment_site_name(const struct experiment *exp, uint32_t site);
/* The access link of peer @index as the experiment gives it. */
const struct link_spec *experiment_peer_link(const struct experiment *exp, uint32_t index);
/* Whether the packets of peer @index are captured. */
bool experiment_captures(const struct experiment *exp, uint32_t index);
/* Change @link by what @event says; @given is what the experiment gives for it. */
void link_spec_change(struct link_spec *link, const struct link_spec *given,
		      const struct event_spec *event);
/* One-way delay configured between two sites, 0 if none. */
int64_t experiment_site_delay(const struct experiment *exp, uint32_t a, uint32_t b);
/* When each peer is to start (virtual offsets, by peer index); a pure function of
 * experiment and seed.  The caller frees the array of peer_count entries. */
int64_t *experiment_start_times(const struct experiment *exp);
/* How many steps @event has in all until the time limit. */
uint64_t experiment_event_step_count(const struct experiment *exp, const struct event_spec *event);
/* All that the events do until the time limit, in the order of time, and at one instant in that of the
 * file.  The caller frees the array of *count steps. */
struct event_step *experiment_event_steps(const struct experiment *exp, size_t *count);
/* The peers that event number @event takes, ascending; a pure function of experiment
 * and seed.  The caller frees the array of *count (at least 1) peer indices. */
uint32_t *experiment_event_peers(const struct experiment *exp, size_t event, uint32_t *count);

#endif
