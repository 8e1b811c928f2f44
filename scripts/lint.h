/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an analyser that sees one file at a time cannot know: the err functions
 * always return -1, so "return err_set(...)" never counts as success.  Included
 * before each file by scripts/lint, never by a build.
 */
#ifndef LENTO_LINT_H
#define LENTO_LINT_H

#include "base/err.h"

#define err_set(...) ((void)err_set(__VA_ARGS__), -1)
#define err_errno(...) ((void)err_errno(__VA_ARGS__), -1)
#define err_wrap(...) ((void)err_wrap(__VA_ARGS__), -1)

#endif
