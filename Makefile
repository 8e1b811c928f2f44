# SPDX-License-Identifier: GPL-2.0-or-later
#
# lento - real peer-to-peer programs in dilated time.
#
#   make run     install what is missing, build, run a swarm, print its result
#   make check   install what is missing, build, run every test
#   make help    the other targets

BUILD   ?= build
CC      ?= gcc
CSTD    := -std=gnu11
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith -Wformat=2 \
           -Wno-format-nonliteral $(if $(WERROR),-Werror)
OPT     ?= -O2 -g
SAN     ?=
comma   := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
CPPFLAGS += -D_GNU_SOURCE -I. -Iorchestrator
CFLAGS  += $(CSTD) $(WARN) $(OPT) $(SANFLAGS) -fno-common -MMD -MP
LDFLAGS += $(SANFLAGS)

PKGS    := lxc jansson yaml-0.1 fuse3 libcrypto libseccomp libbpf gsl expat
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS)) -lm

# Sources.  A directory's main.c is the main of a program of its own.
LIB_DIRS := base topo wire rt store plan observe report
LIB_SRCS := $(filter-out %/main.c,$(wildcard orchestrator/*.c \
              $(addprefix orchestrator/,$(addsuffix /*.c,$(LIB_DIRS)))))
VTIME_SRCS := $(wildcard timedil/*.c) timedil/shim/plan.c

LIB_OBJS   := $(LIB_SRCS:%.c=$(BUILD)/obj/%.o)
VTIME_OBJS := $(VTIME_SRCS:%.c=$(BUILD)/obj/%.o)
ARCHIVES   := $(BUILD)/liblento.a $(BUILD)/libvtime.a

PROGRAMS := $(BUILD)/lento $(BUILD)/lento-wire $(BUILD)/lento-store $(BUILD)/lento-init
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
UNIT_TESTS := $(UNIT_SRCS:tests/unit/%.c=$(BUILD)/tests/unit/%)

.PHONY: all run check tests bench lint fuzz install clean help unit
.DELETE_ON_ERROR:

all: $(PROGRAMS) $(BUILD)/share/images $(BUILD)/share/seccomp.policy

# What the programs look for beside themselves.
$(BUILD)/share/images:
	@mkdir -p $(@D)
	ln -sfn $(CURDIR)/images $@

$(BUILD)/share/seccomp.policy: orchestrator/rt/seccomp.policy
	@mkdir -p $(@D)
	cp $< $@

# --- the two commands ---------------------------------------------------------

run:
	@scripts/deps run
	@$(MAKE) --no-print-directory -s all
	@$(BUILD)/lento run topologies/quickstart.yaml

PROVE_TESTS = $(UNIT_TESTS) $(wildcard tests/unit/*.py tests/unit/*.sh) \
              $(wildcard tests/twin/*.t) $(wildcard tests/system/*.bats tests/system/*.t)

check:
	@scripts/deps check
	@$(MAKE) --no-print-directory -s all tests
	BUILD=$(BUILD) prove --timer --exec scripts/tap $(PROVE_TESTS)

# Programs that the tests need beside the unit tests; modules add theirs.
tests: $(UNIT_TESTS)

bench: all
	@for b in scripts/bench-*; do echo "== $$b"; BUILD=$(BUILD) $$b || exit 1; done

lint:
	scripts/lint

PREFIX ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/lento $(DESTDIR)$(PREFIX)/share/lento
	install -m755 $(BUILD)/lento $(BUILD)/timedil $(DESTDIR)$(PREFIX)/bin
	install -m755 $(BUILD)/lento-wire $(BUILD)/lento-store $(BUILD)/lento-init \
		$(BUILD)/libtimedil.so $(wildcard $(BUILD)/timedil-trap) $(DESTDIR)$(PREFIX)/lib/lento
	install -m644 $(BUILD)/share/seccomp.policy $(DESTDIR)$(PREFIX)/share/lento
	cp -r images topologies $(DESTDIR)$(PREFIX)/share/lento

help:
	@sed -n 's/^#   //p' Makefile

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -c -o $@ $<

# Made anew each time: members are named without their folders, and two may be alike.
$(BUILD)/liblento.a: $(LIB_OBJS)
	@rm -f $@
	$(AR) qcs $@ $^

$(BUILD)/libvtime.a: $(VTIME_OBJS)
	@rm -f $@
	$(AR) qcs $@ $^

$(BUILD)/lento: $(BUILD)/obj/orchestrator/main.o $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(PKG_LIBS)

$(BUILD)/lento-wire: $(BUILD)/obj/orchestrator/wire/main.o $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ $< $(ARCHIVES) -lm

$(BUILD)/lento-store: $(BUILD)/obj/orchestrator/store/main.o $(ARCHIVES)
	$(CC) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(shell pkg-config --libs fuse3) -lm

# The first process of each peer: static, so that it runs in any root.
INIT_SRCS := $(wildcard orchestrator/rt/init/*.c) timedil/vtime.c
$(BUILD)/lento-init: $(INIT_SRCS) $(wildcard orchestrator/rt/init/*.h) orchestrator/rt/initlink.h timedil/vtime.h timedil/page.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CSTD) $(WARN) -Os -static -o $@ $(INIT_SRCS) -lm

$(BUILD)/tests/unit/%: tests/unit/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) $(LDFLAGS) -o $@ $< $(ARCHIVES) $(PKG_LIBS) -lcmocka

unit: $(UNIT_TESTS)

clean:
	rm -rf $(BUILD) build-san

# A module may bring rules of its own (timedil/module.mk, ...).
-include $(wildcard timedil/module.mk orchestrator/*/module.mk images/*/module.mk tests/*/module.mk)
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
