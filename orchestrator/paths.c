// SPDX-License-Identifier: GPL-2.0-or-later
#include "paths.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"

/* The first of @formats, with program directory and @name put in, that exists. */
static int find(const char *const *formats, const char *dir, const char *name, char **path,
		struct err *err)
{
	for (; *formats; formats++) {
		*path = str_format(*formats, dir, name);
		if (access(*path, F_OK) == 0) {
			return 0;
		}
		free(*path);
	}
	*path = NULL;
	return err_set(err, ERR_FAILED, "cannot find %s, looked around %s: build it with \"make\" or "
		       "install with \"make install\"", name, dir);
}

int paths_program(const char *name, char **path, struct err *err)
{
	static const char *const formats[] = { "%s/%s", "%s/../lib/lento/%s", NULL };

	return find(formats, fs_program_dir(), name, path, err);
}

int paths_share(const char *name, char **path, struct err *err)
{
	static const char *const formats[] = { "%s/share/%s", "%s/../share/lento/%s", NULL };
	static const char *const given[] = { "%s/%s", NULL };
	const char *env = getenv("LENTO_SHARE");

	return env ? find(given, env, name, path, err)
		   : find(formats, fs_program_dir(), name, path, err);
}
