/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rto_route - the minimum RTO as an attribute of a peer's default route.
 *
 * Linux before 6.11 has no sysctl for it.  Where there is one, a socket copies it when it
 * is opened, and what a listener accepts copies the listener's; the attribute of the
 * route goes before both and is read anew, so a change of factor reaches them too.
 */
#ifndef LENTO_RTO_ROUTE_H
#define LENTO_RTO_ROUTE_H

#include "base/err.h"

/*
 * Give the IPv4 default route over @link, in the caller's network namespace, a minimum RTO
 * of @ms.  Fine where there is no such link; the route must be there where it is.
 */
int rto_route_set(const char *link, unsigned ms, struct err *err);

#endif
