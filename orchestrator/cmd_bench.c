// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_bench - "lento bench host": what carrying peers costs on this host.
 *
 * Theory.  Two runs for each image, of the same peers on the same lines: in one they
 * download, in the other they have hardly anything to download and are merely there.  Of both the
 * CPU time of the whole host is taken, less what the host did before they began:
 *
 *	busy = c * MiB downloaded + p * peers * virtual seconds
 *
 * which two runs solve for c and p.  The lines are those of homes (8 Mbit/s), where every packet is
 * waited for by itself; on a faster line more packets come at a time and cost less.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "child.h"
#include "cmd.h"
#include "observe/host.h"
#include "paths.h"
#include "plan/costs.h"
#include "topo/experiment.h"
#include "topo/fields.h"
#include "topo/image.h"

#define LEECHERS 8
#define SEEDS 2
#define TRANSFER_MIB 12
#define IDLE_S 15
#define BASELINE_S 3
/* A host as busy as this by itself is no place to measure on. */
#define BASELINE_MAX 0.10

static const char experiment_text[] =
	"name: bench-%s\n"
	"time: {tdf: 1, limit: %ds}\n"
	"payload: {size: %dKiB, piece: 256KiB}\n"
	"links:\n"
	"  home: {down: 8Mbit/s, up: 8Mbit/s, delay: 10ms}\n"
	"groups:\n"
	"  tracker: {image: opentracker, link: home, addresses: 198.18.0.0/24}\n"
	"  seeds: {image: %s, role: seed, count: %d, link: home, addresses: 198.18.1.0/24}\n"
	"  leechers: {image: %s, role: leech, count: %d, link: home, addresses: 198.18.2.0/24,\n"
	"             expect: any}\n"
	"stop: {when: %s}\n";

/* What one run came to. */
struct outcome {
	double busy_cpu_s, virt_s, mib, wire_cpu_s, wire_mib;
	uint64_t memory_bytes;
};

/* --- one run ---------------------------------------------------------------------- */

static int run_quietly(const char *file, const char *results, struct err *err)
{
	const char *const argv[] = { "run", "--quiet", "--no-calibrate", "--results", results, file, NULL };
	int status;

	if (child_lento(argv, true, &status, err)) {
		return -1;
	}
	/* Degraded is what a run without calibration is. */
	if (status != 0 && status != ERR_FIDELITY) {
		return err_set(err, status == ERR_HOST ? ERR_HOST : ERR_FAILED,
			       "the run of %s ended with status %d; see above", file, status);
	}
	return 0;
}

static double real(const json_t *root, const char *part, const char *name)
{
	return json_number_value(json_object_get(json_object_get(root, part), name));
}

static int read_outcome(const char *path, double baseline, struct outcome *o, struct err *err)
{
	json_error_t why;
	json_t *root = json_load_file(path, 0, &why), *peer;
	double wall_s, cpus;
	size_t i;

	if (!root) {
		return err_set(err, ERR_FAILED, "%s:%d: %s", path, why.line, why.text);
	}
	*o = (struct outcome){ .virt_s = real(root, "run", "virt_ns") / 1e9 };
	wall_s = real(root, "run", "wall_ns") / 1e9;
	cpus = real(root, "host", "cpus");
	o->busy_cpu_s = (1 - real(root, "host", "idle_mean") - baseline) * cpus * wall_s;
	o->wire_cpu_s = real(root, "wire", "busy_wall_ns") / 1e9;
	o->wire_mib = real(root, "wire", "bytes") / 0x1p20;
	json_array_foreach(json_object_get(root, "peers"), i, peer) {
		double memory = json_number_value(json_object_get(peer, "memory_peak_bytes"));

		if (strcmp(json_string_value(json_object_get(peer, "role")), "leech") == 0) {
			o->mib += json_number_value(json_object_get(peer, "payload_bytes")) / 0x1p20;
			o->memory_bytes = (uint64_t)memory > o->memory_bytes ? (uint64_t)memory : o->memory_bytes;
		}
	}
	json_decref(root);
	return 0;
}

static int measure(const char *dir, const char *image, bool transfer, double baseline,
		   struct outcome *o, struct err *err)
{
	CLEAN_FREE char *file = str_format("%s/%s.yaml", dir, image);
	CLEAN_FREE char *result = str_format("%s/latest/results.json", dir);
	CLEAN_FREE char *text = str_format(experiment_text, image, transfer ? 600 : IDLE_S,
					   transfer ? TRANSFER_MIB * 1024 : 16, image, SEEDS, image, LEECHERS,
					   transfer ? "all leechers complete" : "limit");

	if (fs_write_atomic(file, text, strlen(text), err) || run_quietly(file, dir, err)) {
		return -1;
	}
	return read_outcome(result, baseline, o, err);
}

/* --- the host ----------------------------------------------------------------------- */

static int read_stat(struct host_reading *r, struct err *err)
{
	CLEAN_FREE char *text = NULL;

	if (fs_read("/proc/stat", &text, NULL, err)) {
		return -1;
	}
	return host_parse_stat(text, r) ? err_set(err, ERR_HOST, "/proc/stat: not in the form known") : 0;
}

/* The share of the CPUs that is busy without us. */
static int measure_baseline(double *busy, struct err *err)
{
	struct host_reading a, b;
	struct host_interval iv;

	if (read_stat(&a, err)) {
		return -1;
	}
	sleep(BASELINE_S);
	if (read_stat(&b, err)) {
		return -1;
	}
	host_interval(&a, &b, &iv);
	*busy = 1 - iv.idle;
	return *busy <= BASELINE_MAX ? 0 :
	       err_set(err, ERR_HOST, "%.0f %% of the CPUs are busy with other work; measure when at least "
		       "%.0f %% are idle", 100 * *busy, 100 * (1 - BASELINE_MAX));
}

static int bench_image(struct host_costs *costs, const char *dir, const char *image, struct err *err)
{
	struct image_cost cost = { .image = (char *)image };
	const double peers = LEECHERS + SEEDS + 1;
	struct outcome full, idle;
	double baseline, idle_cpu;

	if (measure_baseline(&baseline, err) || measure(dir, image, false, baseline, &idle, err) ||
	    measure(dir, image, true, baseline, &full, err)) {
		return err_wrap(err, "image %s", image);
	}
	if (full.mib < LEECHERS * TRANSFER_MIB) {
		return err_set(err, ERR_FAILED, "image %s: %.1f of %d MiB came through", image, full.mib,
			       LEECHERS * TRANSFER_MIB);
	}
	cost.cpu_s_per_peer_s = idle.virt_s > 0 && idle.busy_cpu_s > 0 ?
				idle.busy_cpu_s / peers / idle.virt_s : 0;
	idle_cpu = cost.cpu_s_per_peer_s * peers * full.virt_s;
	cost.cpu_s_per_mib = full.busy_cpu_s > idle_cpu ? (full.busy_cpu_s - idle_cpu) / full.mib : 0;
	cost.memory_bytes = full.memory_bytes;
	costs->wire_cpu_s_per_mib = full.wire_mib > 0 ? full.wire_cpu_s / full.wire_mib : 0;
	costs_put(costs, &cost);
	printf("  %-14s %10.1f ms %14.3f ms %10.1f MiB\n", image, 1e3 * cost.cpu_s_per_mib,
	       1e3 * cost.cpu_s_per_peer_s, (double)cost.memory_bytes / 0x1p20);
	fflush(stdout);
	return 0;
}

/* Those of the command line, or all that can seed and leech. */
static int bench_images(struct host_costs *costs, const char *dir, char *const *asked, struct err *err)
{
	CLEAN_FREE char *image_dir = NULL;
	char **all;
	int rc = 0;

	if (paths_share("images", &image_dir, err)) {
		return -1;
	}
	all = image_list(image_dir);
	for (char *const *name = asked && *asked ? asked : all; rc == 0 && *name; name++) {
		struct image *image;

		rc = image_load(image_dir, *name, &image, err);
		if (rc == 0 && image->roles[ROLE_SEED].argv && image->roles[ROLE_LEECH].argv) {
			rc = bench_image(costs, dir, *name, err);
		} else if (rc == 0 && asked && *asked) {
			rc = err_set(err, ERR_USAGE, "image %s does not play seed and leech", *name);
		}
		if (rc == 0) {
			image_destroy(image);
		}
	}
	texts_free(all);
	return rc;
}

int cmd_bench(int argc, char **argv, struct err *err)
{
	CLEAN_FREE char *path = costs_path();
	char dir[] = "/tmp/lento-bench-XXXXXX";
	struct host_costs *costs;
	int rc;

	if (argc < 2 || strcmp(argv[1], "host") != 0) {
		return cmd_usage("bench", err, "what to measure: host");
	}
	/* What was measured of other images stays, if it is of this host. */
	if (costs_load(path, &costs, NULL) && costs_new(&costs, err)) {
		return -1;
	}
	if (!mkdtemp(dir)) {
		costs_destroy(costs);
		return err_errno(err, ERR_FAILED, "%s", dir);
	}
	printf("  %-14s %13s %17s %14s\n", "image", "CPU per MiB", "CPU per peer s", "memory");
	fflush(stdout);
	rc = bench_images(costs, dir, argv + 2, err);
	fs_remove_tree(dir, NULL);
	if (rc == 0) {
		rc = costs_save(costs, path, err);
	}
	if (rc == 0) {
		printf("kept in %s\n", path);
	}
	costs_destroy(costs);
	return rc;
}
