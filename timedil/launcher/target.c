// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * target - what it takes to dilate a program.
 *
 * Preloading works through the dynamic linker; a program without one is started by the
 * trap.  What neither reaches would run in real time and nobody would notice: we refuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher.h"

/* A program that gains privileges gets no preloaded library, and none when the trap
 * loads it.  Root gains none. */
static int check_privileges(const char *path, struct fault *fault)
{
	struct stat st;

	if (geteuid() == 0 && getuid() == 0) {
		return 0;
	}
	if (stat(path, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID))) {
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: setuid or setgid: the dynamic linker ignores preloaded libraries "
				 "in it; run timedil as root",
				 path);
	}
	if (getxattr(path, "security.capability", NULL, 0) > 0) {
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: has file capabilities: the dynamic linker ignores preloaded "
				 "libraries in it; run timedil as root",
				 path);
	}
	return 0;
}

static int check_file(const char *path, struct plan *plan, struct fault *fault)
{
	long ret = plan_look(plan, path);

	switch (ret) {
	case 0:
		break;
	case -ENOEXEC: /* execvp() gives it to the shell */
	case -EACCES:  /* a program may be executable and yet not readable */
		return 0;
	default:
		return fault_set(fault, ret == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE, "%s: %s",
				 plan->target, strerror((int)-ret));
	}
	if (plan->kind == PLAN_FOREIGN) {
		return fault_set(fault, EXIT_TIMEDIL,
				 "%s: made for another architecture than libtimedil.so", plan->target);
	}
	return check_privileges(plan->target, fault);
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

int target_find(const char *command, char **path, struct plan *plan, struct fault *fault)
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
	if (check_file(found, plan, fault) != 0) {
		free(found);
		return -1;
	}
	*path = found;
	return 0;
}

int part_find(const char *name, char **path, struct fault *fault)
{
	static const char *const places[] = { "%s/%s", "%s/../lib/timedil/%s", "%s/../lib/lento/%s",
					      "%s/../lib/%s" };
	char self[PATH_MAX], candidate[PATH_MAX + 64], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
	}
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(candidate, sizeof(candidate), places[i], self, name);
		if (access(candidate, R_OK) == 0) {
			*path = realpath(candidate, NULL);
			return *path ? 0 : fault_set(fault, EXIT_TIMEDIL, "out of memory");
		}
	}
	return fault_set(fault, EXIT_TIMEDIL, "%s is neither in %s nor in a lib directory", name, self);
}
