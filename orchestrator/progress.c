// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * progress - one line that tells how the run is going: redrawn in place on a
 * terminal, otherwise a plain line now and then.
 */
#include "run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Off a terminal, a line each so many ticks (wall seconds). */
#define PLAIN_EVERY_TICKS 15

static bool line_open;

void run_count(const struct run *run, struct run_counts *c)
{
	*c = (struct run_counts) { .total = 0 };
	for (uint32_t i = 0; i < run->exp->peer_count; i++) {
		const struct peer *p = &run->peers[i];

		c->started += p->state >= PEER_STARTING;
		c->alive += peer_alive(p);
		if (p->state == PEER_ENDED && p->res->end != END_LEFT &&
		    p->res->end != END_EXITED && p->res->end != END_RUNNING) {
			c->failed++;
		}
		if (p->group->role == ROLE_LEECH) {
			c->total++;
			c->complete += p->res->complete_ns >= 0;
			c->payload_bytes += p->res->payload_bytes;
			c->payload_wanted += run->exp->payload.size_bytes;
		}
	}
}

/* "1:02:03" or "2:03". */
static const char *clock_text(int64_t ns, char *buf, size_t len)
{
	long s = (long)(ns / NS_PER_S);

	if (s >= 3600) {
		snprintf(buf, len, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	} else {
		snprintf(buf, len, "%ld:%02ld", s / 60, s % 60);
	}
	return buf;
}

/* Virtual rate over the last ticks, smoothed, and from it the time left. */
static double rate_bps(const struct run_counts *c, int64_t now_ns)
{
	static double rate;
	static uint64_t last_bytes;
	static int64_t last_ns;

	if (now_ns > last_ns) {
		double fresh = c->payload_bytes > last_bytes
			? 8e9 * (double)(c->payload_bytes - last_bytes) / (double)(now_ns - last_ns)
			: 0;

		rate = last_ns ? 0.7 * rate + 0.3 * fresh : fresh;
		last_bytes = c->payload_bytes;
		last_ns = now_ns;
	}
	return rate;
}

static void format(const struct run *run, const struct run_counts *c, char *buf, size_t len)
{
	char v[24], lim[24], w[24], t[24], r[32] = "", eta[48] = "";
	int64_t now = clockctl_elapsed(run->clock);
	double bps = rate_bps(c, now);

	if (c->total && bps > 0) {
		double left = 8.0 * (double)(c->payload_wanted - c->payload_bytes) / bps;
		char e[24];

		snprintf(r, sizeof(r), " | %.1f Mbit/s", bps / 1e6);
		if (c->complete < c->total && left < 360000) {
			snprintf(eta, sizeof(eta), " | ETA %s",
				 clock_text((int64_t)(left * 1e9), e, sizeof(e)));
		}
	}
	snprintf(buf, len, "virtual %s/%s | wall %s | TDF %s%s | complete %u/%u | alive %u"
		 " | failed %u%s%s",
		 clock_text(now, v, sizeof(v)), clock_text(run->exp->limit_ns, lim, sizeof(lim)),
		 clock_text(wall_now().ns - run->begun.ns, w, sizeof(w)),
		 tdf_format(clockctl_tdf(run->clock), t, sizeof(t)),
		 clockctl_paused(run->clock) ? " paused" : "",
		 c->complete, c->total, c->alive, c->failed, r, eta);
}

void progress_show(struct run *run, const struct run_counts *c)
{
	struct winsize ws = { .ws_col = 80 };
	char text[256];

	if (run->opt->quiet) {
		return;
	}
	if (isatty(STDERR_FILENO)) {
		ioctl(STDERR_FILENO, TIOCGWINSZ, &ws);
		format(run, c, text, sizeof(text));
		fprintf(stderr, "\r\033[K%.*s", ws.ws_col > 1 ? ws.ws_col - 1 : 79, text);
		line_open = true;
	} else if (run->ticks % PLAIN_EVERY_TICKS == 0) {
		format(run, c, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

void progress_end(void)
{
	if (line_open) {
		fputc('\n', stderr);
		line_open = false;
	}
}
