// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/rto_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clean.h"

/* Each attribute holds one number. */
struct number {
	struct rtattr head;
	uint32_t value;
};

struct request {
	struct nlmsghdr head;
	struct rtmsg route;
	struct number out;
	struct rtattr metrics;
	struct number lock, rto_min; /* in it; locked, or sockets would measure their own */
};

static int ask(const struct request *req)
{
	CLEAN_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr head;
		struct nlmsgerr said;
		char rest[512];
	} ack;

	if (fd < 0 || send(fd, req, sizeof(*req), 0) < 0 ||
	    recv(fd, &ack, sizeof(ack), 0) < (ssize_t)(sizeof(ack.head) + sizeof(ack.said))) {
		return -1;
	}
	errno = -ack.said.error;
	return errno ? -1 : 0;
}

int rto_route_set(const char *link, unsigned ms, struct err *err)
{
	unsigned index = if_nametoindex(link);
	struct request req = {
		.head = { .nlmsg_len = sizeof(req), .nlmsg_type = RTM_NEWROUTE,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE },
		/* As SIOCADDRT makes it. */
		.route = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT,
			   .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST },
		.out = { { RTA_LENGTH(sizeof(uint32_t)), RTA_OIF }, index },
		.metrics = { RTA_LENGTH(2 * sizeof(struct number)), RTA_METRICS },
		.lock = { { RTA_LENGTH(sizeof(uint32_t)), RTAX_LOCK }, 1u << RTAX_RTO_MIN },
		.rto_min = { { RTA_LENGTH(sizeof(uint32_t)), RTAX_RTO_MIN }, ms },
	};

	if (!index) {
		return 0;
	}
	return ask(&req) ? err_errno(err, ERR_HOST, "minimum RTO of the route over %s", link) : 0;
}
