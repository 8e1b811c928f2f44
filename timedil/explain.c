// SPDX-License-Identifier: LGPL-2.1-or-later
#include "explain.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "timedil/kick.h"
#include "timedil/maps.h"
#include "timedil/page.h"
#include "timedil/shim/plan.h"
#include "timedil/vtime.h"

#define SHIM_NAME "libtimedil.so"
#define URING_NAME "liburing.so"

const char *explain_cause_text(enum explain_cause cause)
{
	static const char *const text[] = {
		[EXPLAIN_UNKNOWN] = "the shim is not in its memory, though nothing speaks against it",
		[EXPLAIN_STATIC] = "static, or Go, and not started by " PLAN_TRAP_NAME,
		[EXPLAIN_FOREIGN] = "made for another architecture than " SHIM_NAME,
		[EXPLAIN_PRIVILEGES] = "it gained privileges when executed, so nothing is preloaded",
		[EXPLAIN_ENVIRONMENT] = "executed without LD_PRELOAD and " TIMEDIL_PAGE_ENV
					" in its environment",
		[EXPLAIN_NO_PAGE] = SHIM_NAME " is in its memory, but found no clock page",
		[EXPLAIN_OTHER_CLOCK] = "it runs on another clock",
	};

	return text[cause];
}

/* --- memory ------------------------------------------------------------------------------ */

struct memory {
	pid_t pid;
	const struct stat *wanted;
	struct explain *out;
	bool any, shim, trap, page, other_page;
};

static bool is_named(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return slash && strncmp(slash + 1, name, strlen(name)) == 0;
}

static bool holds_page(const char *path)
{
	const struct timedil_page *page = vtime_map(path);

	if (page) {
		vtime_unmap(page);
	}
	return page != NULL;
}

/* By the mapping itself, which needs no path but privileges; else by the path. */
static bool find_page(struct memory *mem, const struct mapping *m)
{
	char *to = mem->out->page;
	size_t room = sizeof(mem->out->page);

	if (!m->shared || m->executable || m->ino == 0 || m->offset != 0 ||
	    m->end - m->begin != TIMEDIL_PAGE_BYTES) {
		return false;
	}
	if (mem->wanted && m->ino == mem->wanted->st_ino && m->dev == mem->wanted->st_dev) {
		snprintf(to, room, "%s", m->path);
		return true;
	}
	if ((size_t)snprintf(to, room, "%s", m->path) < room && holds_page(to)) {
		return true;
	}
	if ((size_t)snprintf(to, room, "/proc/%d/root%s", (int)mem->pid, m->path) < room &&
	    holds_page(to)) {
		return true;
	}
	snprintf(to, room, "/proc/%d/map_files/%lx-%lx", (int)mem->pid, (unsigned long)m->begin,
		 (unsigned long)m->end);
	return holds_page(to);
}

static int see_mapping(const struct mapping *m, void *arg)
{
	struct memory *mem = arg;

	mem->any = true;
	mem->shim = mem->shim || is_named(m->path, SHIM_NAME);
	mem->trap = mem->trap || (m->executable && m->ino == 0 && m->begin >= TRAP_BASE &&
				  m->end <= TRAP_BASE + TRAP_BYTES);
	mem->out->liburing = mem->out->liburing || is_named(m->path, URING_NAME);
	if (!mem->page && find_page(mem, m)) {
		mem->page = true;
		mem->other_page = mem->wanted && (m->ino != mem->wanted->st_ino ||
						  m->dev != mem->wanted->st_dev);
	}
	return 0;
}

/* --- the reasons -------------------------------------------------------------------------- */

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[340];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

struct environment {
	bool preload, page, files;
};

static struct environment read_environment(pid_t pid)
{
	struct environment env = { .preload = false };
	FILE *f = open_proc(pid, "environ");
	char *entry = NULL;
	size_t room = 0;

	while (f && getdelim(&entry, &room, '\0', f) > 0) {
		env.preload = env.preload || (strncmp(entry, "LD_PRELOAD=", 11) == 0 &&
					      strstr(entry, SHIM_NAME));
		env.page = env.page || strncmp(entry, TIMEDIL_PAGE_ENV "=",
					       sizeof(TIMEDIL_PAGE_ENV)) == 0;
		env.files = env.files || strncmp(entry, TIMEDIL_FILES_ENV "=",
						 sizeof(TIMEDIL_FILES_ENV)) == 0;
	}
	free(entry);
	if (f) {
		fclose(f);
	}
	return env;
}

static bool gained_privileges(pid_t pid)
{
	FILE *f = open_proc(pid, "auxv");
	unsigned long pair[2] = { AT_NULL, 0 };

	while (f && fread(pair, sizeof(pair), 1, f) == 1 && pair[0] != AT_NULL &&
	       pair[0] != AT_SECURE) {
	}
	if (f) {
		fclose(f);
	}
	return pair[0] == AT_SECURE && pair[1] != 0;
}

static enum explain_cause find_cause(pid_t pid, const struct memory *mem,
				     const struct environment *env)
{
	struct plan plan;
	char exe[64];

	if (mem->other_page) {
		return EXPLAIN_OTHER_CLOCK;
	}
	if (mem->shim) {
		return EXPLAIN_NO_PAGE;
	}
	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
	if (plan_look(&plan, exe) == 0 && plan.kind != PLAN_PLAIN) {
		return plan.kind == PLAN_TRAP ? EXPLAIN_STATIC : EXPLAIN_FOREIGN;
	}
	if (gained_privileges(pid)) {
		return EXPLAIN_PRIVILEGES;
	}
	return env->preload && env->page ? EXPLAIN_UNKNOWN : EXPLAIN_ENVIRONMENT;
}

/* --- what may be missed --------------------------------------------------------------------- */

static bool is_deaf(pid_t pid, const char *tid)
{
	const unsigned long long bit = 1ULL << (TIMEDIL_KICK_SIGNAL - 1);
	unsigned long long blocked = 0;
	char name[300], line[256];
	FILE *f;

	snprintf(name, sizeof(name), "task/%s/status", tid);
	f = open_proc(pid, name);
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "SigBlk: %llx", &blocked) != 1) {
	}
	if (f) {
		fclose(f);
	}
	return blocked & bit;
}

static void count_threads(pid_t pid, struct explain *out)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.') {
			out->threads++;
			out->deaf += is_deaf(pid, entry->d_name);
		}
	}
	if (dir) {
		closedir(dir);
	}
}

static void count_rings(pid_t pid, struct explain *out)
{
	char path[64], target[64];
	struct dirent *entry;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		out->rings += strcmp(target, "anon_inode:[io_uring]") == 0;
	}
	if (dir) {
		closedir(dir);
	}
}

/* --------------------------------------------------------------------------------------------- */

static void read_program(pid_t pid, char *to, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
}

int explain_process(pid_t pid, const struct stat *page, struct explain *out)
{
	struct memory mem = { .pid = pid, .wanted = page, .out = out };
	struct environment env;

	*out = (struct explain){ .reach = EXPLAIN_ESCAPED };
	if (maps_each(pid, see_mapping, &mem) != 0) {
		errno = errno == ENOENT ? ESRCH : errno;
		return -1;
	}
	if (!mem.any) {
		errno = ESRCH;
		return -1;
	}
	read_program(pid, out->program, sizeof(out->program));
	env = read_environment(pid);
	if (mem.page && !mem.other_page && (mem.shim || mem.trap)) {
		out->reach = mem.trap ? EXPLAIN_TRAP : EXPLAIN_SHIM;
		out->file_times = env.files && !mem.trap;
	} else {
		out->cause = find_cause(pid, &mem, &env);
		out->page[0] = '\0';
	}
	count_threads(pid, out);
	count_rings(pid, out);
	return 0;
}
