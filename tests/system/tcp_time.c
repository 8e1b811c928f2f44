// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tcp_time - the kernel's TCP in virtual time: what a peer's sockets do, seen from the other
 * end of its TUN device.
 *
 *	tcp_time CASE [...]
 *
 * Exit status: 0 as it should be, 1 not, 77 when this host cannot.  Each host is a network
 * namespace and a cgroup; one process holds the sockets of all, and is the wire between
 * them, so that it sees each packet and chooses which are lost.  Times are compared with
 * the factor, never with each other's absolute values: a timer may be late, not early.
 */
#include <bpf/bpf.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/cgroup.h"
#include "rt/tcp_bpf.h"
#include "rt/tcp_run.h"
#include "wire_ns.h"

#define PORT 7000
#define NOBODY 99
#define MAX_SEEN 64
#define LINK_BPF_STRUCT_OPS 9 /* enum bpf_link_type, newer than Debian 12's headers */

struct seen {
	double at;  /* wall seconds */
	bool syn, data;
	uint32_t seq;
};

struct host {
	unsigned number;
	int ns, tun;
	char *run, *group; /* "<run>", "<run>/host" */
	struct tcp_run *tcp;
	bool deaf;        /* what is sent to it is lost */
	unsigned lose;    /* one in so many of the data packets that it sends is lost; 0: none */
	unsigned sent;    /* packets */
	struct seen seen[MAX_SEEN]; /* the first that it sent since forget() */
	unsigned seen_count;
};

static struct cgroups cg;
static int home;

__attribute__((noreturn, format(printf, 1, 2)))
static void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "FAILED: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

#define REQUIRE(cond, ...) do { if (!(cond)) { fail(__VA_ARGS__); } } while (0)
#define OK(call, err) do { if (call) { die_err(&(err)); } } while (0)

static double now(void)
{
	return (double)wall_now().ns / 1e9;
}

/* --- hosts ------------------------------------------------------------------- */

static void set_clock(struct host *h, struct tdf tdf)
{
	struct vclock clk = { .wall0_ns = wall_now().ns, .virt0_ns = NS_PER_S, .tdf = tdf,
			      .state = TIMEDIL_RUNNING };
	struct err err = { 0 };

	enter_ns(h->ns);
	OK(tcp_run_apply(h->tcp, getpid(), tdf, &err), err);
	tcp_run_set_clock(h->tcp, &clk);
}

static char *run_name(pid_t pid, unsigned number)
{
	return str_format("tcp-time-%d-%u", (int)pid, number);
}

/* A host of a run of its own. */
static void host_create(struct host *h, unsigned number, const struct rt_tcp *cfg, struct tdf tdf)
{
	CLEAN_FREE char *dir = NULL;
	struct err err = { 0 };
	char name[IFNAMSIZ];

	*h = (struct host){ .number = number, .run = run_name(getpid(), number) };
	h->group = str_format("%s/host", h->run);
	enter_ns(home);
	snprintf(name, sizeof(name), "peer%u", number);
	OK(tun_open(name, &h->tun, &err), err);
	h->ns = new_ns();
	enter_ns(home);
	move_device(name, h->ns, "eth0");
	enter_ns(h->ns);
	OK(tun_configure("eth0", ip_of(number), 32, MTU, &err), err);
	REQUIRE(system("ip route add default dev eth0") == 0, "default route");
	OK(cgroup_make_run(&cg, h->run, &err) || cgroup_make(&cg, h->group, &err), err);
	dir = cgroup_v2_dir(&cg, h->run);
	OK(tcp_run_create(cfg, dir, &h->tcp, &err), err);
	set_clock(h, tdf);
}

/* Out of the groups of hosts, so that they can be removed. */
static void leave_groups(void)
{
	for (unsigned i = 0; i < cg.count; i++) {
		CLEAN_FREE char *procs = str_format("%s/cgroup.procs", cg.h[i].dir);
		struct err err = { 0 };

		OK(fs_write_knob(procs, "0", &err), err);
	}
}

static void remove_run(const char *run)
{
	struct err err = { 0 };

	OK(cgroup_remove(&cg, run, &err), err);
	cgroup_remove_top(&cg);
}

static void host_destroy(struct host *h)
{
	tcp_run_destroy(h->tcp);
	close(h->tun);
	close(h->ns);
	leave_groups();
	remove_run(h->run);
	free(h->run);
	free(h->group);
}

/* A TCP socket of @h: made in its namespace, by a process of its cgroup. */
static int host_socket(struct host *h)
{
	struct err err = { 0 };
	int fd;

	enter_ns(h->ns);
	OK(cgroup_join(&cg, h->group, &err), err);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0, "socket: %s", strerror(errno));
	return fd;
}

/* --- the wire ---------------------------------------------------------------- */

static void forget(struct host *h)
{
	h->seen_count = 0;
}

/* Keep note of a packet that @h sent; whether it is data. */
static bool note(struct host *h, const unsigned char *p, size_t len)
{
	const struct iphdr *ip = (const struct iphdr *)p;
	const struct tcphdr *tcp = (const struct tcphdr *)(p + ip->ihl * 4);
	struct seen *s = &h->seen[h->seen_count];
	bool data = len > (size_t)ip->ihl * 4 + (size_t)tcp->doff * 4;

	if (h->seen_count < MAX_SEEN && (tcp->syn || data)) {
		*s = (struct seen){ now(), tcp->syn, data, ntohl(tcp->seq) };
		h->seen_count++;
	}
	return data;
}

static void carry(struct host *from, struct host *to)
{
	unsigned char packet[2 * MTU];
	ssize_t n;

	while ((n = read(from->tun, packet, sizeof(packet))) > 0) {
		if (packet[0] >> 4 != 4 || ((struct iphdr *)packet)->protocol != IPPROTO_TCP) {
			continue;
		}
		from->sent++;
		bool data = note(from, packet, (size_t)n);

		if (to && !to->deaf && !(data && from->lose && from->sent % from->lose == 0) &&
		    write(to->tun, packet, (size_t)n) < 0) {
			fail("TUN: %s", strerror(errno));
		}
	}
}

/* Be the wire between @a and @b (may be NULL) for @seconds, or until @fd (not -1) has @events. */
static bool pump(struct host *a, struct host *b, double seconds, int fd, short events)
{
	double end = now() + seconds;

	while (now() < end) {
		struct pollfd pfd[3] = { { .fd = fd, .events = events }, { .fd = a->tun, .events = POLLIN },
					 { .fd = b ? b->tun : -1, .events = POLLIN } };

		poll(pfd, 3, 2);
		carry(a, b);
		if (b) {
			carry(b, a);
		}
		if (pfd[0].revents) {
			return true;
		}
	}
	return false;
}

/* A socket of @h on its way to host @number. */
static int start_connect(struct host *h, unsigned number)
{
	struct sockaddr_in to = address(number, PORT);
	int fd = host_socket(h);

	REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == EINPROGRESS, "connect: %s",
		strerror(errno));
	return fd;
}

struct pair {
	int listener, client, server;
};

static void connect_pair(struct host *a, struct host *b, struct pair *p)
{
	struct sockaddr_in to = address(b->number, PORT);

	p->listener = host_socket(b);
	REQUIRE(bind(p->listener, (struct sockaddr *)&to, sizeof(to)) == 0 && listen(p->listener, 5) == 0,
		"listen: %s", strerror(errno));
	p->client = start_connect(a, b->number);
	REQUIRE(pump(a, b, 10, p->listener, POLLIN), "no connection came");
	p->server = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	REQUIRE(p->server >= 0, "accept: %s", strerror(errno));
	pump(a, b, 0.05, -1, 0);
}

static void close_pair(struct pair *p)
{
	close(p->client);
	close(p->server);
	close(p->listener);
}

/* A few bytes there, so that the client has measured round trips. */
static void exchange(struct host *a, struct host *b, const struct pair *p, int times)
{
	char c;

	for (int i = 0; i < times; i++) {
		REQUIRE(write(p->client, "x", 1) == 1, "write: %s", strerror(errno));
		REQUIRE(pump(a, b, 10, p->server, POLLIN) && read(p->server, &c, 1) == 1, "no byte came");
		REQUIRE(write(p->server, "y", 1) == 1, "write: %s", strerror(errno));
		REQUIRE(pump(a, b, 10, p->client, POLLIN) && read(p->client, &c, 1) == 1, "no byte came");
	}
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) == 0, "TCP_INFO: %s", strerror(errno));
	return ti;
}

/* --- cases ------------------------------------------------------------------- */

/* Two runs at once, one faster than the wall and one slower: how long until a SYN is sent again? */
static void require_gap(const struct host *h, double first)
{
	double gap;

	REQUIRE(h->seen_count >= 2, "host %u sent %u SYNs", h->number, h->seen_count);
	gap = h->seen[1].at - h->seen[0].at;
	printf("# host %u: SYN again after %.3f s, %g wanted\n", h->number, gap, first);
	REQUIRE(gap > 0.95 * first && gap < 1.6 * first, "%.3f s", gap);
}

static void case_syn(void)
{
	static const struct rt_tcp cfg = { .congestion = RT_RENO };
	struct host fast, slow;
	int fds[3];

	host_create(&fast, 1, &cfg, (struct tdf){ 1, 5 });
	host_create(&slow, 2, &cfg, (struct tdf){ 2, 1 });
	fds[0] = start_connect(&fast, NOBODY);
	fds[1] = start_connect(&slow, NOBODY);
	fast.deaf = slow.deaf = true;
	pump(&fast, &slow, 2.3, -1, 0);
	require_gap(&fast, 0.2);
	require_gap(&slow, 2);
	/* The factor changes, and with it the next connection. */
	set_clock(&slow, (struct tdf){ 2, 5 });
	close(fds[1]);
	forget(&slow);
	fds[2] = start_connect(&slow, NOBODY);
	pump(&fast, &slow, 0.9, -1, 0);
	require_gap(&slow, 0.4);
	close(fds[0]);
	close(fds[2]);
	host_destroy(&fast);
	host_destroy(&slow);
}

/* The time-out of a socket, as the kernel tells it and as its retransmissions show. */
static void one_rto(struct tdf tdf)
{
	static const struct rt_tcp cfg = { .congestion = RT_RENO };
	double want = 0.2 * tdf_double(tdf), rto, gap;
	struct host a, b;
	struct pair p;

	host_create(&a, 1, &cfg, tdf);
	host_create(&b, 2, &cfg, tdf);
	connect_pair(&a, &b, &p);
	exchange(&a, &b, &p, 20);
	rto = info_of(p.client).tcpi_rto / 1e6;
	b.deaf = true;
	forget(&a);
	REQUIRE(write(p.client, "z", 1) == 1, "write");
	pump(&a, &b, 3.5 * want + 0.1, -1, 0);
	REQUIRE(a.seen_count >= 2 && a.seen[1].seq == a.seen[0].seq, "%u packets", a.seen_count);
	gap = a.seen[1].at - a.seen[0].at;
	printf("# TDF %g: RTO %.3f s, sent again after %.3f s; %.3f wanted\n", tdf_double(tdf), rto, gap, want);
	/* The round trip, some ms here, is added to it, and a tick or two. */
	REQUIRE(rto >= want && rto < 1.2 * want + 0.03, "RTO %.3f s", rto);
	REQUIRE(gap > 0.95 * want && gap < 1.6 * want + 0.03, "%.3f s", gap);
	close_pair(&p);
	host_destroy(&a);
	host_destroy(&b);
}

static void case_rto(void)
{
	one_rto((struct tdf){ 1, 4 });
	one_rto((struct tdf){ 5, 1 });
}

/* RTO of an open connection after the factor has gone to @tdf, once it has exchanged a little. */
static double rto_after(struct host *a, struct host *b, const struct pair *p, struct tdf tdf)
{
	double rto;

	set_clock(a, tdf);
	exchange(a, b, p, 40);
	rto = info_of(p->client).tcpi_rto / 1e6;
	printf("# open connection, TDF now %g: RTO %.3f s\n", tdf_double(tdf), rto);
	return rto;
}

/* An open connection follows down; up only from the next one on, the listener's included. */
static void case_follow(void)
{
	static const struct rt_tcp cfg = { .congestion = RT_RENO };
	struct host a, b;
	struct pair p, later;
	double rto;

	host_create(&a, 1, &cfg, (struct tdf){ 5, 1 });
	host_create(&b, 2, &cfg, (struct tdf){ 5, 1 });
	connect_pair(&a, &b, &p);
	exchange(&a, &b, &p, 20);
	rto = rto_after(&a, &b, &p, (struct tdf){ 1, 2 });
	REQUIRE(rto >= 0.1 && rto < 0.2, "RTO %.3f s did not follow down", rto);
	rto = rto_after(&a, &b, &p, (struct tdf){ 10, 1 });
	REQUIRE(rto < 1, "RTO %.3f s: an open connection follows up as well; say so", rto);
	set_clock(&b, (struct tdf){ 10, 1 });
	/* The listener is as old as the first connection. */
	later = p;
	later.client = start_connect(&a, b.number);
	REQUIRE(pump(&a, &b, 10, p.listener, POLLIN), "no connection came");
	later.server = accept4(p.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	exchange(&a, &b, &later, 20);
	printf("# new connection: RTO %.3f s, accepted by the old listener %.3f s\n",
	       info_of(later.client).tcpi_rto / 1e6, info_of(later.server).tcpi_rto / 1e6);
	REQUIRE(info_of(later.client).tcpi_rto >= 2000000, "the new connection does not follow");
	REQUIRE(info_of(later.server).tcpi_rto >= 2000000, "the accepted connection does not follow");
	close(later.client);
	close(later.server);
	close_pair(&p);
	host_destroy(&a);
	host_destroy(&b);
}

static bool has_congestion(const char *name)
{
	CLEAN_FREE char *list = NULL;
	struct err err = { 0 };

	OK(fs_read("/proc/sys/net/ipv4/tcp_available_congestion_control", &list, NULL, &err), err);
	return strstr(list, name) != NULL;
}

static void congestion_of(int fd, char name[16])
{
	socklen_t len = 16;

	REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0, "TCP_CONGESTION");
}

/* Send @bytes from client to server through losses. */
static void transfer(struct host *a, struct host *b, const struct pair *p, size_t bytes)
{
	static char block[65536];
	double end = now() + 20;
	size_t sent = 0, got = 0;

	while (got < bytes && now() < end) {
		ssize_t n;

		while (sent < bytes && (n = write(p->client, block, sizeof(block))) > 0) {
			sent += (size_t)n;
		}
		pump(a, b, 0.02, p->server, POLLIN);
		while ((n = read(p->server, block, sizeof(block))) > 0) {
			got += (size_t)n;
		}
	}
	REQUIRE(got >= bytes, "%zu of %zu bytes came", got, bytes);
}

static void case_cubic(void)
{
	static const struct rt_tcp cubic = { .congestion = RT_CUBIC };
	char mine[16], accepted[16], other[16];
	struct host a, b;
	struct tcp_info ti;
	struct pair p;

	host_create(&a, 1, &cubic, (struct tdf){ 1, 1 });
	host_create(&b, 2, &cubic, (struct tdf){ 1, 1 });
	connect_pair(&a, &b, &p);
	congestion_of(p.client, mine);
	congestion_of(p.server, accepted);
	printf("# %s on one side, %s on the other\n", mine, accepted);
	REQUIRE(!strncmp(mine, "lento_cubic", 11) && !strncmp(accepted, "lento_cubic", 11), "not ours");
	REQUIRE(strcmp(mine, accepted) != 0, "two runs share one");
	a.lose = 301;
	transfer(&a, &b, &p, 8 << 20);
	ti = info_of(p.client);
	printf("# 8 MiB came, %u packets lost, window %u, threshold %u\n", ti.tcpi_total_retrans,
	       ti.tcpi_snd_cwnd, ti.tcpi_snd_ssthresh);
	REQUIRE(ti.tcpi_total_retrans > 0 && ti.tcpi_snd_ssthresh < 0x7fffffff, "nothing was lost");
	/* The other run ends; ours goes on as it was. */
	congestion_of(p.server, other);
	host_destroy(&b);
	REQUIRE(!has_congestion(other) && has_congestion(mine), "the wrong one ended");
	close_pair(&p);
	host_destroy(&a);
	REQUIRE(!has_congestion(mine), "%s is left", mine);
}

/* BPF links of congestion controls on this host, or -1. */
static int struct_ops_links(void)
{
	__u32 id = 0;
	int n = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		struct bpf_link_info info = { 0 };
		__u32 len = sizeof(info);
		CLEAN_CLOSE int fd = bpf_link_get_fd_by_id(id);

		n += fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == LINK_BPF_STRUCT_OPS;
	}
	return n;
}

/* A run that is killed without warning leaves nothing in the kernel. */
static void case_kill(void)
{
	static const struct rt_tcp cubic = { .congestion = RT_CUBIC };
	int before = struct_ops_links(), during, after, pipes[2];
	CLEAN_FREE char *run = NULL;
	char name[16] = "";
	struct host h;
	pid_t pid;

	REQUIRE(pipe(pipes) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		host_create(&h, 1, &cubic, (struct tdf){ 2, 1 });
		congestion_of(host_socket(&h), name);
		if (write(pipes[1], name, sizeof(name)) != sizeof(name)) {
			_exit(1);
		}
		pause();
		_exit(1);
	}
	close(pipes[1]);
	REQUIRE(read(pipes[0], name, sizeof(name)) == sizeof(name), "no name came");
	close(pipes[0]);
	during = struct_ops_links();
	REQUIRE(has_congestion(name) && during > before, "it was not there: %s", name);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && (has_congestion(name) || struct_ops_links() > before); i++) {
		usleep(20000);
	}
	after = struct_ops_links();
	printf("# links before, during, after: %d, %d, %d\n", before, during, after);
	REQUIRE(!has_congestion(name) && after <= before, "%s is left", name);
	run = run_name(pid, 1);
	remove_run(run);
}

/* --- main -------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "syn", case_syn }, { "rto", case_rto }, { "follow", case_follow },
	{ "cubic", case_cubic }, { "kill", case_kill },
};

int main(int argc, char **argv)
{
	struct err err = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (tcp_bpf_probe(true, &err)) {
		printf("%s\n", err.msg);
		return 77;
	}
	OK(cgroups_find(&cg, &err), err);
	cgroups_narrow(&cg);
	home = new_ns();
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(cases); i++) {
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			cgroups_free(&cg);
			return 0;
		}
	}
	fprintf(stderr, "usage: tcp_time CASE\n");
	return 2;
}
