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

# The trap: a program that loads others, and the vDSO they see.  Like the shim it depends on
# nothing; it is linked without relocations, which the last command makes sure of.
TRAP_SHIM_SRCS := $(addprefix timedil/shim/,attach.c elf.c itimer.c mem.c moment.c plan.c proc.c \
	ptimer.c read.c sockopt.c socktime.c timerfd.c timers.c uptime.c)
TRAP_SRCS := $(wildcard timedil/trap/*.c)
TRAP_OBJS := $(TRAP_SRCS:%.c=$(BUILD)/obj/%.pic.o) $(TRAP_SHIM_SRCS:%.c=$(BUILD)/obj/%.pic.o)
TRAP_LDFLAGS := -shared -nostdlib -Wl,-z,now,-z,norelro,-z,noexecstack,-z,text,-Bsymbolic \
	-Wl,-z,max-page-size=4096,--hash-style=both,--build-id,--eh-frame-hdr \
	-Wl,-soname,linux-vdso.so.1,-T,timedil/trap/image.lds \
	-Wl,--version-script=timedil/trap/exports.map

$(BUILD)/obj/timedil/trap/%.pic.o: timedil/trap/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -I. -I$(BUILD)/obj/timedil $(SHIM_CFLAGS) -c -o $@ $<

$(BUILD)/obj/timedil/trap/install.pic.o: $(BUILD)/obj/timedil/trap_filter.inc

$(BUILD)/obj/timedil/trap_filter.inc: timedil/trap/filter/main.c timedil/trap/trap.h timedil/trap/socket.def
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -I. $(CSTD) $(WARN) -O1 -o $(BUILD)/obj/timedil/trap_filter $< -lseccomp
	$(BUILD)/obj/timedil/trap_filter >$@

$(BUILD)/timedil-trap: $(TRAP_OBJS) timedil/trap/exports.map timedil/trap/image.lds
	$(CC) $(TRAP_LDFLAGS) -o $@ $(TRAP_OBJS) -lgcc
	@! readelf -rW $@ | grep R_X86_64

LAUNCHER_SRCS := $(wildcard timedil/launcher/*.c)
LAUNCHER_OBJS := $(LAUNCHER_SRCS:%.c=$(BUILD)/obj/%.o)

# The instructions of a program are decoded by capstone.
$(BUILD)/timedil: $(LAUNCHER_OBJS) $(BUILD)/libvtime.a
	$(CC) $(LDFLAGS) -o $@ $(LAUNCHER_OBJS) $(BUILD)/libvtime.a $(shell pkg-config --libs capstone)

all: $(BUILD)/libtimedil.so $(BUILD)/timedil
ifeq ($(shell uname -m),x86_64)
all: $(BUILD)/timedil-trap
endif
