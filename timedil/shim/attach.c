// SPDX-License-Identifier: LGPL-2.1-or-later
#include "attach.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf.h"

int read_by_syscall(clockid_t id, struct timespec *ts)
{
	return (int)sys2(SYS_clock_gettime, id, ts);
}

void *attach_symbol(const void *header, const char *name)
{
	struct elf_image vdso;

	return header && elf_open_header(&vdso, header) ? elf_find(&vdso, name) : NULL;
}

clock_reader *attach_clock(const void *header)
{
	void *found = attach_symbol(header, "__vdso_clock_gettime");

	if (!found) {
		found = attach_symbol(header, "__kernel_clock_gettime");
	}
	return found ? (clock_reader *)(uintptr_t)found : read_by_syscall;
}

const struct timedil_page *attach_page(const char *path)
{
	const struct timedil_page *page = NULL;
	long fd, address = -1;

	fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
	if (fd < 0) {
		return NULL;
	}
	if (sys3(SYS_lseek, fd, 0, SEEK_END) >= TIMEDIL_PAGE_BYTES) {
		address = sys6(SYS_mmap, NULL, TIMEDIL_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	}
	sys1(SYS_close, fd);
	if (address > 0 || address < -4095) {
		page = (const struct timedil_page *)address;
	}
	if (page && (page->magic != TIMEDIL_PAGE_MAGIC || page->version != TIMEDIL_PAGE_VERSION ||
		     page->bytes != sizeof(*page))) {
		sys2(SYS_munmap, address, TIMEDIL_PAGE_BYTES);
		page = NULL;
	}
	return page;
}

uint32_t vseq_wait(const struct timedil_page *page)
{
	uint32_t seq = 0, first = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < 1000000; i++) {
		seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
		if (!(seq & 1)) {
			break;
		}
		if (seq != first) {
			first = seq;
			i = 0;
		}
		if (i > 1000) {
			sys0(SYS_sched_yield);
		}
	}
	return seq;
}
