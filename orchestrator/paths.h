/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paths - where lento finds what belongs to it: beside the running program in a
 * build tree, below its prefix when installed.  $LENTO_SHARE overrides.
 */
#ifndef LENTO_PATHS_H
#define LENTO_PATHS_H

#include "base/err.h"

/* A program or library of ours ("lento-wire", "libtimedil.so"); the caller frees it. */
int paths_program(const char *name, char **path, struct err *err);
/* A data file or folder ("images", "seccomp.policy"); the caller frees it. */
int paths_share(const char *name, char **path, struct err *err);

#endif
