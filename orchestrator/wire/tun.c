// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clean.h"

/*
 * A packet that the peer has sent and lento-wire has not read yet waits in the device's
 * ring.  It stands for no queue of the emulated link, so it must hold whatever
 * the peer can send while lento-wire is busy with others (a few ms), or packets would
 * vanish there that the link's queue has room for: 1024 packets are 12 ms of
 * 1 Gbit/s.  The kernel drops beyond it, which bounds a flood.
 */
#define TX_QUEUE_PACKETS 1024

static int interface_name(struct ifreq *ifr, const char *name, struct err *err)
{
	memset(ifr, 0, sizeof(*ifr));
	if (!*name || strlen(name) >= sizeof(ifr->ifr_name)) {
		return err_set(err, ERR_USAGE, "\"%s\" is no interface name: 1 to %zu characters",
			       name, sizeof(ifr->ifr_name) - 1);
	}
	strcpy(ifr->ifr_name, name);
	return 0;
}

static int interface_ioctl(int sock, unsigned long request, struct ifreq *ifr, const char *what,
			   struct err *err)
{
	if (ioctl(sock, request, ifr)) {
		return err_errno(err, ERR_FAILED, "%s: %s", ifr->ifr_name, what);
	}
	return 0;
}

int tun_open(const char *name, int *fd, struct err *err)
{
	CLEAN_CLOSE int tun = -1, sock = -1;
	struct ifreq ifr;

	if (interface_name(&ifr, name, err)) {
		return -1;
	}
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0) {
		if (errno == EACCES || errno == EPERM) {
			return err_errno(err, ERR_HOST,
					 "/dev/net/tun: run as root, and allow the device "
					 "(10:200) in the cgroup if this is a container");
		}
		return err_errno(err, ERR_HOST,
				 "/dev/net/tun: load the driver with \"modprobe tun\"; if only "
				 "the node is missing, \"mkdir -p /dev/net; mknod /dev/net/tun c "
				 "10 200\"");
	}
	ifr.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL);
	if (ioctl(tun, TUNSETIFF, &ifr)) {
		return err_errno(err, errno == EPERM ? ERR_HOST : ERR_FAILED,
				 "TUN device %s%s", name,
				 errno == EPERM ? ": needs CAP_NET_ADMIN, run as root" : "");
	}
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		return err_errno(err, ERR_FAILED, "TUN device %s: socket", name);
	}
	if (interface_name(&ifr, name, err)) {
		return -1;
	}
	ifr.ifr_qlen = TX_QUEUE_PACKETS;
	if (interface_ioctl(sock, SIOCSIFTXQLEN, &ifr, "queue length", err)) {
		return -1;
	}
	*fd = take_fd(&tun);
	return 0;
}

static void set_address(struct ifreq *ifr, uint32_t ip)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};

	memcpy(&ifr->ifr_addr, &sin, sizeof(sin));
}

/* The emulated links carry IPv4.  Without this the kernel would send its IPv6 router
 * solicitations there, where they count as malformed.  A kernel without IPv6 has no file. */
static void disable_ipv6(const char *name)
{
	char path[96];
	CLEAN_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) != 1) {
		return;
	}
}

int tun_configure(const char *name, uint32_t ip, unsigned bits, unsigned mtu, struct err *err)
{
	CLEAN_CLOSE int sock = -1;
	struct ifreq ifr;

	if (bits > 32) {
		return err_set(err, ERR_USAGE, "%s: a prefix has at most 32 bits, not %u", name,
			       bits);
	}
	if (interface_name(&ifr, name, err)) {
		return -1;
	}
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		return err_errno(err, ERR_FAILED, "%s: socket", name);
	}
	disable_ipv6(name);
	set_address(&ifr, ip);
	if (interface_ioctl(sock, SIOCSIFADDR, &ifr, "set address", err)) {
		return -1;
	}
	set_address(&ifr, bits ? UINT32_MAX << (32 - bits) : 0);
	if (interface_ioctl(sock, SIOCSIFNETMASK, &ifr, "set prefix", err)) {
		return -1;
	}
	ifr.ifr_mtu = (int)mtu;
	if (interface_ioctl(sock, SIOCSIFMTU, &ifr, "set MTU", err) ||
	    interface_ioctl(sock, SIOCGIFFLAGS, &ifr, "get flags", err)) {
		return -1;
	}
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
	return interface_ioctl(sock, SIOCSIFFLAGS, &ifr, "set up", err);
}
