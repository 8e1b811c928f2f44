// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kick.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "maps.h"

#define PATH_BYTES 4096

static bool kick_thread(pid_t pid, pid_t tid)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_signo = TIMEDIL_KICK_SIGNAL;
	info.si_code = TIMEDIL_KICK_CODE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = (void *)TIMEDIL_KICK_VALUE;
	return syscall(SYS_rt_tgsigqueueinfo, pid, tid, TIMEDIL_KICK_SIGNAL, &info) == 0;
}

static pid_t parse_pid(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return end != text && *end == '\0' && n > 0 ? (pid_t)n : 0;
}

int kick_process(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir) {
		return -1;
	}
	while ((entry = readdir(dir))) {
		pid_t tid = parse_pid(entry->d_name);

		if (tid) {
			count += kick_thread(pid, tid);
		}
	}
	closedir(dir);
	return count;
}

/* --- a cgroup ------------------------------------------------------------------ */

/* The process that thread @tid belongs to, or 0. */
static pid_t process_of(pid_t tid)
{
	char path[64], line[256];
	pid_t pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	if (!f) {
		return 0;
	}
	while (!pid && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Tgid:", 5) == 0) {
			pid = (pid_t)strtol(line + 5, NULL, 10);
		}
	}
	fclose(f);
	return pid;
}

/*
 * Threads listed by number alone.  Most are their process's first thread, or follow
 * it in the list; only for the others /proc is asked.
 */
static int kick_listed(FILE *f)
{
	pid_t pid = 0;
	char line[32];
	int count = 0;

	while (fgets(line, sizeof(line), f)) {
		pid_t tid = (pid_t)strtol(line, NULL, 10);

		if (tid <= 0) {
			continue; /* a process outside our PID namespace */
		}
		if (kick_thread(tid, tid)) {
			pid = tid;
			count++;
		} else if (pid && kick_thread(pid, tid)) {
			count++;
		} else {
			pid_t owner = process_of(tid);

			count += owner && kick_thread(owner, tid);
		}
	}
	return count;
}

static FILE *open_threads(const char *cgroup)
{
	char path[PATH_BYTES];
	FILE *f;

	snprintf(path, sizeof(path), "%s/cgroup.threads", cgroup);
	f = fopen(path, "re");
	if (!f) {
		snprintf(path, sizeof(path), "%s/tasks", cgroup);
		f = fopen(path, "re");
	}
	return f;
}

int kick_cgroup(const char *path)
{
	char below[PATH_BYTES];
	struct dirent *entry;
	int count = 0, n;
	FILE *f;
	DIR *dir;

	f = open_threads(path);
	if (!f) {
		return -1;
	}
	count = kick_listed(f);
	fclose(f);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.') {
			continue;
		}
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) <
		    (int)sizeof(below)) {
			n = kick_cgroup(below);
			count += n > 0 ? n : 0;
		}
	}
	if (dir) {
		closedir(dir);
	}
	return count;
}

/* --- a tree of processes -------------------------------------------------------- */

struct process {
	pid_t pid, parent;
	bool inside;
};

/* The parent's number stands behind the name, which may hold anything. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512], *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f) {
		return 0;
	}
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : 0;
}

/* All processes; *count of them, in memory that the caller frees. */
static struct process *list_processes(size_t *count)
{
	struct process *list = NULL, *grown;
	size_t room = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	*count = 0;
	while (dir && (entry = readdir(dir))) {
		pid_t pid = parse_pid(entry->d_name);

		if (!pid) {
			continue;
		}
		if (*count == room) {
			room = room ? 2 * room : 256;
			grown = realloc(list, room * sizeof(*list));
			if (!grown) {
				break;
			}
			list = grown;
		}
		list[(*count)++] = (struct process){ .pid = pid, .parent = parent_of(pid) };
	}
	if (dir) {
		closedir(dir);
	}
	return list;
}

/* Spread from parents to children until nothing is added. */
static void mark_tree(struct process *list, size_t count, pid_t root)
{
	bool more = true;

	for (size_t i = 0; i < count; i++) {
		list[i].inside = list[i].pid == root;
	}
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			for (size_t j = 0; j < count && !list[i].inside; j++) {
				if (list[j].inside && list[j].pid == list[i].parent) {
					list[i].inside = more = true;
				}
			}
		}
	}
}

int kick_tree(pid_t pid)
{
	struct process *list;
	int kicked = 0, n;
	size_t count;

	list = list_processes(&count);
	if (!list) {
		return -1;
	}
	mark_tree(list, count, pid);
	for (size_t i = 0; i < count; i++) {
		if (list[i].inside) {
			n = kick_process(list[i].pid);
			kicked += n > 0 ? n : 0;
		}
	}
	free(list);
	return kicked;
}

/* --- those who have the page ------------------------------------------------------ */

/* By device and inode: the path may look different from where the process is. */
static int is_file(const struct mapping *m, void *arg)
{
	const struct stat *st = arg;

	return m->ino == st->st_ino && m->dev == st->st_dev;
}

/* Call @visit for each process but ourselves that has mapped @path; the sum of its
 * results. */
static int each_mapper(const char *path, int (*visit)(pid_t pid))
{
	struct process *list;
	struct stat st;
	size_t count;
	int sum = 0;

	if (stat(path, &st) != 0) {
		return -1;
	}
	list = list_processes(&count);
	if (!list) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (list[i].pid != getpid() && maps_each(list[i].pid, is_file, &st) == 1) {
			int n = visit(list[i].pid);

			sum += n > 0 ? n : 0;
		}
	}
	free(list);
	return sum;
}

static int count_one(pid_t pid)
{
	(void)pid;
	return 1;
}

int kick_mappers(const char *path)
{
	return each_mapper(path, kick_process);
}

int page_mappers(const char *path)
{
	return each_mapper(path, count_one);
}
