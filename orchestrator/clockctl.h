/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clockctl - the one writer of a run's clock page, and the record of what it wrote.
 *
 * Every change of factor or state goes through here: it is written to the page,
 * remembered for the result, and told to those who sleep on the old rate through
 * the listener.
 */
#ifndef LENTO_CLOCKCTL_H
#define LENTO_CLOCKCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "report/result.h"
#include "timedil/vtime.h"

struct clockctl;

/* Create the page at @path: virtual time stands still at the wall instants of now. */
int clockctl_create(const char *path, struct tdf tdf, struct clockctl **ctl, struct err *err);
void clockctl_destroy(struct clockctl *ctl);

/* @changed is called after each change; at most one listener. */
void clockctl_listen(struct clockctl *ctl, void (*changed)(void *arg), void *arg);

void clockctl_run(struct clockctl *ctl);
void clockctl_pause(struct clockctl *ctl);
void clockctl_set_tdf(struct clockctl *ctl, struct tdf tdf);
/* The run begins now: offsets count from here. */
void clockctl_mark_origin(struct clockctl *ctl);

/* The clock as it is. */
void clockctl_load(const struct clockctl *ctl, struct vclock *clk);
bool clockctl_paused(const struct clockctl *ctl);
struct tdf clockctl_tdf(const struct clockctl *ctl);
virt_t clockctl_now(const struct clockctl *ctl);
/* Virtual ns since the origin (or since the page was made). */
int64_t clockctl_elapsed(const struct clockctl *ctl);
/* The same for an instant; 0 for one before the origin. */
int64_t clockctl_since_origin(const struct clockctl *ctl, int64_t virt_ns);
/* Wall ms until virtual offset @at_ns is reached, rounded up, at most @cap_ms; 0 if past. */
int clockctl_wait_ms(const struct clockctl *ctl, int64_t at_ns, int cap_ms);

/* All changes since the origin was marked; owned by @ctl. */
const struct tdf_change *clockctl_changes(const struct clockctl *ctl, size_t *count);

#endif
