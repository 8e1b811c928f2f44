/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network namespaces with a TUN device each, for the tests and benchmarks of lento-wire.
 * Sockets stay in the namespace in which they were made, so one process holds the
 * sockets of all peers.
 */
#ifndef WIRE_NS_H
#define WIRE_NS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "wire/tun.h"

#define MTU 1500

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void die_err(const struct err *err)
{
	fprintf(stderr, "%s\n", err->msg);
	exit(err->kind == ERR_HOST ? 77 : 1);
}

static inline uint32_t ip_of(unsigned i)
{
	return 0x0a630001 + i; /* 10.99.0.1 ... */
}

static inline struct sockaddr_in address(unsigned i, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(ip_of(i)),
	};
}

/* Move device @name of this namespace into @ns, where it is called @to. */
static inline void move_device(const char *name, int ns, const char *to)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		struct rtattr ns_attr;
		uint32_t ns_fd;
		struct rtattr name_attr;
		char name[IFNAMSIZ];
	} req = {
		.head = {.nlmsg_len = sizeof(req), .nlmsg_type = RTM_NEWLINK,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.info = {.ifi_index = (int)if_nametoindex(name)},
		.ns_attr = {.rta_len = RTA_LENGTH(4), .rta_type = IFLA_NET_NS_FD},
		.ns_fd = (uint32_t)ns,
		.name_attr = {.rta_len = RTA_LENGTH(IFNAMSIZ), .rta_type = IFLA_IFNAME},
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		char rest[256];
	} ack;
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	strncpy(req.name, to, sizeof(req.name) - 1);
	if (sock < 0 || send(sock, &req, sizeof(req), 0) < 0 ||
	    recv(sock, &ack, sizeof(ack), 0) < (ssize_t)sizeof(ack.head)) {
		die("rtnetlink");
	}
	if (ack.err.error) {
		errno = -ack.err.error;
		die("move device");
	}
	close(sock);
}

static inline void enter_ns(int ns)
{
	if (setns(ns, CLONE_NEWNET)) {
		die("setns");
	}
}

/* A new namespace; the caller is in it afterwards. */
static inline int new_ns(void)
{
	int ns;

	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "no network namespace: %s\n", strerror(errno));
		exit(77);
	}
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (ns < 0) {
		die("/proc/self/ns/net");
	}
	return ns;
}

/*
 * Namespace of peer @i, with the TUN device eth0 whose descriptor is *tun.  The device is
 * opened in @home and moved: a descriptor keeps the namespace in which it was opened.
 * The caller is in the new namespace afterwards.
 */
static inline int new_peer_ns(unsigned i, int home, int *tun)
{
	char name[IFNAMSIZ];
	struct err err;
	int ns;

	snprintf(name, sizeof(name), "peer%u", i);
	if (tun_open(name, tun, &err)) {
		die_err(&err);
	}
	ns = new_ns();
	enter_ns(home);
	move_device(name, ns, "eth0");
	enter_ns(ns);
	if (tun_configure("eth0", ip_of(i), 8, MTU, &err)) {
		die_err(&err);
	}
	return ns;
}

#endif
