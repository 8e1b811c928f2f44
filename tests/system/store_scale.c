/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_scale - many peers at once, genuine clients, and what it all costs. */
#include "store_bed.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

#define MANY 64

struct job {
	struct bed *bed;
	uint32_t peer;
	uint64_t seed;
};

/* One peer's client: noise and payload at random, against a shadow. */
static void *run_job(void *arg)
{
	const struct job *job = arg;
	const struct bed *bed = job->bed;
	struct rng rng;
	char path[512];
	uint64_t room = 600000;
	uint8_t *shadow = calloc(1, room), *buf = malloc(room);

	snprintf(path, sizeof(path), "%s/mnt/peer%u/file%llu", bed->dir, job->peer,
		 (unsigned long long)job->seed);
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0 && shadow && buf && ftruncate(fd, (off_t)room) == 0);
	rng_seed(&rng, job->seed);
	for (unsigned i = 0; i < 1500; i++) {
		uint64_t at = rng_below(&rng, room);
		uint64_t n = 1 + rng_below(&rng, i % 7 ? 20000 : 200000);

		n = n < room - at ? n : room - at;
		if (rng_below(&rng, 3)) {
			memcpy(shadow + at, bed->payload + at, n);
		} else {
			memset(shadow + at, (int)(job->peer + i), n);
		}
		put(fd, shadow + at, n, at);
		at = rng_below(&rng, room);
		n = room - at < 100000 ? room - at : 100000;
		CHECK(pread(fd, buf, n, (off_t)at) == (ssize_t)n);
		CHECK(memcmp(buf, shadow + at, n) == 0);
	}
	close(fd);
	check_file(path, shadow, room);
	free(shadow);
	free(buf);
	return NULL;
}

void case_peers(struct bed *bed)
{
	struct job jobs[16];
	pthread_t threads[16];

	start_store(bed, 0);
	/* The last eight are threads of one peer. */
	for (uint32_t i = 0; i < 16; i++) {
		jobs[i] = (struct job){ .bed = bed, .peer = i < 8 ? i : 8, .seed = 40 + i };
		if (i <= 8) {
			add_peer(bed, i, false);
		}
		CHECK(pthread_create(&threads[i], NULL, run_job, &jobs[i]) == 0);
	}
	for (uint32_t i = 9; i < 40; i++) {
		add_peer(bed, i, i % 2);
	}
	for (uint32_t i = 0; i < 16; i++) {
		pthread_join(threads[i], NULL);
	}
}

/* Read a file of @bytes; how much of it lies in the page cache then? */
static uint64_t read_and_count_cached(const char *path, uint64_t bytes, const uint8_t *want)
{
	uint64_t pages = (bytes + 4095) / 4096, resident = 0;
	unsigned char *seen = malloc(pages);
	uint8_t *buf = malloc(bytes);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(seen && buf && fd >= 0 && map != MAP_FAILED);
	CHECK(pread(fd, buf, bytes, 0) == (ssize_t)bytes && memcmp(buf, want, bytes) == 0);
	CHECK(mincore(map, bytes, seen) == 0);
	for (uint64_t i = 0; i < pages; i++) {
		resident += seen[i] & 1;
	}
	CHECK(munmap(map, bytes) == 0 && close(fd) == 0);
	free(seen);
	free(buf);
	return resident * 4096;
}

static uint64_t store_rss_kib(const struct bed *bed, const char *key)
{
	char path[64], *text;
	struct err err;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)store_pid(bed->store));
	CHECK(fs_read(path, &text, NULL, &err) == 0);
	const char *at = strstr(text, key);
	uint64_t kib = at ? strtoull(at + strlen(key), NULL, 10) : 0;

	free(text);
	return kib;
}

/* 64 peers, 16 MiB each, from one copy. */
void case_many(struct bed *bed)
{
	struct timespec a, b;

	start_store(bed, 0);
	for (uint32_t i = 0; i < MANY; i++) {
		add_peer(bed, i, false);
	}
	uint64_t anon_before = store_rss_kib(bed, "RssAnon:");
	uint64_t cached = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (uint32_t i = 0; i < MANY; i++) {
		int fd = open(path_of(bed, "mnt/peer%u/file", i), O_CREAT | O_RDWR, 0644);

		CHECK(fd >= 0);
		for (uint64_t at = 0; at < bed->bytes; at += 16384) {
			put(fd, bed->payload + at, bed->bytes - at < 16384 ? bed->bytes - at : 16384,
			    at);
		}
		close(fd);
		CHECK(progress(bed, i)->complete_virt_ns != 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	for (uint32_t i = 0; i < MANY; i++) {
		cached += read_and_count_cached(path_of(bed, "mnt/peer%u/file", i), bed->bytes,
						bed->payload);
	}
	double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	uint64_t anon_kib = store_rss_kib(bed, "RssAnon:") - anon_before;

	printf("# %d peers x %llu MiB: written in %.1f s (%.0f MB/s), then read back\n", MANY,
	       (unsigned long long)(bed->bytes / MIB), s,
	       (double)bed->bytes * MANY / 1e6 / s);
	printf("# memory of the store: %llu KiB more (%.1f KiB a peer); %llu KiB of the peers' "
	       "files in the page cache\n", (unsigned long long)anon_kib,
	       (double)anon_kib / MANY, (unsigned long long)cached / 1024);
	check_backing_is_small(bed, 0);
	CHECK(anon_kib < 64 * 1024);
	/* Not 64 copies in the page cache either, where direct I/O can be had. */
	CHECK(bed->cached || cached == 0);
}

/* --- a thousand peers ------------------------------------------------------ */

#define WRITERS 4

struct share {
	struct bed *bed;
	uint32_t first;
	bool read_back;
	pthread_t thread;
};

/* Each fourth peer's download in parts of 1 MiB; or all of it compared. */
static void *run_share(void *arg)
{
	const struct share *share = arg;
	struct bed *bed = share->bed;
	uint8_t *buf = malloc(MIB);
	char path[512];

	CHECK(buf != NULL);
	for (uint32_t i = share->first; i < MAX_PEERS; i += WRITERS) {
		snprintf(path, sizeof(path), "%s/mnt/peer%u/file", bed->dir, i);
		int fd = open(path, share->read_back ? O_RDONLY : O_CREAT | O_RDWR, 0644);

		CHECK(fd >= 0);
		for (uint64_t at = 0; at < bed->bytes; at += MIB) {
			uint64_t n = bed->bytes - at < MIB ? bed->bytes - at : MIB;

			if (share->read_back) {
				CHECK(pread(fd, buf, n, (off_t)at) == (ssize_t)n);
				CHECK(memcmp(buf, bed->payload + at, n) == 0);
			} else {
				put(fd, bed->payload + at, n, at);
			}
		}
		close(fd);
		CHECK(progress(bed, i)->complete_virt_ns != 0);
	}
	free(buf);
	return NULL;
}

static double run_shares(struct bed *bed, bool read_back)
{
	struct share shares[WRITERS];
	wall_t began = wall_now();

	for (uint32_t i = 0; i < WRITERS; i++) {
		shares[i] = (struct share){ .bed = bed, .first = i, .read_back = read_back };
		CHECK(pthread_create(&shares[i].thread, NULL, run_share, &shares[i]) == 0);
	}
	for (uint32_t i = 0; i < WRITERS; i++) {
		pthread_join(shares[i].thread, NULL);
	}
	return (double)(wall_now().ns - began.ns) / 1e9;
}

void case_thousand(struct bed *bed)
{
	wall_t began = wall_now();

	start_store(bed, 0);
	for (uint32_t i = 0; i < MAX_PEERS; i++) {
		add_peer(bed, i, false);
	}
	printf("# %d peers added in %.3f s\n", MAX_PEERS, (double)(wall_now().ns - began.ns) / 1e9);
	uint64_t anon = store_rss_kib(bed, "RssAnon:");
	double wrote = run_shares(bed, false);

	anon = store_rss_kib(bed, "RssAnon:") - anon;
	double read_s = run_shares(bed, true);
	double mb = (double)bed->bytes * MAX_PEERS / 1e6;

	printf("# %d peers x %.0f MB: written in %.0f s (%.0f MB/s), compared in %.0f s (%.0f MB/s)\n",
	       MAX_PEERS, (double)bed->bytes / 1e6, wrote, mb / wrote, read_s, mb / read_s);
	printf("# memory of the store: %.1f KiB more for each peer\n", (double)anon / MAX_PEERS);
	check_backing_is_small(bed, 0);
	CHECK(anon < 64 * MAX_PEERS);
}

/* --- genuine clients ------------------------------------------------------- */

#define CLIENTS 6
#define CLIENTS_SCRIPT "tests/system/store_clients.sh" /* from the top of the tree */
#define CLIENTS_TIMEOUT_S 90

void case_clients(struct bed *bed)
{
	uint32_t done = 0;
	int status = 0;

	start_store(bed, 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		add_peer(bed, i, i == 0);
	}
	CHECK(mkdir(path_of(bed, "work"), 0755) == 0);
	if (unshare(CLONE_NEWNET)) {
		skip("no network namespace of our own");
	}
	pid_t child = fork();

	if (child == 0) {
		setpgid(0, 0);
		execl("/bin/sh", "sh", CLIENTS_SCRIPT, path_of(bed, "mnt"), path_of(bed, "payload"),
		      path_of(bed, "work"), (char *)NULL);
		_exit(127);
	}
	setpgid(child, child);
	for (int i = 0; i < CLIENTS_TIMEOUT_S * 10 && done < CLIENTS; i++) {
		usleep(100000);
		done = 0;
		for (uint32_t peer = 0; peer < CLIENTS; peer++) {
			done += progress(bed, peer)->complete_virt_ns != 0;
		}
		if (waitpid(child, &status, WNOHANG) == child) {
			break;
		}
	}
	kill(-child, SIGKILL);
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		skip("some client is not installed");
	}
	for (uint32_t peer = 0; peer < CLIENTS; peer++) {
		const struct store_progress *p = progress(bed, peer);

		printf("# peer%u: %u pieces, %llu bytes, %llu written in %llu calls, %llu private, "
		       "done after %.1f s\n", peer, p->pieces, (unsigned long long)p->bytes,
		       (unsigned long long)p->written_bytes, (unsigned long long)p->write_calls,
		       (unsigned long long)p->private_bytes,
		       (double)(p->complete_virt_ns - progress(bed, 0)->complete_virt_ns) / 1e9);
	}
	CHECK(done == CLIENTS);
	for (uint32_t peer = 0; peer < CLIENTS; peer++) {
		const char *path = path_of(bed, "mnt/peer%u/movie.bin", peer);

		/* Transmission renames a moment after the last block. */
		check_file(access(path, F_OK) ? path_of(bed, "mnt/peer%u/movie.bin.part", peer) :
			   path, bed->payload, bed->bytes);
	}
}

/* --- speed ----------------------------------------------------------------- */

static double write_mb_s(struct bed *bed, const char *path, uint64_t part, unsigned rounds)
{
	struct timespec a, b;
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned round = 0; round < rounds; round++) {
		for (uint64_t at = 0; at < bed->bytes; at += part) {
			put(fd, bed->payload + at, bed->bytes - at < part ? bed->bytes - at : part, at);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	close(fd);
	unlink(path);
	return (double)bed->bytes * rounds / 1e6 /
	       ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
}

static double read_mb_s(struct bed *bed, const char *path, uint64_t part)
{
	struct timespec a, b;
	int fd = open(path, O_RDONLY);
	uint8_t *buf = malloc(part);
	ssize_t n;

	CHECK(fd >= 0 && buf);
	clock_gettime(CLOCK_MONOTONIC, &a);
	while ((n = read(fd, buf, part)) > 0) {
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK(n == 0);
	free(buf);
	close(fd);
	return (double)bed->bytes / 1e6 /
	       ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
}

void case_speed(struct bed *bed)
{
	static const uint64_t parts[] = { 16384, 131072, MIB };

	start_store(bed, 0);
	add_peer(bed, 0, false);
	add_peer(bed, 1, true);
	CHECK(mkdir(path_of(bed, "tmpfs"), 0755) == 0);
	CHECK(mount("speed", path_of(bed, "tmpfs"), "tmpfs", 0, "size=600m") == 0);
	printf("# MB/s         store write  store read   tmpfs write   disk write\n");
	for (unsigned i = 0; i < 3; i++) {
		double store = write_mb_s(bed, path_of(bed, "mnt/peer0/f%u", i), parts[i], 3);
		double from = read_mb_s(bed, path_of(bed, "mnt/peer1/movie.bin"), parts[i]);
		double tmpfs = write_mb_s(bed, path_of(bed, "tmpfs/f"), parts[i], 3);
		double disk = write_mb_s(bed, path_of(bed, "disk-file"), parts[i], 3);

		printf("# %7llu B  %12.0f %11.0f %13.0f %12.0f\n", (unsigned long long)parts[i],
		       store, from, tmpfs, disk);
		CHECK(store > 0 && from > 0);
	}
	CHECK(umount(path_of(bed, "tmpfs")) == 0);
}
