// SPDX-License-Identifier: GPL-2.0-or-later
/* The queue and line of a link, on invented time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clean.h"
#include "wire/linkq.h"

#define PACKETS 512

static struct packet packets[PACKETS];
static struct wire_dir_stats stats;

static void start(struct linkq *q, struct wire_line cfg)
{
	struct rng rng[LINKQ_DRAWS];

	memset(&stats, 0, sizeof(stats));
	for (uint64_t i = 0; i < LINKQ_DRAWS; i++) {
		rng_stream(&rng[i], 1, "test", i);
	}
	linkq_init(q, &cfg, rng, &stats);
}

static struct packet *packet(unsigned i, uint32_t len)
{
	packets[i] = (struct packet){.len = len};
	return &packets[i];
}

static int64_t next_ns(const struct linkq *q)
{
	virt_t when = {-1};

	assert_true(linkq_next(q, &when));
	return when.ns;
}

static virt_t at(int64_t ns)
{
	return (virt_t){ns};
}

static struct packet *take(struct linkq *q)
{
	bool lost;
	struct packet *pkt = linkq_take(q, &lost);

	assert_non_null(pkt);
	assert_false(lost);
	return pkt;
}

static void departs_after_its_transmission_time(void **state)
{
	struct linkq q;
	virt_t when;

	(void)state;
	start(&q, (struct wire_line){.rate_bps = 128000});
	assert_false(linkq_next(&q, &when));
	assert_true(linkq_feed(&q, at(1000), packet(0, 1500)));
	assert_int_equal(next_ns(&q), 1000 + 93750000);
	/* The second waits for the first, the third comes to an idle line. */
	assert_true(linkq_feed(&q, at(5000), packet(1, 40)));
	assert_ptr_equal(take(&q), &packets[0]);
	assert_int_equal(next_ns(&q), 1000 + 93750000 + 2500000);
	assert_ptr_equal(take(&q), &packets[1]);
	assert_false(linkq_next(&q, &when));
	assert_true(linkq_feed(&q, at(NS_PER_S), packet(2, 40)));
	assert_int_equal(next_ns(&q), NS_PER_S + 2500000);
	assert_ptr_equal(take(&q), &packets[2]);
	assert_int_equal(stats.queue_peak_ns, 93750000 + 2500000 - 4000);
	assert_int_equal(stats.queue_peak_bytes, 1540);
}

static void unlimited_rate_takes_no_time(void **state)
{
	struct linkq q;

	(void)state;
	start(&q, (struct wire_line){0});
	for (unsigned i = 0; i < 3; i++) {
		assert_true(linkq_feed(&q, at(7), packet(i, 1500)));
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(next_ns(&q), 7);
		assert_ptr_equal(take(&q), &packets[i]);
	}
}

/* A rate that divides nothing: after a million packets the end is where the sum of
 * their bits puts it, to the nanosecond. */
static void rounding_does_not_add_up(void **state)
{
	static const uint64_t rates[] = {3, 7919, 1234567, 99999989, 7777777777, 999999999989};

	(void)state;
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		struct linkq q;
		unsigned __int128 bits = 0;
		int64_t start_ns = 12345, last = 0;
		struct rng rng;

		rng_seed(&rng, r);
		start(&q, (struct wire_line){.rate_bps = rates[r]});
		assert_true(linkq_feed(&q, at(start_ns), packet(0, 1000)));
		bits = 8000;
		for (unsigned i = 1; i < (rates[r] < 10 ? 1000 : 1000000); i++) {
			unsigned __int128 sum_ns = bits * 1000000000 / rates[r];
			uint32_t len = 20 + (uint32_t)rng_below(&rng, 1481);

			last = next_ns(&q);
			assert_true(last == start_ns + (int64_t)sum_ns);
			/* Arrives while the other is still on the line, or just as it ends. */
			assert_true(linkq_feed(&q, at(last - (int64_t)(i % 2)),
					       packet(i % 2, len)));
			assert_ptr_equal(take(&q), &packets[(i - 1) % 2]);
			bits += (uint64_t)len * 8;
		}
	}
}

static void limit_in_bytes(void **state)
{
	struct linkq q;
	unsigned n = 0;

	(void)state;
	start(&q, (struct wire_line){.rate_bps = 128000, .limit_bytes = 12000});
	while (linkq_feed(&q, at(0), packet(n, 1500))) {
		n++;
	}
	assert_int_equal(n, 8);
	assert_true(linkq_feed(&q, at(0), packet(10, 0)));
	assert_int_equal(q.bytes, 12000);
	for (unsigned i = 0; i < 8; i++) {
		take(&q);
	}
	/* The bufferbloat of this DSL uplink: 12000 bytes at 128 kbit/s. */
	assert_int_equal(stats.queue_peak_ns, 750 * NS_PER_MS);
	assert_int_equal(stats.queue_peak_bytes, 12000);
}

static void limit_in_packets(void **state)
{
	struct linkq q;
	unsigned n = 0;

	(void)state;
	start(&q, (struct wire_line){.rate_bps = 128000, .limit_packets = 5});
	while (linkq_feed(&q, at(0), packet(n, 40))) {
		n++;
	}
	assert_int_equal(n, 5);
	take(&q);
	assert_true(linkq_feed(&q, at(0), packet(6, 1500)));
	assert_false(linkq_feed(&q, at(0), packet(7, 40)));
}

static void limit_below_one_packet_leaves_the_link_open(void **state)
{
	struct linkq q;

	(void)state;
	start(&q, (struct wire_line){.rate_bps = 128000, .limit_bytes = 100});
	assert_true(linkq_feed(&q, at(0), packet(0, 1500)));
	assert_false(linkq_feed(&q, at(0), packet(1, 40)));
	take(&q);
	assert_true(linkq_feed(&q, at(NS_PER_S), packet(1, 1500)));
}

static void rate_change_in_the_middle_of_a_packet(void **state)
{
	struct linkq q;
	struct wire_line cfg = {.rate_bps = 1000000};

	(void)state;
	start(&q, cfg);
	/* 1250 bytes = 10000 bits = 10 ms; after 4 ms 6000 bits are left. */
	assert_true(linkq_feed(&q, at(0), packet(0, 1250)));
	assert_true(linkq_feed(&q, at(0), packet(1, 1250)));
	cfg.rate_bps = 500000;
	linkq_set(&q, at(4 * NS_PER_MS), &cfg);
	assert_int_equal(next_ns(&q), 16 * NS_PER_MS);
	/* And back again after 2 ms more, with 5000 bits left. */
	cfg.rate_bps = 1000000;
	linkq_set(&q, at(6 * NS_PER_MS), &cfg);
	assert_int_equal(next_ns(&q), 11 * NS_PER_MS);
	take(&q);
	assert_int_equal(next_ns(&q), 21 * NS_PER_MS);
	/* Unlimited: what waits leaves at once. */
	cfg.rate_bps = 0;
	linkq_set(&q, at(12 * NS_PER_MS), &cfg);
	assert_int_equal(next_ns(&q), 12 * NS_PER_MS);
	take(&q);
	/* From unlimited to a rate, idle. */
	cfg.rate_bps = 1000;
	linkq_set(&q, at(13 * NS_PER_MS), &cfg);
	assert_true(linkq_feed(&q, at(13 * NS_PER_MS), packet(2, 125)));
	assert_int_equal(next_ns(&q), 13 * NS_PER_MS + NS_PER_S);
}

/* However often the rate changes: the bits sent are the integral of the rate. */
static void rate_changes_lose_no_bits(void **state)
{
	struct linkq q;
	struct rng rng;
	struct wire_line cfg = {.rate_bps = 1000000};
	int64_t now = 0, sent_bits = 0;
	double capacity = 0;

	(void)state;
	rng_seed(&rng, 5);
	start(&q, cfg);
	for (unsigned i = 0; i < 8; i++) {
		assert_true(linkq_feed(&q, at(0), packet(i, 1500)));
	}
	for (unsigned step = 0; step < 200000; step++) {
		int64_t then = now + (int64_t)rng_below(&rng, 2000000);
		virt_t when;

		while (linkq_next(&q, &when) && when.ns <= then) {
			struct packet *pkt = take(&q);

			sent_bits += pkt->len * 8;
			assert_true(linkq_feed(&q, when, pkt));
		}
		capacity += (double)cfg.rate_bps * (double)(then - now) / 1e9;
		now = then;
		cfg.rate_bps = 1 + rng_below(&rng, 20000000);
		linkq_set(&q, at(now), &cfg);
	}
	/* One packet may be on the line, and each change may cost a nanosecond. */
	assert_true(fabs(capacity - (double)sent_bits) < 12000 + 200000 * 0.02);
}

static void late_service_keeps_the_instants(void **state)
{
	struct linkq q;

	(void)state;
	start(&q, (struct wire_line){.rate_bps = 8000});
	for (unsigned i = 0; i < 10; i++) {
		assert_true(linkq_feed(&q, at(0), packet(i, 1)));
	}
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(next_ns(&q), (i + 1) * NS_PER_MS);
		take(&q);
	}
}

static unsigned count_losses(struct linkq *q, unsigned n, unsigned *pairs)
{
	unsigned losses = 0;
	bool before = false;

	*pairs = 0;
	for (unsigned i = 0; i < n; i++) {
		bool lost;

		assert_true(linkq_feed(q, at(i), packet(0, 100)));
		linkq_take(q, &lost);
		losses += lost;
		*pairs += lost && before;
		before = lost;
	}
	return losses;
}

/* Chi-square with one degree of freedom: 10.83 is passed by chance once in 1000. */
static void assert_share(unsigned hits, unsigned n, double share)
{
	double d = hits - n * share;

	assert_true(d * d / (n * share * (1 - share)) < 10.83);
}

static void loss_is_bernoulli(void **state)
{
	static const double shares[] = {0.001, 0.01, 0.3, 0.97};
	const unsigned n = 300000;
	unsigned pairs;
	struct linkq q;

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		unsigned losses;

		start(&q, (struct wire_line){.loss.good = shares[i]});
		losses = count_losses(&q, n, &pairs);
		assert_share(losses, n, shares[i]);
		assert_int_equal(stats.loss_drops, losses);
		/* Independent: two in a row as often as p^2 says. */
		assert_share(pairs, n - 1, shares[i] * shares[i]);
	}
	start(&q, (struct wire_line){.loss.good = 0});
	assert_int_equal(count_losses(&q, 1000, &pairs), 0);
	start(&q, (struct wire_line){.loss.good = 1});
	assert_int_equal(count_losses(&q, 1000, &pairs), 1000);
}

/*
 * The bad state loses all, the good one nothing: then a run of losses is a stay in the
 * bad state, and its length is geometric with r.  Stays are independent, so chi-square
 * applies to them as it is.
 */
static void bursts_have_their_lengths(void **state)
{
	enum { BINS = 12, PACKETS_FED = 2000000 };
	static const double p = 0.01, r = 0.25;
	unsigned runs[2][BINS] = {{0}}, count[2] = {0}, length = 0, losses = 0;
	bool before = false;
	struct linkq q;

	(void)state;
	start(&q, (struct wire_line){.loss = {.p = p, .r = r, .bad = 1}});
	for (unsigned i = 0; i < PACKETS_FED; i++) {
		bool lost;

		assert_true(linkq_feed(&q, at(i), packet(0, 100)));
		linkq_take(&q, &lost);
		losses += lost;
		if (lost != before && length > 0) {
			/* Good stays are long: a bin of 20 packets each. */
			unsigned bin = before ? length - 1 : (length - 1) / 20;

			runs[before][bin < BINS ? bin : BINS - 1]++;
			count[before]++;
			length = 0;
		}
		before = lost;
		length++;
	}
	for (int bad = 0; bad < 2; bad++) {
		double stay = bad ? 1 - r : pow(1 - p, 20), chi = 0, rest = 1;

		for (unsigned k = 0; k < BINS; k++) {
			double expected = (k == BINS - 1 ? rest : rest * (1 - stay)) * count[bad];

			chi += (runs[bad][k] - expected) * (runs[bad][k] - expected) / expected;
			rest *= stay;
		}
		/* 11 degrees of freedom: 31.3 is passed by chance once in 1000. */
		assert_true(chi < 31.3);
		assert_true(count[bad] > 10000);
	}
	/* The share of losses is p / (p + r); a burst's losses go together, which widens it
	 * by (2 - p - r) / (p + r). */
	assert_true(fabs(losses / (double)PACKETS_FED - p / (p + r)) <
		    3.3 * sqrt(p * r / ((p + r) * (p + r)) * (2 - p - r) / (p + r) / PACKETS_FED));
	assert_int_equal(stats.loss_drops, losses);
}

static void both_states_lose_their_share(void **state)
{
	const unsigned n = 200000;
	unsigned losses[2] = {0}, packets_in[2] = {0};
	struct linkq q;

	(void)state;
	start(&q, (struct wire_line){.loss = {.p = 0.002, .r = 0.004, .good = 0.01, .bad = 0.4}});
	for (unsigned i = 0; i < n; i++) {
		bool lost;

		assert_true(linkq_feed(&q, at(i), packet(0, 100)));
		linkq_take(&q, &lost);
		packets_in[q.bad]++;
		losses[q.bad] += lost;
	}
	assert_share(losses[0], packets_in[0], 0.01);
	assert_share(losses[1], packets_in[1], 0.4);
	/* p = 1, r = 1: every second packet is in the bad state. */
	start(&q, (struct wire_line){.loss = {.p = 1, .r = 1, .bad = 1}});
	assert_int_equal(count_losses(&q, 1000, losses), 500);
	assert_int_equal(losses[0], 0);
}

static void overhead_takes_time(void **state)
{
	static const struct {
		struct wire_overhead overhead;
		uint32_t len, line_bytes;
	} cases[] = {
		{{0, false}, 1500, 1500},
		{{18, false}, 1500, 1518},
		{{0, true}, 40, 53},          /* 40 + 8 fill one cell */
		{{0, true}, 41, 2 * 53},
		{{18, true}, 40, 2 * 53},     /* 66 bytes */
		{{18, true}, 1500, 32 * 53},  /* 1526 bytes */
		{{10, true}, 1500, 32 * 53},  /* 1518 */
		{{256, true}, 2048, 49 * 53}, /* 2312 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct linkq q;

		assert_int_equal(linkq_line_bytes(&cases[i].overhead, cases[i].len),
				 cases[i].line_bytes);
		start(&q, (struct wire_line){.rate_bps = 8000, .overhead = cases[i].overhead,
					     .limit_bytes = 2 * cases[i].line_bytes});
		assert_true(linkq_feed(&q, at(0), packet(0, cases[i].len)));
		assert_int_equal(next_ns(&q), cases[i].line_bytes * NS_PER_MS);
		/* The limit counts what the line has to send: a limit of rate * t means t. */
		assert_true(linkq_feed(&q, at(0), packet(1, cases[i].len)));
		assert_false(linkq_feed(&q, at(0), packet(2, 20)));
		/* What is queued keeps what it was counted with. */
		linkq_set(&q, at(0), &(struct wire_line){.rate_bps = 8000});
		take(&q);
		assert_int_equal(next_ns(&q), 2 * cases[i].line_bytes * NS_PER_MS);
		take(&q);
		assert_int_equal(q.bytes, 0);
	}
}

/* --- jitter ---------------------------------------------------------------- */

static double uniform_cdf(double x)
{
	return fmin(fmax((x + 1) / 2, 0), 1);
}

static double normal_cdf(double x)
{
	return 0.5 * erfc(-x / sqrt(2));
}

/* Shape 3, less its mean of 1.5 minima, a standard deviation of sqrt(3)/2 minima. */
static double pareto_cdf(double x)
{
	double minima = 1.5 + x * sqrt(0.75);

	return minima <= 1 ? 0 : 1 - pow(minima, -3);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Kolmogorov and Smirnov: the largest distance of two distribution functions, times
 * sqrt(n); 1.95 is passed by chance once in 1000. */
static double ks_distance(double *sample, size_t n, double (*cdf)(double))
{
	double worst = 0;

	qsort(sample, n, sizeof(*sample), compare_double);
	for (size_t i = 0; i < n; i++) {
		double f = cdf(sample[i]);

		worst = fmax(worst, fmax(f - (double)i / (double)n,
					 (double)(i + 1) / (double)n - f));
	}
	return worst * sqrt((double)n);
}

#define SAMPLES 20000

/* Packets so far from each other that they cannot meet, or that may overtake. */
static void draw_jitter(struct wire_line cfg, int64_t gap_ns, double sample[SAMPLES])
{
	struct linkq q;

	start(&q, cfg);
	for (int64_t i = 0; i < SAMPLES; i++) {
		int64_t now = i * gap_ns;

		assert_true(linkq_feed(&q, at(now), packet(0, 100)));
		take(&q);
		sample[i] = (double)(linkq_arrival(&q, at(now)).ns - now - cfg.delay_ns) /
			    (double)cfg.jitter.spread_ns;
	}
}

static void jitter_has_its_distribution(void **state)
{
	static double (*const cdf[])(double) = {uniform_cdf, normal_cdf, pareto_cdf};
	static double sample[SAMPLES];

	(void)state;
	for (uint32_t kind = 0; kind < ARRAY_LEN(cdf); kind++) {
		struct wire_line cfg = {
			.delay_ns = 100 * NS_PER_MS,
			.jitter = {.spread_ns = 5 * NS_PER_MS, .kind = kind},
		};

		draw_jitter(cfg, 100 * NS_PER_S, sample);
		assert_true(ks_distance(sample, SAMPLES, cdf[kind]) < 1.95);
		cfg.jitter.reorder = true;
		draw_jitter(cfg, 1, sample);
		assert_true(ks_distance(sample, SAMPLES, cdf[kind]) < 1.95);
		/* The test can tell them apart, and a spread that is 5 % off. */
		assert_true(ks_distance(sample, SAMPLES, cdf[(kind + 1) % 3]) > 1.95);
		for (size_t i = 0; i < SAMPLES; i++) {
			sample[i] *= 1.05;
		}
		assert_true(ks_distance(sample, SAMPLES, cdf[kind]) > 1.95);
	}
}

/* Quantiles of a triangle from 0 to 1, whose mean of 2/3 is taken off. */
#define TRIANGLE_POINTS 1001

static double triangle_cdf(double x)
{
	double y = fmin(fmax(x * 2 / 3 + 2.0 / 3, 0), 1);

	return y * y;
}

static void jitter_follows_its_table(void **state)
{
	static int64_t points[TRIANGLE_POINTS];
	static double sample[SAMPLES];
	const struct series table = {points, TRIANGLE_POINTS};
	const struct wire_line cfg = {
		.delay_ns = 100 * NS_PER_MS,
		/* The spread is what the least value is below 0: two thirds of 15 ms. */
		.jitter = {.spread_ns = 10 * NS_PER_MS, .kind = WIRE_JITTER_TABLE, .reorder = true},
	};
	struct linkq q;

	(void)state;
	for (size_t i = 0; i < TRIANGLE_POINTS; i++) {
		points[i] = (int64_t)(15e6 * sqrt((double)i / (TRIANGLE_POINTS - 1))) - 10000000;
	}
	start(&q, cfg);
	linkq_refer(&q, &table, NULL);
	for (int64_t i = 0; i < SAMPLES; i++) {
		sample[i] = (double)(linkq_arrival(&q, at(i)).ns - i - cfg.delay_ns) /
			    (double)cfg.jitter.spread_ns;
	}
	assert_true(ks_distance(sample, SAMPLES, triangle_cdf) < 1.95);
	assert_true(ks_distance(sample, SAMPLES, uniform_cdf) > 1.95);
}

/* --- traces ------------------------------------------------------------------- */

#define ORIGIN (7 * NS_PER_S)

static int64_t trace_ms(const struct linkq *q)
{
	return (next_ns(q) - ORIGIN) / NS_PER_MS;
}

static void trace_says_when_the_line_sends(void **state)
{
	/* 1, 1, 5, 20, 20, 40 and again 41, 41, 45 ... */
	static int64_t instants[] = {1, 1, 5, 20, 20, 40};
	const struct series trace = {instants, ARRAY_LEN(instants)};
	const int64_t expected_ms[] = {1, 1, 5, 20, 20, 40, 41, 41, 45, 60, 60, 80, 81};
	struct linkq q;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(instants); i++) {
		instants[i] *= NS_PER_MS;
	}
	start(&q, (struct wire_line){.rate_bps = 1800000, .traced = true, .trace_origin_ns = ORIGIN});
	linkq_refer(&q, NULL, &trace);
	/* A queue that is never empty uses each opportunity. */
	for (unsigned i = 0; i < ARRAY_LEN(expected_ms); i++) {
		assert_true(linkq_feed(&q, at(ORIGIN), packet(i, 1500)));
	}
	for (unsigned i = 0; i < ARRAY_LEN(expected_ms); i++) {
		assert_int_equal(trace_ms(&q), expected_ms[i]);
		take(&q);
	}
	/* Nobody there at 81 (the second), 85: gone.  One that comes at 86 leaves at 100. */
	assert_true(linkq_feed(&q, at(ORIGIN + 86 * NS_PER_MS), packet(0, 500)));
	assert_true(linkq_feed(&q, at(ORIGIN + 86 * NS_PER_MS), packet(1, 1000)));
	assert_true(linkq_feed(&q, at(ORIGIN + 86 * NS_PER_MS), packet(2, 1500)));
	assert_true(linkq_feed(&q, at(ORIGIN + 86 * NS_PER_MS), packet(3, 1400)));
	assert_true(linkq_feed(&q, at(ORIGIN + 86 * NS_PER_MS), packet(4, 200)));
	/* Small ones share an opportunity; one that does not fit takes a part of the next. */
	assert_int_equal(trace_ms(&q), 100);
	take(&q);
	assert_int_equal(trace_ms(&q), 100);
	take(&q);
	assert_int_equal(trace_ms(&q), 100);
	take(&q);
	assert_int_equal(trace_ms(&q), 120);
	take(&q);
	assert_int_equal(trace_ms(&q), 121);
	take(&q);
	/* Exactly at the end of a period, and before the origin. */
	assert_true(linkq_feed(&q, at(ORIGIN + 160 * NS_PER_MS), packet(0, 1500)));
	assert_int_equal(trace_ms(&q), 160);
	assert_int_equal(series_at(&trace, 0, series_next(&trace, 0, -39 * NS_PER_MS)), -39 * NS_PER_MS);
	assert_int_equal(series_at(&trace, 0, series_next(&trace, 0, -38 * NS_PER_MS)), -35 * NS_PER_MS);
	assert_int_equal(series_at(&trace, 0, series_next(&trace, 0, 0)), NS_PER_MS);
	assert_int_equal(series_at(&trace, 0, series_next(&trace, 0, 1)), NS_PER_MS);
}

/* --- losses, as a distribution ------------------------------------------------- */

#define RUNS 8

/* Lengths of the runs of lost packets, the last class open, against a geometric law: the squared
 * deviations over what is expected; 7 classes are free. */
static double run_length_chi2(struct wire_loss loss, double stay)
{
	double seen[RUNS] = {0}, total = 0, chi2 = 0;
	unsigned length = 0;
	struct linkq q;

	start(&q, (struct wire_line){.loss = loss});
	for (int i = 0; i < 400000; i++) {
		bool lost = false;

		assert_true(linkq_feed(&q, at(i), packet(0, 100)));
		assert_non_null(linkq_take(&q, &lost));
		if (lost) {
			length++;
		} else if (length) {
			seen[length < RUNS ? length - 1 : RUNS - 1]++;
			total++;
			length = 0;
		}
	}
	for (unsigned k = 0; k < RUNS; k++) {
		double share = pow(stay, k) * (k < RUNS - 1 ? 1 - stay : 1);
		double expected = total * share;

		assert_true(expected >= 5);
		chi2 += (seen[k] - expected) * (seen[k] - expected) / expected;
	}
	return chi2;
}

static void losses_come_in_runs_as_asked(void **state)
{
	(void)state;
	/* 24.3 is passed by chance once in 1000, with 7 degrees of freedom. */
	assert_true(run_length_chi2((struct wire_loss){.good = 0.3, .bad = 0.3}, 0.3) < 24.3);
	assert_true(run_length_chi2((struct wire_loss){.p = 0.02, .r = 0.4, .bad = 1}, 0.6) < 24.3);
	/* The test can tell a run that is a twentieth longer. */
	assert_true(run_length_chi2((struct wire_loss){.p = 0.02, .r = 0.4, .bad = 1}, 0.63) > 24.3);
}

static void jitter_keeps_order_unless_told(void **state)
{
	static const int64_t gap_ns = NS_PER_MS;

	(void)state;
	for (int reorder = 0; reorder < 2; reorder++) {
		struct wire_line cfg = {
			.delay_ns = 30 * NS_PER_MS,
			.jitter = {.spread_ns = 20 * NS_PER_MS, .kind = WIRE_JITTER_NORMAL,
				   .reorder = reorder},
		};
		int64_t last = 0, overtaken = 0;
		struct linkq q;

		start(&q, cfg);
		for (int64_t i = 0; i < 10000; i++) {
			int64_t out = linkq_arrival(&q, at(i * gap_ns)).ns;

			assert_true(out >= i * gap_ns); /* no negative delay: 3 sigma are 60 ms */
			overtaken += out < last;
			last = out;
		}
		assert_int_equal(overtaken > 0, reorder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(departs_after_its_transmission_time),
		cmocka_unit_test(unlimited_rate_takes_no_time),
		cmocka_unit_test(rounding_does_not_add_up),
		cmocka_unit_test(limit_in_bytes),
		cmocka_unit_test(limit_in_packets),
		cmocka_unit_test(limit_below_one_packet_leaves_the_link_open),
		cmocka_unit_test(rate_change_in_the_middle_of_a_packet),
		cmocka_unit_test(rate_changes_lose_no_bits),
		cmocka_unit_test(late_service_keeps_the_instants),
		cmocka_unit_test(loss_is_bernoulli),
		cmocka_unit_test(bursts_have_their_lengths),
		cmocka_unit_test(both_states_lose_their_share),
		cmocka_unit_test(overhead_takes_time),
		cmocka_unit_test(jitter_has_its_distribution),
		cmocka_unit_test(jitter_follows_its_table),
		cmocka_unit_test(trace_says_when_the_line_sends),
		cmocka_unit_test(losses_come_in_runs_as_asked),
		cmocka_unit_test(jitter_keeps_order_unless_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
