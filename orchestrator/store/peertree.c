/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/peertree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FIRST_COOKIE 3 /* after "." and ".." */
#define FIRST_BUCKETS 16

/* --- names ----------------------------------------------------------------- */

/* FNV-1a, over the directory and the name. */
static size_t entry_hash(const struct node *dir, const char *name, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ dir->ino;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	}
	return (size_t)(hash ^ hash >> 32);
}

/* Where the link to an entry is, or would go: the chain's end. */
static struct entry **entry_slot(struct peer *peer, const struct node *dir, const char *name,
				 size_t len)
{
	struct entry **slot = &peer->buckets[entry_hash(dir, name, len) &
					     (peer->bucket_count - 1)];

	while (*slot && !((*slot)->dir == dir && (*slot)->name_len == len &&
			  memcmp((*slot)->name, name, len) == 0)) {
		slot = &(*slot)->hash_next;
	}
	return slot;
}

static struct entry *entry_find(const struct node *dir, const char *name)
{
	return *entry_slot(dir->peer, dir, name, strlen(name));
}

/* Twice the buckets; when memory is out the chains just stay longer. */
static void entries_grow(struct peer *peer)
{
	size_t count = peer->bucket_count * 2;
	struct entry **buckets = calloc(count, sizeof(*buckets));

	if (!buckets) {
		return;
	}
	for (size_t i = 0; i < peer->bucket_count; i++) {
		struct entry *entry = peer->buckets[i];

		while (entry) {
			struct entry *next = entry->hash_next;
			size_t at = entry_hash(entry->dir, entry->name, entry->name_len) &
				    (count - 1);

			entry->hash_next = buckets[at];
			buckets[at] = entry;
			entry = next;
		}
	}
	free(peer->buckets);
	peer->buckets = buckets;
	peer->bucket_count = count;
}

static int entry_add(struct node *dir, const char *name, struct node *node)
{
	struct peer *peer = dir->peer;
	size_t len = strlen(name);
	struct entry *entry = malloc(sizeof(*entry) + len + 1);

	if (!entry) {
		return -ENOMEM;
	}
	if (peer->entry_count >= peer->bucket_count) {
		entries_grow(peer);
	}
	struct entry **slot = entry_slot(peer, dir, name, len);

	*entry = (struct entry){
		.dir = dir,
		.node = node,
		.cookie = dir->dir.next_cookie++,
		.name_len = len,
		.prev = dir->dir.last,
	};
	memcpy(entry->name, name, len + 1);
	*slot = entry;
	if (entry->prev) {
		entry->prev->next = entry;
	} else {
		dir->dir.first = entry;
	}
	dir->dir.last = entry;
	peer->entry_count++;
	return 0;
}

static void entry_drop(struct entry *entry)
{
	struct node *dir = entry->dir;
	struct peer *peer = dir->peer;
	struct entry **slot = entry_slot(peer, dir, entry->name, entry->name_len);

	*slot = entry->hash_next;
	if (entry->prev) {
		entry->prev->next = entry->next;
	} else {
		dir->dir.first = entry->next;
	}
	if (entry->next) {
		entry->next->prev = entry->prev;
	} else {
		dir->dir.last = entry->prev;
	}
	peer->entry_count--;
	free(entry);
}

const struct entry *tree_next(const struct node *dir, uint64_t cookie)
{
	const struct entry *entry = dir->dir.first;

	while (entry && entry->cookie <= cookie) {
		entry = entry->next;
	}
	return entry;
}

/* --- nodes ----------------------------------------------------------------- */

/* A handle made from a node number must not be guessable by a peer. */
static uint32_t random_generation(void)
{
	uint32_t generation = 0;

	if (getrandom(&generation, sizeof(generation), GRND_NONBLOCK) != sizeof(generation)) {
		generation = 0;
	}
	return generation;
}

static struct node *node_create(struct peer *peer, mode_t mode, uid_t uid, gid_t gid,
				struct stamp now)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node) {
		return NULL;
	}
	node->peer = peer;
	node->ino = __atomic_add_fetch(peer->next_ino, 1, __ATOMIC_RELAXED);
	node->generation = random_generation();
	node->mode = mode;
	node->uid = uid;
	node->gid = gid;
	node->atime_ns = node->mtime_ns = node->ctime_ns = now.real_ns;
	if (S_ISREG(mode)) {
		content_init(&node->file.content, peer->progress.ref, &peer->quota,
			     peer->backing_dirfd, node->ino);
	} else if (S_ISDIR(mode)) {
		node->dir.next_cookie = FIRST_COOKIE;
	}
	node->all_next = peer->nodes;
	if (node->all_next) {
		node->all_next->all_prev = node;
	}
	peer->nodes = node;
	peer->node_count++;
	return node;
}

static void node_free(struct node *node)
{
	struct peer *peer = node->peer;

	if (S_ISREG(node->mode)) {
		content_destroy(&node->file.content);
		progress_show_private(&peer->progress, peer->quota.used_bytes);
	} else if (S_ISLNK(node->mode)) {
		free(node->target);
	}
	if (node->all_next) {
		node->all_next->all_prev = node->all_prev;
	}
	if (node->all_prev) {
		node->all_prev->all_next = node->all_next;
	} else {
		peer->nodes = node->all_next;
	}
	peer->node_count--;
	free(node);
}

/* One name less refers to @node, which may free it. */
static void node_unname(struct node *node, struct stamp now)
{
	node->nlink--;
	node->ctime_ns = now.real_ns;
	if (node->nlink > 0) {
		return;
	}
	if (S_ISREG(node->mode)) {
		progress_remove(&node->peer->progress, &node->file, now.mono);
	}
	if (node->lookups == 0) {
		node_free(node);
	}
}

static void dir_touch(struct node *dir, struct stamp now)
{
	dir->mtime_ns = dir->ctime_ns = now.real_ns;
}

/* May a new name be put into @dir?  A removed directory takes none. */
static int check_new_name(const struct node *dir, const char *name)
{
	if (!S_ISDIR(dir->mode)) {
		return -ENOTDIR;
	}
	if (strlen(name) > TREE_NAME_MAX) {
		return -ENAMETOOLONG;
	}
	return dir->nlink == 0 ? -ENOENT : 0;
}

void tree_forget(struct node *node, uint64_t lookups)
{
	node->lookups = node->lookups > lookups ? node->lookups - lookups : 0;
	if (node->lookups == 0 && node->nlink == 0) {
		node_free(node);
	}
}

/* --- peers ----------------------------------------------------------------- */

struct peer *peer_create(const struct peer_config *cfg, struct stamp now)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		return NULL;
	}
	pthread_mutex_init(&peer->lock, NULL);
	pthread_mutex_init(&peer->forgets_lock, NULL);
	gate_init(&peer->gate);
	peer->index = cfg->index;
	strncpy(peer->name, cfg->name, TREE_NAME_MAX);
	peer->quota.limit_bytes = cfg->private_limit_bytes;
	peer->backing_dirfd = cfg->backing_dirfd;
	peer->next_ino = cfg->next_ino;
	peer->progress = (struct progress){
		.ref = cfg->ref,
		.shown = cfg->shown,
		.piece_times = cfg->piece_times,
	};
	peer->bucket_count = FIRST_BUCKETS;
	peer->buckets = calloc(peer->bucket_count, sizeof(*peer->buckets));
	if (peer->buckets) {
		peer->dir = node_create(peer, S_IFDIR | 0700, cfg->uid, cfg->gid, now);
	}
	if (!peer->dir) {
		peer_destroy(peer);
		return NULL;
	}
	peer->dir->nlink = 2;
	return peer;
}

void peer_destroy(struct peer *peer)
{
	if (!peer) {
		return;
	}
	for (size_t i = 0; peer->buckets && i < peer->bucket_count; i++) {
		while (peer->buckets[i]) {
			struct entry *entry = peer->buckets[i];

			peer->buckets[i] = entry->hash_next;
			free(entry);
		}
	}
	while (peer->nodes) {
		node_free(peer->nodes);
	}
	free(peer->buckets);
	gate_destroy(&peer->gate);
	pthread_mutex_destroy(&peer->forgets_lock);
	pthread_mutex_destroy(&peer->lock);
	free(peer);
}

void peer_lock(struct peer *peer)
{
	pthread_mutex_lock(&peer->lock);
}

/* Take one node off the list, with what was forgotten of it, or NULL. */
static struct node *pop_forgets(struct peer *peer, uint64_t *lookups)
{
	struct node *node;

	pthread_mutex_lock(&peer->forgets_lock);
	node = peer->forgets;
	if (node) {
		__atomic_store_n(&peer->forgets, node->forgets_next, __ATOMIC_RELEASE);
		*lookups = node->forgets;
		node->forgets = 0;
		node->forgets_next = NULL;
	}
	pthread_mutex_unlock(&peer->forgets_lock);
	return node;
}

static bool has_forgets(struct peer *peer)
{
	return __atomic_load_n(&peer->forgets, __ATOMIC_ACQUIRE) != NULL;
}

/* Something may be forgotten between the look and the unlock: look again after it. */
void peer_unlock(struct peer *peer)
{
	do {
		struct node *node;
		uint64_t lookups;

		while (has_forgets(peer) && (node = pop_forgets(peer, &lookups))) {
			tree_forget(node, lookups);
		}
		pthread_mutex_unlock(&peer->lock);
	} while (has_forgets(peer) && pthread_mutex_trylock(&peer->lock) == 0);
}

void peer_forget(struct node *node, uint64_t lookups)
{
	struct peer *peer = node->peer;

	pthread_mutex_lock(&peer->forgets_lock);
	if (node->forgets == 0) {
		node->forgets_next = peer->forgets;
		__atomic_store_n(&peer->forgets, node, __ATOMIC_RELEASE);
	}
	node->forgets += lookups;
	pthread_mutex_unlock(&peer->forgets_lock);
	if (pthread_mutex_trylock(&peer->lock) == 0) {
		peer_unlock(peer);
	}
}

int peer_add_payload(struct peer *peer, const char *name, struct stamp now)
{
	struct node *node;
	int rc = tree_make(peer->dir, name, S_IFREG | 0644, peer->dir->uid, peer->dir->gid, now,
			   &node);

	if (rc) {
		return rc;
	}
	rc = content_fill(&node->file.content);
	if (rc == 0) {
		progress_note(&peer->progress, &node->file, 0, node->file.content.size_bytes,
			      now.mono);
	}
	tree_forget(node, 1);
	return rc;
}

/* --- operations ------------------------------------------------------------ */

int tree_lookup(struct node *dir, const char *name, struct node **node)
{
	if (!S_ISDIR(dir->mode)) {
		return -ENOTDIR;
	}
	const struct entry *entry = entry_find(dir, name);

	if (!entry) {
		return strlen(name) > TREE_NAME_MAX ? -ENAMETOOLONG : -ENOENT;
	}
	*node = entry->node;
	(*node)->lookups++;
	return 0;
}

/* A new node under a new name, with one lookup handed out. */
static int make_named(struct node *dir, const char *name, mode_t mode, uid_t uid, gid_t gid,
		      struct stamp now, struct node **made)
{
	int rc = check_new_name(dir, name);

	if (rc) {
		return rc;
	}
	if (entry_find(dir, name)) {
		return -EEXIST;
	}
	if (dir->peer->node_count >= TREE_NODES_MAX) {
		return -ENOSPC;
	}
	if (dir->mode & S_ISGID) {
		gid = dir->gid;
		mode |= S_ISDIR(mode) ? S_ISGID : 0;
	}
	struct node *node = node_create(dir->peer, mode, uid, gid, now);

	if (!node) {
		return -ENOMEM;
	}
	rc = entry_add(dir, name, node);
	if (rc) {
		node_free(node);
		return rc;
	}
	node->nlink = 1;
	node->lookups = 1;
	dir_touch(dir, now);
	*made = node;
	return 0;
}

int tree_make(struct node *dir, const char *name, mode_t mode, uid_t uid, gid_t gid,
	      struct stamp now, struct node **made)
{
	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) {
		return -EPERM;
	}
	int rc = make_named(dir, name, mode, uid, gid, now, made);

	if (rc) {
		return rc;
	}
	if (S_ISDIR(mode)) {
		(*made)->nlink = 2;
		(*made)->dir.parent = dir;
		dir->nlink++;
	} else if (S_ISREG(mode)) {
		progress_add(&dir->peer->progress, &(*made)->file);
	}
	return 0;
}

int tree_symlink(struct node *dir, const char *name, const char *target, uid_t uid, gid_t gid,
		 struct stamp now, struct node **made)
{
	char *copy = strdup(target);

	if (!copy) {
		return -ENOMEM;
	}
	int rc = make_named(dir, name, S_IFLNK | 0777, uid, gid, now, made);

	if (rc) {
		free(copy);
		return rc;
	}
	(*made)->target = copy;
	return 0;
}

int tree_link(struct node *node, struct node *dir, const char *name, struct stamp now)
{
	int rc = check_new_name(dir, name);

	if (node->peer != dir->peer) {
		return -EXDEV;
	}
	if (rc) {
		return rc;
	}
	if (S_ISDIR(node->mode)) {
		return -EPERM;
	}
	if (node->nlink == 0) {
		return -ENOENT;
	}
	if (entry_find(dir, name)) {
		return -EEXIST;
	}
	/* Names count as nodes do: neither may fill the memory. */
	if (dir->peer->entry_count >= TREE_NODES_MAX) {
		return -ENOSPC;
	}
	rc = entry_add(dir, name, node);
	if (rc) {
		return rc;
	}
	node->nlink++;
	node->lookups++;
	node->ctime_ns = now.real_ns;
	dir_touch(dir, now);
	return 0;
}

/* @node, a directory or not, has lost its name in @dir; may free it. */
static void lose_name(struct node *dir, struct node *node, struct stamp now)
{
	if (S_ISDIR(node->mode)) {
		dir->nlink--;
		node->nlink = 1; /* without its own "." */
		node->dir.parent = NULL;
	}
	node_unname(node, now);
	dir_touch(dir, now);
}

int tree_unlink(struct node *dir, const char *name, struct stamp now)
{
	struct entry *entry = entry_find(dir, name);

	if (!entry) {
		return -ENOENT;
	}
	struct node *node = entry->node;

	if (S_ISDIR(node->mode)) {
		return -EISDIR;
	}
	entry_drop(entry);
	lose_name(dir, node, now);
	return 0;
}

int tree_rmdir(struct node *dir, const char *name, struct stamp now)
{
	struct entry *entry = entry_find(dir, name);

	if (!entry) {
		return -ENOENT;
	}
	struct node *node = entry->node;

	if (!S_ISDIR(node->mode)) {
		return -ENOTDIR;
	}
	if (node->dir.first) {
		return -ENOTEMPTY;
	}
	entry_drop(entry);
	lose_name(dir, node, now);
	return 0;
}

/* May @node take the place of @victim? */
static int check_replace(const struct node *node, const struct node *victim)
{
	if (S_ISDIR(victim->mode) != S_ISDIR(node->mode)) {
		return S_ISDIR(node->mode) ? -ENOTDIR : -EISDIR;
	}
	return S_ISDIR(node->mode) && victim->dir.first ? -ENOTEMPTY : 0;
}

int tree_rename(struct node *from, const char *name, struct node *to, const char *to_name,
		bool may_replace, struct stamp now)
{
	int rc = check_new_name(to, to_name);

	if (from->peer != to->peer) {
		return -EXDEV;
	}
	struct entry *entry = entry_find(from, name), *target = entry_find(to, to_name);

	if (rc || !entry) {
		return rc ? rc : -ENOENT;
	}
	struct node *node = entry->node;

	if (target && !may_replace) {
		return -EEXIST;
	}
	if (target && target->node == node) {
		return 0;
	}
	rc = target ? check_replace(node, target->node) : entry_add(to, to_name, node);
	if (rc) {
		return rc;
	}
	if (target) {
		struct node *victim = target->node;

		target->node = node;
		lose_name(to, victim, now);
	}
	entry_drop(entry);
	if (S_ISDIR(node->mode)) {
		from->nlink--;
		to->nlink++;
		node->dir.parent = to;
	}
	node->ctime_ns = now.real_ns;
	dir_touch(from, now);
	dir_touch(to, now);
	return 0;
}
