/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch - what bringing up the peers took, step by step.
 */
#ifndef LENTO_LAUNCH_H
#define LENTO_LAUNCH_H

#include <stddef.h>

#include "report/result.h"

struct launch_figures {
	const char *name;      /* of the step */
	size_t peers;          /* that went through it; 0: the rest means nothing */
	double p50_wns, p99_wns, max_wns;
};

/* Figures of @step over all peers. */
void launch_figures(const struct result *res, enum launch_step step, struct launch_figures *out);

#endif
