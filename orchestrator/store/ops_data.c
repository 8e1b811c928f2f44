/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops_data - requests on open files.
 *
 * Data files are opened for direct I/O where the kernel can still map them
 * (session.c): a thousand peers then do not fill the page cache with a
 * thousand copies of the payload.  What is cached (mapped pages, or everything on an
 * older kernel) stays coherent by itself, as all changes come through this
 * one kernel.
 */
#include "store/ops.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/stat.h>

static __thread uint8_t *scratch; /* OPS_MAX_IO_BYTES */

int ops_thread_begin(void)
{
	scratch = malloc(OPS_MAX_IO_BYTES);
	return scratch ? 0 : -1;
}

void ops_thread_end(void)
{
	free(scratch);
	scratch = NULL;
}

static void count(uint64_t *where, uint64_t n)
{
	__atomic_store_n(where, *where + n, __ATOMIC_RELAXED);
}

static void set_open_flags(fuse_req_t req, struct fuse_file_info *fi)
{
	const struct ops_context *context = fuse_req_userdata(req);

	fi->direct_io = context->direct_io;
	fi->keep_cache = context->direct_io;
}

/* One open file less refers to @node. */
static void close_once(struct node *node)
{
	peer_lock(node->peer);
	if (node->opens > 0 && --node->opens == 0 && S_ISREG(node->mode)) {
		content_idle(&node->file.content);
	}
	ops_unlock(node);
}

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = ops_lock(req, ino);

	if (!node) {
		return;
	}
	node->opens++;
	ops_unlock(node);
	set_open_flags(req, fi);
	if (fuse_reply_open(req, fi) < 0) {
		close_once(node);
	}
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_file_info *fi)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stamp now = server_now(ops_server(req));
	struct fuse_entry_param entry;
	struct node *dir = ops_lock(req, parent), *node = NULL;

	if (!dir) {
		return;
	}
	int rc = tree_make(dir, name, S_IFREG | (mode & 07777), ctx->uid, ctx->gid, now, &node);

	if (rc == 0) {
		node->opens++;
		ops_fill_entry(node, &entry);
	}
	ops_unlock(dir);
	if (rc) {
		fuse_reply_err(req, -rc);
		return;
	}
	set_open_flags(req, fi);
	if (fuse_reply_create(req, &entry, fi) < 0) {
		close_once(node);
		ops_give_back(node);
	}
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	close_once((struct node *)(uintptr_t)ino);
	fuse_reply_err(req, 0);
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const uint8_t *where = scratch;
	struct node *node = ops_lock(req, ino);
	int64_t n = -EINVAL;

	(void)fi;
	if (!node) {
		return;
	}
	if (S_ISREG(node->mode) && off >= 0) {
		struct store_progress *shown = node->peer->progress.shown;

		size = size < OPS_MAX_IO_BYTES ? size : OPS_MAX_IO_BYTES;
		n = content_read(&node->file.content, (uint64_t)off, scratch, size, &where);
		count(&shown->read_calls, 1);
		count(&shown->read_bytes, n > 0 ? (uint64_t)n : 0);
	}
	ops_unlock(node);
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
	} else {
		fuse_reply_buf(req, (const char *)where, (size_t)n);
	}
}

void ops_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	struct stamp now = server_now(ops_server(req));
	struct node *node = ops_lock(req, ino);
	int64_t n = -EINVAL;

	(void)fi;
	if (!node) {
		return;
	}
	if (S_ISREG(node->mode) && off >= 0) {
		struct peer *peer = node->peer;
		struct store_progress *shown = peer->progress.shown;

		n = content_write(&node->file.content, (uint64_t)off, buf, size);
		count(&shown->write_calls, 1);
		if (n > 0) {
			node->mtime_ns = node->ctime_ns = now.real_ns;
			count(&shown->written_bytes, (uint64_t)n);
			progress_show_private(&peer->progress, peer->quota.used_bytes);
		}
		/* An unlinked file no longer takes part. */
		if (n > 0 && node->nlink > 0) {
			progress_note(&peer->progress, &node->file, (uint64_t)off, (uint64_t)n,
				      now.mono);
		}
	}
	ops_unlock(node);
	if (n < 0) {
		fuse_reply_err(req, (int)-n);
	} else {
		fuse_reply_write(req, (size_t)n);
	}
}

/*
 * Nothing to do: what a store holds does not outlive its process, so there is
 * nothing that a disk could make safer.  Dirty mapped pages were written by the kernel
 * before it asks.
 */
void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);
}

static int allocate(struct content *file, int mode, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len;
	int keep = mode & FALLOC_FL_KEEP_SIZE;
	int kind = mode & ~FALLOC_FL_KEEP_SIZE;
	int rc = 0;

	if (kind != 0 && kind != FALLOC_FL_PUNCH_HOLE && kind != FALLOC_FL_ZERO_RANGE) {
		return -EOPNOTSUPP;
	}
	if (kind == FALLOC_FL_PUNCH_HOLE && !keep) {
		return -EOPNOTSUPP;
	}
	if (end > CONTENT_MAX_BYTES) {
		return -EFBIG;
	}
	if (kind != 0) {
		rc = content_zero(file, offset, len);
	}
	if (rc == 0 && !keep && end > file->size_bytes) {
		rc = content_truncate(file, end);
	}
	return rc;
}

/* Space is promised, not reserved: a later write may still find the disk full. */
void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
		   struct fuse_file_info *fi)
{
	struct stamp now = server_now(ops_server(req));
	struct node *node = ops_lock(req, ino);
	int rc = -EINVAL;

	(void)fi;
	if (!node) {
		return;
	}
	if (S_ISREG(node->mode) && offset >= 0 && length > 0) {
		rc = allocate(&node->file.content, mode, (uint64_t)offset, (uint64_t)length);
		node->mtime_ns = node->ctime_ns = now.real_ns;
		progress_show_private(&node->peer->progress, node->peer->quota.used_bytes);
		if (node->nlink > 0) {
			progress_note(&node->peer->progress, &node->file, (uint64_t)offset,
				      (uint64_t)length, now.mono);
		}
	}
	ops_unlock(node);
	fuse_reply_err(req, -rc);
}

/* --- directories ----------------------------------------------------------- */

static bool add_name(fuse_req_t req, size_t size, size_t *used, const char *name,
		     const struct stat *st, uint64_t cookie)
{
	size_t n = fuse_add_direntry(req, (char *)scratch + *used, size - *used, name, st,
				     (off_t)cookie);

	if (n > size - *used) {
		return false;
	}
	*used += n;
	return true;
}

/* The two names that each directory begins with; cookies 1 and 2. */
static bool add_dots(fuse_req_t req, size_t size, size_t *used, off_t off, ino_t self,
		     ino_t parent)
{
	struct stat st = { .st_mode = S_IFDIR, .st_ino = self };
	struct stat up = { .st_mode = S_IFDIR, .st_ino = parent };

	return (off >= 1 || add_name(req, size, used, ".", &st, 1)) &&
	       (off >= 2 || add_name(req, size, used, "..", &up, 2));
}

static size_t read_root(fuse_req_t req, size_t size, off_t off)
{
	struct server *server = ops_server(req);
	uint64_t index = off > 2 ? (uint64_t)off - 2 : 0;
	size_t used = 0;
	bool room = add_dots(req, size, &used, off, FUSE_ROOT_ID, FUSE_ROOT_ID);

	/* A peer's cookie is its index + 3; so the next index is the cookie - 2. */
	while (room && index < server->cfg->max_peers) {
		struct peer *peer = server_next_peer(server, (uint32_t)index);

		if (!peer) {
			break;
		}
		struct stat st = { .st_mode = S_IFDIR, .st_ino = peer->dir->ino };

		room = add_name(req, size, &used, peer->name, &st, peer->index + UINT64_C(3));
		index = peer->index + UINT64_C(1);
	}
	return used;
}

static size_t read_dir(fuse_req_t req, const struct node *node, size_t size, off_t off)
{
	const struct node *parent = node->dir.parent;
	const struct entry *entry = tree_next(node, (uint64_t)off);
	size_t used = 0;
	ino_t up = parent ? parent->ino : FUSE_ROOT_ID;

	if (!add_dots(req, size, &used, off, node->ino, up)) {
		return used;
	}
	for (; entry; entry = entry->next) {
		struct stat st = { .st_mode = entry->node->mode, .st_ino = entry->node->ino };

		if (!add_name(req, size, &used, entry->name, &st, entry->cookie)) {
			break;
		}
	}
	return used;
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi)
{
	size_t used;

	(void)fi;
	size = size < OPS_MAX_IO_BYTES ? size : OPS_MAX_IO_BYTES;
	if (ino == FUSE_ROOT_ID) {
		used = read_root(req, size, off);
	} else {
		struct node *node = ops_lock(req, ino);

		used = S_ISDIR(node->mode) ? read_dir(req, node, size, off) : 0;
		ops_unlock(node);
	}
	fuse_reply_buf(req, (const char *)scratch, used);
}
