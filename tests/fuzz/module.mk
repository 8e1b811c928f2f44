# SPDX-License-Identifier: GPL-2.0-or-later
#
#   make fuzz      run each fuzzer for FUZZ_SECONDS (default 60)
#
# The library is built a second time, with clang and its coverage counters, or the fuzzer
# would be blind.  What a fuzzer finds new is kept below $(BUILD)/fuzz/corpus.

FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS  := $(CSTD) -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined -MMD -MP
FUZZ_SAN     := address,undefined
FUZZ_SRCS    := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS      := $(FUZZ_SRCS:tests/fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_OBJS    := $(LIB_SRCS:%.c=$(BUILD)/fuzz/obj/%.o) $(ABT_SRCS:%.c=$(BUILD)/fuzz/obj/%.o) \
                $(VTIME_SRCS:%.c=$(BUILD)/fuzz/obj/%.o)

$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) $(PKG_CFLAGS) \
		-fsanitize=fuzzer-no-link,$(FUZZ_SAN) -c -o $@ $<

$(BUILD)/fuzz/lib.a: $(FUZZ_OBJS)
	$(AR) rcsP $@ $^

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzz/lib.a
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) $(PKG_CFLAGS) -fsanitize=fuzzer,$(FUZZ_SAN) \
		-o $@ $< $(BUILD)/fuzz/lib.a $(PKG_LIBS)

fuzz: $(FUZZERS)
	@for f in $(FUZZERS); do \
		mkdir -p $(BUILD)/fuzz/corpus/$${f##*/}; \
		case $$f in *experiment) \
			cp -n tests/data/good/*.yaml tests/data/bad/* topologies/*.yaml \
				$(BUILD)/fuzz/corpus/$${f##*/}/;; \
		*graph) cp -n tests/data/graphs/* $(BUILD)/fuzz/corpus/$${f##*/}/;; \
		esac; \
		echo "== $${f##*/}"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(BUILD)/fuzz/ \
			-print_final_stats=1 $(BUILD)/fuzz/corpus/$${f##*/} \
			>$$f.log 2>&1 || { tail -n 40 $$f.log; exit 1; }; \
		tail -n 5 $$f.log; \
	done
