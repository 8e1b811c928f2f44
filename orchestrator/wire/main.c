// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lento-wire - the link emulator.  Started by lento (wire_spawn), never by hand.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "wire/proto.h"
#include "wire/wirectl.h"
#include "wire/wireloop.h"

enum { OPT_CLOCK = 1, OPT_LINKS, OPT_GROUPS, OPT_SEED, OPT_BUFFER, OPT_HELP };

static const struct option options[] = {
	{"clock", required_argument, NULL, OPT_CLOCK},
	{"links", required_argument, NULL, OPT_LINKS},
	{"groups", required_argument, NULL, OPT_GROUPS},
	{"seed", required_argument, NULL, OPT_SEED},
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static const char help[] =
	"lento-wire: the link emulator of lento\n"
	"\n"
	"It is started by lento, which hands it a control socket, shared counters and the\n"
	"TUN devices of the peers; it is of no use by hand.  See lento(1).\n"
	"\n"
	"  --clock FILE    clock page\n"
	"  --links N       room for N links\n"
	"  --groups N      room for N groups\n"
	"  --seed N        of the loss draws\n"
	"  --buffer BYTES  bound on all packets held; 0: 256 MiB\n";

static int parse_number(const char *text, uint64_t max, uint64_t *n, struct err *err)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *n > max) {
		return err_set(err, ERR_USAGE, "\"%s\" is no number up to %llu", text,
			       (unsigned long long)max);
	}
	return 0;
}

static int parse(int argc, char **argv, struct wireloop_config *cfg, struct err *err)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t n;

		switch (opt) {
		case OPT_HELP:
			fputs(help, stdout);
			exit(0);
		case OPT_CLOCK:
			cfg->clock_page = optarg;
			break;
		case OPT_LINKS:
		case OPT_GROUPS:
			if (parse_number(optarg, UINT32_MAX, &n, err)) {
				return -1;
			}
			*(opt == OPT_LINKS ? &cfg->max_links : &cfg->max_groups) = (uint32_t)n;
			break;
		case OPT_SEED:
		case OPT_BUFFER:
			if (parse_number(optarg, UINT64_MAX, &n, err)) {
				return -1;
			}
			*(opt == OPT_SEED ? &cfg->seed : &cfg->buffer_bytes) = n;
			break;
		default:
			return err_set(err, ERR_USAGE, "see lento-wire --help");
		}
	}
	if (optind < argc || !cfg->clock_page || !cfg->max_links) {
		return err_set(err, ERR_USAGE, "see lento-wire --help");
	}
	return 0;
}

/* What makes it punctual.  All best effort: the lateness of each packet is counted,
 * so the run says for itself whether it was enough. */
static void be_punctual(void)
{
	prctl(PR_SET_TIMERSLACK, 1);
	setpriority(PRIO_PROCESS, 0, -20);
	mlockall(MCL_CURRENT | MCL_ONFAULT);
}

/* A descriptor for each peer; the usual soft limit is 1024. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct wireloop_config cfg = {
		.control_fd = PROTO_CONTROL_FD,
		.stats_fd = PROTO_STATS_FD,
	};
	struct wireloop *loop = NULL;
	struct err err = {0};

	signal(SIGPIPE, SIG_IGN);
	if (parse(argc, argv, &cfg, &err)) {
		goto fail;
	}
	close_range(PROTO_STATS_FD + 1, ~0U, 0);
	raise_descriptor_limit();
	if (wireloop_create(&cfg, &loop, &err)) {
		wirectl_refuse(cfg.control_fd, &err);
		goto fail;
	}
	be_punctual();
	if (wireloop_run(loop, &err)) {
		goto fail;
	}
	wireloop_destroy(loop);
	return 0;
fail:
	wireloop_destroy(loop);
	fprintf(stderr, "lento-wire: %s\n", err.msg);
	return (int)err.kind;
}
