// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

/* What went from one group to another in an interval. */
struct cell {
	uint64_t bytes;
	uint32_t pairs, busy_pairs;
};

struct traffic {
	struct traffic_config cfg;
	char *path;
	FILE *csv;
	uint32_t *group_of;
	uint64_t *seen;       /* bytes of each pair at the end of the last interval */
	struct cell *cells;   /* [from * groups + to] */
	int64_t since_vns;    /* the interval began */
};

static int flush_csv(struct traffic *t, struct err *err)
{
	if (fflush(t->csv) || ferror(t->csv)) {
		return err_errno(err, ERR_FAILED, "%s", t->path);
	}
	return 0;
}

static int begin_csv(struct traffic *t, struct err *err)
{
	t->csv = fopen(t->path, "we");
	if (!t->csv) {
		return err_errno(err, ERR_FAILED, "%s", t->path);
	}
	fputs("virtual_s,seconds,from,to,bytes,pairs,busy_pairs\n", t->csv);
	return flush_csv(t, err);
}

int traffic_open(const struct traffic_config *cfg, struct traffic **traffic, struct err *err)
{
	size_t n = cfg->peers, groups = cfg->groups;
	struct traffic *t;

	*traffic = NULL;
	if (n > TRAFFIC_PEERS_MAX) {
		return 0;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		return err_errno(err, ERR_FAILED, "traffic");
	}
	t->cfg = *cfg;
	t->path = str_format("%s/traffic.csv", cfg->dir);
	t->group_of = calloc(n, sizeof(*t->group_of));
	t->seen = calloc(n * n, sizeof(*t->seen));
	t->cells = calloc(groups * groups, sizeof(*t->cells));
	if (!t->group_of || !t->seen || !t->cells) {
		err_errno(err, ERR_FAILED, "traffic");
		traffic_close(t);
		return -1;
	}
	memcpy(t->group_of, cfg->group_of, n * sizeof(*t->group_of));
	if (begin_csv(t, err)) {
		traffic_close(t);
		return -1;
	}
	*traffic = t;
	return 0;
}

static void count_pair(struct traffic *t, uint32_t src, uint32_t dst)
{
	uint64_t bytes = t->cfg.bytes(t->cfg.ctx, src, dst);
	uint64_t *seen = &t->seen[(size_t)src * t->cfg.peers + dst];
	struct cell *cell;

	if (bytes == *seen) {
		return;
	}
	cell = &t->cells[(size_t)t->group_of[src] * t->cfg.groups + t->group_of[dst]];
	cell->bytes += bytes - *seen;
	cell->pairs++;
	cell->busy_pairs += bytes - *seen >= TRAFFIC_BUSY_BYTES;
	*seen = bytes;
}

/* The interval from the last one to @now_vns. */
static int write_interval(struct traffic *t, int64_t now_vns, struct err *err)
{
	uint32_t n = t->cfg.peers, groups = t->cfg.groups;
	double seconds = (double)(now_vns - t->since_vns) / 1e9;

	memset(t->cells, 0, (size_t)groups * groups * sizeof(*t->cells));
	for (uint32_t src = 0; src < n; src++) {
		for (uint32_t dst = 0; dst < n; dst++) {
			count_pair(t, src, dst);
		}
	}
	for (uint32_t from = 0; from < groups; from++) {
		for (uint32_t to = 0; to < groups; to++) {
			const struct cell *c = &t->cells[(size_t)from * groups + to];

			if (c->pairs) {
				fprintf(t->csv, "%.3f,%.3f,%s,%s,%" PRIu64 ",%" PRIu32 ",%" PRIu32 "\n",
					(double)now_vns / 1e9, seconds, t->cfg.names[from], t->cfg.names[to],
					c->bytes, c->pairs, c->busy_pairs);
			}
		}
	}
	t->since_vns = now_vns;
	return flush_csv(t, err);
}

int traffic_tick(struct traffic *t, int64_t now_vns, struct err *err)
{
	if (!t || now_vns / TRAFFIC_EVERY_VNS <= t->since_vns / TRAFFIC_EVERY_VNS) {
		return 0;
	}
	return write_interval(t, now_vns, err);
}

int traffic_end(struct traffic *t, int64_t now_vns, struct err *err)
{
	return t && now_vns > t->since_vns ? write_interval(t, now_vns, err) : 0;
}

void traffic_close(struct traffic *t)
{
	if (!t) {
		return;
	}
	if (t->csv) {
		fclose(t->csv);
	}
	free(t->path);
	free(t->group_of);
	free(t->seen);
	free(t->cells);
	free(t);
}
