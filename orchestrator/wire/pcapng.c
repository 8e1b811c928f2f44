// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/pcapng.h"

#include <string.h>

#define LINKTYPE_RAW 101
#define RESOLUTION_NS 9          /* 10^-9 s */
#define PACKET_FIXED_BYTES 32    /* with both lengths */
#define PACKET_OPTION_BYTES 32   /* flags, missing, the end of options and a comment's head */
#define TEXT_BYTES 160

enum block_type { SECTION = 0x0a0d0d0a, INTERFACE = 1, STATISTICS = 5, PACKET = 6 };

enum option {
	END_OF_OPTIONS = 0, COMMENT = 1,
	SECTION_PROGRAM = 4,
	INTERFACE_NAME = 2, INTERFACE_DESCRIPTION = 3, INTERFACE_RESOLUTION = 9,
	PACKET_FLAGS = 2, PACKET_MISSING = 4,
	STATISTICS_RECEIVED = 4, STATISTICS_MISSING = 5,
};

/* A block while it is written: its total length stands at both ends. */
struct block {
	uint8_t *start, *at;
};

static void put(struct block *b, const void *data, size_t len)
{
	size_t pad = -len & 3;

	memcpy(b->at, data, len);
	memset(b->at + len, 0, pad);
	b->at += len + pad;
}

static void put16(struct block *b, uint16_t low, uint16_t high)
{
	const uint16_t pair[2] = {low, high};

	put(b, pair, sizeof(pair));
}

static void put32(struct block *b, uint32_t value)
{
	put(b, &value, sizeof(value));
}

static void put_instant(struct block *b, int64_t ns)
{
	put32(b, (uint32_t)((uint64_t)ns >> 32));
	put32(b, (uint32_t)(uint64_t)ns);
}

static struct block block_begin(void *memory, enum block_type type)
{
	struct block b = {.start = memory, .at = memory};

	put32(&b, type);
	put32(&b, 0);
	return b;
}

static size_t block_end(struct block *b)
{
	uint32_t len = (uint32_t)(b->at - b->start) + 4;

	memcpy(b->start + 4, &len, sizeof(len));
	put32(b, len);
	return len;
}

static void put_option(struct block *b, enum option code, const void *value, size_t len)
{
	put16(b, (uint16_t)code, (uint16_t)len);
	put(b, value, len);
}

static void put_text(struct block *b, enum option code, const char *text)
{
	put_option(b, code, text, strnlen(text, TEXT_BYTES));
}

static void put_count(struct block *b, enum option code, uint64_t count)
{
	put_option(b, code, &count, sizeof(count));
}

size_t pcapng_section(void *block, const char *program)
{
	struct block b = block_begin(block, SECTION);

	put32(&b, UINT32_C(0x1a2b3c4d));
	put16(&b, 1, 0);            /* version */
	put32(&b, UINT32_MAX);      /* length of the section: unknown, */
	put32(&b, UINT32_MAX);      /* in 64 bits */
	put_text(&b, SECTION_PROGRAM, program);
	put16(&b, END_OF_OPTIONS, 0);
	return block_end(&b);
}

size_t pcapng_interface(void *block, const char *name, const char *description, uint32_t snap)
{
	const uint8_t resolution = RESOLUTION_NS;
	struct block b = block_begin(block, INTERFACE);

	put16(&b, LINKTYPE_RAW, 0);
	put32(&b, snap);
	put_text(&b, INTERFACE_NAME, name);
	put_text(&b, INTERFACE_DESCRIPTION, description);
	put_option(&b, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	put16(&b, END_OF_OPTIONS, 0);
	return block_end(&b);
}

size_t pcapng_packet_room(uint32_t captured, const char *comment)
{
	size_t text = comment ? strnlen(comment, TEXT_BYTES) : 0;

	return PACKET_FIXED_BYTES + ((captured + 3u) & ~3u) + PACKET_OPTION_BYTES +
	       ((text + 3) & ~(size_t)3);
}

size_t pcapng_packet(void *block, const struct pcapng_packet *p)
{
	const uint32_t flags = p->outbound ? 2 : 1;
	struct block b = block_begin(block, PACKET);

	put32(&b, p->interface);
	put_instant(&b, p->at_ns);
	put32(&b, p->captured);
	put32(&b, p->len);
	put(&b, p->data, p->captured);
	put_option(&b, PACKET_FLAGS, &flags, sizeof(flags));
	if (p->missing) {
		put_count(&b, PACKET_MISSING, p->missing);
	}
	if (p->comment) {
		put_text(&b, COMMENT, p->comment);
	}
	put16(&b, END_OF_OPTIONS, 0);
	return block_end(&b);
}

size_t pcapng_statistics(void *block, const struct pcapng_statistics *s)
{
	struct block b = block_begin(block, STATISTICS);

	put32(&b, s->interface);
	put_instant(&b, s->at_ns);
	put_count(&b, STATISTICS_RECEIVED, s->received);
	put_count(&b, STATISTICS_MISSING, s->missing);
	put16(&b, END_OF_OPTIONS, 0);
	return block_end(&b);
}
