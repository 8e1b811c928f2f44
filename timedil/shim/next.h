/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * next - the definitions that ours hide: libc's, as a rule.
 *
 * One pointer for each row of calls.def that says NEXT, and for the few other
 * functions of libc that the shim calls.  NULL where this libc has none.
 */
#ifndef TIMEDIL_SHIM_NEXT_H
#define TIMEDIL_SHIM_NEXT_H

#include <aio.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "uring.h"

#define NEXT_FIELD_NEXT(name) __typeof__(name) *name;
#define NEXT_FIELD_SELF(name)

struct next {
#define CALL(name, kind, form, next) NEXT_FIELD_##next(name)
#include "timedil/calls.def"
#undef CALL
	__typeof__(pthread_setcanceltype) *pthread_setcanceltype;
	__typeof__(fdopen) *fdopen;
};

extern struct next next;

/* Fill @next from the objects behind ours.  Idempotent. */
void next_resolve(void);

/* The definition of @name behind ours, at this moment: for what is in a library that may be loaded
 * later than we are.  NULL: none. */
void *next_find(const char *name);

/* The file that the dynamic linker loaded us from, or NULL. */
const char *next_own_path(void);

#endif
