// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verdict - can the numbers of this run be trusted?
 *
 * Theory of operation.  Dilated time makes a slow host look fast only while the
 * host does its dilated work in time.  Where it did not, the run saw delays,
 * losses or starved programs that no link of the experiment asked for.  Each rule
 * below measures one such influence as a figure that is 0 in an ideal run, and
 * holds it against two limits: above the first the run is degraded (its figures may
 * be off by more than a small part), above the second invalid (they mean nothing).
 * The worst level that any rule reaches is the verdict; every rule that spoke is
 * named with its figure and limit.
 *
 * Lateness is judged in virtual time, each packet's under the factor that it was late
 * under: a wall millisecond weighs ten times as much at TDF 1 as at TDF 10.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "report/lateness.h"
#include "report/result.h"

#define NEVER INFINITY

/* Less free memory than this, and the page cache is being squeezed. */
#define MEMORY_FLOOR_BYTES (UINT64_C(128) << 20)

enum figure_unit { UNIT_COUNT, UNIT_SHARE, UNIT_VIRTUAL_MS, UNIT_RATIO, UNIT_MIB };

struct rule {
	const char *name;
	enum figure_unit unit;
	double degraded, invalid;   /* the figure may not exceed these */
	/* The figure, and in @text what it is, without the limit. */
	double (*measure)(const struct result *res, char *text, size_t len);
};

/* --- what several rules need ----------------------------------------------- */

static double ratio(struct tdf tdf)
{
	return tdf.den ? (double)tdf.num / (double)tdf.den : 1.0;
}

static const struct link_spec *link_of(const struct result *res, size_t peer)
{
	return peer < res->exp->peer_count ? experiment_peer_link(res->exp, (uint32_t)peer) : NULL;
}

/* "a, b, c and 5 more" into @text, for peers that @pick selects; returns how many. */
static unsigned list_peers(const struct result *res, bool (*pick)(const struct result *, size_t),
			   char *text, size_t len)
{
	unsigned found = 0, named = 0;

	text[0] = '\0';
	for (size_t i = 0; i < res->peer_count; i++) {
		size_t used = strlen(text);

		if (!pick(res, i)) {
			continue;
		}
		if (found++ < 3) {
			snprintf(text + used, len - used, "%s%s", named++ ? ", " : "",
				 res->peers[i].name);
		}
	}
	if (found > named) {
		size_t used = strlen(text);

		snprintf(text + used, len - used, " and %u more", found - named);
	}
	return found;
}

/* --- measures ---------------------------------------------------------------- */

static double measure_failure(const struct result *res, char *text, size_t len)
{
	snprintf(text, len, "%s", res->failure);
	return res->failure[0] ? 1 : 0;
}

static bool differs(const struct result *res, size_t i)
{
	return res->peers[i].verified == 0;
}

static double measure_payload(const struct result *res, char *text, size_t len)
{
	char names[128];
	unsigned count = list_peers(res, differs, names, sizeof(names));

	snprintf(text, len, "payload not byte-exact at %u peers: %s", count, names);
	return count;
}

/*
 * No peer can have the payload sooner than its own downlink carries it; one that
 * did got bytes past the emulator, or ran on another clock.  One per cent is left
 * for the instants, which are taken where the store and the peer's init see them.
 */
static bool too_fast(const struct result *res, size_t i)
{
	const struct peer_result *peer = &res->peers[i];
	const struct link_spec *link = link_of(res, i);
	double least_ns;

	if (peer->role != ROLE_LEECH || peer->complete_ns < 0 || peer->started_ns < 0 ||
	    !link || !link->down_bps) {
		return false;
	}
	least_ns = (double)res->exp->payload.size_bytes * 8e9 / (double)link->down_bps;
	return (double)(peer->complete_ns - peer->started_ns) < 0.99 * least_ns;
}

static double measure_too_fast(const struct result *res, char *text, size_t len)
{
	char names[128];
	unsigned count = list_peers(res, too_fast, names, sizeof(names));

	snprintf(text, len, "%u peers completed faster than their link carries: %s", count, names);
	return count;
}

/* The run's two durations against its factors; a pause's wall time is not recorded,
 * so a run that was paused is not judged by this rule. */
static double measure_clock(const struct result *res, char *text, size_t len)
{
	double expected = 0, tdf = ratio(res->exp->tdf);
	int64_t since = 0;

	for (size_t i = 0; i < res->tdf_change_count; i++) {
		const struct tdf_change *change = &res->tdf_changes[i];

		if (change->paused) {
			return 0;
		}
		expected += (double)(change->at_ns - since) * tdf;
		tdf = ratio(change->tdf);
		since = change->at_ns;
	}
	expected += (double)(res->virt_ns - since) * tdf;
	if (res->wall_ns < NS_PER_S) {
		return 0; /* too short to tell a drift from a start */
	}
	snprintf(text, len, "virtual and wall time disagree: %.3f s wall where the TDF asks for %.3f s",
		 (double)res->wall_ns / 1e9, expected / 1e9);
	/* 100 ms: the two ends of the phase are not read at one instant. */
	return fmax(fabs((double)res->wall_ns - expected) - 100e6, 0) / (double)res->wall_ns;
}

static double measure_late(const struct result *res, char *text, size_t len)
{
	double late = 0, total = 0, worst_vms = 0;

	for (size_t i = 0; i < res->peer_count; i++) {
		const struct wire_link_stats *stats = &res->peers[i].link;
		const struct link_spec *link = link_of(res, i);

		if (!link) {
			continue;
		}
		late += lateness_beyond(stats->late_hist_virt, lateness_allowance_vns(link) / 1e3);
		total += lateness_packets(stats->late_hist_virt);
		worst_vms = fmax(worst_vms, (double)stats->late_max_vns / 1e6);
	}
	snprintf(text, len, "%.3g %% of %.0f packets later than 1 virtual ms or 10 %% of the link's "
		 "delay plus one frame; worst %.3g virtual ms",
		 total > 0 ? 100 * late / total : 0, total, worst_vms);
	return total > 0 ? late / total : 0;
}

static double measure_stall(const struct result *res, char *text, size_t len)
{
	double vms = (double)res->wire.loop_max_vns / 1e6;

	snprintf(text, len, "the link emulator stood still for %.4g virtual ms", vms);
	return vms;
}

static void add_faults(const struct wire_link_stats *link, uint64_t *drops, uint64_t *packets)
{
	for (int d = WIRE_UP; d <= WIRE_DOWN; d++) {
		*drops += link->dir[d].fault_drops;
		*packets += link->dir[d].packets;
	}
}

static double measure_fault_drops(const struct result *res, char *text, size_t len)
{
	uint64_t drops = 0, packets = 0;

	for (size_t i = 0; i < res->peer_count; i++) {
		add_faults(&res->peers[i].link, &drops, &packets);
	}
	for (uint32_t g = 0; res->gateways && g < res->exp->gateway_count; g++) {
		add_faults(&res->gateways[g], &drops, &packets);
	}
	snprintf(text, len, "%" PRIu64 " packets lost by our own fault (%.3g %%)", drops,
		 100 * (double)drops / (double)(packets + drops ? packets + drops : 1));
	return drops ? (double)drops / (double)(packets + drops) : 0;
}

/* A figure of the calibration in the unit that one reads it in. */
static const char *calibrated_text(const struct calibration_result *c, double value, char *buf,
				   size_t len)
{
	if (strcmp(c->figure, "rtt") == 0) {
		snprintf(buf, len, "%.4g virtual ms", value / 1e6);
	} else if (strcmp(c->figure, "loss") == 0 || strcmp(c->figure, "jitter") == 0) {
		snprintf(buf, len, "%.3g %%", 100 * value);
	} else if (value >= 1e6) {
		snprintf(buf, len, "%.4g Mbit/s", value / 1e6);
	} else {
		snprintf(buf, len, "%.4g kbit/s", value / 1e3);
	}
	return buf;
}

static double measure_calibration(const struct result *res, char *text, size_t len)
{
	char asked[32], measured[32];
	double worst = 0;

	for (size_t i = 0; i < res->calibration_count; i++) {
		const struct calibration_result *c = &res->calibration[i];
		double off = fabs(c->measured - c->asked);
		double part = c->tolerance > 0 ? off / c->tolerance : off > 0 ? NEVER : 0;

		/* The one who measured may know of a fault that the figure does not show. */
		if (!c->ok && part <= 1) {
			part = 1.01;
		}
		if (part > worst) {
			worst = part;
			snprintf(text, len, "%s: %s of %s where %s were asked, %.3g times the tolerance",
				 c->what, c->figure,
				 calibrated_text(c, c->measured, measured, sizeof(measured)),
				 calibrated_text(c, c->asked, asked, sizeof(asked)), part);
		}
	}
	return worst;
}

static bool has_limits(const struct link_spec *link)
{
	return link->down_bps || link->up_bps || link->down_delay_ns || link->up_delay_ns;
}

static double measure_uncalibrated(const struct result *res, char *text, size_t len)
{
	snprintf(text, len, "the links were not measured before the start");
	if (res->calibration_count > 0) {
		return 0;
	}
	for (size_t g = 0; g < res->exp->group_count; g++) {
		if (has_limits(&res->exp->links[res->exp->groups[g].link])) {
			return 1;
		}
	}
	return 0;
}

static double measure_idle(const struct result *res, char *text, size_t len)
{
	const struct host_summary *host = &res->host;

	snprintf(text, len, "%u of %u wall seconds with less than %.0f %% idle CPU",
		 host->seconds_without_idle, host->samples, 100 * HOST_IDLE_FLOOR);
	return host->samples ? (double)host->seconds_without_idle / host->samples : 0;
}

/* A turn that comes later than a packet may, on the peer's own link. */
static bool waits_for_cpu(const struct result *res, size_t i)
{
	const struct peer_result *p = &res->peers[i];
	const struct link_spec *link = link_of(res, i);

	return link && p->cpu_turns > 0 &&
	       p->cpu_wait_vns / (double)p->cpu_turns > lateness_allowance_vns(link);
}

static double measure_cpu_wait(const struct result *res, char *text, size_t len)
{
	double late = 0, total = 0, worst_vms = 0;
	char names[128];

	for (size_t i = 0; i < res->peer_count; i++) {
		const struct peer_result *p = &res->peers[i];

		total += (double)p->cpu_turns;
		if (waits_for_cpu(res, i)) {
			late += (double)p->cpu_turns;
			worst_vms = fmax(worst_vms, p->cpu_wait_vns / (double)p->cpu_turns / 1e6);
		}
	}
	list_peers(res, waits_for_cpu, names, sizeof(names));
	snprintf(text, len, "peers that waited for a CPU longer than a packet may for them, up to "
		 "%.3g virtual ms each time, had %.3g %% of all turns: %s", worst_vms,
		 total > 0 ? 100 * late / total : 0, names);
	return total > 0 ? late / total : 0;
}

static double measure_steal(const struct result *res, char *text, size_t len)
{
	snprintf(text, len, "the hypervisor took %.3g %% of the CPUs in the worst second (mean %.2g %%)",
		 100 * res->host.steal_max, 100 * res->host.steal_mean);
	return res->host.steal_max;
}

static double measure_swap(const struct result *res, char *text, size_t len)
{
	double mib = (double)(res->host.swapped_in_bytes + res->host.swapped_out_bytes) / 0x1p20;

	snprintf(text, len, "%.4g MiB moved to or from swap, %.4g MiB of swap in use", mib,
		 (double)res->host.swap_used_max_bytes / 0x1p20);
	return mib;
}

static double measure_memory(const struct result *res, char *text, size_t len)
{
	double available = (double)res->host.memory_available_min_bytes;

	if (!res->host.valid) {
		return 0;
	}
	snprintf(text, len, "memory down to %.4g MiB available, %.0f MiB wanted", available / 0x1p20,
		 (double)MEMORY_FLOOR_BYTES / 0x1p20);
	return (double)MEMORY_FLOOR_BYTES / fmax(available, 1);
}

static double measure_kernel_drops(const struct result *res, char *text, size_t len)
{
	double drops = (double)res->host.kernel_drops, packets = (double)res->wire.packets;

	snprintf(text, len, "%.0f packets dropped by the kernel's backlog", drops);
	return drops > 0 ? drops / (packets + drops) : 0;
}

static double measure_unseen(const struct result *res, char *text, size_t len)
{
	snprintf(text, len, "the host was not observed during the run");
	/* The sampler needs two samples, so a run of a second or so has none. */
	return !res->host.valid && res->wall_ns > 3 * NS_PER_S;
}

static bool unexpected(const struct result *res, size_t i)
{
	return !res->peers[i].as_expected;
}

static double measure_peers(const struct result *res, char *text, size_t len)
{
	char names[128];
	unsigned count = list_peers(res, unexpected, names, sizeof(names));

	snprintf(text, len, "%u of %zu peers did not end as expected: %s", count, res->peer_count,
		 names);
	return count;
}

/* "memory", "disk and network", ... of one peer. */
static void name_limits(unsigned hit, char *text, size_t len)
{
	text[0] = '\0';
	for (unsigned i = 0; i < LIMIT_HIT_BITS; i++) {
		size_t used = strlen(text);

		if (hit >> i & 1) {
			snprintf(text + used, len - used, "%s%s", used ? " and " : "", limit_hit_name(1u << i));
		}
	}
}

static double measure_limits(const struct result *res, char *text, size_t len)
{
	unsigned count = 0, named = 0;
	char names[192] = "", limits[64];

	for (size_t i = 0; i < res->peer_count; i++) {
		const struct peer_result *p = &res->peers[i];
		size_t used = strlen(names);

		if (p->limits_hit && count++ < 4) {
			name_limits(p->limits_hit, limits, sizeof(limits));
			snprintf(names + used, sizeof(names) - used, "%s%.28s (%s)", named++ ? ", " : "",
				 p->name, limits);
		}
	}
	snprintf(text, len, "%u of %zu peers ran into limits: %s", count, res->peer_count, names);
	if (count > named) {
		size_t used = strlen(text);

		snprintf(text + used, len - used, " and %u more", count - named);
	}
	return count;
}

static double measure_interrupted(const struct result *res, char *text, size_t len)
{
	snprintf(text, len, "interrupted before its stop rule came true");
	return res->interrupted;
}

static bool lacks_log(const struct result *res, size_t i)
{
	CLEAN_FREE char *out = NULL;

	if (res->peers[i].started_ns < 0) {
		return false;
	}
	out = str_format("%s/peers/%s/stdout", res->dir, res->peers[i].name);
	return access(out, R_OK) != 0;
}

static double measure_logs(const struct result *res, char *text, size_t len)
{
	char names[128];
	unsigned count = res->dir ? list_peers(res, lacks_log, names, sizeof(names)) : 0;

	snprintf(text, len, "logs missing of %u peers: %s", count, count ? names : "");
	return count;
}

/* --- the rules ----------------------------------------------------------------- */

static const struct rule rules[] = {
	/* Without wire or store there is no run to judge. */
	{ "failure", UNIT_COUNT, 0, 0, measure_failure },
	/* A client that says "complete" over wrong bytes measured something else. */
	{ "payload", UNIT_COUNT, 0, 0, measure_payload },
	/* Bytes came past the emulator, or a process escaped dilation. */
	{ "too-fast", UNIT_COUNT, 0, 0, measure_too_fast },
	/* 1 %: every duration is off by as much, and clients are compared by less than
	 * 5 %.  Beyond 5 % no comparison is left. */
	{ "clock", UNIT_SHARE, 0.01, 0.05, measure_clock },
	/* 1 %: the 99th percentile of lateness is outside what a link of this kind
	 * does to a packet anyway (a frame ahead of it, 10 % of its delay); 10 %: the
	 * 90th is, and round-trip times, which drive TCP, are no longer the links'. */
	{ "late-packets", UNIT_SHARE, 0.01, 0.10, measure_late },
	/* 100 ms: half of TCP's minimum retransmission timeout (200 ms), together with an
	 * ordinary RTT enough to fire it in every flow at once.  1 s: the initial
	 * timeout; new connections repeat their SYN. */
	{ "wire-stall", UNIT_VIRTUAL_MS, 100, 1000, measure_stall },
	/* One such packet is one too many to call the run clean.  0.1 %: by Mathis'
	 * formula it bounds a flow of 100 ms RTT to 4.5 Mbit/s, less than many links. */
	{ "fault-drops", UNIT_SHARE, 0, 0.001, measure_fault_drops },
	/* In units of each figure's own tolerance. */
	{ "calibration", UNIT_RATIO, 1, 3, measure_calibration },
	{ "not-calibrated", UNIT_COUNT, 0, NEVER, measure_uncalibrated },
	/* A second without idle time: some peer waited for a CPU, and its client looked
	 * slower than it is.  5 % of them pass as bursts (starts, hash checks); when it
	 * is half of the run, the clients were measured less than the host. */
	{ "cpu-idle", UNIT_SHARE, 0.05, 0.50, measure_idle },
	/* What lateness is for packets: beyond it answers come later than links of this kind make
	 * them; limits as for late-packets, on the mean of a peer instead of its tail. */
	{ "cpu-wait", UNIT_SHARE, 0.01, 0.10, measure_cpu_wait },
	/* Stolen time is lost without a trace in our own clocks; a tenth of a second
	 * is 100 wall ms without a CPU, half a second is a host that is not ours. */
	{ "steal", UNIT_SHARE, 0.10, 0.50, measure_steal },
	/* A fault that waits for the disk costs ms and no CPU time.  1 MiB: other
	 * programs of the host being put aside; 256 MiB: the peers themselves. */
	{ "swap", UNIT_MIB, 1, 256, measure_swap },
	/* Next the page cache goes, and with it the programs' own text. */
	{ "memory", UNIT_RATIO, 1, NEVER, measure_memory },
	/* Loss that no link asked for; limits as for fault-drops. */
	{ "kernel-drops", UNIT_SHARE, 0, 0.001, measure_kernel_drops },
	{ "host-unseen", UNIT_COUNT, 0, NEVER, measure_unseen },
	/* The figures of the others stand, those of the swarm as a whole are of fewer peers. */
	{ "peers", UNIT_COUNT, 0, NEVER, measure_peers },
	/* It was held back, as the limit is there for; others are as they were. */
	{ "limits", UNIT_COUNT, 0, NEVER, measure_limits },
	{ "interrupted", UNIT_COUNT, 0, NEVER, measure_interrupted },
	/* What cannot be looked up later cannot be trusted later. */
	{ "logs", UNIT_COUNT, 0, NEVER, measure_logs },
};

static void format_limit(enum figure_unit unit, double limit, char *buf, size_t len)
{
	switch (unit) {
	case UNIT_COUNT:
		buf[0] = '\0'; /* the limit is none at all: saying so adds nothing */
		break;
	case UNIT_SHARE:
		snprintf(buf, len, " (limit %.3g %%)", 100 * limit);
		break;
	case UNIT_VIRTUAL_MS:
		snprintf(buf, len, " (limit %.4g ms)", limit);
		break;
	case UNIT_RATIO:
		snprintf(buf, len, " (limit %.3g)", limit);
		break;
	case UNIT_MIB:
		snprintf(buf, len, " (limit %.4g MiB)", limit);
		break;
	}
}

static void apply_rule(struct result *res, const struct rule *rule)
{
	struct verdict_reason *reason = &res->reasons[res->reason_count];
	char text[sizeof(reason->text)] = "", limit[48];
	double figure = rule->measure(res, text, sizeof(text));
	int room;

	if (!(figure > rule->degraded)) {
		return;
	}
	reason->level = figure > rule->invalid ? VERDICT_INVALID : VERDICT_DEGRADED;
	snprintf(reason->rule, sizeof(reason->rule), "%s", rule->name);
	format_limit(rule->unit, reason->level == VERDICT_INVALID ? rule->invalid : rule->degraded,
		     limit, sizeof(limit));
	/* A text too long for both loses its end, never its limit. */
	room = (int)(sizeof(reason->text) - strlen(limit)) - 1;
	snprintf(reason->text, sizeof(reason->text), "%.*s%s", room, text, limit);
	if (reason->level > res->verdict) {
		res->verdict = reason->level;
	}
	res->reason_count++;
}

/* What made the verdict comes first; the order of the table is kept within a level. */
static void sort_reasons(struct result *res)
{
	for (size_t i = 1; i < res->reason_count; i++) {
		struct verdict_reason held = res->reasons[i];
		size_t k = i;

		for (; k > 0 && res->reasons[k - 1].level < held.level; k--) {
			res->reasons[k] = res->reasons[k - 1];
		}
		res->reasons[k] = held;
	}
}

void verdict_judge(struct result *res)
{
	verdict_clear(res);
	res->reasons = calloc(ARRAY_LEN(rules), sizeof(*res->reasons));
	if (!res->reasons) {
		abort();
	}
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		apply_rule(res, &rules[i]);
	}
	sort_reasons(res);
}

void verdict_clear(struct result *res)
{
	free(res->reasons);
	res->reasons = NULL;
	res->reason_count = 0;
	res->verdict = VERDICT_TRUSTED;
}

const char *verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_TRUSTED:
		return "trusted";
	case VERDICT_DEGRADED:
		return "degraded";
	case VERDICT_INVALID:
		return "invalid";
	}
	return "unknown";
}
