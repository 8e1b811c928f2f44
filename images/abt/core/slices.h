/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slices - the parts that pieces are asked for in: which are free, asked for, here.
 *
 * A piece is cut into slices of one size (mainline's download_slice_size, 16 KiB),
 * the last one shorter; they are asked for in the order of their offsets.  Only a
 * piece that was started takes memory.  The picker is told what becomes of a piece.
 */
#ifndef ABT_SLICES_H
#define ABT_SLICES_H

#include <stdbool.h>
#include <stdint.h>

#include "images/abt/core/metainfo.h"
#include "images/abt/core/picker.h"

#define SLICE_BYTES 16384

struct slice {
	uint32_t index; /* of the piece */
	uint32_t begin; /* in the piece */
	uint32_t length;
};

struct slices;

/* Keeps @mi and @picker.  Ends the program if memory is out. */
struct slices *slices_create(const struct metainfo *mi, uint32_t slice_bytes,
			     struct picker *picker);
void slices_destroy(struct slices *slices);

/* Slices of piece @index, and the number of one among them. */
uint32_t slices_count(const struct slices *slices, uint32_t index);
uint32_t slices_number(const struct slices *slices, const struct slice *slice);

/* Is a slice of @index, which is not whole, still to be asked for? */
bool slices_is_free(const struct slices *slices, uint32_t index);

/* The first free slice of @index, which has one; it is asked for now. */
struct slice slices_take(struct slices *slices, uint32_t index);

/* Who was asked for @slice will not send it: it is free again. */
void slices_release(struct slices *slices, const struct slice *slice);

/* @slice, which was asked for, is here.  Is now all of its piece? */
bool slices_arrive(struct slices *slices, const struct slice *slice);

/* All of @index is here, and is what it should be. */
void slices_finish(struct slices *slices, uint32_t index);

/* It is not: all of it is free.  It counts as started if @is_started, else as wanted. */
void slices_restart(struct slices *slices, uint32_t index, bool is_started);

/* The slices that were asked for and are not here, in order: @from { 0, 0, 0 } begins. */
bool slices_next_asked(const struct slices *slices, struct slice *from);

#endif
