// SPDX-License-Identifier: GPL-2.0-or-later
#include <math.h>

#include "base/clean.h"
#include "topo/alloc.h"
#include "topo/draw.h"

#define WIDTH 860
#define HEIGHT 330
#define PLOT_W 330.0
#define PLOT_H 220.0
#define PLOT_TOP 46.0

/* A panel: a share of the peers, or of the LANs, over a value, linear or logarithmic. */
struct axis {
	double left;              /* of the panel, in the picture */
	double low, high;         /* of the values shown */
	bool is_log;
	const char *title;
	const char *(*label)(double value, char buf[32]);
};

/* The lines of peers, and those that LANs share; the second of each has gaps, so that one below
 * it is seen. */
enum { PEER_DOWN, PEER_UP, WAN_DOWN, WAN_UP, CURVES };

static const struct {
	const char *name, *stroke;
} curves[CURVES] = {
	[PEER_DOWN] = {"down", "stroke=\"#1f6fb4\""},
	[PEER_UP] = {"up", "stroke=\"#d1701d\" stroke-dasharray=\"7 4\""},
	[WAN_DOWN] = {"WAN down", "stroke=\"#3a8f3a\""},
	[WAN_UP] = {"WAN up", "stroke=\"#8a4fa8\" stroke-dasharray=\"7 4\""},
};

static const char *rate_label(double bps, char buf[32])
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
	size_t u = 0;

	for (; bps >= 1000 && u + 1 < ARRAY_LEN(units); u++) {
		bps /= 1000;
	}
	snprintf(buf, 32, "%.3g %s", bps, units[u]);
	return buf;
}

static const char *delay_label(double ms, char buf[32])
{
	snprintf(buf, 32, "%.3g ms", ms);
	return buf;
}

static double place(const struct axis *x, double value)
{
	double share = x->is_log ? log(value / x->low) / log(x->high / x->low)
				 : (value - x->low) / (x->high - x->low);

	return x->left + PLOT_W * fmin(fmax(share, 0), 1);
}

/* --- axes ------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, not below @value. */
static double round_up(double value)
{
	static const double steps[] = {1, 2, 5};
	double decade = pow(10, floor(log10(value)));

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i] * decade >= value * (1 - 1e-9)) {
			return steps[i] * decade;
		}
	}
	return 10 * decade;
}

static void draw_tick(const struct axis *x, double value, FILE *out)
{
	double at = place(x, value), bottom = PLOT_TOP + PLOT_H;
	char buf[32];

	fprintf(out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", at, PLOT_TOP, bottom);
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", at, bottom + 16,
		x->label(value, buf));
}

static void draw_axes(const struct axis *x, FILE *out)
{
	double decades = x->is_log ? log10(x->high / x->low) : 0;
	double step = x->is_log ? (decades > 3.5 ? 100 : 10) : round_up((x->high - x->low) / 5);
	int steps = (int)floor((x->is_log ? decades / log10(step) : (x->high - x->low) / step) + 1e-6);

	for (int i = 0; i <= steps; i++) {
		draw_tick(x, x->is_log ? x->low * pow(step, i) : x->low + i * step, out);
	}
	for (int percent = 0; percent <= 100; percent += 25) {
		double y = PLOT_TOP + PLOT_H * (1 - percent / 100.0);

		fprintf(out, "<path class=\"grid\" d=\"M%.1f %.1fh%.1f\"/>\n", x->left, y, PLOT_W);
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>\n",
			x->left - 6, y + 4, percent);
	}
	fprintf(out, "<text class=\"title\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
		x->left + PLOT_W / 2, PLOT_TOP + PLOT_H + 40, x->title);
}

/* --- curves ----------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Steps: the share of the @count sorted values up to each. */
static void draw_curve(const struct axis *x, const double *values, size_t count, int curve, FILE *out)
{
	double bottom = PLOT_TOP + PLOT_H;

	fprintf(out, "<path class=\"curve\" %s d=\"M%.1f %.1f", curves[curve].stroke, x->left, bottom);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && values[i + 1] <= values[i]) {
			continue;
		}
		fprintf(out, "H%.1fV%.1f", place(x, values[i]),
			bottom - PLOT_H * (double)(i + 1) / (double)count);
	}
	fprintf(out, "H%.1f\"/>\n", x->left + PLOT_W);
}

static void find_range(struct axis *x, double *const values[CURVES], const size_t count[CURVES])
{
	double low = INFINITY, high = 0;

	for (int c = 0; c < CURVES; c++) {
		if (count[c]) {
			low = fmin(low, values[c][0]);
			high = fmax(high, values[c][count[c] - 1]);
		}
	}
	if (x->is_log) {
		x->low = isfinite(low) ? pow(10, floor(log10(low))) : 1e6;
		x->high = fmax(high > 0 ? pow(10, ceil(log10(high))) : 0, 10 * x->low);
	} else {
		double step = round_up(fmax(high, 1) / 5);

		x->low = 0;
		x->high = ceil(fmax(high, 1) / step) * step;
	}
}

static void draw_panel(struct axis *x, double *const values[CURVES], const size_t count[CURVES],
		       FILE *out)
{
	for (int c = 0; c < CURVES; c++) {
		qsort(values[c], count[c], sizeof(double), ascending);
	}
	find_range(x, values, count);
	draw_axes(x, out);
	for (int c = 0; c < CURVES; c++) {
		if (count[c]) {
			draw_curve(x, values[c], count[c], c, out);
		}
	}
}

static void draw_legend(const struct experiment *exp, size_t unlimited, FILE *out)
{
	fprintf(out, "<text class=\"title\" x=\"60\" y=\"24\">%s: the lines of %u peers", exp->name,
		exp->peer_count);
	if (exp->gateway_count) {
		fprintf(out, " and %u LAN%s", exp->gateway_count, exp->gateway_count == 1 ? "" : "s");
	}
	fputs("</text>\n", out);
	for (int c = 0; c < (exp->gateway_count ? CURVES : WAN_DOWN); c++) {
		int left = 640 + 110 * (c % 2), row = 16 * (c / 2);

		fprintf(out, "<path class=\"curve\" %s d=\"M%d %dh25\"/>\n"
			     "<text x=\"%d\" y=\"%d\">%s</text>\n",
			curves[c].stroke, left, 20 + row, left + 32, 24 + row, curves[c].name);
	}
	if (unlimited) {
		fprintf(out, "<text x=\"60\" y=\"%d\">%zu directions without a rate are not in the left panel</text>\n",
			HEIGHT - 6, unlimited);
	}
}

/* Of each direction: the rates that there are, and the delays of all lines, in ms. */
struct samples {
	double *rates[CURVES], *delays[CURVES];
	size_t rate_count[CURVES], delay_count[CURVES];
	size_t unlimited;
};

/* Both directions of a line; @down is the curve of the first, the other one's is the next. */
static void take_line(struct samples *s, const struct link_spec *l, int down)
{
	const uint64_t bps[2] = {l->down_bps, l->up_bps};
	const int64_t delay_ns[2] = {l->down_delay_ns, l->up_delay_ns};

	for (int way = 0; way < 2; way++) {
		int c = down + way;

		s->delays[c][s->delay_count[c]++] = (double)delay_ns[way] / 1e6;
		if (bps[way]) {
			s->rates[c][s->rate_count[c]++] = (double)bps[way];
		} else {
			s->unlimited++;
		}
	}
}

static void take_samples(const struct experiment *exp, struct samples *s)
{
	for (int c = 0; c < CURVES; c++) {
		size_t lines = c < WAN_DOWN ? exp->peer_count : exp->gateway_count;

		s->rates[c] = must_calloc(lines + 1, sizeof(double));
		s->delays[c] = must_calloc(lines + 1, sizeof(double));
	}
	for (uint32_t i = 0; i < exp->peer_count; i++) {
		take_line(s, experiment_peer_link(exp, i), PEER_DOWN);
	}
	for (uint32_t g = 0; g < exp->gateway_count; g++) {
		take_line(s, &exp->links[experiment_gateway_lan(exp, g)->wan], WAN_DOWN);
	}
}

void draw_links_svg(const struct experiment *exp, FILE *out)
{
	struct axis rate = {.left = 60, .is_log = true, .title = "rate, of IP and overhead",
			    .label = rate_label};
	struct axis delay = {.left = 480, .title = "one-way delay, without that of queues",
			     .label = delay_label};
	struct samples s = {.unlimited = 0};

	take_samples(exp, &s);
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
		     "<style>text{font:12px sans-serif;fill:#333}.title{font-size:13px;font-weight:bold}"
		     ".grid{stroke:#ddd;fill:none}.curve{stroke-width:2;fill:none}</style>\n"
		     "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", WIDTH, HEIGHT, WIDTH, HEIGHT);
	draw_legend(exp, s.unlimited, out);
	draw_panel(&rate, s.rates, s.rate_count, out);
	draw_panel(&delay, s.delays, s.delay_count, out);
	fputs("</svg>\n", out);
	for (int c = 0; c < CURVES; c++) {
		free(s.rates[c]);
		free(s.delays[c]);
	}
}
