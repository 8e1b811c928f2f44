// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * load - what the kernel's exec does for an ELF file, done in the process itself.
 *
 * Left out is what a program under the trap cannot have: privileges gained from the
 * file.  Kept is what it can see: addresses, brk, the auxiliary vector, its name.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "trap.h"

#define PAGE_BYTES 4096UL
#define SEGMENTS_MAX 64

struct image {
	const char *path;
	long fd;
	ElfW(Ehdr) ehdr;
	ElfW(Phdr) phdr[SEGMENTS_MAX];
	uintptr_t bias;
};

static uintptr_t down(uintptr_t a)
{
	return a & ~(PAGE_BYTES - 1);
}

static uintptr_t up(uintptr_t a)
{
	return down(a + PAGE_BYTES - 1);
}

static bool failed(long ret)
{
	return ret < 0 && ret > -4096;
}

static void open_image(struct image *image, const char *path)
{
	size_t bytes;

	image->path = path;
	image->fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (image->fd < 0) {
		trap_die(path, "cannot be read", 126);
	}
	if (sys4(SYS_pread64, image->fd, &image->ehdr, sizeof(image->ehdr), 0) !=
		    sizeof(image->ehdr) ||
	    image->ehdr.e_phentsize != sizeof(ElfW(Phdr)) || image->ehdr.e_phnum > SEGMENTS_MAX ||
	    (image->ehdr.e_type != ET_EXEC && image->ehdr.e_type != ET_DYN)) {
		trap_die(path, "no program of this machine", 126);
	}
	bytes = image->ehdr.e_phnum * sizeof(ElfW(Phdr));
	if (sys4(SYS_pread64, image->fd, image->phdr, bytes, image->ehdr.e_phoff) != (long)bytes) {
		trap_die(path, "damaged ELF file", 126);
	}
}

/* Room for all segments of a position-independent image, in one piece. */
static void choose_bias(struct image *image)
{
	uintptr_t low = UINTPTR_MAX, high = 0, align = PAGE_BYTES;
	long at;

	image->bias = 0;
	if (image->ehdr.e_type == ET_EXEC) {
		return;
	}
	for (unsigned i = 0; i < image->ehdr.e_phnum; i++) {
		const ElfW(Phdr) *p = &image->phdr[i];

		if (p->p_type == PT_LOAD) {
			low = p->p_vaddr < low ? p->p_vaddr : low;
			high = p->p_vaddr + p->p_memsz > high ? p->p_vaddr + p->p_memsz : high;
			align = p->p_align > align ? p->p_align : align;
		}
	}
	low = low / align * align;
	at = sys6(SYS_mmap, 0, up(high) - low + align, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (failed(at)) {
		trap_die(image->path, "no room in memory", 126);
	}
	/* What alignment leaves over at both ends is given back. */
	image->bias = ((uintptr_t)at + align - 1) / align * align - low;
	if (image->bias + low > (uintptr_t)at) {
		sys2(SYS_munmap, at, image->bias + low - (uintptr_t)at);
	}
	if ((uintptr_t)at + align > image->bias + low) {
		sys2(SYS_munmap, image->bias + up(high), (uintptr_t)at + align - image->bias - low);
	}
}

static int protection(const ElfW(Phdr) *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static void map_segment(const struct image *image, const ElfW(Phdr) *p)
{
	uintptr_t begin = image->bias + p->p_vaddr, file_end = begin + p->p_filesz;
	uintptr_t end = begin + p->p_memsz;
	int fixed = image->ehdr.e_type == ET_EXEC ? MAP_FIXED_NOREPLACE : MAP_FIXED;
	long ret = 0;

	if (p->p_filesz) {
		ret = sys6(SYS_mmap, down(begin), file_end - down(begin), protection(p),
			   MAP_PRIVATE | fixed, image->fd, down(p->p_offset));
	}
	if (!failed(ret) && up(end) > up(file_end)) {
		uintptr_t from = p->p_filesz ? up(file_end) : down(begin);

		ret = sys6(SYS_mmap, from, up(end) - from, protection(p),
			   MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
	}
	if (failed(ret)) {
		trap_die(image->path, "its addresses are taken", 126);
	}
	if (p->p_memsz > p->p_filesz && (p->p_flags & PF_W) && p->p_filesz) {
		__builtin_memset((void *)file_end, 0, up(file_end) - file_end);
	}
}

static void map_image(struct image *image)
{
	choose_bias(image);
	for (unsigned i = 0; i < image->ehdr.e_phnum; i++) {
		if (image->phdr[i].p_type == PT_LOAD) {
			map_segment(image, &image->phdr[i]);
		}
	}
}

/* Where the program headers are in memory. */
static uintptr_t headers_of(const struct image *image)
{
	for (unsigned i = 0; i < image->ehdr.e_phnum; i++) {
		const ElfW(Phdr) *p = &image->phdr[i];

		if (p->p_type == PT_LOAD && p->p_offset <= image->ehdr.e_phoff &&
		    image->ehdr.e_phoff < p->p_offset + p->p_filesz) {
			return image->bias + p->p_vaddr + image->ehdr.e_phoff - p->p_offset;
		}
	}
	return 0;
}

static const ElfW(Phdr) *find_header(const struct image *image, uint32_t type)
{
	for (unsigned i = 0; i < image->ehdr.e_phnum; i++) {
		if (image->phdr[i].p_type == type) {
			return &image->phdr[i];
		}
	}
	return NULL;
}

static void allow_stack_code(const struct image *image, const struct stack *stack)
{
	const ElfW(Phdr) *p = find_header(image, PT_GNU_STACK);

	if (p && (p->p_flags & PF_X)) {
		sys3(SYS_mprotect, down((uintptr_t)stack->argc), PAGE_BYTES,
		     PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
	}
}

static void set_aux(const struct stack *stack, unsigned long type, uintptr_t value)
{
	for (struct auxv *a = stack->auxv; a->type != AT_NULL; a++) {
		if (a->type == type) {
			a->value = value;
		}
	}
}

static long descriptor_in(const char *path)
{
	long fd = 0;

	for (; *path; path++) {
		fd = *path >= '0' && *path <= '9' ? fd * 10 + *path - '0' : 0;
	}
	return fd;
}

/* The program's interpreter: its path, or false. */
static bool read_interpreter(const struct image *image, char *path, size_t size)
{
	const ElfW(Phdr) *p = find_header(image, PT_INTERP);

	if (!p) {
		return false;
	}
	if (p->p_filesz >= size ||
	    sys4(SYS_pread64, image->fd, path, p->p_filesz, p->p_offset) != (long)p->p_filesz) {
		trap_die(image->path, "damaged ELF file", 126);
	}
	path[p->p_filesz] = '\0';
	return true;
}

/* /proc/self/exe of the file, while it is open. */
static void note_exe(const struct image *image)
{
	char link[32] = "/proc/self/fd/";
	size_t at = 14;
	long n, fd = image->fd, ten = 1;

	while (fd / ten >= 10) {
		ten *= 10;
	}
	for (; ten; ten /= 10) {
		link[at++] = (char)('0' + fd / ten % 10);
	}
	n = sys3(SYS_readlink, link, trap.exe, sizeof(trap.exe) - 1);
	trap.exe[n > 0 ? n : 0] = '\0';
}

uintptr_t load_program(const char *path, bool close_fd, const struct stack *stack)
{
	static struct image program, linker;
	char interpreter[512];
	uintptr_t entry;

	open_image(&program, path);
	note_exe(&program);
	map_image(&program);
	entry = program.bias + program.ehdr.e_entry;
	set_aux(stack, AT_PHDR, headers_of(&program));
	set_aux(stack, AT_PHNUM, program.ehdr.e_phnum);
	set_aux(stack, AT_ENTRY, entry);
	set_aux(stack, AT_BASE, 0);
	set_aux(stack, AT_EXECFN, (uintptr_t)path);
	if (read_interpreter(&program, interpreter, sizeof(interpreter))) {
		open_image(&linker, interpreter);
		map_image(&linker);
		linker.path = NULL; /* only while it was being opened, for what goes wrong there */
		sys1(SYS_close, linker.fd);
		entry = linker.bias + linker.ehdr.e_entry;
		set_aux(stack, AT_BASE, linker.bias);
	}
	allow_stack_code(&program, stack);
	sys1(SYS_close, program.fd);
	if (close_fd) {
		sys1(SYS_close, descriptor_in(path));
	}
	return entry;
}

/* --- /proc ------------------------------------------------------------------------------ */

static uintptr_t end_of(char *const *words)
{
	const char *last = NULL;

	while (*words) {
		last = *words++;
	}
	while (last && *last++) {
	}
	return (uintptr_t)last;
}

static const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++) {
		base = *path == '/' ? path + 1 : base;
	}
	return base;
}

/*
 * Command line and auxiliary vector anybody may set; /proc/self/exe takes a privilege, and
 * without it stays ours.
 */
void load_disguise(const struct stack *stack)
{
	uintptr_t brk = (uintptr_t)sys1(SYS_brk, 0);
	const struct auxv *end = stack->auxv;
	struct prctl_mm_map map = {
		.start_code = TRAP_BASE, .end_code = TRAP_BASE + 1,
		.start_data = TRAP_BASE, .end_data = TRAP_BASE + 1,
		.start_brk = brk, .brk = brk,
		.start_stack = (uintptr_t)stack->argc,
		.arg_start = (uintptr_t)stack->argv[0], .arg_end = end_of(stack->argv),
		.exe_fd = (uint32_t)-1,
	};

	while (end->type != AT_NULL) {
		end++;
	}
	map.auxv = (__u64 *)stack->auxv;
	map.auxv_size = (uint32_t)((uintptr_t)(end + 1) - (uintptr_t)stack->auxv);
	map.env_start = stack->env[0] ? (uintptr_t)stack->env[0] : map.arg_end;
	map.env_end = stack->env[0] ? end_of(stack->env) : map.arg_end;
	sys6(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0, 0);
	map.exe_fd = (uint32_t)sys4(SYS_openat, AT_FDCWD, trap.exe, O_RDONLY | O_CLOEXEC, 0);
	sys6(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0, 0);
	sys1(SYS_close, map.exe_fd);
	sys2(SYS_prctl, PR_SET_NAME, base_name(trap.exe));
}
