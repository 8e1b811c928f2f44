// SPDX-License-Identifier: GPL-2.0-or-later
/* Run directories: found again, told apart, never mistaken for another process. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/fs.h"
#include "state.h"

static char root[32];

static int set_up(void **state)
{
	(void)state;
	strcpy(root, "/tmp/lento-test-XXXXXX");
	return mkdtemp(root) ? setenv("LENTO_STATE", root, 1) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(root, NULL);
}

static void a_run_is_found_again(void **state)
{
	struct state *s, *found;
	struct err err;

	(void)state;
	assert_int_equal(state_create("swarm", 3, "x.yaml", NULL, &s, &err), 0);
	s->results_dir = str_format("/r/%s", s->id);
	s->wire = proc_id_of(getpid());
	assert_int_equal(state_save(s, &err), 0);
	assert_int_equal(state_find(NULL, &found, &err), 0);
	assert_string_equal(found->id, s->id);
	assert_string_equal(found->results_dir, s->results_dir);
	assert_string_equal(found->experiment, "x.yaml");
	assert_true(state_alive(found, found->lento));
	assert_true(state_alive(found, found->wire));
	assert_false(state_alive(found, found->store));
	state_free(found);
	assert_int_equal(state_find("swarm-3", &found, &err), 0);
	state_free(found);
	assert_int_equal(state_remove(s, &err), 0);
	assert_int_equal(state_find(NULL, &found, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
}

static void names_never_collide(void **state)
{
	struct state *a, *b, *found;
	struct err err;

	(void)state;
	assert_int_equal(state_create("x", 1, "x.yaml", NULL, &a, &err), 0);
	assert_int_equal(state_create("x", 1, "x.yaml", NULL, &b, &err), 0);
	assert_string_not_equal(a->id, b->id);
	assert_int_equal(state_find(NULL, &found, &err), -1);
	assert_non_null(strstr(err.msg, a->id));
	state_remove(a, NULL);
	state_remove(b, NULL);
}

/* A run that was killed, and removed within its second, has left its results. */
static void names_of_results_never_collide(void **state)
{
	CLEAN_FREE char *results = str_format("%s-results", root), *left = NULL;
	struct state *a, *b;
	struct err err;

	(void)state;
	assert_int_equal(state_create("x", 1, "x.yaml", results, &a, &err), 0);
	left = str_format("%s/%s", results, a->id);
	assert_int_equal(fs_mkdirs(left, 0755, &err), 0);
	state_remove(a, NULL);
	assert_int_equal(state_create("x", 1, "x.yaml", results, &b, &err), 0);
	assert_null(strstr(left, b->id));
	state_remove(b, NULL);
	assert_int_equal(fs_remove_tree(results, NULL), 0);
}

static void a_pid_used_again_is_not_ours(void **state)
{
	struct state *s;
	struct err err;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(state_create("x", 1, "x.yaml", NULL, &s, &err), 0);
	s->wire = proc_id_of(pid);
	assert_true(state_alive(s, s->wire));
	s->wire.start_ticks++;
	assert_false(state_alive(s, s->wire));
	s->wire.start_ticks--;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(state_alive(s, s->wire));
	s->lento.pid = getpid();
	strcpy(s->boot_id, "another-boot");
	assert_false(state_alive(s, s->lento));
	state_remove(s, NULL);
}

static void half_a_run_can_be_loaded(void **state)
{
	CLEAN_FREE char *dir = str_format("%s/half-1-x", root);
	struct state *s;
	struct err err;

	(void)state;
	mkdir(dir, 0755);
	assert_int_equal(state_load("half-1-x", &s, &err), 0);
	assert_false(state_alive(s, s->lento));
	assert_int_equal(state_remove(s, &err), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(state_load("../etc", &s, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_run_is_found_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_never_collide, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_of_results_never_collide, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pid_used_again_is_not_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_a_run_can_be_loaded, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
