# SPDX-License-Identifier: GPL-2.0-or-later

# The test of lento-wire as a process starts the program.
$(BUILD)/tests/unit/test_wire_process: | $(BUILD)/lento-wire

# Run by tests/system/wire.bats, scripts/bench-wire and scripts/wire-accuracy.
tests: $(BUILD)/tests/system/wire_accuracy
$(BUILD)/tests/system/wire_%: tests/system/wire_%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) -lm -lpthread
