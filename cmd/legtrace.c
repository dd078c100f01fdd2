/* cmd/legtrace.c - the trace of one leg: several flows, united in one record */
#include "cmd/legtrace.h"

#include "core/check.h"

static void note(struct legtrace *t, const struct trace *trace)
{
	struct record r;

	record_make(&r, trace, &t->ends.from, t->ends.device, 0);
	if (t->must_be_open && trace->ttl[trace_last(trace)].a.kind != TRACE_OPEN)
		r.reached = false;
	if (t->over++)
		record_unite(&t->record, &r);
	else
		t->record = r;
}

static void flow_done(struct trace_run *run)
{
	struct legtrace *t = container_of(run, struct leg_flow, run)->leg;

	note(t, &run->trace);
	if (t->over < t->flows)
		return;
	legtrace_stop(t);
	t->done(t);
}

static int begin_flow(struct legtrace *t)
{
	struct leg_flow *f = &t->flow[t->begun];
	struct trace_conf conf = trace_conf_all;

	conf.tries = LEG_TRIES;
	f->leg = t;
	return trace_run_start(&f->run, t->loop, &t->ends, &conf, flow_done);
}

static void arm(struct legtrace *t)
{
	loop_arm(t->loop, &t->next, mono_add_ms(mono_now(), LEG_STAGGER_MS));
}

/* A flow that cannot begin where the first one could is done without. */
static void next_flow(struct timer *timer, mono_t now)
{
	struct legtrace *t = container_of(timer, struct legtrace, next);

	(void)now;
	if (begin_flow(t))
		t->flows = t->begun;
	else
		t->begun++;
	if (t->over == t->flows) {
		legtrace_stop(t);
		t->done(t);
	} else if (t->begun < t->flows) {
		arm(t);
	}
}

/* Neighbouring ports are several flows already, and loopback has one way only. */
int legtrace_start(struct legtrace *t, struct loop *l, const struct probe_ends *e)
{
	int r;

	t->loop = l;
	t->ends = *e;
	t->next = (struct timer){ .fire = next_flow };
	t->begun = t->over = 0;
	r = begin_flow(t);
	if (r)
		return r;
	t->begun = 1;
	t->flows = t->flow[0].run.io.way == PROBE_RAW && addr_scope(&e->to) != ADDR_LOOPBACK
			   ? LEG_FLOWS : 1;
	if (t->begun < t->flows)
		arm(t);
	return 0;
}

void legtrace_stop(struct legtrace *t)
{
	if (!t->loop)
		return;
	loop_disarm(t->loop, &t->next);
	for (uint32_t i = 0; i < t->begun; i++)
		trace_run_stop(&t->flow[i].run);
}
