/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate - at most one thread at a time is at work for one peer.
 *
 * Theory.  The kernel hands out the requests of all peers in one queue.  Private
 * blocks go to a disk, which may be slow or stuck; a peer with many writers would
 * then hold every thread, waiting for its lock, and stop all others.  So
 * a thread that has read a request for a peer at which another is at work leaves it
 * there, for that one to do next, and goes on to serve others.
 *
 * It is a matter of fairness only; the peer's lock is what keeps data whole.
 * What waits at all gates together is bounded; beyond, gate_enter() lets pass and the
 * thread waits for the lock after all.
 */
#ifndef LENTO_STORE_GATE_H
#define LENTO_STORE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define GATE_WAITING_MAX_BYTES (64u << 20) /* at all gates */

struct gate_item {
	struct gate_item *next;
	size_t size;
	int fd; /* the request came through it, and so must the reply */
	char data[];
};

struct gate {
	pthread_mutex_t lock;
	bool busy;
	struct gate_item *first, *last;
};

enum gate_answer {
	GATE_SERVE,  /* do it, then call gate_leave() */
	GATE_LEFT,   /* a copy waits for the thread that is at work */
	GATE_PASS,   /* do it, outside of the gate */
};

void gate_init(struct gate *gate);
void gate_destroy(struct gate *gate);

enum gate_answer gate_enter(struct gate *gate, int fd, const void *request, size_t size);
/* The next request to serve, to be given to gate_free(); NULL: the gate is left. */
struct gate_item *gate_leave(struct gate *gate);
void gate_free(struct gate_item *item);

#endif
