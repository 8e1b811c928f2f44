// SPDX-License-Identifier: GPL-2.0-or-later
/* The arithmetic of TCP constants under a factor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "rt/tcp_netns.h"

static long scaled(const char *name, uint32_t num, uint32_t den)
{
	for (size_t i = 0; i < tcp_constant_count; i++) {
		if (!strcmp(tcp_constants[i].sysctl, name)) {
			return tcp_constant_scaled(&tcp_constants[i], (struct tdf){ num, den });
		}
	}
	fail_msg("no constant %s", name);
	return -1;
}

static void test_one_is_default(void **state)
{
	(void)state;
	for (size_t i = 0; i < tcp_constant_count; i++) {
		assert_int_equal(tcp_constant_scaled(&tcp_constants[i], (struct tdf){ 1, 1 }),
				 tcp_constants[i].value);
	}
}

static void test_up(void **state)
{
	(void)state;
	assert_int_equal(scaled("tcp_rto_min_us", 10, 1), 2000000);
	assert_int_equal(scaled("tcp_rto_min_us", 5, 2), 500000);
	assert_int_equal(scaled("tcp_keepalive_time", 10, 1), 72000);
	/* FIN_WAIT2 lasts 2 * (F - 60) seconds for F above 60: 600 of them need 360. */
	assert_int_equal(scaled("tcp_fin_timeout", 10, 1), 360);
	assert_int_equal(scaled("tcp_rto_max_ms", 10, 1), 120000); /* the kernel takes no more */
	assert_int_equal(scaled("tcp_tw_reuse_delay", 1000, 1), 60000);
}

static void test_down(void **state)
{
	(void)state;
	assert_int_equal(scaled("tcp_rto_min_us", 1, 10), 20000);
	assert_int_equal(scaled("tcp_fin_timeout", 1, 10), 6);
	assert_int_equal(scaled("tcp_fin_timeout", 1, 1000), 1);
	assert_int_equal(scaled("tcp_rto_max_ms", 1, 1000), 1000);
	assert_int_equal(scaled("tcp_keepalive_intvl", 1, 1000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_is_default),
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
