/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initproto - the messages between lento and lento-init (see initlink.h).
 *
 * Both ends are of one build, so messages are plain structures of fixed size, one
 * a SOCK_SEQPACKET record.  lento-init sends reports, lento sends commands; START
 * brings a memfd with its strings (SCM_RIGHTS), since they may exceed a record.
 *
 * The socket lies in a directory that every client sees, so a client may connect
 * and lie.  A report counts only on a connection whose HELLO showed the token that
 * lento drew for this peer; the token is good for one HELLO, and lento-init hides it
 * before any client runs.  Sizes and kinds are checked; no length is believed.
 */
#ifndef LENTO_INITPROTO_H
#define LENTO_INITPROTO_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INIT_PROTO_MAGIC UINT32_C(0x74696e69)
#define INIT_PROTO_VERSION 3
#define INIT_TOKEN_BYTES 16
#define INIT_TEXT_BYTES 256
#define INIT_RTT_VALUES 200u
/* All strings of a START together; argc, envc and file_count each. */
#define INIT_BLOB_MAX_BYTES (256 * 1024)
#define INIT_BLOB_MAX_STRINGS 4096

/* What lento-init calls itself (PR_SET_NAME) once it may be left alone. */
#define INIT_UP_NAME "lento-init:up"

enum init_command_kind {
	INIT_CMD_START = 1,
	INIT_CMD_SIGNAL,
	INIT_CMD_EXIT,
	INIT_CMD_PROBE_RTT,
	INIT_CMD_PROBE_TRAIN,
	INIT_CMD_LAST = INIT_CMD_PROBE_TRAIN,
};

enum init_report_kind {
	INIT_REP_HELLO = 1,
	INIT_REP_STARTED,
	INIT_REP_READY,
	INIT_REP_NOT_READY,
	INIT_REP_FAILED,
	INIT_REP_EXITED,
	INIT_REP_PROBE,
	INIT_REP_LAST = INIT_REP_PROBE,
};

struct init_head {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
};

struct init_command {
	struct init_head head;
	int32_t signo;              /* SIGNAL */
	uint32_t argc, envc, filec; /* START: argv, env, then path and content of each file */
	uint32_t blob_bytes;
	uint16_t ready_tcp_port;
	uint16_t pad;
	uint32_t token, dst_ip, count, bytes; /* PROBE_*; dst_ip in host byte order */
	uint32_t pad2;
	int64_t gap_vns;
	int64_t ready_timeout_wns;
};

struct init_report {
	struct init_head head;
	uint32_t peer;
	int32_t status;
	uint8_t token[INIT_TOKEN_BYTES]; /* HELLO */
	int64_t virt_ns, wall_ns;
	int32_t client_pid;              /* STARTED: as seen inside */
	uint32_t probe_token;
	uint32_t sent, received;
	int64_t rtt_min_vns, rtt_median_vns, rtt_max_vns, first_vns, last_vns;
	int64_t rtt_vns[INIT_RTT_VALUES]; /* ascending; evenly picked where there are more */
	uint64_t probe_bytes;
	int64_t utime_us, stime_us, maxrss_kib, minflt, majflt, inblock, oublock, nvcsw, nivcsw;
	char text[INIT_TEXT_BYTES];
};

static_assert(sizeof(struct init_command) == 72, "no hidden padding");
static_assert(sizeof(struct init_report) == 2040, "no hidden padding");

static inline bool init_head_ok(const struct init_head *head, unsigned last_kind)
{
	return head->magic == INIT_PROTO_MAGIC && head->version == INIT_PROTO_VERSION &&
	       head->kind >= 1 && head->kind <= last_kind;
}

/* Copy a received record to *rep if it is a report; its text ends with NUL afterwards. */
static inline bool init_report_parse(const void *record, size_t bytes, struct init_report *rep)
{
	if (bytes != sizeof(*rep)) {
		return false;
	}
	memcpy(rep, record, sizeof(*rep));
	rep->text[sizeof(rep->text) - 1] = '\0';
	return init_head_ok(&rep->head, INIT_REP_LAST);
}

static inline bool init_command_parse(const void *record, size_t bytes, struct init_command *cmd)
{
	if (bytes != sizeof(*cmd)) {
		return false;
	}
	memcpy(cmd, record, sizeof(*cmd));
	return init_head_ok(&cmd->head, INIT_CMD_LAST) && cmd->blob_bytes <= INIT_BLOB_MAX_BYTES &&
	       cmd->argc <= INIT_BLOB_MAX_STRINGS && cmd->envc <= INIT_BLOB_MAX_STRINGS &&
	       cmd->filec <= INIT_BLOB_MAX_STRINGS / 2;
}

/*
 * Take the next string of a blob: NULL when none is left or the last one lacks its
 * NUL.  *at is the reading position, 0 at first.
 */
static inline char *init_blob_next(char *blob, size_t bytes, size_t *at)
{
	char *s = blob + *at, *end;

	if (*at >= bytes) {
		return NULL;
	}
	end = (char *)memchr(s, '\0', bytes - *at);
	if (!end) {
		return NULL;
	}
	*at += (size_t)(end - s) + 1;
	return s;
}

#endif
