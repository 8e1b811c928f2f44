// SPDX-License-Identifier: LGPL-2.1-or-later
/* scan - instructions in a program's code that nothing of ours sees. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <capstone/capstone.h>

#include "launcher.h"

/* Decoding begins this far before, and falls into step with the code well within. */
#define RUN_UP_BYTES 96

struct code {
	const uint8_t *bytes;
	size_t size;
};

static bool may_begin(const uint8_t *p, size_t left)
{
	return left >= 2 && p[0] == 0x0f && (p[1] == 0x31 || p[1] == 0x05 || p[1] == 0x01);
}

/* Does an instruction begin at @at?  Leaves it in *insn. */
static bool decode_at(csh engine, const struct code *code, size_t at, cs_insn *insn)
{
	size_t begin = at > RUN_UP_BYTES ? at - RUN_UP_BYTES : 0;
	const uint8_t *p = code->bytes + begin;
	size_t left = code->size - begin;
	uint64_t address = begin;

	while (address <= at) {
		if (!cs_disasm_iter(engine, &p, &left, &address, insn)) {
			p++; /* not in step yet, or data */
			left--;
			address++;
		} else if (insn->address == at) {
			return true;
		}
	}
	return false;
}

static void scan_code(csh engine, cs_insn *insn, const struct code *code, struct scan *out)
{
	for (size_t at = 0; at < code->size; at++) {
		const uint8_t *next = memchr(code->bytes + at, 0x0f, code->size - at);

		if (!next) {
			return;
		}
		at = (size_t)(next - code->bytes);
		if (may_begin(next, code->size - at) && decode_at(engine, code, at, insn)) {
			out->tsc += insn->id == X86_INS_RDTSC || insn->id == X86_INS_RDTSCP;
			out->syscalls += insn->id == X86_INS_SYSCALL;
		}
	}
}

static int scan_segments(const uint8_t *file, size_t size, struct scan *out)
{
	const Elf64_Ehdr *ehdr = (const void *)file;
	cs_insn *insn;
	csh engine;

	if (size < sizeof(*ehdr) || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 ||
	    ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != EM_X86_64 ||
	    ehdr->e_phoff > size || ehdr->e_phnum * sizeof(Elf64_Phdr) > size - ehdr->e_phoff) {
		errno = ENOTSUP;
		return -1;
	}
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &engine) != CS_ERR_OK) {
		errno = ENOMEM;
		return -1;
	}
	insn = cs_malloc(engine);
	for (unsigned i = 0; insn && i < ehdr->e_phnum; i++) {
		Elf64_Phdr phdr;

		memcpy(&phdr, file + ehdr->e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_LOAD && (phdr.p_flags & PF_X) && phdr.p_offset <= size &&
		    phdr.p_filesz <= size - phdr.p_offset) {
			scan_code(engine, insn,
				  &(struct code){ file + phdr.p_offset, phdr.p_filesz }, out);
		}
	}
	if (insn) {
		cs_free(insn, 1);
	}
	cs_close(&engine);
	return 0;
}

int scan_file(const char *path, struct scan *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = -1;
	struct stat st;
	void *file;

	*out = (struct scan){ 0 };
	if (fd < 0) {
		return -1;
	}
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file != MAP_FAILED) {
			ret = scan_segments(file, (size_t)st.st_size, out);
			munmap(file, (size_t)st.st_size);
		}
	}
	close(fd);
	return ret;
}
