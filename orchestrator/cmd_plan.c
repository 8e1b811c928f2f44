// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_plan - "lento plan": does an experiment fit, under which factor, and what binds first.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "base/fs.h"
#include "base/units.h"
#include "cmd.h"
#include "observe/host.h"
#include "paths.h"
#include "plan/plan.h"

#define MAX_SETS 64
#define HOSTS_MAX 1000
#define DEFAULT_CARD_BPS UINT64_C(1000000000)

struct plan_args {
	const char *sets[MAX_SETS + 1];
	size_t set_count;
	uint32_t hosts;
	uint64_t card_bps;
	const char *file;
};

static int parse_option(int c, struct plan_args *a, struct err *err)
{
	const char *why;
	char *end;
	unsigned long n;

	switch (c) {
	case 's':
		if (a->set_count == MAX_SETS) {
			return cmd_usage("plan", err, "more than %d --set", MAX_SETS);
		}
		a->sets[a->set_count++] = optarg;
		return 0;
	case 'h':
		n = strtoul(optarg, &end, 10);
		if (*optarg < '1' || *optarg > '9' || *end || n > HOSTS_MAX) {
			return cmd_usage("plan", err, "--hosts is a number from 1 to %d, not \"%s\"",
					 HOSTS_MAX, optarg);
		}
		a->hosts = (uint32_t)n;
		return 0;
	case 'c':
		if (units_parse_rate(optarg, &a->card_bps, &why) || !a->card_bps) {
			return cmd_usage("plan", err, "--card %s: a rate like 1Gbit/s", optarg);
		}
		return 0;
	default:
		return cmd_usage("plan", err, c == ':' ? "%s needs a value" : "unknown option \"%s\"",
				 a->file);
	}
}

static int parse(int argc, char **argv, struct plan_args *a, struct err *err)
{
	static const struct option options[] = {
		{ "set", required_argument, NULL, 's' },
		{ "hosts", required_argument, NULL, 'h' },
		{ "card", required_argument, NULL, 'c' },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		a->file = argv[optind - 1];
		if (parse_option(c, a, err)) {
			return -1;
		}
	}
	if (optind + 1 != argc) {
		return cmd_usage("plan", err, "one experiment file is needed, %d given", argc - optind);
	}
	a->file = argv[optind];
	return 0;
}

static int available_memory(uint64_t *bytes, struct err *err)
{
	CLEAN_FREE char *text = NULL;
	struct host_reading r;

	if (fs_read("/proc/meminfo", &text, NULL, err)) {
		return -1;
	}
	if (host_parse_meminfo(text, &r)) {
		return err_set(err, ERR_HOST, "/proc/meminfo: not in the form known");
	}
	*bytes = r.memory_available_bytes;
	return 0;
}

static int plan(const struct plan_args *a, const struct experiment *exp, struct err *err)
{
	CLEAN_FREE char *path = costs_path();
	struct plan_query q = { .exp = exp, .hosts = a->hosts, .card_bytes = (double)a->card_bps / 8 };
	struct host_costs *costs;
	struct plan plan;
	uint32_t enough;

	if (available_memory(&q.memory_bytes, err) || costs_load(path, &costs, err)) {
		return -1;
	}
	q.costs = costs;
	if (plan_make(&q, &plan, err)) {
		costs_destroy(costs);
		return -1;
	}
	plan_print(&q, &plan, stdout);
	enough = plan_hosts(&q, HOSTS_MAX);
	if (enough) {
		printf("  it takes       %u %s like this one\n", enough, enough == 1 ? "host" : "hosts");
	} else {
		printf("  it takes       more than %d hosts like this one, or a network faster than theirs\n",
		       HOSTS_MAX);
	}
	printf("  measured       %s, on %u x %s\n", costs->measured_at, costs->cpus, costs->cpu_model);
	costs_destroy(costs);
	return plan.memory_fits ? 0 : ERR_HOST;
}

int cmd_plan(int argc, char **argv, struct err *err)
{
	struct plan_args a = { .hosts = 1, .card_bps = DEFAULT_CARD_BPS };
	CLEAN_FREE char *images = NULL;
	struct experiment *exp;
	int status;

	if (parse(argc, argv, &a, err) || paths_share("images", &images, err) ||
	    experiment_load(a.file, a.sets, images, &exp, err)) {
		return -1;
	}
	status = plan(&a, exp, err);
	experiment_destroy(exp);
	return status;
}
