// SPDX-License-Identifier: GPL-2.0-or-later
#include "harness.h"

#include <net/if.h>
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

#define AT_ONCE 12

/* Long enough for 2 % of it to be 5 ms of wall time; and not too short for the program. */
#define WAIT_WALL_NS (250 * NS_PER_MS)
#define WAIT_VIRT_NS (100 * NS_PER_MS)

static const struct harness *harness;

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
	return harness->factor;
}

int twin_dilated(void)
{
	return harness->dilated;
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
	int64_t ns = (int64_t)((double)WAIT_WALL_NS / harness->factor);

	ns = ns > WAIT_VIRT_NS ? ns : WAIT_VIRT_NS;
	return ns / NS_PER_MS * NS_PER_MS;
}

static int64_t raw_cpu_ns(void)
{
	struct timespec ts;

	raw_syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, (long)&ts, 0, 0, 0, 0);
	return ns_of(ts);
}

/* Read twice, with some time in between: of the wall, or of the CPU. */
static void read_again(const struct twin *t, struct outcome *o)
{
	int cpu = t->kind == TWIN_READ_CPU;
	int64_t first = o->result, begin = cpu ? raw_cpu_ns() : ruler_ns();

	if (cpu) {
		while (raw_cpu_ns() - begin < WAIT_WALL_NS) {
		}
	} else {
		ruler_sleep(WAIT_WALL_NS);
	}
	o->result = t->run(0);
	o->wall_ns = (cpu ? raw_cpu_ns() : ruler_ns()) - begin;
	o->result = o->result < 0 ? o->result : o->result - first;
}

static int is_reader(const struct twin *t)
{
	return t->kind == TWIN_READ || t->kind == TWIN_READ_BY_TICKS || t->kind == TWIN_READ_CPU;
}

static void run_test(const struct twin *t, struct outcome *o)
{
	own = o;
	twin_begin();
	o->result = t->run(wait_virt_ns());
	o->wall_ns = ruler_ns() - begin_ns;
	if (is_reader(t) && o->result >= 0) {
		read_again(t, o);
	}
}

/* --- judgement ---------------------------------------------------------------------- */

static int64_t tolerance(int64_t ns)
{
	return ns / 50 > 5 * NS_PER_MS ? ns / 50 : 5 * NS_PER_MS;
}

static enum verdict judge_wait(struct outcome *o, int by_ticks)
{
	int64_t want = (int64_t)((double)o->result * harness->factor);
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
	int64_t want = (int64_t)((double)o->wall_ns / harness->factor);
	int64_t slack = (int64_t)((double)tolerance(o->wall_ns) / harness->factor) + NS_PER_MS;

	slack += by_ticks ? 10 * NS_PER_MS : 0;
	if (o->result < want - slack || o->result > want + slack) {
		snprintf(o->why, sizeof(o->why), "advanced by %.1f ms, not %.1f", (double)o->result / 1e6,
			 (double)want / 1e6);
		return FAILED;
	}
	return PASSED;
}

static enum verdict judge_cpu(struct outcome *o)
{
	int64_t real = o->result - o->wall_ns;
	int64_t scaled = o->result - (int64_t)((double)o->wall_ns / harness->factor);

	if (llabs(real) > 10 * NS_PER_MS && llabs(scaled) > 10 * NS_PER_MS) {
		snprintf(o->why, sizeof(o->why), "advanced by %.1f ms in %.1f ms of CPU time",
			 (double)o->result / 1e6, (double)o->wall_ns / 1e6);
		return FAILED;
	}
	return PASSED;
}

static enum verdict judge(const struct twin *t, struct outcome *o, int status)
{
	if (WIFSIGNALED(status)) {
		if (WTERMSIG(status) == SIGKILL) {
			snprintf(o->why, sizeof(o->why), "hung");
			o->hung = 1;
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
	case TWIN_READ_CPU:
		return judge_cpu(o);
	default:
		return PASSED;
	}
}

/* --- running them ---------------------------------------------------------------------- */

struct run {
	const struct job *job;
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
	r->deadline_ns = ruler_ns() + harness->hang_ns;
	r->pid = fork();
	if (r->pid == 0) {
		run_test(r->job->test, r->outcome);
		_exit(0);
	}
}

/* True when the run is over, for good. */
static int attend(struct run *r, enum verdict *v)
{
	int status;

	if (waitpid(r->pid, &status, WNOHANG) == 0) {
		if (ruler_ns() > r->deadline_ns) {
			kill(r->pid, SIGKILL);
		}
		return 0;
	}
	*v = judge(r->job->test, r->outcome, status);
	if (*v == FAILED && r->chances < harness->chances) {
		start(r);
		return 0;
	}
	return 1;
}

int harness_run(const struct harness *h, const struct job *jobs, size_t count)
{
	struct run runs[AT_ONCE] = { { .job = NULL } };
	size_t next = 0, done = 0;
	int failures = 0;
	enum verdict v;

	harness = h;
	outcomes = mmap(NULL, AT_ONCE * sizeof(*outcomes), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcomes == MAP_FAILED) {
		return (int)count;
	}
	while (done < count) {
		for (size_t i = 0; i < AT_ONCE; i++) {
			struct run *r = &runs[i];

			if (!r->job && next < count) {
				*r = (struct run){ .job = &jobs[next++], .outcome = &outcomes[i] };
				start(r);
			} else if (r->job && attend(r, &v)) {
				failures += v == FAILED;
				h->report(r->job, v, r->outcome);
				r->job = NULL;
				done++;
			}
		}
		ruler_sleep(2 * NS_PER_MS);
	}
	munmap(outcomes, AT_ONCE * sizeof(*outcomes));
	return failures;
}

int harness_mode(struct harness *h, const char *mode)
{
	char *end;

	h->factor = 1;
	h->dilated = strcmp(mode, "native") != 0;
	if (h->dilated) {
		h->factor = strtod(mode, &end);
		if (end == mode || *end || h->factor <= 0) {
			return -1;
		}
	}
	return 0;
}
