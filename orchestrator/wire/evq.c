// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/evq.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FANOUT 4

int evq_init(struct evq *q, uint32_t tracked, uint32_t others, struct err *err)
{
	size_t room = (size_t)tracked + others;

	memset(q, 0, sizeof(*q));
	if (room >= EVQ_NOWHERE) {
		return err_set(err, ERR_USAGE, "%zu pending events are too many", room);
	}
	q->tracked = tracked;
	q->room = (uint32_t)room;
	q->heap = mmap(NULL, room * sizeof(*q->heap), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	q->place = malloc((tracked + 1) * sizeof(*q->place));
	if (q->heap == MAP_FAILED || !q->place) {
		q->heap = q->heap == MAP_FAILED ? NULL : q->heap;
		evq_fini(q);
		return err_errno(err, ERR_FAILED, "room for %zu pending events", room);
	}
	memset(q->place, 0xff, (tracked + 1) * sizeof(*q->place));
	return 0;
}

void evq_fini(struct evq *q)
{
	if (q->heap) {
		munmap(q->heap, q->room * sizeof(*q->heap));
	}
	free(q->place);
	memset(q, 0, sizeof(*q));
}

static bool is_before(const struct evq_entry *a, const struct evq_entry *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static void set(struct evq *q, uint32_t i, const struct evq_entry *e)
{
	q->heap[i] = *e;
	if (e->object < q->tracked) {
		q->place[e->object] = i;
	}
}

static void sift_up(struct evq *q, uint32_t i, struct evq_entry e)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / FANOUT;

		if (!is_before(&e, &q->heap[parent])) {
			break;
		}
		set(q, i, &q->heap[parent]);
		i = parent;
	}
	set(q, i, &e);
}

static void sift_down(struct evq *q, uint32_t i, struct evq_entry e)
{
	for (;;) {
		uint32_t first = i * FANOUT + 1, least, end;

		if (first >= q->count) {
			break;
		}
		end = first + FANOUT < q->count ? first + FANOUT : q->count;
		least = first;
		for (uint32_t c = first + 1; c < end; c++) {
			if (is_before(&q->heap[c], &q->heap[least])) {
				least = c;
			}
		}
		if (!is_before(&q->heap[least], &e)) {
			break;
		}
		set(q, i, &q->heap[least]);
		i = least;
	}
	set(q, i, &e);
}

static void remove_at(struct evq *q, uint32_t i)
{
	struct evq_entry last = q->heap[--q->count];

	if (i == q->count) {
		return;
	}
	if (i > 0 && is_before(&last, &q->heap[(i - 1) / FANOUT])) {
		sift_up(q, i, last);
	} else {
		sift_down(q, i, last);
	}
}

void evq_put(struct evq *q, uint32_t object, virt_t at)
{
	struct evq_entry e = {.at_ns = at.ns, .order = q->order++, .object = object};

	if (object < q->tracked && q->place[object] != EVQ_NOWHERE) {
		evq_cancel(q, object);
	}
	assert(q->count < q->room);
	sift_up(q, q->count++, e);
}

void evq_cancel(struct evq *q, uint32_t object)
{
	uint32_t i = q->place[object];

	if (i != EVQ_NOWHERE) {
		q->place[object] = EVQ_NOWHERE;
		remove_at(q, i);
	}
}

bool evq_first(const struct evq *q, virt_t *at)
{
	if (q->count == 0) {
		return false;
	}
	at->ns = q->heap[0].at_ns;
	return true;
}

uint32_t evq_take(struct evq *q, virt_t *at)
{
	uint32_t object = q->heap[0].object;

	at->ns = q->heap[0].at_ns;
	if (object < q->tracked) {
		q->place[object] = EVQ_NOWHERE;
	}
	remove_at(q, 0);
	return object;
}
