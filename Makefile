# machete - one static binary; see README.md
# build/machete is the product (musl); build/asan and build/clang are the same sources under the
# sanitizers of gcc and clang, for tests. `make V=1` shows the commands.

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo 0.1)
CFLAGS ?= -Os -g
PREFIX ?= /usr/local
Q := $(if $(V),,@)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wsign-compare -Wvla
BASE := -std=c11 -D_GNU_SOURCE -I. $(WARN) -DVERSION='"$(VERSION)"'
LIB := $(wildcard core/*.c net/*.c tuple/*.c probe/*.c)
CMD := $(wildcard cmd/*.c)

all: build/machete

include vendor/build.mk
# Small (-Os without LEAN is larger), fast where data moves; no unwinding, no RELRO in musl, no gap.
PROD := $(BASE) -MMD -MP $(WERROR) $(CFLAGS) $(MUSL_INC) -fstack-protector-strong \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
LINK := -static -s -Wl,--gc-sections,-z,noseparate-code,-z,norelro,-z,common-page-size=64
LEAN := -fno-tree-dominator-opts -fno-tree-sra -fno-move-loop-invariants -fno-caller-saves \
	-fno-expensive-optimizations -fno-optimize-sibling-calls -fno-partial-inlining
build/obj/core/%x.o build/obj/net/flow%.o: HOT := -O2
OBJ := $(patsubst %.c,build/obj/%.o,$(LIB) $(CMD) vendor/fortify.c)

build/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)musl-gcc $(PROD) $(or $(HOT),$(LEAN)) -c -o $@ $<

build/machete: $(OBJ)
	$(Q)musl-gcc $(LINK) -o $@ $^ $(MUSL_LIBS)

# System tests in C, built as the product is.
build/sys/%: test/sys/%.c $(filter-out build/obj/cmd/%,$(OBJ))
	@mkdir -p $(@D)
	$(Q)musl-gcc $(PROD) $(LINK) -o $@ $^ $(MUSL_LIBS)

# Tests: one archive a compiler, one program a test file. clang's archive serves the fuzzers too.
SAN := $(BASE) -MMD -MP -Werror -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
CLANG := clang -fsanitize=fuzzer-no-link $(SAN)
SAN_OBJ := $(patsubst %.c,build/asan/%.o,$(LIB))
CLANG_OBJ := $(patsubst %.c,build/clang/%.o,$(LIB))
UNIT := $(patsubst test/unit/%.c,build/unit/%,$(wildcard test/unit/test_*.c))
CLANG_UNIT := $(patsubst build/unit/%,build/clang/unit/%,$(UNIT))
FUZZ := $(patsubst test/fuzz/%.c,build/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))
SIM := $(patsubst test/sim/%.c,build/sim/%,$(wildcard test/sim/sim_*.c))
SIDE = $(shell grep -l 'test may run beside others' test/*/*.sh) test/lint test/pure
SYS = $(filter-out $(SIDE),$(wildcard test/sys/*.sh test/lab/t-*.sh))

build/asan/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)gcc $(SAN) -c -o $@ $<

build/clang/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CLANG) -c -o $@ $<

build/asan/libmachete.a: $(SAN_OBJ)
build/clang/libmachete.a: $(CLANG_OBJ)
build/asan/libmachete.a build/clang/libmachete.a:
	$(Q)rm -f $@ && ar rcs $@ $^

build/unit/%: test/unit/%.c build/asan/libmachete.a $(wildcard test/unit/*.h)
	@mkdir -p $(@D)
	$(Q)gcc $(SAN) -o $@ $< build/asan/libmachete.a $(HOST_LIBS)

build/clang/unit/%: test/unit/%.c build/clang/libmachete.a $(wildcard test/unit/*.h)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -o $@ $< build/clang/libmachete.a $(HOST_LIBS)

build/fuzz/%: test/fuzz/%.c build/clang/libmachete.a
	@mkdir -p $(@D)
	$(Q)$(CLANG) -Wno-missing-prototypes -fsanitize=fuzzer -o $@ $^ $(HOST_LIBS)

# The simulator wants speed: optimised, and under UBSan alone.
build/sim/sim_%: test/sim/sim_%.c $(wildcard test/sim/*.h test/sim/*/*.[ch]) \
		$(wildcard core/*.[ch] tuple/*.[ch])
	@mkdir -p $(@D)
	$(Q)gcc $(BASE) -DSIM -O2 -g -fsanitize=undefined -fno-sanitize-recover=all -o $@ $< \
		$(wildcard test/sim/$*/*.c core/*.c tuple/*.c) $(HOST_LIBS)

unit: $(UNIT)
sim: $(SIM)
unit sim:
	$(Q)test/run $^

lint pure sim-bugs:
	$(Q)test/run test/$@

fuzz: $(FUZZ)
	$(Q)FUZZ_SECONDS=$${FUZZ_SECONDS:-60} test/run test/fuzz/run

test: deps
	$(Q)$(MAKE) -s -j$$(nproc) WERROR=-Werror all $(UNIT) $(CLANG_UNIT) $(FUZZ) $(SIM)
	$(Q)LIMIT=600 test/run $(SIDE) $(SIM) test/fuzz/run $(UNIT) $(CLANG_UNIT) -- $(SYS)

demo: deps all
	$(Q)test/demo

bench: all
	$(Q)vendor/deps.sh build test bench
	$(Q)for b in $(BENCH); do test/bench/$$b || exit; done

deps:
	$(Q)vendor/deps.sh build test

flags: # for test/lint
	@echo '$(filter-out -DVERSION=%,$(BASE))'

install: all
	install -D -m 755 build/machete $(DESTDIR)$(PREFIX)/bin/machete

clean: # what was fetched is kept
	rm -rf $(filter-out build/vendor,$(wildcard build/*))

.PHONY: all unit sim sim-bugs lint pure fuzz test demo bench deps flags install clean
-include test/bench/bench.mk $(OBJ:.o=.d) $(SAN_OBJ:.o=.d) $(CLANG_OBJ:.o=.d)
