// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/peerlog.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"

struct last {
	int64_t virt_ns;
	struct peerlog_row row;
};

struct peerlog {
	char *path;
	FILE *csv;
	int64_t virt_ns, wall_ns;
	struct last last[]; /* by peer */
};

int peerlog_open(const char *dir, uint32_t peers, struct peerlog **out, struct err *err)
{
	struct peerlog *log = calloc(1, sizeof(*log) + peers * sizeof(log->last[0]));

	if (!log) {
		return err_errno(err, ERR_FAILED, "a log of %u peers", peers);
	}
	log->path = str_format("%s/peers.csv", dir);
	log->csv = fopen(log->path, "we");
	if (!log->csv) {
		err_errno(err, ERR_FAILED, "%s", log->path);
		peerlog_close(log);
		return -1;
	}
	fputs("virtual_s,wall_s,peer,up_virtual_bps,down_virtual_bps,up_bytes,down_bytes,drops,"
	      "payload_bytes,pieces\n", log->csv);
	if (peerlog_flush(log, err)) {
		peerlog_close(log);
		return -1;
	}
	*out = log;
	return 0;
}

void peerlog_round(struct peerlog *log, int64_t virt_ns, int64_t wall_ns)
{
	log->virt_ns = virt_ns;
	log->wall_ns = wall_ns;
}

static bool same(const struct peerlog_row *a, const struct peerlog_row *b)
{
	return a->up_bytes == b->up_bytes && a->down_bytes == b->down_bytes && a->drops == b->drops &&
	       a->payload_bytes == b->payload_bytes && a->pieces == b->pieces;
}

static double rate_bps(uint64_t from, uint64_t to, int64_t dur_vns)
{
	return dur_vns > 0 && to >= from ? (double)(to - from) * 8e9 / (double)dur_vns : 0;
}

void peerlog_add(struct peerlog *log, uint32_t peer, const char *name, const struct peerlog_row *row)
{
	struct last *last = &log->last[peer];
	int64_t dur_vns = log->virt_ns - last->virt_ns;

	if (!same(row, &last->row)) {
		fprintf(log->csv, "%.6f,%.3f,%s,%.0f,%.0f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu32 "\n", (double)log->virt_ns / 1e9, (double)log->wall_ns / 1e9, name,
			rate_bps(last->row.up_bytes, row->up_bytes, dur_vns),
			rate_bps(last->row.down_bytes, row->down_bytes, dur_vns), row->up_bytes,
			row->down_bytes, row->drops, row->payload_bytes, row->pieces);
	}
	last->virt_ns = log->virt_ns;
	last->row = *row;
}

int peerlog_flush(struct peerlog *log, struct err *err)
{
	if (fflush(log->csv) || ferror(log->csv)) {
		return err_errno(err, ERR_FAILED, "%s", log->path);
	}
	return 0;
}

void peerlog_close(struct peerlog *log)
{
	if (!log) {
		return;
	}
	if (log->csv) {
		fclose(log->csv);
	}
	free(log->path);
	free(log);
}
