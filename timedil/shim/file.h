/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* file - the times of files, see file.c. */
#ifndef TIMEDIL_SHIM_FILE_H
#define TIMEDIL_SHIM_FILE_H

/* Map file times from now on; @dirs as in TIMEDIL_FILES_ENV. */
void files_init(const char *dirs);

#endif
