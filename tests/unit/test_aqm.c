// SPDX-License-Identifier: GPL-2.0-or-later
/* RED, CoDel and ECN marks, alone and in a queue, on invented time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "wire/linkq.h"

#define MS NS_PER_MS

static virt_t at(int64_t ns)
{
	return (virt_t){ns};
}

/* --- RED ------------------------------------------------------------------ */

static const struct wire_aqm red_cfg = {
	.discipline = WIRE_RED, .min_bytes = 10000, .max_bytes = 30000, .probability = 0.1,
	.weight = 0.002,
};

static struct red red_with_mean(double mean)
{
	struct red red;

	red_init(&red);
	red.mean_bytes = mean;
	return red;
}

static void red_mean_follows_the_queue(void **state)
{
	struct red red;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	red_init(&red);
	for (unsigned i = 1; i <= 1000; i++) {
		red_arrival(&red, &red_cfg, 1000000, at(i), 8000, &rng);
		assert_true(fabs(red.mean_bytes - 8000 * (1 - pow(1 - 0.002, i))) < 1e-6);
	}
	/* Idle for the time of 100 small packets: as if so many had come to an empty queue. */
	red = red_with_mean(8000);
	red_idle(&red, at(5 * MS));
	red_arrival(&red, &red_cfg, 1000000, at(405 * MS), 0, &rng);
	assert_true(fabs(red.mean_bytes - 8000 * pow(1 - 0.002, 100)) < 1e-6);
}

static double hit_share(double mean, unsigned n, enum aqm_verdict what)
{
	unsigned hits = 0;
	struct rng rng;

	rng_seed(&rng, 2);
	for (unsigned i = 0; i < n; i++) {
		struct red red = red_with_mean(mean);

		hits += red_arrival(&red, &red_cfg, 1000000, at(0), (uint64_t)mean, &rng) == what;
	}
	return (double)hits / n;
}

/* The chance at each mean: nothing, up to 0.1 at max, on to 1 at twice of it. */
static void red_chance_rises(void **state)
{
	(void)state;
	assert_true(hit_share(9999, 1000, AQM_PASS) == 1);
	assert_true(fabs(hit_share(20000, 100000, AQM_HIT) - 0.05) < 0.0025);
	assert_true(fabs(hit_share(30000, 100000, AQM_HIT) - 0.1) < 0.0035);
	assert_true(fabs(hit_share(45000, 100000, AQM_HIT) - 0.55) < 0.006);
	assert_true(hit_share(60000, 1000, AQM_DROP) == 1);
	assert_true(hit_share(59000, 1000, AQM_DROP) == 0);
}

/* At a mean that stands, the distance of two hits is uniform from 1 to 1 / chance. */
static void red_hits_are_spaced(void **state)
{
	enum { DISTANCES = 20, HITS = 20000 };
	unsigned seen[DISTANCES] = {0}, distance = 0, hits = 0;
	double chi = 0;
	struct red red = red_with_mean(20000);
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	while (hits < HITS) {
		distance++;
		assert_true(distance <= DISTANCES);
		if (red_arrival(&red, &red_cfg, 1000000, at(0), 20000, &rng) == AQM_HIT) {
			seen[distance - 1]++;
			hits++;
			distance = 0;
		}
	}
	for (unsigned i = 0; i < DISTANCES; i++) {
		double expected = (double)HITS / DISTANCES;

		chi += (seen[i] - expected) * (seen[i] - expected) / expected;
	}
	/* 19 degrees of freedom: 43.8 is passed by chance once in 1000. */
	assert_true(chi < 43.8);
}

/* --- a queue under load ----------------------------------------------------- */

#define PACKETS 4096
#define PACKET_LEN 1000

static struct {
	struct linkq q;
	struct wire_dir_stats stats;
	struct packet packets[PACKETS];
	uint8_t data[PACKETS][20];
	struct packet *free;
	unsigned fed, out, full;
	double wait_sum_ns;
	int64_t wait_max_ns;
} bed;

static void open_bed(struct wire_line line)
{
	struct rng rng[LINKQ_DRAWS];

	memset(&bed, 0, sizeof(bed));
	for (uint64_t i = 0; i < LINKQ_DRAWS; i++) {
		rng_stream(&rng[i], 1, "test", i);
	}
	linkq_init(&bed.q, &line, rng, &bed.stats);
	for (unsigned i = 0; i < PACKETS; i++) {
		bed.packets[i].data = bed.data[i];
		bed.packets[i].next = bed.free;
		bed.free = &bed.packets[i];
	}
}

static void put_back(struct packet *pkt)
{
	pkt->next = bed.free;
	bed.free = pkt;
}

static void fetch_dropped(void)
{
	struct packet *pkt;

	while ((pkt = linkq_dropped(&bed.q))) {
		put_back(pkt);
	}
}

static void send_until(int64_t ns)
{
	virt_t when;
	bool lost;

	while (linkq_next(&bed.q, &when) && when.ns <= ns) {
		struct packet *pkt = linkq_take(&bed.q, &lost);
		int64_t wait_ns = when.ns - pkt->since.ns;

		bed.out++;
		bed.wait_sum_ns += (double)wait_ns;
		bed.wait_max_ns = wait_ns > bed.wait_max_ns ? wait_ns : bed.wait_max_ns;
		put_back(pkt);
		fetch_dropped();
	}
}

/* Packets @gap_ns apart from @from to @until; @ecn as in the header's two bits. */
static void load(int64_t from, int64_t until, int64_t gap_ns, uint8_t ecn)
{
	for (int64_t now = from; now < until; now += gap_ns) {
		struct packet *pkt;

		send_until(now);
		pkt = bed.free;
		assert_non_null(pkt);
		bed.free = pkt->next;
		pkt->len = PACKET_LEN;
		memset(pkt->data, 0, 20);
		pkt->data[1] = ecn;
		bed.fed++;
		if (!linkq_feed(&bed.q, at(now), pkt)) {
			bed.full++;
			put_back(pkt);
		}
		fetch_dropped();
	}
}

/* 10 Mbit/s: a packet of 1000 bytes each 0.8 ms. */
static const struct wire_line codel_line = {
	.rate_bps = 10000000, .limit_packets = 2000,
	.aqm = {.discipline = WIRE_CODEL, .target_ns = 5 * MS, .interval_ns = 100 * MS},
};

static void codel_leaves_a_short_burst_alone(void **state)
{
	(void)state;
	open_bed(codel_line);
	/* 50 packets at once wait up to 40 ms, but for less than an interval. */
	load(0, 50, 1, 0);
	send_until(NS_PER_S);
	assert_int_equal(bed.out, 50);
	assert_int_equal(bed.stats.early_drops, 0);
	/* A queue that stands below the target, for long. */
	load(NS_PER_S, NS_PER_S + 4, 1, 0);
	load(NS_PER_S + 4, 4 * NS_PER_S, 800 * NS_PER_US, 0);
	assert_int_equal(bed.stats.early_drops, 0);
}

/*
 * Sender at 105 % of the rate that does not listen: the wait passes 5 ms when the
 * surplus has made it so long, the first drop comes one interval later, and the k-th follows
 * the one before by interval / sqrt(k).
 */
static void codel_drops_faster_and_faster(void **state)
{
	int64_t drop_at[8];
	unsigned drops = 0;

	(void)state;
	open_bed(codel_line);
	for (int64_t now = 0; drops < 8; now += 760 * NS_PER_US) {
		load(now, now + 1, 1, 0);
		if (bed.stats.early_drops > drops) {
			drop_at[drops++] = now;
		}
	}
	/* 5 % of surplus: 5 ms of wait after 100 ms, then the interval. */
	assert_true(drop_at[0] > 195 * MS && drop_at[0] < 210 * MS);
	for (unsigned k = 1; k < 8; k++) {
		double expected = 100 * MS / sqrt(k);

		/* The line takes packets 0.8 ms apart; instants are held to that. */
		assert_true(fabs((double)(drop_at[k] - drop_at[k - 1]) - expected) < 1.7 * MS);
	}
	assert_int_equal(bed.stats.queue_drops, drops);
}

/* It does win: the wait comes down from that of the full queue and stays short. */
static void codel_shortens_the_wait(void **state)
{
	(void)state;
	for (int codel = 0; codel < 2; codel++) {
		struct wire_line line = codel_line;

		line.aqm.discipline = codel ? WIRE_CODEL : WIRE_DROP_TAIL;
		line.limit_packets = 500;
		open_bed(line);
		load(0, 20 * NS_PER_S, 760 * NS_PER_US, 0);
		bed.wait_sum_ns = 0;
		bed.out = 0;
		load(20 * NS_PER_S, 30 * NS_PER_S, 760 * NS_PER_US, 0);
		if (codel) {
			assert_true(bed.wait_sum_ns / bed.out < 15 * MS);
			assert_int_equal(bed.full, 0);
		} else {
			assert_true(bed.wait_sum_ns / bed.out > 390 * MS);
		}
		/* The line was never without work. */
		assert_in_range(bed.out, 12490, 12501);
	}
}

static void red_holds_the_queue(void **state)
{
	struct wire_line line = {.rate_bps = 10000000, .limit_bytes = 60000, .aqm = red_cfg};

	(void)state;
	open_bed(line);
	/* 5 % more than the line takes: RED drops as many, at half way between min and max. */
	load(0, 40 * NS_PER_S, 760 * NS_PER_US, 0);
	assert_int_equal(bed.full, 0);
	assert_true(fabs((double)bed.stats.early_drops / bed.fed - 0.05) < 0.005);
	assert_true(bed.q.red.mean_bytes > 15000 && bed.q.red.mean_bytes < 25000);
	assert_int_equal(bed.fed, bed.out + bed.stats.queue_drops + bed.q.packets);
}

static void marks_instead_of_drops(void **state)
{
	struct wire_line line = {.rate_bps = 10000000, .limit_bytes = 60000, .aqm = red_cfg};

	(void)state;
	for (int codel = 0; codel < 2; codel++) {
		line = codel ? codel_line : line;
		line.aqm.ecn = true;
		open_bed(line);
		load(0, 2 * NS_PER_S, 780 * NS_PER_US, 2);
		assert_int_equal(bed.stats.queue_drops, 0);
		assert_true(bed.stats.ecn_marks > 10);
		/* Who has not agreed is dropped. */
		open_bed(line);
		load(0, 2 * NS_PER_S, 780 * NS_PER_US, 0);
		assert_int_equal(bed.stats.ecn_marks, 0);
		assert_true(bed.stats.early_drops > 0);
	}
}

/* --- ECN ------------------------------------------------------------------ */

static uint16_t checksum(const uint8_t *ip, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void mark_keeps_the_checksum(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 4);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t ip[20], was[20];
		uint16_t sum;

		for (size_t k = 0; k < sizeof(ip); k++) {
			ip[k] = (uint8_t)rng_below(&rng, 256);
		}
		ip[0] = 0x45;
		ip[10] = ip[11] = 0;
		sum = checksum(ip, sizeof(ip));
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
		assert_int_equal(checksum(ip, sizeof(ip)), 0);
		memcpy(was, ip, sizeof(ip));
		assert_int_equal(ecn_mark(ip), (was[1] & 3) != 0);
		assert_int_equal(ip[1], was[1] & 3 ? was[1] | 3 : was[1]);
		assert_int_equal(checksum(ip, sizeof(ip)), 0);
		ip[1] = was[1];
		ip[10] = was[10];
		ip[11] = was[11];
		assert_memory_equal(ip, was, sizeof(ip));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(red_mean_follows_the_queue),
		cmocka_unit_test(red_chance_rises),
		cmocka_unit_test(red_hits_are_spaced),
		cmocka_unit_test(codel_leaves_a_short_burst_alone),
		cmocka_unit_test(codel_drops_faster_and_faster),
		cmocka_unit_test(codel_shortens_the_wait),
		cmocka_unit_test(red_holds_the_queue),
		cmocka_unit_test(marks_instead_of_drops),
		cmocka_unit_test(mark_keeps_the_checksum),
	};

	return cmocka_run_group_tests_name("aqm", tests, NULL, NULL);
}
