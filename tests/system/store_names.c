/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_names - names, attributes, owners: what a client expects of any file system. */
#include "store_bed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a client expects of any file system. */
void case_names(struct bed *bed)
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

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* As in a container: its root is our 100000, and may give files to its other users. */
static void check_user_namespace(const struct bed *bed, const char *own)
{
	int ready[2], mapped[2], status;
	char byte = 0;
	struct stat st;

	CHECK(pipe(ready) == 0 && pipe(mapped) == 0);
	pid_t child = fork();

	if (child == 0) {
		CHECK(unshare(CLONE_NEWUSER) == 0);
		CHECK(write(ready[1], &byte, 1) == 1 && read(mapped[0], &byte, 1) == 1);
		CHECK(setgid(0) == 0 && setuid(0) == 0 && chdir(own) == 0);
		CHECK(stat("movie.bin", &st) == 0 && st.st_uid == 0 && st.st_gid == 0);
		int fd = open("theirs", O_CREAT | O_RDWR, 0600);

		CHECK(fd >= 0 && fchown(fd, 33, 34) == 0);
		CHECK(access(path_of(bed, "mnt/two/movie.bin"), F_OK) == -1);
		_exit(0);
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)child);
	write_text(path, "0 100000 65536");
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)child);
	write_text(path, "0 100000 65536");
	CHECK(write(mapped[1], &byte, 1) == 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(stat(path_of(bed, "mnt/one/theirs"), &st) == 0);
	CHECK(st.st_uid == 100033 && st.st_gid == 100034);
}

/* A peer that is not root reaches its own directory and no other. */
void case_owner(struct bed *bed)
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
	check_user_namespace(bed, own);
	/* Seen through a bind mount there is no way up to the others. */
	CHECK(mkdir(path_of(bed, "bind"), 0755) == 0);
	CHECK(mount(own, path_of(bed, "bind"), NULL, MS_BIND, NULL) == 0);
	CHECK(chdir(path_of(bed, "bind")) == 0 && access("movie.bin", F_OK) == 0);
	CHECK(chdir("..") == 0 && access("two", F_OK) == -1);
	CHECK(chdir("/") == 0 && umount(path_of(bed, "bind")) == 0);
}
