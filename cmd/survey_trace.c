/* cmd/survey_trace.c - trace all legs that are missing, many at once, while the nodes trace back */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/legtrace.h"
#include "cmd/survey.h"
#include "core/check.h"
#include "core/log.h"

enum { AT_ONCE = 64 }; /* each has 9 descriptors, or up to 32 without privilege */

/* One leg under way. */
struct slot {
	struct legtrace leg;
	struct work *work;
	uint32_t i; /* of the candidate */
	bool busy;
};

struct work {
	struct survey *s;
	struct loop loop;
	struct backs *backs;
	uint32_t next; /* candidate to look at */
	uint32_t busy;
	struct slot slot[AT_ONCE];
};

static void fill(struct work *w);

static void on_done(struct legtrace *leg)
{
	struct slot *slot = container_of(leg, struct slot, leg);
	struct work *w = slot->work;

	leg->record.at_s = w->s->now_s;
	tracecache_put(&w->s->traces, &leg->record);
	w->s->traced++;
	slot->busy = false;
	w->busy--;
	fill(w);
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
	int r;

	memcpy(ends.device, p->device, sizeof ends.device);
	slot->work = w;
	slot->i = i;
	slot->leg.must_be_open = true; /* else it is no node, though the host is there */
	slot->leg.done = on_done;
	r = legtrace_start(&slot->leg, &w->loop, &ends);
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

static void stop_when_idle(void *owner)
{
	struct work *w = owner;

	if (!w->busy && !backs_busy(w->backs))
		loop_stop(&w->loop);
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
	stop_when_idle(w);
}

/* Without privilege each probe is a connection. */
static void allow_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

int survey_trace(struct survey *s)
{
	struct work *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	w->s = s;
	allow_descriptors();
	r = loop_init(&w->loop);
	if (!r) {
		w->backs = backs_open(s, &w->loop, stop_when_idle, w);
		fill(w);
		r = loop_run(&w->loop);
		backs_close(w->backs);
		loop_fini(&w->loop);
	}
	free(w);
	return r;
}
