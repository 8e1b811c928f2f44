// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "wire/tun.h"

#define PEER_LINK "eth0"

int netns_call(pid_t pid, netns_work *work, const void *arg, struct err *err)
{
	CLEAN_FREE char *path = str_format("/proc/%d/ns/net", (int)pid);
	CLEAN_CLOSE int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	CLEAN_CLOSE int its = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (own < 0 || its < 0 || setns(its, CLONE_NEWNET)) {
		return err_errno(err, ERR_FAILED, "entering %s", path);
	}
	rc = work(arg, err);
	if (setns(own, CLONE_NEWNET)) {
		return err_errno(err, ERR_FAILED, "returning from %s", path);
	}
	return rc;
}

static int link_up(int fd, const char *name, struct err *err)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr)) {
		return err_errno(err, ERR_FAILED, "link %s", name);
	}
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr)) {
		return err_errno(err, ERR_FAILED, "link %s up", name);
	}
	return 0;
}

static int route_all(int fd, const char *name, struct err *err)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = (char *)name };

	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	if (ioctl(fd, SIOCADDRT, &route)) {
		return err_errno(err, ERR_FAILED, "default route over %s", name);
	}
	return 0;
}

struct plan {
	const struct rt_peer_spec *spec;
	int *tun;
};

static int set_up(const void *arg, struct err *err)
{
	const struct plan *plan = arg;
	const struct rt_peer_spec *spec = plan->spec;
	CLEAN_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CLEAN_CLOSE int tun = -1;

	if (fd < 0) {
		return err_errno(err, ERR_FAILED, "socket");
	}
	if (link_up(fd, "lo", err)) {
		return -1;
	}
	if (!spec->network) {
		return 0;
	}
	if (tun_open(PEER_LINK, &tun, err) ||
	    tun_configure(PEER_LINK, spec->ip, spec->ip_bits, spec->mtu, err) ||
	    route_all(fd, PEER_LINK, err)) {
		return -1;
	}
	*plan->tun = take_fd(&tun);
	return 0;
}

int netns_set_up(pid_t pid, const struct rt_peer_spec *spec, int *tun, struct err *err)
{
	const struct plan plan = { spec, tun };

	*tun = -1;
	return netns_call(pid, set_up, &plan, err);
}
