// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdbool.h>
#include <stddef.h>

#include "elf.h"

#define VERSION_HIDDEN 0x8000

/* The dynamic linker may have relocated the entries of a dynamic section (glibc
 * does) or not (musl, and nobody does for the vDSO). */
static uintptr_t dyn_address(uintptr_t base, const ElfW(Dyn) *d)
{
	return d->d_un.d_ptr < base ? d->d_un.d_ptr + base : d->d_un.d_ptr;
}

bool elf_open(struct elf_image *image, uintptr_t base, const ElfW(Dyn) *dyn)
{
	*image = (struct elf_image){ .base = base };
	for (const ElfW(Dyn) *d = dyn; d && d->d_tag != DT_NULL; d++) {
		uintptr_t address = dyn_address(base, d);

		switch (d->d_tag) {
		case DT_SYMTAB:
			image->symbols = (const ElfW(Sym) *)address;
			break;
		case DT_STRTAB:
			image->strings = (const char *)address;
			break;
		case DT_VERSYM:
			image->versions = (const ElfW(Half) *)address;
			break;
		case DT_GNU_HASH:
			image->gnu_hash = (const uint32_t *)address;
			break;
		case DT_HASH:
			image->sysv_hash = (const uint32_t *)address;
			break;
		default:
			break;
		}
	}
	return image->symbols && image->strings && (image->gnu_hash || image->sysv_hash);
}

bool elf_open_header(struct elf_image *image, const void *header)
{
	const ElfW(Ehdr) *ehdr = header;
	const ElfW(Phdr) *phdr = (const void *)((const char *)header + ehdr->e_phoff);
	const ElfW(Dyn) *dyn = NULL;
	uintptr_t base = 0;
	bool loaded = false;

	for (unsigned i = 0; i < ehdr->e_phnum; i++) {
		if (phdr[i].p_type == PT_LOAD && !loaded) {
			base = (uintptr_t)header + phdr[i].p_offset - phdr[i].p_vaddr;
			loaded = true;
		} else if (phdr[i].p_type == PT_DYNAMIC) {
			dyn = (const void *)((const char *)header + phdr[i].p_offset);
		}
	}
	return loaded && elf_open(image, base, dyn);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool matches(const struct elf_image *image, uint32_t index, const char *name)
{
	const ElfW(Sym) *sym = &image->symbols[index];

	return sym->st_shndx != SHN_UNDEF && sym->st_value != 0 &&
	       same(image->strings + sym->st_name, name) &&
	       !(image->versions && (image->versions[index] & VERSION_HIDDEN));
}

static uint32_t find_gnu(const struct elf_image *image, const char *name)
{
	const uint32_t *table = image->gnu_hash;
	uint32_t buckets = table[0], first = table[1], bloom_words = table[2], hash = 5381, i;
	const uint32_t *bucket = table + 4 + (size_t)bloom_words * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + buckets;

	for (const char *p = name; *p; p++) {
		hash = hash * 33 + (unsigned char)*p;
	}
	i = buckets ? bucket[hash % buckets] : 0;
	if (i < first) {
		return 0;
	}
	for (;; i++) {
		uint32_t h = chain[i - first];

		if ((h | 1) == (hash | 1) && matches(image, i, name)) {
			return i;
		}
		if (h & 1) {
			return 0;
		}
	}
}

static uint32_t find_sysv(const struct elf_image *image, const char *name)
{
	uint32_t count = image->sysv_hash[1];

	for (uint32_t i = 1; i < count; i++) {
		if (matches(image, i, name)) {
			return i;
		}
	}
	return 0;
}

void *elf_find(const struct elf_image *image, const char *name)
{
	uint32_t i = image->gnu_hash ? find_gnu(image, name) : find_sysv(image, name);
	const ElfW(Sym) *sym = &image->symbols[i];
	void *address;

	if (i == 0) {
		return NULL;
	}
	address = (void *)(image->base + sym->st_value);
	if (ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC) {
		void *(*resolve)(void) = (void *(*)(void))(uintptr_t)address;

		address = resolve();
	}
	return address;
}
