/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_fs - lento-store as its clients see it: a real mount, in a mount namespace of its own.
 *
 *	store_fs LENTO-STORE CASE [cached]
 *
 * With "cached" the store is told not to use direct I/O, as on kernels before 6.6.
 * Exit status: 0 all is well, 1 not, 77 when the host has no FUSE or we are not root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"
#include "store/store.h"

#define MIB (UINT64_C(1) << 20)
#define PIECE_BYTES (256 * UINT64_C(1024))
#define PAYLOAD_BYTES (16 * MIB + 1234)
#define PIECES 65
#define MAX_PEERS 1000
#define MANY 64

struct bed {
	char dir[64];     /* everything lies below */
	uint8_t *payload;
	uint64_t bytes;
	struct timedil_page *page;
	struct store *store;
	struct rng rng;
	bool cached;
};

static const char *program;
static struct bed *the_bed; /* for clean-up at exit */
static pid_t bed_pid;

#define CHECK(cond) check((cond), #cond, __LINE__)

static void check(bool ok, const char *what, int line)
{
	if (!ok) {
		fprintf(stderr, "line %d: not so: %s (%s)\n", line, what, strerror(errno));
		exit(1);
	}
}

static void skip(const char *why)
{
	printf("%s\n", why);
	exit(77);
}

/* --- the bed --------------------------------------------------------------- */

/* A path below the bed's directory; a few static buffers in turn. */
static const char *path_of(const struct bed *bed, const char *fmt, ...)
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

static void open_bed(struct bed *bed, uint64_t bytes, bool cached)
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

static void start_store(struct bed *bed, uint64_t private_limit)
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

static void add_peer(struct bed *bed, uint32_t index, bool complete)
{
	struct err err = { 0 };
	char name[32];

	snprintf(name, sizeof(name), "peer%u", index);
	if (store_add_peer(bed->store, index, name, 0, 0, complete, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
}

static const struct store_progress *progress(const struct bed *bed, uint32_t index)
{
	return store_progress(bed->store, index);
}

/* Does the file hold these bytes, all of them and no more? */
static void check_file(const char *path, const uint8_t *bytes, uint64_t len)
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

static void check_backing_is_small(const struct bed *bed, uint64_t most_bytes)
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

static void put(int fd, const void *bytes, uint64_t len, uint64_t offset)
{
	CHECK(pwrite(fd, bytes, len, (off_t)offset) == (ssize_t)len);
}

/* The kernel forgets a file a moment after its last name and opener are gone. */
static void check_private(const struct bed *bed, uint32_t peer, uint64_t bytes)
{
	for (int i = 0; i < 100 && progress(bed, peer)->private_bytes != bytes; i++) {
		usleep(20000);
	}
	CHECK(progress(bed, peer)->private_bytes == bytes);
}

/* --- cases ----------------------------------------------------------------- */

static void case_seed(struct bed *bed)
{
	struct stat st;

	start_store(bed, 0);
	add_peer(bed, 0, true);
	check_file(path_of(bed, "mnt/peer0/movie.bin"), bed->payload, bed->bytes);
	CHECK(stat(path_of(bed, "mnt/peer0/movie.bin"), &st) == 0);
	CHECK((uint64_t)st.st_size == bed->bytes && S_ISREG(st.st_mode));
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	CHECK(progress(bed, 0)->pieces == PIECES);
	CHECK(progress(bed, 0)->complete_virt_ns != 0);
	CHECK(progress(bed, 0)->private_bytes == 0);
	CHECK(progress(bed, 0)->read_bytes >= bed->bytes);
	check_backing_is_small(bed, 0);
}

/* Shuffled [0, count). */
static void shuffle(struct bed *bed, uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)rng_below(&bed->rng, i + 1);

		order[i] = order[at];
		order[at] = i;
	}
}

/* Write all pieces at random, each in parts of @part bytes; check the figures. */
static void download(struct bed *bed, int fd, uint32_t peer, uint64_t part)
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

static void leech(struct bed *bed, uint32_t peer, uint64_t part)
{
	add_peer(bed, peer, false);
	int fd = open(path_of(bed, "mnt/peer%u/movie.bin.part", peer), O_CREAT | O_RDWR | O_EXCL,
		      0644);

	CHECK(fd >= 0);
	download(bed, fd, peer, part);
	CHECK(rename(path_of(bed, "mnt/peer%u/movie.bin.part", peer),
		     path_of(bed, "mnt/peer%u/movie.bin", peer)) == 0);
	CHECK(fsync(fd) == 0);
	CHECK(close(fd) == 0);
	check_file(path_of(bed, "mnt/peer%u/movie.bin", peer), bed->payload, bed->bytes);
	CHECK(progress(bed, peer)->bytes == bed->bytes);
	CHECK(progress(bed, peer)->private_bytes == 0);
}

static void case_leech(struct bed *bed)
{
	start_store(bed, 0);
	leech(bed, 0, 16384);
	leech(bed, 1, PIECE_BYTES);
	leech(bed, 2, 16384 + 13);
	leech(bed, 3, 1021);
	usleep(100000); /* the last release is sent after close() returns */
	check_backing_is_small(bed, 0);
}

static void case_preallocate(struct bed *bed)
{
	static const char *const how[] = { "truncate", "fallocate", "zeros" };

	start_store(bed, 0);
	for (uint32_t peer = 0; peer < 3; peer++) {
		add_peer(bed, peer, false);
		int fd = open(path_of(bed, "mnt/peer%u/%s", peer, how[peer]), O_CREAT | O_RDWR,
			      0644);
		static uint8_t zeros[MIB];

		CHECK(fd >= 0);
		if (peer == 0) {
			CHECK(ftruncate(fd, (off_t)bed->bytes) == 0);
		} else if (peer == 1) {
			CHECK(posix_fallocate(fd, 0, (off_t)bed->bytes) == 0);
		} else {
			for (uint64_t at = 0; at < bed->bytes; at += MIB) {
				put(fd, zeros, bed->bytes - at < MIB ? bed->bytes - at : MIB, at);
			}
		}
		/* Only written zeros count, where the payload is zeros. */
		CHECK(peer == 2 || progress(bed, peer)->bytes == 0);
		CHECK(progress(bed, peer)->bytes <= 50000);
		CHECK(progress(bed, peer)->pieces == 0);
		CHECK(progress(bed, peer)->private_bytes <= 4096);
		download(bed, fd, peer, 16384);
		close(fd);
		check_file(path_of(bed, "mnt/peer%u/%s", peer, how[peer]), bed->payload,
			   bed->bytes);
	}
}

/* State files beside the payload, rewritten as clients do; wrong data, mended. */
static void case_private(struct bed *bed)
{
	uint8_t text[10000];
	struct err err;

	start_store(bed, 0);
	add_peer(bed, 0, false);
	int fd = open(path_of(bed, "mnt/peer0/movie.bin"), O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	for (unsigned round = 0; round < 20; round++) {
		memset(text, 'a' + (int)round, sizeof(text));
		CHECK(fs_write_atomic(path_of(bed, "mnt/peer0/movie.bin.aria2"), text,
				      sizeof(text) - round, &err) == 0);
		check_file(path_of(bed, "mnt/peer0/movie.bin.aria2"), text, sizeof(text) - round);
		put(fd, bed->payload + round * 16384, 16384, round * 16384);
	}
	CHECK(progress(bed, 0)->bytes == 20 * 16384);
	check_private(bed, 0, 3 * 4096);
	/* A wrong block takes a piece back, but not its time. */
	int64_t when = store_piece_time(bed->store, 0, 0);

	CHECK(when != 0 && progress(bed, 0)->pieces == 1);
	put(fd, "wrong", 5, 70000);
	CHECK(progress(bed, 0)->bytes == 20 * 16384 - 4096);
	CHECK(progress(bed, 0)->pieces == 0);
	CHECK(store_piece_time(bed->store, 0, 0) == when);
	memcpy(text, bed->payload + 69000, 2000);
	memcpy(text + 1000, "wrong", 5);
	uint8_t got[2000];

	CHECK(pread(fd, got, 2000, 69000) == 2000 && memcmp(got, text, 2000) == 0);
	put(fd, bed->payload + 70000, 5, 70000);
	CHECK(progress(bed, 0)->pieces == 1);
	/* The payload in a second file does not add up; less of it shows when the best goes. */
	int other = open(path_of(bed, "mnt/peer0/other"), O_CREAT | O_RDWR, 0644);

	CHECK(other >= 0);
	put(other, bed->payload + MIB + 131072, 8192, MIB + 131072);
	CHECK(progress(bed, 0)->bytes == 20 * 16384);
	CHECK(unlink(path_of(bed, "mnt/peer0/movie.bin")) == 0);
	CHECK(progress(bed, 0)->bytes == 8192);
	/* An unlinked file lives on for those who have it open. */
	CHECK(pread(fd, got, 2000, 0) == 2000 && memcmp(got, bed->payload, 2000) == 0);
	put(fd, "x", 1, 0);
	CHECK(pread(fd, got, 1, 0) == 1 && got[0] == 'x');
	close(fd);
	close(other);
	CHECK(unlink(path_of(bed, "mnt/peer0/movie.bin.aria2")) == 0);
	check_private(bed, 0, 0);
	check_backing_is_small(bed, 0);
}

/* Shared mappings, beside reads and writes of the same file. */
static void case_mmap(struct bed *bed)
{
	start_store(bed, 0);
	add_peer(bed, 0, false);
	add_peer(bed, 1, true);
	const char *path = path_of(bed, "mnt/peer0/mapped");
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)bed->bytes) == 0);
	uint8_t *map = mmap(NULL, bed->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(map != MAP_FAILED);
	for (uint64_t at = 0; at < bed->bytes; at += PIECE_BYTES) {
		uint64_t n = bed->bytes - at < PIECE_BYTES ? bed->bytes - at : PIECE_BYTES;

		if (at / PIECE_BYTES % 3 == 0) {
			put(fd, bed->payload + at, n, at);
		} else {
			memcpy(map + at, bed->payload + at, n);
		}
		/* Either way is seen the other way at once. */
		uint8_t some[64];

		CHECK(memcmp(map + at, bed->payload + at, n) == 0);
		CHECK(pread(fd, some, 64, (off_t)(at + n - 64)) == 64);
		CHECK(memcmp(some, bed->payload + at + n - 64, 64) == 0);
	}
	CHECK(msync(map, bed->bytes, MS_SYNC) == 0);
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	CHECK(progress(bed, 0)->complete_virt_ns != 0);
	CHECK(progress(bed, 0)->private_bytes == 0);
	/* A wrong byte through the mapping, and right again. */
	map[100000] ^= 1;
	CHECK(msync(map, bed->bytes, MS_SYNC) == 0);
	CHECK(progress(bed, 0)->bytes == bed->bytes - 4096);
	uint8_t byte = 0;

	CHECK(pread(fd, &byte, 1, 100000) == 1 && byte == (bed->payload[100000] ^ 1));
	map[100000] ^= 1;
	CHECK(munmap(map, bed->bytes) == 0 && fsync(fd) == 0 && close(fd) == 0);
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	check_file(path_of(bed, "mnt/peer0/mapped"), bed->payload, bed->bytes);
	/* A seed's file, mapped for reading only. */
	fd = open(path_of(bed, "mnt/peer1/movie.bin"), O_RDONLY);
	map = mmap(NULL, bed->bytes, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && memcmp(map, bed->payload, bed->bytes) == 0);
	CHECK(munmap(map, bed->bytes) == 0 && close(fd) == 0);
}

static int count_entries(const char *path)
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

/* What a client expects of any file system. */
static void case_names(struct bed *bed)
{
	struct stat st, st2;
	struct statvfs fs;
	char target[64];

	start_store(bed, 0);
	add_peer(bed, 0, false);
	add_peer(bed, 1, true);
	CHECK(chdir(path_of(bed, "mnt/peer0")) == 0);
	CHECK(mkdir("a", 0750) == 0 && mkdir("a/b", 0755) == 0 && mkdir("a", 0755) == -1);
	CHECK(errno == EEXIST);
	CHECK(stat("a", &st) == 0 && st.st_mode == (S_IFDIR | 0750) && st.st_nlink == 3);
	int fd = open("a/b/file", O_CREAT | O_RDWR | O_APPEND, 0600);

	CHECK(fd >= 0 && write(fd, "hello ", 6) == 6 && write(fd, "world", 5) == 5);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 11);
	CHECK(fchmod(fd, 0644) == 0 && fchown(fd, 12, 34) == 0);
	CHECK(ftruncate(fd, 5) == 0 && ftruncate(fd, 10000) == 0);
	CHECK(stat("a/b/file", &st) == 0 && st.st_size == 10000 && st.st_uid == 12);
	CHECK(st.st_gid == 34 && (st.st_mode & 07777) == 0644);
	check_file("a/b/file", (const uint8_t *)memcpy(calloc(1, 10000), "hello", 5), 10000);
	close(fd);
	struct timespec times[2] = { { 1000000000, 5 }, { 1000000001, 7 } };

	CHECK(utimensat(AT_FDCWD, "a/b/file", times, 0) == 0);
	CHECK(stat("a/b/file", &st) == 0 && st.st_mtim.tv_sec == 1000000001);
	CHECK(st.st_mtim.tv_nsec == 7 && st.st_atim.tv_nsec == 5);
	CHECK(link("a/b/file", "hard") == 0 && stat("hard", &st2) == 0);
	CHECK(st2.st_ino == st.st_ino && st2.st_nlink == 2);
	CHECK(symlink("a/b/file", "soft") == 0 && readlink("soft", target, 64) == 8);
	CHECK(stat("soft", &st2) == 0 && st2.st_ino == st.st_ino);
	CHECK(rmdir("a/b") == -1 && errno == ENOTEMPTY);
	CHECK(rename("a/b", "c") == 0 && stat("c/file", &st2) == 0 && st2.st_ino == st.st_ino);
	CHECK(stat("a", &st) == 0 && st.st_nlink == 2);
	CHECK(mkdir("d", 0755) == 0 && rename("c", "d") == 0);
	CHECK(rename("d", "hard") == -1 && errno == ENOTDIR);
	CHECK(rename("hard", "d") == -1 && errno == EISDIR);
	CHECK(rename("hard", "d/file") == 0); /* two names of one file: nothing happens */
	CHECK(unlink("hard") == 0 && unlink("hard") == -1 && errno == ENOENT);
	CHECK(renameat2(AT_FDCWD, "d/file", AT_FDCWD, "soft", RENAME_NOREPLACE) == -1);
	CHECK(errno == EEXIST);
	CHECK(rmdir("a") == 0 && unlink("d/file") == 0 && rmdir("d") == 0 && unlink("soft") == 0);
	CHECK(count_entries(".") == 2);
	for (int i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "a name of some length %d", i);
		CHECK(mknod(name, S_IFREG | 0644, 0) == 0);
	}
	CHECK(count_entries(".") == 3002);
	CHECK(mkfifo("fifo", 0600) == 0 && stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == -1 && errno == EPERM);
	/* Nothing leads from one peer to another, nor into their common parent. */
	CHECK(rename("fifo", "../peer1/fifo") == -1 && errno == EXDEV);
	CHECK(link("fifo", "../peer1/fifo") == -1 && errno == EXDEV);
	CHECK(mkdir("../peer7", 0755) == -1 && errno == EPERM);
	CHECK(rmdir("../peer1") == -1 && rename(".", "../x") == -1);
	/* Room for the payload is promised beside what the disk has. */
	CHECK(statvfs(".", &fs) == 0 && fs.f_bavail * fs.f_bsize >= bed->bytes / 4096 * 4096);
	CHECK(chdir("/") == 0 && count_entries(path_of(bed, "mnt")) == 4);
}

/* A peer that is not root reaches its own directory and no other. */
static void case_owner(struct bed *bed)
{
	struct err err;
	int status;

	start_store(bed, 0);
	CHECK(store_add_peer(bed->store, 0, "one", 100000, 100000, true, &err) == 0);
	CHECK(store_add_peer(bed->store, 1, "two", 200000, 200000, true, &err) == 0);
	CHECK(store_add_peer(bed->store, 1, "three", 0, 0, true, &err) == -1);
	CHECK(store_add_peer(bed->store, 2, "two", 0, 0, true, &err) == -1);
	CHECK(store_add_peer(bed->store, 2, "..", 0, 0, true, &err) == -1);
	CHECK(store_add_peer(bed->store, MAX_PEERS, "far", 0, 0, true, &err) == -1);
	const char *own = path_of(bed, "mnt/one"), *other = path_of(bed, "mnt/two");
	pid_t child = fork();

	if (child == 0) {
		CHECK(setgid(100000) == 0 && setuid(100000) == 0);
		CHECK(chdir(own) == 0 && access("movie.bin", R_OK | W_OK) == 0);
		CHECK(mkdir("new", 0700) == 0);
		CHECK(chdir(other) == -1 && errno == EACCES);
		CHECK(open(path_of(bed, "mnt"), O_RDONLY) == -1 && errno == EACCES);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	/* In a user namespace, as in a container: seen through a bind mount. */
	CHECK(mkdir(path_of(bed, "bind"), 0755) == 0);
	CHECK(mount(own, path_of(bed, "bind"), NULL, MS_BIND, NULL) == 0);
	CHECK(chdir(path_of(bed, "bind")) == 0 && access("movie.bin", F_OK) == 0);
	CHECK(chdir("..") == 0 && access("two", F_OK) == -1);
	CHECK(chdir("/") == 0 && umount(path_of(bed, "bind")) == 0);
}

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

static void case_peers(struct bed *bed)
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

/* --- one peer's stuck disk --- */

#define STUCK_WRITERS 40
#define STUCK_MOST_S 30

static void *write_noise(void *arg)
{
	uint8_t noise[65536];
	const int *fd = arg;

	memset(noise, 0x5a, sizeof(noise));
	put(*fd, noise, sizeof(noise), 0);
	close(*fd);
	return NULL;
}

/*
 * The private blocks lie on a second store, which is stopped: so a disk looks that is
 * stuck.  A peer with many writers hangs, others go on.
 */
static void case_stuck(struct bed *bed)
{
	struct err err = { 0 };
	struct store *disk;
	int fds[STUCK_WRITERS];
	pthread_t threads[STUCK_WRITERS];
	struct store_config cfg = {
		.program = program,
		.clock_page = path_of(bed, "clock"),
		.mountpoint = path_of(bed, "disk"),
		.backing_dir = path_of(bed, "disk-backing"),
		.log_path = path_of(bed, "log"),
		.max_peers = 1,
	};

	CHECK(mkdir(cfg.mountpoint, 0755) == 0 && mkdir(cfg.backing_dir, 0755) == 0);
	CHECK(store_spawn(&cfg, &disk, &err) == 0);
	CHECK(store_add_peer(disk, 0, "d", 0, 0, false, &err) == 0);
	CHECK(mount(path_of(bed, "disk/d"), path_of(bed, "backing"), NULL, MS_BIND, NULL) == 0);
	start_store(bed, 0);
	add_peer(bed, 0, false);
	add_peer(bed, 1, false);
	for (uint32_t i = 0; i < STUCK_WRITERS; i++) {
		fds[i] = open(path_of(bed, "mnt/peer0/noise%u", i), O_CREAT | O_RDWR, 0644);
		CHECK(fds[i] >= 0);
	}
	CHECK(kill(store_pid(disk), SIGSTOP) == 0);
	pid_t rescuer = fork();

	if (rescuer == 0) {
		/* Should the store hang as well, this ends it, and the checks below fail. */
		sleep(STUCK_MOST_S);
		kill(store_pid(disk), SIGCONT);
		_exit(0);
	}
	for (uint32_t i = 0; i < STUCK_WRITERS; i++) {
		CHECK(pthread_create(&threads[i], NULL, write_noise, &fds[i]) == 0);
	}
	usleep(300000);
	wall_t began = wall_now();
	int fd = open(path_of(bed, "mnt/peer1/file"), O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	download(bed, fd, 1, 16384);
	close(fd);
	check_file(path_of(bed, "mnt/peer1/file"), bed->payload, bed->bytes);
	for (int i = 0; i < 200; i++) {
		int some = open(path_of(bed, "mnt/peer1/some%d", i), O_CREAT | O_RDWR, 0644);

		CHECK(some >= 0 && close(some) == 0);
		CHECK(unlink(path_of(bed, "mnt/peer1/some%d", i)) == 0);
	}
	CHECK(store_ping(bed->store, 1000, &err) == 0);
	printf("# %d writers of one peer hang; another peer's download took %.2f s\n",
	       STUCK_WRITERS, (double)(wall_now().ns - began.ns) / 1e9);
	CHECK(progress(bed, 0)->written_bytes == 0);
	kill(rescuer, SIGKILL);
	waitpid(rescuer, NULL, 0);
	CHECK(kill(store_pid(disk), SIGCONT) == 0);
	for (uint32_t i = 0; i < STUCK_WRITERS; i++) {
		pthread_join(threads[i], NULL);
	}
	CHECK(progress(bed, 0)->private_bytes == STUCK_WRITERS * UINT64_C(65536));
	store_destroy(bed->store);
	bed->store = NULL;
	CHECK(umount2(path_of(bed, "backing"), MNT_DETACH) == 0);
	store_destroy(disk);
}

/* kill -9 in mid-write: an error for the clients, the figures stay, no mount is left. */
static void case_kill(struct bed *bed)
{
	struct err err = { 0 };

	start_store(bed, 0);
	add_peer(bed, 0, false);
	int fd = open(path_of(bed, "mnt/peer0/file"), O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	put(fd, bed->payload, PIECE_BYTES, 0);
	put(fd, "private", 7, MIB);
	CHECK(strcmp(store_end_reason(bed->store), "running") == 0);
	CHECK(kill(store_pid(bed->store), SIGKILL) == 0);
	while (pwrite(fd, bed->payload, 4096, 0) == 4096) {
		usleep(1000);
	}
	CHECK(errno == ENOTCONN || errno == ECONNABORTED || errno == EIO);
	CHECK(open(path_of(bed, "mnt/peer0/file"), O_RDONLY) == -1);
	CHECK(store_ping(bed->store, 1000, &err) == -1);
	printf("# %s\n", err.msg);
	CHECK(strstr(err.msg, "killed by signal 9") != NULL);
	CHECK(store_add_peer(bed->store, 1, "late", 0, 0, false, &err) == -1);
	CHECK(progress(bed, 0)->pieces == 1 && store_piece_time(bed->store, 0, 0) != 0);
	store_destroy(bed->store);
	bed->store = NULL;
	CHECK(count_entries(path_of(bed, "mnt")) == 2);
	close(fd);
	/* And once more in the same place. */
	start_store(bed, 0);
	add_peer(bed, 0, true);
	check_file(path_of(bed, "mnt/peer0/movie.bin"), bed->payload, bed->bytes);
}

/* A stopped store holds nobody longer than promised. */
static void case_stopped(struct bed *bed)
{
	struct err err;
	wall_t began;
	int status;

	start_store(bed, 0);
	add_peer(bed, 0, true);
	CHECK(store_ping(bed->store, 2000, &err) == 0);
	CHECK(kill(store_pid(bed->store), SIGSTOP) == 0);
	pid_t victim = fork();

	if (victim == 0) {
		/* A client hangs in the meantime, and gets an error at the end. */
		int fd = open(path_of(bed, "mnt/peer0/movie.bin"), O_RDONLY);

		_exit(fd >= 0 ? 1 : 0);
	}
	began = wall_now();
	CHECK(store_ping(bed->store, 300, &err) == -1);
	CHECK(wall_now().ns - began.ns < 2 * NS_PER_S);
	CHECK(kill(store_pid(bed->store), SIGCONT) == 0);
	CHECK(waitpid(victim, &status, 0) == victim && WEXITSTATUS(status) == 1);
	CHECK(store_ping(bed->store, 5000, &err) == 0);
	CHECK(kill(store_pid(bed->store), SIGSTOP) == 0);
	victim = fork();
	if (victim == 0) {
		int fd = open(path_of(bed, "mnt/peer0/new"), O_CREAT | O_RDWR, 0644);

		_exit(fd >= 0 ? 1 : 0);
	}
	usleep(100000);
	began = wall_now();
	store_destroy(bed->store);
	bed->store = NULL;
	printf("# destroyed after %.1f s\n", (double)(wall_now().ns - began.ns) / 1e9);
	CHECK(wall_now().ns - began.ns < 12 * NS_PER_S);
	CHECK(waitpid(victim, &status, 0) == victim && WEXITSTATUS(status) == 0);
	CHECK(count_entries(path_of(bed, "mnt")) == 2);
}

/* When lento ends without a word, the store ends too and takes its mount along. */
static void case_orphan(struct bed *bed)
{
	int pipe_fds[2], status;
	pid_t store_id = 0;

	CHECK(pipe(pipe_fds) == 0);
	pid_t lento = fork();

	if (lento == 0) {
		start_store(bed, 0);
		add_peer(bed, 0, true);
		store_id = store_pid(bed->store);
		if (fork() == 0) {
			/* A child that keeps the socket must not keep the store. */
			sleep(5);
			_exit(0);
		}
		CHECK(write(pipe_fds[1], &store_id, sizeof(store_id)) == sizeof(store_id));
		pause();
	}
	CHECK(read(pipe_fds[0], &store_id, sizeof(store_id)) == sizeof(store_id));
	CHECK(access(path_of(bed, "mnt/peer0/movie.bin"), F_OK) == 0);
	CHECK(kill(lento, SIGKILL) == 0 && waitpid(lento, &status, 0) == lento);
	for (int i = 0; i < 30 && kill(store_id, 0) == 0; i++) {
		usleep(100000);
	}
	CHECK(kill(store_id, 0) == -1 && errno == ESRCH);
	CHECK(count_entries(path_of(bed, "mnt")) == 2);
	check_backing_is_small(bed, 0);
}

/* A full disk below: ENOSPC for the writer, nothing lost, and life goes on. */
static void case_full(struct bed *bed)
{
	static uint8_t want[10 * MIB];
	uint8_t noise[8192], got[8192];
	struct err err;
	struct stat st;
	uint64_t done = 0;

	CHECK(mount("tiny", path_of(bed, "backing"), "tmpfs", 0, "size=1m") == 0);
	start_store(bed, 0);
	add_peer(bed, 0, false);
	add_peer(bed, 1, false);
	int fd = open(path_of(bed, "mnt/peer0/file"), O_CREAT | O_RDWR, 0644);

	CHECK(fd >= 0);
	put(fd, bed->payload, 4 * MIB, 0);
	memset(noise, 0x77, sizeof(noise));
	while (pwrite(fd, noise, sizeof(noise), (off_t)(8 * MIB + done)) == sizeof(noise)) {
		done += sizeof(noise);
		CHECK(done <= 2 * MIB);
	}
	CHECK(errno == ENOSPC && done > 512 * 1024);
	/* A block that is payload and would have to become private stays payload. */
	CHECK(pwrite(fd, "x", 1, 5000) == -1 && errno == ENOSPC);
	CHECK(progress(bed, 0)->bytes == 4 * MIB);
	CHECK(fstat(fd, &st) == 0 && (uint64_t)st.st_size >= 8 * MIB + done);
	memcpy(want, bed->payload, 4 * MIB);
	memset(want + 8 * MIB, 0x77, 2 * MIB);
	check_file(path_of(bed, "mnt/peer0/file"), want, (uint64_t)st.st_size);
	/* The payload still comes in, also for the other peer. */
	put(fd, bed->payload + 4 * MIB, 4 * MIB, 4 * MIB);
	int other = open(path_of(bed, "mnt/peer1/file"), O_CREAT | O_RDWR, 0644);

	CHECK(other >= 0);
	put(other, bed->payload, MIB, 0);
	CHECK(pwrite(other, noise, 4096, 0) == -1 && errno == ENOSPC);
	/* Room again: the noise is overwritten with what belongs there. */
	put(fd, bed->payload + 8 * MIB, bed->bytes - 8 * MIB, 8 * MIB);
	CHECK(progress(bed, 0)->bytes == bed->bytes);
	put(other, noise, sizeof(noise), 0);
	CHECK(pread(other, got, sizeof(got), 0) == sizeof(got));
	CHECK(memcmp(got, noise, sizeof(noise)) == 0);
	CHECK(store_ping(bed->store, 2000, &err) == 0);
	close(fd);
	close(other);
}

/* The limit of what one peer may keep privately. */
static void case_limit(struct bed *bed)
{
	uint8_t noise[65536];
	struct statvfs fs;

	memset(noise, 0x33, sizeof(noise));
	start_store(bed, 100 * 4096);
	add_peer(bed, 0, false);
	add_peer(bed, 1, false);
	int fd = open(path_of(bed, "mnt/peer0/noise"), O_CREAT | O_RDWR, 0644);
	uint64_t done = 0;
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = pwrite(fd, noise, sizeof(noise), (off_t)done)) > 0) {
		done += (uint64_t)n;
	}
	CHECK(errno == ENOSPC && done == 100 * 4096);
	CHECK(statvfs(path_of(bed, "mnt/peer0"), &fs) == 0);
	CHECK(fs.f_bavail * fs.f_bsize == bed->bytes / 4096 * 4096);
	int data = open(path_of(bed, "mnt/peer0/data"), O_CREAT | O_RDWR, 0644);

	CHECK(data >= 0);
	put(data, bed->payload, 4 * MIB, 0);
	int other = open(path_of(bed, "mnt/peer1/noise"), O_CREAT | O_RDWR, 0644);

	put(other, noise, sizeof(noise), 0);
	CHECK(ftruncate(fd, 0) == 0);
	put(data, noise, sizeof(noise), 0);
	close(fd);
	close(data);
	close(other);
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
static void case_many(struct bed *bed)
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

	printf("# %u peers x %llu MiB: written in %.1f s (%.0f MB/s), then read back\n", MANY,
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

static void case_thousand(struct bed *bed)
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

static void case_null(struct bed *bed)
{
	struct err err = { 0 };
	struct store_config cfg = {
		.program = program,
		.clock_page = path_of(bed, "clock"),
		.mountpoint = path_of(bed, "mnt"),
		.backing_dir = path_of(bed, "backing"),
		.log_path = path_of(bed, "log"),
		.max_peers = 1,
	};
	struct store *store;

	/* Without a payload all is private. */
	CHECK(store_spawn(&cfg, &bed->store, &err) == 0);
	CHECK(store_piece_count(bed->store) == 0);
	add_peer(bed, 0, false);
	CHECK(fs_write_atomic(path_of(bed, "mnt/peer0/f"), bed->payload, MIB, &err) == 0);
	check_file(path_of(bed, "mnt/peer0/f"), bed->payload, MIB);
	CHECK(progress(bed, 0)->bytes == 0 && progress(bed, 0)->private_bytes > 0);
	store_destroy(bed->store);
	bed->store = NULL;
	/* Each way to fail names its reason. */
	cfg.clock_page = "/nonexistent/clock";
	CHECK(store_spawn(&cfg, &store, &err) == -1 && strstr(err.msg, "/nonexistent/clock"));
	cfg.clock_page = path_of(bed, "clock");
	cfg.program = "/nonexistent/lento-store";
	CHECK(store_spawn(&cfg, &store, &err) == -1 && strstr(err.msg, "/nonexistent/lento-store"));
	cfg.program = "/bin/false";
	CHECK(store_spawn(&cfg, &store, &err) == -1 && strstr(err.msg, "ended with status 1"));
	cfg.program = program;
	cfg.mountpoint = "/nonexistent/mnt";
	CHECK(store_spawn(&cfg, &store, &err) == -1 && strstr(err.msg, "/nonexistent/mnt"));
	cfg.mountpoint = path_of(bed, "mnt");
	cfg.payload_path = "/nonexistent/payload";
	cfg.piece_bytes = PIECE_BYTES;
	CHECK(store_spawn(&cfg, &store, &err) == -1 && strstr(err.msg, "/nonexistent/payload"));
	cfg.piece_bytes = 5000;
	CHECK(store_spawn(&cfg, &store, &err) == -1 && strstr(err.msg, "5000"));
	CHECK(store == NULL);
	printf("# %s\n", err.msg);
	store_destroy(NULL);
}

/* --- genuine clients ------------------------------------------------------- */

#define CLIENTS 6
#define CLIENTS_SCRIPT "tests/system/store_clients.sh" /* from the top of the tree */
#define CLIENTS_TIMEOUT_S 90

static void case_clients(struct bed *bed)
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

static void case_speed(struct bed *bed)
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

static const struct {
	const char *name;
	uint64_t bytes;
	void (*run)(struct bed *bed);
} cases[] = {
	{ "seed", PAYLOAD_BYTES, case_seed },
	{ "leech", PAYLOAD_BYTES, case_leech },
	{ "preallocate", PAYLOAD_BYTES, case_preallocate },
	{ "private", PAYLOAD_BYTES, case_private },
	{ "mmap", PAYLOAD_BYTES, case_mmap },
	{ "names", PAYLOAD_BYTES, case_names },
	{ "owner", PAYLOAD_BYTES, case_owner },
	{ "peers", PAYLOAD_BYTES, case_peers },
	{ "stuck", PAYLOAD_BYTES, case_stuck },
	{ "kill", PAYLOAD_BYTES, case_kill },
	{ "stopped", PAYLOAD_BYTES, case_stopped },
	{ "orphan", PAYLOAD_BYTES, case_orphan },
	{ "full", PAYLOAD_BYTES, case_full },
	{ "limit", PAYLOAD_BYTES, case_limit },
	{ "many", 16 * MIB, case_many },
	{ "thousand", 150 * 1000000, case_thousand },
	{ "null", PAYLOAD_BYTES, case_null },
	{ "clients", PAYLOAD_BYTES, case_clients },
	{ "speed", 64 * MIB, case_speed },
};

int main(int argc, char **argv)
{
	static struct bed bed;

	if (argc < 3) {
		fprintf(stderr, "usage: store_fs LENTO-STORE CASE [cached]\n");
		return 2;
	}
	program = realpath(argv[1], NULL);
	if (!program) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[2]) == 0) {
			open_bed(&bed, cases[i].bytes, argc > 3 && strcmp(argv[3], "cached") == 0);
			cases[i].run(&bed);
			return 0;
		}
	}
	fprintf(stderr, "no case \"%s\"\n", argv[2]);
	return 2;
}
