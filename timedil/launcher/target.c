// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * target - what the dynamic linker will do with a program.
 *
 * Preloading works through the dynamic linker, so a program without one, or one
 * that it distrusts, would run in real time and nobody would notice.  We refuse.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher.h"

#define SCRIPT_DEPTH_MAX 4

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#endif

static int check_file(const char *path, unsigned depth, struct fault *fault);

static int check_script(const char *path, char *head, unsigned depth, struct fault *fault)
{
	char *interpreter = head + 2;

	interpreter += strspn(interpreter, " \t");
	interpreter[strcspn(interpreter, " \t\n")] = '\0';
	if (depth >= SCRIPT_DEPTH_MAX || *interpreter == '\0') {
		return fault_set(fault, EXIT_NOT_RUNNABLE, "%s: bad interpreter", path);
	}
	return check_file(interpreter, depth + 1, fault);
}

/* 1: has an interpreter (a dynamic linker); 0: has none; -1: unreadable. */
static int has_interpreter(int fd, const ElfW(Ehdr) *ehdr)
{
	ElfW(Phdr) phdr;

	for (unsigned i = 0; i < ehdr->e_phnum; i++) {
		off_t at = (off_t)(ehdr->e_phoff + (ElfW(Off))i * ehdr->e_phentsize);

		if (pread(fd, &phdr, sizeof(phdr), at) != (ssize_t)sizeof(phdr)) {
			return -1;
		}
		if (phdr.p_type == PT_INTERP) {
			return 1;
		}
	}
	return 0;
}

static int check_elf(const char *path, int fd, const ElfW(Ehdr) *ehdr, struct fault *fault)
{
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != OUR_MACHINE) {
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: made for another architecture than libtimedil.so", path);
	}
	switch (has_interpreter(fd, ehdr)) {
	case 1:
		return 0;
	case 0:
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: statically linked: a preloaded library cannot reach it, "
				 "so it would run in real time",
				 path);
	default:
		return fault_set(fault, EXIT_NOT_RUNNABLE, "%s: damaged ELF file", path);
	}
}

/* A program that gains privileges gets no preloaded library.  Root gains none. */
static int check_privileges(const char *path, int fd, struct fault *fault)
{
	struct stat st;

	if (geteuid() == 0 && getuid() == 0) {
		return 0;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID))) {
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: setuid or setgid: the dynamic linker ignores preloaded libraries "
				 "in it; run timedil as root",
				 path);
	}
	if (fgetxattr(fd, "security.capability", NULL, 0) > 0) {
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: has file capabilities: the dynamic linker ignores preloaded "
				 "libraries in it; run timedil as root",
				 path);
	}
	return 0;
}

static int check_file(const char *path, unsigned depth, struct fault *fault)
{
	union {
		ElfW(Ehdr) ehdr;
		char text[256];
	} head;
	ssize_t n;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		/* A program may be executable and yet not readable. */
		return errno == EACCES ? 0 :
					 fault_set(fault, EXIT_NOT_FOUND, "%s: %s", path, strerror(errno));
	}
	memset(&head, 0, sizeof(head));
	n = pread(fd, &head, sizeof(head) - 1, 0);
	if (n > 2 && memcmp(head.text, "#!", 2) == 0) {
		ret = check_script(path, head.text, depth, fault);
	} else if (n >= (ssize_t)sizeof(head.ehdr) && memcmp(head.ehdr.e_ident, ELFMAG, SELFMAG) == 0) {
		ret = check_elf(path, fd, &head.ehdr, fault);
		if (ret == 0) {
			ret = check_privileges(path, fd, fault);
		}
	} else {
		ret = 0; /* execvp() gives it to the shell */
	}
	close(fd);
	return ret;
}

static bool runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The first match in $PATH, or NULL. */
static char *search_path(const char *command)
{
	const char *dirs = getenv("PATH"), *end;
	char candidate[PATH_MAX];

	for (dirs = dirs ? dirs : "/bin:/usr/bin"; ; dirs = end + 1) {
		end = strchrnul(dirs, ':');
		snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)(end - dirs), dirs,
			 end == dirs ? "./" : "/", command);
		if (runnable(candidate)) {
			return strdup(candidate);
		}
		if (*end == '\0') {
			return NULL;
		}
	}
}

int target_find(const char *command, char **path, struct fault *fault)
{
	char *found = strchr(command, '/') ? strdup(command) : search_path(command);

	if (!found) {
		return fault_set(fault, EXIT_NOT_FOUND, "%s: no such command", command);
	}
	if (!runnable(found)) {
		int missing = access(found, F_OK) != 0;

		fault_set(fault, missing ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE, "%s: %s", found,
			  missing ? "no such file" : "not an executable file");
		free(found);
		return -1;
	}
	if (check_file(found, 0, fault) != 0) {
		free(found);
		return -1;
	}
	*path = found;
	return 0;
}

int shim_find(char **path, struct fault *fault)
{
	static const char *const places[] = { "%s/libtimedil.so", "%s/../lib/timedil/libtimedil.so",
					      "%s/../lib/lento/libtimedil.so",
					      "%s/../lib/libtimedil.so" };
	char self[PATH_MAX], candidate[PATH_MAX + 64], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
	}
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(candidate, sizeof(candidate), places[i], self);
		if (access(candidate, R_OK) == 0) {
			*path = realpath(candidate, NULL);
			return *path ? 0 : fault_set(fault, EXIT_TIMEDIL, "out of memory");
		}
	}
	return fault_set(fault, EXIT_TIMEDIL, "libtimedil.so is neither in %s nor in a lib directory",
			 self);
}
