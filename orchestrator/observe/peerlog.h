/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peerlog - the course of each peer, as peers.csv: what its line has carried and what it
 * holds of the payload, whatever its client is; so that clients that write no log of their
 * own, or each another one, can be compared.
 *
 * A row says what has changed since the peer's row before; a peer of which nothing has
 * changed gets none.  Rows are appended and flushed by the round, so that a run that is killed
 * leaves everything up to its last round.
 */
#ifndef LENTO_PEERLOG_H
#define LENTO_PEERLOG_H

#include <stdint.h>

#include "base/err.h"

struct peerlog_row {
	uint64_t up_bytes, down_bytes; /* IP bytes that its line has carried so far */
	uint64_t drops;                /* packets lost at either end of it so far */
	uint64_t payload_bytes;        /* held and verified */
	uint32_t pieces;
};

struct peerlog;

/* Begin peers.csv in @dir with its header line. */
int peerlog_open(const char *dir, uint32_t peers, struct peerlog **log, struct err *err);
/* The rows that follow are of this instant, virtual and wall ns since the run's time 0. */
void peerlog_round(struct peerlog *log, int64_t virt_ns, int64_t wall_ns);
/* Rates are reckoned over the virtual time since the peer was last asked after, row or none. */
void peerlog_add(struct peerlog *log, uint32_t peer, const char *name, const struct peerlog_row *row);
int peerlog_flush(struct peerlog *log, struct err *err);
/* NULL is fine. */
void peerlog_close(struct peerlog *log);

#endif
