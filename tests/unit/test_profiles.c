// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every profile loads, draws for each of a thousand peers, and is in the list of its folder; what a provider's
 * own profile has is what the profile of all of them has.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/draw.h"

#define FOLDER "topologies/profiles/"
#define PEERS 1000u

/* An experiment whose one group draws from @profile. */
static struct experiment *load(const char *profile)
{
	CLEAN_FREE char *text = str_format("name: profile\nlinks: {}\ngroups:\n"
		"  peers: {image: idle, count: %u, link: {profile: %s}, addresses: 198.18.0.0/16}\n",
		PEERS, profile);
	char path[] = "/tmp/lento-test-profiles-XXXXXX";
	struct experiment *exp = NULL;
	struct err err = {0};
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	close(fd);
	if (experiment_load(path, NULL, "images", &exp, &err)) {
		fail_msg("%s", err.msg);
	}
	unlink(path);
	return exp;
}

static void load_and_draw(const char *name)
{
	struct experiment *exp = load(name);
	CLEAN_FREE char *svg = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&svg, &len);

	assert_non_null(out);
	draw_links_svg(exp, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(svg, "the lines of 1000 peers"));
	assert_null(strstr(svg, "directions without a rate"));
	for (uint32_t i = 0; i < PEERS; i++) {
		const struct link_spec *l = experiment_peer_link(exp, i);

		/* A home line has rates, takes time, and sends no faster than it receives. */
		assert_true(l->down_bps >= l->up_bps && l->up_bps >= 128000);
		assert_true(l->down_delay_ns > 0 && l->up_delay_ns > 0);
	}
	experiment_destroy(exp);
}

static void each_loads_draws_and_is_listed(void **state)
{
	CLEAN_FREE char *list = NULL;
	struct err err = {0};
	glob_t files;

	(void)state;
	assert_int_equal(fs_read(FOLDER "README.md", &list, NULL, &err), 0);
	assert_int_equal(glob(FOLDER "*.yaml", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 20);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *base = files.gl_pathv[i] + strlen(FOLDER);
		CLEAN_FREE char *name = strndup(base, strlen(base) - strlen(".yaml"));
		CLEAN_FREE char *quoted = str_format("`%s`", name);

		if (!strstr(list, quoted)) {
			fail_msg("%s is not in %sREADME.md", name, FOLDER);
		}
		load_and_draw(name);
	}
	globfree(&files);
}

static const struct link_spec *find_link(const struct experiment *exp, const char *name)
{
	for (size_t i = 0; i < exp->link_count; i++) {
		if (strcmp(exp->links[i].name, name) == 0) {
			return &exp->links[i];
		}
	}
	fail_msg("there is no link \"%s\"", name);
	return NULL;
}

static void assert_queues_alike(const struct queue_spec *a, const struct queue_spec *b)
{
	assert_int_equal(a->unit, b->unit);
	assert_int_equal(a->limit, b->limit);
	assert_int_equal(a->discipline, b->discipline);
}

static void assert_alike(const struct link_spec *a, const struct link_spec *b)
{
	assert_int_equal(a->down_bps, b->down_bps);
	assert_int_equal(a->up_bps, b->up_bps);
	assert_int_equal(a->down_delay_ns, b->down_delay_ns);
	assert_int_equal(a->up_delay_ns, b->up_delay_ns);
	assert_int_equal(a->up_jitter.spread_ns, b->up_jitter.spread_ns);
	assert_true(a->up_loss == b->up_loss && a->down_loss == b->down_loss);
	assert_queues_alike(&a->down_queue, &b->down_queue);
	assert_queues_alike(&a->up_queue, &b->up_queue);
}

static void those_of_2007_agree(void **state)
{
	static const struct {
		const char *name;
		size_t tiers;
	} providers[] = {
		{"ameritech", 4}, {"bellsouth", 4}, {"pacbell", 4}, {"swbell", 4}, {"qwest", 3}, {"bt", 4},
		{"charter", 6}, {"comcast", 6}, {"roadrunner", 6}, {"rogers", 6}, {"chello", 6},
	};
	struct experiment *all = load("dischinger-2007");
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
		struct experiment *one = load(providers[i].name);

		assert_int_equal(one->link_count, providers[i].tiers);
		for (size_t tier = 1; tier <= one->link_count; tier++, lines++) {
			CLEAN_FREE char *of_all = str_format("dischinger-2007-%s-%zu", providers[i].name, tier);

			assert_alike(&one->links[tier - 1], find_link(all, of_all));
		}
		experiment_destroy(one);
	}
	assert_int_equal(lines, all->link_count);
	experiment_destroy(all);
}

static void those_of_2019_agree(void **state)
{
	static const struct {
		const char *name, *line;
	} technologies[] = {
		{"uk-adsl-all", "ofcom-2019-adsl"}, {"uk-fttc-all", "ofcom-2019-fttc"},
		{"uk-cable-virgin200", "ofcom-2019-cable-virgin200"},
		{"uk-ftth-all", "ofcom-2019-ftth"}, {"uk-fwa-ee", "ofcom-2019-fwa-ee"},
	};
	struct experiment *all = load("ofcom-2019");

	(void)state;
	assert_int_equal(all->link_count, ARRAY_LEN(technologies));
	for (size_t i = 0; i < ARRAY_LEN(technologies); i++) {
		struct experiment *one = load(technologies[i].name);

		assert_int_equal(one->link_count, 1);
		assert_alike(&one->links[0], find_link(all, technologies[i].line));
		experiment_destroy(one);
	}
	experiment_destroy(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_loads_draws_and_is_listed),
		cmocka_unit_test(those_of_2007_agree),
		cmocka_unit_test(those_of_2019_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
