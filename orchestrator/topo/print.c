// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An experiment as a YAML text with every default spelt out.  Texts of the user's go
 * out in double quotes with everything beyond ASCII escaped, so that they come
 * back byte by byte; names, words and quantities need no quotes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "topo/experiment.h"
#include "topo/image.h"
#include "topo/load.h"

#define BUF_BYTES 128

/* One character of UTF-8, which libyaml has checked; steps over it. */
static uint32_t next_char(const unsigned char **p)
{
	uint32_t c = *(*p)++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	c &= more ? 0x3fu >> more : 0x7fu;
	while (more-- > 0 && **p) {
		c = c << 6 | (*(*p)++ & 0x3fu);
	}
	return c;
}

static void print_text(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', out);
	while (*p) {
		uint32_t c = next_char(&p);

		if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", (int)c);
		} else if (c >= 0x20 && c < 0x7f) {
			fputc((int)c, out);
		} else if (c <= 0xffff) {
			fprintf(out, "\\u%04" PRIx32, c);
		} else {
			fprintf(out, "\\U%08" PRIx32, c);
		}
	}
	fputc('"', out);
}

static const char *rate(uint64_t bps, char buf[BUF_BYTES])
{
	return bps == 0 ? "unlimited" : units_format_rate(bps, buf, BUF_BYTES);
}

static const char *duration(int64_t ns, char buf[BUF_BYTES])
{
	return units_format_duration(ns, buf, BUF_BYTES);
}

static const char *queue(enum queue_unit unit, uint64_t limit, char buf[BUF_BYTES])
{
	switch (unit) {
	case QUEUE_PACKETS:
		snprintf(buf, BUF_BYTES, "%" PRIu64 "packets", limit);
		break;
	case QUEUE_NS:
		units_format_duration((int64_t)limit, buf, BUF_BYTES);
		break;
	case QUEUE_BYTES:
		units_format_size(limit, buf, BUF_BYTES);
		break;
	}
	return buf;
}

/* The fewest decimals that are read back as the same number; never an exponent. */
static const char *share(double value, char buf[BUF_BYTES])
{
	for (int decimals = 0; decimals <= 19; decimals++) {
		const char *why;
		double back;

		snprintf(buf, BUF_BYTES, "%.*f", decimals, value);
		if (units_parse_share(buf, &back, &why) == 0 && back == value) {
			break;
		}
	}
	return buf;
}

static void print_loss(const char *dir, double loss, const struct bursts_spec *bursts, FILE *out)
{
	char p[BUF_BYTES], r[BUF_BYTES], good[BUF_BYTES], bad[BUF_BYTES];

	if (bursts->p > 0) {
		fprintf(out, "      %s: {gilbert-elliott: {p: %s, r: %s, good: %s, bad: %s}}\n", dir,
			share(bursts->p, p), share(bursts->r, r), share(bursts->good, good),
			share(bursts->bad, bad));
	} else {
		fprintf(out, "      %s: %s\n", dir, share(loss, p));
	}
}

static const char *percent(double value, char buf[BUF_BYTES])
{
	for (int decimals = 0; decimals <= 17; decimals++) {
		const char *why;
		double back;

		snprintf(buf, BUF_BYTES, "%.*f%%", decimals, value * 100);
		if (units_parse_share(buf, &back, &why) == 0 && back == value) {
			break;
		}
	}
	return buf;
}

static void print_queue(const char *dir, const struct queue_spec *q, FILE *out)
{
	char a[BUF_BYTES], b[BUF_BYTES];

	fprintf(out, "      %s: ", dir);
	if (q->discipline == QUEUE_DROP_TAIL) {
		fprintf(out, "%s\n", queue(q->unit, q->limit, a));
		return;
	}
	fprintf(out, "{limit: %s, discipline: %s, ecn: %s", queue(q->unit, q->limit, a),
		discipline_words[q->discipline], q->ecn ? "true" : "false");
	if (q->discipline == QUEUE_RED) {
		fprintf(out, ", min: %s, max: %s", queue(q->min.unit, q->min.limit, a),
			queue(q->max.unit, q->max.limit, b));
		fprintf(out, ", probability: %s, weight: %s}\n", share(q->probability, a),
			share(q->weight, b));
	} else {
		fprintf(out, ", target: %s, interval: %s}\n", duration(q->target_ns, a),
			duration(q->interval_ns, b));
	}
}

static void print_overhead(const char *dir, const struct overhead_spec *o, FILE *out)
{
	fprintf(out, "      %s: {frame: %" PRIu32 "B, atm: %s}\n", dir, o->frame_bytes,
		o->atm ? "true" : "false");
}

static void print_jitter(const char *dir, const struct jitter_spec *j, FILE *out)
{
	char spread[BUF_BYTES];

	fprintf(out, "      %s: {", dir);
	if (j->table) {
		fputs("table: ", out);
		print_text(out, j->table->path);
	} else {
		fprintf(out, "spread: %s, distribution: %s", duration(j->spread_ns, spread),
			jitter_words[j->distribution]);
	}
	fprintf(out, ", reorder: %s}\n", j->reorder ? "true" : "false");
}

static void print_rate(const char *dir, uint64_t bps, const struct series_spec *trace, FILE *out)
{
	char buf[BUF_BYTES];

	fprintf(out, "    %s: ", dir);
	if (trace) {
		fputs("{trace: ", out);
		print_text(out, trace->path);
		fputs("}\n", out);
	} else {
		fprintf(out, "%s\n", rate(bps, buf));
	}
}

static void print_payload(const struct experiment *exp, FILE *out)
{
	const struct payload_spec *p = &exp->payload;
	char buf[BUF_BYTES];

	if (p->size_bytes == 0) {
		return;
	}
	fputs("payload:\n", out);
	if (p->path) {
		fputs("  file: ", out);
		print_text(out, p->path);
		fputc('\n', out);
	} else {
		fprintf(out, "  size: %s\n", units_format_size(p->size_bytes, buf, sizeof(buf)));
	}
	fprintf(out, "  piece: %s\n", units_format_size(p->piece_bytes, buf, sizeof(buf)));
	fputs("  name: ", out);
	print_text(out, p->name);
	fputc('\n', out);
}

/* The values of a link that @what names, each on lines of its own behind @indent. */
static void print_values(const struct link_spec *l, unsigned what, const char *indent, FILE *out)
{
	char a[BUF_BYTES], b[BUF_BYTES];

	if (what & CHANGE_DELAY) {
		fprintf(out, "%sdelay: {down: %s, up: %s}\n", indent,
			duration(l->down_delay_ns, a), duration(l->up_delay_ns, b));
	}
	if (what & CHANGE_JITTER) {
		fprintf(out, "%sjitter:\n", indent);
		print_jitter("down", &l->down_jitter, out);
		print_jitter("up", &l->up_jitter, out);
	}
	if (what & CHANGE_LOSS) {
		fprintf(out, "%sloss:\n", indent);
		print_loss("down", l->down_loss, &l->down_bursts, out);
		print_loss("up", l->up_loss, &l->up_bursts, out);
	}
	if (what & CHANGE_QUEUE) {
		fprintf(out, "%squeue:\n", indent);
		print_queue("down", &l->down_queue, out);
		print_queue("up", &l->up_queue, out);
	}
	if (what & CHANGE_OVERHEAD) {
		fprintf(out, "%soverhead:\n", indent);
		print_overhead("down", &l->down_overhead, out);
		print_overhead("up", &l->up_overhead, out);
	}
}

static void print_links(const struct experiment *exp, FILE *out)
{
	char a[BUF_BYTES];

	fputs(exp->link_count ? "links:\n" : "links: {}\n", out);
	for (size_t i = 0; i < exp->link_count; i++) {
		const struct link_spec *l = &exp->links[i];

		fprintf(out, "  %s:\n", l->name);
		print_rate("down", l->down_bps, l->down_trace, out);
		print_rate("up", l->up_bps, l->up_trace, out);
		print_values(l, ~0u, "    ", out);
		fprintf(out, "    mtu: %s\n", units_format_size(l->mtu, a, sizeof(a)));
	}
}

static void print_start(const struct start_spec *start, FILE *out)
{
	char a[BUF_BYTES], b[BUF_BYTES];

	fprintf(out, "    start: {at: %s", duration(start->at_ns, a));
	switch (start->kind) {
	case START_AT_ONCE:
		break;
	case START_EVERY:
		fprintf(out, ", every: %s", duration(start->every_ns, b));
		break;
	case START_POISSON:
		fprintf(out, ", poisson: %s", duration(start->every_ns, b));
		break;
	case START_TRACE:
		fputs(", trace: ", out);
		print_text(out, start->trace_path);
		break;
	}
	fputs("}\n", out);
}

static const char *prefix(const struct prefix *p, char buf[BUF_BYTES])
{
	char ip[BUF_BYTES];

	snprintf(buf, BUF_BYTES, "%s/%u", units_format_ip(p->network, ip, sizeof(ip)), p->bits);
	return buf;
}

static void print_nat(const struct nat_spec *nat, FILE *out)
{
	char a[BUF_BYTES];

	if (nat->kind == NAT_NONE) {
		fputs("    nat: none\n", out);
		return;
	}
	fprintf(out, "    nat:\n      type: %s\n      hairpin: %s\n", nat_words[nat->kind],
		nat->hairpin ? "true" : "false");
	fprintf(out, "      ports: %u-%u\n", nat->port_min, nat->port_max);
	fprintf(out, "      timeouts: {udp: %s", duration(nat->udp_ns, a));
	fprintf(out, ", tcp: %s", duration(nat->tcp_ns, a));
	fprintf(out, ", tcp-transitory: %s", duration(nat->tcp_transitory_ns, a));
	fprintf(out, ", icmp: %s}\n", duration(nat->icmp_ns, a));
}

static void print_forwards(const struct experiment *exp, const struct lan_spec *lan, FILE *out)
{
	fputs("    forward:\n", out);
	for (size_t i = 0; i < lan->forward_count; i++) {
		const struct forward_spec *f = &lan->forwards[i];

		fprintf(out, "      - {port: %u, to: %s", f->port, exp->groups[f->to.group].name);
		if (f->to.number) {
			fprintf(out, "-%" PRIu32, f->to.number);
		}
		fprintf(out, ", inside: %u, protocol: %s}\n", f->inside_port,
			protocol_words[f->protocol]);
	}
}

static void print_lans(const struct experiment *exp, FILE *out)
{
	char buf[BUF_BYTES];

	fputs(exp->lan_count ? "lans:\n" : "lans: {}\n", out);
	for (size_t i = 0; i < exp->lan_count; i++) {
		const struct lan_spec *lan = &exp->lans[i];

		fprintf(out, "  %s:\n    count: %" PRIu32 "\n", lan->name, lan->count);
		fprintf(out, "    wan: %s\n", exp->links[lan->wan].name);
		fprintf(out, "    addresses: %s\n", prefix(&lan->addresses, buf));
		print_nat(&lan->nat, out);
		if (lan->nat.kind != NAT_NONE) {
			fprintf(out, "    public: %s\n", prefix(&lan->public, buf));
		}
		if (lan->forward_count) {
			print_forwards(exp, lan, out);
		}
	}
}

static void print_group_link(const struct experiment *exp, const struct group_spec *g, FILE *out)
{
	if (g->mix.count == 0) {
		fprintf(out, "    link: %s\n", exp->links[g->link].name);
		return;
	}
	fputs("    link:\n      mix:\n", out);
	for (size_t i = 0; i < g->mix.count; i++) {
		fprintf(out, "        %s: %" PRIu64 "\n", exp->links[g->mix.links[i]].name,
			g->mix.weights[i]);
	}
}

static void print_groups(const struct experiment *exp, FILE *out)
{
	char buf[BUF_BYTES];

	fputs("groups:\n", out);
	for (size_t i = 0; i < exp->group_count; i++) {
		const struct group_spec *g = &exp->groups[i];

		fprintf(out, "  %s:\n", g->name);
		fprintf(out, "    image: %s\n", g->image_name);
		fprintf(out, "    role: %s\n", image_role_words[g->role]);
		fprintf(out, "    count: %" PRIu32 "\n", g->count);
		print_group_link(exp, g, out);
		if (g->lan == NO_LAN) {
			fprintf(out, "    addresses: %s\n", prefix(&g->addresses, buf));
		} else {
			fprintf(out, "    lan: %s\n", exp->lans[g->lan].name);
		}
		print_start(&g->start, out);
		fprintf(out, "    after: %s\n", after_words[g->after]);
		fprintf(out, "    expect: %s\n", expect_words[g->expect]);
		fprintf(out, "    memory: %s\n", units_format_size(g->memory_bytes, buf, sizeof(buf)));
		fprintf(out, "    pids: %" PRIu32 "\n", g->pids);
		fputs("    args: [", out);
		for (char **arg = g->args; *arg; arg++) {
			fputs(arg == g->args ? "" : ", ", out);
			print_text(out, *arg);
		}
		fputs("]\n", out);
	}
}

static const char *new_rate(enum rate_change how, uint64_t bps, char buf[BUF_BYTES])
{
	return how == RATE_CUT ? "0" : how == RATE_RESTORE ? "restore" : rate(bps, buf);
}

static void print_change(const struct event_spec *e, FILE *out)
{
	char buf[BUF_BYTES];

	if (e->changes & CHANGE_DOWN) {
		fprintf(out, "    down: %s\n", new_rate(e->down, e->to.down_bps, buf));
	}
	if (e->changes & CHANGE_UP) {
		fprintf(out, "    up: %s\n", new_rate(e->up, e->to.up_bps, buf));
	}
	print_values(&e->to, e->changes, "    ", out);
}

static void print_course(const struct event_spec *e, FILE *out)
{
	char a[BUF_BYTES], b[BUF_BYTES];

	if (e->what == EVENT_FLAP) {
		/* Cut at once, and restored after the first part of the period. */
		fprintf(out, "    flap: {down: %s, up: %s", duration(e->steps[1].at_ns, a),
			duration(e->period_ns - e->steps[1].at_ns, b));
	} else {
		fputs("    follow: {file: ", out);
		print_text(out, e->follow_path);
		if (e->period_ns) {
			fprintf(out, ", repeat: %s", duration(e->period_ns, a));
		}
	}
	if (e->for_ns) {
		fprintf(out, ", for: %s", duration(e->for_ns, a));
	}
	fputs("}\n", out);
}

static void print_event(const struct experiment *exp, const struct event_spec *e, FILE *out)
{
	char buf[BUF_BYTES];
	bool of_pair = e->what >= EVENT_PARTITION;
	const char *a = of_pair ? experiment_site_name(exp, e->pair.a) : "";
	const char *b = of_pair ? experiment_site_name(exp, e->pair.b) : "";

	fprintf(out, "  - at: %s\n", duration(e->at_ns, buf));
	if (of_pair) {
		switch (e->what) {
		case EVENT_PARTITION:
			fprintf(out, "    partition: [%s, %s]\n", a, b);
			break;
		case EVENT_HEAL:
			fprintf(out, "    heal: [%s, %s]\n", a, b);
			break;
		default:
			fprintf(out, "    delay: {between: [%s, %s], delay: %s}\n", a, b,
				duration(e->pair.delay_ns, buf));
			break;
		}
		return;
	}
	if (e->lan != NO_LAN) {
		fprintf(out, "    lan: %s\n", exp->lans[e->lan].name);
	} else if (e->group == NO_GROUP) {
		fprintf(out, "    link: %s\n", exp->links[e->link].name);
	} else {
		fprintf(out, "    group: %s\n", exp->groups[e->group].name);
		if (e->pick_count) {
			fprintf(out, "    pick: %" PRIu32 "\n", e->pick_count);
		} else {
			fprintf(out, "    pick: %s\n", percent(e->pick_share, buf));
		}
	}
	if (e->what == EVENT_LINK) {
		print_change(e, out);
	} else if (e->steps) {
		print_course(e, out);
	} else {
		fprintf(out, "    do: %s\n", do_words[e->what]);
	}
}

static void print_events(const struct experiment *exp, FILE *out)
{
	fputs(exp->event_count ? "events:\n" : "events: []\n", out);
	for (size_t i = 0; i < exp->event_count; i++) {
		print_event(exp, &exp->events[i], out);
	}
}

static void print_stop(const struct experiment *exp, FILE *out)
{
	const char *end = exp->stop.kind == STOP_ALL_COMPLETE ? "complete" : "exited";
	char linger[BUF_BYTES];

	fputs("stop:\n  when: ", out);
	if (exp->stop.kind == STOP_LIMIT) {
		fputs("limit\n", out);
	} else {
		fputs("all", out);
		for (size_t i = 0; i < exp->group_count; i++) {
			if (exp->stop.groups[i]) {
				fprintf(out, " %s", exp->groups[i].name);
			}
		}
		fprintf(out, " %s\n", end);
	}
	fprintf(out, "  linger: %s\n", duration(exp->stop.linger_ns, linger));
}

static void print_capture(const struct experiment *exp, FILE *out)
{
	const struct capture_spec *capture = &exp->capture;
	char buf[BUF_BYTES];

	if (capture->count == 0) {
		return;
	}
	fputs("capture: {peers: [", out);
	for (size_t i = 0; i < capture->count; i++) {
		const struct peers_spec *of = &capture->of[i];

		fprintf(out, "%s%s", i ? ", " : "", exp->groups[of->group].name);
		if (of->number) {
			fprintf(out, "-%" PRIu32, of->number);
		}
	}
	fprintf(out, "], snap: %s}\n", units_format_size(capture->snap_bytes, buf, sizeof(buf)));
}

int experiment_print(const struct experiment *exp, FILE *out)
{
	char buf[BUF_BYTES], least[BUF_BYTES];

	fprintf(out, "name: %s\n", exp->name);
	fprintf(out, "seed: %" PRIu64 "\n", exp->seed);
	fprintf(out, "replicas: %u\n", exp->replicas);
	if (exp->tdf_auto) {
		fprintf(out, "time: {tdf: auto, tdf_range: [%s, %s], ",
			tdf_format(exp->tdf_range[0], least, sizeof(least)),
			tdf_format(exp->tdf_range[1], buf, sizeof(buf)));
	} else {
		fprintf(out, "time: {tdf: %s, ", tdf_format(exp->tdf, buf, sizeof(buf)));
	}
	fprintf(out, "limit: %s}\n", duration(exp->limit_ns, buf));
	fprintf(out, "tcp: {congestion: %s, dilate: %s}\n", congestion_words[exp->tcp.congestion],
		exp->tcp.dilate ? "true" : "false");
	print_payload(exp, out);
	print_links(exp, out);
	print_lans(exp, out);
	print_groups(exp, out);
	fputs(exp->delay_count ? "delays:\n" : "delays: []\n", out);
	for (size_t i = 0; i < exp->delay_count; i++) {
		const struct delay_spec *d = &exp->delays[i];

		fprintf(out, "  - {between: [%s, %s], delay: %s}\n",
			experiment_site_name(exp, d->a), experiment_site_name(exp, d->b),
			duration(d->delay_ns, buf));
	}
	print_events(exp, out);
	print_stop(exp, out);
	print_capture(exp, out);
	return fflush(out) || ferror(out) ? -1 : 0;
}
