# SPDX-License-Identifier: GPL-2.0-or-later
# The twin tests: a row of calls.def without a test does not link.

TWIN_CFLAGS := $(CSTD) $(WARN) -O2 -g -U_FORTIFY_SOURCE
TWIN_BUILD = $(CC) -D_GNU_SOURCE -I. -Itests/twin $(TWIN_CFLAGS)
TWIN_HEADERS := $(wildcard tests/twin/*.h tests/twin/*.def) timedil/calls.def

# The tests proper, and the two programs made of them.
TWIN_TESTS := tests/twin/harness.c $(wildcard tests/twin/t_*.c) timedil/shim/elf.c
TWIN_OBJS := $(TWIN_TESTS:%.c=$(BUILD)/tests/obj/%.o)
TWIN_SINGLE := $(filter-out tests/twin/main.c tests/twin/coverage.c $(TWIN_TESTS), \
	$(wildcard tests/twin/*.c))
TWIN_PROGRAMS := $(BUILD)/tests/twin/twin $(TWIN_SINGLE:%.c=$(BUILD)/%)
COVERAGE_PROGRAMS := $(BUILD)/tests/twin/coverage $(BUILD)/tests/twin/coverage-static

$(BUILD)/tests/obj/%.o: %.c $(TWIN_HEADERS)
	@mkdir -p $(@D)
	$(TWIN_BUILD) -c -o $@ $<

$(BUILD)/tests/twin/twin: $(BUILD)/tests/obj/tests/twin/main.o $(TWIN_OBJS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -luring

$(BUILD)/tests/twin/coverage: $(BUILD)/tests/obj/tests/twin/coverage.o $(TWIN_OBJS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -luring

# Some tests of functions that only old programs have do not link statically; no row of the
# coverage list is among them.
$(BUILD)/tests/twin/coverage-static: $(BUILD)/tests/obj/tests/twin/coverage.o $(TWIN_OBJS)
	@mkdir -p $(@D)
	$(CC) -static -Wl,--unresolved-symbols=ignore-all -Wl,--no-warnings -o $@ $^ -luring

$(BUILD)/tests/twin/%: tests/twin/%.c $(TWIN_HEADERS)
	@mkdir -p $(@D)
	$(TWIN_BUILD) -o $@ $<

# For the trap: the same tests, linked statically.
TWIN_STATIC := $(addprefix $(BUILD)/tests/twin/,twin-static semantics-static retime-static \
	stress-static bench_clock-static)

$(BUILD)/tests/twin/sleeper: TWIN_CFLAGS += -static

$(BUILD)/tests/twin/twin-static: $(BUILD)/tests/obj/tests/twin/main.o $(TWIN_OBJS)
	@mkdir -p $(@D)
	$(CC) -static -Wl,--no-warnings -o $@ $^ -luring

$(BUILD)/tests/twin/%-static: tests/twin/%.c $(TWIN_HEADERS)
	@mkdir -p $(@D)
	$(TWIN_BUILD) -static -o $@ $<

tests: $(TWIN_PROGRAMS) $(TWIN_STATIC) $(COVERAGE_PROGRAMS)
