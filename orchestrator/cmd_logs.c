// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "cmd.h"
#include "state.h"

struct logs_args {
	const char *run, *peer, *file;
	bool follow;
};

static int parse(int argc, char **argv, struct logs_args *a, struct err *err)
{
	static const struct option options[] = {
		{ "run", required_argument, NULL, 'r' },
		{ "follow", no_argument, NULL, 'f' },
		{ "stderr", no_argument, NULL, 'e' },
		{ "lento", no_argument, NULL, 'l' },
		{ 0 },
	};
	bool lento = false;
	int c;

	a->file = "stdout";
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":f", options, NULL)) >= 0) {
		switch (c) {
		case 'r':
			a->run = optarg;
			break;
		case 'f':
			a->follow = true;
			break;
		case 'e':
			a->file = "stderr";
			break;
		case 'l':
			lento = true;
			break;
		default:
			return cmd_usage("logs", err, "unknown option or missing value: \"%s\"",
					 argv[optind - 1]);
		}
	}
	if (lento ? optind != argc : optind + 1 != argc) {
		return cmd_usage("logs", err, lento ? "--lento takes no peer" : "one peer is needed");
	}
	a->peer = lento ? NULL : argv[optind];
	return 0;
}

/* The results directory: of a run that goes on, of one named, or the latest. */
static int results_dir(const struct logs_args *a, char **dir, struct err *err)
{
	struct state *state;
	struct err none;

	if (state_find(a->run, &state, a->run ? err : &none) == 0) {
		*dir = state->results_dir ? str_format("%s", state->results_dir) : NULL;
		state_free(state);
		if (*dir) {
			return 0;
		}
	}
	*dir = str_format("results/%s", a->run ?: "latest");
	if (access(*dir, F_OK) == 0) {
		return 0;
	}
	free(*dir);
	*dir = NULL;
	return err_set(err, ERR_USAGE, "neither a run nor a folder of results/ is called \"%s\"",
		       a->run ?: "latest");
}

static int copy_out(const char *path, bool follow, struct err *err)
{
	CLEAN_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[65536];
	ssize_t n;

	if (fd < 0) {
		return err_errno(err, ERR_USAGE, "%s", path);
	}
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n > 0 && fs_write_all(STDOUT_FILENO, buf, (size_t)n)) {
			return err_errno(err, ERR_FAILED, "standard output");
		}
		if (n < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "%s", path);
		}
		if (n == 0 && !follow) {
			return 0;
		}
		if (n == 0) {
			usleep(200000);
		}
	}
}

int cmd_logs(int argc, char **argv, struct err *err)
{
	struct logs_args a = { 0 };
	CLEAN_FREE char *dir = NULL;
	CLEAN_FREE char *path = NULL;

	if (parse(argc, argv, &a, err) || results_dir(&a, &dir, err)) {
		return -1;
	}
	if (a.peer && (strchr(a.peer, '/') || a.peer[0] == '.')) {
		return err_set(err, ERR_USAGE, "\"%s\" is not the name of a peer", a.peer);
	}
	path = a.peer ? str_format("%s/peers/%s/%s", dir, a.peer, a.file)
		      : str_format("%s/lento.log", dir);
	return copy_out(path, a.follow, err);
}
