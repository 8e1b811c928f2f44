/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops - requests on names and attributes. */
#include "store/ops.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clean.h"

/*
 * Names change only through this kernel, which then knows; attributes may change
 * in ways it does not see (the time of a mapped write), so they age.
 */
#define ENTRY_TIMEOUT_S 3600.0
#define ATTR_TIMEOUT_S 1.0

struct server *ops_server(fuse_req_t req)
{
	return ((struct ops_context *)fuse_req_userdata(req))->server;
}

static struct node *node_of(fuse_ino_t ino)
{
	return (struct node *)(uintptr_t)ino;
}

struct node *ops_lock(fuse_req_t req, fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID) {
		fuse_reply_err(req, EPERM);
		return NULL;
	}
	struct node *node = node_of(ino);

	peer_lock(node->peer);
	return node;
}

void ops_unlock(const struct node *node)
{
	peer_unlock(node->peer);
}

struct peer *ops_peer_of(const void *request, size_t size)
{
	struct fuse_in_header head;

	if (size < sizeof(head)) {
		return NULL;
	}
	memcpy(&head, request, sizeof(head));
	switch (head.opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_INIT:
	case FUSE_DESTROY:
		return NULL;
	default:
		return head.nodeid <= FUSE_ROOT_ID ? NULL : node_of(head.nodeid)->peer;
	}
}

/* --- attributes ------------------------------------------------------------ */

static struct timespec to_timespec(int64_t ns)
{
	int64_t s = ns / NS_PER_S - (ns % NS_PER_S < 0);

	return (struct timespec){ .tv_sec = s, .tv_nsec = ns - s * NS_PER_S };
}

static int64_t from_timespec(struct timespec ts)
{
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void ops_fill_stat(const struct node *node, struct stat *st)
{
	*st = (struct stat){
		.st_ino = node->ino,
		.st_mode = node->mode,
		.st_nlink = node->nlink,
		.st_uid = node->uid,
		.st_gid = node->gid,
		.st_rdev = node->rdev,
		.st_blksize = (blksize_t)BLOCK_BYTES,
		.st_atim = to_timespec(node->atime_ns),
		.st_mtim = to_timespec(node->mtime_ns),
		.st_ctim = to_timespec(node->ctime_ns),
	};
	if (S_ISREG(node->mode)) {
		const struct content *file = &node->file.content;

		st->st_size = (off_t)file->size_bytes;
		st->st_blocks = (blkcnt_t)((file->map.matched_blocks + file->map.private_blocks) *
					   (BLOCK_BYTES / 512));
	} else if (S_ISLNK(node->mode)) {
		st->st_size = (off_t)strlen(node->target);
	}
}

static void fill_root_stat(const struct server *server, struct stat *st)
{
	struct timespec started = to_timespec(server->started_real_ns);

	*st = (struct stat){
		.st_ino = FUSE_ROOT_ID,
		.st_mode = S_IFDIR | 0711,
		.st_nlink = 2,
		.st_atim = started,
		.st_mtim = started,
		.st_ctim = started,
	};
}

void ops_fill_entry(const struct node *node, struct fuse_entry_param *entry)
{
	*entry = (struct fuse_entry_param){
		.ino = (fuse_ino_t)(uintptr_t)node,
		.generation = node->generation,
		.attr_timeout = ATTR_TIMEOUT_S,
		.entry_timeout = ENTRY_TIMEOUT_S,
	};
	ops_fill_stat(node, &entry->attr);
}

void ops_give_back(struct node *node)
{
	peer_forget(node, 1);
}

/* Unlock @dir's peer and reply with the node made or found, or with the error. */
static void reply_node(fuse_req_t req, const struct node *dir, struct node *node, int rc)
{
	struct fuse_entry_param entry;

	if (rc == 0) {
		ops_fill_entry(node, &entry);
	}
	ops_unlock(dir);
	if (rc) {
		fuse_reply_err(req, -rc);
	} else if (fuse_reply_entry(req, &entry) < 0) {
		ops_give_back(node);
	}
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct ops_context *context = userdata;

	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE | FUSE_CAP_AUTO_INVAL_DATA);
	conn->max_write = OPS_MAX_IO_BYTES;
	conn->max_read = OPS_MAX_IO_BYTES;
	conn->max_background = 256;
	conn->congestion_threshold = 192;
	context->ready = true;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (ino == FUSE_ROOT_ID) {
		fill_root_stat(ops_server(req), &st);
	} else {
		struct node *node = ops_lock(req, ino);

		ops_fill_stat(node, &st);
		ops_unlock(node);
	}
	fuse_reply_attr(req, &st, ATTR_TIMEOUT_S);
}

static int set_size(struct node *node, uint64_t size_bytes, struct stamp now)
{
	struct peer *peer = node->peer;
	struct content *file = &node->file.content;

	if (!S_ISREG(node->mode)) {
		return S_ISDIR(node->mode) ? -EISDIR : -EINVAL;
	}
	int rc = content_truncate(file, size_bytes);

	if (rc) {
		return rc;
	}
	node->mtime_ns = now.real_ns;
	progress_show_private(&peer->progress, peer->quota.used_bytes);
	if (node->nlink > 0) {
		progress_note(&peer->progress, &node->file, size_bytes ? size_bytes - 1 : 0, 1,
			      now.mono);
	}
	return 0;
}

static void set_attrs(struct node *node, const struct stat *attr, int to_set, struct stamp now)
{
	if (to_set & FUSE_SET_ATTR_MODE) {
		node->mode = (node->mode & S_IFMT) | (attr->st_mode & 07777);
	}
	if (to_set & FUSE_SET_ATTR_UID) {
		node->uid = attr->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		node->gid = attr->st_gid;
	}
	if (to_set & FUSE_SET_ATTR_ATIME_NOW) {
		node->atime_ns = now.real_ns;
	} else if (to_set & FUSE_SET_ATTR_ATIME) {
		node->atime_ns = from_timespec(attr->st_atim);
	}
	if (to_set & FUSE_SET_ATTR_MTIME_NOW) {
		node->mtime_ns = now.real_ns;
	} else if (to_set & FUSE_SET_ATTR_MTIME) {
		node->mtime_ns = from_timespec(attr->st_mtim);
	}
	node->ctime_ns = now.real_ns;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct stamp now = server_now(ops_server(req));
	struct node *node = ops_lock(req, ino);
	struct stat st;
	int rc = 0;

	(void)fi;
	if (!node) {
		return;
	}
	if (to_set & FUSE_SET_ATTR_SIZE) {
		rc = attr->st_size < 0 ? -EINVAL : set_size(node, (uint64_t)attr->st_size, now);
	}
	if (rc == 0) {
		set_attrs(node, attr, to_set, now);
	}
	ops_fill_stat(node, &st);
	ops_unlock(node);
	if (rc) {
		fuse_reply_err(req, -rc);
	} else {
		fuse_reply_attr(req, &st, ATTR_TIMEOUT_S);
	}
}

/*
 * What a client may count on being able to write: the rest of the payload,
 * which takes no space, and the private bytes that its limit and the disk allow.
 */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct server *server = ops_server(req);
	struct statvfs disk, st = { .f_bsize = BLOCK_BYTES, .f_frsize = BLOCK_BYTES,
				    .f_namemax = TREE_NAME_MAX, .f_files = TREE_NODES_MAX };
	uint64_t held = 0, used = 0, nodes = 0, limit = server->cfg->private_limit_bytes;

	if (fstatvfs(server->backing_dirfd, &disk)) {
		fuse_reply_err(req, errno);
		return;
	}
	if (ino != FUSE_ROOT_ID) {
		struct node *node = ops_lock(req, ino);

		held = node->peer->progress.shown->bytes;
		used = node->peer->quota.used_bytes;
		nodes = node->peer->node_count;
		ops_unlock(node);
	}
	uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;

	if (limit && (used >= limit || limit - used < room)) {
		room = used >= limit ? 0 : limit - used;
	}
	room += server->ref.bytes - held;
	st.f_bfree = st.f_bavail = room / BLOCK_BYTES;
	st.f_blocks = (room + held + used) / BLOCK_BYTES;
	st.f_ffree = st.f_favail = nodes < TREE_NODES_MAX ? TREE_NODES_MAX - nodes : 0;
	fuse_reply_statfs(req, &st);
}

/* --- names ----------------------------------------------------------------- */

static void lookup_root(fuse_req_t req, const char *name)
{
	struct peer *peer = server_find_peer(ops_server(req), name);

	if (!peer) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	peer_lock(peer);
	peer->dir->lookups++;
	reply_node(req, peer->dir, peer->dir, 0);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *node = NULL;

	if (parent == FUSE_ROOT_ID) {
		lookup_root(req, name);
		return;
	}
	struct node *dir = ops_lock(req, parent);
	int rc = tree_lookup(dir, name, &node);

	reply_node(req, dir, node, rc);
}

static void forget_one(fuse_ino_t ino, uint64_t lookups)
{
	if (ino != FUSE_ROOT_ID) {
		peer_forget(node_of(ino), lookups);
	}
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	forget_one(ino, lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		forget_one(forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stamp now = server_now(ops_server(req));
	struct node *dir = ops_lock(req, parent), *node = NULL;

	if (dir) {
		int rc = tree_make(dir, name, mode, ctx->uid, ctx->gid, now, &node);

		reply_node(req, dir, node, rc);
	}
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t rdev)
{
	(void)rdev;
	make(req, parent, name, mode);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, name, S_IFDIR | (mode & 07777));
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stamp now = server_now(ops_server(req));
	struct node *dir = ops_lock(req, parent), *node = NULL;

	if (dir) {
		int rc = tree_symlink(dir, name, target, ctx->uid, ctx->gid, now, &node);

		reply_node(req, dir, node, rc);
	}
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = ops_lock(req, ino);
	CLEAN_FREE char *target = NULL;

	if (!node) {
		return;
	}
	int rc = S_ISLNK(node->mode) ? ENOMEM : EINVAL;

	if (S_ISLNK(node->mode)) {
		target = strdup(node->target);
	}
	ops_unlock(node);
	if (target) {
		fuse_reply_readlink(req, target);
	} else {
		fuse_reply_err(req, rc);
	}
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct stamp now = server_now(ops_server(req));
	struct node *dir = ops_lock(req, parent);

	if (dir) {
		int rc = tree_unlink(dir, name, now);

		ops_unlock(dir);
		fuse_reply_err(req, -rc);
	}
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct stamp now = server_now(ops_server(req));
	struct node *dir = ops_lock(req, parent);

	if (dir) {
		int rc = tree_rmdir(dir, name, now);

		ops_unlock(dir);
		fuse_reply_err(req, -rc);
	}
}

/* Are both in one peer's tree?  If not, reply and say so. */
static bool same_peer(fuse_req_t req, fuse_ino_t a, fuse_ino_t b)
{
	if (a == FUSE_ROOT_ID || b == FUSE_ROOT_ID) {
		fuse_reply_err(req, EPERM);
		return false;
	}
	if (node_of(a)->peer != node_of(b)->peer) {
		fuse_reply_err(req, EXDEV);
		return false;
	}
	return true;
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
		      const char *to_name, unsigned int flags)
{
	struct stamp now = server_now(ops_server(req));

	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (same_peer(req, parent, to_parent)) {
		struct node *from = ops_lock(req, parent);
		int rc = tree_rename(from, name, node_of(to_parent), to_name,
				     !(flags & RENAME_NOREPLACE), now);

		ops_unlock(from);
		fuse_reply_err(req, -rc);
	}
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t to_parent, const char *to_name)
{
	struct stamp now = server_now(ops_server(req));

	if (same_peer(req, ino, to_parent)) {
		struct node *node = ops_lock(req, ino);
		int rc = tree_link(node, node_of(to_parent), to_name, now);

		reply_node(req, node_of(to_parent), node, rc);
	}
}

const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = ops_open,
	.create = ops_create,
	.read = ops_read,
	.write = ops_write,
	.release = ops_release,
	.fsync = ops_fsync,
	.fsyncdir = ops_fsync,
	.fallocate = ops_fallocate,
	.readdir = ops_readdir,
	.statfs = op_statfs,
};
