// SPDX-License-Identifier: LGPL-2.1-or-later
/* timedil set, timedil status: a clock that is already running. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "launcher.h"
#include "timedil/kick.h"

/* The page that --share or --pid names, in memory that the caller frees.  argv[optind]
 * is the first word that is no option. */
static int which_clock(int argc, char **argv, char **path, struct fault *fault)
{
	static const struct option longs[] = {
		{ "share", required_argument, NULL, 's' },
		{ "pid", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	char named[128], *end;
	long pid;
	int c;

	*path = NULL;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "s:p:", longs, NULL)) != -1) {
		free(*path);
		*path = NULL;
		if (c == 's') {
			if (clockfile_named(optarg, named, fault) != 0) {
				return -1;
			}
			*path = strdup(named);
		} else if (c == 'p') {
			errno = 0;
			pid = strtol(optarg, &end, 10);
			if (errno || *end || pid <= 0) {
				return fault_set(fault, EXIT_USAGE, "'%s' is no process id", optarg);
			}
			if (clockfile_of_process((pid_t)pid, path, fault) != 0) {
				return -1;
			}
		} else {
			return fault_set(fault, EXIT_USAGE, "bad option %s; see timedil --help",
					 argv[optind - 1]);
		}
	}
	return *path ? 0 : fault_set(fault, EXIT_USAGE, "which clock? --share NAME or --pid PID");
}

static int change(struct timedil_page *page, const char *what, struct fault *fault)
{
	struct tdf tdf;

	if (strcmp(what, "pause") == 0) {
		vpage_pause(page, wall_now());
	} else if (strcmp(what, "run") == 0) {
		vpage_run(page, wall_now());
	} else if (tdf_parse(what, &tdf) == 0) {
		vpage_set_tdf(page, wall_now(), tdf);
	} else {
		return fault_set(fault, EXIT_USAGE, "'%s' is neither a factor nor pause nor run", what);
	}
	return 0;
}

int cmd_set(int argc, char **argv, struct fault *fault)
{
	struct timedil_page *page;
	char *path = NULL;
	int lock_fd, ret = -1;

	if (which_clock(argc, argv, &path, fault) != 0) {
		goto out;
	}
	if (argc - optind != 1) {
		fault_set(fault, EXIT_USAGE, "set takes one of: a factor, pause, run");
		goto out;
	}
	page = clockfile_edit(path, &lock_fd, fault);
	if (!page) {
		goto out;
	}
	ret = change(page, argv[optind], fault);
	clockfile_release(page, lock_fd);
	if (ret == 0) {
		kick_mappers(path);
	}
out:
	free(path);
	return ret;
}

static void print_instant(const char *name, int64_t ns)
{
	time_t s = ns / NS_PER_S;
	char text[64];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("%s: %s.%03" PRId64 "Z\n", name, text, ns % NS_PER_S / NS_PER_MS);
}

int cmd_status(int argc, char **argv, struct fault *fault)
{
	const struct timedil_page *page;
	char *path = NULL, factor[40];
	struct vclock clk;
	virt_t now;

	if (which_clock(argc, argv, &path, fault) != 0) {
		free(path);
		return -1;
	}
	page = vtime_map(path);
	if (!page) {
		fault_set(fault, EXIT_TIMEDIL, "%s: %s", path,
			  errno == EPROTO ? "no clock page of this version" : strerror(errno));
		free(path);
		return -1;
	}
	vtime_load(page, &clk);
	now = vtime_now(page);
	printf("clock: %s\n", path);
	printf("state: %s\n", clk.state == TIMEDIL_RUNNING ? "running" : "paused");
	printf("tdf: %s\n", tdf_format(clk.tdf, factor, sizeof(factor)));
	printf("virtual: %.3f s since it began\n", (double)(now.ns - clk.origin_virt_ns) / 1e9);
	print_instant("virtual date", now.ns + clk.realtime_off_ns);
	printf("changes: %" PRIu32 "\n", clk.generation);
	printf("processes: %d\n", page_mappers(path));
	vtime_unmap(page);
	free(path);
	return 0;
}
