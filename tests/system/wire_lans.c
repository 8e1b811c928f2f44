// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wire_lans - LANs, gateways and the four kinds of NAT, with the UDP, TCP and IGMP of real
 * kernels; the network is in wire_lans.h.
 *
 *	wire_lans LENTO-WIRE CASE
 *
 * Prints each row of the table that it checks.  Exit status: 0 all as it should be, 1 not, 77 when
 * the host has no TUN or we are not root.
 *
 * No row waits for a time to pass: a packet has come, or its gateway has counted it as dropped.
 */
#include <stdarg.h>

#include "wire_lans.h"

#define TRIES 5
#define EXCHANGED 32768 /* less than a socket takes by itself, both ways */

static const struct {
	const char *name;
	bool same_binding;             /* for each outside endpoint */
	bool other_port, other_host;   /* get in, once one has been sent to */
	bool by_port;                  /* a hole lets in one port only */
} kinds[KINDS] = {
	{"full cone", true, true, true, false},
	{"restricted", true, true, false, false},
	{"port restricted", true, false, false, true},
	{"symmetric", false, false, false, true},
};

static bool all_good = true;

/* A line for the reader. */
static void report(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void report(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s: ", good ? "good" : "BAD ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	all_good = all_good && good;
}

static void expect(const char *kind, const char *what, enum fate fate, enum fate wanted)
{
	report(fate == wanted, "%-15s  %-44s %s", kind, what, fate_name(fate));
}

/* --- UDP -------------------------------------------------------------------------- */

/* Send a datagram from @from to @to: does it come in at @at, or does @gateway drop it?  *seen is
 * the source that it then has. */
static enum fate send_udp(const struct bed *bed, int from, const struct sockaddr_in *to, int at,
			  unsigned gateway, struct sockaddr_in *seen)
{
	static uint32_t number;
	struct drops before = drops_at(bed, gateway);
	int64_t end = wall_now().ns + PATIENCE_NS;
	uint32_t got;

	number++;
	if (sendto(from, &number, sizeof(number), 0, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		die("sendto");
	}
	while (wall_now().ns < end) {
		struct pollfd fd = {.fd = at, .events = POLLIN};
		struct sockaddr_in source;
		socklen_t len = sizeof(source);

		poll(&fd, 1, 1);
		if (recvfrom(at, &got, sizeof(got), 0, (struct sockaddr *)&source, &len) == sizeof(got) &&
		    got == number) {
			*seen = source;
			return ARRIVED;
		}
		if (fate_since(&before) != LOST) {
			return fate_since(&before);
		}
	}
	return LOST;
}

/* Who is who in the table of a kind. */
struct cast {
	int ann, ben, ben_local, sam, sam_too, tim;
	struct sockaddr_in to_sam, to_tim, to_forward;
	unsigned gateway;
};

static void cast_udp(const struct bed *bed, unsigned kind, struct cast *c)
{
	uint32_t public = public_ip(gateway_of(kind, false));

	*c = (struct cast){
		.ann = open_socket(bed, host_of(kind, ANN), SOCK_DGRAM, 5000),
		.ben = open_socket(bed, host_of(kind, BEN), SOCK_DGRAM, FORWARDED_TO),
		.ben_local = open_socket(bed, host_of(kind, BEN), SOCK_DGRAM, 5000),
		.sam = open_socket(bed, SAM, SOCK_DGRAM, 8000),
		.sam_too = open_socket(bed, SAM, SOCK_DGRAM, 8001),
		.tim = open_socket(bed, TIM, SOCK_DGRAM, 8000),
		.to_sam = endpoint(host_ip(SAM), 8000), .to_tim = endpoint(host_ip(TIM), 8000),
		.to_forward = endpoint(public, FORWARDED), .gateway = gateway_of(kind, false),
	};
}

static void dismiss(struct cast *c)
{
	const int sockets[] = {c->ann, c->ben, c->ben_local, c->sam, c->sam_too, c->tim};

	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		close(sockets[i]);
	}
}

/* What a host inside has sent opens the way for whom? */
static void udp_holes(const struct bed *bed, unsigned kind, const struct cast *c)
{
	struct sockaddr_in guess = endpoint(public_ip(c->gateway), 5000), for_sam = {0}, for_tim = {0};
	struct sockaddr_in seen = {0};
	const char *name = kinds[kind].name;

	expect(name, "from outside, unasked,",
	       send_udp(bed, c->sam, &guess, c->ann, c->gateway, &seen), FILTERED);
	expect(name, "from inside to a host",
	       send_udp(bed, c->ann, &c->to_sam, c->sam, c->gateway, &for_sam), ARRIVED);
	report(ntohl(for_sam.sin_addr.s_addr) == public_ip(c->gateway), "%-15s  its source is the public address",
	       name);
	expect(name, "the answer",
	       send_udp(bed, c->sam, &for_sam, c->ann, c->gateway, &seen), ARRIVED);
	report(same_endpoint(&seen, &c->to_sam), "%-15s  its source is the host's own", name);
	expect(name, "from the same host, another port,",
	       send_udp(bed, c->sam_too, &for_sam, c->ann, c->gateway, &seen),
	       kinds[kind].other_port ? ARRIVED : FILTERED);
	expect(name, "from another host",
	       send_udp(bed, c->tim, &for_sam, c->ann, c->gateway, &seen),
	       kinds[kind].other_host ? ARRIVED : FILTERED);
	expect(name, "from inside to the other host",
	       send_udp(bed, c->ann, &c->to_tim, c->tim, c->gateway, &for_tim), ARRIVED);
	report(same_endpoint(&for_tim, &for_sam) == kinds[kind].same_binding,
	       "%-15s  it has %s source there", name, kinds[kind].same_binding ? "the same" : "another");
	expect(name, "its answer", send_udp(bed, c->tim, &for_tim, c->ann, c->gateway, &seen), ARRIVED);
	expect(name, "its answer, to the binding for the first,",
	       send_udp(bed, c->tim, &for_sam, c->ann, c->gateway, &seen),
	       kinds[kind].same_binding ? ARRIVED : FILTERED);
}

static void udp_forward_and_hairpin(const struct bed *bed, unsigned kind, const struct cast *c)
{
	const struct sockaddr_in inside = endpoint(host_ip(BEN), 5000);
	struct sockaddr_in own = endpoint(public_ip(gateway_of(kind, true)), 5000), seen = {0};
	int cem = open_socket(bed, host_of(kind, CEM), SOCK_DGRAM, 5000);
	const struct wire_dir_stats *wan = stats_of(bed, c->gateway)->dir;
	uint64_t crossed = wan[WIRE_UP].packets + wan[WIRE_DOWN].packets;
	const char *name = kinds[kind].name;

	expect(name, "to the forwarded port, by its own LAN,",
	       send_udp(bed, c->ann, &c->to_forward, c->ben, c->gateway, &seen), ARRIVED);
	report(ntohl(seen.sin_addr.s_addr) == public_ip(c->gateway),
	       "%-15s  its source is the public address", name);
	expect(name, "the answer, by the same way,",
	       send_udp(bed, c->ben, &seen, c->ann, c->gateway, &seen), ARRIVED);
	report(same_endpoint(&seen, &c->to_forward), "%-15s  its source is the forwarded port", name);
	expect(name, "to the address inside",
	       send_udp(bed, c->ann, &inside, c->ben_local, c->gateway, &seen), ARRIVED);
	report(ntohl(seen.sin_addr.s_addr) == host_ip(ANN), "%-15s  its source is the one inside", name);
	report(wan[WIRE_UP].packets + wan[WIRE_DOWN].packets == crossed,
	       "%-15s  nothing of that has crossed the WAN line", name);
	expect(name, "to the forwarded port, from outside,",
	       send_udp(bed, c->tim, &c->to_forward, c->ben, c->gateway, &seen), ARRIVED);
	expect(name, "the answer", send_udp(bed, c->ben, &c->to_tim, c->tim, c->gateway, &seen), ARRIVED);
	report(same_endpoint(&seen, &c->to_forward), "%-15s  its source is the forwarded port", name);
	expect(name, "to the own public address, hairpin off,",
	       send_udp(bed, cem, &own, cem, gateway_of(kind, true), &seen), HAIRPIN_OFF);
	close(cem);
}

/* The kernel outside has no such port: its ICMP error finds the socket inside. */
static void udp_refused(const struct bed *bed, unsigned kind)
{
	int ann = open_socket(bed, host_of(kind, ANN), SOCK_DGRAM, 5100);
	struct sockaddr_in closed = endpoint(host_ip(SAM), 9);
	struct pollfd fd = {.fd = ann, .events = POLLIN};
	char byte = 0;

	if (connect(ann, (struct sockaddr *)&closed, sizeof(closed)) || send(ann, &byte, 1, 0) != 1) {
		die("connected UDP");
	}
	poll(&fd, 1, (int)(PATIENCE_NS / NS_PER_MS));
	report(recv(ann, &byte, 1, 0) < 0 && errno == ECONNREFUSED,
	       "%-15s  a closed port outside is told by ICMP", kinds[kind].name);
	close(ann);
}

static void case_udp(struct bed *bed)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct cast c;

		cast_udp(bed, kind, &c);
		udp_holes(bed, kind, &c);
		udp_forward_and_hairpin(bed, kind, &c);
		udp_refused(bed, kind);
		dismiss(&c);
	}
}

/* --- TCP -------------------------------------------------------------------------- */

static int listen_at(const struct bed *bed, unsigned host, uint16_t port)
{
	int fd = open_socket(bed, host, SOCK_STREAM, port);

	if (listen(fd, 8)) {
		die("listen");
	}
	return fd;
}

/*
 * Connect @fd to @to.  ARRIVED: *accepted is the other end, at @listener, and *seen its peer.  A kernel that
 * gets no answer sends its SYN again, so where a connection is wanted, what the gateway
 * drops does not count: it may be of an earlier attempt.
 */
static enum fate connect_tcp(const struct bed *bed, int fd, const struct sockaddr_in *to, int listener,
			     unsigned gateway, enum fate wanted, int *accepted, struct sockaddr_in *seen)
{
	struct drops before = drops_at(bed, gateway);
	int64_t end = wall_now().ns + PATIENCE_NS;

	*accepted = -1;
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 || errno != EINPROGRESS) {
		die("connect");
	}
	while (wall_now().ns < end) {
		struct pollfd waiting = {.fd = listener, .events = POLLIN};
		socklen_t len = sizeof(*seen);

		poll(&waiting, 1, 1);
		*accepted = accept4(listener, (struct sockaddr *)seen, &len, SOCK_CLOEXEC);
		if (*accepted >= 0) {
			return ARRIVED;
		}
		if (wanted != ARRIVED && fate_since(&before) != LOST) {
			return fate_since(&before);
		}
	}
	return LOST;
}

/* @len bytes that differ from place to place go from one end to the other. */
static bool carries(int from, int to, size_t len, unsigned salt)
{
	CLEAN_FREE uint8_t *sent = malloc(len), *got = malloc(len);
	const struct timeval patience = {.tv_sec = PATIENCE_NS / NS_PER_S};

	if (!sent || !got) {
		die("memory");
	}
	for (size_t i = 0; i < len; i++) {
		sent[i] = (uint8_t)(i * 31 + i / 251 + salt);
	}
	for (int i = 0; i < 2; i++) {
		int fd = i ? from : to;

		fcntl(fd, F_SETFL, 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	return send(from, sent, len, MSG_NOSIGNAL) == (ssize_t)len &&
	       recv(to, got, len, MSG_WAITALL) == (ssize_t)len && memcmp(sent, got, len) == 0;
}

/* One row: @fd connects, and if that is to be possible, both ends exchange data. */
static void expect_tcp(const struct bed *bed, unsigned kind, const char *what, int fd,
		       const struct sockaddr_in *to, int listener, bool wanted,
		       struct sockaddr_in *seen)
{
	enum fate want = wanted ? ARRIVED : FILTERED;
	int other;

	expect(kinds[kind].name, what,
	       connect_tcp(bed, fd, to, listener, gateway_of(kind, false), want, &other, seen), want);
	if (other >= 0) {
		report(carries(fd, other, EXCHANGED, 1) && carries(other, fd, EXCHANGED, 2),
		       "%-15s  data goes both ways", kinds[kind].name);
		close(other);
	}
}

/* A host outside that is connected to from inside; who else may connect to that port? */
static void tcp_holes(const struct bed *bed, unsigned kind)
{
	const struct sockaddr_in to_sam = endpoint(host_ip(SAM), 8000);
	struct sockaddr_in unasked = endpoint(public_ip(gateway_of(kind, false)), 7000), public = {0}, seen;
	int ann = open_socket(bed, host_of(kind, ANN), SOCK_STREAM, 7000);
	int ann_listens = listen_at(bed, host_of(kind, ANN), 7000);
	int sam_listens = listen_at(bed, SAM, 8000);
	int sam = open_socket(bed, SAM, SOCK_STREAM, 8001), tim = open_socket(bed, TIM, SOCK_STREAM, 8001);
	int stranger = open_socket(bed, TIM, SOCK_STREAM, 8002);

	expect_tcp(bed, kind, "TCP from outside, unasked,", stranger, &unasked, ann_listens, false, &seen);
	close(stranger);
	expect_tcp(bed, kind, "TCP from inside to a host", ann, &to_sam, sam_listens, true, &public);
	report(ntohl(public.sin_addr.s_addr) == public_ip(gateway_of(kind, false)),
	       "%-15s  its source is the public address", kinds[kind].name);
	expect_tcp(bed, kind, "TCP from the same host, another port,", sam, &public, ann_listens,
		   kinds[kind].other_port, &seen);
	expect_tcp(bed, kind, "TCP from another host", tim, &public, ann_listens, kinds[kind].other_host,
		   &seen);
	close(ann);
	close(ann_listens);
	close(sam_listens);
	close(sam);
	close(tim);
}

static void tcp_forward_and_hairpin(const struct bed *bed, unsigned kind)
{
	const struct sockaddr_in forward = endpoint(public_ip(gateway_of(kind, false)), FORWARDED);
	int ben = listen_at(bed, host_of(kind, BEN), FORWARDED_TO);
	int tim = open_socket(bed, TIM, SOCK_STREAM, 8003);
	int ann = open_socket(bed, host_of(kind, ANN), SOCK_STREAM, 7003);
	struct sockaddr_in seen = {0};

	expect_tcp(bed, kind, "TCP to the forwarded port", tim, &forward, ben, true, &seen);
	report(ntohl(seen.sin_addr.s_addr) == host_ip(TIM), "%-15s  its source is the host's own",
	       kinds[kind].name);
	expect_tcp(bed, kind, "TCP to the forwarded port, by its own LAN,", ann, &forward, ben, true, &seen);
	report(ntohl(seen.sin_addr.s_addr) == public_ip(gateway_of(kind, false)),
	       "%-15s  its source is the public address", kinds[kind].name);
	close(ben);
	close(tim);
	close(ann);
}

static void case_tcp(struct bed *bed)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		tcp_holes(bed, kind);
		tcp_forward_and_hairpin(bed, kind);
	}
}

/* --- time-outs in virtual time ----------------------------------------------------------- */

/* When a packet was sent that starts the time-out anew: between these two. */
struct span {
	int64_t from_vns, to_vns;
};

/* A socket inside and what it has outside: a binding, last used at some time. */
struct lease {
	int fd;
	unsigned gateway;
	struct sockaddr_in public;
	struct span used;
};

static enum fate timed_send(const struct bed *bed, int from, const struct sockaddr_in *to, int at,
			    unsigned gateway, struct sockaddr_in *seen, struct span *when)
{
	enum fate fate;

	when->from_vns = vtime_now(bed->page).ns;
	fate = send_udp(bed, from, to, at, gateway, seen);
	when->to_vns = vtime_now(bed->page).ns;
	return fate;
}

/*
 * Does a packet from outside still pass?  It must before the time-out, and must not after it; with the
 * machine so busy that it may have come at either time, either is right.  1: it passes, and
 * had to; 0: it does not, and had not to; -1: either.
 */
static int look(const struct bed *bed, unsigned kind, struct lease *l, int server, const char *when)
{
	struct sockaddr_in seen;
	struct span now;
	enum fate fate = timed_send(bed, server, &l->public, l->fd, l->gateway, &seen, &now);
	bool alive = now.to_vns - l->used.from_vns < UDP_TIMEOUT_NS;
	bool over = now.from_vns - l->used.to_vns > UDP_TIMEOUT_NS;
	uint64_t bindings = stats_of(bed, l->gateway)->nat.bindings;

	report(fate == ARRIVED ? !over : fate == FILTERED && !alive, "%-15s  %-44s %s", kinds[kind].name,
	       when, fate_name(fate));
	report(bindings == (fate == ARRIVED), "%-15s  bindings of its gateway: %u", kinds[kind].name,
	       (unsigned)bindings);
	l->used = now;
	return alive ? 1 : over ? 0 : -1;
}

/* All four kinds at once; true: it was seen both that a binding lasts and that it ends. */
static bool bindings_last_and_end(struct bed *bed, struct lease leases[KINDS], int server)
{
	const struct sockaddr_in to_server = endpoint(host_ip(SAM), 8000);
	bool lasts = true, ends = true;

	for (unsigned k = 0; k < KINDS; k++) {
		struct lease *l = &leases[k];

		expect(kinds[k].name, "from inside to a host",
		       timed_send(bed, l->fd, &to_server, server, l->gateway, &l->public, &l->used), ARRIVED);
	}
	leap(bed, UDP_TIMEOUT_NS / 3);
	for (unsigned k = 0; k < KINDS; k++) {
		lasts &= look(bed, k, &leases[k], server, "the answer, within the time-out,") == 1;
	}
	leap(bed, UDP_TIMEOUT_NS + NS_PER_S);
	for (unsigned k = 0; k < KINDS; k++) {
		ends &= look(bed, k, &leases[k], server, "another one, more than the time-out later,") == 0;
	}
	return lasts && ends;
}

static void case_timeouts(struct bed *bed)
{
	int server = open_socket(bed, SAM, SOCK_DGRAM, 8000);
	struct lease leases[KINDS];
	bool seen = false;

	for (unsigned k = 0; k < KINDS; k++) {
		leases[k] = (struct lease){.fd = open_socket(bed, host_of(k, ANN), SOCK_DGRAM, 5000),
					   .gateway = gateway_of(k, false)};
	}
	for (int try = 0; try < TRIES && !seen; try++) {
		seen = bindings_last_and_end(bed, leases, server);
	}
	report(seen, "bindings were seen to last, and to end");
	for (unsigned k = 0; k < KINDS; k++) {
		close(leases[k].fd);
	}
	close(server);
}

/* --- UDP hole punching ------------------------------------------------------------------------ */

/* One end: its socket, its gateway, where it is seen from outside, and where it thinks the other one is. */
struct end {
	int fd;
	unsigned gateway;
	struct sockaddr_in public, other;
};

/* @from sends to where it thinks @to is; if that gets there, @to knows better where @from is. */
static enum fate punch(const struct bed *bed, struct end *from, struct end *to)
{
	return send_udp(bed, from->fd, &from->other, to->fd, to->gateway, &to->other);
}

/* Both have told a server who they are, and it has told each where the other one is. */
static void meet(const struct bed *bed, unsigned a_kind, unsigned b_kind, int server)
{
	const struct sockaddr_in to_server = endpoint(host_ip(SAM), 3478);
	uint16_t port = (uint16_t)(10000 + 100 * a_kind + b_kind);
	struct end a = {open_socket(bed, host_of(a_kind, ANN), SOCK_DGRAM, port), gateway_of(a_kind, false),
			{0}, {0}};
	struct end b = {open_socket(bed, host_of(b_kind, CEM), SOCK_DGRAM, port), gateway_of(b_kind, true),
			{0}, {0}};
	/* With a source that changes, only who does not look at the port lets it in. */
	bool possible = (kinds[a_kind].same_binding || !kinds[b_kind].by_port) &&
			(kinds[b_kind].same_binding || !kinds[a_kind].by_port);
	enum fate last[2];

	if (send_udp(bed, a.fd, &to_server, server, a.gateway, &a.public) != ARRIVED ||
	    send_udp(bed, b.fd, &to_server, server, b.gateway, &b.public) != ARRIVED) {
		report(false, "the server is reached");
	}
	a.other = b.public;
	b.other = a.public;
	for (int turn = 0; turn < 2; turn++) {
		last[0] = punch(bed, &a, &b);
		last[1] = punch(bed, &b, &a);
	}
	report((last[0] == ARRIVED && last[1] == ARRIVED) == possible && last[0] != LOST && last[1] != LOST,
	       "%-15s  and %-15s  %s", kinds[a_kind].name, kinds[b_kind].name,
	       last[0] == ARRIVED && last[1] == ARRIVED ? "meet" : "do not meet");
	close(a.fd);
	close(b.fd);
}

static void case_punch(struct bed *bed)
{
	int server = open_socket(bed, SAM, SOCK_DGRAM, 3478);

	for (unsigned a = 0; a < KINDS; a++) {
		for (unsigned b = 0; b < KINDS; b++) {
			meet(bed, a, b, server);
		}
	}
	close(server);
}

/* --- multicast ---------------------------------------------------------------------------------- */

#define GROUP 0xefc0988fu /* 239.192.152.143, as in BEP 14 */
#define GROUP_PORT 6771

/* Its kernel tells of that by IGMP. */
static void change_membership(const struct bed *bed, unsigned host, int fd, int option)
{
	const struct ip_mreqn mreq = {.imr_multiaddr.s_addr = htonl(GROUP),
				      .imr_address.s_addr = htonl(host_ip(host))};

	enter_ns(bed->ns[host]);
	if (setsockopt(fd, IPPROTO_IP, option, &mreq, sizeof(mreq))) {
		die("membership");
	}
	enter_ns(bed->home);
}

static int open_group(const struct bed *bed, unsigned host)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(GROUP_PORT)};
	const struct ip_mreqn from = {.imr_address.s_addr = htonl(host_ip(host))};
	int fd, off = 0;

	enter_ns(bed->ns[host]);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off))) {
		die("multicast socket");
	}
	enter_ns(bed->home);
	return fd;
}

/* @host sends to the group; how many copies its LAN has made of it, -1 when it did not get there. */
static int copies_of(const struct bed *bed, unsigned host, int fd)
{
	const struct sockaddr_in group = endpoint(GROUP, GROUP_PORT);
	const struct wire_link_stats *s = stats_of(bed, host);
	uint64_t to_many = s->to_many, copies = s->copies;
	int64_t end = wall_now().ns + PATIENCE_NS;
	struct err err;

	if (sendto(fd, &host, sizeof(host), 0, (const struct sockaddr *)&group, sizeof(group)) < 0) {
		die("multicast");
	}
	while (s->to_many == to_many && wall_now().ns < end) {
		usleep(200);
	}
	/* It is answered between packets: all copies have been made by then. */
	if (s->to_many == to_many || wire_ping(bed->wire, (int)(PATIENCE_NS / NS_PER_MS), &err)) {
		return -1;
	}
	return (int)(s->copies - copies);
}

/* Until the kernels have told of a change. */
static bool has_copies(const struct bed *bed, unsigned host, int fd, int wanted)
{
	int64_t end = wall_now().ns + PATIENCE_NS;

	while (wall_now().ns < end) {
		if (copies_of(bed, host, fd) == wanted) {
			return true;
		}
	}
	return false;
}

/* How many datagrams are at @fd; all of them are from @host, or it is -1. */
static int datagrams_of(int fd, unsigned host)
{
	unsigned from;
	int n = 0;

	while (recv(fd, &from, sizeof(from), 0) == sizeof(from)) {
		n = from == host && n >= 0 ? n + 1 : -1;
	}
	return n;
}

static void case_multicast(struct bed *bed)
{
	enum { SENDER, MEMBER, FOREIGN_SENDER, FOREIGN_MEMBER, BYSTANDER, OUTSIDE, SOCKETS };
	const unsigned host[SOCKETS] = {
		[SENDER] = host_of(0, ANN), [MEMBER] = host_of(0, BEN),
		[FOREIGN_SENDER] = host_of(1, ANN), [FOREIGN_MEMBER] = host_of(1, BEN),
		[BYSTANDER] = host_of(2, ANN), [OUTSIDE] = SAM,
	};
	const struct wire_dir_stats *wan = stats_of(bed, gateway_of(0, false))->dir;
	const struct wire_dir_stats *foreign = stats_of(bed, gateway_of(1, false))->dir;
	int fd[SOCKETS];

	for (unsigned i = 0; i < SOCKETS; i++) {
		fd[i] = open_group(bed, host[i]);
	}
	report(copies_of(bed, host[SENDER], fd[SENDER]) == 0, "nobody has joined: no copy is made");
	for (unsigned i = 0; i < SOCKETS; i++) {
		if (i != SENDER && i != FOREIGN_SENDER && i != BYSTANDER) {
			change_membership(bed, host[i], fd[i], IP_ADD_MEMBERSHIP);
		}
	}
	report(has_copies(bed, host[SENDER], fd[SENDER], 1), "a member of the LAN gets one");
	report(has_copies(bed, host[FOREIGN_SENDER], fd[FOREIGN_SENDER], 1),
	       "so does one of another LAN, of what was sent there");
	report(copies_of(bed, host[BYSTANDER], fd[BYSTANDER]) == 0, "in a third LAN nobody does");
	change_membership(bed, host[MEMBER], fd[MEMBER], IP_DROP_MEMBERSHIP);
	report(has_copies(bed, host[SENDER], fd[SENDER], 0), "it has left: no copy is made");
	report(datagrams_of(fd[MEMBER], host[SENDER]) > 0, "the member has got what its own LAN has sent");
	report(datagrams_of(fd[FOREIGN_MEMBER], host[FOREIGN_SENDER]) > 0, "and the other one likewise");
	report(datagrams_of(fd[OUTSIDE], SAM) == 0 && datagrams_of(fd[BYSTANDER], SAM) == 0 &&
	       datagrams_of(fd[SENDER], SAM) == 0, "nobody else has got anything");
	report(wan[WIRE_UP].packets + wan[WIRE_DOWN].packets + foreign[WIRE_UP].packets +
	       foreign[WIRE_DOWN].packets == 0, "nothing has crossed a WAN line");
	for (unsigned i = 0; i < SOCKETS; i++) {
		close(fd[i]);
	}
}

static const struct {
	const char *name;
	void (*run)(struct bed *bed);
} cases[] = {
	{"udp", case_udp},     {"tcp", case_tcp},
	{"timeouts", case_timeouts}, {"punch", case_punch}, {"multicast", case_multicast},
};

int main(int argc, char **argv)
{
	struct bed bed;

	if (argc != 3) {
		fprintf(stderr, "usage: wire_lans LENTO-WIRE CASE\n");
		return 2;
	}
	setlinebuf(stdout);
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "wire_lans: needs root: %s\n", strerror(errno));
		return 77;
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (strcmp(cases[i].name, argv[2]) == 0) {
			open_bed(&bed, argv[1]);
			cases[i].run(&bed);
			close_bed(&bed);
			return all_good ? 0 : 1;
		}
	}
	fprintf(stderr, "wire_lans: no case %s\n", argv[2]);
	return 2;
}
