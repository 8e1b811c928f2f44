// SPDX-License-Identifier: LGPL-2.1-or-later
#include "maps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* BEGIN-END rwxp OFFSET MAJOR:MINOR INODE   PATH */
static bool parse(char *line, struct mapping *m)
{
	unsigned major_no, minor_no;
	unsigned long inode;
	char mode[5];
	int at = 0;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %lu %n", &m->begin, &m->end,
		   mode, &m->offset, &major_no, &minor_no, &inode, &at) != 7) {
		return false;
	}
	m->executable = mode[2] == 'x';
	m->shared = mode[3] == 's';
	m->dev = makedev(major_no, minor_no);
	m->ino = inode;
	line[strcspn(line, "\n")] = '\0';
	m->path = line + at;
	return true;
}

int maps_each(pid_t pid, int (*visit)(const struct mapping *m, void *arg), void *arg)
{
	char path[64], *line = NULL;
	struct mapping m;
	size_t room = 0;
	int ret = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f) {
		return -1;
	}
	while (ret == 0 && getline(&line, &room, f) > 0) {
		ret = parse(line, &m) ? visit(&m, arg) : 0;
	}
	if (ret == 0 && ferror(f)) {
		ret = -1; /* it ended, or is not ours: errno says which */
	}
	free(line);
	fclose(f);
	return ret;
}
