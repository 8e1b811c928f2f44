/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * costs - what this host needs to carry peers, as "lento bench host" has measured it.
 *
 * Kept as one JSON file, which names the machine that it is of: figures of another CPU or
 * kernel are refused.  All CPU times are wall seconds of one CPU, and cover the whole way:
 * the clients at both ends, the kernel, lento-wire, lento-store.
 */
#ifndef LENTO_COSTS_H
#define LENTO_COSTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct image_cost {
	char *image;
	double cpu_s_per_mib;    /* for each MiB of payload that a peer downloads */
	double cpu_s_per_peer_s; /* of a peer that is only there; for each virtual second */
	uint64_t memory_bytes;   /* highest of a peer's container */
};

struct host_costs {
	unsigned cpus;
	char *cpu_model, *kernel;
	char *measured_at;       /* wall, ISO 8601, UTC */
	double wire_cpu_s_per_mib; /* of the above: of lento-wire's one thread, for a MiB of IP packets */
	struct image_cost *images;
	size_t image_count;
};

/* This machine with no figures yet. */
int costs_new(struct host_costs **costs, struct err *err);
/* NULL is fine. */
void costs_destroy(struct host_costs *costs);

/* Where they are kept: $LENTO_CACHE/host.json, or /var/cache/lento/host.json. */
char *costs_path(void);

/*
 * ERR_HOST with what to do when there are none, or when they are of another machine
 * or kernel; ERR_FAILED when the file is none of ours.
 */
int costs_load(const char *path, struct host_costs **costs, struct err *err);
int costs_save(const struct host_costs *costs, const char *path, struct err *err);

/* Add an image, or replace its figures; @cost->image is copied. */
void costs_put(struct host_costs *costs, const struct image_cost *cost);
/* NULL when it has not been measured. */
const struct image_cost *costs_of(const struct host_costs *costs, const char *image);

#endif
