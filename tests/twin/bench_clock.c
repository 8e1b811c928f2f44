// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_clock - what a clock read costs, in wall nanoseconds, by the ruler.
 *
 * Prints "name ns" lines; the best of several rounds, since the machine has other
 * work.  scripts/bench-clock runs it bare, under our shim and under others.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "twin.h"

#define ROUNDS 9

static volatile int64_t sink;

static void read_monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sink = ts.tv_nsec;
}

static void read_realtime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	sink = ts.tv_nsec;
}

static void read_coarse(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	sink = ts.tv_nsec;
}

static void read_gettimeofday(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	sink = tv.tv_usec;
}

static void read_time(void)
{
	sink = time(NULL);
}

static void poll_now(void)
{
	sink = poll(NULL, 0, 0);
}

static void poll_brief(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	sink = poll(&p, 1, 1000);
}

static const struct {
	const char *name;
	void (*call)(void);
	int count;
} rows[] = {
	{ "clock_gettime(MONOTONIC)", read_monotonic, 400000 },
	{ "clock_gettime(REALTIME)", read_realtime, 400000 },
	{ "clock_gettime(MONOTONIC_COARSE)", read_coarse, 1000000 },
	{ "gettimeofday", read_gettimeofday, 400000 },
	{ "time", read_time, 1000000 },
	{ "poll(0 ms)", poll_now, 20000 },
	{ "poll(1000 ms), ready", poll_brief, 20000 },
};

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double best = 1e18;

		for (int r = 0; r < ROUNDS; r++) {
			int64_t begin = ruler_ns();
			double each;

			for (int k = 0; k < rows[i].count; k++) {
				rows[i].call();
			}
			each = (double)(ruler_ns() - begin) / rows[i].count;
			best = each < best ? each : best;
		}
		fprintf(stderr, "%s\t%.1f\n", rows[i].name, best);
	}
	return 0;
}
