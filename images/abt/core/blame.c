// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/blame.h"

#include <stdlib.h>

#include "images/abt/core/memory.h"

#define BAN_PIECES 3
#define BAN_GOOD   30 /* good pieces that outweigh a bad one */

#define NOBODY ((struct sender){ .conn = -1 })

/* Who sent a slice, and who sent another one in its place before. */
struct share {
	struct sender sender;
	struct sender suspect;
};

/* A piece that is coming in. */
struct history {
	bool suspect;
	uint32_t count;
	struct share share[];
};

struct record {
	uint32_t ip;
	uint32_t good;
	uint32_t bad;
	uint32_t capacity;
	uint32_t *bad_pieces; /* each once */
};

struct blame {
	const struct blame_ops *ops;
	void *ctx;
	struct record *records;
	uint32_t nrecords;
	uint32_t capacity;
	uint32_t pieces;
	struct history *history[];
};

struct blame *blame_create(uint32_t pieces, const struct blame_ops *ops, void *ctx)
{
	struct blame *blame = memory_zeros(sizeof(*blame) + pieces * sizeof(struct history *));

	blame->ops = ops;
	blame->ctx = ctx;
	blame->pieces = pieces;
	return blame;
}

void blame_destroy(struct blame *blame)
{
	if (!blame) {
		return;
	}
	for (uint32_t i = 0; i < blame->pieces; i++) {
		free(blame->history[i]);
	}
	for (uint32_t i = 0; i < blame->nrecords; i++) {
		free(blame->records[i].bad_pieces);
	}
	free(blame->records);
	free(blame);
}

static struct record *record_of(struct blame *blame, uint32_t ip)
{
	for (uint32_t i = 0; i < blame->nrecords; i++) {
		if (blame->records[i].ip == ip) {
			return &blame->records[i];
		}
	}
	blame->records = memory_room(blame->records, blame->nrecords, &blame->capacity,
				     sizeof(blame->records[0]));
	blame->records[blame->nrecords] = (struct record){ .ip = ip };
	return &blame->records[blame->nrecords++];
}

static void note_bad_piece(struct record *record, uint32_t index)
{
	for (uint32_t i = 0; i < record->bad; i++) {
		if (record->bad_pieces[i] == index) {
			return;
		}
	}
	record->bad_pieces = memory_room(record->bad_pieces, record->bad, &record->capacity,
					 sizeof(record->bad_pieces[0]));
	record->bad_pieces[record->bad++] = index;
}

static void condemn(struct blame *blame, struct sender sender, uint32_t index)
{
	struct record *record = record_of(blame, sender.ip);

	note_bad_piece(record, index);
	blame->ops->kick(blame->ctx, sender.conn);
	if (record->bad >= BAN_PIECES && record->bad > record->good / BAN_GOOD) {
		blame->ops->ban(blame->ctx, sender.ip);
	}
}

bool blame_is_suspect(const struct blame *blame, uint32_t index)
{
	return blame->history[index] && blame->history[index]->suspect;
}

static struct history *history_of(struct blame *blame, uint32_t index, uint32_t count)
{
	struct history *history = blame->history[index];

	if (!history) {
		history = memory_zeros(sizeof(*history) + count * sizeof(struct share));
		history->count = count;
		for (uint32_t i = 0; i < count; i++) {
			history->share[i] = (struct share){ NOBODY, NOBODY };
		}
		blame->history[index] = history;
	}
	return history;
}

void blame_slice(struct blame *blame, uint32_t index, uint32_t number, uint32_t count,
		 struct sender sender, bool differs)
{
	struct history *history = history_of(blame, index, count);
	struct share *share = &history->share[number];

	if (history->suspect && differs) {
		share->suspect = share->sender;
	}
	share->sender = sender;
}

static void forget(struct blame *blame, uint32_t index)
{
	free(blame->history[index]);
	blame->history[index] = NULL;
}

/* Is share @number the first of its sender? */
static bool is_first_of_sender(const struct history *history, uint32_t number)
{
	for (uint32_t i = 0; i < number; i++) {
		if (history->share[i].sender.conn == history->share[number].sender.conn) {
			return false;
		}
	}
	return true;
}

void blame_good(struct blame *blame, uint32_t index)
{
	struct history *history = blame->history[index];

	for (uint32_t i = 0; i < history->count; i++) {
		if (is_first_of_sender(history, i)) {
			record_of(blame, history->share[i].sender.ip)->good++;
		}
	}
	for (uint32_t i = 0; history->suspect && i < history->count; i++) {
		if (history->share[i].suspect.conn != NOBODY.conn) {
			condemn(blame, history->share[i].suspect, index);
		}
	}
	forget(blame, index);
}

bool blame_bad(struct blame *blame, uint32_t index)
{
	struct history *history = blame->history[index];

	history->suspect = false;
	for (uint32_t i = 0; i < history->count; i++) {
		history->share[i].suspect = NOBODY;
		history->suspect |= i > 0 && is_first_of_sender(history, i);
	}
	if (history->suspect) {
		return false;
	}
	condemn(blame, history->share[0].sender, index);
	forget(blame, index);
	return true;
}
