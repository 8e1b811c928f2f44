// SPDX-License-Identifier: LGPL-2.1-or-later
/* timedil explain: how each clock of a process is dilated, or why it is not. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"
#include "timedil/explain.h"
#include "timedil/maps.h"

/* What is the same for every program that is reached in one way. */
static const struct {
	const char *what, *shim, *trap;
} rows[] = {
	{ "clock reads", "virtual", "virtual" },
	{ "sleeps, waits, time-outs", "virtual", "virtual" },
	{ "alarm, interval and POSIX timers, timerfd", "virtual", "virtual" },
	{ "socket time-outs, keepalive", "virtual", "virtual" },
	{ "sysinfo, times, adjtimex", "virtual", "virtual" },
	{ "TCP_INFO, packet time stamps", "virtual", "REAL" },
	{ "system calls without libc", "REAL", "virtual" },
	{ "CPU time, getrusage", "real, as meant", "real, as meant" },
};

static void row(const char *what, const char *answer)
{
	printf("  %-43s%s\n", what, answer);
}

static void print_clock(const struct explain *e)
{
	const struct timedil_page *page = vtime_map(e->page);
	struct vclock clk;
	char factor[40];

	printf("clock: %s", e->page);
	if (page) {
		vtime_load(page, &clk);
		printf(", TDF %s, %s", tdf_format(clk.tdf, factor, sizeof(factor)),
		       clk.state == TIMEDIL_RUNNING ? "running" : "paused");
		vtime_unmap(page);
	}
	putchar('\n');
}

static void print_uring(const struct explain *e)
{
	char text[128];

	if (e->rings == 0) {
		row("io_uring", "none open");
		return;
	}
	snprintf(text, sizeof(text), "%s: %u open, %s liburing.so",
		 e->liburing && e->reach == EXPLAIN_SHIM ? "virtual" : "REAL", e->rings,
		 e->liburing ? "by" : "without");
	row("io_uring", text);
}

static void print_changes(const struct explain *e)
{
	char text[128];

	if (e->deaf == 0) {
		snprintf(text, sizeof(text), "reach each of %u thread%s", e->threads,
			 e->threads == 1 ? "" : "s");
	} else {
		snprintf(text, sizeof(text), "MISSED by %u of %u threads, which block SIGURG", e->deaf,
			 e->threads);
	}
	row("changes of the clock", text);
}

/* --- instructions ------------------------------------------------------------------------- */

struct files {
	pid_t pid;
	bool shim; /* reached by it: then a system call instruction matters, too */
	ino_t last;
	unsigned found;
};

/* Not for these to be asked: the C library, which the shim stands in front of, and ours. */
static bool is_exempt(const char *path)
{
	static const char *const names[] = { "/libtimedil.so", "/libc.so", "/ld-linux", "/ld-musl",
					     "/libc.musl", "/libpthread.so", "/librt.so" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strstr(path, names[i])) {
			return true;
		}
	}
	return false;
}

static void print_places(const char *what, const char *path, unsigned count)
{
	char text[400];

	snprintf(text, sizeof(text), "REAL: %u place%s in %s", count, count == 1 ? "" : "s", path);
	row(what, text);
}

static int scan_mapping(const struct mapping *m, void *arg)
{
	struct files *files = arg;
	char path[64 + 256];
	struct scan scan;

	if (!m->executable || m->ino == 0 || m->ino == files->last || m->path[0] != '/' ||
	    is_exempt(m->path)) {
		return 0;
	}
	files->last = m->ino;
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)files->pid, m->path);
	if (scan_file(path, &scan) != 0) {
		return 0;
	}
	if (scan.tsc) {
		print_places("rdtsc", m->path, scan.tsc);
		files->found++;
	}
	if (scan.syscalls && files->shim) {
		print_places("system call instructions", m->path, scan.syscalls);
	}
	return 0;
}

static void print_instructions(pid_t pid, const struct explain *e)
{
	struct files files = { .pid = pid, .shim = e->reach == EXPLAIN_SHIM };

	maps_each(pid, scan_mapping, &files);
	if (!files.found) {
		row("rdtsc", "REAL, but in none of its files");
	}
}

/* ------------------------------------------------------------------------------------------- */

static void print_dilated(pid_t pid, const struct explain *e)
{
	bool trap = e->reach == EXPLAIN_TRAP;

	printf("dilated: by %s\n", trap ? PLAN_TRAP_NAME : "libtimedil.so");
	print_clock(e);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row(rows[i].what, trap ? rows[i].trap : rows[i].shim);
	}
	row("times of files", e->file_times ? "virtual" :
			      trap	    ? "REAL" :
					      "REAL: TIMEDIL_FILES is not set");
	row("the kernel's TCP", "REAL, but for what its network namespace scales");
	print_uring(e);
	print_instructions(pid, e);
	print_changes(e);
}

/* 0: dilated; 1: escaped. */
static int explain_one(const char *word, struct fault *fault)
{
	struct explain e;
	char *end;
	long pid;

	errno = 0;
	pid = strtol(word, &end, 10);
	if (errno || end == word || *end || pid <= 0 || pid > INT32_MAX) {
		return fault_set(fault, EXIT_USAGE, "'%s' is no process id", word);
	}
	if (explain_process((pid_t)pid, NULL, &e) != 0) {
		return fault_set(fault, EXIT_TIMEDIL, "process %ld: %s", pid,
				 errno == ESRCH ? "there is none, or it has ended" : strerror(errno));
	}
	printf("process: %ld, %s\n", pid, e.program);
	if (e.reach == EXPLAIN_ESCAPED) {
		printf("dilated: NO, all its clocks are the host's: %s\n", explain_cause_text(e.cause));
		return 1;
	}
	print_dilated((pid_t)pid, &e);
	return 0;
}

int cmd_explain(int argc, char **argv, struct fault *fault)
{
	int status = 0, one;

	if (argc < 2) {
		return fault_set(fault, EXIT_USAGE, "explain takes the ids of processes");
	}
	for (int i = 1; i < argc; i++) {
		if (i > 1) {
			putchar('\n');
		}
		one = explain_one(argv[i], fault);
		if (one < 0) {
			return -1;
		}
		status = one ? 1 : status;
	}
	return status;
}
