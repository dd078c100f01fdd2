/* test/sim/sim_manager.c - run the manager's simulator over seeds
 *
 *	sim_manager                  the quick run of `make test`: 200 seeds of f = 1, 50 of f = 2
 *	SEED=n [FAULTS=f] [V=1]      one seed, told aloud
 *	FROM=n SEEDS=n [FAULTS=f]    a range
 *
 * Every seed that is a multiple of ten is run twice and must leave the same trace. */
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

static struct sim sim;
static uint64_t verdicts[REPLICA_VERDICTS], answers, views, slots, events;

static void run(uint64_t seed, uint32_t faults, bool verbose)
{
	uint64_t trace;

	printf("# seed %llu faults %u\n", (unsigned long long)seed, faults);
	fflush(stdout);
	world_run(&sim, seed, faults, verbose);
	for (int i = 0; i < REPLICA_VERDICTS; i++)
		verdicts[i] += sim.verdicts[i];
	answers += sim.answers;
	views += sim.views;
	slots += sim.top;
	events += sim.events;
	if (seed % 10)
		return;
	trace = sim.trace;
	world_run(&sim, seed, faults, false);
	if (sim.trace != trace)
		fail(&sim, "I18: another trace in a second run");
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void range(uint64_t from, uint64_t n, uint32_t faults)
{
	for (uint64_t seed = from; seed < from + n; seed++)
		run(seed, faults, false);
	printf("ok sim: %llu seeds with f = %u\n", (unsigned long long)n, faults);
}

int main(void)
{
	uint32_t faults = (uint32_t)number("FAULTS", 1);

	sim.oracle = calloc(1, sizeof *sim.oracle);
	sim.slot = calloc(SLOTS_SEEN, sizeof *sim.slot);
	if (!sim.oracle || !sim.slot)
		return 2;
	if (getenv("SEED") && *getenv("SEED")) {
		run(number("SEED", 1), faults, number("V", 1));
		printf("ok sim: seed %llu\n", (unsigned long long)number("SEED", 1));
	} else if (getenv("SEEDS")) {
		range(number("FROM", 1), number("SEEDS", 1), faults);
	} else {
		range(1, 200, 1);
		range(1, 50, 2);
	}
	printf("# %llu events, %llu slots, %llu answers, %llu views entered\n",
	       (unsigned long long)events, (unsigned long long)slots,
	       (unsigned long long)answers, (unsigned long long)views);
	for (int i = 0; i < REPLICA_VERDICTS; i++)
		printf("# %s: %llu\n", replica_verdict_str[i], (unsigned long long)verdicts[i]);
	return 0;
}
