/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/progress.h"

/* 0 means "not yet", so an event at virtual 0 is shown as 1 ns. */
static int64_t event_ns(virt_t now)
{
	return now.ns ? now.ns : 1;
}

static void show_i64(int64_t *where, int64_t value)
{
	__atomic_store_n(where, value, __ATOMIC_RELAXED);
}

/* Record the pieces [first, last] of the best file that are newly complete. */
static void record_pieces(struct progress *progress, uint32_t first, uint32_t last, virt_t now)
{
	const struct content *best = &progress->best->content;
	struct store_progress *shown = progress->shown;

	for (uint32_t piece = first; piece <= last; piece++) {
		if (progress->piece_times[piece] == 0 && content_has_piece(best, piece)) {
			show_i64(&progress->piece_times[piece], event_ns(now));
			if (shown->first_virt_ns == 0) {
				show_i64(&shown->first_virt_ns, event_ns(now));
			}
		}
	}
	if (best->pieces == progress->ref->pieces && shown->complete_virt_ns == 0) {
		show_i64(&shown->complete_virt_ns, event_ns(now));
	}
}

static void show_best(struct progress *progress)
{
	const struct content *best = progress->best ? &progress->best->content : NULL;

	__atomic_store_n(&progress->shown->bytes, best ? best->matched_bytes : 0,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&progress->shown->pieces, best ? best->pieces : 0, __ATOMIC_RELAXED);
}

/* The best file lost bytes or went: look at all of them. */
static void choose_best(struct progress *progress, virt_t now)
{
	struct progress_file *was = progress->best;

	for (struct progress_file *file = progress->files; file; file = file->next) {
		if (!progress->best ||
		    file->content.matched_bytes > progress->best->content.matched_bytes) {
			progress->best = file;
		}
	}
	if (progress->best && progress->best != was && progress->ref->pieces > 0) {
		record_pieces(progress, 0, progress->ref->pieces - 1, now);
	}
}

void progress_add(struct progress *progress, struct progress_file *file)
{
	file->prev = NULL;
	file->next = progress->files;
	if (file->next) {
		file->next->prev = file;
	}
	progress->files = file;
}

void progress_remove(struct progress *progress, struct progress_file *file, virt_t now)
{
	if (file->next) {
		file->next->prev = file->prev;
	}
	if (file->prev) {
		file->prev->next = file->next;
	} else {
		progress->files = file->next;
	}
	file->prev = file->next = NULL;
	if (progress->best == file) {
		progress->best = NULL;
		choose_best(progress, now);
		show_best(progress);
	}
}

void progress_note(struct progress *progress, struct progress_file *file, uint64_t offset,
		   uint64_t len, virt_t now)
{
	const struct reference *ref = progress->ref;
	struct progress_file *best = progress->best;

	if (ref->pieces == 0) {
		return;
	}
	if (file != best) {
		if (file->content.matched_bytes == 0 ||
		    (best && file->content.matched_bytes <= best->content.matched_bytes)) {
			return;
		}
		progress->best = file;
		record_pieces(progress, 0, ref->pieces - 1, now);
	} else if (file->content.matched_bytes < progress->shown->bytes) {
		choose_best(progress, now);
	}
	best = progress->best;
	if (best == file && len > 0 && offset < ref->bytes) {
		uint64_t piece_bytes = ref->piece_blocks * BLOCK_BYTES;
		uint64_t last = (len < ref->bytes - offset ? offset + len : ref->bytes) - 1;

		record_pieces(progress, (uint32_t)(offset / piece_bytes),
			      (uint32_t)(last / piece_bytes), now);
	}
	show_best(progress);
}

void progress_show_private(struct progress *progress, uint64_t private_bytes)
{
	__atomic_store_n(&progress->shown->private_bytes, private_bytes, __ATOMIC_RELAXED);
}
