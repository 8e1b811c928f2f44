/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng - the blocks of a capture file, as draft-ietf-opsawg-pcapng has them, in the
 * byte order of this machine.  Pure: each function writes one block to memory and returns its
 * length, always a multiple of 4.
 *
 * Packets are bare IP (LINKTYPE_RAW), time stamps are nanoseconds since 1970.
 */
#ifndef LENTO_PCAPNG_H
#define LENTO_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any block but a packet's; texts beyond it are cut off. */
#define PCAPNG_BLOCK_BYTES 512

struct pcapng_packet {
	uint32_t interface;      /* number of its block, from 0 */
	int64_t at_ns;
	const void *data;
	uint32_t captured, len;  /* bytes at @data, bytes that the packet had */
	bool outbound;           /* from the peer; else to it */
	const char *comment;     /* NULL: none */
	uint64_t missing;        /* packets since the last one that were not captured */
};

struct pcapng_statistics {
	uint32_t interface;
	int64_t at_ns;
	uint64_t received, missing;
};

/* What a packet's block takes at most. */
size_t pcapng_packet_room(uint32_t captured, const char *comment);

size_t pcapng_section(void *block, const char *program);
size_t pcapng_interface(void *block, const char *name, const char *description, uint32_t snap);
size_t pcapng_packet(void *block, const struct pcapng_packet *packet);
size_t pcapng_statistics(void *block, const struct pcapng_statistics *statistics);

#endif
