// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wire_bench - packets a second of 1500 bytes, without offload, from one network namespace
 * to another: through lento-wire, through a plain loop that reads one TUN and writes
 * the other, and over a bare veth pair.
 *
 *	wire_bench LENTO-WIRE [SECONDS]
 *
 * The sender sends all it can.  What one way costs shows in the processor time of the
 * forwarding process for each packet, which the other processes of the machine disturb
 * least.
 */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fs.h"
#include "timedil/vtime.h"
#include "wire/wire.h"
#include "wire_ns.h"

#define ROUNDS 3
#define BATCH 32
#define UDP_PORT 5000

enum { VIA_VETH, VIA_LOOP, VIA_WIRE, VIAS };

static const char *const names[VIAS] = {"bare veth", "read/write loop", "lento-wire"};

struct result {
	double pps, cpu_us; /* processor time of the forwarder for each packet */
};

static int udp_socket(unsigned i, bool bound)
{
	struct sockaddr_in sin = address(i, UDP_PORT);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 8 << 20;

	if (fd < 0 || (bound && bind(fd, (struct sockaddr *)&sin, sizeof(sin)))) {
		die("UDP socket");
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static pid_t start_sender(int fd)
{
	static char data[MTU - 28];
	struct sockaddr_in to = address(1, UDP_PORT);
	struct iovec iov = {data, sizeof(data)};
	struct mmsghdr batch[BATCH];
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr = (struct msghdr){
			.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov,
			.msg_iovlen = 1,
		};
	}
	for (;;) {
		sendmmsg(fd, batch, BATCH, 0);
	}
}

static uint64_t receive_for(int fd, int64_t ns)
{
	static char data[BATCH][2048];
	struct iovec iov[BATCH];
	struct mmsghdr batch[BATCH];
	int64_t end = wall_now().ns + ns;
	uint64_t packets = 0;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], sizeof(data[i])};
		batch[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while (wall_now().ns < end) {
		struct timespec wait = {0, 100000000};
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		int n;

		ppoll(&ready, 1, &wait, NULL);
		n = recvmmsg(fd, batch, BATCH, MSG_DONTWAIT, NULL);
		packets += n > 0 ? (uint64_t)n : 0;
	}
	return packets;
}

static double cpu_seconds(pid_t pid)
{
	char path[64];
	clockid_t clock;
	struct timespec ts = {0};

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (pid > 0 && clock_getcpuclockid(pid, &clock) == 0) {
		clock_gettime(clock, &ts);
	}
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static pid_t start_loop(int from, int to)
{
	static char data[2048];
	pid_t pid = fork();

	if (pid != 0) {
		return pid;
	}
	for (;;) {
		struct pollfd ready = {.fd = from, .events = POLLIN};
		ssize_t n;

		poll(&ready, 1, -1);
		while ((n = read(from, data, sizeof(data))) > 0) {
			(void)!write(to, data, (size_t)n);
		}
	}
}

static struct wire *start_wire(const char *program, const char *page, int tuns[2])
{
	const struct wire_config cfg = {
		.program = program, .clock_page = page, .max_links = 2, .max_groups = 1,
	};
	struct wire *wire;
	struct err err;

	if (wire_spawn(&cfg, &wire, &err)) {
		die_err(&err);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct wire_link link = {.ip = ip_of(i)};

		if (wire_add_link(wire, i, &link, tuns[i], &err)) {
			die_err(&err);
		}
	}
	return wire;
}

static void run_command(const char *command)
{
	if (system(command)) { /* NOLINT: fixed text */
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static void make_veth(int home, int ns[2], int fd[2])
{
	run_command("ip link add va type veth peer name vb");
	for (unsigned i = 0; i < 2; i++) {
		char command[128];

		ns[i] = new_ns();
		enter_ns(home);
		move_device(i ? "vb" : "va", ns[i], "eth0");
		enter_ns(ns[i]);
		snprintf(command, sizeof(command),
			 "ip addr add 10.99.0.%u/8 dev eth0 && ip link set eth0 up", i + 1);
		run_command(command);
		fd[i] = udp_socket(i, i == 1);
		enter_ns(home);
	}
}

static struct result measure(int via, const char *program, const char *page, int home, int64_t ns)
{
	int ns_fd[2], fd[2], tun[2] = {-1, -1};
	struct wire *wire = NULL;
	pid_t forwarder = 0, sender;
	struct result r = {0};
	double cpu;
	uint64_t packets;
	int64_t start;

	if (via == VIA_VETH) {
		make_veth(home, ns_fd, fd);
	} else {
		for (unsigned i = 0; i < 2; i++) {
			ns_fd[i] = new_peer_ns(i, home, &tun[i]);
			fd[i] = udp_socket(i, i == 1);
			enter_ns(home);
		}
	}
	if (via == VIA_LOOP) {
		forwarder = start_loop(tun[0], tun[1]);
	} else if (via == VIA_WIRE) {
		wire = start_wire(program, page, tun);
		forwarder = wire_pid(wire);
	}
	sender = start_sender(fd[0]);
	receive_for(fd[1], ns / 4);
	cpu = cpu_seconds(forwarder);
	start = wall_now().ns;
	packets = receive_for(fd[1], ns);
	r.pps = (double)packets * 1e9 / (double)(wall_now().ns - start);
	r.cpu_us = forwarder ? (cpu_seconds(forwarder) - cpu) * 1e6 / (double)packets : 0;
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	if (via == VIA_LOOP) {
		kill(forwarder, SIGKILL);
		waitpid(forwarder, NULL, 0);
	}
	wire_destroy(wire);
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(ns_fd[i]);
		if (tun[i] >= 0) {
			close(tun[i]);
		}
	}
	return r;
}

static int ascending(const void *a, const void *b)
{
	double x = ((const struct result *)a)->pps, y = ((const struct result *)b)->pps;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct result results[VIAS][ROUNDS];
	char dir[] = "/tmp/wire-bench-XXXXXX", page_path[64];
	struct timedil_page *page;
	double seconds = argc > 2 ? atof(argv[2]) : 3;
	struct err err;
	int home;

	if (argc < 2 || seconds <= 0) {
		fprintf(stderr, "usage: wire_bench LENTO-WIRE [SECONDS]\n");
		return 2;
	}
	home = new_ns();
	if (!mkdtemp(dir)) {
		die(dir);
	}
	snprintf(page_path, sizeof(page_path), "%s/clock", dir);
	page = vpage_create(page_path, (struct tdf){1, 1});
	if (!page) {
		die(page_path);
	}
	vpage_run(page, wall_now());
	for (int round = 0; round < ROUNDS; round++) {
		for (int via = 0; via < VIAS; via++) {
			results[via][round] =
				measure(via, argv[1], page_path, home, (int64_t)(seconds * 1e9));
		}
	}
	printf("1500-byte packets, no offload, %g s each, median of %d (least .. most)\n", seconds,
	       ROUNDS);
	for (int via = 0; via < VIAS; via++) {
		const struct result *r = results[via], *mid = &r[ROUNDS / 2];

		qsort(results[via], ROUNDS, sizeof(*r), ascending);
		printf("%-16s %9.0f packets/s  %7.0f Mbit/s  (%.0f .. %.0f packets/s)",
		       names[via], mid->pps, mid->pps * MTU * 8 / 1e6, r[0].pps,
		       r[ROUNDS - 1].pps);
		if (mid->cpu_us > 0) {
			printf("  %.2f us of processor time a packet", mid->cpu_us);
		}
		printf("\n");
	}
	vpage_close(page);
	return fs_remove_tree(dir, &err) ? 1 : 0;
}
