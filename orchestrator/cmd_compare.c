// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cmd_compare - "lento compare": runs or series side by side.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clean.h"
#include "cmd.h"
#include "report/compare.h"

#define MAX_SETS 26 /* they are called by a letter */

enum form { FORM_TABLE, FORM_JSON, FORM_CSV };

static int parse(int argc, char **argv, enum form *form, const char **group, struct err *err)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "group", required_argument, NULL, 'g' },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		switch (c) {
		case 'j':
			*form = FORM_JSON;
			break;
		case 'c':
			*form = FORM_CSV;
			break;
		case 'g':
			*group = optarg;
			break;
		case ':':
			return cmd_usage("compare", err, "%s needs a value", argv[optind - 1]);
		default:
			return cmd_usage("compare", err, "unknown option \"%s\"", argv[optind - 1]);
		}
	}
	if (argc - optind < 1 || argc - optind > MAX_SETS) {
		return cmd_usage("compare", err, "1 to %d results are compared, %d given", MAX_SETS,
				 argc - optind);
	}
	return 0;
}

static int check_group(const struct runset *sets, size_t count, const char *group, struct err *err)
{
	for (size_t i = 0; group && i < count; i++) {
		if (!runset_leechers(&sets[i], group)) {
			return err_set(err, ERR_USAGE, "%s has no leechers in a group \"%s\"", sets[i].label,
				       group);
		}
	}
	return 0;
}

static int compare(const struct runset *sets, size_t count, const char *group, enum form form,
		   struct err *err)
{
	CLEAN_FREE struct compared *c = calloc(count, sizeof(*c));
	int rc = 0;

	if (!c) {
		return err_errno(err, ERR_FAILED, "comparing");
	}
	compare_sets(sets, count, group, c);
	switch (form) {
	case FORM_TABLE:
		compare_print(c, count, stdout);
		break;
	case FORM_JSON:
		rc = compare_print_json(c, count, group, stdout);
		break;
	case FORM_CSV:
		compare_print_csv(c, count, stdout);
		break;
	}
	return rc || fflush(stdout) ? err_errno(err, ERR_FAILED, "standard output") : 0;
}

int cmd_compare(int argc, char **argv, struct err *err)
{
	struct runset sets[MAX_SETS] = { { 0 } };
	const char *group = NULL;
	enum form form = FORM_TABLE;
	size_t count;
	int rc = 0;

	if (parse(argc, argv, &form, &group, err)) {
		return -1;
	}
	count = (size_t)(argc - optind);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = runset_load(argv[optind + (int)i], &sets[i], err);
	}
	if (rc == 0) {
		rc = check_group(sets, count, group, err) || compare(sets, count, group, form, err) ? -1 : 0;
	}
	for (size_t i = 0; i < count; i++) {
		runset_clear(&sets[i]);
	}
	return rc;
}
