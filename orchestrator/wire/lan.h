/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lan - who is in each LAN, and who in it is a member of which multicast group.
 *
 * A switch that has no querier, and needs none: the kernel of a peer reports each change by
 * itself (igmp.h), and a membership lasts until it is left or its peer is gone.
 *
 * LANs are named by the link id of their gateway, hosts by their own link id.
 */
#ifndef LENTO_LAN_H
#define LENTO_LAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/ip.h"

#define LAN_NONE UINT32_MAX
/* Groups of one host; what it joins beyond that does not reach it (Linux lets a socket join 20). */
#define LAN_GROUPS_MAX 64

struct lan_member {
	struct ip_addr group;
	uint32_t lan, host;
	uint32_t next;           /* in its chain */
	uint32_t next_of_host;   /* or free */
};

struct lans {
	uint32_t links;
	uint32_t *first;         /* by LAN: a host */
	uint32_t *next;          /* by host: another one of its LAN */
	struct lan_member *members;
	uint32_t *chains;        /* by LAN and group, index of a member */
	uint32_t *of_host;       /* by host, index of a member */
	uint8_t *groups;         /* by host: how many */
	uint32_t free, fresh, mask;
};

int lan_init(struct lans *l, uint32_t links, struct err *err);
void lan_fini(struct lans *l);

/* Once for each host. */
void lan_add_host(struct lans *l, uint32_t lan, uint32_t host);
/* The hosts of a LAN, one after the other; LAN_NONE at the end. */
static inline uint32_t lan_first_host(const struct lans *l, uint32_t lan)
{
	return l->first[lan];
}

static inline uint32_t lan_next_host(const struct lans *l, uint32_t host)
{
	return l->next[host];
}

void lan_join(struct lans *l, uint32_t lan, struct ip_addr group, uint32_t host);
void lan_leave(struct lans *l, uint32_t lan, struct ip_addr group, uint32_t host);
void lan_leave_all(struct lans *l, uint32_t host);

/* The members of a group, one after the other: @at is 0 at first, then what the call before has
 * left there.  LAN_NONE at the end. */
uint32_t lan_next_member(const struct lans *l, uint32_t lan, struct ip_addr group, uint32_t *at);

/* Does all that is sent to @group reach every host, member or not?  224.0.0.0/24 (RFC 4541,
 * 2.1.2) and ff02::1. */
bool lan_floods(struct ip_addr group);

#endif
