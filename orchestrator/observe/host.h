/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host - what the machine went through while a run was on: sampled once a wall
 * second, written as host.csv, summed up for the verdict.
 *
 * Virtual time only hides a slow host as long as the host keeps up with the
 * dilated load.  Whether it did shows in figures that no peer can see: CPUs
 * that never idle, time stolen by a hypervisor, pages moved to swap, packets
 * dropped by the kernel's backlog.
 *
 * The parsers are pure: they work on the text of a /proc file.
 */
#ifndef LENTO_HOST_H
#define LENTO_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"

/* A second with less idle time than this share counts as "without idle". */
#define HOST_IDLE_FLOOR 0.05

/* Over all samples since host_sampler_open() or host_sampler_restart(). */
struct host_summary {
	bool valid;                        /* at least one whole interval was seen */
	unsigned samples, cpus;            /* samples: intervals */
	double idle_min, idle_mean;        /* share of all CPUs in a second, 0..1 */
	unsigned seconds_without_idle;     /* seconds with less than 5 % idle */
	double steal_max, steal_mean;      /* taken by the hypervisor, same shares */
	uint64_t memory_available_min_bytes, swap_used_max_bytes;
	uint64_t swapped_in_bytes, swapped_out_bytes; /* moved during the run */
	uint64_t kernel_drops;             /* softnet drops */
};

/* CPU time in clock ticks since boot; iowait counts as idle. */
struct host_cpu {
	uint64_t busy, idle, steal;
};

#define HOST_CPUS_MAX 512 /* single CPUs looked at; the sum is over all */

/* All counters at one instant.  -1 where the kernel does not offer a figure. */
struct host_reading {
	unsigned cpus;
	struct host_cpu all, cpu[HOST_CPUS_MAX];
	uint64_t memory_available_bytes, swap_used_bytes;
	uint64_t swapped_in_pages, swapped_out_pages;
	double load1;
	unsigned runnable, tasks;
	int64_t cpu_stall_wus, memory_stall_wus, io_stall_wus; /* PSI "some", total */
	int64_t softnet_drops, softnet_squeezed;
};

/* Each returns 0, or -1 when @text is not what the kernel writes there. */
int host_parse_stat(const char *text, struct host_reading *r);
int host_parse_meminfo(const char *text, struct host_reading *r);
int host_parse_vmstat(const char *text, struct host_reading *r);
int host_parse_loadavg(const char *text, struct host_reading *r);
int host_parse_softnet(const char *text, struct host_reading *r);
/* Total stall time in microseconds of the "some" line. */
int host_parse_pressure(const char *text, int64_t *some_wus);

/* Shares of the CPU time between two readings, 0..1. */
struct host_interval {
	double idle, steal;
	double idle_least;  /* of the busiest single CPU */
};
void host_interval(const struct host_reading *from, const struct host_reading *to,
		   struct host_interval *out);

struct host_sampler;

/*
 * Begin host.csv in @dir; its rows count seconds from @wall0 and @virt0.
 * @root is put before "/proc" ("" for the real host).
 */
int host_sampler_open(const char *dir, const char *root, wall_t wall0, virt_t virt0,
		      struct host_sampler **sampler, struct err *err);
/* Take a sample; call it once a wall second.  The first one only sets the baseline. */
int host_sampler_sample(struct host_sampler *sampler, wall_t now, virt_t virt, struct err *err);
/* The last second, between the two newest samples; false while there is none. */
bool host_sampler_last(const struct host_sampler *sampler, struct host_interval *out);
/* Forget the summary so far (the run phase begins here). */
void host_sampler_restart(struct host_sampler *sampler);
void host_sampler_summary(const struct host_sampler *sampler, struct host_summary *out);
/* NULL is fine. */
void host_sampler_close(struct host_sampler *sampler);

#endif
