# SPDX-License-Identifier: GPL-2.0-or-later

# Run by tests/system/store.bats.
$(BUILD)/tests/system/store_fs: tests/system/store_fs.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) -lm -lpthread
