# SPDX-License-Identifier: GPL-2.0-or-later
# The clock shim, its launcher and their tests.

# The shim depends on no library at all, not even libc: see timedil/shim/shim.h.
# It is never built with a sanitizer, whose run-time starts after it.
SHIM_SRCS := $(wildcard timedil/shim/*.c)
SHIM_OBJS := $(SHIM_SRCS:%.c=$(BUILD)/obj/%.pic.o)
SHIM_CFLAGS := $(CSTD) $(WARN) -O2 -g -MMD -MP -fno-common -fPIC -fvisibility=hidden \
	-ffreestanding -fno-builtin -fno-stack-protector -fno-tree-loop-distribute-patterns \
	-fno-strict-aliasing -ftls-model=initial-exec -fasynchronous-unwind-tables \
	-U_FORTIFY_SOURCE -Wno-nonnull-compare -Wno-attribute-alias -Wno-missing-attributes
SHIM_LDFLAGS := -shared -nostdlib -Wl,-z,initfirst,-z,now,-z,relro,-z,noexecstack,-Bsymbolic \
	-Wl,--hash-style=both,--build-id,-soname,libtimedil.so

$(BUILD)/obj/timedil/shim/%.pic.o: timedil/shim/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -I. $(SHIM_CFLAGS) -c -o $@ $<

$(BUILD)/obj/timedil/exports.map: timedil/shim/exports.map.in timedil/calls.def
	@mkdir -p $(@D)
	$(CC) -E -P -x c -I. -o $@ $<

$(BUILD)/libtimedil.so: $(SHIM_OBJS) $(BUILD)/obj/timedil/exports.map
	$(CC) $(SHIM_LDFLAGS) -Wl,--version-script=$(BUILD)/obj/timedil/exports.map \
		-o $@ $(SHIM_OBJS) -lgcc

LAUNCHER_SRCS := $(wildcard timedil/launcher/*.c)
LAUNCHER_OBJS := $(LAUNCHER_SRCS:%.c=$(BUILD)/obj/%.o)

$(BUILD)/timedil: $(LAUNCHER_OBJS) $(BUILD)/libvtime.a
	$(CC) $(LDFLAGS) -o $@ $(LAUNCHER_OBJS) $(BUILD)/libvtime.a

all: $(BUILD)/libtimedil.so $(BUILD)/timedil
