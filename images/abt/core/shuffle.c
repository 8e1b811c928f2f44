// SPDX-License-Identifier: GPL-2.0-or-later
#include "images/abt/core/shuffle.h"

void shuffle_order(uint32_t *order, uint32_t count, struct rng *rng)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t j = (uint32_t)rng_below(rng, i + 1u);

		order[i] = order[j];
		order[j] = i;
	}
}
