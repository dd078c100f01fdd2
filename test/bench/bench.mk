BENCH ?= run nat manager mptcp ../lab/bench.sh

# Programs of `make bench`: machete with a device that discards, and what it is measured against:
# plain TCP, and the bare messages of the manager.
build/bench/server.o: cmd/server.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(PROD) -DBENCH_DISCARD -c -o $@ $<

build/bench/machete: build/bench/server.o $(filter-out build/obj/cmd/server.o,$(OBJ))
	$(Q)musl-gcc -static -s -Wl,--gc-sections -o $@ $^ $(MUSL_LIBS)

build/bench/tcp build/bench/skeleton: build/bench/%: test/bench/%.c
	@mkdir -p $(@D)
	$(Q)musl-gcc $(BASE) $(CFLAGS) -static -s -o $@ $<

# Clients of the manager, many in one process; for the tests too.
build/space: test/space.c $(filter-out build/obj/cmd/main.o build/obj/cmd/dev.o,$(OBJ))
	$(Q)musl-gcc $(PROD) -static -s -Wl,--gc-sections -o $@ $^ $(MUSL_LIBS)

# A replica that lies, for test/sys/replicas.sh.
WRAP := -Wl,--wrap=net_to_client,--wrap=net_to_replica,--wrap=entries_put,--wrap=clock_gettime \
	-Wl,--wrap=request_put
build/liar: test/liar.c $(OBJ)
	$(Q)musl-gcc $(PROD) $(WRAP) -static -s -Wl,--gc-sections -o $@ $^ $(MUSL_LIBS)

build/bench/plan: test/bench/plan.c $(filter-out build/obj/cmd/%,$(OBJ))
	@mkdir -p $(@D)
	$(Q)musl-gcc $(PROD) -static -s -Wl,--gc-sections -o $@ $^ $(MUSL_LIBS)

-include build/bench/server.d
