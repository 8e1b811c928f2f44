# SPDX-License-Identifier: GPL-2.0-or-later
$(BUILD)/lento-init: orchestrator/rt/initproto.h

# Tests that need root start containers from a program of their own.
tests: $(BUILD)/tests/system/rt_lxc

$(BUILD)/tests/system/rt_lxc: tests/system/rt_lxc.c $(ARCHIVES) | $(BUILD)/lento-init
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(PKG_LIBS)

$(BUILD)/tests/unit/test_rt_null: | $(BUILD)/lento-init
