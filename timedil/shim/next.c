// SPDX-License-Identifier: LGPL-2.1-or-later
#include "next.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>

#include "elf.h"

struct next next;

/* In glibc and musl alike; weak, so that our library needs neither by name. */
extern __typeof__(getauxval) getauxval __attribute__((weak));

extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));

/* The dynamic linker's list of objects, through the program's DT_DEBUG entry. */
static const struct link_map *first_object(void)
{
	const ElfW(Phdr) *phdr = (const void *)getauxval(AT_PHDR);
	unsigned long count = getauxval(AT_PHNUM);
	const ElfW(Dyn) *dyn = NULL;
	uintptr_t base = 0;

	for (unsigned long i = 0; phdr && i < count; i++) {
		if (phdr[i].p_type == PT_PHDR) {
			base = (uintptr_t)phdr - phdr[i].p_vaddr;
		}
	}
	for (unsigned long i = 0; phdr && i < count; i++) {
		if (phdr[i].p_type == PT_DYNAMIC) {
			dyn = (const void *)(base + phdr[i].p_vaddr);
		}
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_DEBUG && dyn->d_un.d_ptr) {
			return ((const struct r_debug *)dyn->d_un.d_ptr)->r_map;
		}
	}
	return NULL;
}

static const struct link_map *own_object(void)
{
	const struct link_map *map = getauxval ? first_object() : NULL;

	while (map && map->l_ld != _DYNAMIC) {
		map = map->l_next;
	}
	return map;
}

const char *next_own_path(void)
{
	const struct link_map *map = own_object();

	return map ? map->l_name : NULL;
}

/* The list is the search order. */
static const struct link_map *object_behind_us(void)
{
	const struct link_map *own = own_object();

	return own ? own->l_next : NULL;
}

static void *find(const struct link_map *from, const char *name)
{
	struct elf_image image;
	void *address;

	for (const struct link_map *map = from; map; map = map->l_next) {
		if (elf_open(&image, map->l_addr, map->l_ld)) {
			address = elf_find(&image, name);
			if (address) {
				return address;
			}
		}
	}
	return NULL;
}

#define NEXT_FIND_NEXT(name) next.name = (__typeof__(name) *)(uintptr_t)find(from, #name);
#define NEXT_FIND_SELF(name)

void next_resolve(void)
{
	const struct link_map *from = object_behind_us();

#define CALL(name, kind, form, next) NEXT_FIND_##next(name)
#include "timedil/calls.def"
#undef CALL
	NEXT_FIND_NEXT(pthread_setcanceltype)
	NEXT_FIND_NEXT(fdopen)
}

void *next_find(const char *name)
{
	return find(object_behind_us(), name);
}
