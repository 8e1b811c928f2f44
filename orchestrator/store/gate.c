/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/gate.h"

#include <stdlib.h>
#include <string.h>

static size_t waiting_bytes; /* at all gates; atomic */

void gate_init(struct gate *gate)
{
	*gate = (struct gate){ .busy = false };
	pthread_mutex_init(&gate->lock, NULL);
}

void gate_free(struct gate_item *item)
{
	__atomic_sub_fetch(&waiting_bytes, item->size, __ATOMIC_RELAXED);
	free(item);
}

void gate_destroy(struct gate *gate)
{
	while (gate->first) {
		struct gate_item *item = gate->first;

		gate->first = item->next;
		gate_free(item);
	}
	pthread_mutex_destroy(&gate->lock);
}

/* Put a copy at the end of the queue, if it may wait; the gate is locked. */
static bool leave_copy(struct gate *gate, int fd, const void *request, size_t size)
{
	struct gate_item *item;

	if (__atomic_add_fetch(&waiting_bytes, size, __ATOMIC_RELAXED) > GATE_WAITING_MAX_BYTES ||
	    !(item = malloc(sizeof(*item) + size))) {
		__atomic_sub_fetch(&waiting_bytes, size, __ATOMIC_RELAXED);
		return false;
	}
	item->next = NULL;
	item->size = size;
	item->fd = fd;
	memcpy(item->data, request, size);
	if (gate->last) {
		gate->last->next = item;
	} else {
		gate->first = item;
	}
	gate->last = item;
	return true;
}

enum gate_answer gate_enter(struct gate *gate, int fd, const void *request, size_t size)
{
	enum gate_answer answer = GATE_SERVE;

	pthread_mutex_lock(&gate->lock);
	if (gate->busy) {
		answer = leave_copy(gate, fd, request, size) ? GATE_LEFT : GATE_PASS;
	}
	gate->busy = true;
	pthread_mutex_unlock(&gate->lock);
	return answer;
}

struct gate_item *gate_leave(struct gate *gate)
{
	struct gate_item *item;

	pthread_mutex_lock(&gate->lock);
	item = gate->first;
	if (item) {
		gate->first = item->next;
		if (!gate->first) {
			gate->last = NULL;
		}
	} else {
		gate->busy = false;
	}
	pthread_mutex_unlock(&gate->lock);
	return item;
}
