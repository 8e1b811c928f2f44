// SPDX-License-Identifier: GPL-2.0-or-later
#include "clockctl.h"

#include <stdlib.h>

struct clockctl {
	struct timedil_page *page;
	void (*changed)(void *arg);
	void *arg;
	bool origin_marked;
	struct tdf_change *changes;
	size_t change_count;
};

int clockctl_create(const char *path, struct tdf tdf, struct clockctl **out, struct err *err)
{
	struct clockctl *ctl = calloc(1, sizeof(*ctl));

	if (ctl) {
		ctl->page = vpage_create(path, tdf);
	}
	if (!ctl || !ctl->page) {
		free(ctl);
		return err_errno(err, ERR_FAILED, "clock page %s", path);
	}
	*out = ctl;
	return 0;
}

void clockctl_destroy(struct clockctl *ctl)
{
	if (!ctl) {
		return;
	}
	vpage_close(ctl->page);
	free(ctl->changes);
	free(ctl);
}

void clockctl_listen(struct clockctl *ctl, void (*changed)(void *arg), void *arg)
{
	ctl->changed = changed;
	ctl->arg = arg;
}

static void record(struct clockctl *ctl)
{
	struct tdf_change *grown;

	if (ctl->origin_marked) {
		grown = reallocarray(ctl->changes, ctl->change_count + 1, sizeof(*grown));
		if (grown) {
			ctl->changes = grown;
			ctl->changes[ctl->change_count++] = (struct tdf_change) {
				.at_ns = clockctl_elapsed(ctl),
				.tdf = clockctl_tdf(ctl),
				.paused = clockctl_paused(ctl),
			};
		}
	}
	if (ctl->changed) {
		ctl->changed(ctl->arg);
	}
}

void clockctl_run(struct clockctl *ctl)
{
	vpage_run(ctl->page, wall_now());
	record(ctl);
}

void clockctl_pause(struct clockctl *ctl)
{
	vpage_pause(ctl->page, wall_now());
	record(ctl);
}

void clockctl_set_tdf(struct clockctl *ctl, struct tdf tdf)
{
	vpage_set_tdf(ctl->page, wall_now(), tdf);
	record(ctl);
}

void clockctl_mark_origin(struct clockctl *ctl)
{
	vpage_mark_origin(ctl->page, wall_now());
	ctl->origin_marked = true;
	record(ctl);
}

static struct vclock load(const struct clockctl *ctl)
{
	struct vclock clk;

	vtime_load(ctl->page, &clk);
	return clk;
}

void clockctl_load(const struct clockctl *ctl, struct vclock *clk)
{
	vtime_load(ctl->page, clk);
}

bool clockctl_paused(const struct clockctl *ctl)
{
	return load(ctl).state != TIMEDIL_RUNNING;
}

struct tdf clockctl_tdf(const struct clockctl *ctl)
{
	return load(ctl).tdf;
}

virt_t clockctl_now(const struct clockctl *ctl)
{
	return vtime_now(ctl->page);
}

int64_t clockctl_elapsed(const struct clockctl *ctl)
{
	return clockctl_since_origin(ctl, clockctl_now(ctl).ns);
}

int64_t clockctl_since_origin(const struct clockctl *ctl, int64_t virt_ns)
{
	int64_t d = virt_ns - load(ctl).origin_virt_ns;

	return d > 0 ? d : 0;
}

int clockctl_wait_ms(const struct clockctl *ctl, int64_t at_ns, int cap_ms)
{
	struct vclock clk = load(ctl);
	int64_t left = at_ns - clockctl_elapsed(ctl), wns;

	if (left <= 0) {
		return 0;
	}
	wns = vtime_dur_to_wall(&clk, left);
	if (wns >= cap_ms * NS_PER_MS) {
		return cap_ms;
	}
	return (int)((wns + NS_PER_MS - 1) / NS_PER_MS);
}

const struct tdf_change *clockctl_changes(const struct clockctl *ctl, size_t *count)
{
	*count = ctl->change_count;
	return ctl->changes;
}
