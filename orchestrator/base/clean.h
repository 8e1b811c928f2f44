/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clean - lifetimes that can be seen: attributes that release a local variable
 * when it goes out of scope.
 *
 *	CLEAN_FREE char *path = NULL;
 *	CLEAN_CLOSE int fd = -1;
 *
 * A value is handed on with take_ptr() or take_fd(), which leave NULL or -1.
 */
#ifndef LENTO_CLEAN_H
#define LENTO_CLEAN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void clean_free(void *p)
{
	free(*(void **)p);
}

static inline void clean_close(const int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static inline void clean_fclose(FILE **f)
{
	if (*f) {
		fclose(*f);
	}
}

static inline void clean_closedir(DIR **d)
{
	if (*d) {
		closedir(*d);
	}
}

#define CLEAN_FREE __attribute__((cleanup(clean_free)))
#define CLEAN_CLOSE __attribute__((cleanup(clean_close)))
#define CLEAN_FCLOSE __attribute__((cleanup(clean_fclose)))
#define CLEAN_CLOSEDIR __attribute__((cleanup(clean_closedir)))

#define take_ptr(p) ({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
