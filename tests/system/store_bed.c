/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store_bed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

const char *program;
static struct bed *the_bed; /* for clean-up at exit */
static pid_t bed_pid;

void fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s (%s)\n", file, line, what, strerror(errno));
	exit(1);
}

void skip(const char *why)
{
	printf("%s\n", why);
	exit(77);
}

/* --- the bed --------------------------------------------------------------- */

const char *path_of(const struct bed *bed, const char *fmt, ...)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	int n = snprintf(path, 512, "%s/", bed->dir);
	va_list args;

	va_start(args, fmt);
	vsnprintf(path + n, 512 - (size_t)n, fmt, args);
	va_end(args);
	return path;
}

/* A store built with sanitizers says in its log what it found. */
static bool log_is_clean(const struct bed *bed)
{
	char *text;
	struct err err;

	if (fs_read(path_of(bed, "log"), &text, NULL, &err)) {
		return true;
	}
	bool clean = !strstr(text, "Sanitizer") && !strstr(text, "runtime error");

	if (!clean) {
		fprintf(stderr, "%s\n", text);
	}
	free(text);
	return clean;
}

static void cleanup(void)
{
	struct err err;
	struct bed *bed = the_bed;
	bool clean;

	if (!bed || getpid() != bed_pid) {
		return;
	}
	the_bed = NULL;
	store_destroy(bed->store);
	clean = log_is_clean(bed);
	vpage_close(bed->page);
	/* The mounts made below it end with the namespace; these two by hand, to see the rest. */
	(void)umount2(path_of(bed, "backing"), MNT_DETACH);
	if (fs_remove_tree(bed->dir, &err)) {
		fprintf(stderr, "%s\n", err.msg);
	}
	free(bed->payload);
	if (!clean) {
		fflush(stdout);
		_exit(1);
	}
}

static void make_payload(struct bed *bed)
{
	int fd = open(path_of(bed, "payload"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	/* On a page boundary: then no request of a large write ends inside a block. */
	CHECK(posix_memalign((void **)&bed->payload, 4096, bed->bytes + 8) == 0);
	CHECK(fd >= 0);
	for (uint64_t i = 0; i < bed->bytes; i += 8) {
		uint64_t word = rng_u64(&bed->rng);

		memcpy(bed->payload + i, &word, 8);
	}
	/* Some zeros, as real files have. */
	memset(bed->payload + MIB, 0, 50000);
	CHECK(write(fd, bed->payload, bed->bytes) == (ssize_t)bed->bytes);
	CHECK(close(fd) == 0);
}

void open_bed(struct bed *bed, uint64_t bytes, bool cached)
{
	memset(bed, 0, sizeof(*bed));
	bed->bytes = bytes;
	bed->cached = cached;
	rng_seed(&bed->rng, 1);
	if (geteuid() != 0) {
		skip("root is needed");
	}
	if (access("/dev/fuse", R_OK | W_OK)) {
		skip("this kernel has no FUSE");
	}
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		skip("no mount namespace of our own");
	}
	strcpy(bed->dir, "/tmp/store_fs.XXXXXX");
	CHECK(mkdtemp(bed->dir) != NULL);
	the_bed = bed;
	bed_pid = getpid();
	atexit(cleanup);
	CHECK(chmod(bed->dir, 0755) == 0);
	CHECK(mkdir(path_of(bed, "mnt"), 0755) == 0);
	CHECK(mkdir(path_of(bed, "backing"), 0755) == 0);
	make_payload(bed);
	struct tdf tdf = { 1, 1 };

	bed->page = vpage_create(path_of(bed, "clock"), tdf);
	CHECK(bed->page != NULL);
	vpage_run(bed->page, wall_now());
}

/* The program, or a script that has it work without direct I/O. */
static const char *program_for(const struct bed *bed)
{
	char text[1024];
	struct err err;

	if (!bed->cached) {
		return program;
	}
	snprintf(text, sizeof(text), "#!/bin/sh\nexec %s --cached \"$@\"\n", program);
	const char *path = path_of(bed, "store-cached");

	CHECK(fs_write_atomic(path, text, strlen(text), &err) == 0);
	CHECK(chmod(path, 0755) == 0);
	return path;
}

void start_store(struct bed *bed, uint64_t private_limit)
{
	struct err err = { 0 };
	struct store_config cfg = {
		.program = program_for(bed),
		.clock_page = path_of(bed, "clock"),
		.mountpoint = path_of(bed, "mnt"),
		.payload_path = path_of(bed, "payload"),
		.payload_name = "movie.bin",
		.backing_dir = path_of(bed, "backing"),
		.log_path = path_of(bed, "log"),
		.piece_bytes = PIECE_BYTES,
		.max_peers = MAX_PEERS,
		.private_limit_bytes = private_limit,
	};

	if (store_spawn(&cfg, &bed->store, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	CHECK(store_piece_count(bed->store) ==
	      (bed->bytes + PIECE_BYTES - 1) / PIECE_BYTES);
}

void add_peer(struct bed *bed, uint32_t index, bool complete)
{
	struct err err = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "peer%u", index);
	if (store_add_peer(bed->store, index, name, 0, 0, complete, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
}

const struct store_progress *progress(const struct bed *bed, uint32_t index)
{
	return store_progress(bed->store, index);
}

void check_file(const char *path, const uint8_t *bytes, uint64_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *buf = malloc(len + 1);
	uint64_t done = 0;
	ssize_t n;

	CHECK(fd >= 0 && buf);
	while ((n = read(fd, buf + done, len + 1 - done)) > 0) {
		done += (uint64_t)n;
	}
	CHECK(n == 0);
	CHECK(done == len);
	CHECK(memcmp(buf, bytes, len) == 0);
	free(buf);
	close(fd);
}

void check_backing_is_small(const struct bed *bed, uint64_t most_bytes)
{
	const char *dir = path_of(bed, "backing");
	DIR *d = opendir(dir);
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	CHECK(d != NULL);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] != '.' && fstatat(dirfd(d), entry->d_name, &st, 0) == 0) {
			bytes += (uint64_t)st.st_blocks * 512;
		}
	}
	closedir(d);
	printf("# backing directory: %llu bytes on disk\n", (unsigned long long)bytes);
	CHECK(bytes <= most_bytes);
}

void put(int fd, const void *bytes, uint64_t len, uint64_t offset)
{
	CHECK(pwrite(fd, bytes, len, (off_t)offset) == (ssize_t)len);
}

void check_private(const struct bed *bed, uint32_t peer, uint64_t bytes)
{
	for (int i = 0; i < 100 && progress(bed, peer)->private_bytes != bytes; i++) {
		usleep(20000);
	}
	CHECK(progress(bed, peer)->private_bytes == bytes);
}

/* Shuffled [0, count). */
static void shuffle(struct bed *bed, uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		order[i] = i;
	}
	for (uint32_t i = count; i > 1; i--) {
		uint32_t at = (uint32_t)rng_below(&bed->rng, i), last = order[i - 1];

		order[i - 1] = order[at];
		order[at] = last;
	}
}

void download(struct bed *bed, int fd, uint32_t peer, uint64_t part)
{
	uint32_t order[PIECES];
	int64_t last = 0;
	virt_t began = vtime_now(bed->page);

	shuffle(bed, order, PIECES);
	for (uint32_t i = 0; i < PIECES; i++) {
		uint64_t from = order[i] * PIECE_BYTES;
		uint64_t to = from + PIECE_BYTES < bed->bytes ? from + PIECE_BYTES : bed->bytes;

		CHECK(progress(bed, peer)->complete_virt_ns == 0);
		for (uint64_t at = from; at < to; at += part) {
			put(fd, bed->payload + at, to - at < part ? to - at : part, at);
		}
		int64_t when = store_piece_time(bed->store, peer, order[i]);

		CHECK(when >= began.ns && when >= last && when <= vtime_now(bed->page).ns);
		last = when;
		/* The block between two pieces belongs to one of them: pieces are whole blocks. */
		CHECK(progress(bed, peer)->pieces == i + 1);
	}
	CHECK(progress(bed, peer)->complete_virt_ns == last);
	CHECK(progress(bed, peer)->bytes == bed->bytes);
	CHECK(progress(bed, peer)->first_virt_ns == store_piece_time(bed->store, peer, order[0]));
}

int count_entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	CHECK(d != NULL);
	while (readdir(d)) {
		n++;
	}
	closedir(d);
	return n;
}
