// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/tcp_netns.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/net_times.h"
#include "rt/netns.h"
#include "rt/rto_route.h"

#define SYSCTL_DIR "/proc/sys/net/"
#define RTO_MIN_MS 200

static int write_sysctl(const char *name, const char *value, struct err *err)
{
	CLEAN_FREE char *path = str_format(SYSCTL_DIR "%s", name);

	if (access(path, F_OK)) {
		return 0;
	}
	return fs_write_knob(path, value, err);
}

/* At least 1: 0 would mean the kernel's own. */
static unsigned rto_min_ms(struct tdf tdf)
{
	double ms = RTO_MIN_MS * tdf_double(tdf);

	return ms < 1 ? 1 : (unsigned)ms;
}

static int apply_here(const void *arg, struct err *err)
{
	const struct tcp_netns *cfg = arg;

	if (write_sysctl("ipv4/ping_group_range", "0 2147483647", err) ||
	    (cfg->congestion && write_sysctl("ipv4/tcp_congestion_control", cfg->congestion, err))) {
		return -1;
	}
	for (size_t i = 0; i < net_time_count; i++) {
		CLEAN_FREE char *value = str_format("%ld", net_time_scaled(&net_times[i], cfg->tdf));

		if (write_sysctl(net_times[i].sysctl, value, err)) {
			return -1;
		}
	}
	return rto_route_set("eth0", rto_min_ms(cfg->tdf), err);
}

int tcp_netns_apply(pid_t pid, const struct tcp_netns *cfg, struct err *err)
{
	return netns_call(pid, apply_here, cfg, err);
}

/* --- what stays --------------------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static void add(char *text, size_t bytes, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, bytes - used, fmt, ap);
	va_end(ap);
}

void tcp_netns_unscaled(const char *no_bpf, bool host_congestion, char *text, size_t bytes)
{
	snprintf(text, bytes, "delayed ACK (40 to 200 ms), TIME_WAIT (60 s), "
		 "RTO maximum (120 s), metrics cache (1 h)");
	if (no_bpf) {
		add(text, bytes, ", initial RTO (1 s; no BPF: %s)", no_bpf);
	}
	if (host_congestion) {
		add(text, bytes, ", what the host's congestion control keeps of its own");
	}
	for (size_t i = 0; i < net_time_count; i++) {
		CLEAN_FREE char *path = str_format(SYSCTL_DIR "%s", net_times[i].sysctl);

		if (net_times[i].lack && access(path, F_OK)) {
			add(text, bytes, ", %s (no %s in this kernel)", net_times[i].lack, net_times[i].sysctl);
		}
	}
}
