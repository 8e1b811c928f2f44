/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_private - the state of a run, shared by the files that make it go
 * (run.c, run_record.c, run_prepare.c, run_boot.c, run_links.c, run_start.c, run_loop.c,
 * run_pace.c, run_course.c, run_stop.c, peers.c, calibrate.c, manifest.c, control.c, progress.c).
 */
#ifndef LENTO_RUN_PRIVATE_H
#define LENTO_RUN_PRIVATE_H

#include "base/fs.h"
#include "clockctl.h"
#include "hostcheck.h"
#include "observe/host.h"
#include "observe/timeline.h"
#include "observe/traffic.h"
#include "plan/pacer.h"
#include "plan/payload.h"
#include "report/result.h"
#include "rt/initlink.h"
#include "rt/rt.h"
#include "run.h"
#include "state.h"
#include "store/store.h"
#include "topo/experiment.h"
#include "topo/image.h"
#include "topo/limits.h"
#include "wire/wire.h"

/*
 *	NEW --boot--> BOOTED --HELLO--> WAITING --START--> STARTING --STARTED--> RUNNING
 *	RUNNING --READY--> READY;  any --EXITED/GONE/FAILED--> ENDED
 * STOPPING is RUNNING or READY after our SIGTERM.
 */
enum peer_state {
	PEER_NEW,
	PEER_BOOTED,
	PEER_WAITING,
	PEER_STARTING,
	PEER_RUNNING,
	PEER_READY,
	PEER_STOPPING,
	PEER_ENDED,
};

struct peer {
	uint32_t index;
	char *name;
	const struct group_spec *group;
	struct link_spec line;     /* as it is now, after the events so far; its name is not owned */
	enum peer_state state;
	struct rt_peer *box;
	struct initlink_peer *init;
	struct rt_paths paths;
	wall_t boot_begun, start_sent;
	wall_t ask_again_at, kill_at; /* when STOPPING: the signal once more, SIGKILL */
	bool asked_to_leave;       /* by an event or by after: leave, before the stop phase */
	bool killed_by_us;         /* SIGKILL after the grace time */
	struct peer_result *res;   /* in run->res.peers; NULL for the probe peer */
};

struct run {
	const struct experiment *exp;
	const struct run_options *opt;
	struct hostcheck_report check;
	struct state *state;
	char *results_dir;
	char *ns_dir, *share_dir, *store_dir, *private_dir, *payload_path;
	wall_t begun;              /* lento started */
	wall_t loop_begun;         /* the run phase began */
	int64_t *start_times;      /* by peer, virtual offset */
	uint32_t *start_order;     /* peers by start time */
	uint32_t next_start;       /* position in start_order */
	uint32_t boots_begun, boots_ended; /* peers are booted by index, the probe peer last */
	wall_t boots_at;           /* the first one began */
	struct event_step *steps;  /* what the events do, by its time */
	size_t step_count;
	size_t next_step;          /* position in steps */
	int64_t origin_ns;         /* virtual CLOCK_MONOTONIC at the run's time 0; 0 before */

	int epoll_fd, signal_fd;
	int host_netns;            /* where lento came from; -1: it never left */
	bool prompt;               /* at PROMPT_NICE */
	int nice_before;           /* then: what it was */
	struct clockctl *clock;
	struct store *store;
	struct wire *wire;
	struct rt *rt;
	struct initlink *init;
	struct control *control;
	struct host_sampler *host;
	struct timeline *timeline;
	struct traffic *traffic;   /* NULL without lento-wire, or with too many peers */
	const char **group_names;  /* for it */
	struct torrent torrent;
	char announce[64], tracker_ip[16];
	uint16_t tracker_port;

	struct peer *peers;        /* peer_count of them, then the probe peer */
	struct link_spec *wans;    /* of each gateway, after the events so far; names not owned */
	struct result res;
	enum { PHASE_CHECK, PHASE_PREPARE, PHASE_CALIBRATE, PHASE_START, PHASE_RUN,
	       PHASE_STOP, PHASE_COLLECT, PHASE_COUNT } phase;
	int interrupts;            /* SIGINT and SIGTERM so far */
	int64_t stop_rule_at;      /* virtual offset when the stop rule came true; -1 */
	unsigned ticks;
	bool pacing;               /* the pacer chooses the factor */
	struct pacer pacer;
	uint64_t (*late_before)[WIRE_LATE_BUCKETS]; /* by peer, at the last tick; while pacing */
	bool records_lost;         /* a CSV file could not be written */
	struct course *course;     /* of each peer; NULL before the run phase */
	struct init_event last_probe; /* calibrate: the newest probe result */
	bool probe_arrived;
};

/* --- run_record.c --------------------------------------------------------- */

void run_phase(struct run *run, int phase);
/* Remember the first thing that made the run impossible to go on with. */
void run_fail(struct run *run, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A line for the user, on stderr, unless quiet. */
void run_say(const struct run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A line into the run's log (results/.../lento.log), with both clocks. */
void run_log(const struct run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- run_traffic.c -------------------------------------------------------- */

/* Begin traffic.csv: now, when the counters are at zero. */
int run_traffic_begin(struct run *run, struct err *err);

/* --- run_loop.c ----------------------------------------------------------- */

/*
 * Wait for at most @timeout_ms and deal with all that happened: signals, peers,
 * control requests, the death of a helper process.  -1 when the run has failed
 * or was interrupted.
 */
int run_poll(struct run *run, int timeout_ms);
int run_loop(struct run *run, struct err *err);
int run_watch(struct run *run, int fd, uint64_t tag, struct err *err);
enum { TAG_SIGNAL, TAG_INIT, TAG_BOOT, TAG_WIRE, TAG_STORE, TAG_CONTROL };

/* --- run_pace.c ------------------------------------------------------------- */

/* Go on with the factor @tdf: clock, sleepers, kernel TCP. */
void run_set_tdf(struct run *run, struct tdf tdf);
/* With "tdf: auto": the run phase begins; then once a wall second, after the host's sample. */
int run_pace_begin(struct run *run, struct err *err);
void run_pace_tick(struct run *run);

/* --- run_course.c ----------------------------------------------------------- */

/* Look at the course of each peer: from the begin of the run phase, each wall second, at its end. */
int run_course_begin(struct run *run, struct err *err);
int run_course_tick(struct run *run, int64_t virt_ns, int64_t wall_ns, struct err *err);
int run_course_end(struct run *run, struct err *err);
void run_course_destroy(struct run *run);

/* --- run_prepare.c -------------------------------------------------------- */

int run_prepare(struct run *run, struct err *err);
void run_teardown(struct run *run);

/* --- run_boot.c ----------------------------------------------------------- */

int run_boot(struct run *run, struct err *err);
/* The run-time has news of boots. */
void run_boots_ended(struct run *run);

/* --- peers.c -------------------------------------------------------------- */

int peer_boot_begin(struct run *run, struct peer *peer, struct err *err);
/* Its container runs: connect it to the network. */
int peer_booted(struct run *run, struct peer *peer, struct err *err);
/* Send START.  A peer that cannot be started is ENDED, with its reason. */
void peer_start(struct run *run, struct peer *peer);
/*
 * Ask it to end, by the image's stop signal.  peer_press(), called from time to time
 * from then on, asks again after half of the grace time (many clients take leave of
 * their tracker after the first signal and end at once after the second) and kills it at the end.
 */
void peer_stop(struct run *run, struct peer *peer);
void peer_press(struct run *run, struct peer *peer, wall_t now);
void peer_kill(struct run *run, struct peer *peer);
void peer_event(struct run *run, const struct init_event *ev);
bool peer_alive(const struct peer *peer);
/* Note why it is not as expected, where no reason is known yet: the first is the better one.
 * Always false. */
bool peer_fault(struct peer_result *result, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Read progress from the store; after: leave is carried out here. */
void peer_progress(struct run *run, struct peer *peer);
/* Decide end and as_expected, once the peer has ended. */
void peer_judge(struct run *run, struct peer *peer);

/* --- run_links.c ------------------------------------------------------------ */

/* The line that the experiment gives the peer, before any event. */
void run_link_init(const struct run *run, struct peer *peer);
/* The run's time 0 has come: lines that follow a trace begin it. */
int run_links_begin(struct run *run, struct err *err);
/* Carry out a step of an event on links or delays, the one at run->next_step; what lento-wire
 * refuses is logged. */
void run_link_event(struct run *run, const struct event_step *step);
/* The line of @peer as lento-wire is to make it. */
void run_link_of(const struct run *run, const struct peer *peer, struct wire_link *out);
void run_lines_of(const struct link_spec *link, struct wire_line line[2]);

/* --- run_lans.c --------------------------------------------------------------- */

/* Make the gateways of all LANs, and what they forward; before their peers. */
int run_add_gateways(struct run *run, struct err *err);
/* The link id of a gateway: behind those of the peers and of the probe. */
uint32_t run_gateway_id(const struct run *run, uint32_t gateway);
/* The WAN line of gateway number @gateway, as it is now. */
void run_gateway_of(const struct run *run, uint32_t gateway, struct wire_link *out);
/* Change the WAN lines of the LANs that the event names, or of those on its link; how many. */
uint32_t run_wan_event(struct run *run, const struct event_spec *e);

/* Begin the captures that the experiment asks for; complete them, and say what they lack. */
int run_capture(struct run *run, struct err *err);
void run_capture_end(struct run *run);

/* --- run_limits.c ----------------------------------------------------------- */

/* To be called once a wall second, and looks at some hundred peers each time: end who fills the
 * disk, whatever else is known of it. */
void run_limits_check(struct run *run);
/* Note what the last figures of a peer, and those of its link, tell of its limits. */
void run_limits_usage(struct peer *peer, const struct rt_usage *usage);
void run_limits_link(struct peer_result *result);

/* --- calibrate.c, run_start.c, run_stop.c ----------------------------------- */

int run_calibrate(struct run *run, struct err *err);
int run_start(struct run *run, struct err *err);
void run_stop(struct run *run);
void run_collect(struct run *run);
/* Write manifest.json: what ran, on what, with which calibration. */
int manifest_write(const struct run *run, struct err *err);

/* --- progress.c ------------------------------------------------------------- */

struct run_counts {
	uint32_t total, started, alive, complete, failed;
	uint64_t payload_bytes, payload_wanted;
};
void run_count(const struct run *run, struct run_counts *counts);
void progress_show(struct run *run, const struct run_counts *counts);
/* End the line that is being redrawn, before other text. */
void progress_end(void);

#endif
