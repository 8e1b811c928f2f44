// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

/* --- parsers -------------------------------------------------------------- */

/* The start of the line after @p, or NULL at the end of the text. */
static const char *next_line(const char *p)
{
	p = strchr(p, '\n');
	return p && p[1] ? p + 1 : NULL;
}

/*
 * user nice system idle iowait irq softirq steal guest guest_nice; guest time
 * is part of user time already.
 */
static int parse_cpu_line(const char *p, struct host_cpu *cpu)
{
	uint64_t f[8] = { 0 };
	int n;

	n = sscanf(p, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7]);
	if (n < 4) {
		return -1;
	}
	cpu->busy = f[0] + f[1] + f[2] + f[5] + f[6];
	cpu->idle = f[3] + f[4];
	cpu->steal = f[7];
	return 0;
}

int host_parse_stat(const char *text, struct host_reading *r)
{
	bool have_all = false;

	r->cpus = 0;
	for (const char *p = text; p; p = next_line(p)) {
		struct host_cpu cpu;
		int skip = 0;

		if (strncmp(p, "cpu", 3) != 0) {
			break;
		}
		sscanf(p, "%*s%n", &skip);
		if (parse_cpu_line(p + skip, &cpu)) {
			return -1;
		}
		if (skip == 3) {
			r->all = cpu;
			have_all = true;
		} else {
			if (r->cpus < HOST_CPUS_MAX) {
				r->cpu[r->cpus] = cpu;
			}
			r->cpus++;
		}
	}
	return have_all && r->cpus > 0 ? 0 : -1;
}

/* The number after @key at the start of a line; false when there is none. */
static bool keyed_value(const char *text, const char *key, uint64_t *value)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = next_line(p)) {
		if (strncmp(p, key, len) == 0 && (p[len] == ':' || p[len] == ' ')) {
			return sscanf(p + len + 1, "%" SCNu64, value) == 1;
		}
	}
	return false;
}

int host_parse_meminfo(const char *text, struct host_reading *r)
{
	uint64_t available_kib, total_kib, free_kib;

	if (!keyed_value(text, "MemAvailable", &available_kib) ||
	    !keyed_value(text, "SwapTotal", &total_kib) ||
	    !keyed_value(text, "SwapFree", &free_kib) || free_kib > total_kib) {
		return -1;
	}
	r->memory_available_bytes = available_kib * 1024;
	r->swap_used_bytes = (total_kib - free_kib) * 1024;
	return 0;
}

int host_parse_vmstat(const char *text, struct host_reading *r)
{
	/* A kernel without swap support has neither line. */
	r->swapped_in_pages = 0;
	r->swapped_out_pages = 0;
	keyed_value(text, "pswpin", &r->swapped_in_pages);
	keyed_value(text, "pswpout", &r->swapped_out_pages);
	return strchr(text, '\n') ? 0 : -1;
}

int host_parse_loadavg(const char *text, struct host_reading *r)
{
	return sscanf(text, "%lf %*f %*f %u/%u", &r->load1, &r->runnable, &r->tasks) == 3 ? 0 : -1;
}

int host_parse_softnet(const char *text, struct host_reading *r)
{
	r->softnet_drops = 0;
	r->softnet_squeezed = 0;
	for (const char *p = text; p; p = next_line(p)) {
		uint32_t dropped, squeezed;

		if (sscanf(p, "%*x %" SCNx32 " %" SCNx32, &dropped, &squeezed) != 2) {
			return -1;
		}
		r->softnet_drops += dropped;
		r->softnet_squeezed += squeezed;
	}
	return 0;
}

int host_parse_pressure(const char *text, int64_t *some_wus)
{
	const char *total = strncmp(text, "some ", 5) == 0 ? strstr(text, "total=") : NULL;

	return total && sscanf(total + 6, "%" SCNd64, some_wus) == 1 ? 0 : -1;
}

/* --- intervals ------------------------------------------------------------ */

static uint64_t grown(uint64_t from, uint64_t to)
{
	/* The kernel's idle and iowait counters may step back a little. */
	return to > from ? to - from : 0;
}

static void cpu_shares(const struct host_cpu *from, const struct host_cpu *to,
		       double *idle_share, double *steal_share)
{
	uint64_t busy = grown(from->busy, to->busy);
	uint64_t idle = grown(from->idle, to->idle);
	uint64_t steal = grown(from->steal, to->steal);
	uint64_t total = busy + idle + steal;

	*idle_share = total ? (double)idle / (double)total : 1.0;
	*steal_share = total ? (double)steal / (double)total : 0.0;
}

void host_interval(const struct host_reading *from, const struct host_reading *to,
		   struct host_interval *out)
{
	unsigned cpus = from->cpus < to->cpus ? from->cpus : to->cpus;

	cpu_shares(&from->all, &to->all, &out->idle, &out->steal);
	out->idle_least = out->idle;
	for (unsigned i = 0; i < cpus && i < HOST_CPUS_MAX; i++) {
		double idle, steal;

		cpu_shares(&from->cpu[i], &to->cpu[i], &idle, &steal);
		if (idle < out->idle_least) {
			out->idle_least = idle;
		}
	}
}

/* --- the sampler ---------------------------------------------------------- */

struct host_sampler {
	char *root;
	char *path;
	FILE *csv;
	wall_t wall0;
	virt_t virt0;
	bool have_last, have_interval;
	struct host_reading last, now;
	struct host_interval interval; /* between the two newest samples */
	struct host_summary sum;
	double idle_sum, steal_sum;
};

static int read_proc(const struct host_sampler *s, const char *name, char **text, struct err *err)
{
	CLEAN_FREE char *path = str_format("%s/proc/%s", s->root, name);

	return fs_read(path, text, NULL, err);
}

/* A file that every kernel has: a failure is an error. */
static int read_needed(const struct host_sampler *s, const char *name,
		       int (*parse)(const char *, struct host_reading *),
		       struct host_reading *r, struct err *err)
{
	CLEAN_FREE char *text = NULL;

	if (read_proc(s, name, &text, err)) {
		return -1;
	}
	if (parse(text, r)) {
		return err_set(err, ERR_HOST, "%s/proc/%s: not in the form known", s->root, name);
	}
	return 0;
}

/* A kernel may be built without PSI; then the column stays empty. */
static int64_t read_pressure(const struct host_sampler *s, const char *name)
{
	CLEAN_FREE char *text = NULL;
	int64_t wus;

	if (read_proc(s, name, &text, NULL) || host_parse_pressure(text, &wus)) {
		return -1;
	}
	return wus;
}

static int take_reading(const struct host_sampler *s, struct host_reading *r, struct err *err)
{
	CLEAN_FREE char *softnet = NULL;

	if (read_needed(s, "stat", host_parse_stat, r, err) ||
	    read_needed(s, "meminfo", host_parse_meminfo, r, err) ||
	    read_needed(s, "vmstat", host_parse_vmstat, r, err) ||
	    read_needed(s, "loadavg", host_parse_loadavg, r, err)) {
		return -1;
	}
	r->cpu_stall_wus = read_pressure(s, "pressure/cpu");
	r->memory_stall_wus = read_pressure(s, "pressure/memory");
	r->io_stall_wus = read_pressure(s, "pressure/io");
	if (read_proc(s, "net/softnet_stat", &softnet, NULL) || host_parse_softnet(softnet, r)) {
		r->softnet_drops = -1;
		r->softnet_squeezed = -1;
	}
	return 0;
}

static void print_optional(FILE *out, int64_t value)
{
	if (value < 0) {
		fputs(",", out);
	} else {
		fprintf(out, ",%" PRId64, value);
	}
}

static int flush_csv(struct host_sampler *s, struct err *err)
{
	if (fflush(s->csv) || ferror(s->csv)) {
		return err_errno(err, ERR_FAILED, "%s", s->path);
	}
	return 0;
}

static int write_row(struct host_sampler *s, const struct host_interval *iv, wall_t now,
		     virt_t virt, struct err *err)
{
	const struct host_reading *r = &s->now;

	fprintf(s->csv, "%.3f,%.6f,%.4f,%.4f,%.4f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		",%.2f,%u,%u",
		(double)(now.ns - s->wall0.ns) / 1e9, (double)(virt.ns - s->virt0.ns) / 1e9,
		iv->idle, iv->idle_least, iv->steal, r->memory_available_bytes,
		r->swap_used_bytes, r->swapped_in_pages, r->swapped_out_pages,
		r->load1, r->runnable, r->tasks);
	print_optional(s->csv, r->cpu_stall_wus);
	print_optional(s->csv, r->memory_stall_wus);
	print_optional(s->csv, r->io_stall_wus);
	print_optional(s->csv, r->softnet_drops);
	print_optional(s->csv, r->softnet_squeezed);
	fputc('\n', s->csv);
	return flush_csv(s, err);
}

static void add_to_summary(struct host_sampler *s, const struct host_interval *iv)
{
	const struct host_reading *r = &s->now;
	struct host_summary *sum = &s->sum;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	bool first = !sum->valid;

	sum->valid = true;
	sum->samples++;
	sum->cpus = r->cpus;
	s->idle_sum += iv->idle;
	s->steal_sum += iv->steal;
	sum->idle_mean = s->idle_sum / sum->samples;
	sum->steal_mean = s->steal_sum / sum->samples;
	if (first || iv->idle < sum->idle_min) {
		sum->idle_min = iv->idle;
	}
	if (iv->steal > sum->steal_max) {
		sum->steal_max = iv->steal;
	}
	if (iv->idle < HOST_IDLE_FLOOR) {
		sum->seconds_without_idle++;
	}
	if (first || r->memory_available_bytes < sum->memory_available_min_bytes) {
		sum->memory_available_min_bytes = r->memory_available_bytes;
	}
	if (r->swap_used_bytes > sum->swap_used_max_bytes) {
		sum->swap_used_max_bytes = r->swap_used_bytes;
	}
	sum->swapped_in_bytes += grown(s->last.swapped_in_pages, r->swapped_in_pages) * page;
	sum->swapped_out_bytes += grown(s->last.swapped_out_pages, r->swapped_out_pages) * page;
	if (s->last.softnet_drops >= 0 && r->softnet_drops > s->last.softnet_drops) {
		sum->kernel_drops += (uint64_t)(r->softnet_drops - s->last.softnet_drops);
	}
}

int host_sampler_open(const char *dir, const char *root, wall_t wall0, virt_t virt0,
		      struct host_sampler **sampler, struct err *err)
{
	struct host_sampler *s = calloc(1, sizeof(*s));

	if (!s) {
		return err_errno(err, ERR_FAILED, "host sampler");
	}
	s->root = str_format("%s", root);
	s->path = str_format("%s/host.csv", dir);
	s->wall0 = wall0;
	s->virt0 = virt0;
	s->csv = fopen(s->path, "we");
	if (!s->csv) {
		err_errno(err, ERR_FAILED, "%s", s->path);
		host_sampler_close(s);
		return -1;
	}
	fputs("wall_s,virtual_s,idle,idle_busiest_cpu,steal,memory_available_bytes,"
	      "swap_used_bytes,swapped_in_pages,swapped_out_pages,load1,runnable,tasks,"
	      "cpu_stall_wall_us,memory_stall_wall_us,io_stall_wall_us,softnet_drops,"
	      "softnet_squeezed\n", s->csv);
	if (flush_csv(s, err)) {
		host_sampler_close(s);
		return -1;
	}
	*sampler = s;
	return 0;
}

int host_sampler_sample(struct host_sampler *s, wall_t now, virt_t virt, struct err *err)
{
	int rc = 0;

	if (take_reading(s, &s->now, err)) {
		return -1;
	}
	if (s->have_last) {
		host_interval(&s->last, &s->now, &s->interval);
		s->have_interval = true;
		add_to_summary(s, &s->interval);
		rc = write_row(s, &s->interval, now, virt, err);
	}
	s->last = s->now;
	s->have_last = true;
	return rc;
}

bool host_sampler_last(const struct host_sampler *s, struct host_interval *out)
{
	*out = s->interval;
	return s->have_interval;
}

void host_sampler_restart(struct host_sampler *s)
{
	s->sum = (struct host_summary){ 0 };
	s->idle_sum = 0;
	s->steal_sum = 0;
}

void host_sampler_summary(const struct host_sampler *s, struct host_summary *out)
{
	*out = s->sum;
}

void host_sampler_close(struct host_sampler *s)
{
	if (!s) {
		return;
	}
	if (s->csv) {
		fclose(s->csv);
	}
	free(s->root);
	free(s->path);
	free(s);
}
