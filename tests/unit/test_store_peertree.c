/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peertree beside a real directory: the same random operations on both end alike, and
 * leave the same names.  And progress, on invented time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/rng.h"
#include "store/peertree.h"

#define PIECE_BYTES 8192u
#define PAYLOAD_BYTES (5 * 8192u + 100)
#define PIECES 6
#define DEPTH 3

struct fixture {
	char dir[64];
	int dirfd, real;
	struct reference ref;
	uint64_t next_ino;
	struct store_progress shown;
	int64_t times[PIECES];
	struct peer *peer;
	struct stamp now;
	struct rng rng;
};

static void setup(struct fixture *f, uint64_t seed)
{
	uint8_t payload[PAYLOAD_BYTES];
	char path[128];
	struct err err;

	memset(f, 0, sizeof(*f));
	rng_seed(&f->rng, seed);
	strcpy(f->dir, "/tmp/test_store_tree.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->dirfd, "real", 0700), 0);
	f->real = openat(f->dirfd, "real", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < PAYLOAD_BYTES; i++) {
		payload[i] = (uint8_t)(1 + rng_below(&f->rng, 255));
	}
	snprintf(path, sizeof(path), "%s/payload", f->dir);
	assert_int_equal(fs_write_atomic(path, payload, sizeof(payload), &err), 0);
	assert_int_equal(reference_open(&f->ref, path, PIECE_BYTES, &err), 0);
	assert_int_equal(f->ref.pieces, PIECES);
	f->next_ino = 1;
	f->now = (struct stamp){ { 1000 }, 5000 };
	f->peer = peer_create(&(struct peer_config){
		.name = "peer",
		.ref = &f->ref,
		.shown = &f->shown,
		.piece_times = f->times,
		.next_ino = &f->next_ino,
		.backing_dirfd = f->dirfd,
	}, f->now);
	assert_non_null(f->peer);
}

static void teardown(struct fixture *f)
{
	struct err err;

	peer_destroy(f->peer);
	reference_close(&f->ref);
	close(f->real);
	close(f->dirfd);
	assert_int_equal(fs_remove_tree(f->dir, &err), 0);
}

static void tick(struct fixture *f)
{
	f->now.mono.ns += 10;
	f->now.real_ns += 10;
}

/* The directory of a path such as "a/b/c" and its last name; holds one lookup, or NULL. */
static struct node *parent_of(struct fixture *f, const char *path, const char **last)
{
	struct node *dir = f->peer->dir, *next;
	char name[8];

	dir->lookups++;
	*last = path;
	for (const char *slash; (slash = strchr(*last, '/')); *last = slash + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - *last), *last);
		int rc = tree_lookup(dir, name, &next);

		tree_forget(dir, 1);
		if (rc) {
			return NULL;
		}
		dir = next;
		if (!S_ISDIR(dir->mode)) {
			tree_forget(dir, 1);
			return NULL;
		}
	}
	return dir;
}

static void some_path(struct fixture *f, char *path)
{
	uint64_t depth = 1 + rng_below(&f->rng, DEPTH);

	for (uint64_t i = 0; i < depth; i++) {
		*path++ = (char)('a' + rng_below(&f->rng, 4));
		*path++ = i + 1 < depth ? '/' : '\0';
	}
}

static int both_make(struct fixture *f, struct node *dir, const char *name, const char *path,
		     mode_t mode)
{
	struct node *node;
	int rc = tree_make(dir, name, mode, 0, 0, f->now, &node);

	if (rc == 0) {
		tree_forget(node, 1);
	}
	int real = S_ISDIR(mode) ? mkdirat(f->real, path, 0700) :
				   mknodat(f->real, path, S_IFREG | 0600, 0);

	assert_int_equal(rc, real ? -errno : 0);
	return rc;
}

static void both_rename(struct fixture *f, struct node *dir, const char *name, const char *path)
{
	char to[16];
	const char *to_name;

	some_path(f, to);
	/* The kernel refuses these before it asks the file system. */
	size_t n = strlen(path), m = strlen(to);

	if ((strncmp(to, path, n) == 0 && to[n] == '/') ||
	    (strncmp(path, to, m) == 0 && path[m] == '/')) {
		return;
	}
	struct node *to_dir = parent_of(f, to, &to_name);

	if (to_dir) {
		int rc = tree_rename(dir, name, to_dir, to_name, true, f->now);
		int real = renameat(f->real, path, f->real, to);

		assert_int_equal(rc, real ? -errno : 0);
		tree_forget(to_dir, 1);
	}
}

static void both_link(struct fixture *f, struct node *dir, const char *name, const char *path)
{
	char from[16];
	const char *from_name;
	struct node *from_dir, *node;

	some_path(f, from);
	from_dir = parent_of(f, from, &from_name);
	if (!from_dir) {
		return;
	}
	if (tree_lookup(from_dir, from_name, &node) == 0) {
		int rc = tree_link(node, dir, name, f->now);
		int real = linkat(f->real, from, f->real, path, 0) ? -errno : 0;

		/* The kernel looks for the directory first, for the name then. */
		assert_true(rc == real || (rc == -EPERM && real == -EEXIST));
		if (rc == 0) {
			tree_forget(node, 1);
		}
		tree_forget(node, 1);
	}
	tree_forget(from_dir, 1);
}

static void random_op(struct fixture *f)
{
	char path[16];
	const char *name;

	some_path(f, path);
	struct node *dir = parent_of(f, path, &name);

	if (!dir) {
		return;
	}
	switch (rng_below(&f->rng, 8)) {
	case 0:
	case 1:
		both_make(f, dir, name, path, S_IFREG | 0600);
		break;
	case 2:
	case 3:
		both_make(f, dir, name, path, S_IFDIR | 0700);
		break;
	case 4:
		assert_int_equal(tree_unlink(dir, name, f->now),
				 unlinkat(f->real, path, 0) ? -errno : 0);
		break;
	case 5:
		assert_int_equal(tree_rmdir(dir, name, f->now),
				 unlinkat(f->real, path, AT_REMOVEDIR) ? -errno : 0);
		break;
	case 6:
		both_link(f, dir, name, path);
		break;
	default:
		both_rename(f, dir, name, path);
	}
	tree_forget(dir, 1);
}

/* Same names, kinds and link counts below both; returns how many. */
static unsigned compare(const struct node *dir, int fd)
{
	unsigned listed = 0, real = 0, below = 0;
	struct stat st;

	for (const struct entry *e = tree_next(dir, 0); e; e = tree_next(dir, e->cookie)) {
		assert_int_equal(fstatat(fd, e->name, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mode & S_IFMT, e->node->mode & S_IFMT);
		assert_int_equal(st.st_nlink, e->node->nlink);
		assert_int_equal(e->node->lookups, 0);
		if (S_ISDIR(st.st_mode)) {
			int sub = openat(fd, e->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			assert_ptr_equal(e->node->dir.parent, dir);
			below += compare(e->node, sub);
			close(sub);
		}
		listed++;
	}
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	assert_non_null(d);
	while (readdir(d)) {
		real++;
	}
	closedir(d);
	assert_int_equal(listed + 2, real);
	return listed + below;
}

static void test_like_a_real_directory(void **unused)
{
	struct fixture f;
	unsigned names = 0;

	(void)unused;
	setup(&f, 3);
	for (unsigned i = 0; i < 20000; i++) {
		random_op(&f);
		if (i % 100 == 0) {
			names = compare(f.peer->dir, f.real);
			assert_int_equal(names, f.peer->entry_count);
		}
	}
	assert_true(names > 5);
	teardown(&f);
}

static void test_limits(void **unused)
{
	struct fixture f;
	struct node *node, *first = NULL;
	char name[300];
	int rc = 0;

	(void)unused;
	setup(&f, 4);
	memset(name, 'n', 256);
	name[256] = '\0';
	assert_int_equal(tree_make(f.peer->dir, name, S_IFREG, 0, 0, f.now, &node), -ENAMETOOLONG);
	assert_int_equal(tree_lookup(f.peer->dir, name, &node), -ENAMETOOLONG);
	assert_int_equal(tree_make(f.peer->dir, "dev", S_IFCHR, 0, 0, f.now, &node), -EPERM);
	for (unsigned i = 0; rc == 0 && i < 2 * TREE_NODES_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		rc = tree_make(f.peer->dir, name, S_IFREG | 0600, 0, 0, f.now, &node);
		first = first ? first : node;
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(f.peer->node_count, TREE_NODES_MAX);
	/* Names are bounded as well. */
	rc = 0;
	for (unsigned i = 0; rc == 0 && i < 2 * TREE_NODES_MAX; i++) {
		snprintf(name, sizeof(name), "link%u", i);
		rc = tree_link(first, f.peer->dir, name, f.now);
	}
	assert_int_equal(rc, -ENOSPC);
	teardown(&f);
}

/* An unlinked node lives while the kernel knows it; a removed directory takes no names. */
static void test_lifetime(void **unused)
{
	struct fixture f;
	struct node *dir, *node, *other;

	(void)unused;
	setup(&f, 5);
	assert_int_equal(tree_make(f.peer->dir, "d", S_IFDIR | 0700, 7, 8, f.now, &dir), 0);
	assert_int_equal(tree_rmdir(f.peer->dir, "d", f.now), 0);
	assert_int_equal(dir->nlink, 0);
	assert_int_equal(tree_make(dir, "x", S_IFREG | 0600, 0, 0, f.now, &node), -ENOENT);
	assert_null(tree_next(dir, 0));
	assert_int_equal(f.peer->node_count, 2);
	tree_forget(dir, 1);
	assert_int_equal(f.peer->node_count, 1);
	assert_int_equal(tree_make(f.peer->dir, "f", S_IFREG | 0600, 0, 0, f.now, &node), 0);
	assert_int_equal(tree_make(f.peer->dir, "g", S_IFREG | 0600, 0, 0, f.now, &other), 0);
	assert_int_equal(tree_rename(f.peer->dir, "f", f.peer->dir, "g", false, f.now), -EEXIST);
	assert_int_equal(tree_rename(f.peer->dir, "f", f.peer->dir, "g", true, f.now), 0);
	assert_int_equal(other->nlink, 0);
	assert_int_equal(content_write(&other->file.content, 0, "still", 5), 5);
	assert_int_equal(f.peer->quota.used_bytes, 4096);
	tree_forget(other, 1);
	assert_int_equal(f.peer->quota.used_bytes, 0);
	assert_int_equal(tree_link(other = node, f.peer->dir, "h", f.now), 0);
	assert_int_equal(tree_unlink(f.peer->dir, "g", f.now), 0);
	assert_int_equal(node->nlink, 1);
	tree_forget(node, 2);
	assert_int_equal(f.peer->node_count, 2);
	/* Left as they are: nodes that the kernel never gave back. */
	assert_int_equal(tree_lookup(f.peer->dir, "h", &node), 0);
	teardown(&f);
}

/* --- progress -------------------------------------------------------------- */

static struct node *make_file(struct fixture *f, const char *name)
{
	struct node *node;

	assert_int_equal(tree_make(f->peer->dir, name, S_IFREG | 0600, 0, 0, f->now, &node), 0);
	return node;
}

static void put(struct fixture *f, struct node *node, uint64_t offset, const void *bytes,
		size_t len)
{
	tick(f);
	assert_int_equal(content_write(&node->file.content, offset, bytes, len), len);
	progress_note(&f->peer->progress, &node->file, offset, len, f->now.mono);
}

static void put_payload(struct fixture *f, struct node *node, uint64_t offset, size_t len)
{
	put(f, node, offset, f->ref.data + offset, len);
}

static void test_progress(void **unused)
{
	struct fixture f;

	(void)unused;
	setup(&f, 6);
	struct node *a = make_file(&f, "a"), *b = make_file(&f, "b");

	put_payload(&f, a, 4096, 4096);
	assert_int_equal(f.shown.bytes, 4096);
	assert_int_equal(f.shown.pieces, 0);
	assert_int_equal(f.shown.first_virt_ns, 0);
	put_payload(&f, a, 0, 4096);
	int64_t first = f.now.mono.ns;

	assert_int_equal(f.shown.pieces, 1);
	assert_int_equal(f.shown.first_virt_ns, first);
	assert_int_equal(f.times[0], first);
	/* Another file counts when it has more; its pieces are then seen all at once. */
	put_payload(&f, b, 8192, 8192);
	assert_int_equal(f.shown.bytes, 8192);
	assert_int_equal(f.times[1], 0);
	put_payload(&f, b, 16384, 100);
	put_payload(&f, b, 16484, 3996);
	assert_int_equal(f.shown.bytes, 8192 + 4096);
	assert_int_equal(f.times[1], f.now.mono.ns);
	/* A lost block takes bytes and pieces, not times. */
	put(&f, b, 8192, "wrong", 5);
	assert_int_equal(f.shown.pieces, 0);
	assert_int_equal(f.shown.bytes, 8192);
	put(&f, b, 16384, "wrong", 5);
	/* Now "a" is the best. */
	assert_int_equal(f.shown.bytes, 8192);
	assert_int_equal(f.shown.pieces, 1);
	assert_true(f.times[1] != 0);
	put_payload(&f, a, 8192, PAYLOAD_BYTES - 8192);
	assert_int_equal(f.shown.complete_virt_ns, f.now.mono.ns);
	assert_int_equal(f.shown.pieces, PIECES);
	assert_int_equal(f.shown.bytes, PAYLOAD_BYTES);
	assert_int_equal(f.times[5], f.now.mono.ns);
	assert_int_equal(f.shown.first_virt_ns, first);
	int64_t done = f.now.mono.ns;

	assert_int_equal(tree_rename(f.peer->dir, "a", f.peer->dir, "c", true, f.now), 0);
	assert_int_equal(f.shown.bytes, PAYLOAD_BYTES);
	assert_int_equal(tree_unlink(f.peer->dir, "c", f.now), 0);
	assert_int_equal(f.shown.bytes, 4096);
	assert_int_equal(f.shown.pieces, 0);
	assert_int_equal(f.shown.complete_virt_ns, done);
	tree_forget(a, 1);
	teardown(&f);
}

static void test_seed(void **unused)
{
	struct fixture f;

	(void)unused;
	setup(&f, 7);
	assert_int_equal(peer_add_payload(f.peer, "movie", f.now), 0);
	assert_int_equal(f.shown.bytes, PAYLOAD_BYTES);
	assert_int_equal(f.shown.pieces, PIECES);
	assert_int_equal(f.shown.complete_virt_ns, f.now.mono.ns);
	assert_int_equal(f.peer->quota.used_bytes, 0);
	assert_int_equal(peer_add_payload(f.peer, "movie", f.now), -EEXIST);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_a_real_directory),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
