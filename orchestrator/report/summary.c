// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * summary - the short table at the end of a run: can I trust it, how did each
 * group fare, what did the host do, where is the rest.
 *
 * Times of peers are virtual; where wall time is shown it says so.
 */
#include "report/result.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clean.h"
#include "report/groups.h"
#include "report/launch.h"

enum { WIDTH_MIN = 60, LABEL = 13 };

enum shade { PLAIN, DIM, BOLD, GREEN, YELLOW, RED, SHADES };

struct printer {
	FILE *out;
	bool colour;
	unsigned width;
	unsigned column; /* of the next character */
};

static const char *const shade_code[SHADES] = {
	[PLAIN] = "", [DIM] = "\033[2m", [BOLD] = "\033[1m", [GREEN] = "\033[1;32m",
	[YELLOW] = "\033[1;33m", [RED] = "\033[1;31m",
};

static const enum shade verdict_shade[] = {
	[VERDICT_TRUSTED] = GREEN, [VERDICT_DEGRADED] = YELLOW, [VERDICT_INVALID] = RED,
};

__attribute__((format(printf, 3, 4)))
static void say(struct printer *p, enum shade shade, const char *fmt, ...)
{
	bool shaded = p->colour && shade != PLAIN;
	va_list ap;
	int n;

	if (shaded) {
		fputs(shade_code[shade], p->out);
	}
	va_start(ap, fmt);
	n = vfprintf(p->out, fmt, ap);
	va_end(ap);
	if (shaded) {
		fputs("\033[0m", p->out);
	}
	p->column += n > 0 ? (unsigned)n : 0;
}

static void end_line(struct printer *p)
{
	fputc('\n', p->out);
	p->column = 0;
}

static void pad_to(struct printer *p, unsigned column)
{
	if (p->column < column) {
		say(p, PLAIN, "%*s", (int)(column - p->column), "");
	}
}

static void label(struct printer *p, const char *name)
{
	say(p, DIM, "  %s", name);
	pad_to(p, LABEL);
}

/* @text from here on, broken between words, following lines indented to here. */
static void say_wrapped(struct printer *p, enum shade shade, const char *text)
{
	unsigned indent = p->column;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (p->column > indent && p->column + 1 + len > p->width) {
			end_line(p);
			pad_to(p, indent);
		} else if (p->column > indent) {
			say(p, PLAIN, " ");
		}
		say(p, shade, "%.*s", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	end_line(p);
}

/* --- figures in few columns ---------------------------------------------------- */

/* At most 7 columns: "12.3s" "2m05s" "1h02m" "850ms". */
static const char *short_duration(double ns, char *buf, size_t len)
{
	double s = ns / 1e9;
	uint64_t whole = s >= 0 ? (uint64_t)(s + 0.5) : 0;

	if (!isfinite(ns) || ns < 0) {
		snprintf(buf, len, "-");
	} else if (s < 0.9995) {
		snprintf(buf, len, "%.0fms", ns / 1e6);
	} else if (s < 99.95) {
		snprintf(buf, len, "%.1fs", s);
	} else if (whole < 3600) {
		snprintf(buf, len, "%" PRIu64 "m%02" PRIu64 "s", whole / 60, whole % 60);
	} else if (whole < 100 * 3600) {
		snprintf(buf, len, "%" PRIu64 "h%02" PRIu64 "m", whole / 3600, whole % 3600 / 60);
	} else {
		snprintf(buf, len, "%" PRIu64 "d%02" PRIu64 "h", whole / 86400, whole % 86400 / 3600);
	}
	return buf;
}

/* At most 6 columns, powers of 1000: "1.97M". */
static const char *short_number(double value, char *buf, size_t len)
{
	static const char *const suffix[] = { "", "k", "M", "G", "T" };
	unsigned k = 0;

	if (!isfinite(value)) {
		snprintf(buf, len, "-");
		return buf;
	}
	/* 999.5 and more would be rounded to four digits. */
	for (; value >= 999.5 && k + 1 < ARRAY_LEN(suffix); k++) {
		value /= 1000;
	}
	snprintf(buf, len, value < 9.995 && k ? "%.2f%s" : value < 99.95 && k ? "%.1f%s" : "%.0f%s", value,
		 suffix[k]);
	return buf;
}

static const char *short_share(double part, double total, char *buf, size_t len)
{
	double share = total > 0 ? 100 * part / total : 0;

	if (part <= 0) {
		snprintf(buf, len, "0");
	} else {
		snprintf(buf, len, share < 0.01 ? "<.01%%" : share < 9.95 ? "%.2g%%" : "%.0f%%", share);
	}
	return buf;
}

/* "2"; "1 to 4" when it has changed; "auto, 1 to 4" when that was lento's doing. */
static const char *factors(const struct result *res, char *buf, size_t len)
{
	struct tdf least = res->exp->tdf, most = least;
	char a[24], b[24];

	for (size_t i = 0; i < res->tdf_change_count; i++) {
		struct tdf t = res->tdf_changes[i].tdf;

		least = i == 0 || tdf_double(t) < tdf_double(least) ? t : least;
		most = i == 0 || tdf_double(t) > tdf_double(most) ? t : most;
	}
	tdf_format(least, a, sizeof(a));
	tdf_format(most, b, sizeof(b));
	snprintf(buf, len, "%s%s%s%s", res->exp->tdf_auto ? "auto, " : "", a,
		 strcmp(a, b) ? " to " : "", strcmp(a, b) ? b : "");
	return buf;
}

/* --- parts ----------------------------------------------------------------------- */

static void print_header(struct printer *p, const struct result *res)
{
	const char *verdict = verdict_name(res->verdict);
	char upper[16], a[16], b[16], tdf[64];

	snprintf(upper, sizeof(upper), "%s", verdict);
	for (char *c = upper; *c; c++) {
		*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	}
	end_line(p);
	say(p, BOLD, "%s", res->exp->name);
	say(p, DIM, "  seed %" PRIu64, res->exp->seed);
	pad_to(p, p->width - (unsigned)strlen(upper));
	say(p, verdict_shade[res->verdict], "%s", upper);
	end_line(p);
	say(p, PLAIN, "%s virtual in %s wall (TDF %s)",
	    short_duration((double)res->virt_ns, a, sizeof(a)),
	    short_duration((double)res->wall_ns, b, sizeof(b)), factors(res, tdf, sizeof(tdf)));
	if (res->interrupted) {
		say(p, YELLOW, "  interrupted");
	} else if (res->stopped_by) {
		say(p, DIM, "  ended by: %s", res->stopped_by);
	}
	end_line(p);
	end_line(p);
}

static unsigned group_column(const struct result *res, unsigned most)
{
	unsigned longest = 5;

	for (size_t i = 0; i < res->exp->group_count; i++) {
		unsigned len = (unsigned)strlen(res->exp->groups[i].name);

		longest = len > longest ? len : longest;
	}
	return longest < most ? longest : most;
}

/* Everything right of the group's name: peers complete median p95 max down up drops. */
enum { FIGURE_COLUMNS = 6 + 9 + 8 + 8 + 8 + 7 + 7 + 7 };

static void print_group(struct printer *p, const struct group_figures *f, unsigned name_width)
{
	bool leechers = f->group->role == ROLE_LEECH;
	uint64_t drops = f->queue_drops + f->loss_drops + f->fault_drops;
	char buf[24];

	say(p, PLAIN, "  %-*.*s", (int)name_width, (int)name_width, f->group->name);
	say(p, f->unexpected ? RED : PLAIN, "%6" PRIu32, f->peers);
	if (leechers) {
		say(p, f->complete < f->peers ? YELLOW : PLAIN, "%9" PRIu32, f->complete);
	} else {
		say(p, DIM, "%9s", "-");
	}
	say(p, PLAIN, "%8s", short_duration(f->completion_median_vns, buf, sizeof(buf)));
	say(p, PLAIN, "%8s", short_duration(f->completion_p95_vns, buf, sizeof(buf)));
	say(p, PLAIN, "%8s", short_duration(f->completion_max_vns, buf, sizeof(buf)));
	say(p, PLAIN, "%7s", short_number(f->down_goodput_bps, buf, sizeof(buf)));
	say(p, PLAIN, "%7s", short_number(f->up_rate_bps, buf, sizeof(buf)));
	say(p, f->fault_drops ? RED : PLAIN, "%7s",
	    short_share((double)drops, (double)(f->packets + drops), buf, sizeof(buf)));
	end_line(p);
}

static void print_groups(struct printer *p, const struct result *res)
{
	unsigned name_width = group_column(res, p->width > FIGURE_COLUMNS + 10 ?
					   p->width - FIGURE_COLUMNS - 2 : 8);

	say(p, DIM, "  %-*s%6s%9s%8s%8s%8s%7s%7s%7s", (int)name_width, "group", "peers", "complete",
	    "median", "p95", "max", "down", "up", "drops");
	end_line(p);
	for (size_t i = 0; i < res->exp->group_count; i++) {
		struct group_figures f;

		group_figures(res, i, &f);
		print_group(p, &f, name_width);
	}
	say(p, DIM, "  virtual time from own start to complete; down: payload bit/s, up: IP bit/s");
	end_line(p);
	end_line(p);
}

/* What crossed the WAN lines of LANs that are alike, all together. */
static void print_lan(struct printer *p, const struct result *res, const struct lan_spec *lan)
{
	uint64_t bytes[2] = { 0, 0 }, packets = 0, drops = 0, refused = 0;
	char line[256], nat_text[64] = "", down[16], up[16], share[16];

	for (uint32_t g = lan->first_gateway; g < lan->first_gateway + lan->count; g++) {
		const struct wire_nat_stats *nat = &res->gateways[g].nat;

		for (int d = WIRE_UP; d <= WIRE_DOWN; d++) {
			const struct wire_dir_stats *dir = &res->gateways[g].dir[d];

			bytes[d] += dir->bytes;
			packets += dir->packets;
			drops += dir->queue_drops + dir->loss_drops + dir->fault_drops;
		}
		refused += nat->filtered_drops + nat->exhausted_drops + nat->hairpin_drops +
			   nat->unsupported_drops;
	}
	if (lan->nat.kind != NAT_NONE) {
		snprintf(nat_text, sizeof(nat_text), ", %" PRIu64 " packets refused by NAT", refused);
	}
	snprintf(line, sizeof(line), "%s: %" PRIu32 " WAN line%s, %sB down, %sB up, %s dropped%s", lan->name,
		 lan->count, lan->count == 1 ? "" : "s",
		 short_number((double)bytes[WIRE_DOWN], down, sizeof(down)),
		 short_number((double)bytes[WIRE_UP], up, sizeof(up)),
		 short_share((double)drops, (double)(packets + drops), share, sizeof(share)), nat_text);
	say_wrapped(p, PLAIN, line);
}

static void print_lans(struct printer *p, const struct result *res)
{
	for (size_t i = 0; res->gateways && i < res->exp->lan_count; i++) {
		label(p, i ? "" : "LANs");
		print_lan(p, res, &res->exp->lans[i]);
	}
}

static void print_phases(struct printer *p, const struct result *res)
{
	char line[256] = "", buf[16];

	for (size_t i = 0; i < res->phase_count; i++) {
		const struct phase_result *phase = &res->phases[i];
		size_t used = strlen(line);

		if (phase->end_wns < phase->begin_wns) {
			continue;
		}
		snprintf(line + used, sizeof(line) - used, "%s%s %s", used ? ", " : "", phase->name,
			 short_duration((double)(phase->end_wns - phase->begin_wns), buf, sizeof(buf)));
	}
	if (line[0]) {
		label(p, "wall time");
		say_wrapped(p, PLAIN, line);
	}
}

static void print_launch(struct printer *p, const struct result *res)
{
	char line[256] = "", a[16], b[16];

	for (int step = 0; step < LAUNCH_STEP_COUNT; step++) {
		struct launch_figures f;
		size_t used = strlen(line);

		launch_figures(res, (enum launch_step)step, &f);
		if (f.peers) {
			snprintf(line + used, sizeof(line) - used, "%s%s %s/%s", used ? ", " : "", f.name,
				 short_duration(f.p50_wns, a, sizeof(a)),
				 short_duration(f.p99_wns, b, sizeof(b)));
		}
	}
	if (line[0]) {
		size_t used = strlen(line);

		snprintf(line + used, sizeof(line) - used, " (median/p99)");
		label(p, "each peer");
		say_wrapped(p, PLAIN, line);
	}
}

static void calibration_value(const struct calibration_result *c, double value, char *buf, size_t len)
{
	char s[16];

	if (strcmp(c->figure, "rtt") == 0) {
		snprintf(buf, len, "%.4g ms", value / 1e6);
	} else if (strcmp(c->figure, "loss") == 0 || strcmp(c->figure, "jitter") == 0) {
		snprintf(buf, len, "%.3g %%", 100 * value);
	} else {
		snprintf(buf, len, "%sbit/s", short_number(value, s, sizeof(s)));
	}
}

static void print_calibration(struct printer *p, const struct result *res)
{
	const struct calibration_result *worst = NULL;
	double worst_part = -1;
	size_t good = 0;
	char line[256], asked[32], measured[32], off[32];

	for (size_t i = 0; i < res->calibration_count; i++) {
		const struct calibration_result *c = &res->calibration[i];
		double part = c->tolerance > 0 ? fabs(c->measured - c->asked) / c->tolerance : 0;

		good += c->ok;
		if (part > worst_part) {
			worst_part = part;
			worst = c;
		}
	}
	label(p, "links");
	if (!worst) {
		say(p, YELLOW, "not measured before the start");
		end_line(p);
		return;
	}
	calibration_value(worst, worst->asked, asked, sizeof(asked));
	calibration_value(worst, worst->measured, measured, sizeof(measured));
	if (worst->asked != 0) {
		snprintf(off, sizeof(off), "%+.2g %%", 100 * (worst->measured / worst->asked - 1));
	} else {
		calibration_value(worst, worst->tolerance, off, sizeof(off));
	}
	snprintf(line, sizeof(line), "%zu of %zu figures in tolerance; worst: %s %s, %s for %s (%s%s)", good,
		 res->calibration_count, worst->what, worst->figure, measured, asked, off,
		 worst->asked != 0 ? "" : " allowed");
	say_wrapped(p, good < res->calibration_count ? YELLOW : PLAIN, line);
}

static void print_host(struct printer *p, const struct result *res)
{
	const struct host_summary *h = &res->host;
	double busy = res->wall_ns > 0 ? 100 * (double)res->wire.busy_wns / (double)res->wall_ns : 0;
	char line[200];

	if (!h->valid) {
		return;
	}
	snprintf(line, sizeof(line), "%u CPUs idle %.0f %% (least %.0f %%), emulator busy %.0f %%, "
		 "%.1f GiB free", h->cpus, 100 * h->idle_mean, 100 * h->idle_min, busy,
		 (double)h->memory_available_min_bytes / 0x1p30);
	label(p, "host");
	say_wrapped(p, PLAIN, line);
}

/* Peers that went wrong, each with its reason, as long as they are few. */
static void print_bad_peers(struct printer *p, const struct result *res)
{
	unsigned shown = 0, more = 0;

	for (size_t i = 0; i < res->peer_count; i++) {
		const struct peer_result *peer = &res->peers[i];
		char line[400];

		if (peer->as_expected) {
			continue;
		}
		if (shown == 5) {
			more++;
			continue;
		}
		label(p, shown++ ? "" : "peers");
		snprintf(line, sizeof(line), "%s: %s", peer->name,
			 peer->why[0] ? peer->why : peer_end_name(peer->end));
		say_wrapped(p, RED, line);
	}
	if (more) {
		label(p, "");
		say(p, RED, "and %u more", more);
		end_line(p);
	}
}

static void print_verdict(struct printer *p, const struct result *res)
{
	label(p, "verdict");
	say(p, verdict_shade[res->verdict], "%s", verdict_name(res->verdict));
	end_line(p);
	for (size_t i = 0; i < res->reason_count; i++) {
		const struct verdict_reason *r = &res->reasons[i];

		label(p, "");
		say(p, verdict_shade[r->level], "%s", r->level == VERDICT_INVALID ? "x " : "! ");
		say_wrapped(p, PLAIN, r->text);
	}
}

void result_print(const struct result *res, FILE *out, bool colour, unsigned width)
{
	struct printer p = { .out = out, .colour = colour, .width = width };

	if (p.width < WIDTH_MIN) {
		p.width = WIDTH_MIN;
	}
	print_header(&p, res);
	print_groups(&p, res);
	print_lans(&p, res);
	print_phases(&p, res);
	print_launch(&p, res);
	print_calibration(&p, res);
	print_host(&p, res);
	print_bad_peers(&p, res);
	print_verdict(&p, res);
	if (res->dir) {
		label(&p, "results");
		say(&p, BOLD, "%s/", res->dir);
		end_line(&p);
	}
}
