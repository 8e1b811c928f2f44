// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/fabric_private.h"

#include "base/clean.h"

static const char *const dir_names[2] = {[WIRE_UP] = "up", [WIRE_DOWN] = "down"};

static int check_aqm(uint32_t id, int dir, const struct wire_aqm *aqm, struct err *err)
{
	bool good = aqm->discipline == WIRE_DROP_TAIL;

	if (aqm->discipline == WIRE_RED) {
		good = aqm->min_bytes > 0 && aqm->max_bytes > aqm->min_bytes &&
		       aqm->probability > 0 && aqm->probability <= 1 &&
		       aqm->weight > 0 && aqm->weight <= 1;
	} else if (aqm->discipline == WIRE_CODEL) {
		good = aqm->target_ns >= 0 && aqm->target_ns <= DELAY_NS_MAX &&
		       aqm->interval_ns > 0 && aqm->interval_ns <= DELAY_NS_MAX;
	}
	return good ? 0 : err_set(err, ERR_USAGE,
				  "link %u, %s: the queue's discipline %u has a parameter out of range",
				  id, dir_names[dir], aqm->discipline);
}

static int check_line(const struct fabric *f, uint32_t id, int dir, const struct wire_line *line,
		      struct err *err)
{
	const double shares[] = {line->loss.good, line->loss.bad, line->loss.p, line->loss.r};
	const char *name = dir_names[dir];

	if (line->rate_bps > LINKQ_RATE_MAX) {
		return err_set(err, ERR_USAGE, "link %u, %s: %llu bit/s is more than 1 Tbit/s", id,
			       name, (unsigned long long)line->rate_bps);
	}
	if (line->delay_ns < 0 || line->delay_ns > DELAY_NS_MAX) {
		return err_set(err, ERR_USAGE, "link %u, %s: a delay of %lld ns is not within 0..1h",
			       id, name, (long long)line->delay_ns);
	}
	if (line->jitter.spread_ns < 0 || line->jitter.spread_ns > DELAY_NS_MAX ||
	    line->jitter.kind >= WIRE_JITTER_KINDS) {
		return err_set(err, ERR_USAGE, "link %u, %s: a jitter of %lld ns, kind %u", id, name,
			       (long long)line->jitter.spread_ns, line->jitter.kind);
	}
	if ((line->jitter.kind == WIRE_JITTER_TABLE && line->jitter.table >= f->series_count) ||
	    (line->traced && line->trace >= f->series_count)) {
		return err_set(err, ERR_USAGE, "link %u, %s: there are %u series", id, name,
			       f->series_count);
	}
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		if (!(shares[i] >= 0 && shares[i] <= 1)) {
			return err_set(err, ERR_USAGE, "link %u, %s: a loss of %g is not within 0..1",
				       id, name, shares[i]);
		}
	}
	if (line->overhead.frame_bytes > WIRE_FRAME_BYTES_MAX) {
		return err_set(err, ERR_USAGE, "link %u, %s: an overhead of %u bytes", id, name,
			       line->overhead.frame_bytes);
	}
	return check_aqm(id, dir, &line->aqm, err);
}

int fabric_check_link(const struct fabric *f, uint32_t id, const struct wire_link *link,
		      struct err *err)
{
	if (id >= f->cfg.max_links) {
		return err_set(err, ERR_USAGE, "link %u: ids go up to %u", id,
			       f->cfg.max_links - 1);
	}
	if (link->group >= f->cfg.max_groups) {
		return err_set(err, ERR_USAGE, "link %u: group %u of %u", id, link->group,
			       f->cfg.max_groups);
	}
	if (link->kind >= WIRE_LINK_KINDS || link->inside_bits > 32) {
		return err_set(err, ERR_USAGE, "link %u: of kind %u, with a LAN of /%u", id,
			       link->kind, link->inside_bits);
	}
	return check_line(f, id, WIRE_UP, &link->line[WIRE_UP], err) ||
	       check_line(f, id, WIRE_DOWN, &link->line[WIRE_DOWN], err) ? -1 : 0;
}
