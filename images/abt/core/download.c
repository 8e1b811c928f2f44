// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/download.h"

#include <stdlib.h>
#include <string.h>

#include "images/abt/core/memory.h"
#include "images/abt/core/shuffle.h"

#define BACKLOG_SECONDS 4
#define BACKLOG_MIN     2
#define BACKLOG_FULL    50
#define FILL_FACTOR     5

/* Numbers in an array that grows. */
struct numbers {
	uint32_t *at;
	uint32_t count;
	uint32_t capacity;
};

struct download {
	const struct metainfo *mi;
	const struct download_ops *ops;
	void *ctx;
	struct picker *picker;
	struct slices *slices;
	struct blame *blame;
	struct rng rng;
	struct source **sources; /* in the order in which they came */
	uint32_t nsources;
	uint32_t sources_capacity;
	uint32_t slice_bytes;
	uint32_t missing; /* pieces */
	bool endgame;     /* once and for all */
	uint64_t discarded_bytes;
};

static void numbers_add(struct numbers *numbers, uint32_t number)
{
	numbers->at = memory_room(numbers->at, numbers->count, &numbers->capacity, sizeof(number));
	numbers->at[numbers->count++] = number;
}

/* 0 to @count - 1 in an order drawn by lot; to be freed. */
static uint32_t *draw_order(struct download *download, uint32_t count)
{
	uint32_t *order = memory_zeros((count + 1) * sizeof(*order));

	shuffle_order(order, count, &download->rng);
	return order;
}

struct download *download_create(const struct metainfo *mi, uint32_t slice_bytes,
				 struct picker *picker, const struct download_ops *ops,
				 void *ctx, uint64_t seed)
{
	struct download *download = memory_zeros(sizeof(*download));

	download->mi = mi;
	download->ops = ops;
	download->ctx = ctx;
	download->picker = picker;
	download->slices = slices_create(mi, slice_bytes, picker);
	download->blame = blame_create(mi->pieces, &ops->blame, ctx);
	download->slice_bytes = slice_bytes;
	download->missing = mi->pieces;
	rng_stream(&download->rng, seed, "download", 0);
	return download;
}

void download_destroy(struct download *download)
{
	if (download) {
		slices_destroy(download->slices);
		blame_destroy(download->blame);
		free(download->sources);
		free(download);
	}
}

void download_has(struct download *download, uint32_t index)
{
	slices_finish(download->slices, index);
	download->missing--;
}

bool download_is_complete(const struct download *download)
{
	return download->missing == 0;
}

bool download_is_endgame(const struct download *download)
{
	return download->endgame;
}

uint64_t download_discarded_bytes(const struct download *download)
{
	return download->discarded_bytes;
}

uint32_t download_backlog(const struct download *download, struct source *source, instant_t now)
{
	uint64_t backlog = BACKLOG_MIN + BACKLOG_SECONDS * rate_bytes_s(&source->rate, now) /
						 download->slice_bytes;
	uint64_t thinned = backlog * 75 / 1000;

	if (backlog <= BACKLOG_FULL) {
		return (uint32_t)backlog;
	}
	return (uint32_t)(thinned > BACKLOG_FULL ? thinned : BACKLOG_FULL);
}

static bool has(const struct source *source, uint32_t index)
{
	return source->has[index / 8] & (0x80u >> index % 8);
}

/* Has @source one of @pieces of which a slice is to be asked for?  The first, or PICKER_NONE. */
static uint32_t first_free(const struct download *download, const struct source *source,
			   const struct numbers *pieces)
{
	for (uint32_t i = 0; i < pieces->count; i++) {
		if (has(source, pieces->at[i]) &&
		    slices_is_free(download->slices, pieces->at[i])) {
			return pieces->at[i];
		}
	}
	return PICKER_NONE;
}

static void set_interest(struct download *download, struct source *source, bool interested)
{
	if (source->interested != interested) {
		source->interested = interested;
		download->ops->interest(download->ctx, source);
	}
}

static void request(struct download *download, struct source *source, struct slice slice)
{
	source->asked = memory_room(source->asked, source->asked_count, &source->asked_capacity,
			      sizeof(slice));
	source->asked[source->asked_count++] = slice;
	download->ops->request(download->ctx, source, &slice);
}

/* Take @slice from what @source was asked for.  Was it there? */
static bool strike(struct source *source, const struct slice *slice)
{
	for (uint32_t i = 0; i < source->asked_count; i++) {
		const struct slice *asked = &source->asked[i];

		if (asked->index == slice->index && asked->begin == slice->begin &&
		    asked->length == slice->length) {
			source->asked_count--;
			memmove(&source->asked[i], &source->asked[i + 1],
				(source->asked_count - i) * sizeof(*asked));
			return true;
		}
	}
	return false;
}

static bool was_asked(const struct source *source, const struct slice *slice)
{
	for (uint32_t i = 0; i < source->asked_count; i++) {
		if (source->asked[i].index == slice->index &&
		    source->asked[i].begin == slice->begin) {
			return true;
		}
	}
	return false;
}

/* --- endgame ------------------------------------------------------------------- */

/* The slices not here that @source has and was not asked for; to be freed. */
static struct slice *wanted_of(const struct download *download, const struct source *source,
			       uint32_t *count)
{
	struct slice *wanted = NULL;
	struct slice slice = { 0 };
	uint32_t capacity = 0;

	*count = 0;
	while (slices_next_asked(download->slices, &slice)) {
		if (has(source, slice.index) && !was_asked(source, &slice)) {
			wanted = memory_room(wanted, *count, &capacity, sizeof(slice));
			wanted[(*count)++] = slice;
		}
	}
	return wanted;
}

static void ask_in_endgame(struct download *download, struct source *source, instant_t now)
{
	uint32_t backlog = download_backlog(download, source, now);
	uint32_t count;
	struct slice *wanted = wanted_of(download, source, &count);

	set_interest(download, source, count > 0 || source->asked_count > 0);
	if (!source->choked && source->asked_count < backlog) {
		uint32_t *order = draw_order(download, count);

		for (uint32_t i = 0; i < count && source->asked_count < backlog; i++) {
			request(download, source, wanted[order[i]]);
		}
		free(order);
	}
	free(wanted);
}

static void ask_all_in_endgame(struct download *download, instant_t now)
{
	for (uint32_t i = 0; i < download->nsources; i++) {
		ask_in_endgame(download, download->sources[i], now);
	}
}

/* @slice came from @source: the others need not send it any more. */
static void cancel_elsewhere(struct download *download, const struct source *source,
			     const struct slice *slice, instant_t now)
{
	for (uint32_t i = 0; i < download->nsources; i++) {
		struct source *other = download->sources[i];

		if (other == source || !other->interested) {
			continue;
		}
		if (strike(other, slice)) {
			download->ops->cancel(download->ctx, other, slice);
			ask_in_endgame(download, other, now);
		} else if (other->choked) {
			ask_in_endgame(download, other, now);
		}
	}
}

/* --- before it ----------------------------------------------------------------- */

/* All slices of @gone are asked for now: some sources may be of no more interest. */
static void review_interest(struct download *download, const struct numbers *gone)
{
	for (uint32_t i = 0; i < download->nsources; i++) {
		struct source *source = download->sources[i];
		bool had = false;

		for (uint32_t k = 0; k < gone->count; k++) {
			had |= has(source, gone->at[k]);
		}
		if (!had || !source->interested || source->asked_count > 0 ||
		    (source->example != PICKER_NONE &&
		     slices_is_free(download->slices, source->example))) {
			continue;
		}
		source->example = download->ops->pick(download->ctx, download->picker, source);
		set_interest(download, source, source->example != PICKER_NONE);
	}
}

/* Ask for slices of @index until @limit are under way.  Is none left to be asked for? */
static bool ask_for_piece(struct download *download, struct source *source, uint32_t index,
			  uint32_t limit)
{
	while (source->asked_count < limit && slices_is_free(download->slices, index)) {
		request(download, source, slices_take(download->slices, index));
	}
	return !slices_is_free(download->slices, index);
}

/* Fill the backlog of @source, which does not choke us, from @only, or any piece if NULL. */
static void ask_more(struct download *download, struct source *source,
		     const struct numbers *only, instant_t now)
{
	uint32_t backlog = download_backlog(download, source, now);
	uint32_t limit = (backlog - BACKLOG_MIN) * FILL_FACTOR + BACKLOG_MIN;
	struct numbers gone = { 0 };

	if (source->asked_count >= backlog) {
		return;
	}
	if (download->endgame) {
		ask_in_endgame(download, source, now);
		return;
	}
	while (source->asked_count < backlog) {
		uint32_t index = only ? first_free(download, source, only) :
			download->ops->pick(download->ctx, download->picker, source);

		if (index == PICKER_NONE) {
			break;
		}
		set_interest(download, source, true);
		source->example = index;
		if (ask_for_piece(download, source, index, limit)) {
			numbers_add(&gone, index);
		}
	}
	set_interest(download, source, source->asked_count > 0);
	if (gone.count > 0) {
		review_interest(download, &gone);
	}
	free(gone.at);
	if (picker_is_endgame(download->picker)) {
		download->endgame = true;
		ask_all_in_endgame(download, now);
	}
}

/* Slices of @pieces are free again: whoever does not choke us is asked, in a drawn order. */
static void ask_anybody(struct download *download, const struct numbers *pieces, instant_t now)
{
	uint32_t *order = draw_order(download, download->nsources);

	for (uint32_t i = 0; i < download->nsources; i++) {
		struct source *source = download->sources[order[i]];

		if (!source->choked) {
			ask_more(download, source, pieces, now);
		}
	}
	free(order);
	for (uint32_t i = 0; !download->endgame && i < download->nsources; i++) {
		struct source *source = download->sources[i];

		if (source->choked && first_free(download, source, pieces) != PICKER_NONE) {
			set_interest(download, source, true);
		}
	}
}

/* What @source was asked for will not come.  In endgame others were, or will be, asked. */
static void let_go(struct download *download, struct source *source, instant_t now)
{
	struct numbers pieces = { 0 };
	uint32_t count = source->asked_count;

	source->asked_count = 0;
	if (download->endgame) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		slices_release(download->slices, &source->asked[i]);
		if (i == 0 || source->asked[i].index != source->asked[i - 1].index) {
			numbers_add(&pieces, source->asked[i].index);
		}
	}
	if (pieces.count > 0) {
		ask_anybody(download, &pieces, now);
	}
	free(pieces.at);
}

/* --- a source comes, speaks, goes ---------------------------------------------- */

void download_join(struct download *download, struct source *source, struct sender sender,
		   instant_t now)
{
	*source = (struct source){
		.sender = sender,
		.has = memory_zeros(download->mi->pieces / 8 + 1),
		.lacks = download->mi->pieces,
		.choked = true,
		.arrived = INSTANT_NEVER,
		.example = PICKER_NONE,
	};
	rate_init(&source->rate, now, RATE_PERIOD_NS);
	download->sources = memory_room(download->sources, download->nsources,
				  &download->sources_capacity, sizeof(struct source *));
	download->sources[download->nsources++] = source;
}

void download_leave(struct download *download, struct source *source, instant_t now)
{
	uint32_t place = 0;

	while (download->sources[place] != source) {
		place++;
	}
	download->nsources--;
	memmove(&download->sources[place], &download->sources[place + 1],
		(download->nsources - place) * sizeof(struct source *));
	for (uint32_t i = 0; i < download->mi->pieces; i++) {
		if (has(source, i)) {
			picker_lost(download->picker, i);
		}
	}
	let_go(download, source, now);
	free(source->asked);
	free(source->has);
}

void download_choke(struct download *download, struct source *source, bool choked, instant_t now)
{
	if (source->choked == choked) {
		return;
	}
	source->choked = choked;
	if (choked) {
		let_go(download, source, now);
	} else if (source->interested) {
		ask_more(download, source, NULL, now);
	}
}

static void gain(struct download *download, struct source *source, uint32_t index)
{
	source->has[index / 8] |= (uint8_t)(0x80u >> index % 8);
	source->lacks--;
	picker_gained(download->picker, index);
}

void download_have(struct download *download, struct source *source, uint32_t index,
		   instant_t now)
{
	if (has(source, index)) {
		return;
	}
	gain(download, source, index);
	if (download->endgame) {
		ask_in_endgame(download, source, now);
	} else if (!slices_is_free(download->slices, index)) {
		return;
	} else if (source->choked) {
		set_interest(download, source, true);
	} else {
		ask_more(download, source, &(struct numbers){ .at = &index, .count = 1 }, now);
	}
}

void download_bitfield(struct download *download, struct source *source, const uint8_t *bits)
{
	bool interested = false;

	for (uint32_t i = 0; i < download->mi->pieces; i++) {
		if (!(bits[i / 8] & (0x80u >> i % 8))) {
			continue;
		}
		if (!has(source, i)) {
			gain(download, source, i);
		}
		interested |= picker_get(download->picker, i) != PIECE_DONE &&
			      (download->endgame || slices_is_free(download->slices, i));
	}
	if (interested) {
		set_interest(download, source, true);
	}
}

/* --- a slice comes ------------------------------------------------------------- */

/* Keep it.  Is now all of its piece here? */
static bool take_in(struct download *download, const struct source *source,
		    const struct slice *slice, const uint8_t *data)
{
	bool differs = blame_is_suspect(download->blame, slice->index) &&
		       !download->ops->is_stored(download->ctx, slice, data);

	blame_slice(download->blame, slice->index, slices_number(download->slices, slice),
		    slices_count(download->slices, slice->index), source->sender, differs);
	download->ops->store(download->ctx, slice, data);
	return slices_arrive(download->slices, slice);
}

static void finish(struct download *download, uint32_t index)
{
	slices_finish(download->slices, index);
	download->missing--;
	blame_good(download->blame, index);
	download->ops->got(download->ctx, index, true);
}

/* The piece was bad: all of it is asked for again. */
static void restart(struct download *download, uint32_t index, instant_t now)
{
	slices_restart(download->slices, index, !blame_bad(download->blame, index));
	download->ops->got(download->ctx, index, false);
	if (!download->endgame) {
		ask_anybody(download, &(struct numbers){ .at = &index, .count = 1 }, now);
		return;
	}
	while (slices_is_free(download->slices, index)) {
		slices_take(download->slices, index);
	}
	ask_all_in_endgame(download, now);
}

void download_slice(struct download *download, struct source *source,
		    const struct slice *slice, const uint8_t *data, instant_t now)
{
	if (!strike(source, slice)) {
		download->discarded_bytes += slice->length;
		return;
	}
	source->arrived = now;
	rate_add(&source->rate, now, slice->length);
	if (take_in(download, source, slice, data)) {
		if (!download->ops->verify(download->ctx, slice->index)) {
			restart(download, slice->index, now);
			return;
		}
		finish(download, slice->index);
	}
	if (download->endgame) {
		cancel_elsewhere(download, source, slice, now);
	}
	if (!source->choked) {
		ask_more(download, source, NULL, now);
	}
}
