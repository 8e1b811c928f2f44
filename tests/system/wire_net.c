// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wire_net - lento-wire over real TUN devices: each peer is a network namespace of its own,
 * its kernel answers pings and holds the sockets; all that is measured is in virtual time.
 *
 *	wire_net LENTO-WIRE CASE TDF
 *
 * Exit status: 0 as configured, 1 not, 77 when the host has no TUN or we are not root. What
 * is about times is tried up to five times, as another program may have taken the
 * processor; a wrong emulator is wrong each time.
 */
#include <linux/if_packet.h>
#include <math.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "timedil/vtime.h"
#include "wire/tun.h"
#include "wire/wire.h"
#include "wire_ns.h"

#define PEERS 3
#define TRIES 5
#define UDP_PORT 5000
#define PING_PORT 7
#define UDP_PAYLOAD (MTU - 28)

struct peer {
	int ns;    /* its network namespace */
	int udp;   /* bound to UDP_PORT */
	int icmp;  /* raw */
	int raw;   /* raw, with a header of ours */
	int link;  /* sends what we like, no IP packet if need be */
};

struct bed {
	char dir[64], page_path[96];
	struct tdf tdf;
	struct timedil_page *page;
	struct wire *wire;
	struct peer peer[PEERS];
};

static const char *program;

/* A line for the reader; returns @good. */
static bool report(bool good, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool report(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s: ", good ? "good" : "BAD ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	return good;
}

/* --- the bed ------------------------------------------------------------- */

static void make_peer(struct bed *bed, unsigned i, const struct wire_link *link, int home)
{
	struct peer *p = &bed->peer[i];
	struct sockaddr_in sin = address(i, UDP_PORT);
	struct wire_link with_ip = *link;
	int tun, size = 4 << 20;
	struct err err;

	p->ns = new_peer_ns(i, home, &tun);
	p->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	p->icmp = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
	p->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	p->link = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p->udp < 0 || p->icmp < 0 || p->raw < 0 || p->link < 0 ||
	    bind(p->udp, (struct sockaddr *)&sin, sizeof(sin))) {
		die("sockets");
	}
	setsockopt(p->udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	enter_ns(home);
	with_ip.ip = ip_of(i);
	if (wire_add_link(bed->wire, i, &with_ip, tun, &err)) {
		die_err(&err);
	}
	close(tun);
}

static void close_peer(struct peer *p)
{
	close(p->udp);
	close(p->icmp);
	close(p->raw);
	close(p->link);
	close(p->ns);
}

static void open_bed(struct bed *bed, struct tdf tdf, const struct wire_link links[PEERS])
{
	struct wire_config cfg = {
		.program = program,
		.max_links = PEERS,
		.max_groups = PEERS,
		.seed = 7,
	};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct err err;

	memset(bed, 0, sizeof(*bed));
	strcpy(bed->dir, "/tmp/wire-net-XXXXXX");
	if (home < 0 || !mkdtemp(bed->dir)) {
		die("set-up");
	}
	snprintf(bed->page_path, sizeof(bed->page_path), "%s/clock", bed->dir);
	bed->tdf = tdf;
	bed->page = vpage_create(bed->page_path, tdf);
	if (!bed->page) {
		die(bed->page_path);
	}
	vpage_run(bed->page, wall_now());
	cfg.clock_page = bed->page_path;
	if (wire_spawn(&cfg, &bed->wire, &err)) {
		die_err(&err);
	}
	for (unsigned i = 0; i < PEERS; i++) {
		make_peer(bed, i, &links[i], home);
	}
	close(home);
}

static void close_bed(struct bed *bed)
{
	struct err err;

	wire_destroy(bed->wire);
	for (unsigned i = 0; i < PEERS; i++) {
		close_peer(&bed->peer[i]);
	}
	vpage_close(bed->page);
	fs_remove_tree(bed->dir, &err);
}

static int64_t now_vns(const struct bed *bed)
{
	return vtime_now(bed->page).ns;
}

/* A virtual duration in wall ms for poll(), rounded up. */
static int wall_ms(const struct bed *bed, int64_t vns)
{
	return (int)((double)vns * tdf_double(bed->tdf) / 1e6) + 1;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median(int64_t *values, unsigned n)
{
	qsort(values, n, sizeof(*values), ascending);
	return values[n / 2];
}

/* --- pings --------------------------------------------------------------- */

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return htons((uint16_t)~sum);
}

static void send_ping(const struct bed *bed, unsigned src, unsigned dst, uint16_t number)
{
	struct sockaddr_in to = address(dst, 0);
	uint8_t data[64] = {0};
	struct icmphdr hdr = {.type = ICMP_ECHO, .un.echo = {htons(77), htons(number)}};

	memcpy(data, &hdr, sizeof(hdr));
	hdr.checksum = checksum(data, sizeof(data));
	memcpy(data, &hdr, sizeof(hdr));
	if (sendto(bed->peer[src].icmp, data, sizeof(data), 0, (struct sockaddr *)&to,
		   sizeof(to)) < 0) {
		die("ping");
	}
}

/* Wait for the answer to @number; false after @timeout_vns. */
static bool await_ping(const struct bed *bed, unsigned src, uint16_t number, int64_t timeout_vns)
{
	int64_t end = now_vns(bed) + timeout_vns;

	for (;;) {
		struct pollfd fd = {.fd = bed->peer[src].icmp, .events = POLLIN};
		int64_t left = end - now_vns(bed);
		uint8_t data[256];
		struct icmphdr hdr;
		ssize_t n;

		if (left <= 0) {
			return false;
		}
		poll(&fd, 1, wall_ms(bed, left));
		n = recv(fd.fd, data, sizeof(data), 0);
		if (n < 20 + (ssize_t)sizeof(hdr)) {
			continue;
		}
		memcpy(&hdr, data + 20, sizeof(hdr));
		if (hdr.type == ICMP_ECHOREPLY && hdr.un.echo.id == htons(77) &&
		    hdr.un.echo.sequence == htons(number)) {
			return true;
		}
	}
}

/* Median RTT over @n pings, -1 when one got lost; *least gets the shortest. */
static int64_t ping(const struct bed *bed, unsigned src, unsigned dst, unsigned n,
		    int64_t timeout_vns, int64_t *least)
{
	static uint16_t number;
	int64_t rtt[64] = {0};

	for (unsigned i = 0; i < n; i++) {
		int64_t start = now_vns(bed);

		send_ping(bed, src, dst, ++number);
		if (!await_ping(bed, src, number, timeout_vns)) {
			return -1;
		}
		rtt[i] = now_vns(bed) - start;
	}
	*least = rtt[0];
	for (unsigned i = 1; i < n; i++) {
		*least = rtt[i] < *least ? rtt[i] : *least;
	}
	return median(rtt, n);
}

/* --- UDP streams --------------------------------------------------------- */

struct stream {
	const struct bed *bed;
	unsigned src, dst;
	int64_t length_vns;    /* for so long it is sent */
	uint64_t rate_bps;     /* of IP bits */
	uint64_t max_packets;
	/* found */
	uint64_t sent, received;
	int64_t first_vns, last_vns; /* of arrivals after the warm-up */
	uint64_t bits;               /* that arrived after the first, up to the last */
	int64_t delay_vns[4096];     /* one-way, after the warm-up */
	unsigned delays;
};

static void take_arrivals(struct stream *s, int64_t warm_vns)
{
	uint8_t data[2048];
	int64_t stamp, now;
	ssize_t n;

	while ((n = recv(s->bed->peer[s->dst].udp, data, sizeof(data), 0)) > 0) {
		now = now_vns(s->bed);
		s->received++;
		if (now < warm_vns) {
			continue;
		}
		memcpy(&stamp, data, sizeof(stamp));
		if (s->first_vns == 0) {
			s->first_vns = now;
		} else {
			s->bits += (uint64_t)(n + 28) * 8;
		}
		s->last_vns = now;
		if (s->delays < 4096) {
			s->delay_vns[s->delays++] = now - stamp;
		}
	}
}

/* Send at a rate in virtual time and take what arrives, for @drain_vns longer. */
static void run_stream(struct stream *s, int64_t warm_vns, int64_t drain_vns)
{
	struct sockaddr_in to = address(s->dst, UDP_PORT);
	int64_t start = now_vns(s->bed), now;
	uint8_t data[UDP_PAYLOAD] = {0};

	for (;;) {
		struct pollfd fd = {.fd = s->bed->peer[s->dst].udp, .events = POLLIN};
		struct timespec nap = {0, 100000};
		uint64_t due;

		now = now_vns(s->bed);
		if (now > start + s->length_vns + drain_vns) {
			return;
		}
		due = (uint64_t)((double)(now - start) / 1e9 * (double)s->rate_bps / (MTU * 8));
		if (now - start > s->length_vns) {
			due = 0;
		}
		if (due > s->max_packets) {
			due = s->max_packets;
		}
		for (unsigned burst = 0; s->sent < due && burst < 64; burst++) {
			int64_t stamp = now_vns(s->bed);

			memcpy(data, &stamp, sizeof(stamp));
			if (sendto(s->bed->peer[s->src].udp, data, sizeof(data), 0,
				   (struct sockaddr *)&to, sizeof(to)) < 0) {
				die("sendto");
			}
			s->sent++;
		}
		ppoll(&fd, 1, &nap, NULL);
		take_arrivals(s, start + warm_vns);
	}
}

/* --- cases ---------------------------------------------------------------- */

static bool case_rtt(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {
		{.group = 0, .line[WIRE_UP].delay_ns = 20 * NS_PER_MS, .line[WIRE_DOWN].delay_ns = 5 * NS_PER_MS},
		{.group = 1, .line[WIRE_UP].delay_ns = 10 * NS_PER_MS, .line[WIRE_DOWN].delay_ns = 3 * NS_PER_MS},
		{.group = 2},
	};
	const int64_t sums[2] = {(38 + 2 * 100) * NS_PER_MS, 25 * NS_PER_MS};
	struct bed bed;
	bool good = true;
	struct err err;

	open_bed(&bed, tdf, links);
	if (wire_set_delay(bed.wire, 0, 1, 100 * NS_PER_MS, &err)) {
		die_err(&err);
	}
	for (unsigned dst = 1; dst < PEERS; dst++) {
		int64_t least = 0, rtt = ping(&bed, 0, dst, 20, 3 * NS_PER_S, &least);
		int64_t sum = sums[dst - 1];

		good &= report(rtt >= 0 && least >= sum && rtt <= sum + NS_PER_MS,
			       "RTT to %u: %.3f ms, shortest %.3f, configured %.3f", dst,
			       (double)rtt / 1e6, (double)least / 1e6, (double)sum / 1e6);
	}
	close_bed(&bed);
	return good;
}

static bool stream_has_rate(const struct bed *bed, unsigned src, unsigned dst, uint64_t sent_bps,
			    uint64_t link_bps)
{
	double tdf = tdf_double(bed->tdf);
	struct stream s = {
		.bed = bed, .src = src, .dst = dst, .rate_bps = sent_bps,
		/* At least 2 s wall, so that a hold-up of this process weighs little. */
		.length_vns = (int64_t)(2e9 / (tdf < 1 ? tdf : 1)), .max_packets = UINT64_MAX,
	};
	double bps;

	run_stream(&s, NS_PER_S / 2, 0);
	bps = (double)s.bits * 1e9 / (double)(s.last_vns - s.first_vns);
	return report(fabs(bps / (double)link_bps - 1) < 0.01,
		      "%u to %u: %.1f kbit/s, configured %.1f", src, dst, bps / 1e3,
		      (double)link_bps / 1e3);
}

static bool case_rate(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {
		/* Queues that last while the sender has lost the processor. */
		{.line[WIRE_UP].rate_bps = 1000000, .line[WIRE_DOWN].rate_bps = 8000000,
		 .line[WIRE_UP].limit_bytes = 60000, .line[WIRE_DOWN].limit_bytes = 400000},
		{.line[WIRE_UP].rate_bps = 20000000, .line[WIRE_DOWN].rate_bps = 20000000,
		 .line[WIRE_UP].limit_packets = 50, .line[WIRE_DOWN].limit_packets = 50},
		{.line[WIRE_UP].rate_bps = 128000, .line[WIRE_UP].limit_bytes = 12000},
	};
	struct bed bed;
	bool good;

	open_bed(&bed, tdf, links);
	good = stream_has_rate(&bed, 0, 1, 2000000, 1000000);   /* by the uplink */
	good &= stream_has_rate(&bed, 1, 0, 16000000, 8000000); /* by the downlink */
	good &= stream_has_rate(&bed, 2, 0, 512000, 128000);
	close_bed(&bed);
	return good;
}

static bool case_loss(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {{.line[WIRE_UP].loss.good = 0.1}, {.line[WIRE_DOWN].loss.good = 0.05}, {0}};
	const double share = 1 - 0.9 * 0.95;
	struct bed bed;
	struct stream s = {
		.bed = &bed, .src = 0, .dst = 1, .rate_bps = 24000000,
		.length_vns = 5 * NS_PER_S, .max_packets = 5000,
	};
	const struct wire_link_stats *up, *down;
	double d, lost;
	bool good;

	open_bed(&bed, tdf, links);
	run_stream(&s, 0, NS_PER_S / 2);
	up = wire_link_stats(bed.wire, 0);
	down = wire_link_stats(bed.wire, 1);
	lost = (double)(s.sent - s.received);
	d = lost - (double)s.sent * share;
	good = report(s.sent - s.received ==
		      up->dir[WIRE_UP].loss_drops + down->dir[WIRE_DOWN].loss_drops,
		      "%llu sent, %llu received, counted as lost %llu + %llu",
		      (unsigned long long)s.sent, (unsigned long long)s.received,
		      (unsigned long long)up->dir[WIRE_UP].loss_drops,
		      (unsigned long long)down->dir[WIRE_DOWN].loss_drops);
	good &= report(s.sent == 5000 && d * d / ((double)s.sent * share * (1 - share)) < 10.83,
		       "lost %.2f %%, configured %.2f", 100 * lost / (double)s.sent, 100 * share);
	close_bed(&bed);
	return good;
}

static long rss_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %ld", &kb) == 1) {
			break;
		}
	}
	if (f) {
		fclose(f);
	}
	return kb;
}

/* The bufferbloat of a DSL uplink, and what it does to the emulator's memory: nothing. */
static bool case_queue(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {
		{.line[WIRE_UP].rate_bps = 128000, .line[WIRE_UP].limit_bytes = 12000, .line[WIRE_UP].delay_ns = 10 * NS_PER_MS}, {0}, {0},
	};
	const double configured = 0.75 + 0.01;
	struct bed bed;
	struct stream s = {
		.bed = &bed, .src = 0, .dst = 1, .rate_bps = 128000 * 16,
		.length_vns = NS_PER_S, .max_packets = UINT64_MAX,
	};
	const struct wire_link_stats *stats;
	double delay, peak;
	long before, after;
	bool good;

	open_bed(&bed, tdf, links);
	stats = wire_link_stats(bed.wire, 0);
	run_stream(&s, 0, 0);
	before = rss_kb(wire_pid(bed.wire));
	s.length_vns = 3 * NS_PER_S;
	s.sent = s.delays = 0;
	run_stream(&s, 0, 0);
	after = rss_kb(wire_pid(bed.wire));
	delay = (double)median(s.delay_vns, s.delays) / 1e9;
	good = report(fabs(delay / configured - 1) < 0.02,
		      "one-way delay under load %.1f ms, configured %.1f", delay * 1e3,
		      configured * 1e3);
	peak = (double)stats->dir[WIRE_UP].queue_peak_ns / 1e9;
	good &= report(peak <= 0.75 && peak > 0.74, "longest sojourn %.1f ms", peak * 1e3);
	good &= report(stats->dir[WIRE_UP].queue_drops > 300 &&
		       stats->dir[WIRE_UP].fault_drops == 0,
		       "%llu packets dropped at the queue",
		       (unsigned long long)stats->dir[WIRE_UP].queue_drops);
	good &= report(before > 0 && after - before < 256,
		       "memory of lento-wire: %ld kB, then %ld kB", before, after);
	close_bed(&bed);
	return good;
}

static void send_spoofed(const struct bed *bed, unsigned from, uint32_t src, unsigned dst)
{
	struct sockaddr_in to = address(dst, 0);
	struct iphdr hdr = {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = 253,
		.saddr = htonl(src), .daddr = htonl(ip_of(dst)),
	};
	uint8_t data[60] = {0};

	memcpy(data, &hdr, sizeof(hdr));
	if (sendto(bed->peer[from].raw, data, sizeof(data), 0, (struct sockaddr *)&to,
		   sizeof(to)) < 0) {
		die("spoofed packet");
	}
}

/* What of a packet of 60 bytes is changed, or how much of it is sent. */
static const struct {
	const char *what;
	size_t len;
	uint8_t at, value;
} malformed[] = {
	{"shorter than a header", 19, 3, 19},
	{"of no known version", 60, 0, 0x55},
	{"with a header shorter than one", 60, 0, 0x44},
	{"with a header longer than it", 24, 0, 0x4f},
	{"that says it is longer", 60, 3, 61},
	{"that says it is shorter", 60, 3, 59},
	{"of no length", 60, 3, 0},
	{"that would be IPv6, of another length", 60, 0, 0x60},
};

/* To the peer @dst, would they be passed on. */
static void send_malformed(const struct bed *bed, unsigned from, unsigned dst)
{
	struct iphdr hdr = {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = 253,
		.saddr = htonl(ip_of(from)), .daddr = htonl(ip_of(dst)),
	};
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP)};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	enter_ns(bed->peer[from].ns);
	to.sll_ifindex = (int)if_nametoindex("eth0");
	enter_ns(home);
	close(home);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		uint8_t data[60] = {0};

		hdr.tot_len = htons((uint16_t)malformed[i].len);
		memcpy(data, &hdr, sizeof(hdr));
		data[malformed[i].at] = malformed[i].value;
		if (sendto(bed->peer[from].link, data, malformed[i].len, 0, (struct sockaddr *)&to,
			   sizeof(to)) < 0) {
			die(malformed[i].what);
		}
	}
}

static bool case_drops(struct tdf tdf)
{
	const unsigned bad = sizeof(malformed) / sizeof(malformed[0]);
	const struct wire_link links[PEERS] = {{0}, {0}, {0}};
	const struct wire_link_stats *stats;
	struct bed bed;
	int64_t least;
	uint64_t hist = 0;
	bool good;

	open_bed(&bed, tdf, links);
	stats = wire_link_stats(bed.wire, 0);
	for (int i = 0; i < 3; i++) {
		send_ping(&bed, 0, 200, 1);
	}
	for (int i = 0; i < 5; i++) {
		send_spoofed(&bed, 0, ip_of(2), 1);
	}
	send_malformed(&bed, 0, 1);
	/* A round trip behind them: they have been read. */
	good = report(ping(&bed, 0, 1, 5, 3 * NS_PER_S, &least) >= 0, "ping after them");
	good &= report(stats->unknown_dst_drops == 3, "unknown destination: %llu of 3",
		       (unsigned long long)stats->unknown_dst_drops);
	good &= report(stats->spoofed_drops == 5, "spoofed: %llu of 5",
		       (unsigned long long)stats->spoofed_drops);
	good &= report(stats->malformed_drops == bad, "malformed: %llu of %u",
		       (unsigned long long)stats->malformed_drops, bad);
	good &= report(wire_pair_packets(bed.wire, 2, 1) == 0 &&
		       wire_pair_packets(bed.wire, 0, 1) == 5 &&
		       wire_pair_bytes(bed.wire, 1, 0) == 5 * 84, "pairs count pings only");
	for (unsigned k = 0; k < WIRE_LATE_BUCKETS; k++) {
		hist += wire_totals(bed.wire)->late_hist[k];
	}
	good &= report(hist == wire_totals(bed.wire)->packets, "lateness of each packet known");
	close_bed(&bed);
	return good;
}

struct flood {
	const struct bed *bed;
	_Atomic bool stop;
	uint64_t sent;
};

static void *flood(void *arg)
{
	struct flood *f = arg;
	struct sockaddr_in to = address(2, UDP_PORT + 1);
	uint8_t data[UDP_PAYLOAD] = {0};

	while (!f->stop) {
		f->sent += sendto(f->bed->peer[1].udp, data, sizeof(data), 0,
				  (struct sockaddr *)&to, sizeof(to)) > 0;
	}
	return NULL;
}

/* One peer sends all it can; the pings between two others keep their time. */
static bool case_flood(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {
		{.line[WIRE_UP].delay_ns = 10 * NS_PER_MS},
		{.line[WIRE_UP].rate_bps = 128000, .line[WIRE_UP].limit_bytes = 12000},
		{0},
	};
	struct bed bed;
	struct flood f = {.bed = &bed};
	int64_t least = 0, rtt;
	pthread_t thread;
	bool good;

	open_bed(&bed, tdf, links);
	if (pthread_create(&thread, NULL, flood, &f)) {
		die("thread");
	}
	rtt = ping(&bed, 0, 2, 40, 3 * NS_PER_S, &least);
	f.stop = true;
	pthread_join(thread, NULL);
	good = report(rtt >= 10 * NS_PER_MS && rtt <= 12 * NS_PER_MS,
		      "RTT beside a flood of %llu packets: %.3f ms, configured 10",
		      (unsigned long long)f.sent, (double)rtt / 1e6);
	close_bed(&bed);
	return good;
}

/* A peer whose namespace is destroyed, and one whose interface is down. */
static bool case_gone(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {{0}, {0}, {0}};
	const struct wire_link_stats *stats;
	struct bed bed;
	uint64_t loops;
	int64_t least;
	bool good;

	open_bed(&bed, tdf, links);
	stats = wire_link_stats(bed.wire, 0);
	close_peer(&bed.peer[1]);
	for (int i = 0; i < 50 && stats->unknown_dst_drops == 0; i++) {
		usleep(100000); /* the kernel takes namespaces apart in the background */
		send_ping(&bed, 0, 1, 1);
		usleep(1000);
	}
	good = report(stats->unknown_dst_drops > 0, "packets to it are unknown: %llu",
		      (unsigned long long)stats->unknown_dst_drops);
	loops = wire_totals(bed.wire)->loops;
	usleep(300000);
	loops = wire_totals(bed.wire)->loops - loops;
	good &= report(loops < 30, "the event loop rests: %llu turns in 300 ms",
		       (unsigned long long)loops);
	good &= report(ping(&bed, 0, 2, 5, 3 * NS_PER_S, &least) >= 0, "the others go on");
	close_bed(&bed);
	return good;
}

static bool case_kill(struct tdf tdf)
{
	const struct wire_link links[PEERS] = {{0}, {0}, {0}};
	struct bed bed;
	struct pollfd end;
	int64_t least, start;
	struct err err;
	bool good;

	open_bed(&bed, tdf, links);
	ping(&bed, 0, 1, 5, 3 * NS_PER_S, &least);
	kill(wire_pid(bed.wire), SIGKILL);
	end = (struct pollfd){.fd = wire_pidfd(bed.wire), .events = POLLIN};
	good = report(poll(&end, 1, 5000) == 1, "the pidfd is readable");
	good &= report(wire_pair_packets(bed.wire, 0, 1) == 5, "the counters are still there");
	start = wall_now().ns;
	good &= report(wire_ping(bed.wire, 5000, &err) < 0 && wall_now().ns - start < NS_PER_S,
		       "a request fails: %s", err.msg);
	close_bed(&bed);
	return good;
}

static const struct {
	const char *name;
	bool (*run)(struct tdf tdf);
} cases[] = {
	{"rtt", case_rtt},     {"rate", case_rate},   {"loss", case_loss},
	{"queue", case_queue}, {"drops", case_drops}, {"flood", case_flood},
	{"gone", case_gone},   {"kill", case_kill},
};

int main(int argc, char **argv)
{
	struct tdf tdf;

	if (argc != 4 || tdf_parse(argv[3], &tdf)) {
		fprintf(stderr, "usage: wire_net LENTO-WIRE CASE TDF\n");
		return 2;
	}
	setlinebuf(stdout);
	program = argv[1];
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "wire_net: needs root: %s\n", strerror(errno));
		return 77;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[2]) != 0) {
			continue;
		}
		for (int try = 1; try <= TRIES; try++) {
			printf("%s at TDF %s, try %d\n", argv[2], argv[3], try);
			if (cases[i].run(tdf)) {
				return 0;
			}
		}
		return 1;
	}
	fprintf(stderr, "wire_net: no case %s\n", argv[2]);
	return 2;
}
