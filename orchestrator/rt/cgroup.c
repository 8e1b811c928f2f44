// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

#define TOP "lento"
/* The dying are waited for: a process in a system call may take a while. */
#define DEATH_WAIT_US 5000000u
#define DEATH_POLL_US 2000u

/* --- finding the hierarchies ------------------------------------------------ */

/*
 * The group of the first process in one hierarchy, from the lines
 * "4:memory:/path" and "0::/path" of /proc/1/cgroup; "" for the root.
 */
static char *base_of(const char *proc_cgroup, const char *controllers, bool v2)
{
	const char *line = proc_cgroup;

	while (line && *line) {
		const char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
		const char *end = strchrnul(line, '\n');

		if (path && path < end) {
			CLEAN_FREE char *set = str_format(",%.*s,", (int)(path - names - 1), names + 1);

			if (strcmp(set, v2 ? ",," : controllers) == 0) {
				int len = (int)(end - path - 1);
				static const char scope[] = "/init.scope";
				int cut = (int)sizeof(scope) - 1;

				if (len >= cut && !strncmp(end - cut, scope, (size_t)cut)) {
					len -= cut;
				}
				return str_format("%.*s", len == 1 ? 0 : len, path + 1);
			}
		}
		line = *end ? end + 1 : NULL;
	}
	return str_format("%s", "");
}

/* The controllers among a version 1 mount's options: ",cpu,cpuacct,". */
static char *v1_controllers(const char *options)
{
	static const char *const flags[] = {
		"rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode",
	};
	CLEAN_FREE char *copy = str_format("%s", options);
	char *all = str_format("%s", ","), *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		bool flag = strncmp(w, "release_agent=", 14) == 0;

		for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
			flag = flag || strcmp(w, flags[i]) == 0;
		}
		if (!flag) {
			char *longer = str_format("%s%s,", all, w);

			free(all);
			all = longer;
		}
	}
	return all;
}

static char *v2_controllers(const char *dir)
{
	CLEAN_FREE char *path = str_format("%s/cgroup.controllers", dir);
	CLEAN_FREE char *text = NULL;
	char *all;

	if (fs_read(path, &text, NULL, NULL)) {
		return str_format("%s", ",");
	}
	all = str_format(",%s", text);
	for (char *s = all; *s; s++) {
		*s = *s == ' ' || *s == '\n' ? ',' : *s;
	}
	return all;
}

/* One line of mountinfo: "36 35 98:0 /root /mount/point opts [tags] - type source superopts". */
static void take_mount(struct cgroups *cg, char *line, const char *proc_cgroup)
{
	char root[256], point[256], type[32], options[256];
	char *rest = strstr(line, " - ");
	struct cgroup_hierarchy *h = &cg->h[cg->count];
	CLEAN_FREE char *base = NULL;
	const char *below;
	struct statfs fs;
	struct stat st;

	if (cg->count == CGROUP_MAX_HIERARCHIES || !rest ||
	    sscanf(line, "%*d %*d %*s %255s %255s", root, point) != 2 ||
	    sscanf(rest, " - %31s %*s %255s", type, options) != 2 ||
	    strncmp(type, "cgroup", 6) != 0) {
		return;
	}
	/* What is mounted over is listed, too: ask what can really be seen there. */
	if (statfs(point, &fs) || stat(point, &st) ||
	    (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC)) {
		return;
	}
	for (unsigned i = 0; i < cg->count; i++) {
		if (cg->h[i].dev == st.st_dev) {
			return;
		}
	}
	h->dev = st.st_dev;
	h->v2 = strcmp(type, "cgroup2") == 0;
	h->controllers = h->v2 ? v2_controllers(point) : v1_controllers(options);
	base = base_of(proc_cgroup, h->controllers, h->v2);
	/* A mount that shows only a part shows paths below that part. */
	below = strcmp(root, "/") != 0 && !strncmp(base, root, strlen(root)) ? base + strlen(root) : base;
	h->mount = str_format("%s", point);
	h->dir = str_format("%s%s", point, below);
	cg->count++;
}

int cgroups_find(struct cgroups *cg, struct err *err)
{
	CLEAN_FREE char *mounts = NULL, *proc_cgroup = NULL;
	char *save = NULL;

	memset(cg, 0, sizeof(*cg));
	if (fs_read("/proc/self/mountinfo", &mounts, NULL, err) ||
	    fs_read("/proc/1/cgroup", &proc_cgroup, NULL, err)) {
		return -1;
	}
	for (char *line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		take_mount(cg, line, proc_cgroup);
	}
	if (cg->count == 0) {
		return err_set(err, ERR_HOST, "no cgroup file system is mounted; mount one with "
			       "\"mount -t cgroup2 none /sys/fs/cgroup\"");
	}
	return 0;
}

void cgroups_free(struct cgroups *cg)
{
	for (unsigned i = 0; i < cg->count + cg->spare; i++) {
		free(cg->h[i].mount);
		free(cg->h[i].dir);
		free(cg->h[i].controllers);
	}
	cg->count = cg->spare = 0;
}

static bool is_needed(const struct cgroup_hierarchy *h, bool have_v2)
{
	return h->v2 || strstr(h->controllers, ",memory,") || strstr(h->controllers, ",pids,") ||
	       (!have_v2 && (strstr(h->controllers, ",freezer,") || strstr(h->controllers, ",cpuacct,")));
}

void cgroups_narrow(struct cgroups *cg)
{
	bool have_v2 = cgroups_v2(cg) != NULL;

	for (unsigned i = 0; i < cg->count; ) {
		struct cgroup_hierarchy h = cg->h[i];

		if (is_needed(&h, have_v2)) {
			i++;
			continue;
		}
		cg->h[i] = cg->h[--cg->count];
		cg->h[cg->count] = h;
		cg->spare++;
	}
}

void cgroups_hide_spare(const struct cgroups *cg)
{
	for (unsigned i = cg->count; i < cg->count + cg->spare; i++) {
		umount2(cg->h[i].mount, MNT_DETACH);
	}
}

const struct cgroup_hierarchy *cgroups_with(const struct cgroups *cg, const char *controller)
{
	CLEAN_FREE char *word = str_format(",%s,", controller);

	for (unsigned i = 0; i < cg->count; i++) {
		if (strstr(cg->h[i].controllers, word)) {
			return &cg->h[i];
		}
	}
	return NULL;
}

const struct cgroup_hierarchy *cgroups_v2(const struct cgroups *cg)
{
	for (unsigned i = 0; i < cg->count; i++) {
		if (cg->h[i].v2) {
			return &cg->h[i];
		}
	}
	return NULL;
}

/* --- making and removing ---------------------------------------------------- */

static int lock_top(const struct cgroups *cg)
{
	int fd = open(cg->h[0].dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		flock(fd, LOCK_EX);
	}
	return fd;
}

/* Hand the controllers that limits need to the children of @dir; those it lacks stay away. */
static void delegate(const char *dir)
{
	static const char *const wanted[] = { "+memory", "+pids" };
	CLEAN_FREE char *knob = str_format("%s/cgroup.subtree_control", dir);

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		fs_write_knob(knob, wanted[i], NULL);
	}
}

static int make_run_in(const struct cgroup_hierarchy *h, const char *run_id, struct err *err)
{
	CLEAN_FREE char *top = str_format("%s/" TOP, h->dir);
	CLEAN_FREE char *run = str_format("%s/%s", top, run_id);

	if (h->v2) {
		delegate(h->dir);
	}
	if (mkdir(top, 0755) && errno != EEXIST) {
		return err_errno(err, ERR_HOST, "making cgroup %s", top);
	}
	if (strstr(h->controllers, ",cpuset,") && !h->v2) {
		CLEAN_FREE char *clone = str_format("%s/cgroup.clone_children", top);
		static const char *const copied[] = { "cpuset.cpus", "cpuset.mems" };

		for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
			CLEAN_FREE char *from = str_format("%s/%s", h->dir, copied[i]);
			CLEAN_FREE char *to = str_format("%s/%s", top, copied[i]);
			CLEAN_FREE char *value = NULL;

			if (!fs_read(from, &value, NULL, NULL)) {
				fs_write_knob(to, value, NULL);
			}
		}
		fs_write_knob(clone, "1", NULL);
	}
	if (h->v2) {
		delegate(top);
	}
	if (mkdir(run, 0755)) {
		return err_errno(err, errno == EEXIST ? ERR_FAILED : ERR_HOST, "making cgroup %s", run);
	}
	if (h->v2) {
		delegate(run);
	}
	return 0;
}

int cgroup_make_run(const struct cgroups *cg, const char *run_id, struct err *err)
{
	CLEAN_CLOSE int lock = lock_top(cg);

	for (unsigned i = 0; i < cg->count; i++) {
		if (make_run_in(&cg->h[i], run_id, err)) {
			while (i-- > 0) {
				CLEAN_FREE char *run = str_format("%s/" TOP "/%s", cg->h[i].dir, run_id);

				rmdir(run);
			}
			return -1;
		}
	}
	return 0;
}

int cgroup_make(const struct cgroups *cg, const char *name, struct err *err)
{
	for (unsigned i = 0; i < cg->count; i++) {
		CLEAN_FREE char *path = str_format("%s/" TOP "/%s", cg->h[i].dir, name);

		if (mkdir(path, 0755) && errno != EEXIST) {
			return err_errno(err, ERR_HOST, "making cgroup %s", path);
		}
	}
	return 0;
}

/* Remove the group @path with all below; the number that would not go. */
static unsigned remove_below(const char *path)
{
	CLEAN_CLOSEDIR DIR *dir = opendir(path);
	unsigned left = 0;
	struct dirent *ent;

	if (!dir) {
		return 0;
	}
	while ((ent = readdir(dir))) {
		if (ent->d_type == DT_DIR && ent->d_name[0] != '.') {
			CLEAN_FREE char *child = str_format("%s/%s", path, ent->d_name);

			left += remove_below(child);
		}
	}
	return left + (rmdir(path) && errno != ENOENT);
}

int cgroup_remove(const struct cgroups *cg, const char *name, struct err *err)
{
	for (unsigned waited_us = 0; ; waited_us += DEATH_POLL_US) {
		const char *stuck = NULL;

		for (unsigned i = 0; i < cg->count; i++) {
			CLEAN_FREE char *path = str_format("%s/" TOP "/%s", cg->h[i].dir, name);

			if (remove_below(path)) {
				stuck = cg->h[i].dir;
			}
		}
		if (!stuck) {
			return 0;
		}
		if (waited_us >= DEATH_WAIT_US) {
			return err_set(err, ERR_FAILED, "removing cgroup %s/" TOP "/%s: processes are left in it",
				       stuck, name);
		}
		usleep(DEATH_POLL_US);
	}
}

void cgroup_remove_top(const struct cgroups *cg)
{
	CLEAN_CLOSE int lock = lock_top(cg);

	for (unsigned i = 0; i < cg->count; i++) {
		CLEAN_FREE char *top = str_format("%s/" TOP, cg->h[i].dir);

		rmdir(top);
	}
}

/* --- acting on members ------------------------------------------------------ */

int cgroup_join(const struct cgroups *cg, const char *name, struct err *err)
{
	unsigned joined = 0;

	for (unsigned i = 0; i < cg->count; i++) {
		CLEAN_FREE char *dir = str_format("%s/" TOP "/%s", cg->h[i].dir, name);
		CLEAN_FREE char *procs = str_format("%s/cgroup.procs", dir);

		if (access(dir, F_OK)) {
			continue; /* this hierarchy was not used for it */
		}
		if (fs_write_knob(procs, "0", err)) {
			return -1;
		}
		joined++;
	}
	return joined ? 0 : err_set(err, ERR_FAILED, "no cgroup " TOP "/%s", name);
}

static char *group_of(const struct cgroup_hierarchy *h, const char *name)
{
	return str_format("%s/" TOP "/%s", h->dir, name);
}

char *cgroup_v2_dir(const struct cgroups *cg, const char *name)
{
	const struct cgroup_hierarchy *h = cgroups_v2(cg);

	return h ? group_of(h, name) : NULL;
}

static bool has_word(const char *path, const char *word)
{
	CLEAN_FREE char *text = NULL;

	return !fs_read(path, &text, NULL, NULL) && strstr(text, word);
}

/* Version 1 freezes while its own state is written again: a fork in between thaws the attempt. */
static int freeze_v1(const struct cgroup_hierarchy *h, const char *name, bool frozen, struct err *err)
{
	CLEAN_FREE char *group = group_of(h, name);
	CLEAN_FREE char *knob = str_format("%s/freezer.state", group);
	const char *word = frozen ? "FROZEN" : "THAWED";

	for (unsigned waited_us = 0; waited_us < DEATH_WAIT_US; waited_us += DEATH_POLL_US) {
		if (fs_write_knob(knob, word, err)) {
			return -1;
		}
		if (has_word(knob, word)) {
			return 0;
		}
		usleep(DEATH_POLL_US);
	}
	return err_set(err, ERR_FAILED, "%s does not become %s", knob, word);
}

int cgroup_freeze(const struct cgroups *cg, const char *name, bool frozen, struct err *err)
{
	const struct cgroup_hierarchy *h = cgroups_v2(cg);
	CLEAN_FREE char *group = h ? group_of(h, name) : NULL;
	CLEAN_FREE char *knob = h ? str_format("%s/cgroup.freeze", group) : NULL;
	CLEAN_FREE char *events = h ? str_format("%s/cgroup.events", group) : NULL;

	if (!knob || access(knob, F_OK)) {
		h = cgroups_with(cg, "freezer");
		return h ? freeze_v1(h, name, frozen, err) :
		       err_set(err, ERR_HOST, "no freezer: neither cgroup version 2 nor a version 1 freezer");
	}
	if (fs_write_knob(knob, frozen ? "1" : "0", err)) {
		return -1;
	}
	for (unsigned waited_us = 0; waited_us < DEATH_WAIT_US; waited_us += DEATH_POLL_US) {
		if (has_word(events, frozen ? "frozen 1" : "frozen 0")) {
			return 0;
		}
		usleep(DEATH_POLL_US);
	}
	return err_set(err, ERR_FAILED, "%s does not become frozen %d", group, frozen);
}

typedef void pid_action(pid_t pid, void *arg);

/* Do @act for each process of the group at @path and of those below. */
static void for_each_pid(const char *path, pid_action *act, void *arg)
{
	CLEAN_CLOSEDIR DIR *dir = opendir(path);
	CLEAN_FREE char *procs = str_format("%s/cgroup.procs", path);
	CLEAN_FREE char *text = NULL;
	struct dirent *ent;

	if (!dir || fs_read(procs, &text, NULL, NULL)) {
		return;
	}
	for (char *at = text, *end; ; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at) {
			break;
		}
		if (pid > 1 && pid != getpid()) {
			act((pid_t)pid, arg);
		}
	}
	while ((ent = readdir(dir))) {
		if (ent->d_type == DT_DIR && ent->d_name[0] != '.') {
			CLEAN_FREE char *child = str_format("%s/%s", path, ent->d_name);

			for_each_pid(child, act, arg);
		}
	}
}

void cgroup_each_pid(const struct cgroups *cg, const char *name,
		     void (*act)(pid_t pid, void *arg), void *arg)
{
	const struct cgroup_hierarchy *v2 = cgroups_v2(cg);
	CLEAN_FREE char *group = group_of(v2 ? v2 : &cg->h[0], name);

	for_each_pid(group, act, arg);
}

/* Zombies stay listed in version 1 until reaped; they are dead enough. */
static bool is_dead(pid_t pid)
{
	CLEAN_FREE char *path = str_format("/proc/%d/stat", (int)pid);
	CLEAN_FREE char *text = NULL;
	const char *rest;

	if (fs_read(path, &text, NULL, NULL)) {
		return true;
	}
	rest = strrchr(text, ')');
	return rest && (rest[2] == 'Z' || rest[2] == 'X');
}

static void count_living(pid_t pid, void *arg)
{
	*(unsigned *)arg += !is_dead(pid);
}

static void kill_one(pid_t pid, void *arg)
{
	if (!is_dead(pid) && !kill(pid, SIGKILL)) {
		++*(unsigned *)arg;
	}
}

static void thaw_below(const char *path)
{
	CLEAN_CLOSEDIR DIR *dir = opendir(path);
	CLEAN_FREE char *knob = str_format("%s/freezer.state", path);
	struct dirent *ent;

	fs_write_knob(knob, "THAWED", NULL);
	while (dir && (ent = readdir(dir))) {
		if (ent->d_type == DT_DIR && ent->d_name[0] != '.') {
			CLEAN_FREE char *child = str_format("%s/%s", path, ent->d_name);

			thaw_below(child);
		}
	}
}

int cgroup_kill(const struct cgroups *cg, const char *name, unsigned *killed, struct err *err)
{
	const struct cgroup_hierarchy *v2 = cgroups_v2(cg), *freezer = cgroups_with(cg, "freezer");
	unsigned first = 0, living = 0;

	for (unsigned waited_us = 0; waited_us < DEATH_WAIT_US; waited_us += DEATH_POLL_US) {
		unsigned hit = 0;

		living = 0;
		for (unsigned i = 0; i < cg->count; i++) {
			CLEAN_FREE char *group = group_of(&cg->h[i], name);
			unsigned here = 0;

			for_each_pid(group, count_living, &here);
			living = here > living ? here : living;
		}
		if (waited_us == 0) {
			first = living;
		}
		if (living == 0) {
			break;
		}
		if (v2) {
			CLEAN_FREE char *group = group_of(v2, name);
			CLEAN_FREE char *knob = str_format("%s/cgroup.kill", group);

			fs_write_knob(knob, "1", NULL);
		}
		for (unsigned i = 0; i < cg->count; i++) {
			CLEAN_FREE char *group = group_of(&cg->h[i], name);

			for_each_pid(group, kill_one, &hit);
		}
		if (freezer && !freezer->v2) {
			CLEAN_FREE char *group = group_of(freezer, name);

			thaw_below(group); /* a frozen process dies when it thaws */
		}
		usleep(DEATH_POLL_US);
	}
	if (killed) {
		*killed += first;
	}
	return living ? err_set(err, ERR_FAILED, "cgroup " TOP "/%s: %u processes do not die", name, living) : 0;
}

/* --- accounting ------------------------------------------------------------- */

/* The number after @key (a line's first word) in a file; whole file when @key is NULL. */
static bool read_number(const char *group, const char *file, const char *key, uint64_t *value)
{
	CLEAN_FREE char *path = str_format("%s/%s", group, file);
	CLEAN_FREE char *text = NULL;
	size_t len = key ? strlen(key) : 0;
	const char *line;

	if (fs_read(path, &text, NULL, NULL)) {
		return false;
	}
	for (line = text; line && key; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (!strncmp(line, key, len) && line[len] == ' ') {
			break;
		}
	}
	return line && sscanf(line + len, "%" SCNu64, value) == 1;
}

static void read_cpu(const struct cgroups *cg, const char *name, struct rt_usage *usage)
{
	const struct cgroup_hierarchy *h = cgroups_with(cg, "cpuacct");
	uint64_t us;

	if (h && !h->v2) {
		CLEAN_FREE char *group = group_of(h, name);

		if (read_number(group, "cpuacct.usage", NULL, &usage->cpu_ns)) {
			return;
		}
	}
	h = cgroups_v2(cg);
	if (h) {
		CLEAN_FREE char *group = group_of(h, name);

		if (read_number(group, "cpu.stat", "usage_usec", &us)) {
			usage->cpu_ns = us * 1000;
		}
	}
}

static void read_memory(const struct cgroups *cg, const char *name, struct rt_usage *usage)
{
	const struct cgroup_hierarchy *h = cgroups_with(cg, "memory");
	CLEAN_FREE char *group = h ? group_of(h, name) : NULL;

	if (!h) {
		return;
	}
	read_number(group, h->v2 ? "memory.current" : "memory.usage_in_bytes", NULL, &usage->memory_bytes);
	read_number(group, h->v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL,
		    &usage->memory_peak_bytes);
	read_number(group, h->v2 ? "memory.events" : "memory.oom_control", "oom_kill", &usage->oom_kills);
}

static void read_forks(const struct cgroups *cg, const char *name, struct rt_usage *usage)
{
	const struct cgroup_hierarchy *h = cgroups_with(cg, "pids");
	CLEAN_FREE char *group = h ? group_of(h, name) : NULL;

	if (h) {
		read_number(group, "pids.events", "max", &usage->forks_refused);
	}
}

int cgroup_usage(const struct cgroups *cg, const char *name, struct rt_usage *usage, struct err *err)
{
	const struct cgroup_hierarchy *h = cgroups_v2(cg);
	CLEAN_FREE char *group = NULL;
	unsigned living = 0;

	h = h ? h : &cg->h[0];
	group = group_of(h, name);
	if (access(group, F_OK)) {
		return err_errno(err, ERR_FAILED, "cgroup %s", group);
	}
	for_each_pid(group, count_living, &living);
	usage->processes = living;
	read_cpu(cg, name, usage);
	read_memory(cg, name, usage);
	read_forks(cg, name, usage);
	return 0;
}
