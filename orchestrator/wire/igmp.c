// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/igmp.h"

enum {
	IGMP_V1_REPORT = 0x12, IGMP_V2_REPORT = 0x16, IGMP_V2_LEAVE = 0x17, IGMP_V3_REPORT = 0x22,
	MLD_V1_REPORT = 131, MLD_V1_DONE = 132, MLD_V2_REPORT = 143,
};

/* Group records of IGMPv3 and MLDv2 (RFC 3376, 4.2.12). */
enum {
	MODE_IS_INCLUDE = 1, MODE_IS_EXCLUDE, CHANGE_TO_INCLUDE, CHANGE_TO_EXCLUDE,
	ALLOW_NEW_SOURCES, BLOCK_OLD_SOURCES,
};

/* How wide an address is in a report, and how it is read. */
struct family {
	size_t bytes;
	struct ip_addr (*address)(const uint8_t *bytes);
};

static struct ip_addr address_v4(const uint8_t *bytes)
{
	return ip_v4(ip_be32(bytes));
}

static const struct family v4 = {4, address_v4};
static const struct family v6 = {16, ip_from_bytes};

static void tell(igmp_change_fn change, void *ctx, struct ip_addr group, bool joins)
{
	if (ip_is_multicast(group)) {
		change(ctx, group, joins);
	}
}

static void read_record(const uint8_t *record, const struct family *family, unsigned sources,
			igmp_change_fn change, void *ctx)
{
	struct ip_addr group = family->address(record + 4);

	switch (record[0]) {
	case MODE_IS_EXCLUDE:
	case CHANGE_TO_EXCLUDE:
		tell(change, ctx, group, true);
		break;
	case MODE_IS_INCLUDE:
	case CHANGE_TO_INCLUDE:
		/* Of no sources: nothing more is wanted. */
		tell(change, ctx, group, sources > 0);
		break;
	case ALLOW_NEW_SOURCES:
		tell(change, ctx, group, true);
		break;
	default: /* BLOCK_OLD_SOURCES: others may be left */
		break;
	}
}

static void read_records(const uint8_t *report, size_t len, const struct family *family,
			 igmp_change_fn change, void *ctx)
{
	unsigned count = ip_be16(report + 6);
	size_t at = 8;

	while (count-- > 0 && len - at >= 4 + family->bytes) {
		const uint8_t *record = report + at;
		unsigned sources = ip_be16(record + 2);
		size_t bytes = 4 + family->bytes + sources * family->bytes + record[1] * 4u;

		if (len - at < bytes) {
			return;
		}
		read_record(record, family, sources, change, ctx);
		at += bytes;
	}
}

void igmp_read(const uint8_t *data, size_t len, const struct ip_head *head,
	       igmp_change_fn change, void *ctx)
{
	const uint8_t *message = data + head->payload;

	if (head->is_fragment || len < head->payload + 8) {
		return;
	}
	len -= head->payload;
	if (ip_is_v4(head->src) && head->proto == IP_IGMP) {
		switch (message[0]) {
		case IGMP_V1_REPORT:
		case IGMP_V2_REPORT:
		case IGMP_V2_LEAVE:
			tell(change, ctx, address_v4(message + 4), message[0] != IGMP_V2_LEAVE);
			break;
		case IGMP_V3_REPORT:
			read_records(message, len, &v4, change, ctx);
			break;
		}
	} else if (!ip_is_v4(head->src) && head->proto == IP_ICMP6) {
		switch (message[0]) {
		case MLD_V1_REPORT:
		case MLD_V1_DONE:
			if (len >= 24) {
				tell(change, ctx, ip_from_bytes(message + 8),
				     message[0] == MLD_V1_REPORT);
			}
			break;
		case MLD_V2_REPORT:
			read_records(message, len, &v6, change, ctx);
			break;
		}
	}
}
