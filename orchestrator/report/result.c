// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * result - results.json.
 *
 * The text is put together piece by piece: one jansson object for each peer, written and
 * freed before the next is made, and the traffic matrix as bare [source, destination,
 * bytes] triples of the pairs that exchanged anything.  So the memory needed is
 * that of the text, not that of a tree with millions of nodes, and each peer stands on
 * a line of its own for those who use grep.
 */
#include "report/result.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clean.h"
#include "base/fs.h"
#include "report/groups.h"
#include "report/lateness.h"
#include "report/launch.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

const char *peer_end_name(enum peer_end end)
{
	switch (end) {
	case END_NOT_STARTED:
		return "not started";
	case END_RUNNING:
		return "running";
	case END_EXITED:
		return "exited";
	case END_FAILED:
		return "failed";
	case END_CRASHED:
		return "crashed";
	case END_LEFT:
		return "left";
	case END_HUNG:
		return "hung";
	case END_START_FAILED:
		return "start failed";
	}
	return "unknown";
}

const char *peer_role_name(enum peer_role role)
{
	switch (role) {
	case ROLE_SEED:
		return "seed";
	case ROLE_LEECH:
		return "leech";
	case ROLE_TRACKER:
		return "tracker";
	case ROLE_NONE:
		return "none";
	}
	return "unknown";
}

const char *limit_hit_name(unsigned bit)
{
	switch (bit) {
	case LIMIT_HIT_MEMORY:
		return "memory";
	case LIMIT_HIT_PROCESSES:
		return "processes";
	case LIMIT_HIT_DISK:
		return "disk";
	case LIMIT_HIT_NETWORK:
		return "network";
	default:
		return "unknown";
	}
}

int result_exit_status(const struct result *res)
{
	if (res->failure[0] || res->failure_kind != ERR_NONE) {
		return res->failure_kind != ERR_NONE ? (int)res->failure_kind : ERR_FAILED;
	}
	for (size_t i = 0; i < res->peer_count; i++) {
		if (!res->peers[i].as_expected) {
			return ERR_PEER;
		}
	}
	return res->verdict == VERDICT_TRUSTED ? ERR_NONE : ERR_FIDELITY;
}

/* --- values -------------------------------------------------------------------- */

/* Put @value, which must exist, under @key; ends the program if memory is out. */
static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value)) {
		abort();
	}
}

static json_t *whole(uint64_t v)
{
	return json_integer(v <= INT64_MAX ? (json_int_t)v : INT64_MAX);
}

/* An instant or a duration; null for what did not happen. */
static json_t *instant(int64_t ns)
{
	return ns < 0 ? json_null() : json_integer(ns);
}

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

/* JSON is UTF-8; a program's output or a user's path need not be. */
static json_t *text(const char *s)
{
	json_t *value = s ? json_string(s) : json_null();

	if (!value) {
		CLEAN_FREE char *plain = str_format("%s", s);

		for (char *c = plain; *c; c++) {
			*c = (unsigned char)*c < 0x80 ? *c : '?';
		}
		value = json_string(plain);
	}
	return value;
}

static json_t *factor(struct tdf tdf)
{
	json_t *o = json_object();

	put(o, "num", whole(tdf.num));
	put(o, "den", whole(tdf.den));
	put(o, "value", number(tdf.den ? (double)tdf.num / (double)tdf.den : NAN));
	return o;
}

/* A histogram without the zeros at its end. */
static json_t *histogram(const uint64_t *hist)
{
	unsigned used = WIRE_LATE_BUCKETS;
	json_t *a = json_array();

	while (used > 0 && hist[used - 1] == 0) {
		used--;
	}
	for (unsigned k = 0; k < used; k++) {
		json_array_append_new(a, whole(hist[k]));
	}
	return a;
}

/* --- parts --------------------------------------------------------------------- */

static json_t *run_json(const struct result *res)
{
	const struct experiment *exp = res->exp;
	json_t *o = json_object();

	put(o, "id", text(res->run_id));
	put(o, "name", text(exp->name));
	put(o, "experiment", text(exp->path));
	put(o, "seed", whole(exp->seed));
	put(o, "started_at_wall", text(res->started_at));
	put(o, "wall_ns", json_integer(res->wall_ns));
	put(o, "virt_ns", json_integer(res->virt_ns));
	put(o, "limit_virt_ns", json_integer(exp->limit_ns));
	put(o, "tdf", factor(exp->tdf));
	put(o, "tdf_auto", json_boolean(exp->tdf_auto));
	put(o, "interrupted", json_boolean(res->interrupted));
	put(o, "stopped_by", text(res->stopped_by));
	put(o, "failure", res->failure[0] ? text(res->failure) : json_null());
	put(o, "exit_status", json_integer(result_exit_status(res)));
	put(o, "payload_bytes", whole(exp->payload.size_bytes));
	put(o, "piece_bytes", whole(exp->payload.piece_bytes));
	put(o, "unscaled", text(res->unscaled));
	return o;
}

static json_t *verdict_json(const struct result *res)
{
	json_t *o = json_object(), *reasons = json_array();

	for (size_t i = 0; i < res->reason_count; i++) {
		const struct verdict_reason *r = &res->reasons[i];
		json_t *reason = json_object();

		put(reason, "level", text(verdict_name(r->level)));
		put(reason, "rule", text(r->rule));
		put(reason, "text", text(r->text));
		json_array_append_new(reasons, reason);
	}
	put(o, "level", text(verdict_name(res->verdict)));
	put(o, "reasons", reasons);
	return o;
}

static json_t *phases_json(const struct result *res)
{
	json_t *a = json_array();

	for (size_t i = 0; i < res->phase_count; i++) {
		const struct phase_result *p = &res->phases[i];
		json_t *o = json_object();

		put(o, "name", text(p->name));
		put(o, "begin_wall_ns", instant(p->begin_wns));
		put(o, "end_wall_ns", instant(p->end_wns));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *launch_json(const struct result *res)
{
	json_t *o = json_object(), *steps = json_array();

	for (int step = 0; step < LAUNCH_STEP_COUNT; step++) {
		struct launch_figures f;
		json_t *s = json_object();

		launch_figures(res, (enum launch_step)step, &f);
		put(s, "name", text(f.name));
		put(s, "peers", whole(f.peers));
		put(s, "p50_wall_ns", f.peers ? number(f.p50_wns) : json_null());
		put(s, "p99_wall_ns", f.peers ? number(f.p99_wns) : json_null());
		put(s, "max_wall_ns", f.peers ? number(f.max_wns) : json_null());
		json_array_append_new(steps, s);
	}
	put(o, "wall_ns", instant(res->launch_wns));
	put(o, "steps", steps);
	return o;
}

static json_t *tdf_changes_json(const struct result *res)
{
	json_t *a = json_array();

	for (size_t i = 0; i < res->tdf_change_count; i++) {
		const struct tdf_change *c = &res->tdf_changes[i];
		json_t *o = json_object();

		put(o, "at_virt_ns", json_integer(c->at_ns));
		put(o, "tdf", factor(c->tdf));
		put(o, "paused", json_boolean(c->paused));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *calibration_json(const struct result *res)
{
	json_t *a = json_array();

	for (size_t i = 0; i < res->calibration_count; i++) {
		const struct calibration_result *c = &res->calibration[i];
		json_t *o = json_object();

		put(o, "what", text(c->what));
		put(o, "figure", text(c->figure));
		put(o, "asked", number(c->asked));
		put(o, "measured", number(c->measured));
		put(o, "tolerance", number(c->tolerance));
		put(o, "ok", json_boolean(c->ok));
		json_array_append_new(a, o);
	}
	return a;
}

/* The quantiles of a histogram; @clock is "wall" or "virt". */
static json_t *quantiles(const uint64_t *hist, const char *clock)
{
	static const struct {
		const char *name;
		double q;
	} wanted[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
	json_t *o = json_object();
	char key[24];

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		snprintf(key, sizeof(key), "%s_%s_ns", wanted[i].name, clock);
		put(o, key, number(1e3 * lateness_quantile_us(hist, wanted[i].q)));
	}
	return o;
}

/* The histograms of all peers on link @l, added up; how many they are. */
static uint64_t link_lateness(const struct result *res, const struct link_spec *l,
			      uint64_t hist[WIRE_LATE_BUCKETS], uint64_t virt[WIRE_LATE_BUCKETS])
{
	uint64_t peers = 0;

	memset(hist, 0, WIRE_LATE_BUCKETS * sizeof(*hist));
	memset(virt, 0, WIRE_LATE_BUCKETS * sizeof(*virt));
	for (size_t i = 0; i < res->peer_count; i++) {
		if (experiment_peer_link(res->exp, (uint32_t)i) != l) {
			continue;
		}
		for (unsigned k = 0; k < WIRE_LATE_BUCKETS; k++) {
			hist[k] += res->peers[i].link.late_hist[k];
			virt[k] += res->peers[i].link.late_hist_virt[k];
		}
		peers++;
	}
	return peers;
}

static json_t *links_json(const struct result *res)
{
	json_t *a = json_array();

	for (size_t i = 0; i < res->exp->link_count; i++) {
		const struct link_spec *l = &res->exp->links[i];
		uint64_t hist[WIRE_LATE_BUCKETS], virt[WIRE_LATE_BUCKETS];
		json_t *o = json_object();

		put(o, "name", text(l->name));
		put(o, "down_bps", whole(l->down_bps));
		put(o, "up_bps", whole(l->up_bps));
		put(o, "down_delay_virt_ns", json_integer(l->down_delay_ns));
		put(o, "up_delay_virt_ns", json_integer(l->up_delay_ns));
		put(o, "down_loss", number(l->down_loss));
		put(o, "up_loss", number(l->up_loss));
		put(o, "peers", whole(link_lateness(res, l, hist, virt)));
		put(o, "late_hist_wall", histogram(hist));
		put(o, "late_hist_virt", histogram(virt));
		put(o, "late_wall", quantiles(hist, "wall"));
		put(o, "late_virt", quantiles(virt, "virt"));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *groups_json(const struct result *res)
{
	json_t *a = json_array();

	for (size_t i = 0; i < res->exp->group_count; i++) {
		struct group_figures f;
		json_t *o = json_object();

		group_figures(res, i, &f);
		put(o, "name", text(f.group->name));
		put(o, "image", text(f.group->image_name));
		put(o, "role", text(peer_role_name(f.group->role)));
		put(o, "link", text(f.group->mix.count ? "(mix)" : res->exp->links[f.group->link].name));
		put(o, "peers", whole(f.peers));
		put(o, "started", whole(f.started));
		put(o, "complete", whole(f.complete));
		put(o, "unexpected", whole(f.unexpected));
		put(o, "completion_median_virt_ns", number(f.completion_median_vns));
		put(o, "completion_p95_virt_ns", number(f.completion_p95_vns));
		put(o, "completion_max_virt_ns", number(f.completion_max_vns));
		put(o, "down_goodput_bps", number(f.down_goodput_bps));
		put(o, "up_rate_bps", number(f.up_rate_bps));
		put(o, "packets", whole(f.packets));
		put(o, "queue_drops", whole(f.queue_drops));
		put(o, "loss_drops", whole(f.loss_drops));
		put(o, "fault_drops", whole(f.fault_drops));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *direction_json(const struct wire_dir_stats *d)
{
	json_t *o = json_object();

	put(o, "packets", whole(d->packets));
	put(o, "bytes", whole(d->bytes));
	put(o, "queue_drops", whole(d->queue_drops));
	put(o, "early_drops", whole(d->early_drops));
	put(o, "ecn_marks", whole(d->ecn_marks));
	put(o, "loss_drops", whole(d->loss_drops));
	put(o, "cut_drops", whole(d->cut_drops));
	put(o, "fault_drops", whole(d->fault_drops));
	put(o, "queue_peak_bytes", whole(d->queue_peak_bytes));
	put(o, "queue_peak_virt_ns", json_integer(d->queue_peak_ns));
	return o;
}

static json_t *peer_link_json(const struct wire_link_stats *link)
{
	uint64_t arrived = link->dir[WIRE_DOWN].packets;
	json_t *o = json_object();

	put(o, "up", direction_json(&link->dir[WIRE_UP]));
	put(o, "down", direction_json(&link->dir[WIRE_DOWN]));
	put(o, "unknown_dst_drops", whole(link->unknown_dst_drops));
	put(o, "spoofed_drops", whole(link->spoofed_drops));
	put(o, "malformed_drops", whole(link->malformed_drops));
	put(o, "captured", whole(link->captured));
	put(o, "capture_missing", whole(link->capture_missing));
	put(o, "late_max_virt_ns", json_integer(link->late_max_vns));
	put(o, "late_mean_virt_ns", number(arrived ? (double)link->late_sum_vns / (double)arrived : 0));
	put(o, "late_hist_wall", histogram(link->late_hist));
	put(o, "late_hist_virt", histogram(link->late_hist_virt));
	return o;
}

/* How the client ended: {"code": 0}, {"signal": 15}, or null while it had not. */
static json_t *exit_json(int status)
{
	json_t *o;

	if (status < 0) {
		return json_null();
	}
	o = json_object();
	if (WIFSIGNALED(status)) {
		put(o, "signal", json_integer(WTERMSIG(status)));
	} else {
		put(o, "code", json_integer(WEXITSTATUS(status)));
	}
	return o;
}

static json_t *limits_hit_json(unsigned hit)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < LIMIT_HIT_BITS; i++) {
		if (hit >> i & 1) {
			json_array_append_new(a, text(limit_hit_name(1u << i)));
		}
	}
	return a;
}

static json_t *peer_json(const struct result *res, size_t index)
{
	const struct peer_result *p = &res->peers[index];
	uint32_t gateway = experiment_peer_gateway(res->exp, (uint32_t)index);
	char ip[16];
	json_t *o = json_object();

	put(o, "index", whole(index));
	put(o, "name", text(p->name));
	put(o, "group", text(p->group));
	put(o, "image", text(p->image));
	put(o, "role", text(peer_role_name(p->role)));
	put(o, "ip", text(units_format_ip(p->ip, ip, sizeof(ip))));
	put(o, "gateway", gateway == NO_LAN ? json_null() : whole(gateway));
	put(o, "end", text(peer_end_name(p->end)));
	put(o, "as_expected", json_boolean(p->as_expected));
	put(o, "why", p->as_expected ? json_null() : text(p->why));
	put(o, "limits_hit", limits_hit_json(p->limits_hit));
	put(o, "exit", exit_json(p->exit_status));
	put(o, "boot_wall_ns", instant(p->launch_wns[LAUNCH_BOOT]));
	put(o, "up_wall_ns", instant(p->up_wns));
	put(o, "scheduled_virt_ns", instant(p->scheduled_ns));
	put(o, "started_virt_ns", instant(p->started_ns));
	put(o, "ready_virt_ns", instant(p->ready_ns));
	put(o, "first_piece_virt_ns", instant(p->first_piece_ns));
	put(o, "complete_virt_ns", instant(p->complete_ns));
	put(o, "ended_virt_ns", instant(p->ended_ns));
	put(o, "payload_bytes", whole(p->payload_bytes));
	put(o, "pieces", whole(p->pieces));
	put(o, "verified", p->verified < 0 ? json_null() : json_boolean(p->verified));
	put(o, "cpu_wall_ns", whole(p->cpu_ns));
	put(o, "cpu_turns", whole(p->cpu_turns));
	put(o, "cpu_wait_wall_ns", whole(p->cpu_wait_wns));
	put(o, "cpu_wait_virt_ns", number(p->cpu_wait_vns));
	put(o, "memory_peak_bytes", whole(p->memory_peak_bytes));
	put(o, "private_bytes", whole(p->private_bytes));
	put(o, "link", peer_link_json(&p->link));
	return o;
}

static json_t *nat_json(const struct wire_nat_stats *nat)
{
	json_t *o = json_object();

	put(o, "created", whole(nat->created));
	put(o, "bindings", whole(nat->bindings));
	put(o, "bindings_peak", whole(nat->bindings_peak));
	put(o, "filtered_drops", whole(nat->filtered_drops));
	put(o, "exhausted_drops", whole(nat->exhausted_drops));
	put(o, "hairpin_drops", whole(nat->hairpin_drops));
	put(o, "unsupported_drops", whole(nat->unsupported_drops));
	return o;
}

static json_t *gateway_json(const struct result *res, uint32_t gateway)
{
	const struct lan_spec *lan = experiment_gateway_lan(res->exp, gateway);
	const struct wire_link_stats *wan = &res->gateways[gateway];
	CLEAN_FREE char *name = str_format("%s-%u", lan->name, gateway - lan->first_gateway + 1);
	char ip[16];
	json_t *o = json_object();

	put(o, "name", text(name));
	put(o, "lan", text(lan->name));
	put(o, "ip", text(units_format_ip(experiment_gateway_ip(res->exp, gateway), ip, sizeof(ip))));
	put(o, "wan", text(res->exp->links[lan->wan].name));
	put(o, "up", direction_json(&wan->dir[WIRE_UP]));
	put(o, "down", direction_json(&wan->dir[WIRE_DOWN]));
	put(o, "nat", lan->nat.kind == NAT_NONE ? json_null() : nat_json(&wan->nat));
	return o;
}

static json_t *gateways_json(const struct result *res)
{
	json_t *a;

	if (!res->gateways) {
		return json_null();
	}
	a = json_array();
	for (uint32_t g = 0; g < res->exp->gateway_count; g++) {
		json_array_append_new(a, gateway_json(res, g));
	}
	return a;
}

static json_t *wire_json(const struct wire_totals *w)
{
	json_t *o = json_object();

	put(o, "packets", whole(w->packets));
	put(o, "bytes", whole(w->bytes));
	put(o, "unknown_dst_drops", whole(w->unknown_dst_drops));
	put(o, "held_peak_bytes", whole(w->held_peak_bytes));
	put(o, "loops", whole(w->loops));
	put(o, "busy_wall_ns", whole(w->busy_wns));
	put(o, "loop_max_wall_ns", json_integer(w->loop_max_wns));
	put(o, "loop_max_virt_ns", json_integer(w->loop_max_vns));
	put(o, "late_hist_wall", histogram(w->late_hist));
	return o;
}

static json_t *host_json(const struct host_summary *h)
{
	json_t *o;

	if (!h->valid) {
		return json_null();
	}
	o = json_object();
	put(o, "samples", whole(h->samples));
	put(o, "cpus", whole(h->cpus));
	put(o, "idle_min", number(h->idle_min));
	put(o, "idle_mean", number(h->idle_mean));
	put(o, "without_idle_wall_s", whole(h->seconds_without_idle));
	put(o, "steal_max", number(h->steal_max));
	put(o, "steal_mean", number(h->steal_mean));
	put(o, "memory_available_min_bytes", whole(h->memory_available_min_bytes));
	put(o, "swap_used_max_bytes", whole(h->swap_used_max_bytes));
	put(o, "swapped_in_bytes", whole(h->swapped_in_bytes));
	put(o, "swapped_out_bytes", whole(h->swapped_out_bytes));
	put(o, "kernel_drops", whole(h->kernel_drops));
	return o;
}

/* --- the file -------------------------------------------------------------------- */

/* "key":<value>, and the value is gone. */
static void write_member(FILE *out, const char *key, json_t *value)
{
	if (!value) {
		abort();
	}
	fprintf(out, ",\n\"%s\":", key);
	json_dumpf(value, out, DUMP_FLAGS | JSON_ENCODE_ANY);
	json_decref(value);
}

static void write_peers(FILE *out, const struct result *res)
{
	fputs(",\n\"peers\":[", out);
	for (size_t i = 0; i < res->peer_count; i++) {
		json_t *peer = peer_json(res, i);

		fputs(i ? ",\n" : "\n", out);
		json_dumpf(peer, out, DUMP_FLAGS);
		json_decref(peer);
	}
	fputs("\n]", out);
}

static void write_traffic(FILE *out, const struct result *res)
{
	size_t n = res->peer_count, written = 0;

	if (!res->pair_bytes) {
		fputs(",\n\"traffic\":null", out);
		return;
	}
	fputs(",\n\"traffic\":[", out);
	for (size_t src = 0; src < n; src++) {
		for (size_t dst = 0; dst < n; dst++) {
			uint64_t bytes = res->pair_bytes[src * n + dst];

			if (bytes > 0) {
				fprintf(out, "%s[%zu,%zu,%" PRIu64 "]", written++ ? "," : "",
					src, dst, bytes);
			}
		}
	}
	fputs("]", out);
}

static void write_all_members(FILE *out, const struct result *res)
{
	fprintf(out, "{\"schema\":\"lento-results\",\n\"version\":%d", RESULTS_SCHEMA_VERSION);
	write_member(out, "run", run_json(res));
	write_member(out, "verdict", verdict_json(res));
	write_member(out, "phases", phases_json(res));
	write_member(out, "launch", launch_json(res));
	write_member(out, "tdf_changes", tdf_changes_json(res));
	write_member(out, "calibration", calibration_json(res));
	write_member(out, "links", links_json(res));
	write_member(out, "groups", groups_json(res));
	write_member(out, "wire", wire_json(&res->wire));
	write_member(out, "host", host_json(&res->host));
	write_member(out, "gateways", gateways_json(res));
	write_peers(out, res);
	write_traffic(out, res);
	fputs("\n}\n", out);
}

int result_write_json(const struct result *res, const char *path, struct err *err)
{
	CLEAN_FREE char *json = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&json, &len);
	bool failed;

	if (!out) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	write_all_members(out, res);
	failed = ferror(out);
	if (fclose(out) || failed) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	return fs_write_atomic(path, json, len, err);
}
