/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * igmp - what a host says of the multicast groups it is in: IGMP versions 1 to 3 (RFC 1112,
 * 2236, 3376) and MLD versions 1 and 2 (RFC 2710, 3810), as a snooping switch reads
 * them (RFC 4541).  Sources are not told apart: who wants some sources of a group gets them
 * all, and its kernel keeps what was asked for.
 */
#ifndef LENTO_IGMP_H
#define LENTO_IGMP_H

#include "wire/ip.h"

/* The sender joins @group, or leaves it. */
typedef void (*igmp_change_fn)(void *ctx, struct ip_addr group, bool joins);

/* Call @change for each group that the packet names, none if it is no report. */
void igmp_read(const uint8_t *data, size_t len, const struct ip_head *head,
	       igmp_change_fn change, void *ctx);

#endif
