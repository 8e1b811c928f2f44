/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * signals - the kick's handler, and masks that do not hold the kick back.
 *
 * The kick's signal belongs to the shim; a program that uses SIGURG itself sees its
 * own through the handler below.  What a program asks to block is blocked except
 * for that signal.
 */
#ifndef TIMEDIL_SHIM_SIGNALS_H
#define TIMEDIL_SHIM_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* The kernel's signal set. */
typedef uint64_t kernel_mask;

#define KERNEL_MASK_BYTES sizeof(kernel_mask)
#define MASK_OF(sig) ((kernel_mask)1 << ((sig) - 1))

struct kick_mask {
	kernel_mask set;
};

/* Install the handler and let the signal through. */
void signals_init(void);

/* @mask without the kick's signal, in @buf if it has to be changed; for the kernel. */
const sigset_t *mask_without_kick(const sigset_t *mask, struct kick_mask *buf);

bool is_kick(const siginfo_t *info);

/* What a kick does, in the thread that got it. */
void kicked(void);

/* Block every signal; returns the mask to restore. */
kernel_mask signals_block(void);
void signals_restore(kernel_mask mask);

#endif
