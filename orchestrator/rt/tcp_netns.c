// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/tcp_netns.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/netns.h"

#define SYSCTL_DIR "/proc/sys/net/ipv4/"

/* Defaults as in Linux 6.18; an older kernel lacks some of the knobs. */
const struct tcp_constant tcp_constants[] = {
	{ "tcp_rto_min_us", 200000, 1, INT_MAX, false },
	{ "tcp_rto_max_ms", 120000, 1000, 120000, false },
	{ "tcp_fin_timeout", 60, 1, INT_MAX / 1000, true },
	{ "tcp_keepalive_time", 7200, 1, INT_MAX / 1000, false },
	{ "tcp_keepalive_intvl", 75, 1, INT_MAX / 1000, false },
	{ "tcp_min_rtt_wlen", 300, 1, 86400, false },
	{ "tcp_comp_sack_delay_ns", 1000000, 1, INT_MAX, false },
	{ "tcp_comp_sack_slack_ns", 100000, 1, INT_MAX, false },
	{ "tcp_probe_interval", 600, 1, INT_MAX, false },
	{ "tcp_invalid_ratelimit", 500, 1, INT_MAX, false },
	{ "tcp_tw_reuse_delay", 1000, 1, 60000, false },
	{ "ipfrag_time", 30, 1, INT_MAX / 1000, false },
};
const size_t tcp_constant_count = ARRAY_LEN(tcp_constants);

/* Not a matter of the factor, but of what a peer's namespace should be like. */
static const struct {
	const char *sysctl, *value;
} plain_settings[] = {
	{ "tcp_congestion_control", "reno" },
	{ "ping_group_range", "0 2147483647" },
};

/*
 * FIN_WAIT2 lasts F seconds for F up to 60; above, the kernel waits F-60 seconds
 * twice.  So a wait of T > 60 seconds needs F = T/2 + 60.
 */
static double fin_timeout(double seconds)
{
	return seconds <= 60 ? seconds : seconds / 2 + 60;
}

long tcp_constant_scaled(const struct tcp_constant *c, struct tdf tdf)
{
	double v = (double)c->value * tdf.num / tdf.den;

	v = c->is_fin ? fin_timeout(v) : v;
	v = c->min && v < (double)c->min ? (double)c->min : v;
	v = c->max && v > (double)c->max ? (double)c->max : v;
	return lround(v);
}

static int write_sysctl(const char *name, const char *value, struct err *err)
{
	CLEAN_FREE char *path = str_format(SYSCTL_DIR "%s", name);

	if (access(path, F_OK)) {
		return 0;
	}
	return fs_write_knob(path, value, err);
}

static int apply_here(const void *arg, struct err *err)
{
	const struct tdf *tdf = arg;

	for (size_t i = 0; i < ARRAY_LEN(plain_settings); i++) {
		if (write_sysctl(plain_settings[i].sysctl, plain_settings[i].value, err)) {
			return -1;
		}
	}
	for (size_t i = 0; i < tcp_constant_count; i++) {
		CLEAN_FREE char *value = str_format("%ld", tcp_constant_scaled(&tcp_constants[i], *tdf));

		if (write_sysctl(tcp_constants[i].sysctl, value, err)) {
			return -1;
		}
	}
	return 0;
}

int tcp_netns_apply(pid_t pid, struct tdf tdf, struct err *err)
{
	return netns_call(pid, apply_here, &tdf, err);
}

const char *tcp_netns_unscaled(void)
{
	static char text[512];
	size_t used;

	if (text[0]) {
		return text;
	}
	snprintf(text, sizeof(text), "delayed ACK (40 to 200 ms), initial RTO (1 s), "
		 "TIME_WAIT (60 s), RTO maximum (120 s), metrics cache (1 h)");
	for (size_t i = 0; i < tcp_constant_count; i++) {
		CLEAN_FREE char *path = str_format(SYSCTL_DIR "%s", tcp_constants[i].sysctl);

		used = strlen(text);
		if (access(path, F_OK)) {
			snprintf(text + used, sizeof(text) - used, ", %s (not in this kernel)",
				 tcp_constants[i].sysctl);
		}
	}
	return text;
}
