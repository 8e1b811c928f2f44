/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of LANs for tests of lento-wire with the sockets of real kernels: for each kind of
 * NAT two LANs, and two hosts outside.  Each host is a network namespace with a TUN device.
 *
 *	                 hosts        hairpin   forwarded, TCP and UDP
 *	the kind's first  ANN and BEN  on        6881 to BEN's 51413
 *	its second        CEM          off
 *	outside           SAM and TIM
 *
 * Lines have no rate and no delay, so nothing but the machine makes a packet take time.
 */
#ifndef WIRE_LANS_H
#define WIRE_LANS_H

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/netns.h"
#include "timedil/vtime.h"
#include "wire/wire.h"
#include "wire_ns.h"

enum { KINDS = 4, LANS = 2 * KINDS, HOSTS = 3 * KINDS + 2 };

/* Hosts by number: those of a kind, then those outside. */
enum { ANN, BEN, CEM, HOSTS_OF_KIND };
enum { SAM = KINDS * HOSTS_OF_KIND, TIM };

enum { FORWARDED = 6881, FORWARDED_TO = 51413 };

#define UDP_TIMEOUT_NS (300 * NS_PER_S)
/* How long a packet may take that must come, in wall time: a hung emulator is found, a slow one waited for. */
#define PATIENCE_NS (20 * NS_PER_S)

struct bed {
	char dir[64], page_path[96];
	struct timedil_page *page;
	struct wire *wire;
	int ns[HOSTS];
	int home;
};

static inline unsigned host_of(unsigned kind, unsigned who)
{
	return kind * HOSTS_OF_KIND + who;
}

/* The link id of the gateway of a kind's first or second LAN. */
static inline unsigned gateway_of(unsigned kind, bool second)
{
	return HOSTS + 2 * kind + second;
}

static inline uint32_t public_ip(unsigned gateway)
{
	return 0xcb007101u + gateway - HOSTS; /* 203.0.113.1 ... */
}

/* The addresses inside are the same in all LANs. */
static inline uint32_t host_ip(unsigned host)
{
	return host >= SAM ? 0xc6336401u + host - SAM        /* 198.51.100.1 ... */
			   : 0xc0a80102u + host % HOSTS_OF_KIND; /* 192.168.1.2 ... */
}

static inline struct sockaddr_in endpoint(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip),
	};
}

static inline bool same_endpoint(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

static inline const struct wire_link_stats *stats_of(const struct bed *bed, unsigned link)
{
	return wire_link_stats(bed->wire, link);
}

/* A socket of @host, bound to @port; with TCP one may connect from there while another listens. */
static inline int open_socket(const struct bed *bed, unsigned host, int type, uint16_t port)
{
	struct sockaddr_in own = endpoint(host_ip(host), port);
	int fd, shared = type == SOCK_STREAM;

	enter_ns(bed->ns[host]);
	fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enter_ns(bed->home);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &shared, sizeof(shared)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared)) ||
	    bind(fd, (struct sockaddr *)&own, sizeof(own))) {
		die("socket");
	}
	return fd;
}

/* --- set-up ----------------------------------------------------------------- */

static inline void add_gateway(struct bed *bed, unsigned kind, bool second)
{
	struct wire_link link = {
		.kind = WIRE_GATEWAY, .ip = public_ip(gateway_of(kind, second)),
		.inside_ip = 0xc0a80100u, .inside_bits = 24,
		.nat = {
			.kind = WIRE_NAT_FULL_CONE + kind, .hairpin = !second,
			.port_min = 1024, .port_max = 65535,
			.timeout_ns = {
				[WIRE_NAT_UDP] = UDP_TIMEOUT_NS, [WIRE_NAT_TCP] = 7440 * NS_PER_S,
				[WIRE_NAT_TCP_TRANSITORY] = 240 * NS_PER_S,
				[WIRE_NAT_ICMP] = 60 * NS_PER_S,
			},
		},
	};
	struct wire_forward forward = {
		.inside_ip = host_ip(BEN), .port = FORWARDED, .inside_port = FORWARDED_TO,
		.protocol = IPPROTO_TCP,
	};
	unsigned id = gateway_of(kind, second);
	struct err err;

	if (wire_add_gateway(bed->wire, id, &link, &err)) {
		die_err(&err);
	}
	if (second) {
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (wire_add_forward(bed->wire, id, &forward, &err)) {
			die_err(&err);
		}
		forward.protocol = IPPROTO_UDP;
	}
}

/* Its namespace is as a peer of a run has it. */
static inline void add_host(struct bed *bed, unsigned host)
{
	const struct rt_peer_spec spec = {
		.network = true, .ip = host_ip(host), .ip_bits = 32, .mtu = MTU,
	};
	struct wire_link link = { .ip = spec.ip };
	struct err err;
	int tun;

	if (host < SAM) {
		link.in_lan = true;
		link.lan = gateway_of(host / HOSTS_OF_KIND, host % HOSTS_OF_KIND == CEM);
	}
	bed->ns[host] = new_ns();
	if (netns_set_up(getpid(), &spec, &tun, &err) ||
	    wire_add_link(bed->wire, host, &link, tun, &err)) {
		die_err(&err);
	}
	close(tun);
	enter_ns(bed->home);
}

static inline void open_bed(struct bed *bed, const char *program)
{
	struct wire_config cfg = {
		.program = program, .clock_page = bed->page_path,
		.max_links = HOSTS + LANS, .max_groups = 1, .seed = 7,
	};
	struct err err;

	memset(bed, 0, sizeof(*bed));
	strcpy(bed->dir, "/tmp/wire-lans-XXXXXX");
	bed->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (bed->home < 0 || !mkdtemp(bed->dir)) {
		die("set-up");
	}
	snprintf(bed->page_path, sizeof(bed->page_path), "%s/clock", bed->dir);
	bed->page = vpage_create(bed->page_path, (struct tdf){1, 1});
	if (!bed->page) {
		die(bed->page_path);
	}
	vpage_run(bed->page, wall_now());
	if (wire_spawn(&cfg, &bed->wire, &err)) {
		die_err(&err);
	}
	for (unsigned kind = 0; kind < KINDS; kind++) {
		add_gateway(bed, kind, false);
		add_gateway(bed, kind, true);
	}
	for (unsigned host = 0; host < HOSTS; host++) {
		add_host(bed, host);
	}
}

static inline void close_bed(struct bed *bed)
{
	struct err err;

	wire_destroy(bed->wire);
	for (unsigned host = 0; host < HOSTS; host++) {
		close(bed->ns[host]);
	}
	close(bed->home);
	vpage_close(bed->page);
	fs_remove_tree(bed->dir, &err);
}

/* Go @dur_vns of virtual time ahead, and more when the machine is busy. */
static inline void leap(struct bed *bed, int64_t dur_vns)
{
	int64_t end = vtime_now(bed->page).ns + dur_vns;

	vpage_set_tdf(bed->page, wall_now(), (struct tdf){1, 200});
	wire_clock_changed(bed->wire);
	while (vtime_now(bed->page).ns < end) {
		usleep(1000);
	}
	vpage_set_tdf(bed->page, wall_now(), (struct tdf){1, 1});
	wire_clock_changed(bed->wire);
}

/* --- what becomes of a packet -------------------------------------------------- */

enum fate { LOST, ARRIVED, FILTERED, HAIRPIN_OFF, FATES };

static inline const char *fate_name(enum fate fate)
{
	static const char *const names[FATES] = {
		[LOST] = "neither arrives nor is dropped", [ARRIVED] = "arrives",
		[FILTERED] = "is filtered", [HAIRPIN_OFF] = "is dropped, as hairpin is off",
	};

	return names[fate];
}

/* A look at what a gateway has dropped, to see later whether it has dropped more. */
struct drops {
	const struct wire_nat_stats *nat;
	uint64_t filtered, hairpin;
};

static inline struct drops drops_at(const struct bed *bed, unsigned gateway)
{
	const struct wire_nat_stats *nat = &stats_of(bed, gateway)->nat;

	return (struct drops){nat, nat->filtered_drops, nat->hairpin_drops};
}

/* The fate of what was sent since, unless it has arrived; LOST so far. */
static inline enum fate fate_since(const struct drops *before)
{
	return before->nat->filtered_drops > before->filtered ? FILTERED
	     : before->nat->hairpin_drops > before->hairpin   ? HAIRPIN_OFF
							      : LOST;
}

#endif
