// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/tcp_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "rt/tcp_bpf.h"
#include "rt/tcp_netns.h"

struct tcp_run {
	struct rt_tcp cfg;
	struct tcp_bpf *bpf; /* NULL: none */
	char unscaled[1024];
};

/* What keeps BPF away; to @why, which is empty where it works. */
static int load(struct tcp_run *tcp, const char *cgroup_dir, struct err *why)
{
	if (!cgroup_dir) {
		return err_set(why, ERR_HOST, "no cgroup version 2 is mounted");
	}
	return tcp_bpf_load(cgroup_dir, tcp->cfg.congestion == RT_CUBIC, &tcp->bpf, why);
}

int tcp_run_create(const struct rt_tcp *cfg, const char *cgroup_dir, struct tcp_run **out,
		   struct err *err)
{
	struct tcp_run *tcp = calloc(1, sizeof(*tcp));
	bool wanted = !cfg->wall || cfg->congestion == RT_CUBIC;
	struct err why = { 0 };

	if (!tcp) {
		return err_errno(err, ERR_FAILED, "kernel TCP");
	}
	tcp->cfg = *cfg;
	if (wanted && load(tcp, cgroup_dir, &why) && cfg->congestion == RT_CUBIC) {
		free(tcp);
		return err_set(err, ERR_HOST, "CUBIC in virtual time: %s; \"congestion: reno\" needs no more "
			       "than a sysctl", why.msg);
	}
	if (cfg->wall) {
		snprintf(tcp->unscaled, sizeof(tcp->unscaled), "all of kernel TCP (as the experiment asks)");
	} else {
		tcp_netns_unscaled(tcp->bpf ? NULL : why.msg, cfg->congestion == RT_HOST, tcp->unscaled,
				   sizeof(tcp->unscaled));
	}
	*out = tcp;
	return 0;
}

void tcp_run_destroy(struct tcp_run *tcp)
{
	if (tcp) {
		tcp_bpf_destroy(tcp->bpf);
		free(tcp);
	}
}

int tcp_run_apply(const struct tcp_run *tcp, pid_t pid, struct tdf tdf, struct err *err)
{
	static const struct tdf real = { 1, 1 };
	struct tcp_netns ns = {
		.tdf = tcp->cfg.wall ? real : tdf,
		.congestion = tcp->cfg.congestion == RT_RENO  ? "reno" :
			      tcp->cfg.congestion == RT_CUBIC ? tcp_bpf_cubic(tcp->bpf) :
								NULL,
	};

	return tcp_netns_apply(pid, &ns, err);
}

void tcp_run_set_clock(struct tcp_run *tcp, const struct vclock *clk)
{
	if (tcp->bpf && !tcp->cfg.wall) {
		tcp_bpf_set_clock(tcp->bpf, clk);
	}
}

const char *tcp_run_unscaled(const struct tcp_run *tcp)
{
	return tcp->unscaled;
}
