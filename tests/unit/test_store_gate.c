/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate: one at a time, in order, nothing lost, and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/gate.h"

#define THREADS 6
#define REQUESTS 20000

static void test_order(void **unused)
{
	struct gate gate;
	struct gate_item *item;

	(void)unused;
	gate_init(&gate);
	assert_int_equal(gate_enter(&gate, 3, "a", 2), GATE_SERVE);
	assert_int_equal(gate_enter(&gate, 4, "b", 2), GATE_LEFT);
	assert_int_equal(gate_enter(&gate, 5, "cc", 3), GATE_LEFT);
	item = gate_leave(&gate);
	assert_string_equal(item->data, "b");
	assert_int_equal(item->fd, 4);
	gate_free(item);
	item = gate_leave(&gate);
	assert_string_equal(item->data, "cc");
	assert_int_equal(item->size, 3);
	gate_free(item);
	assert_null(gate_leave(&gate));
	assert_int_equal(gate_enter(&gate, 3, "d", 2), GATE_SERVE);
	assert_int_equal(gate_enter(&gate, 3, "lost at the end", 16), GATE_LEFT);
	gate_destroy(&gate);
}

static void test_bound(void **unused)
{
	enum { LARGE = 1 << 20 };
	char *large = calloc(1, LARGE);
	struct gate gate, other;
	unsigned left = 0;

	(void)unused;
	gate_init(&gate);
	gate_init(&other);
	assert_int_equal(gate_enter(&gate, 3, large, LARGE), GATE_SERVE);
	assert_int_equal(gate_enter(&other, 3, large, LARGE), GATE_SERVE);
	while (gate_enter(left % 2 ? &gate : &other, 3, large, LARGE) == GATE_LEFT) {
		left++;
		assert_true(left <= GATE_WAITING_MAX_BYTES / LARGE);
	}
	assert_int_equal(left, GATE_WAITING_MAX_BYTES / LARGE);
	assert_int_equal(gate_enter(&gate, 3, large, LARGE), GATE_PASS);
	gate_destroy(&gate);
	/* What was freed may be used again. */
	assert_int_equal(gate_enter(&other, 3, large, LARGE), GATE_LEFT);
	gate_destroy(&other);
	free(large);
}

struct crowd {
	struct gate gate;
	int inside;          /* threads at work at once */
	unsigned long served; /* only touched inside, so no atomics: the gate must do */
	unsigned passed;
};

static void serve(struct crowd *crowd)
{
	if (__atomic_add_fetch(&crowd->inside, 1, __ATOMIC_RELAXED) != 1) {
		abort();
	}
	crowd->served++;
	__atomic_sub_fetch(&crowd->inside, 1, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	struct crowd *crowd = arg;

	for (unsigned i = 0; i < REQUESTS; i++) {
		enum gate_answer answer = gate_enter(&crowd->gate, 1, &i, sizeof(i));
		struct gate_item *item;

		if (answer == GATE_PASS) {
			__atomic_add_fetch(&crowd->passed, 1, __ATOMIC_RELAXED);
		}
		if (answer != GATE_SERVE) {
			continue;
		}
		serve(crowd);
		while ((item = gate_leave(&crowd->gate))) {
			serve(crowd);
			gate_free(item);
		}
	}
	return NULL;
}

static void test_crowd(void **unused)
{
	struct crowd crowd = { .inside = 0 };
	pthread_t threads[THREADS];

	(void)unused;
	gate_init(&crowd.gate);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(crowd.served + crowd.passed, THREADS * REQUESTS);
	assert_int_equal(crowd.passed, 0);
	assert_false(crowd.gate.busy);
	gate_destroy(&crowd.gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
