// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * twin - run the tests of all rows and say how they went, as TAP.
 *
 *	twin FACTOR [NAME...]
 *
 * FACTOR is "native", or the TDF that timedil runs us at.  Each test is a process
 * of its own, so that one may hang, crash, or keep locks; several run at a time,
 * since they sleep for the most part.  Early is wrong at once; late, beyond 2 % or
 * 5 ms, may be the machine's fault: such a test gets three more chances.
 */
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "twin.h"

#define CALL(name, kind, form, next) extern const struct twin twin_##name;
#define VARIANT(name) extern const struct twin twin_##name;
#include "timedil/calls.def"
#include "variants.def"
#undef CALL
#undef VARIANT

static const struct twin *const tests[] = {
#define CALL(name, kind, form, next) &twin_##name,
#define VARIANT(name) &twin_##name,
#include "timedil/calls.def"
#include "variants.def"
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))
#define AT_ONCE 8
#define CHANCES 4

/* Wall time for a wait, at least; and what a test may take before it hangs. */
#define WAIT_WALL_NS (300 * NS_PER_MS)
#define WAIT_VIRT_NS (100 * NS_PER_MS)
#define HANG_NS (30 * NS_PER_S)

static double factor = 1;
static int dilated;

struct outcome {
	char why[128];
	int64_t result, wall_ns;
};

/* Shared with the process that runs the test. */
static struct outcome *outcomes;
static struct outcome *own;

int64_t fail(const char *why)
{
	snprintf(own->why, sizeof(own->why), "%s", why);
	return TWIN_FAILED;
}

static int64_t begin_ns;

void twin_begin(void)
{
	begin_ns = ruler_ns();
}

double twin_factor(void)
{
	return factor;
}

int twin_dilated(void)
{
	return dilated;
}

int twin_own_network(void)
{
	static int have;
	struct ifreq lo = { .ifr_name = "lo" };
	int fd;

	if (have) {
		return 0;
	}
	if (unshare(CLONE_NEWNET) != 0) {
		return -1;
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	lo.ifr_flags = IFF_UP | IFF_RUNNING;
	have = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	return have ? 0 : -1;
}

static int64_t wait_virt_ns(void)
{
	int64_t ns = (int64_t)((double)WAIT_WALL_NS / factor);

	ns = ns > WAIT_VIRT_NS ? ns : WAIT_VIRT_NS;
	return ns / NS_PER_MS * NS_PER_MS;
}

static void run_test(const struct twin *t, struct outcome *o)
{
	int64_t first;

	own = o;
	twin_begin();
	o->result = t->run(wait_virt_ns());
	o->wall_ns = ruler_ns() - begin_ns;
	if ((t->kind == TWIN_READ || t->kind == TWIN_READ_BY_TICKS) && o->result >= 0) {
		first = o->result;
		twin_begin();
		ruler_sleep(WAIT_WALL_NS);
		o->result = t->run(0);
		o->wall_ns = ruler_ns() - begin_ns;
		o->result = o->result < 0 ? o->result : o->result - first;
	}
}

/* --- judgement ---------------------------------------------------------------------- */

enum verdict { PASSED, FAILED, SKIPPED };

static int64_t tolerance(int64_t ns)
{
	return ns / 50 > 5 * NS_PER_MS ? ns / 50 : 5 * NS_PER_MS;
}

static enum verdict judge_wait(struct outcome *o, int by_ticks)
{
	int64_t want = (int64_t)((double)o->result * factor);
	int64_t late = tolerance(want) + (by_ticks ? want / 8 + 10 * NS_PER_MS : 0);

	if (o->wall_ns < want - NS_PER_MS / 10 || o->wall_ns > want + late) {
		snprintf(o->why, sizeof(o->why), "took %.1f ms wall, not %.1f", (double)o->wall_ns / 1e6,
			 (double)want / 1e6);
		return FAILED;
	}
	return PASSED;
}

/* The wall time between two reads, over the factor; coarse clocks lag by a tick. */
static enum verdict judge_read(struct outcome *o, int by_ticks)
{
	int64_t want = (int64_t)((double)o->wall_ns / factor);
	int64_t slack = (int64_t)((double)tolerance(o->wall_ns) / factor) + NS_PER_MS;

	slack += by_ticks ? 10 * NS_PER_MS : 0;
	if (o->result < want - slack || o->result > want + slack) {
		snprintf(o->why, sizeof(o->why), "advanced by %.1f ms, not %.1f", (double)o->result / 1e6,
			 (double)want / 1e6);
		return FAILED;
	}
	return PASSED;
}

static enum verdict judge(const struct twin *t, struct outcome *o, int status)
{
	if (WIFSIGNALED(status)) {
		if (WTERMSIG(status) == SIGKILL) {
			snprintf(o->why, sizeof(o->why), "hung");
		} else {
			snprintf(o->why, sizeof(o->why), "killed by signal %d", WTERMSIG(status));
		}
		return FAILED;
	}
	if (o->result == TWIN_SKIPPED) {
		return SKIPPED;
	}
	if (o->result < 0) {
		return FAILED;
	}
	switch (t->kind) {
	case TWIN_WAIT:
	case TWIN_WAIT_BY_TICKS:
		return judge_wait(o, t->kind == TWIN_WAIT_BY_TICKS);
	case TWIN_READ:
	case TWIN_READ_BY_TICKS:
		return judge_read(o, t->kind == TWIN_READ_BY_TICKS);
	default:
		return PASSED;
	}
}

/* --- running them ---------------------------------------------------------------------- */

struct run {
	const struct twin *test;
	struct outcome *outcome;
	pid_t pid;
	int64_t deadline_ns;
	unsigned chances;
};

static void start(struct run *r)
{
	memset(r->outcome, 0, sizeof(*r->outcome));
	r->outcome->result = TWIN_FAILED;
	r->chances++;
	r->deadline_ns = ruler_ns() + HANG_NS;
	r->pid = fork();
	if (r->pid == 0) {
		run_test(r->test, r->outcome);
		_exit(0);
	}
}

static int failures;

static void report(const struct run *r, enum verdict v, const char *mode)
{
	failures += v == FAILED;
	printf("%s - %s: %s%s%s\n", v == FAILED ? "not ok" : "ok", mode, r->test->name,
	       v == SKIPPED ? " # SKIP not on this machine" : v == FAILED ? ": " : "",
	       v == FAILED ? r->outcome->why : "");
	fflush(stdout);
}

/* True when the run is over, for good. */
static int attend(struct run *r, const char *mode)
{
	enum verdict v;
	int status;

	if (waitpid(r->pid, &status, WNOHANG) == 0) {
		if (ruler_ns() > r->deadline_ns) {
			kill(r->pid, SIGKILL);
		}
		return 0;
	}
	v = judge(r->test, r->outcome, status);
	if (v == FAILED && r->chances < CHANCES) {
		start(r);
		return 0;
	}
	report(r, v, mode);
	return 1;
}

static void run_all(const struct twin *const *chosen, size_t count, const char *mode)
{
	struct run runs[AT_ONCE] = { { .test = NULL } };
	size_t next = 0, done = 0;

	while (done < count) {
		for (size_t i = 0; i < AT_ONCE; i++) {
			struct run *r = &runs[i];

			if (!r->test && next < count) {
				*r = (struct run){ .test = chosen[next++], .outcome = &outcomes[i] };
				start(r);
			} else if (r->test && attend(r, mode)) {
				r->test = NULL;
				done++;
			}
		}
		ruler_sleep(2 * NS_PER_MS);
	}
}

static size_t choose(char **names, const struct twin **chosen)
{
	size_t count = 0;

	for (size_t i = 0; i < TESTS; i++) {
		int wanted = !*names;

		for (char **n = names; *n; n++) {
			wanted |= strcmp(*n, tests[i]->name) == 0;
		}
		if (wanted) {
			chosen[count++] = tests[i];
		}
	}
	return count;
}

int main(int argc, char **argv)
{
	const struct twin *chosen[TESTS];
	char mode[32] = "native";
	size_t count;

	if (argc < 2) {
		fprintf(stderr, "usage: twin native|FACTOR [NAME...]\n");
		return 2;
	}
	if (strcmp(argv[1], "native") != 0) {
		factor = atof(argv[1]);
		dilated = 1;
		snprintf(mode, sizeof(mode), "tdf %s", argv[1]);
	}
	outcomes = mmap(NULL, AT_ONCE * sizeof(*outcomes), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcomes == MAP_FAILED || factor <= 0) {
		return 2;
	}
	count = choose(argv + 2, chosen);
	run_all(chosen, count, mode);
	printf("# %zu tests, %d failed\n", count, failures);
	return failures != 0;
}
