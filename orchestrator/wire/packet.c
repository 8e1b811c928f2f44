// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/packet.h"

#include <string.h>
#include <sys/mman.h>

static void *map_pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int pool_init(struct pool *pool, uint64_t bytes, struct err *err)
{
	uint64_t count = bytes / PACKET_BYTES;

	memset(pool, 0, sizeof(*pool));
	if (count < 1) {
		count = 1;
	}
	if (count > UINT32_MAX / 2) {
		return err_set(err, ERR_USAGE, "a packet buffer of %llu bytes is too large",
			       (unsigned long long)bytes);
	}
	pool->count = (uint32_t)count;
	pool->packets = map_pages(count * sizeof(*pool->packets));
	pool->slab = map_pages(count * PACKET_BYTES);
	if (!pool->packets || !pool->slab) {
		err_errno(err, ERR_FAILED, "packet buffer of %llu bytes",
			  (unsigned long long)bytes);
		pool_fini(pool);
		return -1;
	}
	for (uint32_t i = pool->count; i-- > 0;) {
		struct packet *pkt = &pool->packets[i];

		pkt->data = pool->slab + (size_t)i * PACKET_BYTES;
		pkt->next = pool->free;
		pool->free = pkt;
	}
	return 0;
}

void pool_fini(struct pool *pool)
{
	if (pool->packets) {
		munmap(pool->packets, pool->count * sizeof(*pool->packets));
	}
	if (pool->slab) {
		munmap(pool->slab, (size_t)pool->count * PACKET_BYTES);
	}
	memset(pool, 0, sizeof(*pool));
}

struct packet *pool_get(struct pool *pool)
{
	struct packet *pkt = pool->free;

	if (pkt) {
		pool->free = pkt->next;
		pkt->next = NULL;
		pool->used++;
	}
	return pkt;
}

void pool_put(struct pool *pool, struct packet *pkt)
{
	pkt->next = pool->free;
	pool->free = pkt;
	pool->used--;
}
