// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lento-wire as a process, from lento's side, without root: socket pairs stand for the TUN
 * devices.  Times are only compared with generous bounds; exactness is tested on
 * invented time (test_wire_fabric) and over real devices (tests/system/wire.bats).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "timedil/vtime.h"
#include "wire/wire.h"

#define PEERS 4

static struct {
	char dir[64], page_path[96], log_path[96];
	char *program;
	struct timedil_page *page;
	struct wire *wire;
	int peer[PEERS];    /* the peers' ends */
} env;

static int open_page(void **state)
{
	struct tdf tdf = {1, 1};
	const char *program = getenv("LENTO_WIRE");

	(void)state;
	strcpy(env.dir, "/tmp/test-wire-XXXXXX");
	assert_non_null(mkdtemp(env.dir));
	snprintf(env.page_path, sizeof(env.page_path), "%s/clock", env.dir);
	snprintf(env.log_path, sizeof(env.log_path), "%s/log", env.dir);
	env.program = program ? strdup(program)
			      : str_format("%s/../../lento-wire", fs_program_dir());
	env.page = vpage_create(env.page_path, tdf);
	assert_non_null(env.page);
	vpage_run(env.page, wall_now());
	return 0;
}

static int close_page(void **state)
{
	struct err err;

	(void)state;
	vpage_close(env.page);
	free(env.program);
	return fs_remove_tree(env.dir, &err);
}

static void fail_err(const struct err *err)
{
	fail_msg("%s", err->msg);
}

static void add_peer(uint32_t id, struct wire_link link)
{
	struct err err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    pair), 0);
	link.ip = 0x0a000001 + id;
	if (wire_add_link(env.wire, id, &link, pair[0], &err)) {
		fail_err(&err);
	}
	close(pair[0]);
	env.peer[id] = pair[1];
}

static int open_wire(void **state)
{
	struct wire_config cfg = {
		.program = env.program,
		.clock_page = env.page_path,
		.log_path = env.log_path,
		.max_links = PEERS,
		.max_groups = 2,
		.seed = 1,
		.buffer_bytes = 1 << 20,
	};
	struct err err;

	(void)state;
	for (int i = 0; i < PEERS; i++) {
		env.peer[i] = -1;
	}
	if (wire_spawn(&cfg, &env.wire, &err)) {
		fail_err(&err);
	}
	return 0;
}

static int close_wire(void **state)
{
	(void)state;
	for (int i = 0; i < PEERS; i++) {
		if (env.peer[i] >= 0) {
			close(env.peer[i]);
		}
	}
	wire_destroy(env.wire);
	env.wire = NULL;
	return 0;
}

static void send_packet(uint32_t src, uint32_t dst, uint16_t len, uint8_t tag)
{
	uint8_t data[1500] = {0x45, 0, (uint8_t)(len >> 8), (uint8_t)len, tag};

	data[12] = data[16] = 10;
	data[15] = (uint8_t)(1 + src);
	data[19] = (uint8_t)(1 + dst);
	/* A socket pair holds ten packets: wait until lento-wire has taken some. */
	while (send(env.peer[src], data, len, 0) != len) {
		struct pollfd fd = {.fd = env.peer[src], .events = POLLOUT};

		assert_int_equal(errno, EAGAIN);
		assert_int_equal(poll(&fd, 1, 5000), 1);
	}
}

/* The tag of the next packet, or -1 after @timeout_wms. */
static int receive(uint32_t id, int timeout_wms, size_t *len)
{
	struct pollfd fd = {.fd = env.peer[id], .events = POLLIN};
	uint8_t data[2048];
	ssize_t n;

	if (poll(&fd, 1, timeout_wms) <= 0) {
		return -1;
	}
	n = recv(env.peer[id], data, sizeof(data), 0);
	assert_true(n >= 20);
	*len = (size_t)n;
	return data[4];
}

static void packets_get_through(void **state)
{
	struct wire_link link = {.line[WIRE_DOWN].delay_ns = 5 * NS_PER_MS};
	struct err err;
	virt_t sent;
	size_t len;

	(void)state;
	add_peer(0, link);
	link.group = 1;
	add_peer(1, link);
	assert_int_equal(wire_set_delay(env.wire, 0, 1, 25 * NS_PER_MS, &err), 0);
	sent = vtime_now(env.page);
	for (int i = 0; i < 10; i++) {
		send_packet(0, 1, (uint16_t)(100 + i), (uint8_t)i);
	}
	for (int i = 0; i < 10; i++) {
		assert_int_equal(receive(1, 2000, &len), i);
		assert_int_equal(len, 100 + i);
	}
	assert_true(vtime_now(env.page).ns - sent.ns >= 30 * NS_PER_MS);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	assert_int_equal(wire_pair_packets(env.wire, 0, 1), 10);
	assert_int_equal(wire_pair_bytes(env.wire, 0, 1), 1045);
	assert_int_equal(wire_pair_bytes(env.wire, 1, 0), 0);
	assert_int_equal(wire_link_stats(env.wire, 1)->dir[WIRE_DOWN].packets, 10);
	assert_int_equal(wire_totals(env.wire)->bytes, 1045);
	assert_true(wire_link_stats(env.wire, 1)->late_max_vns >= 0);
	assert_true(wire_link_stats(env.wire, 1)->late_sum_vns >= 0);
}

/* One device for what a kernel answers on behalf of several peers. */
static void answers_go_out_by_their_source(void **state)
{
	struct wire_link link = {0};
	struct err err;
	int pair[2];
	size_t len;

	(void)state;
	add_peer(0, link);
	add_peer(1, link);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    pair), 0);
	assert_int_equal(wire_add_answers(env.wire, pair[0], &err), 0);
	assert_int_equal(wire_add_answers(env.wire, pair[0], &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	close(pair[0]);
	env.peer[2] = pair[1];
	for (uint8_t src = 0; src < PEERS; src++) {
		uint8_t data[40] = {0x45, 0, 0, sizeof(data), src, [12] = 10, [15] = 1 + src,
				    [16] = 10, [19] = 2 - src % 2};

		assert_int_equal(send(pair[1], data, sizeof(data), 0), sizeof(data));
	}
	assert_int_equal(receive(1, 2000, &len), 0);
	assert_int_equal(receive(0, 2000, &len), 1);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	assert_int_equal(wire_pair_packets(env.wire, 0, 1), 1);
	assert_int_equal(wire_pair_packets(env.wire, 1, 0), 1);
	assert_int_equal(wire_totals(env.wire)->stray_drops, 2);
}

static void paused_clock_holds_packets(void **state)
{
	struct err err;
	size_t len;

	(void)state;
	add_peer(0, (struct wire_link){.line[WIRE_UP].delay_ns = 50 * NS_PER_MS});
	add_peer(1, (struct wire_link){0});
	send_packet(0, 1, 100, 1);
	vpage_pause(env.page, wall_now());
	wire_clock_changed(env.wire);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	send_packet(0, 1, 100, 2);
	assert_int_equal(receive(1, 200, &len), -1);
	vpage_run(env.page, wall_now());
	wire_clock_changed(env.wire);
	assert_int_equal(receive(1, 2000, &len), 1);
	assert_int_equal(receive(1, 2000, &len), 2);
}

/* A factor that falls while a packet is on its way shortens its wall time, told or not. */
static void factor_change_is_noticed(void **state)
{
	size_t len;

	(void)state;
	add_peer(0, (struct wire_link){.line[WIRE_UP].delay_ns = 100 * NS_PER_MS});
	add_peer(1, (struct wire_link){0});
	for (int told = 0; told < 2; told++) {
		wall_t start = wall_now();

		vpage_set_tdf(env.page, start, (struct tdf){1000, 1});
		wire_clock_changed(env.wire);
		send_packet(0, 1, 100, 1);
		assert_int_equal(receive(1, 100, &len), -1);
		vpage_set_tdf(env.page, wall_now(), (struct tdf){1, 10});
		if (told) {
			wire_clock_changed(env.wire);
		}
		assert_int_equal(receive(1, 5000, &len), 1);
	}
	vpage_set_tdf(env.page, wall_now(), (struct tdf){1, 1});
}

static void peer_that_never_reads_harms_nobody(void **state)
{
	struct err err;
	size_t len;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		add_peer(i, (struct wire_link){0});
	}
	for (int i = 0; i < 100; i++) {
		for (int j = 0; j < 10; j++) {
			send_packet(0, 1, 1000, 0);
		}
		assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	}
	assert_true(wire_link_stats(env.wire, 1)->dir[WIRE_DOWN].fault_drops > 0);
	send_packet(0, 2, 100, 9);
	assert_int_equal(receive(2, 2000, &len), 9);
}

static void peer_that_is_gone_is_no_load(void **state)
{
	uint64_t loops;
	struct err err;
	size_t len;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		add_peer(i, (struct wire_link){0});
	}
	close(env.peer[1]);
	env.peer[1] = -1;
	send_packet(0, 1, 100, 1);
	send_packet(0, 2, 100, 2);
	assert_int_equal(receive(2, 2000, &len), 2);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	assert_int_equal(wire_link_stats(env.wire, 0)->unknown_dst_drops, 1);
	assert_int_equal(wire_link_stats(env.wire, 1)->dir[WIRE_DOWN].fault_drops, 0);
	loops = wire_totals(env.wire)->loops;
	usleep(100000);
	assert_true(wire_totals(env.wire)->loops - loops < 20);
	/* It may come back. */
	add_peer(1, (struct wire_link){0});
	send_packet(0, 1, 100, 3);
	assert_int_equal(receive(1, 2000, &len), 3);
}

static uint64_t file_bytes(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

/* What is in the files is the business of test_capture.py. */
static void capture_is_complete_at_its_end(void **state)
{
	FILE *files[2] = {tmpfile(), tmpfile()};
	uint64_t bytes;
	struct err err;
	size_t len;

	(void)state;
	add_peer(0, (struct wire_link){0});
	add_peer(1, (struct wire_link){0});
	for (uint32_t i = 0; i < 2; i++) {
		assert_non_null(files[i]);
		assert_int_equal(wire_capture(env.wire, i, "peer", 100, fileno(files[i]), &err), 0);
	}
	assert_int_equal(wire_capture(env.wire, 1, "again", 100, fileno(files[1]), &err), -1);
	send_packet(0, 1, 300, 1);
	assert_int_equal(receive(1, 2000, &len), 1);
	assert_int_equal(wire_capture_end(env.wire, &err), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(wire_link_stats(env.wire, i)->captured, 1);
		assert_int_equal(wire_link_stats(env.wire, i)->capture_missing, 0);
	}
	bytes = file_bytes(fileno(files[0]));
	assert_true(bytes > 300);
	assert_int_equal(file_bytes(fileno(files[1])), bytes);
	/* Nothing is captured any more, and it can begin anew. */
	send_packet(0, 1, 300, 2);
	assert_int_equal(receive(1, 2000, &len), 2);
	assert_int_equal(file_bytes(fileno(files[0])), bytes);
	assert_int_equal(wire_capture(env.wire, 0, "peer", 100, fileno(files[0]), &err), 0);
	assert_int_equal(wire_capture_end(env.wire, &err), 0);
	fclose(files[0]);
	fclose(files[1]);
}

static void bad_requests_are_refused(void **state)
{
	struct wire_link link = {.ip = 5};
	struct err err;

	(void)state;
	assert_int_equal(wire_set_link(env.wire, 0, &link, &err), -1);
	assert_non_null(strstr(err.msg, "no such link"));
	assert_int_equal(wire_add_link(env.wire, PEERS, &link, 0, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(wire_add_link(env.wire, 0, &link, -1, &err), -1);
	assert_non_null(strstr(err.msg, "descriptor"));
	link.line[WIRE_UP].loss.good = 2;
	assert_int_equal(wire_add_link(env.wire, 0, &link, 0, &err), -1);
	assert_non_null(strstr(err.msg, "loss"));
	assert_int_equal(wire_set_delay(env.wire, 0, 2, 0, &err), -1);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
}

static void stopped_process_does_not_hang_us(void **state)
{
	struct err err;
	wall_t start = wall_now();

	(void)state;
	assert_int_equal(kill(wire_pid(env.wire), SIGSTOP), 0);
	assert_int_equal(wire_ping(env.wire, 100, &err), -1);
	assert_non_null(strstr(err.msg, "does not answer"));
	for (int i = 0; i < 10000; i++) {
		wire_clock_changed(env.wire); /* fills the socket */
	}
	assert_int_equal(wire_ping(env.wire, 100, &err), -1);
	assert_true(wall_now().ns - start.ns < 5 * NS_PER_S);
	assert_int_equal(kill(wire_pid(env.wire), SIGCONT), 0);
	/* The replies of those that gave up are skipped. */
	assert_int_equal(wire_ping(env.wire, 5000, &err), 0);
}

static void killed_process_leaves_its_counters(void **state)
{
	struct pollfd end;
	struct err err;
	size_t len;

	(void)state;
	add_peer(0, (struct wire_link){0});
	add_peer(1, (struct wire_link){0});
	send_packet(0, 1, 500, 7);
	assert_int_equal(receive(1, 2000, &len), 7);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	end = (struct pollfd){.fd = wire_pidfd(env.wire), .events = POLLIN};
	assert_int_equal(poll(&end, 1, 0), 0);
	assert_string_equal(wire_end_reason(env.wire), "still running");
	kill(wire_pid(env.wire), SIGKILL);
	assert_int_equal(poll(&end, 1, 5000), 1);
	assert_string_equal(wire_end_reason(env.wire), "killed by signal 9");
	assert_int_equal(wire_pair_bytes(env.wire, 0, 1), 500);
	assert_int_equal(wire_totals(env.wire)->packets, 1);
	assert_int_equal(wire_ping(env.wire, 1000, &err), -1);
	assert_non_null(strstr(err.msg, "killed by signal 9"));
	wire_clock_changed(env.wire);
}

static void counters_start_anew(void **state)
{
	struct err err;
	size_t len;

	(void)state;
	add_peer(0, (struct wire_link){0});
	add_peer(1, (struct wire_link){0});
	send_packet(0, 1, 500, 7);
	assert_int_equal(receive(1, 2000, &len), 7);
	assert_int_equal(wire_reset_stats(env.wire, &err), 0);
	assert_int_equal(wire_pair_bytes(env.wire, 0, 1), 0);
	assert_int_equal(wire_totals(env.wire)->packets, 0);
	assert_int_equal(wire_link_stats(env.wire, 0)->dir[WIRE_UP].bytes, 0);
	send_packet(0, 1, 300, 8);
	assert_int_equal(receive(1, 2000, &len), 8);
	assert_int_equal(wire_ping(env.wire, 1000, &err), 0);
	assert_int_equal(wire_pair_bytes(env.wire, 0, 1), 300);
	assert_int_equal(wire_totals(env.wire)->held_packets, 0);
}

static void ends_with_its_control_socket(void **state)
{
	struct stat st;

	(void)state;
	wire_destroy(env.wire);
	env.wire = NULL;
	/* It had nothing to say. */
	assert_int_equal(stat(env.log_path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void failing_start_is_told(void **state)
{
	struct wire_config cfg = {
		.program = env.program,
		.clock_page = "/nonexistent/clock",
		.log_path = env.log_path,
		.max_links = 1,
		.max_groups = 1,
	};
	struct wire *wire;
	struct err err;

	(void)state;
	assert_int_equal(wire_spawn(&cfg, &wire, &err), -1);
	assert_non_null(strstr(err.msg, "/nonexistent/clock"));
	cfg.program = "/nonexistent/lento-wire";
	assert_int_equal(wire_spawn(&cfg, &wire, &err), -1);
	assert_non_null(strstr(err.msg, cfg.program));
	cfg.program = "/bin/false";
	assert_int_equal(wire_spawn(&cfg, &wire, &err), -1);
	assert_non_null(strstr(err.msg, "exited with status 1"));
	wire_destroy(NULL);
}

#define WITH_WIRE(test) cmocka_unit_test_setup_teardown(test, open_wire, close_wire)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WIRE(packets_get_through),
		WITH_WIRE(answers_go_out_by_their_source),
		WITH_WIRE(paused_clock_holds_packets),
		WITH_WIRE(factor_change_is_noticed),
		WITH_WIRE(peer_that_never_reads_harms_nobody),
		WITH_WIRE(peer_that_is_gone_is_no_load),
		WITH_WIRE(capture_is_complete_at_its_end),
		WITH_WIRE(bad_requests_are_refused),
		WITH_WIRE(stopped_process_does_not_hang_us),
		WITH_WIRE(killed_process_leaves_its_counters),
		WITH_WIRE(counters_start_anew),
		WITH_WIRE(ends_with_its_control_socket),
		cmocka_unit_test(failing_start_is_told),
	};

	return cmocka_run_group_tests(tests, open_page, close_page);
}
