/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result - what a run found out, as plain data: filled by the run, judged by the
 * verdict, written as results.json, shown as a table.
 *
 * Instants are virtual nanoseconds since the start of the run (its origin) unless
 * the name says wall; -1 means "did not happen".  Strings are owned by whoever
 * filled them in and must outlive the struct.
 */
#ifndef LENTO_RESULT_H
#define LENTO_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observe/host.h"
#include "topo/experiment.h"
#include "wire/wire.h"

#define RESULTS_SCHEMA_VERSION 1

enum peer_end {
	END_NOT_STARTED,
	END_RUNNING,      /* alive when the run stopped; ended at our request */
	END_EXITED,       /* ended by itself, status 0 */
	END_FAILED,       /* ended by itself, another status */
	END_CRASHED,      /* ended by a signal that was not ours */
	END_LEFT,         /* made to leave by an event or by after: leave */
	END_HUNG,         /* had to be killed after the grace time */
	END_START_FAILED, /* could not be started, or never got ready */
};

/* The steps of bringing up a peer, in wall time; those of a boot overlap with other boots. */
enum launch_step {
	LAUNCH_CREATE,    /* its container described to the library */
	LAUNCH_START,     /* from there until its first process runs */
	LAUNCH_NAMESPACE, /* TCP constants of its network namespace */
	LAUNCH_DEVICE,    /* its eth0 made and addressed */
	LAUNCH_BOOT,      /* from the order until all of that is done */
	LAUNCH_HELLO,     /* from the order until its first process has called back */
	LAUNCH_READY,     /* from the client's start until it was ready */
	LAUNCH_STEP_COUNT,
};

/* Limits that a peer ran into, as bits. */
enum {
	LIMIT_HIT_MEMORY = 1,     /* a process of it was killed for it */
	LIMIT_HIT_PROCESSES = 2,  /* a fork was refused */
	LIMIT_HIT_DISK = 4,       /* ended for it */
	LIMIT_HIT_NETWORK = 8,    /* a flood: its uplink dropped most of what it sent */
};

struct peer_result {
	const char *name, *group, *image;
	enum peer_role role;
	uint32_t ip;
	enum peer_end end;
	bool as_expected;
	char why[256];              /* when not as expected */
	unsigned limits_hit;        /* LIMIT_HIT_* */
	int64_t launch_wns[LAUNCH_STEP_COUNT];
	int64_t up_wns;             /* when its container was up: wall ns since the first boot began */
	int64_t scheduled_ns;       /* when its start was due */
	int64_t started_ns, ready_ns, first_piece_ns, complete_ns, ended_ns;
	int exit_status;            /* as from waitpid(); -1 = none */
	uint64_t payload_bytes;     /* held and verified at the end */
	uint32_t pieces;
	int verified;               /* whole file compared at the end: 1 equal, 0 differs, -1 not done */
	uint64_t cpu_ns, memory_peak_bytes;
	uint64_t cpu_turns, cpu_wait_wns; /* its threads on a CPU, and runnable without one */
	double cpu_wait_vns;              /* the same wait as virtual time */
	uint64_t private_bytes;
	struct wire_link_stats link;
};

struct phase_result {
	const char *name;           /* check prepare calibrate start run stop collect */
	int64_t begin_wns, end_wns; /* wall ns since lento started */
};

struct tdf_change {
	int64_t at_ns;
	struct tdf tdf;
	bool paused;
};

/* One measured figure of the calibration, beside what was asked. */
struct calibration_result {
	char what[96];              /* "dsl up", "leechers-seeders" */
	const char *figure;         /* "rate" (bit/s), "rtt" (ns), "loss", "jitter" (share) */
	double asked, measured, tolerance; /* tolerance: largest allowed |measured - asked| */
	bool ok;
};

enum verdict { VERDICT_TRUSTED, VERDICT_DEGRADED, VERDICT_INVALID };

struct verdict_reason {
	enum verdict level;
	char rule[32];              /* "late-packets" */
	char text[256];             /* with the figure and its limit */
};

struct result {
	const struct experiment *exp;
	const char *run_id;
	const char *dir;
	char started_at[32];        /* wall, ISO 8601, UTC */
	int64_t wall_ns, virt_ns;   /* how long the run phase was */
	bool interrupted;           /* by ^C or SIGTERM */
	const char *stopped_by;     /* "all leechers complete", "time limit", ... */
	char failure[512];          /* "" or why the run could not go on (wire died, ...) */
	enum err_kind failure_kind;
	int64_t launch_wns;         /* from the first boot until all peers could be started; -1 */
	struct phase_result phases[8];
	size_t phase_count;
	struct tdf_change *tdf_changes;
	size_t tdf_change_count;
	struct calibration_result *calibration;
	size_t calibration_count;
	struct peer_result *peers;
	size_t peer_count;
	uint64_t *pair_bytes;       /* peer_count x peer_count, row = source; NULL: not recorded */
	struct wire_link_stats *gateways; /* exp->gateway_count: WAN lines; NULL: not recorded */
	struct wire_totals wire;
	struct host_summary host;   /* over the whole run phase */
	const char *unscaled;       /* kernel TCP constants that stay real, one line */
	enum verdict verdict;
	struct verdict_reason *reasons; /* owned by the result, see verdict_judge() */
	size_t reason_count;
};

/* Fill verdict and reasons from everything else (report/verdict.c: one table of rules). */
void verdict_judge(struct result *res);
void verdict_clear(struct result *res);
const char *verdict_name(enum verdict v);

/* The exit status that the result stands for (design: 0, 1, 4, 5). */
int result_exit_status(const struct result *res);

/* Write results.json (orchestrator/report/results.schema.json) atomically. */
int result_write_json(const struct result *res, const char *path, struct err *err);

/* The short table at the end of a run; @colour for a terminal, @width its columns. */
void result_print(const struct result *res, FILE *out, bool colour, unsigned width);

const char *peer_end_name(enum peer_end end);
/* "memory", ... for one LIMIT_HIT_* bit. */
const char *limit_hit_name(unsigned bit);
#define LIMIT_HIT_BITS 4
const char *peer_role_name(enum peer_role role);

#endif
