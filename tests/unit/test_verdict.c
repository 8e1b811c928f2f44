// SPDX-License-Identifier: GPL-2.0-or-later
#include "test_result_sample.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct verdict_reason *reason(const struct result *res, const char *rule)
{
	for (size_t i = 0; i < res->reason_count; i++) {
		if (strcmp(res->reasons[i].rule, rule) == 0) {
			return &res->reasons[i];
		}
	}
	return NULL;
}

/* Judge, and expect @rule alone to have spoken, at @level, with @text in its text. */
static void expect_only(struct sample *s, const char *rule, enum verdict level, const char *text)
{
	verdict_judge(&s->res);
	if (s->res.reason_count != 1 || !reason(&s->res, rule)) {
		for (size_t i = 0; i < s->res.reason_count; i++) {
			print_message("spoke: %s: %s\n", s->res.reasons[i].rule, s->res.reasons[i].text);
		}
	}
	assert_int_equal(s->res.reason_count, 1);
	assert_string_equal(s->res.reasons[0].rule, rule);
	assert_int_equal(s->res.reasons[0].level, level);
	assert_int_equal(s->res.verdict, level);
	if (!strstr(s->res.reasons[0].text, text)) {
		fail_msg("\"%s\" not in \"%s\"", text, s->res.reasons[0].text);
	}
}

static void expect_trusted(struct sample *s)
{
	verdict_judge(&s->res);
	if (s->res.reason_count) {
		fail_msg("%s: %s", s->res.reasons[0].rule, s->res.reasons[0].text);
	}
	assert_int_equal(s->res.verdict, VERDICT_TRUSTED);
	assert_int_equal(result_exit_status(&s->res), 0);
}

static int setup(void **state)
{
	*state = sample_create(10);
	return 0;
}

static int teardown(void **state)
{
	sample_destroy(*state);
	return 0;
}

static void test_good_run(void **state)
{
	expect_trusted(*state);
	expect_trusted(*state); /* judging twice is judging once */
}

static void test_failure(void **state)
{
	struct sample *s = *state;

	snprintf(s->res.failure, sizeof(s->res.failure), "lento-wire was killed by signal 9");
	s->res.failure_kind = ERR_FAILED;
	expect_only(s, "failure", VERDICT_INVALID, "signal 9");
	assert_int_equal(result_exit_status(&s->res), 1);
	s->res.failure_kind = ERR_HOST;
	assert_int_equal(result_exit_status(&s->res), 3);
}

static void test_payload(void **state)
{
	struct sample *s = *state;

	s->res.peers[5].verified = 0;
	expect_only(s, "payload", VERDICT_INVALID, "leechers-2");
	assert_int_equal(result_exit_status(&s->res), 5);
}

static void test_too_fast(void **state)
{
	struct sample *s = *state;
	struct peer_result *p = &s->res.peers[4];

	/* 16 MiB at 2 Mbit/s take 67.1 s. */
	p->complete_ns = p->started_ns + 68 * NS_PER_S;
	expect_trusted(s);
	p->complete_ns = p->started_ns + 60 * NS_PER_S;
	expect_only(s, "too-fast", VERDICT_INVALID, "leechers-1");
}

static void test_clock(void **state)
{
	struct sample *s = *state;

	s->res.wall_ns = 306 * NS_PER_S;
	expect_only(s, "clock", VERDICT_DEGRADED, "(limit 1 %)");
	s->res.wall_ns = 400 * NS_PER_S;
	expect_only(s, "clock", VERDICT_INVALID, "(limit 5 %)");
	/* 50 s at 2, 100 s at 3 = 400 s. */
	s->changes[0] = (struct tdf_change){ 50 * NS_PER_S, { 3, 1 }, false };
	s->res.tdf_changes = s->changes;
	s->res.tdf_change_count = 1;
	expect_trusted(s);
	/* Wall time of a pause is unknown. */
	s->res.wall_ns = 500 * NS_PER_S;
	s->changes[0].paused = true;
	expect_trusted(s);
}

static void test_late_packets(void **state)
{
	struct sample *s = *state;
	struct wire_link_stats *link = &s->res.peers[3].link;

	/*
	 * Leechers: 10 % of 30 ms + one frame at 2 Mbit/s (6 ms) = 9 virtual ms, which
	 * bucket 12 ([4, 8) ms) keeps, and bucket 14 ([16, 32) ms) does not.
	 */
	link->late_hist_virt[12] = 12000;
	expect_trusted(s);
	link->late_hist_virt[12] = 0;
	link->late_hist_virt[14] = 5000;
	expect_only(s, "late-packets", VERDICT_DEGRADED, "(limit 1 %)");
	link->late_hist_virt[14] = 50000;
	expect_only(s, "late-packets", VERDICT_INVALID, "(limit 10 %)");

	/* The same lateness in the open last bucket counts whole. */
	link->late_hist_virt[14] = 0;
	link->late_hist_virt[WIRE_LATE_BUCKETS - 1] = 50000;
	expect_only(s, "late-packets", VERDICT_INVALID, "later than");

	/* Wall time says nothing: under a large factor a packet may be that late. */
	link->late_hist_virt[WIRE_LATE_BUCKETS - 1] = 0;
	link->late_hist[WIRE_LATE_BUCKETS - 1] = 50000;
	expect_trusted(s);
}

static void test_late_on_a_lan(void **state)
{
	struct sample *s = *state;

	/* The tracker's link has no delay: 1 virtual ms; bucket 10 ([1, 2) ms) is late. */
	s->res.peers[0].link.late_hist_virt[9] = 9000;
	expect_trusted(s);
	s->res.peers[0].link.late_hist_virt[10] = 9000;
	expect_only(s, "late-packets", VERDICT_DEGRADED, "later than");
}

static void test_wire_stall(void **state)
{
	struct sample *s = *state;

	s->res.wire.loop_max_vns = 95 * NS_PER_MS;
	expect_trusted(s);
	s->res.wire.loop_max_vns = 105 * NS_PER_MS;
	expect_only(s, "wire-stall", VERDICT_DEGRADED, "105 virtual ms (limit 100 ms)");
	s->res.wire.loop_max_vns = 1050 * NS_PER_MS;
	expect_only(s, "wire-stall", VERDICT_INVALID, "(limit 1000 ms)");
}

static void test_cpu_wait(void **state)
{
	struct sample *s = *state;
	struct peer_result *p = &s->res.peers[3];

	/* A leecher's link allows 9 virtual ms, as for packets. */
	for (size_t i = 0; i < s->res.peer_count; i++) {
		s->res.peers[i].cpu_turns = 1000;
		s->res.peers[i].cpu_wait_vns = 1000 * 100e3;
	}
	p->cpu_wait_vns = 1000 * 8.9e6;
	expect_trusted(s);
	p->cpu_turns = 10000;
	p->cpu_wait_vns = 10000 * 9.1e6;
	expect_only(s, "cpu-wait", VERDICT_INVALID, p->name);
	p->cpu_turns = 1000;
	p->cpu_wait_vns = 1000 * 9.1e6;
	expect_only(s, "cpu-wait", VERDICT_DEGRADED, "9.1 virtual ms");
	p->cpu_turns = 100;
	p->cpu_wait_vns = 100 * 9.1e6;
	expect_trusted(s);
}

static void test_fault_drops(void **state)
{
	struct sample *s = *state;

	s->res.peers[2].link.dir[WIRE_DOWN].fault_drops = 1;
	expect_only(s, "fault-drops", VERDICT_DEGRADED, "1 packets lost");
	s->res.peers[2].link.dir[WIRE_DOWN].fault_drops = 5000;
	expect_only(s, "fault-drops", VERDICT_INVALID, "(limit 0.1 %)");
	/* On the line of a gateway, too. */
	s->res.peers[2].link.dir[WIRE_DOWN].fault_drops = 0;
	sample_add_lans(s);
	s->res.gateways[1].dir[WIRE_UP].fault_drops = 3;
	expect_only(s, "fault-drops", VERDICT_DEGRADED, "3 packets lost");
}

static void test_calibration(void **state)
{
	struct sample *s = *state;

	s->calibration[0].measured = 1030000;
	s->calibration[0].ok = false;
	expect_only(s, "calibration", VERDICT_DEGRADED, "dsl up: rate of 1.03 Mbit/s where 1 Mbit/s were asked, 1.5 times the tolerance (limit 1)");
	s->calibration[0].measured = 900000;
	expect_only(s, "calibration", VERDICT_INVALID, "dsl up");
	s->calibration[0].measured = 1000000;
	s->calibration[0].ok = true;
	s->calibration[1].measured = 122e6;
	expect_only(s, "calibration", VERDICT_DEGRADED, "leechers-seeders: rtt of 122 virtual ms where 120 virtual ms");
	s->calibration[1].measured = 120e6;
	/* A figure marked bad is bad whatever it says. */
	s->calibration[0].measured = s->calibration[0].asked;
	s->calibration[0].ok = false;
	expect_only(s, "calibration", VERDICT_DEGRADED, "dsl up");
	s->res.calibration_count = 0;
	expect_only(s, "not-calibrated", VERDICT_DEGRADED, "not measured");
	s->groups[1].link = 1;
	s->groups[2].link = 1;
	expect_trusted(s); /* nothing but LAN without limits: nothing to measure */
}

static void test_host(void **state)
{
	struct sample *s = *state;
	struct host_summary good = s->res.host;

	s->res.host.seconds_without_idle = 16;
	expect_only(s, "cpu-idle", VERDICT_DEGRADED, "16 of 300 wall seconds");
	s->res.host.seconds_without_idle = 151;
	expect_only(s, "cpu-idle", VERDICT_INVALID, "(limit 50 %)");
	s->res.host = good;
	s->res.host.steal_max = 0.2;
	expect_only(s, "steal", VERDICT_DEGRADED, "20 %");
	s->res.host = good;
	s->res.host.swap_used_max_bytes = 1 << 30; /* in use, but not moving */
	expect_trusted(s);
	s->res.host.swapped_in_bytes = 5 << 20;
	expect_only(s, "swap", VERDICT_DEGRADED, "5 MiB moved");
	s->res.host.swapped_out_bytes = 300 << 20;
	expect_only(s, "swap", VERDICT_INVALID, "305 MiB moved");
	s->res.host = good;
	s->res.host.memory_available_min_bytes = 50 << 20;
	expect_only(s, "memory", VERDICT_DEGRADED, "50 MiB");
	s->res.host = good;
	s->res.host.kernel_drops = 1;
	expect_only(s, "kernel-drops", VERDICT_DEGRADED, "1 packets");
	s->res.host.kernel_drops = 1000;
	expect_only(s, "kernel-drops", VERDICT_INVALID, "1000 packets");
	s->res.host = (struct host_summary){ 0 };
	expect_only(s, "host-unseen", VERDICT_DEGRADED, "not observed");
}

static void test_peers(void **state)
{
	struct sample *s = *state;

	for (int i = 4; i < 9; i++) {
		s->res.peers[i].as_expected = false;
		s->res.peers[i].end = END_CRASHED;
	}
	expect_only(s, "peers", VERDICT_DEGRADED,
		    "5 of 13 peers did not end as expected: leechers-1, leechers-2, leechers-3 and 2 more");
	assert_int_equal(result_exit_status(&s->res), 4);
}

static void test_limits(void **state)
{
	struct sample *s = *state;

	s->res.peers[4].limits_hit = LIMIT_HIT_MEMORY;
	s->res.peers[6].limits_hit = LIMIT_HIT_PROCESSES | LIMIT_HIT_DISK;
	expect_only(s, "limits", VERDICT_DEGRADED, "2 of 13 peers ran into limits: leechers-1 (memory), "
		    "leechers-3 (processes and disk)");
	assert_int_equal(result_exit_status(&s->res), 5);
	for (int i = 7; i < 12; i++) {
		s->res.peers[i].limits_hit = LIMIT_HIT_NETWORK;
	}
	expect_only(s, "limits", VERDICT_DEGRADED, "7 of 13 peers ran into limits: leechers-1 (memory), "
		    "leechers-3 (processes and disk), leechers-4 (network), leechers-5 (network) and 3 more");
}

static void test_interrupted(void **state)
{
	struct sample *s = *state;

	s->res.interrupted = true;
	expect_only(s, "interrupted", VERDICT_DEGRADED, "stop rule");
	assert_int_equal(result_exit_status(&s->res), 5);
}

static void test_logs(void **state)
{
	struct sample *s = *state;
	char dir[] = "/tmp/test-verdict-XXXXXX";

	assert_non_null(mkdtemp(dir));
	s->res.dir = dir;
	for (size_t i = 0; i < s->res.peer_count; i++) {
		CLEAN_FREE char *sub = str_format("%s/peers/%s", dir, s->res.peers[i].name);
		CLEAN_FREE char *out = str_format("%s/stdout", sub);

		assert_int_equal(fs_mkdirs(sub, 0755, NULL), 0);
		if (i != 6) {
			assert_int_equal(fs_write_atomic(out, "", 0, NULL), 0);
		}
	}
	expect_only(s, "logs", VERDICT_DEGRADED, "logs missing of 1 peers: leechers-3");
	s->res.peers[6].started_ns = -1;
	s->res.peers[6].complete_ns = -1;
	expect_trusted(s);
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
	s->res.dir = NULL;
}

static void test_worst_comes_first(void **state)
{
	struct sample *s = *state;

	s->res.interrupted = true;
	s->res.host.kernel_drops = 1;
	s->res.peers[5].verified = 0;
	s->res.wire.loop_max_vns = 9 * NS_PER_S;
	verdict_judge(&s->res);
	assert_int_equal(s->res.verdict, VERDICT_INVALID);
	assert_int_equal(s->res.reason_count, 4);
	assert_string_equal(s->res.reasons[0].rule, "payload");
	assert_string_equal(s->res.reasons[1].rule, "wire-stall");
	assert_string_equal(s->res.reasons[2].rule, "kernel-drops");
	assert_string_equal(s->res.reasons[3].rule, "interrupted");
}

static void test_nothing_ran(void **state)
{
	struct sample *s = *state;

	/* A run that failed while it was prepared: no peers, no time, no figures. */
	for (size_t i = 0; i < s->res.peer_count; i++) {
		s->res.peers[i].started_ns = s->res.peers[i].complete_ns = -1;
		memset(&s->res.peers[i].link, 0, sizeof(s->res.peers[i].link));
	}
	s->res.wall_ns = s->res.virt_ns = 0;
	memset(&s->res.wire, 0, sizeof(s->res.wire));
	memset(&s->res.host, 0, sizeof(s->res.host));
	snprintf(s->res.failure, sizeof(s->res.failure), "no /dev/net/tun");
	s->res.failure_kind = ERR_HOST;
	expect_only(s, "failure", VERDICT_INVALID, "tun");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_good_run), CASE(test_failure), CASE(test_payload), CASE(test_too_fast),
		CASE(test_clock), CASE(test_late_packets), CASE(test_late_on_a_lan),
		CASE(test_wire_stall), CASE(test_cpu_wait), CASE(test_fault_drops), CASE(test_calibration),
		CASE(test_host), CASE(test_peers), CASE(test_limits), CASE(test_interrupted), CASE(test_logs),
		CASE(test_worst_comes_first), CASE(test_nothing_ran),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
