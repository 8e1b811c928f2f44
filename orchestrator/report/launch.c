// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/launch.h"

#include <stdlib.h>

#include "base/clean.h"
#include "report/quantile.h"

static const char *const step_names[LAUNCH_STEP_COUNT] = {
	[LAUNCH_CREATE] = "create", [LAUNCH_START] = "start", [LAUNCH_NAMESPACE] = "namespace",
	[LAUNCH_DEVICE] = "device", [LAUNCH_BOOT] = "boot", [LAUNCH_HELLO] = "hello",
	[LAUNCH_READY] = "ready",
};

void launch_figures(const struct result *res, enum launch_step step, struct launch_figures *out)
{
	CLEAN_FREE int64_t *times = calloc(res->peer_count + 1, sizeof(*times));
	size_t n = 0;

	*out = (struct launch_figures){ .name = step_names[step] };
	for (size_t i = 0; times && i < res->peer_count; i++) {
		if (res->peers[i].launch_wns[step] >= 0) {
			times[n++] = res->peers[i].launch_wns[step];
		}
	}
	if (n == 0) {
		return;
	}
	quantile_sort(times, n);
	out->peers = n;
	out->p50_wns = quantile_of(times, n, 0.5);
	out->p99_wns = quantile_of(times, n, 0.99);
	out->max_wns = (double)times[n - 1];
}
