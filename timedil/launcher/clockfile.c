// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * clockfile - clock pages as files in /dev/shm.
 *
 * timedil-<uid>-run-<pid>     a private clock
 * timedil-<uid>-share-<name>  one that several timedil share
 *
 * Each timedil that uses a clock holds a shared flock() on its file; it goes with the
 * process however that ends.  The last one to leave gets the exclusive lock, and
 * removes the file unless a program left in the background still has it mapped.
 * What a killed timedil left behind is removed by the next one to start.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher.h"
#include "timedil/kick.h"

#define PAGE_DIR "/dev/shm"

static int lock_file(const char *path, int flags, int operation)
{
	struct stat by_fd, by_name;
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		return -1;
	}
	/* Between open and lock the file may have been removed. */
	if (flock(fd, operation) != 0 || fstat(fd, &by_fd) != 0 || stat(path, &by_name) != 0 ||
	    by_fd.st_ino != by_name.st_ino) {
		close(fd);
		errno = EAGAIN;
		return -1;
	}
	return fd;
}

/* Remove @path if nobody uses it. */
static void remove_unused(const char *path)
{
	int fd = lock_file(path, O_RDONLY, LOCK_EX | LOCK_NB);

	if (fd < 0) {
		return;
	}
	if (page_mappers(path) == 0) {
		unlink(path);
	}
	close(fd);
}

static void sweep(void)
{
	char prefix[32], path[300];
	struct dirent *entry;
	DIR *dir = opendir(PAGE_DIR);

	snprintf(prefix, sizeof(prefix), "timedil-%u-", (unsigned)getuid());
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
			snprintf(path, sizeof(path), PAGE_DIR "/%s", entry->d_name);
			remove_unused(path);
		}
	}
	if (dir) {
		closedir(dir);
	}
}

int clockfile_named(const char *name, char path[128], struct fault *fault)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strlen(name);

	if (len == 0 || len > 40 || strspn(name, allowed) != len) {
		return fault_set(fault, EXIT_USAGE,
				 "'%s' is no clock name: 1 to 40 letters, digits, '-' or '_'", name);
	}
	snprintf(path, 128, PAGE_DIR "/timedil-%u-share-%s", (unsigned)getuid(), name);
	return 0;
}

static int create(struct clockfile *clock, struct tdf tdf, struct fault *fault)
{
	clock->page = vpage_create(clock->path, tdf);
	if (!clock->page) {
		return fault_set(fault, EXIT_TIMEDIL, "%s: %s", clock->path, strerror(errno));
	}
	clock->lock_fd = lock_file(clock->path, O_RDONLY, LOCK_SH);
	if (clock->lock_fd < 0) {
		vpage_close(clock->page);
		return fault_set(fault, EXIT_TIMEDIL, "%s: %s", clock->path, strerror(errno));
	}
	return 0;
}

/* Two that start at once must not both create: the directory's lock orders them. */
static int join_or_create(struct clockfile *clock, struct tdf tdf, bool *joined,
			  struct fault *fault)
{
	int dir = open(PAGE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (dir < 0 || flock(dir, LOCK_EX) != 0) {
		ret = fault_set(fault, EXIT_TIMEDIL, PAGE_DIR ": %s", strerror(errno));
		goto out;
	}
	clock->lock_fd = lock_file(clock->path, O_RDONLY, LOCK_SH);
	if (clock->lock_fd >= 0) {
		clock->page = vpage_open(clock->path);
		*joined = clock->page != NULL;
	}
	if (!*joined) {
		if (clock->lock_fd >= 0) {
			close(clock->lock_fd);
		}
		ret = create(clock, tdf, fault);
	}
out:
	if (dir >= 0) {
		close(dir);
	}
	return ret;
}

int clockfile_open(struct clockfile *clock, const char *name, struct tdf tdf, bool *joined,
		   struct fault *fault)
{
	*joined = false;
	sweep();
	if (name) {
		return clockfile_named(name, clock->path, fault) != 0 ?
			       -1 :
			       join_or_create(clock, tdf, joined, fault);
	}
	snprintf(clock->path, sizeof(clock->path), PAGE_DIR "/timedil-%u-run-%d",
		 (unsigned)getuid(), (int)getpid());
	return create(clock, tdf, fault);
}

void clockfile_close(struct clockfile *clock)
{
	vpage_close(clock->page);
	close(clock->lock_fd);
	remove_unused(clock->path);
}

int clockfile_of_process(pid_t pid, char **path, struct fault *fault)
{
	static const char key[] = TIMEDIL_PAGE_ENV "=";
	char name[64], *entry = NULL;
	size_t room = 0;
	FILE *f;

	*path = NULL;
	snprintf(name, sizeof(name), "/proc/%d/environ", (int)pid);
	f = fopen(name, "re");
	if (!f) {
		return fault_set(fault, EXIT_TIMEDIL, "process %d: %s", (int)pid, strerror(errno));
	}
	while (!*path && getdelim(&entry, &room, '\0', f) > 0) {
		if (strncmp(entry, key, sizeof(key) - 1) == 0) {
			*path = strdup(entry + sizeof(key) - 1);
		}
	}
	free(entry);
	fclose(f);
	return *path ? 0 :
		       fault_set(fault, EXIT_TIMEDIL, "process %d does not run under timedil", (int)pid);
}

struct timedil_page *clockfile_edit(const char *path, int *lock_fd, struct fault *fault)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	struct timedil_page *page;

	*lock_fd = open(path, O_RDWR | O_CLOEXEC);
	if (*lock_fd < 0 || fcntl(*lock_fd, F_OFD_SETLKW, &lock) != 0) {
		fault_set(fault, EXIT_TIMEDIL, "%s: %s", path, strerror(errno));
		goto fail;
	}
	page = vpage_open(path);
	if (!page) {
		fault_set(fault, EXIT_TIMEDIL, "%s: %s", path,
			  errno == EPROTO ? "no clock page of this version" : strerror(errno));
		goto fail;
	}
	return page;
fail:
	if (*lock_fd >= 0) {
		close(*lock_fd);
	}
	return NULL;
}

void clockfile_release(struct timedil_page *page, int lock_fd)
{
	vpage_close(page);
	close(lock_fd);
}
