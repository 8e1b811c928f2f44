// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * init - find the vDSO, the next definitions and the clock page.
 *
 * Where the trap (timedil/trap) dilates the process already, all calls pass through.
 *
 * Runs once: from the constructor, which is the first of all (-z initfirst), or
 * from a call that came even earlier.  The program has one thread then.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>

#include "attach.h"
#include "exec.h"
#include "file.h"
#include "next.h"
#include "shim.h"
#include "signals.h"
#include "timers.h"

extern __typeof__(getauxval) getauxval __attribute__((weak));
extern __typeof__(__errno_location) __errno_location __attribute__((weak));

struct shim shim = { .read_wall = read_by_syscall };

int *shim_errno(void)
{
	static int nowhere;

	return __errno_location ? __errno_location() : &nowhere;
}

long shim_result(long kernel_result)
{
	if (kernel_result < 0 && kernel_result > -4096) {
		*shim_errno() = (int)-kernel_result;
		return -1;
	}
	return kernel_result;
}

static clock_reader *find_vdso(void)
{
	const void *header = getauxval ? (const void *)getauxval(AT_SYSINFO_EHDR) : NULL;

	shim.trap_wall = (clock_reader *)attach_symbol(header, ATTACH_TRAP_SYMBOL);
	return attach_clock(header);
}

static const char *variable(const char *entry, const char *name)
{
	while (*name && *entry == *name) {
		entry++;
		name++;
	}
	return *name == '\0' && *entry == '=' ? entry + 1 : NULL;
}

struct settings {
	char page[256];  /* path of the page; empty: not given */
	char files[512]; /* TIMEDIL_FILES */
	bool map_files;
};

static bool take(const char *value, char *to, size_t size)
{
	size_t len = 0;

	while (value && value[len] && len < size - 1) {
		to[len] = value[len];
		len++;
	}
	to[len] = '\0';
	return value && value[len] == '\0';
}

static void take_entry(struct settings *settings, const char *entry)
{
	const char *value = variable(entry, TIMEDIL_PAGE_ENV);

	if (value) {
		take(value, settings->page, sizeof(settings->page));
	}
	value = variable(entry, TIMEDIL_FILES_ENV);
	if (value) {
		settings->map_files = take(value, settings->files, sizeof(settings->files));
	}
}

/*
 * What the program was started with, from the kernel: libc may not know its environment
 * yet.  Entries longer than the buffer cannot be ours, and are passed over.
 */
static void read_settings(struct settings *settings)
{
	long fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC, 0), n;
	char buf[4096];
	size_t have = 0;
	bool skip = false;

	while (fd >= 0 && (n = sys3(SYS_read, fd, buf + have, sizeof(buf) - have)) > 0) {
		size_t start = 0;

		have += (size_t)n;
		for (size_t i = 0; i < have; i++) {
			if (buf[i] == '\0') {
				if (!skip) {
					take_entry(settings, buf + start);
				}
				skip = false;
				start = i + 1;
			}
		}
		if (start == 0 && have == sizeof(buf)) {
			skip = true;
			start = have;
		}
		for (size_t i = start; i < have; i++) {
			buf[i - start] = buf[i];
		}
		have -= start;
	}
	if (fd >= 0) {
		sys1(SYS_close, fd);
	}
}

static void complain(const char *path)
{
	static const char head[] = "libtimedil: no clock page at ", tail[] = "; not dilated\n";
	size_t len = 0;

	while (path[len]) {
		len++;
	}
	sys3(SYS_write, 2, head, sizeof(head) - 1);
	sys3(SYS_write, 2, path, len);
	sys3(SYS_write, 2, tail, sizeof(tail) - 1);
}

static void init_with(char **env)
{
	struct settings settings = { .map_files = false };

	if (shim.ready) {
		return;
	}
	next_resolve();
	shim.read_wall = find_vdso();
	if (env) {
		for (; *env; env++) {
			take_entry(&settings, *env);
		}
	} else {
		read_settings(&settings);
	}
	if (settings.page[0] && !shim.trap_wall) {
		shim.page = attach_page(settings.page);
		if (!shim.page) {
			complain(settings.page);
		}
	}
	__atomic_store_n(&shim.ready, true, __ATOMIC_RELEASE);
	if (shim.page) {
		exec_init(settings.page);
		signals_init();
		timers_init(shim.page);
		if (settings.map_files) {
			files_init(settings.files);
		}
	}
}

void shim_init(void)
{
	init_with(NULL);
}

/* glibc hands main()'s arguments to constructors; musl does not, and what we find
 * instead will not lie as the kernel lays it out. */
__attribute__((constructor)) static void construct(int argc, char **argv, char **env)
{
	init_with(argc > 0 && argc < 1 << 24 && env == argv + argc + 1 ? env : NULL);
}
