# SPDX-License-Identifier: GPL-2.0-or-later
# The twin tests: a row of calls.def without a test does not link.

TWIN_CFLAGS := $(CSTD) $(WARN) -O2 -g -U_FORTIFY_SOURCE
TWIN_SRCS := tests/twin/main.c $(wildcard tests/twin/t_*.c)
TWIN_PROGRAMS := $(BUILD)/tests/twin/twin \
	$(patsubst %.c,$(BUILD)/%,$(filter-out $(TWIN_SRCS),$(wildcard tests/twin/*.c)))

$(BUILD)/tests/twin/twin: $(TWIN_SRCS) tests/twin/twin.h tests/twin/variants.def timedil/calls.def
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -I. -Itests/twin $(TWIN_CFLAGS) -o $@ $(TWIN_SRCS)

$(BUILD)/tests/twin/%: tests/twin/%.c tests/twin/twin.h tests/twin/check.h
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -I. -Itests/twin $(TWIN_CFLAGS) -o $@ $<

tests: $(TWIN_PROGRAMS)
