// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt/ways.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

/* Where @dir is bound; bound now, if it was not. */
static int bind_way(struct ways *ways, const char *dir, const char **seen_at, struct err *err)
{
	CLEAN_FREE char *at = str_format("%s/way%u", ways->place, ways->count);

	for (unsigned i = 0; i < ways->count; i++) {
		if (!strcmp(ways->way[i].dir, dir)) {
			*seen_at = ways->way[i].seen_at;
			return 0;
		}
	}
	if (ways->count == WAYS_MAX) {
		return err_set(err, ERR_FAILED, "%s: peers' directories have more than %d parents",
			       dir, WAYS_MAX);
	}
	if (mkdir(at, 0755) && errno != EEXIST) {
		return err_errno(err, ERR_FAILED, "making %s", at);
	}
	if (mount(dir, at, NULL, MS_BIND, NULL)) {
		err_errno(err, ERR_FAILED, "mounting %s at %s", dir, at);
		rmdir(at);
		return -1;
	}
	ways->way[ways->count].dir = str_format("%s", dir);
	*seen_at = ways->way[ways->count].seen_at = take_ptr(at);
	ways->count++;
	return 0;
}

int ways_find(struct ways *ways, const char *path, char **seen, struct err *err)
{
	CLEAN_FREE char *full = realpath(path, NULL);
	CLEAN_FREE char *parent = full ? str_format("%s/..", full) : NULL;
	const char *seen_at;
	struct stat own, above;
	char *slash;

	if (!full || stat(full, &own) || stat(parent, &above)) {
		return err_errno(err, ERR_FAILED, "%s", path);
	}
	slash = strrchr(full, '/');
	if (slash == full) {
		*seen = take_ptr(full);
		return 0;
	}
	/* The root of a mount is not seen through a bind of its parent. */
	if (own.st_dev != above.st_dev) {
		if (bind_way(ways, full, &seen_at, err)) {
			return -1;
		}
		*seen = str_format("%s", seen_at);
		return 0;
	}
	*slash = '\0';
	if (bind_way(ways, full, &seen_at, err)) {
		return -1;
	}
	*seen = str_format("%s/%s", seen_at, slash + 1);
	return 0;
}
