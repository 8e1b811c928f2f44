/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tun - TUN devices, made in the network namespace of the caller.  The device
 * lives as long as its descriptor is open (it is not persistent), so nothing
 * is left behind when the holders of the descriptor are gone.
 *
 * The descriptor also keeps alive the namespace in which it was opened.  So open it
 * in one that outlives the peer and move the device: then it ends with the peer's
 * namespace, and lento-wire sees that.
 */
#ifndef LENTO_TUN_H
#define LENTO_TUN_H

#include <stdint.h>

#include "base/err.h"

/* Make device @name (at most 15 characters); *fd is non-blocking, close-on-exec,
 * one IP packet a read, no header.  ERR_HOST where the kernel has no TUN. */
int tun_open(const char *name, int *fd, struct err *err);

/* Give device @name (in the caller's namespace) address @ip/@bits, MTU and set it up. */
int tun_configure(const char *name, uint32_t ip, unsigned bits, unsigned mtu, struct err *err);

#endif
