/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest - the name that was probably meant.
 */
#ifndef LENTO_NEAREST_H
#define LENTO_NEAREST_H

#include <stddef.h>

/*
 * The one of @names nearest to @word by edits (insert, delete, replace, swap
 * neighbours), or NULL when none is within a third of the word's length.
 */
const char *nearest_name(const char *word, const char *const *names, size_t count);

#endif
