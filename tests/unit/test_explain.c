// SPDX-License-Identifier: GPL-2.0-or-later
/* What a process has in its memory, and what follows for its clocks; tests/twin/explain.t asks
 * the same of dilated programs. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "timedil/explain.h"
#include "timedil/kick.h"
#include "timedil/maps.h"
#include "timedil/vtime.h"

static int find_own_code(const struct mapping *m, void *arg)
{
	uintptr_t here = (uintptr_t)find_own_code;

	(void)arg;
	return here >= m->begin && here < m->end ? (m->executable && !m->shared && m->ino ? 7 : 8) : 0;
}

static void test_maps(void **state)
{
	(void)state;
	assert_int_equal(maps_each(getpid(), find_own_code, NULL), 7);
	assert_int_equal(maps_each(INT32_MAX, find_own_code, NULL), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_not_dilated(void **state)
{
	struct explain e;

	(void)state;
	unsetenv("LD_PRELOAD");
	assert_int_equal(explain_process(getpid(), NULL, &e), 0);
	assert_int_equal(e.reach, EXPLAIN_ESCAPED);
	assert_int_equal(e.cause, EXPLAIN_ENVIRONMENT);
	assert_non_null(strstr(e.program, "test_explain"));
	assert_string_equal(e.page, "");
	assert_int_equal(e.threads, 1);
	assert_int_equal(e.deaf, 0);
	assert_int_equal(e.rings, 0);
}

static void test_deaf(void **state)
{
	struct explain e;
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, TIMEDIL_KICK_SIGNAL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(explain_process(getpid(), NULL, &e), 0);
	assert_int_equal(e.deaf, 1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* A page alone dilates nobody; another page than the run's is worth a word of its own. */
static void test_pages(void **state)
{
	char dir[] = "/dev/shm/test_explain.XXXXXX", ours[64], other[64];
	struct timedil_page *made[2];
	const struct timedil_page *mapped;
	struct stat st_ours, st_other;
	struct explain e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(ours, sizeof(ours), "%s/ours", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	made[0] = vpage_create(ours, (struct tdf){ 10, 1 });
	made[1] = vpage_create(other, (struct tdf){ 2, 1 });
	assert_non_null(made[0]);
	assert_non_null(made[1]);
	assert_int_equal(stat(ours, &st_ours), 0);
	assert_int_equal(stat(other, &st_other), 0);
	vpage_close(made[0]);
	vpage_close(made[1]);

	mapped = vtime_map(ours);
	assert_non_null(mapped);
	assert_int_equal(explain_process(getpid(), &st_ours, &e), 0);
	assert_int_equal(e.reach, EXPLAIN_ESCAPED);
	assert_int_equal(e.cause, EXPLAIN_ENVIRONMENT);
	assert_int_equal(explain_process(getpid(), &st_other, &e), 0);
	assert_int_equal(e.cause, EXPLAIN_OTHER_CLOCK);
	vtime_unmap(mapped);
	unlink(ours);
	unlink(other);
	rmdir(dir);
}

static void test_ended(void **state)
{
	siginfo_t info;
	struct explain e;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(explain_process(pid, NULL, &e), -1);
	assert_int_equal(errno, ESRCH); /* a zombie */
	waitpid(pid, NULL, 0);
	assert_int_equal(explain_process(pid, NULL, &e), -1);
	assert_int_equal(errno, ESRCH);
}

static void test_causes_have_texts(void **state)
{
	(void)state;
	for (int cause = EXPLAIN_UNKNOWN; cause <= EXPLAIN_OTHER_CLOCK; cause++) {
		assert_non_null(explain_cause_text((enum explain_cause)cause));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),	cmocka_unit_test(test_not_dilated),
		cmocka_unit_test(test_deaf),	cmocka_unit_test(test_pages),
		cmocka_unit_test(test_ended),	cmocka_unit_test(test_causes_have_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
