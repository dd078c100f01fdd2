# How the libraries are found and linked; nothing of theirs is copied in. Including found.mk makes
# it where it is missing: what `make` needs is installed, the archives are looked up, make starts
# over. Nothing here unwinds, so the copies that are linked do without the tables for it (22 KB).
# musl has no linux/*.h: the host's come last (-idirafter), so that they never shadow musl's.
FOUND := build/vendor/found.mk

ifneq ($(MAKECMDGOALS),clean)
include $(FOUND)
endif

$(FOUND): vendor/build.mk vendor/deps.sh vendor/fetch.sh vendor/packages
	@mkdir -p $(@D)
	@vendor/deps.sh build
	@dir=/usr/lib/$$(gcc -print-multiarch) && mnl=$$dir/libmnl.a && \
	if [ ! -e $$mnl ]; then \
		mnl=build/vendor/libmnl.a; [ -e $$mnl ] || vendor/fetch.sh $(@D); \
	fi && lean= && for a in $$dir/libbearssl.a $$dir/libnftnl.a $$mnl; do \
		lean="$$lean $(@D)/lean-$${a##*/}" && \
		objcopy -R .eh_frame -R .rela.eh_frame $$a $(@D)/lean-$${a##*/} || exit 1; \
	done && echo "ARCHIVES :=$$lean" >$@ && \
	echo "MULTIARCH := $$(gcc -print-multiarch)" >>$@

MUSL_INC = -idirafter /usr/include -idirafter /usr/include/$(MULTIARCH)
MUSL_LIBS = $(ARCHIVES)
HOST_LIBS := -lbearssl -lnftnl -lmnl -lm
