/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress - what one peer holds of the payload, and since when.
 *
 * A peer's progress is that of its best file, the one with the most payload
 * bytes: whatever the file is called, and wherever it is renamed to.  When the best
 * file loses blocks or is unlinked, the figures go down (to the next best
 * file); the times of pieces once complete stay.
 */
#ifndef LENTO_STORE_PROGRESS_H
#define LENTO_STORE_PROGRESS_H

#include <stdint.h>

#include "store/content.h"
#include "store/store.h"

/* Part of each file that takes part: a doubly linked list. */
struct progress_file {
	struct content content;
	struct progress_file *prev, *next;
};

struct progress {
	const struct reference *ref;
	struct store_progress *shown; /* shared memory */
	int64_t *piece_times;         /* shared memory; ref->pieces of them */
	struct progress_file *files, *best;
};

/* @file takes part from now on, or no longer. */
void progress_add(struct progress *progress, struct progress_file *file);
void progress_remove(struct progress *progress, struct progress_file *file, virt_t now);

/* Bytes [offset, offset + len) of @file may have changed at @now. */
void progress_note(struct progress *progress, struct progress_file *file, uint64_t offset,
		   uint64_t len, virt_t now);

/* What all of the peer's files hold privately. */
void progress_show_private(struct progress *progress, uint64_t private_bytes);

#endif
