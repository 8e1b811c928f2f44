/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * download - what is asked of whom: the rules of mainline 4.0.4.
 *
 * Backlog.  A source that does not choke us is kept busy for 4 s: with
 * 2 + 4 * rate / slice requests, of what exceeds 50 only 7.5 % but never less than 50.
 * What is missing to it is asked for a piece at a time, (backlog - 2) * 5 + 2 at most.
 *
 * Interest.  We are interested in a source while it has a piece of which a slice is
 * still to be asked for, or requests are under way.
 *
 * Endgame.  Once no slice is left to be asked for, and from then on, each that is not
 * here is asked of every source that has it, in an order drawn by lot, within its
 * backlog; what comes from one is cancelled at the others.
 *
 * A bad piece is asked for again; whose fault it was is blame.h's affair.
 */
#ifndef ABT_DOWNLOAD_H
#define ABT_DOWNLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/abt/core/blame.h"
#include "images/abt/core/instant.h"
#include "images/abt/core/metainfo.h"
#include "images/abt/core/rate.h"
#include "images/abt/core/slices.h"

/* A peer as one to download from; part of what its connection is.  Read by all. */
struct source {
	struct sender sender;
	uint8_t *has;      /* its bitfield */
	uint32_t lacks;    /* pieces that it has not */
	bool choked;       /* by it */
	bool interested;   /* we are, in it */
	struct rate rate;  /* of the slices that were asked for */
	instant_t arrived; /* when the last of those came */
	uint32_t example;  /* a piece that interested us */
	struct slice *asked;
	uint32_t asked_count;
	uint32_t asked_capacity;
};

/* What the download does.  None of them may call back into it. */
struct download_ops {
	void (*request)(void *ctx, struct source *source, const struct slice *slice);
	void (*cancel)(void *ctx, struct source *source, const struct slice *slice);
	void (*interest)(void *ctx, struct source *source); /* in source->interested */
	/* The policy's choice of a piece to ask for: picker_next() or another. */
	uint32_t (*pick)(void *ctx, struct picker *picker, const struct source *source);

	/* The payload: keep a slice, compare it with what lies there, hash a piece. */
	void (*store)(void *ctx, const struct slice *slice, const uint8_t *data);
	bool (*is_stored)(void *ctx, const struct slice *slice, const uint8_t *data);
	bool (*verify)(void *ctx, uint32_t index);

	void (*got)(void *ctx, uint32_t index, bool good); /* a piece was verified */
	struct blame_ops blame;
};

struct download;

/* Keeps @mi and @ops.  Ends the program if memory is out. */
struct download *download_create(const struct metainfo *mi, uint32_t slice_bytes,
				 struct picker *picker, const struct download_ops *ops,
				 void *ctx, uint64_t seed);
void download_destroy(struct download *download);

/* Piece @index is here from before; to be called before the first source joins. */
void download_has(struct download *download, uint32_t index);
bool download_is_complete(const struct download *download);
bool download_is_endgame(const struct download *download);

/* Bytes that came without having been asked for, or too late. */
uint64_t download_discarded_bytes(const struct download *download);

/* A source comes, choking us and having nothing, or goes, and its requests with it. */
void download_join(struct download *download, struct source *source, struct sender sender,
		   instant_t now);
void download_leave(struct download *download, struct source *source, instant_t now);

/* Its messages.  A bitfield is one that peerwire_read() has let pass. */
void download_choke(struct download *download, struct source *source, bool choked,
		    instant_t now);
void download_have(struct download *download, struct source *source, uint32_t index,
		   instant_t now);
void download_bitfield(struct download *download, struct source *source,
		       const uint8_t *bits);
void download_slice(struct download *download, struct source *source,
		    const struct slice *slice, const uint8_t *data, instant_t now);

/* Requests that @source may have under way at @now. */
uint32_t download_backlog(const struct download *download, struct source *source,
			  instant_t now);

#endif
