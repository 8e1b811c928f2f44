/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * userns - the range of ids that the users of all peers are mapped to.
 *
 * It lies above what shadow (subuid) and systemd hand out, so no other user of the
 * host shares an id with a peer.
 */
#ifndef LENTO_USERNS_H
#define LENTO_USERNS_H

#include <stdbool.h>

#define USERNS_BASE_ID 0x70000000u
#define USERNS_ID_COUNT 65536u

/*
 * Try whether a container with such a mapping can be made here: user namespace,
 * map, and a proc of its own, which some hosts (containers themselves) refuse.
 */
bool userns_works(void);

#endif
