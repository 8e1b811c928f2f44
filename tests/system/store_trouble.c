/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_trouble - disks that are full or stuck, processes that are stopped or dead. */
#include "store_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

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
void case_stuck(struct bed *bed)
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
void case_kill(struct bed *bed)
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
void case_stopped(struct bed *bed)
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
void case_orphan(struct bed *bed)
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
void case_full(struct bed *bed)
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
void case_limit(struct bed *bed)
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

void case_null(struct bed *bed)
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
