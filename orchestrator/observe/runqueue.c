// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/runqueue.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"

struct thread {
	pid_t tid;
	bool seen; /* at this look */
	struct runqueue_times last;
};

struct watched {
	struct thread *threads;
	unsigned count, room;
	bool known; /* it has been looked at before, at these instants */
	wall_t wall;
	virt_t virt;
	struct runqueue_times sum;
};

struct runqueue {
	char *root;
	uint32_t count;
	struct watched *now;         /* the one being looked at */
	struct runqueue_times fresh; /* since its last look */
	struct watched peers[];
};

int runqueue_create(const char *root, uint32_t peers, struct runqueue **out, struct err *err)
{
	struct runqueue *rq = calloc(1, sizeof(*rq) + peers * sizeof(rq->peers[0]));

	if (!rq) {
		return err_errno(err, ERR_FAILED, "watching the run queues of %u peers", peers);
	}
	rq->root = str_format("%s", root);
	rq->count = peers;
	*out = rq;
	return 0;
}

void runqueue_destroy(struct runqueue *rq)
{
	if (!rq) {
		return;
	}
	for (uint32_t i = 0; i < rq->count; i++) {
		free(rq->peers[i].threads);
	}
	free(rq->root);
	free(rq);
}

bool runqueue_parse(const char *text, struct runqueue_times *thread)
{
	return sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &thread->cpu_wns, &thread->wait_wns,
		      &thread->turns) == 3;
}

const struct runqueue_times *runqueue_of(const struct runqueue *rq, uint32_t peer)
{
	return &rq->peers[peer].sum;
}

/* NULL when there is no memory: then this thread is not counted. */
static struct thread *find_thread(struct watched *w, pid_t tid)
{
	for (unsigned i = 0; i < w->count; i++) {
		if (w->threads[i].tid == tid) {
			return &w->threads[i];
		}
	}
	if (w->count == w->room) {
		unsigned room = w->room ? 2 * w->room : 4;
		struct thread *grown = reallocarray(w->threads, room, sizeof(*grown));

		if (!grown) {
			return NULL;
		}
		w->threads = grown;
		w->room = room;
	}
	w->threads[w->count] = (struct thread){ .tid = tid };
	return &w->threads[w->count++];
}

static bool read_thread(int task_dir, const char *tid, struct runqueue_times *out)
{
	char name[32], text[96];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%.15s/schedstat", tid);
	fd = openat(task_dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return runqueue_parse(text, out);
}

/* All that a new thread has done it did since the last look. */
static void look_at(struct runqueue *rq, int task_dir, const char *tid)
{
	struct runqueue_times now = { 0 };
	struct thread *t;

	if (!read_thread(task_dir, tid, &now)) {
		return;
	}
	t = find_thread(rq->now, (pid_t)strtol(tid, NULL, 10));
	/* Counters that went back are another thread's, which got the number of one that ended. */
	if (t && (now.cpu_wns < t->last.cpu_wns || now.turns < t->last.turns)) {
		t->last = (struct runqueue_times){ 0 };
	}
	if (t) {
		rq->fresh.cpu_wns += now.cpu_wns - t->last.cpu_wns;
		rq->fresh.wait_wns += now.wait_wns - t->last.wait_wns;
		rq->fresh.turns += now.turns - t->last.turns;
		t->last = now;
		t->seen = true;
	}
}

void runqueue_begin(struct runqueue *rq, uint32_t peer)
{
	rq->now = &rq->peers[peer];
	rq->fresh = (struct runqueue_times){ 0 };
}

void runqueue_process(struct runqueue *rq, pid_t pid)
{
	CLEAN_FREE char *path = str_format("%s/proc/%d/task", rq->root, (int)pid);
	CLEAN_CLOSEDIR DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] != '.') {
			look_at(rq, dirfd(dir), e->d_name);
		}
	}
}

static void forget_unseen(struct watched *w)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < w->count; i++) {
		if (w->threads[i].seen) {
			w->threads[kept] = w->threads[i];
			w->threads[kept++].seen = false;
		}
	}
	w->count = kept;
}

void runqueue_end(struct runqueue *rq, wall_t wall, virt_t virt)
{
	struct watched *w = rq->now;
	int64_t passed_wns = wall.ns - w->wall.ns;

	forget_unseen(w);
	if (w->known && passed_wns > 0) {
		w->sum.cpu_wns += rq->fresh.cpu_wns;
		w->sum.wait_wns += rq->fresh.wait_wns;
		w->sum.turns += rq->fresh.turns;
		w->sum.wait_vns += (double)rq->fresh.wait_wns * (double)(virt.ns - w->virt.ns) /
				   (double)passed_wns;
	}
	w->known = w->known || w->count > 0;
	w->wall = wall;
	w->virt = virt;
}
