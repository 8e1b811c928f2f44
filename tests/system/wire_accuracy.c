// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wire_accuracy - how exact emulated links are, for scripts/wire-accuracy.
 *
 *	wire_accuracy LENTO-WIRE goodput TDF BIT/S    lento-wire, both directions, UDP and TCP
 *	wire_accuracy htb|tbf BIT/S                   the kernel's, on a veth pair
 *	wire_accuracy LENTO-WIRE delay PEERS PER-MILLE   errors of the one-way delay, at a load
 *	wire_accuracy LENTO-WIRE bufferbloat TDF      a ping over a DSL uplink that is full
 *
 * Prints one line a figure: words, then numbers.  Needs root; what it makes lies in network
 * namespaces that end with it.
 */
#include <linux/sockios.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/fs.h"
#include "timedil/vtime.h"
#include "wire/wire.h"
#include "wire_ns.h"

#define MAX_PEERS 100
#define UDP_PAYLOAD (MTU - 28)
#define TCP_PAYLOAD (MTU - 52)      /* with time stamps */
#define ETHERNET 14                 /* what HTB and TBF count beside the IP packet */
#define PORT 5000
#define DELAY_NS (5 * NS_PER_MS)

static struct {
	char dir[64], page_path[96];
	struct timedil_page *page;
	struct wire *wire;
	struct tdf tdf;
	int home, ns[MAX_PEERS];
	unsigned peers;
} bed;

static int64_t now_vns(void)
{
	return vtime_now(bed.page).ns;
}

static void open_clock(struct tdf tdf)
{
	strcpy(bed.dir, "/tmp/wire-accuracy-XXXXXX");
	bed.home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (bed.home < 0 || !mkdtemp(bed.dir)) {
		die("set-up");
	}
	snprintf(bed.page_path, sizeof(bed.page_path), "%s/clock", bed.dir);
	bed.tdf = tdf;
	bed.page = vpage_create(bed.page_path, tdf);
	if (!bed.page) {
		die(bed.page_path);
	}
	vpage_run(bed.page, wall_now());
}

static void command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void command(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (system(line) != 0) {
		fprintf(stderr, "%s: failed\n", line);
		exit(77);
	}
}

/* The kernel's least time-out and its probe of the tail are wall times, and less than some queues are long: TCP
 * would send again what is still on its way. */
static void be_patient(const char *device)
{
	command("ip route change 10.0.0.0/8 dev %s proto kernel scope link rto_min %.0fms && "
		"echo 0 >/proc/sys/net/ipv4/tcp_early_retrans", device, 2000 * tdf_double(bed.tdf));
}

/* All peers have @link; with @pairs each second one has a line without limits instead, so that what goes from or
 * to its neighbour meets one limit. */
static void open_wire(const char *program, unsigned peers, const struct wire_link *link, bool pairs)
{
	struct wire_config cfg = {
		.program = program, .clock_page = bed.page_path, .max_links = peers,
		.max_groups = 1, .seed = 7,
	};
	struct err err;

	bed.peers = peers;
	if (wire_spawn(&cfg, &bed.wire, &err)) {
		die_err(&err);
	}
	for (unsigned i = 0; i < peers; i++) {
		struct wire_link with_ip = *link;
		int tun;

		if (pairs && i % 2) {
			with_ip = (struct wire_link){0};
		}
		bed.ns[i] = new_peer_ns(i, bed.home, &tun);
		be_patient("eth0");
		enter_ns(bed.home);
		with_ip.ip = ip_of(i);
		if (wire_add_link(bed.wire, i, &with_ip, tun, &err)) {
			die_err(&err);
		}
		close(tun);
	}
}

static void close_bed(void)
{
	struct err err;

	wire_destroy(bed.wire);
	vpage_close(bed.page);
	fs_remove_tree(bed.dir, &err);
}

/* A socket of peer @i, bound to @port, with room for what comes while we are away. */
static int open_socket(unsigned i, int type, uint16_t port)
{
	struct sockaddr_in sin = address(i, port);
	int size = 16 << 20, yes = 1, fd;

	enter_ns(bed.ns[i]);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	enter_ns(bed.home);
	if (fd < 0) {
		die("socket");
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin))) {
		die("bind");
	}
	return fd;
}

/* --- goodput ----------------------------------------------------------------- */

#define FLOWS 4u                    /* UDP and TCP, up and down: each between two peers of its own */
#define PARALLEL_WALL_BPS 25e6      /* four lines of so much at once are no load */

struct flow {
	bool tcp, up;
	unsigned from, to;
	uint64_t bps;
	int64_t warm_vns, length_vns;
	int out, in;
	volatile bool over;
	pthread_t sender, receiver;
	double goodput_bps;
};

static void send_datagrams(struct flow *f)
{
	struct sockaddr_in to = address(f->to, PORT);
	int64_t start = now_vns();
	static const uint8_t data[UDP_PAYLOAD];

	/* A quarter more than the line takes, so that its queue is never empty. */
	for (uint64_t sent = 0; !f->over;) {
		double due = (double)(now_vns() - start) * 1.25 * (double)f->bps / (MTU * 8e9);

		if ((double)sent >= due) {
			usleep(200);
		} else if (sendto(f->out, data, sizeof(data), 0, (struct sockaddr *)&to,
				  sizeof(to)) >= 0) {
			sent++;
		}
	}
}

/*
 * No more is on its way than the line sends in 60 ms, of which the queue has room for 100: nothing is
 * lost and the line never rests.  Each send is of whole segments.
 */
static void send_stream(struct flow *f)
{
	static const uint8_t data[40 * TCP_PAYLOAD];
	int window = (int)fmax((double)f->bps / 8 * 0.06, 3.0 * TCP_PAYLOAD), unacked;
	size_t size = (size_t)fmax(fmin(window / (4.0 * TCP_PAYLOAD), 40), 1) * TCP_PAYLOAD;

	while (!f->over && ioctl(f->out, SIOCOUTQ, &unacked) == 0) {
		if (unacked + (int)size > window) {
			usleep(100);
		} else if (send(f->out, data, size, MSG_NOSIGNAL) < 0) {
			return;
		}
	}
}

static void *send_flow(void *arg)
{
	struct flow *f = arg;

	(f->tcp ? send_stream : send_datagrams)(f);
	return NULL;
}

/* Payload bits per virtual second, from one arrival to another, when the queue has long been filled. */
static void *receive_flow(void *arg)
{
	struct flow *f = arg;
	int64_t start = now_vns(), first = 0, last = 0, now = start;
	uint8_t data[65536];
	uint64_t bytes = 0;

	while (now < start + f->warm_vns + f->length_vns) {
		struct pollfd fd = {.fd = f->in, .events = POLLIN};
		ssize_t n = poll(&fd, 1, 100) > 0 ? recv(f->in, data, sizeof(data), MSG_DONTWAIT) : 0;

		now = now_vns();
		if (n <= 0 || now < start + f->warm_vns) {
			continue;
		}
		if (first) {
			bytes += (uint64_t)n;
			last = now;
		} else {
			first = now;
		}
	}
	f->goodput_bps = last > first ? (double)bytes * 8e9 / (double)(last - first) : 0;
	return NULL;
}

static void connect_flow(struct flow *f)
{
	struct sockaddr_in to = address(f->to, PORT);
	int listener, yes = 1;

	if (!f->tcp) {
		f->out = open_socket(f->from, SOCK_DGRAM, PORT + 1);
		f->in = open_socket(f->to, SOCK_DGRAM, PORT);
		return;
	}
	listener = open_socket(f->to, SOCK_STREAM, PORT);
	f->out = open_socket(f->from, SOCK_STREAM, PORT + 1);
	setsockopt(f->out, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	setsockopt(f->out, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (listen(listener, 1) || connect(f->out, (struct sockaddr *)&to, sizeof(to))) {
		die("connect");
	}
	f->in = accept(listener, NULL, NULL);
	if (f->in < 0) {
		die("accept");
	}
	close(listener);
}

static void start_flow(struct flow *f)
{
	connect_flow(f);
	if (pthread_create(&f->receiver, NULL, receive_flow, f) ||
	    pthread_create(&f->sender, NULL, send_flow, f)) {
		die("thread");
	}
}

/* Prints goodput over what the rate leaves for payload, in %; @extra bytes a packet are counted. */
static void end_flow(struct flow *f, const char *what, unsigned extra)
{
	double share = (double)(f->tcp ? TCP_PAYLOAD : UDP_PAYLOAD) / (MTU + extra);
	struct linger linger = {1, 0};
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	pthread_join(f->receiver, NULL);
	if (f->tcp) {
		getsockopt(f->out, IPPROTO_TCP, TCP_INFO, &info, &len);
	}
	f->over = true;
	setsockopt(f->in, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(f->in);
	shutdown(f->out, SHUT_RDWR);
	pthread_join(f->sender, NULL);
	close(f->out);
	printf("%s %s %s %llu %.3f %u\n", what, f->tcp ? "tcp" : "udp", f->up ? "up" : "down",
	       (unsigned long long)f->bps, 100 * f->goodput_bps / ((double)f->bps * share),
	       info.tcpi_total_retrans);
	fflush(stdout);
}

static void measure_flows(const char *what, uint64_t bps, unsigned extra)
{
	bool parallel = (double)bps / tdf_double(bed.tdf) <= PARALLEL_WALL_BPS;
	struct flow flows[FLOWS];

	for (unsigned k = 0; k < FLOWS; k++) {
		struct flow *f = &flows[k];

		/* 600 ms, or 30 packets, less where time is slow; half as much before that. */
		*f = (struct flow){.tcp = k & 1, .up = k & 2, .bps = bps};
		f->length_vns = (int64_t)fmax((10 + 20 / tdf_double(bed.tdf)) * MTU * 8e9 / (double)bps,
					   0.15e9 + 0.45e9 / tdf_double(bed.tdf));
		f->warm_vns = f->length_vns / 2;
		f->from = 2 * k + !f->up;
		f->to = 2 * k + f->up;
		start_flow(f);
		if (!parallel) {
			end_flow(f, what, extra);
		}
	}
	for (unsigned k = 0; k < FLOWS && parallel; k++) {
		end_flow(&flows[k], what, extra);
	}
}

static void goodput(const char *program, struct tdf tdf, const char *name, uint64_t bps)
{
	/* A queue of 100 ms, at least of ten packets. */
	const struct wire_line line = {
		.rate_bps = bps, .delay_ns = DELAY_NS,
		.limit_bytes = (uint64_t)fmax((double)bps / 80, 10.0 * MTU),
	};
	const struct wire_link link = {.line = {line, line}};
	char what[32];

	open_clock(tdf);
	open_wire(program, 2 * FLOWS, &link, true);
	snprintf(what, sizeof(what), "lento-%s", name);
	measure_flows(what, bps, 0);
	close_bed();
}

/* --- HTB and TBF --------------------------------------------------------------- */

/* Both with the same burst: what a late timer lets through at once, else it would be lost. */
static void shape(unsigned i, bool htb, uint64_t bps)
{
	unsigned long long queue = (unsigned long long)fmax((double)bps / 80, 10.0 * (MTU + ETHERNET));
	unsigned long long burst = (unsigned long long)fmax((double)bps / 8 / 250, 2.0 * (MTU + ETHERNET));
	unsigned long long rate = bps;
	char device[IFNAMSIZ];

	snprintf(device, sizeof(device), "v%u", i);
	enter_ns(bed.ns[i]);
	command("ip addr add 10.99.0.%u/8 dev %s && ip link set %s gso_max_segs 1 && ip link set %s up",
		i + 1, device, device, device);
	be_patient(device);
	if (htb) {
		command("tc qdisc add dev %s root handle 1: htb default 1 && tc class add dev %s parent 1: "
			"classid 1:1 htb rate %llubit burst %llu cburst %llu quantum %u && "
			"tc qdisc add dev %s parent 1:1 bfifo limit %llu",
			device, device, rate, burst, burst, MTU + ETHERNET, device, queue);
	} else {
		command("tc qdisc add dev %s root tbf rate %llubit burst %llu limit %llu", device, rate,
			burst, queue);
	}
	enter_ns(bed.home);
}

static void kernel_shaper(const char *kind, uint64_t bps)
{
	open_clock((struct tdf){1, 1});
	for (unsigned i = 0; i < 2 * FLOWS; i += 2) {
		char peer[IFNAMSIZ];

		bed.ns[i] = new_ns();
		bed.ns[i + 1] = new_ns();
		enter_ns(bed.ns[i]);
		snprintf(peer, sizeof(peer), "v%u", i + 1);
		command("ip link add v%u type veth peer name %s", i, peer);
		move_device(peer, bed.ns[i + 1], peer);
		enter_ns(bed.home);
		shape(i, strcmp(kind, "htb") == 0, bps);
		shape(i + 1, strcmp(kind, "htb") == 0, bps);
	}
	measure_flows(kind, bps, ETHERNET);
	close_bed();
}

/* --- delay ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct cpu_time {
	uint64_t idle, stolen, all;
};

static struct cpu_time cpu_time(void)
{
	unsigned long long v[8] = {0};
	FILE *f = fopen("/proc/stat", "re");

	if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2],
			 &v[3], &v[4], &v[5], &v[6], &v[7]) != 8) {
		die("/proc/stat");
	}
	fclose(f);
	return (struct cpu_time){
		.idle = v[3] + v[4], .stolen = v[7],
		.all = v[0] + v[1] + v[2] + v[3] + v[4] + v[5] + v[6] + v[7],
	};
}

/* Arrivals at @fd: the kernel's stamp less the sender's and the delay, wall; the number so far. */
static size_t take_errors(int fd, int64_t realtime_off, int64_t *errors, size_t count, size_t max)
{
	for (;;) {
		union {
			struct cmsghdr align;
			char room[64];
		} control;
		int64_t sent;
		struct iovec iov = {&sent, sizeof(sent)};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
				     .msg_controllen = sizeof(control.room)};
		struct timespec at;

		if (recvmsg(fd, &msg, MSG_DONTWAIT) != (ssize_t)sizeof(sent) || !CMSG_FIRSTHDR(&msg)) {
			return count;
		}
		memcpy(&at, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(at));
		if (count < max) {
			errors[count++] = at.tv_sec * NS_PER_S + at.tv_nsec - realtime_off - sent -
					  2 * DELAY_NS;
		}
	}
}

static int64_t realtime_offset(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	return at.tv_sec * NS_PER_S + at.tv_nsec - wall_now().ns;
}

/* Shares of the CPUs' time. */
struct load {
	double busy, stolen;
};

/* @pps packets a second in all, for @seconds; the number of errors taken. */
static size_t send_paced(const int *fds, double pps, double seconds, int64_t *errors, size_t max,
			 struct load *load)
{
	wall_t start = wall_now();
	struct cpu_time before = cpu_time(), after;
	uint64_t sent = 0;
	int64_t off = realtime_offset();
	size_t count = 0;

	while ((double)(wall_now().ns - start.ns) < seconds * 1e9) {
		unsigned i = (unsigned)(sent % bed.peers);
		struct sockaddr_in to = address((i + 1) % bed.peers, PORT);
		int64_t due = start.ns + (int64_t)((double)sent / pps * 1e9), stamp = wall_now().ns;
		struct timespec nap = {0, due - stamp};

		if (due > stamp) {
			nanosleep(&nap, NULL);
			stamp = wall_now().ns;
		}
		if (sendto(fds[i], &stamp, sizeof(stamp), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			die("sendto");
		}
		if (++sent % 256 == 0) {
			for (unsigned k = 0; k < bed.peers; k++) {
				count = take_errors(fds[k], off, errors, count, max);
			}
		}
	}
	after = cpu_time();
	usleep(50000);
	for (unsigned k = 0; k < bed.peers; k++) {
		count = take_errors(fds[k], off, errors, count, max);
	}
	load->stolen = (double)(after.stolen - before.stolen) / (double)(after.all - before.all);
	load->busy = 1 - (double)(after.idle - before.idle) / (double)(after.all - before.all);
	return count;
}

#define MAX_ERRORS 400000

static double at_us(const int64_t *sorted, size_t n, size_t per_mille)
{
	size_t k = n * per_mille / 1000;

	return (double)sorted[k < n ? k : n - 1] / 1e3;
}

static void print_histogram(const int64_t *errors, size_t n)
{
	size_t below = 0;

	for (int64_t edge_us = 10; below < n; edge_us *= 2) {
		size_t k = below;

		while (k < n && errors[k] < edge_us * NS_PER_US) {
			k++;
		}
		if (k > below) {
			printf("histogram %u below_us %lld %zu\n", bed.peers, (long long)edge_us, k - below);
		}
		below = k;
	}
}

static void delay(const char *program, unsigned peers, double target)
{
	const struct wire_line line = {.delay_ns = DELAY_NS};
	const struct wire_link link = {.line = {line, line}};
	int64_t *errors = calloc(MAX_ERRORS, sizeof(*errors));
	double pps = target > 0 ? 4000 : 1000;
	int fds[MAX_PEERS], yes = 1;
	struct load load;
	size_t n;

	open_clock((struct tdf){1, 1});
	open_wire(program, peers, &link, false);
	for (unsigned i = 0; i < peers; i++) {
		fds[i] = open_socket(i, SOCK_DGRAM, PORT);
		setsockopt(fds[i], SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes));
	}
	for (int k = 0; k < 3 && target > 0; k++) {
		send_paced(fds, pps, 1, errors, 0, &load);
		pps = fmin(pps * target / fmax(load.busy, 0.02), 40000);
	}
	n = send_paced(fds, pps, 3, errors, MAX_ERRORS, &load);
	qsort(errors, n, sizeof(*errors), ascending);
	if (n < 100) {
		fprintf(stderr, "only %zu packets arrived\n", n);
		exit(1);
	}
	printf("delay %u p50_us %.1f p99_us %.1f p999_us %.1f max_us %.1f packets %zu busy_percent %.1f "
	       "stolen_percent %.1f\n", peers, at_us(errors, n, 500), at_us(errors, n, 990),
	       at_us(errors, n, 999), at_us(errors, n, 1000), n, 100 * load.busy, 100 * load.stolen);
	print_histogram(errors, n);
	free(errors);
	close_bed();
}

/* --- bufferbloat ------------------------------------------------------------------- */

#define DSL_UP_BPS 128000
#define DSL_QUEUE_BYTES 12000       /* 750 ms */
#define PING 56                     /* as ping sends it; 84 bytes with its headers */
#define FILLER 60                   /* so small that a ping finds the queue all but full, or full */
#define PINGS 24
#define FILL_VNS (300 * NS_PER_MS)  /* the queue is full by then */
#define PING_EVERY_VNS (35 * NS_PER_MS)
#define LAST_ANSWER_VNS (900 * NS_PER_MS)

/* As much as the queue takes at once, and then a third more than the line sends. */
static void *fill_uplink(void *arg)
{
	struct flow *f = arg;
	struct sockaddr_in to = address(1, PORT + 9);
	static const uint8_t data[FILLER];
	int64_t start = now_vns();

	for (uint64_t sent = 0; !f->over;) {
		double due = (DSL_QUEUE_BYTES + (double)(now_vns() - start) / 6e9 * DSL_UP_BPS) / (FILLER + 28);

		if ((double)sent < due) {
			sendto(f->out, data, sizeof(data), 0, (struct sockaddr *)&to, sizeof(to));
			sent++;
		} else {
			usleep(500);
		}
	}
	return NULL;
}

/* Send back what has come. */
static void answer_pings(int fd)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t data[PING];
	ssize_t n;

	while ((n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &len)) > 0) {
		sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

/* Round trip times of those that came back: as others, some pings find the queue full. */
static unsigned ping(int asks, int answers, int64_t *rtt)
{
	struct pollfd fds[2] = {{.fd = answers, .events = POLLIN}, {.fd = asks, .events = POLLIN}};
	int64_t start = now_vns() + FILL_VNS, sent[PING / sizeof(int64_t)] = {0}, now = start;
	struct sockaddr_in to = address(1, PORT);
	unsigned tries = 0, back = 0;

	for (; now < start + PINGS * PING_EVERY_VNS + LAST_ANSWER_VNS; now = now_vns()) {
		if (tries < PINGS && now >= start + tries * PING_EVERY_VNS) {
			sent[0] = now;
			sendto(asks, sent, sizeof(sent), 0, (struct sockaddr *)&to, sizeof(to));
			tries++;
		}
		if (poll(fds, 2, 1) <= 0) {
			continue;
		}
		answer_pings(answers);
		while (recv(asks, sent, sizeof(sent), MSG_DONTWAIT) > 0 && back < PINGS) {
			rtt[back++] = now_vns() - sent[0];
		}
	}
	return back;
}

static void bufferbloat(const char *program, struct tdf tdf, const char *name)
{
	const struct wire_link link = {.line = {
		[WIRE_UP] = {.rate_bps = DSL_UP_BPS, .delay_ns = 30 * NS_PER_MS,
			     .limit_bytes = DSL_QUEUE_BYTES},
		[WIRE_DOWN] = {.rate_bps = 2000000, .delay_ns = 30 * NS_PER_MS, .limit_bytes = 50000},
	}};
	struct flow filler = {0};
	int64_t rtt[PINGS];
	unsigned back;

	open_clock(tdf);
	open_wire(program, 2, &link, true);
	filler.out = open_socket(0, SOCK_DGRAM, PORT + 2);
	if (pthread_create(&filler.sender, NULL, fill_uplink, &filler)) {
		die("thread");
	}
	back = ping(open_socket(0, SOCK_DGRAM, PORT), open_socket(1, SOCK_DGRAM, PORT), rtt);
	filler.over = true;
	pthread_join(filler.sender, NULL);
	if (back < 3) {
		fprintf(stderr, "only %u pings came back\n", back);
		exit(1);
	}
	qsort(rtt, back, sizeof(*rtt), ascending);
	/* Less both delays and the answer's time on the way down; the ping's own bytes are in the queue. */
	printf("bufferbloat lento-%s configured_ms 750 measured_ms %.2f pings %u\n", name,
	       at_us(rtt, back, 500) / 1e3 - 60 - (PING + 28) * 8 / 2e3, back);
	close_bed();
}

int main(int argc, char **argv)
{
	struct tdf tdf;

	if (argc == 5 && strcmp(argv[2], "goodput") == 0 && tdf_parse(argv[3], &tdf) == 0) {
		goodput(argv[1], tdf, argv[3], strtoull(argv[4], NULL, 10));
	} else if (argc == 3 && (strcmp(argv[1], "htb") == 0 || strcmp(argv[1], "tbf") == 0)) {
		kernel_shaper(argv[1], strtoull(argv[2], NULL, 10));
	} else if (argc == 5 && strcmp(argv[2], "delay") == 0 && atoi(argv[3]) >= 2 &&
		   atoi(argv[3]) <= MAX_PEERS) {
		delay(argv[1], (unsigned)atoi(argv[3]), atoi(argv[4]) / 1e3);
	} else if (argc == 4 && strcmp(argv[2], "bufferbloat") == 0 && tdf_parse(argv[3], &tdf) == 0) {
		bufferbloat(argv[1], tdf, argv[3]);
	} else {
		fprintf(stderr, "see the head of wire_accuracy.c\n");
		return 2;
	}
	return 0;
}
