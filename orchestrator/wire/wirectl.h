/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wirectl - the requests of lento (wire/proto.h), as lento-wire answers them.
 */
#ifndef LENTO_WIRECTL_H
#define LENTO_WIRECTL_H

#include <stdbool.h>

#include "base/err.h"

struct wireloop;

/* Answer what is waiting on the control socket, up to a bound.  False at its end. */
bool wirectl_serve(struct wireloop *l, int control);

/* Tell lento that there will be no emulator, and why. */
void wirectl_refuse(int control, const struct err *err);

#endif
