// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/nap.h"

/* Up by nine steps or down by one: in balance where nine of ten sleeps are less late. */
#define STEP_WNS (1 * NS_PER_US)
#define STEPS_UP 9

int64_t nap_sleep(struct nap *n, wall_t now, int64_t left_wns)
{
	int64_t since = now.ns - n->counted.ns;

	n->allowance_wns = since >= NAP_ALLOWANCE_MAX_WNS * NAP_ALLOWANCE_PART ? NAP_ALLOWANCE_MAX_WNS :
			   n->allowance_wns + since / NAP_ALLOWANCE_PART;
	if (n->allowance_wns > NAP_ALLOWANCE_MAX_WNS) {
		n->allowance_wns = NAP_ALLOWANCE_MAX_WNS;
	}
	n->counted = now;
	if (n->allowance_wns < n->early_wns) {
		return left_wns;
	}
	return left_wns > n->early_wns ? left_wns - n->early_wns : 0;
}

void nap_woke(struct nap *n, int64_t late_wns)
{
	n->early_wns += late_wns > n->early_wns ? STEPS_UP * STEP_WNS : -STEP_WNS;
	if (n->early_wns < 0) {
		n->early_wns = 0;
	} else if (n->early_wns > NAP_EARLY_MAX_WNS) {
		n->early_wns = NAP_EARLY_MAX_WNS;
	}
}

void nap_waited(struct nap *n, int64_t wns)
{
	n->allowance_wns -= wns;
}
