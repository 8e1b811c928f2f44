// SPDX-License-Identifier: GPL-2.0-or-later
/* The kick reaches each thread of what was named, carries its mark, and harms nobody. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "timedil/kick.h"

#define THREADS 4

/* Shared with the children: kicks that came, with the right mark and in all. */
static struct {
	int good, all, ready;
} *seen;

static void on_kick(int sig, siginfo_t *info, void *context)
{
	(void)context;
	__atomic_fetch_add(&seen->all, 1, __ATOMIC_SEQ_CST);
	if (sig == TIMEDIL_KICK_SIGNAL && info->si_code == TIMEDIL_KICK_CODE &&
	    (uintptr_t)info->si_value.sival_ptr == TIMEDIL_KICK_VALUE) {
		__atomic_fetch_add(&seen->good, 1, __ATOMIC_SEQ_CST);
	}
}

static void *idle(void *unused)
{
	__atomic_fetch_add(&seen->ready, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		pause();
	}
	return unused;
}

/* A process of THREADS threads, which counts kicks or leaves the signal alone. */
static void be_child(int counting)
{
	struct sigaction act = { .sa_sigaction = on_kick, .sa_flags = SA_SIGINFO };
	pthread_t thread;

	if (counting) {
		sigaction(TIMEDIL_KICK_SIGNAL, &act, NULL);
	}
	for (int i = 1; i < THREADS; i++) {
		pthread_create(&thread, NULL, idle, NULL);
	}
	idle(NULL);
}

static pid_t start_child(int counting)
{
	pid_t pid;

	memset(seen, 0, sizeof(*seen));
	pid = fork();
	if (pid == 0) {
		be_child(counting);
	}
	while (__atomic_load_n(&seen->ready, __ATOMIC_SEQ_CST) < THREADS) {
		usleep(1000);
	}
	return pid;
}

/* All @n must come; they are on their way when the sender returns. */
static void expect_kicks(int n)
{
	for (int i = 0; i < 5000 && __atomic_load_n(&seen->good, __ATOMIC_SEQ_CST) < n; i++) {
		usleep(1000);
	}
	assert_int_equal(seen->good, n);
	assert_int_equal(seen->all, n);
}

static void stop(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, WNOHANG), 0); /* it has survived */
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void test_process(void **state)
{
	pid_t pid = start_child(1);

	(void)state;
	assert_int_equal(kick_process(pid), THREADS);
	expect_kicks(THREADS);
	stop(pid);
	assert_int_equal(kick_process(pid), -1);
	assert_int_equal(errno, ENOENT);
}

/* Who does not know of kicks does not notice. */
static void test_ignored(void **state)
{
	pid_t pid = start_child(0);

	(void)state;
	assert_int_equal(kick_process(pid), THREADS);
	usleep(20000);
	stop(pid);
}

static void test_tree(void **state)
{
	pid_t top, grandchild;
	int fds[2];

	(void)state;
	memset(seen, 0, sizeof(*seen));
	assert_int_equal(pipe(fds), 0);
	top = fork();
	if (top == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			be_child(1);
		}
		if (write(fds[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid)) {
			_exit(1);
		}
		be_child(1);
	}
	assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	while (__atomic_load_n(&seen->ready, __ATOMIC_SEQ_CST) < 2 * THREADS) {
		usleep(1000);
	}
	assert_int_equal(kick_tree(top), 2 * THREADS);
	expect_kicks(2 * THREADS);
	kill(grandchild, SIGKILL);
	stop(top);
	close(fds[0]);
	close(fds[1]);
}

static void list_threads(const char *path, pid_t pid)
{
	char command[256];

	/* Not the first thread first: its process has to be found out. */
	snprintf(command, sizeof(command), "ls /proc/%d/task | sort -nr > %s", (int)pid, path);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* Cgroup directories as version 2 shows them, with one below as version 1 does. */
static void test_cgroup(void **state)
{
	char top[] = "/tmp/test-kick-XXXXXX", below[64], file[96];
	pid_t first = start_child(1), second;
	FILE *f;

	(void)state;
	second = fork();
	if (second == 0) {
		be_child(1);
	}
	while (__atomic_load_n(&seen->ready, __ATOMIC_SEQ_CST) < 2 * THREADS) {
		usleep(1000);
	}
	assert_non_null(mkdtemp(top));
	snprintf(below, sizeof(below), "%s/peer", top);
	assert_int_equal(mkdir(below, 0700), 0);
	assert_int_equal(kick_cgroup(top), -1);

	snprintf(file, sizeof(file), "%s/cgroup.threads", top);
	list_threads(file, first);
	f = fopen(file, "a");
	assert_non_null(f);
	fprintf(f, "0\n999999999\n"); /* of another namespace; ended */
	fclose(f);
	snprintf(file, sizeof(file), "%s/tasks", below);
	list_threads(file, second);

	assert_int_equal(kick_cgroup(top), 2 * THREADS);
	expect_kicks(2 * THREADS);
	stop(first);
	stop(second);
	unlink(file);
	rmdir(below);
	snprintf(file, sizeof(file), "%s/cgroup.threads", top);
	unlink(file);
	assert_int_equal(rmdir(top), 0);
}

static void test_mappers(void **state)
{
	char path[] = "/tmp/test-kick-XXXXXX";
	int fd = mkstemp(path);
	pid_t pid;
	void *map;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(page_mappers(path), 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	assert_int_equal(page_mappers(path), 0); /* others */
	pid = start_child(1);
	assert_int_equal(page_mappers(path), 1);
	assert_int_equal(kick_mappers(path), THREADS);
	expect_kicks(THREADS);
	stop(pid);
	munmap(map, 4096);
	unlink(path);
	assert_int_equal(kick_mappers(path), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process), cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_tree),	cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_mappers),
	};

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
