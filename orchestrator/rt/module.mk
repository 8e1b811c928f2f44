# SPDX-License-Identifier: GPL-2.0-or-later
$(BUILD)/lento-init: orchestrator/rt/initproto.h

# Programs for the kernel, which become a part of ours (tcp_bpf.c).
BPF_CLANG ?= clang
BPF_OBJ := $(BUILD)/bpf/tcp.bpf.o
BPF_EMBED := $(BUILD)/obj/orchestrator/rt/tcp_bpf_elf.o

$(BPF_OBJ): orchestrator/rt/bpf/tcp.bpf.c $(wildcard orchestrator/rt/bpf/*.h)
	@mkdir -p $(@D)
	$(BPF_CLANG) -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter $(if $(WERROR),-Werror) \
		-I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<

$(BPF_EMBED): orchestrator/rt/tcp_bpf_elf.S $(BPF_OBJ)
	@mkdir -p $(@D)
	$(CC) -DTCP_BPF_ELF='"$(BPF_OBJ)"' -c -o $@ $<

$(BUILD)/liblento.a: $(BPF_EMBED)

# Tests that need root start containers from a program of their own.
tests: $(BUILD)/tests/system/rt_lxc $(BUILD)/tests/system/tcp_time

$(BUILD)/tests/system/rt_lxc: tests/system/rt_lxc.c $(ARCHIVES) | $(BUILD)/lento-init
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(PKG_LIBS)

$(BUILD)/tests/system/tcp_time: tests/system/tcp_time.c tests/system/wire_ns.h $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(PKG_LIBS)

$(BUILD)/tests/unit/test_rt_null: | $(BUILD)/lento-init

# For scripts/bench-launch.
$(BUILD)/tests/system/launch_bench: tests/system/launch_bench.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(PKG_LIBS)
