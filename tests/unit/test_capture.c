// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capture files, made on invented time.  What is in them is read by test_capture.py, which has
 * a reader of its own:
 *
 *	test_capture --write DIR    makes DIR/small.pcapng and DIR/flood.pcapng, and prints what
 *	                            they should hold
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "wire/capture.h"
#include "wire/pcapng.h"

#define LINKS 3
#define OFF_NS INT64_C(1500000000123456789)
#define FLOOD_PACKETS 30000
#define FLOOD_BYTES 1500

static struct {
	struct fabric *fabric;
	struct capture *capture;
	struct stats stats;
	int fd;
} net;

static enum fabric_fate deliver(void *ctx, const struct packet *pkt, virt_t due)
{
	(void)ctx;
	(void)due;
	return pkt->data[4] == 'R' ? FABRIC_REFUSED : FABRIC_DELIVERED;
}

static void open_net(const struct wire_link links[LINKS], int fd, uint32_t snap)
{
	struct fabric_config cfg = {
		.max_links = LINKS, .max_groups = 2, .seed = 7, .buffer_bytes = 1 << 20,
		.stats = &net.stats, .deliver = deliver,
	};
	struct err err;
	int stats_fd;

	assert_int_equal(stats_create(&net.stats, LINKS, &stats_fd, &err), 0);
	close(stats_fd);
	assert_int_equal(fabric_create(&cfg, &net.fabric, &err), 0);
	assert_int_equal(capture_create(LINKS, net.stats.links, &net.capture, &err), 0);
	for (uint32_t i = 0; i < LINKS; i++) {
		struct wire_link link = links[i];

		link.ip = 0x0a000001 + i;
		assert_int_equal(fabric_add_link(net.fabric, (virt_t){0}, i, &link, &err), 0);
	}
	assert_int_equal(capture_add(net.capture, 0, "leechers-1", snap, fd, OFF_NS, &err), 0);
	fabric_watch(net.fabric, capture_observe, net.capture);
}

static void close_net(void)
{
	capture_destroy(net.capture);
	fabric_destroy(net.fabric);
	stats_unmap(&net.stats);
}

static void send_packet(int64_t now_ns, uint32_t src, uint32_t dst, uint32_t len, uint8_t tag)
{
	struct packet *pkt;

	fabric_run(net.fabric, (virt_t){now_ns});
	pkt = fabric_buffer(net.fabric);
	assert_non_null(pkt);
	memset(pkt->data, 0, len);
	pkt->data[0] = 0x45;
	pkt->data[2] = (uint8_t)(len >> 8);
	pkt->data[3] = (uint8_t)len;
	pkt->data[4] = tag;
	pkt->data[8] = 64;
	pkt->data[9] = 253;
	pkt->data[12] = pkt->data[16] = 10;
	pkt->data[15] = (uint8_t)(1 + src);
	pkt->data[19] = (uint8_t)(1 + dst);
	fabric_feed(net.fabric, (virt_t){now_ns}, src, pkt, len);
}

/* --- the files that are read by others ----------------------------------------- */

/* 125000 B/s up; each kind of fate once or a few times, at known instants. */
static void write_small(const char *path)
{
	struct wire_link links[LINKS] = {
		{.line[WIRE_UP] = {.rate_bps = 1000000, .limit_packets = 2, .delay_ns = NS_PER_MS}},
	};
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct err err;

	assert_true(fd >= 0);
	open_net(links, fd, 40);
	for (uint8_t i = 0; i < 4; i++) {
		send_packet(0, 0, 1, 1000, i);   /* two are sent, two find the queue full */
	}
	send_packet(NS_PER_S, 1, 0, 61, 'A');    /* arrives at once */
	send_packet(NS_PER_S, 1, 0, 61, 'R');    /* is refused */
	send_packet(NS_PER_S, 0, 9, 20, 'U');    /* to nobody */
	send_packet(NS_PER_S, 1, 2, 50, 'x');    /* none of ours */
	links[0].ip = 0x0a000001;
	links[0].line[WIRE_UP].loss.good = 1;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){NS_PER_S}, 0, &links[0], &err), 0);
	send_packet(2 * NS_PER_S, 0, 1, 125, 'L'); /* is lost a millisecond later */
	fabric_run(net.fabric, (virt_t){3 * NS_PER_S});
	links[0].line[WIRE_DOWN].cut = true;
	assert_int_equal(fabric_set_link(net.fabric, (virt_t){3 * NS_PER_S}, 0, &links[0], &err), 0);
	send_packet(3 * NS_PER_S + 1, 1, 0, 33, 'C'); /* comes to a line that is cut */
	fabric_run(net.fabric, (virt_t){4 * NS_PER_S});
	close_net();
}

struct drain {
	int from, to;
};

static void *drain(void *arg)
{
	const struct drain *d = arg;
	char bytes[65536];
	ssize_t n;

	while ((n = read(d->from, bytes, sizeof(bytes))) > 0) {
		assert_int_equal(fs_write_all(d->to, bytes, (size_t)n), 0);
	}
	return NULL;
}

/* A reader that is asleep at first: the ring overflows.  Gives what was captured and what not. */
static void write_flood(const char *path, uint64_t *captured, uint64_t *missing)
{
	const struct wire_link links[LINKS] = {0};
	struct drain d = {.to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)};
	int ends[2];
	pthread_t thread;

	assert_true(d.to >= 0);
	assert_int_equal(pipe(ends), 0);
	d.from = ends[0];
	open_net(links, ends[1], UINT32_MAX);
	for (int i = 0; i < FLOOD_PACKETS; i++) {
		send_packet(i, 0, 1, FLOOD_BYTES, 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, drain, &d), 0);
	capture_destroy(net.capture);
	net.capture = NULL;
	fabric_watch(net.fabric, NULL, NULL);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(ends[0]);
	close(d.to);
	*captured = net.stats.links[0].captured;
	*missing = net.stats.links[0].capture_missing;
	close_net();
}

static int write_files(const char *dir)
{
	char *small = str_format("%s/small.pcapng", dir), *flood = str_format("%s/flood.pcapng", dir);
	uint64_t captured = 0, missing = 0;

	write_small(small);
	write_flood(flood, &captured, &missing);
	printf("%llu %llu %llu\n", (unsigned long long)OFF_NS, (unsigned long long)captured,
	       (unsigned long long)missing);
	free(small);
	free(flood);
	return 0;
}

/* --- tests ---------------------------------------------------------------------- */

static void overflow_is_counted(void **state)
{
	uint64_t captured, missing;

	(void)state;
	write_flood("/dev/null", &captured, &missing);
	assert_int_equal(captured + missing, FLOOD_PACKETS);
	assert_true(missing > FLOOD_PACKETS / 4 && captured > FLOOD_PACKETS / 4);
}

static void full_disk_is_counted(void **state)
{
	const struct wire_link links[LINKS] = {0};

	(void)state;
	open_net(links, open("/dev/full", O_WRONLY), 65535);
	for (int i = 0; i < 1000; i++) {
		send_packet(i, 0, 1, FLOOD_BYTES, 0);
	}
	capture_destroy(net.capture);
	net.capture = NULL;
	fabric_watch(net.fabric, NULL, NULL);
	assert_int_equal(net.stats.links[0].captured, 0);
	assert_int_equal(net.stats.links[0].capture_missing, 1000);
	close_net();
}

static void nonsense_is_refused(void **state)
{
	const struct wire_link links[LINKS] = {0};
	struct err err;

	(void)state;
	open_net(links, open("/dev/null", O_WRONLY), 1);
	assert_int_equal(capture_add(net.capture, 0, "again", 1, -1, 0, &err), -1);
	assert_int_equal(capture_add(net.capture, LINKS, "none", 1, -1, 0, &err), -1);
	assert_int_equal(capture_add(net.capture, 1, "nothing", 0, -1, 0, &err), -1);
	close_net();
}

static void room_is_enough(void **state)
{
	static const uint8_t data[2048];
	uint8_t block[4096];
	char comment[400];

	(void)state;
	memset(comment, 'c', sizeof(comment));
	for (uint32_t text = 0; text < sizeof(comment); text += 7) {
		comment[text] = '\0';
		for (uint32_t len = 0; len < 9; len++) {
			struct pcapng_packet p = {
				.data = data, .captured = len, .len = len, .comment = comment,
				.missing = 1,
			};
			size_t used = pcapng_packet(block, &p);

			assert_true(used <= pcapng_packet_room(len, comment) && used % 4 == 0);
		}
		comment[text] = 'c';
	}
	comment[399] = '\0';
	assert_true(pcapng_section(block, comment) <= PCAPNG_BLOCK_BYTES);
	assert_true(pcapng_interface(block, comment, comment, 1) <= PCAPNG_BLOCK_BYTES);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overflow_is_counted),
		cmocka_unit_test(full_disk_is_counted),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(room_is_enough),
	};

	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		return write_files(argv[2]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
