// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plan.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>

#include "sys.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#endif

#define NOTES_READ_BYTES 512

static bool is_elf(const char *head, long n)
{
	return n >= (long)sizeof(ElfW(Ehdr)) && head[0] == ELFMAG0 && head[1] == ELFMAG1 &&
	       head[2] == ELFMAG2 && head[3] == ELFMAG3;
}

/* Notes are {name size, content size, type}, name, content, each padded to 4 bytes. */
static bool has_go_note(long fd, const ElfW(Phdr) *phdr)
{
	_Alignas(4) char notes[NOTES_READ_BYTES];
	size_t want = phdr->p_filesz < sizeof(notes) ? phdr->p_filesz : sizeof(notes);
	long n = sys4(SYS_pread64, fd, notes, want, phdr->p_offset);
	size_t at = 0;

	while (n > 0 && at + sizeof(ElfW(Nhdr)) + 4 <= (size_t)n) {
		const ElfW(Nhdr) *note = (const void *)(notes + at);
		const char *name = notes + at + sizeof(*note);

		if (note->n_namesz == 4 && name[0] == 'G' && name[1] == 'o' && name[2] == '\0') {
			return true;
		}
		at += sizeof(*note) + ((note->n_namesz + 3UL) & ~3UL) + ((note->n_descsz + 3UL) & ~3UL);
	}
	return false;
}

static enum plan_kind elf_kind(long fd, const ElfW(Ehdr) *ehdr)
{
	bool interpreter = false, go = false;
	ElfW(Phdr) phdr;

	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != OUR_MACHINE) {
		return PLAN_FOREIGN;
	}
	for (unsigned i = 0; i < ehdr->e_phnum; i++) {
		if (sys4(SYS_pread64, fd, &phdr, sizeof(phdr),
			 ehdr->e_phoff + (uint64_t)i * ehdr->e_phentsize) != sizeof(phdr)) {
			return PLAN_PLAIN; /* damaged: the kernel will say so */
		}
		interpreter = interpreter || phdr.p_type == PT_INTERP;
		go = go || (phdr.p_type == PT_NOTE && has_go_note(fd, &phdr));
	}
	return go || !interpreter ? PLAN_TRAP : PLAN_PLAIN;
}

/* "#! interpreter argument": all behind the first blanks is one argument. */
static bool split_script(struct plan_script *s)
{
	char *p = s->head + 2, *end;

	while (*p == ' ' || *p == '\t') {
		p++;
	}
	s->interpreter = p;
	while (*p && *p != ' ' && *p != '\t' && *p != '\n') {
		p++;
	}
	end = p;
	while (*p == ' ' || *p == '\t') {
		p++;
	}
	s->argument = *p && *p != '\n' ? p : NULL;
	while (*p && *p != '\n') {
		p++;
	}
	while (p > s->head && (p[-1] == ' ' || p[-1] == '\t')) {
		p--;
	}
	*p = '\0';
	*end = '\0';
	return *s->interpreter != '\0';
}

long plan_look(struct plan *plan, const char *path)
{
	*plan = (struct plan){ .kind = PLAN_PLAIN };
	plan->path = plan->target = path;
	for (;;) {
		struct plan_script *s = &plan->script[plan->scripts];
		long fd, n;

		if (plan->scripts == PLAN_SCRIPTS) {
			return -ELOOP;
		}
		fd = sys4(SYS_openat, AT_FDCWD, plan->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
		if (fd < 0) {
			return fd;
		}
		n = sys4(SYS_pread64, fd, s->head, sizeof(s->head) - 1, 0);
		s->head[n > 0 ? n : 0] = '\0';
		if (is_elf(s->head, n)) {
			ElfW(Ehdr) ehdr;

			__builtin_memcpy(&ehdr, s->head, sizeof(ehdr));
			plan->kind = elf_kind(fd, &ehdr);
			sys1(SYS_close, fd);
			return 0;
		}
		sys1(SYS_close, fd);
		if (n <= 2 || s->head[0] != '#' || s->head[1] != '!' || !split_script(s)) {
			return -ENOEXEC;
		}
		plan->target = s->interpreter;
		plan->scripts++;
	}
}

size_t plan_count(const struct plan *plan, char *const argv[])
{
	size_t n = 0;

	while (argv && argv[n]) {
		n++;
	}
	return PLAN_PREFIX + 2 * (size_t)plan->scripts + (n ? n : 1) + 1;
}

void plan_words(const struct plan *plan, const char *trap, const char *options, const char *page,
		char *const argv[], const char **words)
{
	size_t n = 0;

	words[n++] = trap;
	words[n++] = options;
	words[n++] = page;
	words[n++] = plan->target;
	for (unsigned i = plan->scripts; i-- > 0;) {
		words[n++] = plan->script[i].interpreter;
		if (plan->script[i].argument) {
			words[n++] = plan->script[i].argument;
		}
	}
	/* A script's own argv[0] gives way to its path. */
	words[n++] = plan->scripts || !argv || !argv[0] ? plan->path : argv[0];
	for (size_t i = 1; argv && argv[0] && argv[i]; i++) {
		words[n++] = argv[i];
	}
	words[n] = NULL;
}
