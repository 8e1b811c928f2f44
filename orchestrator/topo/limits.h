/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * limits - bounds on experiments, and what lento keeps for itself.
 */
#ifndef LENTO_LIMITS_H
#define LENTO_LIMITS_H

#include <stdint.h>

/* 198.19.255.0/24: lento's own probe host lives there; no group may. */
#define RESERVED_PROBE_NETWORK UINT32_C(0xc613ff00)
#define RESERVED_PROBE_BITS 24u
#define RESERVED_PROBE_IP (RESERVED_PROBE_NETWORK + 1)

#define LIMIT_PEERS 16384u
#define LIMIT_REPLICAS 1000u
#define LIMIT_LANS 16384u
#define LIMIT_NAME_CHARS 40u       /* of an experiment, a link, a group, an image */
#define LIMIT_TIME_NS INT64_C(2592000000000000)  /* 30 days: any instant of a run */
#define LIMIT_DELAY_NS INT64_C(60000000000)      /* 1 min one way, a light minute */
#define LIMIT_RATE_BPS UINT64_C(1000000000000)   /* 1 Tbit/s */
#define LIMIT_QUEUE_BYTES (UINT64_C(1) << 30)
#define LIMIT_QUEUE_PACKETS 1000000u
#define LIMIT_QUEUE_NS INT64_C(60000000000)
#define LIMIT_PAYLOAD_BYTES (UINT64_C(1) << 40)
#define LIMIT_PIECES 1000000u

#define LIMIT_SNAP_MIN 20u         /* an IPv4 header, of each captured packet */
#define LIMIT_SNAP_MAX 65535u      /* the largest IP packet */

#define LIMIT_OVERHEAD_BYTES 256u
#define LIMIT_MTU_MIN 576u         /* what any IPv4 host must take, RFC 1122 */
#define FRAME_BYTES 1500u          /* an IP packet of full size */

/* RFC 4787 (UDP), RFC 5382 (TCP), RFC 5508 (ICMP): what they recommend, or ask for at least. */
#define DEFAULT_NAT_UDP_NS INT64_C(300000000000)
#define DEFAULT_NAT_TCP_NS INT64_C(7440000000000)
#define DEFAULT_NAT_TCP_TRANSITORY_NS INT64_C(240000000000)
#define DEFAULT_NAT_ICMP_NS INT64_C(60000000000)
#define DEFAULT_NAT_PORT_MIN 1024u

/* Where a link names no queue: as many bytes as its rate sends in this time, but
 * some frames at least, so that a modem's link still takes a TCP window. */
#define DEFAULT_QUEUE_NS INT64_C(200000000)
#define DEFAULT_QUEUE_FRAMES 10u
#define DEFAULT_QUEUE_PACKETS 1000u /* of a link without a rate */

/* RED: max is a half of the limit, so that gentle's end, 2 max, is the limit; min a third
 * of max, as Floyd and Jacobson advise; the weight is theirs, the probability gentle's. */
#define DEFAULT_RED_MAX_PART 2u
#define DEFAULT_RED_MIN_PART 6u
#define DEFAULT_RED_PROBABILITY 0.1
#define DEFAULT_RED_WEIGHT 0.002
/* CoDel (RFC 8289), but the target is not below the time of one frame (RFC 8290). */
#define DEFAULT_CODEL_TARGET_NS INT64_C(5000000)
#define DEFAULT_CODEL_INTERVAL_NS INT64_C(100000000)

#endif
