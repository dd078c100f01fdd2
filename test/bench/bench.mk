# Programs of `make bench`: machete with a device that discards, and plain TCP.
build/bench/server.o: cmd/server.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(PROD) -DBENCH_DISCARD -c -o $@ $<

build/bench/machete: build/bench/server.o $(filter-out build/obj/cmd/server.o,$(OBJ))
	$(Q)musl-gcc -static -s -Wl,--gc-sections -o $@ $^ $(MUSL_LIBS)

build/bench/tcp: test/bench/tcp.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(BASE) $(CFLAGS) -static -s -o $@ $<
