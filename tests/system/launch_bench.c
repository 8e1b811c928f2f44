// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * launch_bench - liblxc in a row: COUNT containers started by one process, one after the
 * other, as a program does that calls the library and no more.
 *
 *	launch_bench COUNT
 *
 * They share the host's programs, run sleep, and have no network.  Prints the wall time of
 * each tenth of the starts, and of the removal; nothing is left.  With own mount and network
 * namespaces, so that a host in use is not touched.
 */
#include <lxc/lxccontainer.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/rootfs.h"
#include "timedil/vtime.h"

#define ROOT_DIR "/run/lxc/bench-root"
#define LXC_DIR "/run/lxc/bench"

static const struct {
	const char *key, *value;
} items[] = {
	{ "lxc.rootfs.path", "dir:" ROOT_DIR }, { "lxc.rootfs.options", "ro" },
	{ "lxc.net.0.type", "empty" }, { "lxc.autodev", "1" }, { "lxc.mount.auto", "proc:mixed" },
	{ "lxc.console.path", "none" }, { "lxc.tty.max", "0" }, { "lxc.log.level", "ERROR" },
	{ "lxc.apparmor.profile", "unconfined" },
};

static struct lxc_container *start_one(unsigned i)
{
	CLEAN_FREE char *name = str_format("bench-%d-%u", (int)getpid(), i);
	char *argv[] = { (char *)"/bin/sleep", (char *)"infinity", NULL };
	struct lxc_container *c = lxc_container_new(name, LXC_DIR);

	for (size_t k = 0; c && k < ARRAY_LEN(items); k++) {
		/* A liblxc without AppArmor does not know its key. */
		if (!c->set_config_item(c, items[k].key, items[k].value) && !strstr(items[k].key, "apparmor")) {
			return NULL;
		}
	}
	return c && c->want_daemonize(c, true) && c->want_close_all_fds(c, true) && c->start(c, 0, argv) ?
	       c : NULL;
}

static double seconds_since(wall_t begin)
{
	return (double)(wall_now().ns - begin.ns) / 1e9;
}

static int prepare(struct err *err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		return err_errno(err, ERR_HOST, "namespaces");
	}
	if (fs_mkdirs("/run/lxc", 0755, err)) {
		return -1;
	}
	if (mount("bench", "/run/lxc", "tmpfs", 0, "mode=0755")) {
		return err_errno(err, ERR_HOST, "tmpfs");
	}
	return fs_mkdirs(LXC_DIR, 0755, err) || rootfs_build(ROOT_DIR, "/", err) ? -1 : 0;
}

int main(int argc, char **argv)
{
	unsigned count = argc == 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, started = 0;
	CLEAN_FREE struct lxc_container **all = calloc(count + 1, sizeof(*all));
	unsigned part = count / 10;
	wall_t begin, tenth;
	struct err err = { 0 };

	if (count < 10 || !all || prepare(&err)) {
		fprintf(stderr, "launch_bench: %s\n", err.msg[0] ? err.msg : "COUNT of 10 at least");
		return 1;
	}
	setenv("PATH", "/nonexistent", 1);
	begin = tenth = wall_now();
	printf("ms a start, by tenths:");
	for (; started < count && (all[started] = start_one(started)); started++) {
		if ((started + 1) % part == 0) {
			printf(" %.1f", 1e3 * seconds_since(tenth) / part);
			fflush(stdout);
			tenth = wall_now();
		}
	}
	printf("\n%u of %u up after %.1f s\n", started, count, seconds_since(begin));
	begin = wall_now();
	for (unsigned i = 0; i < started; i++) {
		all[i]->stop(all[i]);
		lxc_container_put(all[i]);
	}
	printf("gone after %.1f s\n", seconds_since(begin));
	rootfs_remove(ROOT_DIR);
	return started == count ? 0 : 1;
}
