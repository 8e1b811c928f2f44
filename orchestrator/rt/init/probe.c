// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe - measuring a link from its two ends, before the swarm starts.
 *
 * Every lento-init binds UDP port INIT_PROBE_PORT and serves whoever asks: an ECHO
 * is sent back as it came; the packets of a TRAIN are counted by (sender, id), with the
 * virtual instants of the first and the last; an ASK is answered with that count.
 * The side that probes keeps one probe at a time, as a small state machine that
 * probe_step() drives: its deadlines are virtual, its waits are wall waits short
 * enough to follow a change of the clock's rate.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init.h"
#include "rt/initlink.h"

#define PROBE_MAGIC UINT32_C(0x6f72706c)
#define IP_UDP_BYTES 28u
#define MAX_PAYLOAD_BYTES 8972u
#define MAX_PACKETS 100000u
#define GRACE_VNS (20 * NS_PER_S)
#define ECHO_GRACE_VNS (2 * NS_PER_S)  /* and some gaps between echoes */
#define ECHO_GRACE_GAPS 4
#define ASK_FIRST_VNS (100 * NS_PER_MS)
#define ASK_EVERY_VNS (500 * NS_PER_MS)
#define CLOCK_CHECK_WNS (20 * NS_PER_MS)
#define SEND_RETRY_WNS (200 * NS_PER_US)
#define BATCH 64
#define TRAIN_SLOTS 64

enum packet_kind { PKT_ECHO = 1, PKT_ECHO_REPLY, PKT_TRAIN, PKT_ASK, PKT_REPORT };

struct packet {
	uint32_t magic, kind, id, seq;
	int64_t sent_vns;
	uint64_t pad;
};

struct train_count {
	uint32_t received, pad;
	uint64_t bytes;
	int64_t first_vns, last_vns;
};

struct report_packet {
	struct packet head;
	struct train_count count;
};

static_assert(sizeof(struct packet) == 32, "part of the contract in initlink.h");

/* What the serving side knows of a train; the oldest slot is used again. */
struct train {
	uint32_t ip, id;
	uint64_t used;
	struct train_count count;
};

enum probe_state { PROBE_IDLE, PROBE_SENDING, PROBE_WAITING };

struct probe {
	enum probe_state state;
	bool is_train;
	uint32_t token, id, count, payload_bytes, next_seq, received, asks;
	struct sockaddr_in to;
	int64_t gap_vns, next_vns, end_vns, first_vns, last_vns;
	int64_t *rtt_vns;          /* by sequence number; -1: not yet */
	struct train_count report;
	bool have_report;
};

static int sock = -1;
static struct train trains[TRAIN_SLOTS];
static uint64_t train_uses;
static struct probe cur;

int probe_open(uint32_t bind_ip)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(INIT_PROBE_PORT) };
	int room = 4 << 20, yes = 1;

	addr.sin_addr.s_addr = htonl(bind_ip);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The link may come up later than we do. */
	if (sock >= 0) {
		setsockopt(sock, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
	}
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr))) {
		probe_close();
		return -1;
	}
	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return 0;
}

void probe_close(void)
{
	if (sock >= 0) {
		close(sock);
	}
	sock = -1;
	free(cur.rtt_vns);
	memset(&cur, 0, sizeof(cur));
}

int probe_fd(void)
{
	return sock;
}

static int64_t virt_of(const struct init *in, wall_t now)
{
	struct vclock clk;

	vtime_load(in->page, &clk);
	return vtime_to_virt(&clk, now).ns;
}

/* --- serving ---------------------------------------------------------------- */

static struct train *train_find(uint32_t ip, uint32_t id)
{
	for (size_t i = 0; i < TRAIN_SLOTS; i++) {
		if (trains[i].used && trains[i].ip == ip && trains[i].id == id) {
			return &trains[i];
		}
	}
	return NULL;
}

static struct train *train_new(uint32_t ip, uint32_t id)
{
	struct train *oldest = &trains[0];

	for (size_t i = 0; i < TRAIN_SLOTS; i++) {
		if (trains[i].used < oldest->used) {
			oldest = &trains[i];
		}
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->ip = ip;
	oldest->id = id;
	return oldest;
}

static void count_train(uint32_t ip, uint32_t id, size_t bytes, int64_t now_vns)
{
	struct train *t = train_find(ip, id);

	t = t ? t : train_new(ip, id);
	t->used = ++train_uses;
	if (t->count.received == 0) {
		t->count.first_vns = now_vns;
	}
	t->count.last_vns = now_vns;
	t->count.received++;
	t->count.bytes += bytes + IP_UDP_BYTES;
}

static void answer_ask(const struct packet *ask, const struct sockaddr_in *from)
{
	const struct train *t = train_find(from->sin_addr.s_addr, ask->id);
	struct report_packet rep = { .head = *ask };

	rep.head.kind = PKT_REPORT;
	if (t) {
		rep.count = t->count;
	}
	sendto(sock, &rep, sizeof(rep), 0, (const struct sockaddr *)from, sizeof(*from));
}

/* --- probing ---------------------------------------------------------------- */

static void take_echo(const struct packet *p, int64_t now_vns)
{
	if (cur.state == PROBE_IDLE || cur.is_train || p->id != cur.id ||
	    p->seq >= cur.next_seq || cur.rtt_vns[p->seq] >= 0) {
		return;
	}
	cur.rtt_vns[p->seq] = now_vns > p->sent_vns ? now_vns - p->sent_vns : 0;
	if (cur.received++ == 0) {
		cur.first_vns = now_vns;
	}
	cur.last_vns = now_vns;
}

/*
 * A report counts when it has the whole train, or says the same as the one before:
 * an ASK may have overtaken the end of the train where a link reorders.
 */
static void take_report(const struct report_packet *p, size_t bytes)
{
	bool same;

	if (bytes < sizeof(*p) || cur.state != PROBE_WAITING || !cur.is_train ||
	    p->head.id != cur.id || p->head.seq >= cur.asks) {
		return;
	}
	same = cur.have_report && cur.report.received == p->count.received &&
	       cur.report.received > 0;
	cur.report = p->count;
	cur.have_report = true;
	if (same || p->count.received >= cur.count) {
		cur.end_vns = INT64_MIN;
	}
}

void probe_input(const struct init *in)
{
	union {
		struct packet head;
		struct report_packet report;
		char room[MAX_PAYLOAD_BYTES];
	} p;

	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_in from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(sock, &p, sizeof(p), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);
		int64_t now_vns;

		if (n < 0) {
			return;
		}
		if ((size_t)n < sizeof(p.head) || p.head.magic != PROBE_MAGIC) {
			continue;
		}
		now_vns = virt_of(in, wall_now());
		switch (p.head.kind) {
		case PKT_ECHO:
			p.head.kind = PKT_ECHO_REPLY;
			sendto(sock, &p, (size_t)n, 0, (struct sockaddr *)&from, from_len);
			break;
		case PKT_ECHO_REPLY:
			take_echo(&p.head, now_vns);
			break;
		case PKT_TRAIN:
			count_train(from.sin_addr.s_addr, p.head.id, (size_t)n, now_vns);
			break;
		case PKT_ASK:
			answer_ask(&p.head, &from);
			break;
		case PKT_REPORT:
			take_report(&p.report, (size_t)n);
			break;
		default:
			break;
		}
	}
}

static bool send_packet(enum packet_kind kind, uint32_t seq, size_t bytes, int64_t now_vns)
{
	union {
		struct packet head;
		char room[MAX_PAYLOAD_BYTES];
	} p;

	memset(&p, 0, bytes);
	p.head = (struct packet){ .magic = PROBE_MAGIC, .kind = kind, .id = cur.id,
				  .seq = seq, .sent_vns = now_vns };
	return sendto(sock, &p, bytes, MSG_DONTWAIT, (struct sockaddr *)&cur.to, sizeof(cur.to)) >= 0 ||
	       (errno != EAGAIN && errno != ENOBUFS);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The @n ascending values, or some of them from the first to the last. */
static void pick_values(const int64_t *values, uint32_t n, int64_t picked[INIT_RTT_VALUES])
{
	uint32_t last = INIT_RTT_VALUES - 1;

	for (uint32_t i = 0; i < n && i <= last; i++) {
		picked[i] = values[n <= last + 1 ? i : (uint64_t)i * (n - 1) / last];
	}
}

static void report_end(const struct init *in)
{
	struct init_report rep;
	uint32_t n = 0;

	report_begin(in, &rep, INIT_REP_PROBE);
	rep.probe_token = cur.token;
	rep.sent = cur.next_seq;
	if (cur.is_train) {
		rep.received = cur.report.received;
		rep.first_vns = cur.report.first_vns;
		rep.last_vns = cur.report.last_vns;
		rep.probe_bytes = cur.report.bytes;
	} else {
		for (uint32_t i = 0; i < cur.next_seq; i++) {
			if (cur.rtt_vns[i] >= 0) {
				cur.rtt_vns[n++] = cur.rtt_vns[i];
			}
		}
		qsort(cur.rtt_vns, n, sizeof(*cur.rtt_vns), by_value);
		rep.received = n;
		rep.rtt_min_vns = n ? cur.rtt_vns[0] : 0;
		rep.rtt_median_vns = n ? (cur.rtt_vns[(n - 1) / 2] + cur.rtt_vns[n / 2]) / 2 : 0;
		rep.rtt_max_vns = n ? cur.rtt_vns[n - 1] : 0;
		pick_values(cur.rtt_vns, n, rep.rtt_vns);
		rep.first_vns = cur.first_vns;
		rep.last_vns = cur.last_vns;
		rep.probe_bytes = (uint64_t)n * (cur.payload_bytes + IP_UDP_BYTES);
	}
	free(cur.rtt_vns);
	memset(&cur, 0, sizeof(cur));
	report_send(in, &rep);
}

static void refuse(const struct init *in, uint32_t token, const char *why)
{
	struct init_report rep;

	report_begin(in, &rep, INIT_REP_PROBE);
	rep.probe_token = token;
	strncpy(rep.text, why, sizeof(rep.text) - 1);
	report_send(in, &rep);
}

void probe_begin(const struct init *in, const struct init_command *cmd)
{
	static uint32_t last_id;
	uint32_t payload = cmd->bytes > IP_UDP_BYTES ? cmd->bytes - IP_UDP_BYTES : 0;

	if (sock < 0) {
		refuse(in, cmd->token, in->started ? "probes end with START" : "UDP port 7 is taken");
		return;
	}
	if (cur.state != PROBE_IDLE) {
		refuse(in, cmd->token, "another probe is under way");
		return;
	}
	if (payload < sizeof(struct packet) || payload > MAX_PAYLOAD_BYTES ||
	    cmd->count == 0 || cmd->count > MAX_PACKETS || cmd->gap_vns < 0) {
		refuse(in, cmd->token, "packet size, count or gap out of bounds");
		return;
	}
	cur = (struct probe){ .state = PROBE_SENDING, .token = cmd->token, .count = cmd->count,
			      .is_train = cmd->head.kind == INIT_CMD_PROBE_TRAIN,
			      .payload_bytes = payload, .gap_vns = cmd->gap_vns };
	/* Differs from that of an earlier lento-init at the same address. */
	cur.id = (uint32_t)wall_now().ns + ++last_id;
	cur.to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(INIT_PROBE_PORT) };
	cur.to.sin_addr.s_addr = htonl(cmd->dst_ip);
	cur.next_vns = virt_of(in, wall_now());
	if (!cur.is_train) {
		cur.rtt_vns = malloc(cmd->count * sizeof(*cur.rtt_vns));
		if (!cur.rtt_vns) {
			memset(&cur, 0, sizeof(cur));
			refuse(in, cmd->token, "out of memory");
			return;
		}
		memset(cur.rtt_vns, 0xff, cmd->count * sizeof(*cur.rtt_vns));
	}
}

/* Send what is due; false when the socket is full. */
static bool step_sending(int64_t now_vns)
{
	for (int i = 0; i < BATCH && cur.next_seq < cur.count && now_vns >= cur.next_vns; i++) {
		if (!send_packet(cur.is_train ? PKT_TRAIN : PKT_ECHO, cur.next_seq,
				 cur.payload_bytes, now_vns)) {
			return false;
		}
		cur.next_seq++;
		cur.next_vns += cur.is_train ? 0 : cur.gap_vns;
	}
	if (cur.next_seq == cur.count) {
		cur.state = PROBE_WAITING;
		/* A lost echo is waited for, but not long. */
		cur.end_vns = now_vns + (cur.is_train ? GRACE_VNS : ECHO_GRACE_VNS +
					 ECHO_GRACE_GAPS * cur.gap_vns);
		cur.next_vns = cur.is_train ? now_vns + ASK_FIRST_VNS : cur.end_vns;
	}
	return true;
}

wall_t probe_step(const struct init *in, wall_t now)
{
	struct vclock clk;
	bool full = false;
	int64_t now_vns;
	wall_t due;

	if (cur.state == PROBE_IDLE) {
		return (wall_t){ INT64_MAX };
	}
	vtime_load(in->page, &clk);
	now_vns = vtime_to_virt(&clk, now).ns;
	if (cur.state == PROBE_SENDING) {
		full = !step_sending(now_vns);
	} else if (now_vns >= cur.end_vns || (!cur.is_train && cur.received == cur.count)) {
		report_end(in);
		return (wall_t){ INT64_MAX };
	} else if (now_vns >= cur.next_vns) {
		send_packet(PKT_ASK, cur.asks++, sizeof(struct packet), now_vns);
		cur.next_vns = now_vns + ASK_EVERY_VNS;
	}
	if (full) {
		return (wall_t){ now.ns + SEND_RETRY_WNS };
	}
	due = vtime_to_wall(&clk, (virt_t){ cur.next_vns });
	if (due.ns > now.ns + CLOCK_CHECK_WNS) {
		due.ns = now.ns + CLOCK_CHECK_WNS;
	}
	return due;
}
