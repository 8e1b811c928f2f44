/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caps - the capabilities that a peer keeps, all others being dropped: what
 * daemons need to change their user and root (opentracker), a low port, a ping.
 */
#ifndef LENTO_CAPS_H
#define LENTO_CAPS_H

#include <linux/capability.h>

#define PEER_CAPS_WORDS "chown setuid setgid sys_chroot net_bind_service net_raw kill"
#define PEER_CAPS_MASK \
	(1u << CAP_CHOWN | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SYS_CHROOT | \
	 1u << CAP_NET_BIND_SERVICE | 1u << CAP_NET_RAW | 1u << CAP_KILL)

#endif
