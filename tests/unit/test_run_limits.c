// SPDX-License-Identifier: GPL-2.0-or-later
/* Which figures of a peer tell that it ran into a limit, and what is then said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "run_private.h"

#define MIB (UINT64_C(1) << 20)

/* A run of one peer, on the disk alone. */
struct bed {
	char dir[32];
	char *log_dir;
	struct experiment exp;
	struct group_spec group;
	struct peer_result res;
	struct peer peer;
	struct run run;
};

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	snprintf(b->dir, sizeof(b->dir), "/tmp/test-limits-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->log_dir = str_format("%s/peers/hog-1", b->dir);
	assert_int_equal(fs_mkdirs(b->log_dir, 0755, NULL), 0);
	b->group.memory_bytes = 32 * MIB;
	b->exp.peer_count = 1;
	b->exp.payload.size_bytes = 8 * MIB;
	b->peer = (struct peer){ .name = (char *)"hog-1", .group = &b->group, .res = &b->res,
				 .state = PEER_RUNNING };
	b->run = (struct run){ .exp = &b->exp, .results_dir = b->dir, .private_dir = b->dir,
			       .peers = &b->peer };
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;

	fs_remove_tree(b->dir, NULL);
	free(b->log_dir);
	free(b);
	return 0;
}

/* A file that takes @bytes of the disk. */
static void fill(const char *dir, const char *name, off_t bytes)
{
	CLEAN_FREE char *path = str_format("%s/%s", dir, name);
	CLEAN_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, bytes), 0);
}

static void test_disk(void **state)
{
	struct bed *b = *state;
	CLEAN_FREE char *below = str_format("%s/a/b", b->log_dir);

	/* 64 MiB, and twice the payload of 8 MiB. */
	fill(b->log_dir, "stdout", 50 * MIB);
	run_limits_check(&b->run);
	assert_int_equal(b->res.limits_hit, 0);
	assert_string_equal(b->res.why, "");
	assert_int_equal(fs_mkdirs(below, 0755, NULL), 0);
	fill(below, "more", 31 * MIB);
	run_limits_check(&b->run);
	assert_int_equal(b->res.limits_hit, LIMIT_HIT_DISK);
	assert_non_null(strstr(b->res.why, "ended for filling the disk: more than 80 MiB"));
}

/* What the store holds of it beside the payload counts, too; a hole does not. */
static void test_disk_of_the_store(void **state)
{
	struct bed *b = *state;
	CLEAN_FREE char *hole = str_format("%s/hole", b->log_dir);

	fill(b->log_dir, "hole", 1);
	assert_int_equal(truncate(hole, (off_t)(1000 * MIB)), 0);
	b->run.store = (struct store *)b; /* there is one; it is not looked into */
	b->res.private_bytes = 79 * MIB;
	run_limits_check(&b->run);
	assert_int_equal(b->res.limits_hit, 0);
	b->res.private_bytes = 81 * MIB;
	run_limits_check(&b->run);
	assert_int_equal(b->res.limits_hit, LIMIT_HIT_DISK);
}

static void test_an_earlier_reason_stays(void **state)
{
	struct bed *b = *state;

	peer_fault(&b->res, "did not listen");
	fill(b->log_dir, "stdout", 81 * MIB);
	run_limits_check(&b->run);
	assert_int_equal(b->res.limits_hit, LIMIT_HIT_DISK);
	assert_string_equal(b->res.why, "did not listen");
}

static void test_who_has_ended_is_left_alone(void **state)
{
	struct bed *b = *state;

	fill(b->log_dir, "stdout", 81 * MIB);
	b->peer.state = PEER_ENDED;
	run_limits_check(&b->run);
	assert_int_equal(b->res.limits_hit, 0);
}

static void test_usage(void **state)
{
	struct bed *b = *state;
	const struct rt_usage well = { .cpu_ns = 1, .processes = 5 };
	const struct rt_usage forks = { .forks_refused = 1 }, memory = { .oom_kills = 2 };

	run_limits_usage(&b->peer, &well);
	assert_int_equal(b->res.limits_hit, 0);
	run_limits_usage(&b->peer, &forks);
	assert_int_equal(b->res.limits_hit, LIMIT_HIT_PROCESSES);
	assert_string_equal(b->res.why, "");
	run_limits_usage(&b->peer, &memory);
	assert_int_equal(b->res.limits_hit, LIMIT_HIT_PROCESSES | LIMIT_HIT_MEMORY);
	assert_non_null(strstr(b->res.why, "memory limit of 32 MiB reached"));
}

static void test_flood(void **state)
{
	struct wire_dir_stats *up;
	struct bed *b = *state;

	up = &b->res.link.dir[WIRE_UP];
	/* A client that overruns a thin line for hours, as TCP does. */
	*up = (struct wire_dir_stats){ .packets = 1000000, .queue_drops = 50000 };
	run_limits_link(&b->res);
	assert_int_equal(b->res.limits_hit, 0);
	/* A short burst. */
	*up = (struct wire_dir_stats){ .packets = 10, .queue_drops = 5000 };
	run_limits_link(&b->res);
	assert_int_equal(b->res.limits_hit, 0);
	*up = (struct wire_dir_stats){ .packets = 10000, .queue_drops = 50000 };
	run_limits_link(&b->res);
	assert_int_equal(b->res.limits_hit, LIMIT_HIT_NETWORK);
	/* What others send to it is not its doing. */
	b->res = (struct peer_result){ 0 };
	b->res.link.dir[WIRE_DOWN] = (struct wire_dir_stats){ .packets = 10, .queue_drops = 50000 };
	run_limits_link(&b->res);
	assert_int_equal(b->res.limits_hit, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_disk), CASE(test_disk_of_the_store), CASE(test_an_earlier_reason_stays),
		CASE(test_who_has_ended_is_left_alone), CASE(test_usage), CASE(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
