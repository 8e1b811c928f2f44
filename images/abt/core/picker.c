// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/picker.h"

#include <assert.h>
#include <stdlib.h>

#include "base/rng.h"
#include "images/abt/core/memory.h"
#include "images/abt/core/shuffle.h"

struct piece {
	uint32_t availability;
	enum piece_state state;
};

struct picker {
	uint32_t pieces;
	uint32_t random_first;
	uint32_t counts[PIECE_DONE + 1]; /* pieces in each state */
	struct rng rng;
	uint32_t *order; /* in which the first pieces are tried */
	struct piece piece[];
};

struct picker *picker_create(uint32_t pieces, uint32_t random_first, uint64_t seed)
{
	struct picker *picker = memory_zeros(sizeof(*picker) + pieces * sizeof(picker->piece[0]));

	picker->order = memory_zeros(pieces * sizeof(*picker->order));
	picker->pieces = pieces;
	picker->random_first = random_first;
	picker->counts[PIECE_WANTED] = pieces;
	rng_stream(&picker->rng, seed, "picker", 0);
	shuffle_order(picker->order, pieces, &picker->rng);
	return picker;
}

void picker_destroy(struct picker *picker)
{
	if (picker) {
		free(picker->order);
		free(picker);
	}
}

void picker_gained(struct picker *picker, uint32_t index)
{
	picker->piece[index].availability++;
}

void picker_lost(struct picker *picker, uint32_t index)
{
	assert(picker->piece[index].availability > 0);
	picker->piece[index].availability--;
}

uint32_t picker_availability(const struct picker *picker, uint32_t index)
{
	return picker->piece[index].availability;
}

void picker_set(struct picker *picker, uint32_t index, enum piece_state state)
{
	picker->counts[picker->piece[index].state]--;
	picker->counts[state]++;
	picker->piece[index].state = state;
}

enum piece_state picker_get(const struct picker *picker, uint32_t index)
{
	return picker->piece[index].state;
}

static bool is_candidate(const struct picker *picker, uint32_t index, const uint8_t *has,
			 enum piece_state state)
{
	return picker->piece[index].state == state && (has[index / 8] & (0x80u >> index % 8));
}

/* The rarest in @state; each of @ties equals is kept with the same chance. */
static uint32_t rarest(struct picker *picker, const uint8_t *has, enum piece_state state)
{
	uint32_t best = PICKER_NONE;
	uint32_t least = UINT32_MAX;
	uint32_t ties = 0;

	if (picker->counts[state] == 0) {
		return PICKER_NONE;
	}
	for (uint32_t i = 0; i < picker->pieces; i++) {
		uint32_t availability = picker->piece[i].availability;

		if (!is_candidate(picker, i, has, state) ||
		    (best != PICKER_NONE && availability > least)) {
			continue;
		}
		ties = best != PICKER_NONE && availability == least ? ties + 1 : 1;
		least = availability;
		if (ties == 1 || rng_below(&picker->rng, ties) == 0) {
			best = i;
		}
	}
	return best;
}

static uint32_t first_in_order(const struct picker *picker, const uint8_t *has)
{
	for (uint32_t i = 0; i < picker->pieces; i++) {
		if (is_candidate(picker, picker->order[i], has, PIECE_WANTED)) {
			return picker->order[i];
		}
	}
	return PICKER_NONE;
}

uint32_t picker_next(struct picker *picker, const uint8_t *has)
{
	uint32_t started = rarest(picker, has, PIECE_STARTED);

	if (started != PICKER_NONE) {
		return started;
	}
	if (picker->counts[PIECE_DONE] < picker->random_first) {
		return first_in_order(picker, has);
	}
	return rarest(picker, has, PIECE_WANTED);
}

bool picker_is_endgame(const struct picker *picker)
{
	return picker->counts[PIECE_REQUESTED] > 0 && picker->counts[PIECE_WANTED] == 0 &&
	       picker->counts[PIECE_STARTED] == 0;
}
