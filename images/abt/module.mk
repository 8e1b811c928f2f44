# SPDX-License-Identifier: GPL-2.0-or-later
#
# The BitTorrent core: pure code, a library of its own that its tests link.

ABT_SRCS := $(wildcard images/abt/core/*.c)
ABT_LIB  := $(BUILD)/libabt.a
ABT_TESTS := $(filter $(BUILD)/tests/unit/test_abt_%,$(UNIT_TESTS))

$(ABT_LIB): $(ABT_SRCS:%.c=$(BUILD)/obj/%.o)
	@rm -f $@
	$(AR) qcs $@ $^

$(ABT_TESTS): private ARCHIVES := $(ABT_LIB) $(ARCHIVES)
$(ABT_TESTS): $(ABT_LIB)
