// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"

struct timeline {
	char *path;
	FILE *csv;
	bool have_last;
	struct timeline_row last;
};

static int flush_csv(struct timeline *tl, struct err *err)
{
	if (fflush(tl->csv) || ferror(tl->csv)) {
		return err_errno(err, ERR_FAILED, "%s", tl->path);
	}
	return 0;
}

int timeline_open(const char *dir, struct timeline **out, struct err *err)
{
	struct timeline *tl = calloc(1, sizeof(*tl));

	if (!tl) {
		return err_errno(err, ERR_FAILED, "timeline");
	}
	tl->path = str_format("%s/timeline.csv", dir);
	tl->csv = fopen(tl->path, "we");
	if (!tl->csv) {
		err_errno(err, ERR_FAILED, "%s", tl->path);
		timeline_close(tl);
		return -1;
	}
	fputs("virtual_s,wall_s,tdf,paused,started,complete,failed,running,payload_bytes,"
	      "payload_virtual_bps,wire_bytes,wire_held_bytes,late_max_virtual_ns\n", tl->csv);
	if (flush_csv(tl, err)) {
		timeline_close(tl);
		return -1;
	}
	*out = tl;
	return 0;
}

static double payload_rate_bps(const struct timeline *tl, const struct timeline_row *row)
{
	int64_t dur_vns = row->virt_ns - tl->last.virt_ns;

	if (!tl->have_last || dur_vns <= 0 || row->payload_bytes < tl->last.payload_bytes) {
		return 0;
	}
	return (double)(row->payload_bytes - tl->last.payload_bytes) * 8e9 / (double)dur_vns;
}

int timeline_add(struct timeline *tl, const struct timeline_row *row, struct err *err)
{
	fprintf(tl->csv, "%.6f,%.3f,%.6g,%d,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
		",%" PRIu64 ",%.0f,%" PRIu64 ",%" PRIu64 ",%" PRId64 "\n",
		(double)row->virt_ns / 1e9, (double)row->wall_ns / 1e9,
		(double)row->tdf.num / (double)row->tdf.den, row->paused, row->started, row->complete,
		row->failed, row->running, row->payload_bytes, payload_rate_bps(tl, row),
		row->wire_bytes, row->wire_held_bytes, row->late_max_vns);
	tl->last = *row;
	tl->have_last = true;
	return flush_csv(tl, err);
}

void timeline_close(struct timeline *tl)
{
	if (!tl) {
		return;
	}
	if (tl->csv) {
		fclose(tl->csv);
	}
	free(tl->path);
	free(tl);
}
