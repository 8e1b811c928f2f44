/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evq - what is to happen when: a heap of virtual instants.
 *
 * An event names an object by a number: 0 .. tracked - 1 are objects that have at
 * most one event, which can be moved or withdrawn (the lines of the links); larger numbers
 * are packets, whose events only fire.  Events of one instant fire in the order in
 * which they were put in, so packets never overtake each other by rounding.
 *
 * Four children a node: half the levels of a binary heap, and the children
 * compared in one step lie side by side.  The room is fixed at the start.
 */
#ifndef LENTO_EVQ_H
#define LENTO_EVQ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "timedil/vtime.h"

struct evq_entry {
	int64_t at_ns;
	uint64_t order;
	uint32_t object;
};

struct evq {
	struct evq_entry *heap;
	uint32_t *place;     /* of each tracked object: index in heap, or EVQ_NOWHERE */
	uint32_t count, room, tracked;
	uint64_t order;
};

#define EVQ_NOWHERE UINT32_MAX

/* Room for one event of each tracked object, and @others more. */
int evq_init(struct evq *q, uint32_t tracked, uint32_t others, struct err *err);
void evq_fini(struct evq *q);

/* Put in an event.  A tracked object that has one gets it moved.  For the others
 * the caller keeps to the room it asked for. */
void evq_put(struct evq *q, uint32_t object, virt_t at);
/* Withdraw the event of a tracked object, if any. */
void evq_cancel(struct evq *q, uint32_t object);

/* The earliest instant; false when there is none. */
bool evq_first(const struct evq *q, virt_t *at);
/* Take out the earliest event.  There must be one. */
uint32_t evq_take(struct evq *q, virt_t *at);

#endif
