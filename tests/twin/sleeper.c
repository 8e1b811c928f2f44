// SPDX-License-Identifier: GPL-2.0-or-later
/* sleeper MS [...] - sleep so long, and see that the clock agrees. */
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	long ms = argc > 1 ? atol(argv[1]) : 0;
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 }, a, b;
	double passed;

	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&left, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	passed = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	return passed < (double)ms || passed > 2 * (double)ms + 1000;
}
