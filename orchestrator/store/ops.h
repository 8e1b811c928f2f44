/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops - what the kernel asks of the file system, answered from the tree.
 *
 * A node's number is its address: the kernel names only nodes that it was given
 * and has not forgotten, so no table is searched.  FUSE_ROOT_ID is the
 * directory of the peers' directories; nothing can be made or changed in it.
 *
 * Each request takes one peer's lock at most, and replies after releasing it.
 */
#ifndef LENTO_STORE_OPS_H
#define LENTO_STORE_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "store/server.h"

#define OPS_MAX_IO_BYTES (UINT32_C(1) << 20) /* of one read or write request */

/* The user data of the FUSE session. */
struct ops_context {
	struct server *server;
	bool direct_io; /* data files bypass the page cache */
	bool ready;     /* the kernel has finished the handshake */
};

extern const struct fuse_lowlevel_ops ops_table;

/* Each thread that processes requests needs a buffer.  0, or -1: no memory. */
int ops_thread_begin(void);
void ops_thread_end(void);

/* Whose request is this?  NULL: of no peer in particular, or answered without waiting. */
struct peer *ops_peer_of(const void *request, size_t size);

/* --- shared by ops_*.c ----------------------------------------------------- */

/* The node @ino with its peer locked; for the root NULL, after replying EPERM. */
struct node *ops_lock(fuse_req_t req, fuse_ino_t ino);
void ops_unlock(const struct node *node);
void ops_fill_stat(const struct node *node, struct stat *st);
struct server *ops_server(fuse_req_t req);

/* @node's entry as handed to the kernel; the peer's lock is held. */
void ops_fill_entry(const struct node *node, struct fuse_entry_param *entry);
/* Replied with -errno: the kernel did not take the reference after all. */
void ops_give_back(struct node *node);

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	       struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
		   struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi);

#endif
