# How the libraries are found and linked; nothing of theirs is copied in.
# musl has no linux/*.h: the host's come last (-idirafter), so that they never shadow musl's.
MULTIARCH := $(shell gcc -print-multiarch)
MUSL_INC := -idirafter /usr/include -idirafter /usr/include/$(MULTIARCH)
MUSL_LIBS := /usr/lib/$(MULTIARCH)/libbearssl.a
HOST_LIBS := -lbearssl -lm
VENDOR_READY :=
