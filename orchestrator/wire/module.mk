# SPDX-License-Identifier: GPL-2.0-or-later
# The test of lento-wire as a process starts the program.
$(BUILD)/tests/unit/test_wire_process: | $(BUILD)/lento-wire
