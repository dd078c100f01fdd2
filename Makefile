# machete - one static binary; see README.md
# Variants: build/ is the product (musl), build/asan/ the tests (host gcc, ASan and UBSan).

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo 0.1)
CFLAGS ?= -O2 -g
Q := $(if $(V),,@)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wsign-compare -Wvla
BASE := -std=c11 -D_GNU_SOURCE -I. -MMD -MP $(WARN) -DVERSION='"$(VERSION)"'
LIB := $(wildcard core/*.c net/*.c tuple/*.c probe/*.c)
CMD := $(wildcard cmd/*.c)

all: build/machete

include vendor/build.mk

# The product.
PROD := $(BASE) $(CFLAGS) $(MUSL_INC) -fstack-protector-strong -ffunction-sections -fdata-sections
OBJ := $(patsubst %.c,build/obj/%.o,$(LIB) $(CMD) vendor/fortify.c)

build/obj/%.o: %.c | $(VENDOR_READY)
	@mkdir -p $(@D)
	$(Q)musl-gcc $(PROD) -c -o $@ $<

build/machete: $(OBJ)
	$(Q)musl-gcc -static -s -Wl,--gc-sections -o $@ $^ $(MUSL_LIBS)

# Tests: one archive under the sanitizers, one program a test file.
SAN_CC ?= gcc
SAN := $(BASE) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_OBJ := $(patsubst %.c,build/asan/%.o,$(LIB))
UNIT := $(patsubst test/unit/%.c,build/unit/%,$(wildcard test/unit/test_*.c))

build/asan/%.o: %.c | $(VENDOR_READY)
	@mkdir -p $(@D)
	$(Q)$(SAN_CC) $(SAN) -c -o $@ $<

build/asan/libmachete.a: $(SAN_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^

build/unit/%: test/unit/%.c build/asan/libmachete.a test/unit/test.h
	@mkdir -p $(@D)
	$(Q)$(SAN_CC) $(SAN) -o $@ $< build/asan/libmachete.a $(HOST_LIBS)

unit: $(UNIT)
	$(Q)test/run $(UNIT)

clean:
	rm -rf build

.PHONY: all unit clean
-include $(OBJ:.o=.d) $(SAN_OBJ:.o=.d)
