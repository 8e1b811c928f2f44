/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * elf - look a symbol up in a loaded object: the vDSO, or what follows us in the
 * search order.  Needs no libc; reads only what the dynamic linker has mapped.
 */
#ifndef TIMEDIL_SHIM_ELF_H
#define TIMEDIL_SHIM_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct elf_image {
	uintptr_t base;                 /* load bias */
	const ElfW(Sym) *symbols;
	const char *strings;
	const ElfW(Half) *versions;     /* NULL: unversioned */
	const uint32_t *gnu_hash;       /* at least one of the two */
	const uint32_t *sysv_hash;
};

/* The image at @base with dynamic section @dyn; false if it has no symbols. */
bool elf_open(struct elf_image *image, uintptr_t base, const ElfW(Dyn) *dyn);

/* The image of a file mapped whole, the vDSO. */
bool elf_open_header(struct elf_image *image, const void *header);

/* The address of the default version of @name, IFUNCs resolved; NULL: not defined. */
void *elf_find(const struct elf_image *image, const char *name);

#endif
