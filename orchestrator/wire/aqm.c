// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/aqm.h"

#include <math.h>

/* What an idle line is taken to have sent. */
#define SMALL_PACKET_BYTES 500
/* A queue of one packet is no queue. */
#define FULL_PACKET_BYTES 1500

/* --- RED ------------------------------------------------------------------ */

void red_init(struct red *red)
{
	*red = (struct red){.idle_since = {INT64_MIN}};
}

void red_idle(struct red *red, virt_t now)
{
	red->idle_since = now;
}

static void red_measure(struct red *red, const struct wire_aqm *cfg, uint64_t rate_bps, virt_t now,
			uint64_t queue_bytes)
{
	double idle_ns, packets;

	if (queue_bytes > 0) {
		red->mean_bytes += cfg->weight * ((double)queue_bytes - red->mean_bytes);
		return;
	}
	if (rate_bps == 0 || red->idle_since.ns == INT64_MIN) {
		red->mean_bytes = 0;
		return;
	}
	idle_ns = (double)(now.ns - red->idle_since.ns);
	packets = idle_ns * (double)rate_bps / (SMALL_PACKET_BYTES * 8e9);
	red->mean_bytes *= pow(1 - cfg->weight, packets);
}

enum aqm_verdict red_arrival(struct red *red, const struct wire_aqm *cfg, uint64_t rate_bps,
			     virt_t now, uint64_t queue_bytes, struct rng *rng)
{
	double min = (double)cfg->min_bytes, max = (double)cfg->max_bytes, chance, spaced;

	red_measure(red, cfg, rate_bps, now, queue_bytes);
	if (red->mean_bytes < min) {
		red->since_hit = 0;
		return AQM_PASS;
	}
	if (red->mean_bytes >= 2 * max) {
		red->since_hit = 0;
		return AQM_DROP;
	}
	if (red->mean_bytes < max) {
		chance = cfg->probability * (red->mean_bytes - min) / (max - min);
	} else {
		chance = cfg->probability +
			 (1 - cfg->probability) * (red->mean_bytes - max) / max;
	}
	/* The distance of two hits is uniform from 1 to 1/chance, instead of geometric. */
	spaced = 1 - (double)red->since_hit * chance;
	if (spaced <= 0 || rng_unit(rng) < chance / spaced) {
		red->since_hit = 0;
		return AQM_HIT;
	}
	red->since_hit++;
	return AQM_PASS;
}

/* --- CoDel ---------------------------------------------------------------- */

static bool stands(struct codel *c, const struct wire_aqm *cfg, virt_t now, int64_t wait_ns,
		   uint64_t left_bytes)
{
	if (wait_ns < cfg->target_ns || left_bytes <= FULL_PACKET_BYTES) {
		c->above = false;
		return false;
	}
	if (!c->above) {
		c->above = true;
		c->above_until.ns = now.ns + cfg->interval_ns;
		return false;
	}
	return now.ns >= c->above_until.ns;
}

static virt_t control_law(virt_t from, const struct wire_aqm *cfg, uint32_t count)
{
	return (virt_t){from.ns + (int64_t)((double)cfg->interval_ns / sqrt(count))};
}

bool codel_hits(struct codel *c, const struct wire_aqm *cfg, virt_t now, int64_t wait_ns,
		uint64_t left_bytes, bool again)
{
	uint32_t delta;

	if (!stands(c, cfg, now, wait_ns, left_bytes)) {
		c->hitting = false;
		return false;
	}
	if (c->hitting) {
		if (now.ns < c->next_hit.ns) {
			return false;
		}
		c->count++;
		c->next_hit = control_law(c->next_hit, cfg, c->count);
		return true;
	}
	if (again) {
		return false;
	}
	/* A queue that is soon back is met with the pace that it was left with. */
	delta = c->count - c->last_count;
	c->hitting = true;
	c->count = delta > 1 && now.ns - c->next_hit.ns < 16 * cfg->interval_ns ? delta : 1;
	c->next_hit = control_law(now, cfg, c->count);
	c->last_count = c->count;
	return true;
}

/* --- ECN ------------------------------------------------------------------ */

bool ecn_mark(uint8_t *ip)
{
	uint8_t was = ip[1] & 3;
	uint32_t sum;

	if (was == 0) {
		return false;
	}
	if (was == 3) {
		return true;
	}
	/* RFC 1624: ~(~checksum + ~old + new); old and new differ in the ECN bits only. */
	sum = (uint32_t)(uint16_t)~((uint32_t)ip[10] << 8 | ip[11]);
	sum += (uint32_t)(uint16_t)~((uint32_t)ip[0] << 8 | ip[1]);
	ip[1] |= 3;
	sum += (uint32_t)ip[0] << 8 | ip[1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	return true;
}
