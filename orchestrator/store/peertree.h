/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peertree - the directories and files of each peer, in memory.
 *
 * Pure but for the backing files: it knows nothing of FUSE.  Permissions are the
 * kernel's business (default_permissions); what is checked here keeps the tree
 * whole.  Paths never cross peers: whatever names two nodes of different peers
 * fails with EXDEV.
 *
 * Lifetime.  A node lives while a name (nlink) or the kernel (lookups) refers to
 * it.  tree_lookup, tree_make, tree_link and tree_symlink hand out one reference each;
 * tree_forget gives references back.
 *
 * Locks.  Each peer has one; every function below is called with it held
 * except where it says otherwise.  So peers never wait for each other.  What
 * concerns several peers at once (peer_forget) does not wait for any of them.
 *
 * Functions return 0 or -errno.
 */
#ifndef LENTO_STORE_PEERTREE_H
#define LENTO_STORE_PEERTREE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/gate.h"
#include "store/progress.h"

#define TREE_NAME_MAX 255
#define TREE_NODES_MAX 32768 /* per peer; ENOSPC beyond */

/* One instant on both virtual clocks; read once for each request. */
struct stamp {
	virt_t mono;
	int64_t real_ns;
};

struct entry;
struct peer;

struct node {
	struct peer *peer;
	struct node *all_prev, *all_next; /* of the peer's nodes */
	uint64_t ino;
	uint32_t generation;
	uint32_t nlink;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	int64_t atime_ns, mtime_ns, ctime_ns; /* virtual CLOCK_REALTIME */
	uint64_t lookups;
	uint64_t forgets;          /* lookups given back, not yet taken off */
	struct node *forgets_next; /* of the peer's list of such nodes */
	uint32_t opens;
	union {
		struct progress_file file; /* S_ISREG */
		char *target;              /* S_ISLNK */
		struct {
			struct entry *first, *last; /* by cookie */
			uint64_t next_cookie;
			struct node *parent;        /* NULL: the peer's own directory */
		} dir;
	};
};

struct entry {
	struct entry *hash_next, *prev, *next;
	struct node *dir, *node;
	uint64_t cookie;
	size_t name_len;
	char name[];
};

struct peer {
	pthread_mutex_t lock;
	struct gate gate;
	pthread_mutex_t forgets_lock; /* held for an instant; guards the next two */
	struct node *forgets;         /* list of nodes with forgets > 0 */
	uint32_t index;
	char name[TREE_NAME_MAX + 1];
	struct node *dir, *nodes;
	uint32_t node_count;
	struct entry **buckets;
	size_t bucket_count, entry_count;
	struct quota quota;
	struct progress progress;
	int backing_dirfd;     /* borrowed */
	uint64_t *next_ino;    /* shared by all peers, atomic */
};

struct peer_config {
	uint32_t index;
	const char *name;
	uid_t uid;
	gid_t gid;
	uint64_t private_limit_bytes;
	const struct reference *ref;      /* these four are borrowed */
	struct store_progress *shown;
	int64_t *piece_times;
	uint64_t *next_ino;
	int backing_dirfd;
};

/* A peer with an empty directory of mode 0700; NULL when memory is out.  No lock. */
struct peer *peer_create(const struct peer_config *cfg, struct stamp now);
/* Frees everything, whoever refers to it.  No lock; NULL is fine. */
void peer_destroy(struct peer *peer);
/* Put the whole payload into the peer's directory as @name. */
int peer_add_payload(struct peer *peer, const char *name, struct stamp now);

void peer_lock(struct peer *peer);
void peer_unlock(struct peer *peer);

/*
 * tree_forget() without the lock: done at once if nobody holds it, else by the one who
 * does, when he unlocks.
 */
void peer_forget(struct node *node, uint64_t lookups);

int tree_lookup(struct node *dir, const char *name, struct node **node);
/* A directory, regular file, fifo or socket (by @mode). */
int tree_make(struct node *dir, const char *name, mode_t mode, uid_t uid, gid_t gid,
	      struct stamp now, struct node **node);
int tree_symlink(struct node *dir, const char *name, const char *target, uid_t uid, gid_t gid,
		 struct stamp now, struct node **node);
int tree_link(struct node *node, struct node *dir, const char *name, struct stamp now);
int tree_unlink(struct node *dir, const char *name, struct stamp now);
int tree_rmdir(struct node *dir, const char *name, struct stamp now);
int tree_rename(struct node *from, const char *name, struct node *to, const char *to_name,
		bool may_replace, struct stamp now);
/* May free @node. */
void tree_forget(struct node *node, uint64_t lookups);

/* The first entry of @dir whose cookie is above @cookie (cookies start at 3), or NULL. */
const struct entry *tree_next(const struct node *dir, uint64_t cookie);

#endif
