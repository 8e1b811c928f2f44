// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/slices.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "images/abt/core/memory.h"

enum slice_state { SLICE_FREE, SLICE_ASKED, SLICE_HERE };

/* A piece that was started. */
struct work {
	uint32_t count;
	uint32_t free;
	uint32_t here;
	uint8_t state[]; /* enum slice_state */
};

struct slices {
	const struct metainfo *mi;
	uint32_t slice_bytes;
	struct picker *picker;
	struct work *work[]; /* of each piece; NULL if it was not started, or is done */
};

struct slices *slices_create(const struct metainfo *mi, uint32_t slice_bytes,
			     struct picker *picker)
{
	struct slices *slices = memory_zeros(sizeof(*slices) + mi->pieces * sizeof(struct work *));

	slices->mi = mi;
	slices->slice_bytes = slice_bytes;
	slices->picker = picker;
	return slices;
}

void slices_destroy(struct slices *slices)
{
	if (slices) {
		for (uint32_t i = 0; i < slices->mi->pieces; i++) {
			free(slices->work[i]);
		}
		free(slices);
	}
}

uint32_t slices_count(const struct slices *slices, uint32_t index)
{
	return (metainfo_piece_bytes(slices->mi, index) - 1) / slices->slice_bytes + 1;
}

uint32_t slices_number(const struct slices *slices, const struct slice *slice)
{
	return slice->begin / slices->slice_bytes;
}

static struct slice nth(const struct slices *slices, uint32_t index, uint32_t number)
{
	uint32_t begin = number * slices->slice_bytes;
	uint32_t left = metainfo_piece_bytes(slices->mi, index) - begin;

	return (struct slice){ index, begin,
			       left < slices->slice_bytes ? left : slices->slice_bytes };
}

static void tell_picker(struct slices *slices, uint32_t index)
{
	picker_set(slices->picker, index,
		   slices->work[index]->free > 0 ? PIECE_STARTED : PIECE_REQUESTED);
}

static struct work *start(struct slices *slices, uint32_t index)
{
	uint32_t count = slices_count(slices, index);
	struct work *work = memory_zeros(sizeof(*work) + count);

	work->count = count;
	work->free = count;
	slices->work[index] = work;
	return work;
}

bool slices_is_free(const struct slices *slices, uint32_t index)
{
	enum piece_state state = picker_get(slices->picker, index);

	return state == PIECE_WANTED || state == PIECE_STARTED;
}

struct slice slices_take(struct slices *slices, uint32_t index)
{
	struct work *work = slices->work[index] ? slices->work[index] : start(slices, index);
	uint8_t *first = memchr(work->state, SLICE_FREE, work->count);

	assert(first);
	*first = SLICE_ASKED;
	work->free--;
	tell_picker(slices, index);
	return nth(slices, index, (uint32_t)(first - work->state));
}

static uint8_t *asked_state(const struct slices *slices, const struct slice *slice)
{
	uint8_t *state = &slices->work[slice->index]->state[slices_number(slices, slice)];

	assert(*state == SLICE_ASKED);
	return state;
}

void slices_release(struct slices *slices, const struct slice *slice)
{
	*asked_state(slices, slice) = SLICE_FREE;
	slices->work[slice->index]->free++;
	tell_picker(slices, slice->index);
}

bool slices_arrive(struct slices *slices, const struct slice *slice)
{
	struct work *work = slices->work[slice->index];

	*asked_state(slices, slice) = SLICE_HERE;
	work->here++;
	return work->here == work->count;
}

static void forget(struct slices *slices, uint32_t index, enum piece_state state)
{
	free(slices->work[index]);
	slices->work[index] = NULL;
	picker_set(slices->picker, index, state);
}

void slices_finish(struct slices *slices, uint32_t index)
{
	forget(slices, index, PIECE_DONE);
}

void slices_restart(struct slices *slices, uint32_t index, bool is_started)
{
	forget(slices, index, is_started ? PIECE_STARTED : PIECE_WANTED);
}

bool slices_next_asked(const struct slices *slices, struct slice *from)
{
	uint32_t number = from->length > 0 ? slices_number(slices, from) + 1 : 0;

	for (uint32_t index = from->index; index < slices->mi->pieces; index++, number = 0) {
		const struct work *work = slices->work[index];
		const uint8_t *next = !work || number >= work->count ? NULL :
			memchr(work->state + number, SLICE_ASKED, work->count - number);

		if (next) {
			*from = nth(slices, index, (uint32_t)(next - work->state));
			return true;
		}
	}
	return false;
}
