/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picker - which piece to ask a peer for next: the rules of mainline 4.0.4.
 *
 * 1. Of the pieces already started that the peer has, the rarest (strict priority: a
 *    piece that is whole can be shared, two halves cannot); ties by lot.
 * 2. While fewer than @random_first pieces are whole, the first one that the peer has
 *    in an order drawn at the start, so that leechers begin with different pieces.
 * 3. The rarest among connected peers; ties by lot.
 *
 * With @random_first = @pieces the choice is random all the way.  The same seed and
 * the same calls give the same choices.
 */
#ifndef ABT_PICKER_H
#define ABT_PICKER_H

#include <stdbool.h>
#include <stdint.h>

#define PICKER_NONE         UINT32_MAX
#define PICKER_RANDOM_FIRST 4 /* mainline's rarest_first_cutoff */

/* A choice is made of what is wanted or started. */
enum piece_state {
	PIECE_WANTED,    /* no slice of it was asked for */
	PIECE_STARTED,   /* some slices are still to be asked for */
	PIECE_REQUESTED, /* all slices are asked for, or here but not verified */
	PIECE_DONE,      /* verified */
};

struct picker;

/* Ends the program if memory is out.  @pieces > 0. */
struct picker *picker_create(uint32_t pieces, uint32_t random_first, uint64_t seed);
void picker_destroy(struct picker *picker);

/* A connected peer has got piece @index; one that had it has left. */
void picker_gained(struct picker *picker, uint32_t index);
void picker_lost(struct picker *picker, uint32_t index);
uint32_t picker_availability(const struct picker *picker, uint32_t index);

/* What slices.h knows of the piece's slices; set by it. */
void picker_set(struct picker *picker, uint32_t index, enum piece_state state);
enum piece_state picker_get(const struct picker *picker, uint32_t index);

/*
 * A piece for the peer whose bitfield @has is (first piece in the highest bit, as on
 * the wire), or PICKER_NONE.  Changes no state but that of the lots.
 */
uint32_t picker_next(struct picker *picker, const uint8_t *has);

/* Endgame: pieces are missing, and no slice of any of them is left to be asked for. */
bool picker_is_endgame(const struct picker *picker);

#endif
