/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blame - who sent bad data, and what becomes of it: the rules of mainline 4.0.4.
 *
 * 1. A bad piece that came from one sender is that sender's fault.
 * 2. One that came from several is fetched again.  Who had sent a slice that is other
 *    than the one in the piece that then proves good is guilty.
 * 3. Who is guilty loses its connection.  An address with three bad pieces or more, and
 *    more than one for 30 good ones, is banned.
 */
#ifndef ABT_BLAME_H
#define ABT_BLAME_H

#include <stdbool.h>
#include <stdint.h>

struct sender {
	int conn;    /* the host's name of the connection */
	uint32_t ip; /* where it comes from */
};

struct blame_ops {
	void (*kick)(void *ctx, int conn); /* which may be gone already */
	void (*ban)(void *ctx, uint32_t ip);
};

struct blame;

/* Keeps @ops.  Ends the program if memory is out. */
struct blame *blame_create(uint32_t pieces, const struct blame_ops *ops, void *ctx);
void blame_destroy(struct blame *blame);

/* Was piece @index bad, and nobody could be blamed: are its old slices to be compared? */
bool blame_is_suspect(const struct blame *blame, uint32_t index);

/*
 * Slice @number of the @count of piece @index came from @sender.  Of a suspect piece,
 * @differs: the bytes are others than those of last time.
 */
void blame_slice(struct blame *blame, uint32_t index, uint32_t number, uint32_t count,
		 struct sender sender, bool differs);

/* All slices are here and the piece is good. */
void blame_good(struct blame *blame, uint32_t index);

/* It is bad.  Was somebody to blame, so that there is no need to compare? */
bool blame_bad(struct blame *blame, uint32_t index);

#endif
