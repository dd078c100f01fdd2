/* cmd/legtrace.h - the trace of one leg: several flows, united in one record
 *
 * Load balancers send flows between the same ends over different routers, now and then through
 * different ASes, so what one flow sees is too little (PATHS.md C.5, C.6). Flows begin one after
 * the other, so that no router gets its probes in a burst. Embedded by its owner. */
#ifndef CMD_LEGTRACE_H
#define CMD_LEGTRACE_H

#include "probe/record.h"
#include "probe/run.h"

enum {
	LEG_FLOWS = 3,	     /* C.6 */
	LEG_STAGGER_MS = 50, /* a router's pause between two flows */
	LEG_TRIES = 2,	     /* a plan shall take the slowest round trip and a second */
};

struct legtrace;

struct leg_flow {
	struct legtrace *leg;
	struct trace_run run;
};

struct legtrace {
	struct loop *loop;
	struct probe_ends ends;
	bool must_be_open; /* a closed port is not what was meant, though the host is there */
	struct timer next;
	uint32_t flows, begun, over;
	struct record record; /* at_s is 0; from and device are those of the ends */
	void (*done)(struct legtrace *t); /* once, from the loop; all is stopped by then */
	struct leg_flow flow[LEG_FLOWS];
};

/* Begins; must_be_open and done are set by the owner before. 0, or -errno as trace_run_start. */
int legtrace_start(struct legtrace *t, struct loop *l, const struct probe_ends *e);
/* Harmless when it is over, or was zeroed and never begun. */
void legtrace_stop(struct legtrace *t);

#endif
