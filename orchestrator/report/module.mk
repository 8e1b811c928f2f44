# SPDX-License-Identifier: GPL-2.0-or-later
# hostcheck belongs to the core, which is in no archive: its test links its objects.
HOSTCHECK_OBJS := $(patsubst %,$(BUILD)/obj/orchestrator/%.o,hostcheck hostcheck_probe hostcheck_fix)

$(BUILD)/tests/unit/test_hostcheck: tests/unit/test_hostcheck.c $(HOSTCHECK_OBJS) $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) $(LDFLAGS) -o $@ $< $(HOSTCHECK_OBJS) $(ARCHIVES) \
		$(PKG_LIBS) -lcmocka
