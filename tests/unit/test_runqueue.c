// SPDX-License-Identifier: GPL-2.0-or-later
/* observe/runqueue: growth of the threads' counters by peer, from files that look like /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "observe/runqueue.h"

struct bed {
	char root[32];
	struct runqueue *rq;
	wall_t wall;
	virt_t virt;
};

static int set_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	snprintf(bed->root, sizeof(bed->root), "/tmp/runqueue-XXXXXX");
	if (!mkdtemp(bed->root) || runqueue_create(bed->root, 2, &bed->rq, NULL)) {
		return -1;
	}
	*state = bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	runqueue_destroy(bed->rq);
	fs_remove_tree(bed->root, NULL);
	free(bed);
	return 0;
}

static void thread_says(const struct bed *bed, int pid, int tid, const char *schedstat)
{
	CLEAN_FREE char *dir = str_format("%s/proc/%d/task/%d", bed->root, pid, tid);
	CLEAN_FREE char *path = str_format("%s/schedstat", dir);

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(path, schedstat, strlen(schedstat), NULL), 0);
}

static void thread_ends(const struct bed *bed, int pid, int tid)
{
	CLEAN_FREE char *dir = str_format("%s/proc/%d/task/%d", bed->root, pid, tid);

	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

/* A wall second after the last look, of which @virt_ms have passed in virtual time. */
static const struct runqueue_times *look(struct bed *bed, uint32_t peer, int virt_ms, int pid)
{
	bed->wall.ns += NS_PER_S;
	bed->virt.ns += virt_ms * NS_PER_MS;
	runqueue_begin(bed->rq, peer);
	runqueue_process(bed->rq, pid);
	runqueue_end(bed->rq, bed->wall, bed->virt);
	return runqueue_of(bed->rq, peer);
}

static void test_parse(void **state)
{
	struct runqueue_times t;

	(void)state;
	assert_true(runqueue_parse("12 34 5\n", &t));
	assert_int_equal(t.cpu_wns, 12);
	assert_int_equal(t.wait_wns, 34);
	assert_int_equal(t.turns, 5);
	assert_false(runqueue_parse("12 34", &t));
	assert_false(runqueue_parse("", &t));
}

static void test_growth(void **state)
{
	struct bed *bed = *state;
	const struct runqueue_times *t;

	thread_says(bed, 70, 70, "1000 500 10");
	t = look(bed, 0, 500, 70);
	assert_int_equal(t->turns, 0); /* what it did before is not ours */
	thread_says(bed, 70, 70, "1600 900 14");
	look(bed, 0, 500, 70);
	assert_int_equal(t->cpu_wns, 600);
	assert_int_equal(t->wait_wns, 400);
	assert_int_equal(t->turns, 4);
	assert_true(t->wait_vns == 200);
	/* Another factor weighs what comes after it only. */
	thread_says(bed, 70, 70, "1600 1000 15");
	look(bed, 0, 2000, 70);
	assert_true(t->wait_vns == 400);
	assert_int_equal(runqueue_of(bed->rq, 1)->turns, 0);
}

static void test_threads_come_and_go(void **state)
{
	struct bed *bed = *state;
	const struct runqueue_times *t;

	thread_says(bed, 70, 70, "1000 500 10");
	t = look(bed, 1, 1000, 70);
	/* A thread, or a process, that is new: whole. */
	thread_says(bed, 70, 71, "20 30 1");
	look(bed, 1, 1000, 70);
	assert_int_equal(t->wait_wns, 30);
	thread_ends(bed, 70, 71);
	look(bed, 1, 1000, 70);
	assert_int_equal(t->wait_wns, 30);
	/* Its number again, for another one. */
	thread_says(bed, 70, 71, "10 5 1");
	look(bed, 1, 1000, 70);
	assert_int_equal(t->wait_wns, 35);
	/* The same between two looks. */
	thread_says(bed, 70, 71, "3 2 1");
	look(bed, 1, 1000, 70);
	assert_int_equal(t->wait_wns, 37);
	assert_int_equal(t->cpu_wns, 33);
	/* A process that is no more. */
	look(bed, 1, 1000, 99);
	assert_int_equal(t->wait_wns, 37);
}

static void test_this_process(void **state)
{
	struct runqueue *rq;

	(void)state;
	assert_int_equal(runqueue_create("", 1, &rq, NULL), 0);
	for (int i = 0; i < 2; i++) {
		runqueue_begin(rq, 0);
		runqueue_process(rq, getpid());
		runqueue_end(rq, wall_now(), (virt_t){ wall_now().ns });
		usleep(1000);
	}
	assert_true(runqueue_of(rq, 0)->turns >= 1);
	runqueue_destroy(rq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test_setup_teardown(test_growth, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads_come_and_go, set_up, tear_down),
		cmocka_unit_test(test_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
