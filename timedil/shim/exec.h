/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exec - programs started by a dilated one stay dilated, also those that the shim does not
 * reach: they are started by the trap (plan.h).
 */
#ifndef TIMEDIL_SHIM_EXEC_H
#define TIMEDIL_SHIM_EXEC_H

/* @page: the path of the clock page. */
void exec_init(const char *page);

#endif
