/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shuffle - an order drawn by lot. */
#ifndef ABT_SHUFFLE_H
#define ABT_SHUFFLE_H

#include <stdint.h>

#include "base/rng.h"

/* Fills @order with 0 to @count - 1, each order as likely (Fisher and Yates). */
void shuffle_order(uint32_t *order, uint32_t count, struct rng *rng);

#endif
