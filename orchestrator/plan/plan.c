// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/plan.h"

#include <math.h>
#include <string.h>

#include "base/clean.h"
#include "plan/capacity.h"
#include "plan/pacer.h"

#define MIB 0x1p20
/* What a container takes of the host beside its client: lento-init, namespaces, cgroups. */
#define CONTAINER_BYTES (1u << 20)

static bool plays(enum peer_role role)
{
	return role == ROLE_SEED || role == ROLE_LEECH;
}

/* Rates of all links, and what the peers cost merely by being there. */
static int add_peers(const struct plan_query *q, struct plan *plan, double *mib_cost, double *idle,
		     struct err *err)
{
	double weighted = 0;

	for (uint32_t i = 0; i < q->exp->peer_count; i++) {
		const struct group_spec *g = experiment_group_of(q->exp, i);
		const struct link_spec *l = experiment_peer_link(q->exp, i);
		const struct image_cost *c = costs_of(q->costs, g->image_name);

		if (!c && plays(g->role)) {
			return err_set(err, ERR_HOST, "image %s has not been measured on this host; \"sudo lento "
				       "bench host %s\" does", g->image_name, g->image_name);
		}
		plan->memory_bytes += CONTAINER_BYTES + (c ? c->memory_bytes : 0);
		*idle += c ? c->cpu_s_per_peer_s : 0;
		if (!plays(g->role)) {
			continue;
		}
		plan->unbounded = plan->unbounded || !l->up_bps || !l->down_bps;
		plan->up += (double)l->up_bps / 8;
		if (g->role == ROLE_LEECH) {
			plan->down += (double)l->down_bps / 8;
			weighted += (double)l->down_bps / 8 * c->cpu_s_per_mib;
		}
	}
	*mib_cost = plan->down > 0 ? weighted / plan->down : 0;
	return 0;
}

/* The network between hosts: rules (6) and (7) for hosts that are all alike. */
static void add_network(const struct plan_query *q, struct plan *plan)
{
	double n = q->hosts, crossing;
	uint32_t here = (plan->peers + q->hosts - 1) / q->hosts;
	/* Host 0 is one of the hosts, host 1 all the others together. */
	const struct capacity_host hosts[2] = {
		{ .peers = here, .up = plan->up / n, .down = plan->down / n },
		{ .peers = plan->peers - here, .up = plan->up * (1 - 1 / n),
		  .down = plan->down * (1 - 1 / n) },
	};

	/* Equation (4) takes the lesser of sender's and receiver's rate, so what leaves for the
	 * others together is bounded by host 0's own rate alone. */
	crossing = capacity_share(hosts, 2, 0, 1) * fmin(hosts[0].up, hosts[0].down);
	plan->matrix[0] = capacity_traffic(hosts, 2, 0, 0);
	plan->matrix[1] = crossing / (n - 1);
	plan->need[PLAN_CARD] = (struct plan_need){ .load = crossing, .room = q->card_bytes };
}

int plan_make(const struct plan_query *q, struct plan *plan, struct err *err)
{
	double mib_cost = 0, idle = 0, traffic_mib;

	*plan = (struct plan){ .peers = q->exp->peer_count };
	if (add_peers(q, plan, &mib_cost, &idle, err)) {
		return -1;
	}
	plan->traffic = fmin(plan->up, plan->down);
	traffic_mib = plan->traffic / MIB / q->hosts;
	plan->memory_bytes /= q->hosts;
	plan->memory_fits = plan->memory_bytes <= q->memory_bytes;
	plan->need[PLAN_CPU] = (struct plan_need){
		.load = traffic_mib * mib_cost + idle / q->hosts,
		.room = q->costs->cpus * PACER_BUSY_AIM,
	};
	/* One thread; what is over half of a CPU makes packets wait for each other. */
	plan->need[PLAN_WIRE] = (struct plan_need){
		.load = traffic_mib * q->costs->wire_cpu_s_per_mib, .room = PACER_BUSY_AIM,
	};
	if (q->hosts > 1) {
		add_network(q, plan);
	}
	for (int r = 0; r < PLAN_RESOURCES; r++) {
		struct plan_need *n = &plan->need[r];

		n->factor = n->room > 0 ? n->load / n->room : 0;
		if (n->factor > plan->need[plan->binding].factor) {
			plan->binding = (enum plan_resource)r;
		}
	}
	plan->cpu_share = plan->need[PLAN_CPU].load / q->costs->cpus / tdf_double(q->exp->tdf);
	return 0;
}

struct tdf plan_tdf(const struct plan *plan)
{
	/* The format ends at 1/1000. */
	return pacer_grid(fmax(plan->need[plan->binding].factor, 0.001));
}

struct tdf plan_start(const struct experiment *exp, const struct host_costs *costs)
{
	struct plan_query q = { .exp = exp, .costs = costs, .hosts = 1, .memory_bytes = UINT64_MAX };
	struct tdf start = { 1, 1 };
	struct plan plan;

	if (costs && plan_make(&q, &plan, NULL) == 0 && plan.traffic > 0) {
		start = plan_tdf(&plan);
	}
	for (int i = 0; i < 2; i++) {
		double off = tdf_double(start) - tdf_double(exp->tdf_range[i]);

		if (i == 0 ? off < 0 : off > 0) {
			start = exp->tdf_range[i];
		}
	}
	return start;
}

uint32_t plan_hosts(const struct plan_query *query, uint32_t most)
{
	for (uint32_t n = 1; n <= most; n++) {
		struct plan_query q = *query;
		struct plan plan;

		q.hosts = n;
		if (plan_make(&q, &plan, NULL)) {
			return 0;
		}
		if (plan.memory_fits && plan.need[plan.binding].factor <= tdf_double(q.exp->tdf)) {
			return n;
		}
	}
	return 0;
}

/* --- for people -------------------------------------------------------------------- */

static const char *mbit(double bytes, char *buf, size_t len)
{
	snprintf(buf, len, "%.4g Mbit/s", bytes * 8 / 1e6);
	return buf;
}

static void print_needs(const struct plan_query *q, const struct plan *plan, FILE *out)
{
	static const char *const names[] = {
		[PLAN_CPU] = "CPU time", [PLAN_WIRE] = "emulator", [PLAN_CARD] = "network card",
	};
	char load[32], room[32];

	fprintf(out, "\n  %-14s %18s %18s %10s\n", "", "virtual second", "wall second", "TDF");
	for (int r = 0; r < PLAN_RESOURCES; r++) {
		const struct plan_need *n = &plan->need[r];

		if (r == PLAN_CARD && q->hosts == 1) {
			continue;
		}
		if (r == PLAN_CARD) {
			mbit(n->load, load, sizeof(load));
			mbit(n->room, room, sizeof(room));
		} else {
			snprintf(load, sizeof(load), "%.3g s", n->load);
			snprintf(room, sizeof(room), "%.3g s", n->room);
		}
		fprintf(out, "  %-14s %18s %18s %10.3g%s\n", names[r], load, room, n->factor,
			(int)plan->binding == r ? "  binds first" : "");
	}
	fprintf(out, "  %-14s %14.0f MiB %14.0f MiB %10s\n", "memory", (double)plan->memory_bytes / MIB,
		(double)q->memory_bytes / MIB, plan->memory_fits ? "fits" : "TOO SMALL");
}

void plan_print(const struct plan_query *q, const struct plan *plan, FILE *out)
{
	char a[32], b[32], tdf[24];

	fprintf(out, "%s: %u peers on %u %s\n", q->exp->name, plan->peers, q->hosts,
		q->hosts == 1 ? "host" : "hosts");
	fprintf(out, "  uplinks together %s, leechers' downlinks %s: at most %.4g MiB a virtual second\n",
		mbit(plan->up, a, sizeof(a)), mbit(plan->down, b, sizeof(b)), plan->traffic / MIB);
	if (plan->unbounded) {
		fputs("  some links have no rate: what passes there is not in the plan\n", out);
	}
	if (q->hosts > 1) {
		fprintf(out, "  of it %s stay within a host, %s go from it to each other one\n",
			mbit(plan->matrix[0], a, sizeof(a)), mbit(plan->matrix[1], b, sizeof(b)));
	}
	print_needs(q, plan, out);
	fprintf(out, "\n  least TDF      %s\n",
		tdf_format(plan_tdf(plan), tdf, sizeof(tdf)));
	fprintf(out, "  at TDF %s      %.0f %% of the CPUs at the peak\n",
		tdf_format(q->exp->tdf, tdf, sizeof(tdf)), 100 * fmin(plan->cpu_share, 9.99));
}
