/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nearest - the name that a mistyped one was meant to be.
 */
#ifndef LENTO_NEAREST_H
#define LENTO_NEAREST_H

/*
 * Of the NULL-terminated @names, the one with the least edit distance (insert,
 * delete, replace, swap of neighbours) to @name; NULL when none is close: more
 * than a third of the letters differ.
 */
const char *nearest_name(const char *name, const char *const *names);

#endif
