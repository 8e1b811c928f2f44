// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/capture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "wire/pcapng.h"

#define RING_BYTES (UINT64_C(16) << 20)
#define SNAP_MAX 65535u
#define FILE_BUFFER_BYTES (96u << 10)  /* takes the largest block; memory as it is used */
#define SWEEP_WNS (5 * NS_PER_MS)
#define FLUSH_SWEEPS 100        /* how often a reader of the file sees more */

enum { IF_ETH0, IF_DROPS, INTERFACES };

/* In front of each block in the ring. */
struct ring_head {
	uint32_t id;
	uint32_t interface;
	int64_t at_ns;
	uint64_t bytes;         /* of the block, which follows */
};

#define RING_ALIGN 8u

/* Heads are read where they lie, so they are kept aligned. */
static uint64_t ring_step(const struct ring_head *head)
{
	return (sizeof(*head) + head->bytes + RING_ALIGN - 1) & ~(uint64_t)(RING_ALIGN - 1);
}

/* The packet thread's side of a file. */
struct source {
	uint32_t snap;          /* 0: not captured */
	int64_t realtime_off_ns;
	uint64_t missing;       /* since the last block */
	uint64_t all_missing[INTERFACES];
};

/* The writing thread's side; made before the first block of the file is in the ring. */
struct sink {
	int fd;
	uint32_t used, packets; /* in the buffer */
	uint64_t written;       /* bytes, whole blocks */
	uint64_t all[INTERFACES]; /* packets, captured or missing after a failure */
	int64_t last_ns;        /* stamp of the newest */
	bool failed;
	uint8_t *buffer;        /* NULL: not captured */
};

struct capture {
	uint32_t max_links;
	struct wire_link_stats *stats;
	struct source *sources;     /* by link id */
	struct sink *sinks;
	uint8_t *ring;
	uint64_t head, tail;        /* bytes put in and taken out, ever */
	bool ending;
	bool has_thread;
	pthread_t thread;
};

/* Which line it was follows from the packet's direction. */
static const char *const reasons[FABRIC_SIGHTS] = {
	[FABRIC_QUEUE_FULL] = "dropped, queue: full",
	[FABRIC_EARLY] = "dropped, queue: early, by RED or CoDel",
	[FABRIC_LOST] = "dropped, loss: as configured",
	[FABRIC_CUT] = "dropped, loss: the way is cut",
	[FABRIC_FAULT] = "dropped, fault: of the emulator",
	[FABRIC_UNKNOWN] = "dropped, address: nobody has the destination",
	[FABRIC_SPOOFED] = "dropped, address: the source is not the peer's",
	[FABRIC_MALFORMED] = "dropped, malformed: not one whole IP packet",
	[FABRIC_NAT] = "dropped, nat: not translated by the gateway",
};

/* Both threads count here, unlike all other counters. */
static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* --- the packet thread ------------------------------------------------------ */

void capture_observe(void *ctx, uint32_t id, int dir, enum fabric_sight sight,
		     const struct packet *pkt, virt_t at)
{
	struct capture *c = ctx;
	struct source *source = &c->sources[id];
	const char *comment = reasons[sight];
	uint32_t interface = sight == FABRIC_PASSED ? IF_ETH0 : IF_DROPS;
	uint32_t captured = pkt->len < source->snap ? pkt->len : source->snap;
	size_t room = sizeof(struct ring_head) + pcapng_packet_room(captured, comment) + RING_ALIGN;
	struct ring_head *head;

	if (!source->snap) {
		return;
	}
	if (c->head - __atomic_load_n(&c->tail, __ATOMIC_ACQUIRE) + room > RING_BYTES) {
		source->missing++;
		source->all_missing[interface]++;
		count(&c->stats[id].capture_missing, 1);
		return;
	}
	head = (struct ring_head *)(c->ring + c->head % RING_BYTES);
	*head = (struct ring_head){
		.id = id, .interface = interface, .at_ns = at.ns + source->realtime_off_ns,
	};
	head->bytes = pcapng_packet(head + 1, &(struct pcapng_packet){
		.interface = interface, .at_ns = head->at_ns,
		.data = pkt->data, .captured = captured, .len = pkt->len,
		.outbound = dir == WIRE_UP, .comment = comment, .missing = source->missing,
	});
	source->missing = 0;
	__atomic_store_n(&c->head, c->head + ring_step(head), __ATOMIC_RELEASE);
}

/* --- the writing thread ----------------------------------------------------- */

static void flush(struct capture *c, uint32_t id)
{
	struct sink *sink = &c->sinks[id];

	if (sink->used && fs_write_all(sink->fd, sink->buffer, sink->used)) {
		sink->failed = true;
		(void)!ftruncate(sink->fd, (off_t)sink->written);
		count(&c->stats[id].capture_missing, sink->packets);
	} else {
		sink->written += sink->used;
		count(&c->stats[id].captured, sink->packets);
	}
	sink->used = sink->packets = 0;
}

/* An empty buffer takes any block. */
static void append(struct capture *c, uint32_t id, const void *block, size_t bytes)
{
	struct sink *sink = &c->sinks[id];

	if (sink->used + bytes > FILE_BUFFER_BYTES) {
		flush(c, id);
	}
	memcpy(sink->buffer + sink->used, block, bytes);
	sink->used += (uint32_t)bytes;
}

static void take_block(struct capture *c, const struct ring_head *head)
{
	struct sink *sink = &c->sinks[head->id];

	sink->all[head->interface]++;
	sink->last_ns = head->at_ns;
	if (sink->failed) {
		count(&c->stats[head->id].capture_missing, 1);
		return;
	}
	append(c, head->id, head + 1, head->bytes);
	sink->packets++;
}

/* False when there was nothing to do. */
static bool sweep(struct capture *c)
{
	uint64_t head = __atomic_load_n(&c->head, __ATOMIC_ACQUIRE), tail = c->tail;

	if (head == tail) {
		return false;
	}
	while (tail != head) {
		const struct ring_head *at = (struct ring_head *)(c->ring + tail % RING_BYTES);

		take_block(c, at);
		tail += ring_step(at);
		__atomic_store_n(&c->tail, tail, __ATOMIC_RELEASE);
	}
	return true;
}

static void flush_all(struct capture *c)
{
	for (uint32_t i = 0; i < c->max_links; i++) {
		if (__atomic_load_n(&c->sinks[i].buffer, __ATOMIC_ACQUIRE)) {
			flush(c, i);
		}
	}
}

static void *write_files(void *arg)
{
	const struct timespec pause = {.tv_nsec = SWEEP_WNS};
	struct capture *c = arg;

	/* Not at the emulator's own priority. */
	setpriority(PRIO_PROCESS, 0, 0);
	for (unsigned i = 1;; i++) {
		bool ending = __atomic_load_n(&c->ending, __ATOMIC_ACQUIRE);

		if (!sweep(c) && ending) {
			break;
		}
		if (i % FLUSH_SWEEPS == 0) {
			flush_all(c);
		}
		if (!ending) {
			nanosleep(&pause, NULL);
		}
	}
	flush_all(c);
	return NULL;
}

/* --- life ------------------------------------------------------------------- */

/* @bytes of memory, twice in a row. */
static uint8_t *map_ring(size_t bytes)
{
	CLEAN_CLOSE int fd = memfd_create("lento-wire-capture", MFD_CLOEXEC);
	const int access = PROT_READ | PROT_WRITE;
	uint8_t *ring;

	if (fd < 0 || ftruncate(fd, (off_t)bytes)) {
		return NULL;
	}
	ring = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED) {
		return NULL;
	}
	if (mmap(ring, bytes, access, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(ring + bytes, bytes, access, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		munmap(ring, 2 * bytes);
		return NULL;
	}
	return ring;
}

int capture_create(uint32_t max_links, struct wire_link_stats *stats, struct capture **capture,
		   struct err *err)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c) {
		return err_errno(err, ERR_FAILED, "captures");
	}
	c->max_links = max_links;
	c->stats = stats;
	c->sources = calloc(max_links, sizeof(*c->sources));
	c->sinks = calloc(max_links, sizeof(*c->sinks));
	c->ring = map_ring(RING_BYTES);
	if (!c->sources || !c->sinks || !c->ring) {
		err_errno(err, ERR_FAILED, "captures");
		goto fail;
	}
	errno = pthread_create(&c->thread, NULL, write_files, c);
	if (errno) {
		err_errno(err, ERR_FAILED, "captures: thread");
		goto fail;
	}
	c->has_thread = true;
	*capture = c;
	return 0;
fail:
	capture_destroy(c);
	return -1;
}

static size_t file_head(uint8_t *buffer, const char *name, uint32_t snap)
{
	char text[2][160];
	size_t used = pcapng_section(buffer, "lento-wire");

	snprintf(text[IF_ETH0], sizeof(text[0]), "%s: sent and received, in virtual time", name);
	snprintf(text[IF_DROPS], sizeof(text[0]), "%s: dropped on its line, in virtual time", name);
	used += pcapng_interface(buffer + used, "eth0", text[IF_ETH0], snap);
	used += pcapng_interface(buffer + used, "drops", text[IF_DROPS], snap);
	return used;
}

int capture_add(struct capture *c, uint32_t id, const char *name, uint32_t snap, int fd,
		int64_t realtime_off_ns, struct err *err)
{
	CLEAN_CLOSE int file = fd;
	uint8_t *buffer = NULL;
	struct sink *sink;

	if (id >= c->max_links || c->sources[id].snap || snap == 0) {
		return err_set(err, ERR_USAGE, "capture at link %u: there is no such link, or it is captured already", id);
	}
	buffer = mmap(NULL, FILE_BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (buffer == MAP_FAILED) {
		return err_errno(err, ERR_FAILED, "capture at link %u", id);
	}
	snap = snap < SNAP_MAX ? snap : SNAP_MAX;
	sink = &c->sinks[id];
	sink->fd = take_fd(&file);
	sink->used = (uint32_t)file_head(buffer, name, snap);
	/* The thread may look at the sink from here on. */
	__atomic_store_n(&sink->buffer, buffer, __ATOMIC_RELEASE);
	c->sources[id] = (struct source){.snap = snap, .realtime_off_ns = realtime_off_ns};
	return 0;
}

/* Once the thread has ended. */
static void finish(struct capture *c, uint32_t id)
{
	struct sink *sink = &c->sinks[id];
	uint8_t block[PCAPNG_BLOCK_BYTES];

	for (uint32_t i = 0; i < INTERFACES && !sink->failed; i++) {
		uint64_t missing = c->sources[id].all_missing[i];
		struct pcapng_statistics s = {
			.interface = i, .at_ns = sink->last_ns,
			.received = sink->all[i] + missing, .missing = missing,
		};

		append(c, id, block, pcapng_statistics(block, &s));
	}
	flush(c, id);
	close(sink->fd);
	munmap(sink->buffer, FILE_BUFFER_BYTES);
}

void capture_destroy(struct capture *c)
{
	if (!c) {
		return;
	}
	if (c->has_thread) {
		__atomic_store_n(&c->ending, true, __ATOMIC_RELEASE);
		pthread_join(c->thread, NULL);
	}
	for (uint32_t i = 0; c->sinks && i < c->max_links; i++) {
		if (c->sinks[i].buffer) {
			finish(c, i);
		}
	}
	if (c->ring) {
		munmap(c->ring, 2 * RING_BYTES);
	}
	free(c->sources);
	free(c->sinks);
	free(c);
}
