/* cmd/survey_trace.c - trace all legs that are missing, many at once */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/survey.h"
#include "core/check.h"
#include "core/log.h"
#include "probe/run.h"

enum {
	AT_ONCE = 128, /* three descriptors each; a limit of 1,024 leaves room for the rest */
	TRIES = 2,     /* a plan shall take the slowest round trip and a second */
};

/* One leg under way. */
struct slot {
	struct trace_run run;
	struct work *work;
	uint32_t i; /* of the candidate */
	bool busy;
};

struct work {
	struct survey *s;
	struct loop loop;
	uint32_t next; /* candidate to look at */
	uint32_t busy;
	struct slot slot[AT_ONCE];
};

static void fill(struct work *w);

static void keep(struct slot *slot)
{
	struct survey *s = slot->work->s;
	const struct survey_path *p = &s->path[slot->i];
	struct record r;

	record_make(&r, &slot->run.trace, &p->from, p->device, s->now_s);
	/* A port that is closed is no node, though the host is there. */
	if (slot->run.trace.ttl[trace_last(&slot->run.trace)].a.kind != TRACE_OPEN)
		r.reached = false;
	tracecache_put(&s->traces, &r);
	s->traced++;
}

static void on_done(struct trace_run *run)
{
	struct slot *slot = container_of(run, struct slot, run);

	keep(slot);
	slot->busy = false;
	slot->work->busy--;
	fill(slot->work);
}

/* Whether a trace with the same ends is under way. */
static bool under_way(const struct work *w, const struct survey_path *p)
{
	for (uint32_t k = 0; k < AT_ONCE; k++) {
		const struct survey_path *q = &w->s->path[w->slot[k].i];

		if (w->slot[k].busy && addr_same_ip(&p->from, &q->from) &&
		    addr_eq(&p->entry, &q->entry) && !strcmp(p->device, q->device))
			return true;
	}
	return false;
}

/* A leg that cannot even be begun stays unknown. */
static void begin(struct work *w, struct slot *slot, uint32_t i)
{
	const struct survey_path *p = &w->s->path[i];
	struct probe_ends ends = { .from = p->from, .to = p->entry };
	struct trace_conf conf = trace_conf_all;
	int r;

	conf.tries = TRIES;
	memcpy(ends.device, p->device, sizeof ends.device);
	slot->work = w;
	slot->i = i;
	r = trace_run_start(&slot->run, &w->loop, &ends, &conf, on_done);
	if (r) {
		log_line(LOG_INFO, r, "no trace to node %s", p->node ? p->node->name : "(direct)");
		return;
	}
	slot->busy = true;
	w->busy++;
}

static struct slot *idle(struct work *w)
{
	for (uint32_t k = 0; k < AT_ONCE; k++)
		if (!w->slot[k].busy)
			return &w->slot[k];
	return NULL;
}

/* Starts as many as may run; the loop ends with the last. */
static void fill(struct work *w)
{
	struct slot *slot;

	while (w->next < w->s->n && (slot = idle(w))) {
		const struct survey_path *p = &w->s->path[w->next];

		if (!survey_near(w->s, p) && !under_way(w, p))
			begin(w, slot, w->next);
		w->next++;
	}
	if (!w->busy)
		loop_stop(&w->loop);
}

int survey_trace(struct survey *s)
{
	struct work *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	w->s = s;
	r = loop_init(&w->loop);
	if (!r) {
		fill(w);
		r = loop_run(&w->loop);
		loop_fini(&w->loop);
	}
	free(w);
	return r;
}
