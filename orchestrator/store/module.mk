# SPDX-License-Identifier: GPL-2.0-or-later

# Run by tests/system/store.bats.
STORE_FS_SRCS := $(addprefix tests/system/,store_fs.c store_bed.c store_names.c store_trouble.c store_scale.c)
$(BUILD)/tests/system/store_fs: $(STORE_FS_SRCS) tests/system/store_bed.h $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(STORE_FS_SRCS) $(ARCHIVES) -lm -lpthread
