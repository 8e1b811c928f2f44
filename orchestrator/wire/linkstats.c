// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/linkstats.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clean.h"
#include "timedil/vtime.h"

#define ALIGN_BYTES 4096

static size_t align(size_t n)
{
	return (n + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
}

static size_t links_offset(void)
{
	return align(sizeof(struct stats_header));
}

static size_t pairs_offset(uint32_t max_links)
{
	return links_offset() + align(max_links * sizeof(struct wire_link_stats));
}

static size_t file_bytes(uint32_t max_links)
{
	return pairs_offset(max_links) +
	       (size_t)max_links * max_links * sizeof(struct stats_pair);
}

static int map_file(struct stats *stats, uint32_t max_links, int fd, struct err *err)
{
	char *base;

	stats->map_bytes = file_bytes(max_links);
	base = mmap(NULL, stats->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		    fd, 0);
	if (base == MAP_FAILED) {
		memset(stats, 0, sizeof(*stats));
		return err_errno(err, ERR_FAILED, "link counters: mmap");
	}
	stats->header = (struct stats_header *)base;
	stats->links = (struct wire_link_stats *)(base + links_offset());
	stats->pairs = (struct stats_pair *)(base + pairs_offset(max_links));
	return 0;
}

int stats_create(struct stats *stats, uint32_t max_links, int *fd, struct err *err)
{
	CLEAN_CLOSE int mem = memfd_create("lento-wire-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	memset(stats, 0, sizeof(*stats));
	if (mem < 0) {
		return err_errno(err, ERR_HOST, "link counters: memfd_create");
	}
	if (ftruncate(mem, (off_t)file_bytes(max_links)) ||
	    fcntl(mem, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)) {
		return err_errno(err, ERR_FAILED, "link counters for %u links", max_links);
	}
	if (map_file(stats, max_links, mem, err)) {
		return -1;
	}
	stats->header->version = STATS_VERSION;
	stats->header->max_links = max_links;
	*fd = take_fd(&mem);
	return 0;
}

int stats_attach(struct stats *stats, int fd, struct err *err)
{
	struct stats_header header;
	struct stat st;

	memset(stats, 0, sizeof(*stats));
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header)) {
		return err_errno(err, ERR_FAILED, "link counters: read");
	}
	if (header.version != STATS_VERSION || fstat(fd, &st) ||
	    (size_t)st.st_size != file_bytes(header.max_links)) {
		return err_set(err, ERR_FAILED, "link counters: version %u, expected %d",
			       header.version, STATS_VERSION);
	}
	return map_file(stats, header.max_links, fd, err);
}

void stats_unmap(struct stats *stats)
{
	if (stats->header) {
		munmap(stats->header, stats->map_bytes);
	}
	memset(stats, 0, sizeof(*stats));
}

void stats_reset(struct stats *stats)
{
	uint32_t n = stats->header->max_links;
	struct wire_totals *t = &stats->header->totals;

	*t = (struct wire_totals){
		.held_packets = t->held_packets,
		.held_bytes = t->held_bytes,
		.held_peak_bytes = t->held_bytes,
	};
	for (uint32_t i = 0; i < n; i++) {
		uint64_t bindings = stats->links[i].nat.bindings;

		stats->links[i] = (struct wire_link_stats){
			.nat = {.bindings = bindings, .bindings_peak = bindings},
		};
	}
	/* The matrix is sparse: give its pages back rather than touch them all. */
	if (madvise(stats->pairs, (size_t)n * n * sizeof(*stats->pairs), MADV_REMOVE)) {
		memset(stats->pairs, 0, (size_t)n * n * sizeof(*stats->pairs));
	}
}

unsigned stats_late_bucket(int64_t late_ns)
{
	int64_t us = late_ns / NS_PER_US;
	unsigned k;

	if (us < 2) {
		return 0;
	}
	k = 63 - (unsigned)__builtin_clzll((unsigned long long)us);
	return k < WIRE_LATE_BUCKETS ? k : WIRE_LATE_BUCKETS - 1;
}
