/* cmd/survey_back.c - ask the nodes how they see us, and the device on the direct path: what they
 * traced back to this host
 *
 * A connection a node and local address, bound as the path will be, so that the node sees it come
 * the way that the data will. Whatever goes wrong leaves a blank record, which is not asked for
 * again at once. */
#include <stdlib.h>
#include <string.h>

#include "cmd/backtrace.h"
#include "cmd/survey.h"
#include "core/check.h"
#include "core/log.h"
#include "net/flow.h"

enum {
	ASKS_AT_ONCE = 64, /* 256 KiB of input each, used or not */
	ANSWER_MS = 6000, /* the node traces as we do, perhaps after others */
};

/* One question under way. */
struct ask {
	struct backs *owner;
	struct flow flow;
	struct timer late;
	uint32_t i; /* of the candidate */
	bool busy;
	struct backtrace_text text;
	uint8_t in[FLOW_IN_BYTES];
};

struct backs {
	struct survey *s;
	struct loop *loop;
	void (*fn)(void *owner);
	void *owner;
	uint32_t next, busy;
	struct ask ask[ASKS_AT_ONCE];
};

static void fill(struct backs *b);

/* What the node sees is where we are, by its own account; the rest of the ends is ours. */
static struct record as_ours(const struct survey_path *p, const struct record *told, int64_t now_s)
{
	struct record r = *told;

	r.at_s = now_s;
	r.from = p->entry;
	r.from.port = 0;
	r.to = survey_back_to(p);
	memcpy(r.device, p->device, sizeof r.device);
	memset(&r.seen, 0, sizeof r.seen);
	if (!addr_same_ip(&told->to, &p->from)) {
		r.seen = told->to;
		r.seen.port = 0;
	}
	return r;
}

/* told NULL: nothing is to be had. */
static void end(struct ask *k, const struct record *told)
{
	struct backs *b = k->owner;
	const struct survey_path *p = &b->s->path[k->i];
	struct record blank = { .to = p->from }, r;

	r = as_ours(p, told ? told : &blank, b->s->now_s);
	tracecache_put(&b->s->traces, &r);
	loop_disarm(b->loop, &k->late);
	flow_close(&k->flow);
	k->busy = false;
	b->busy--;
	fill(b);
	b->fn(b->owner);
}

static const char *name_of(const struct ask *k)
{
	const struct survey_path *p = &k->owner->s->path[k->i];

	return p->node ? p->node->name : k->owner->s->device->name;
}

static struct ask *ask_of(struct flow *f)
{
	return container_of(f, struct ask, flow);
}

static void opened(struct flow *f)
{
	flow_send(f, &(struct flowmsg){ .type = FLOWMSG_TRACE });
}

static void message(struct flow *f, const struct flowmsg *m)
{
	struct ask *k = ask_of(f);
	struct record told;
	bool ok = false;

	if (m->type != FLOWMSG_TRACED || backtrace_take(&k->text, &m->traced, &told, &ok))
		end(k, ok ? &told : NULL);
}

static void closed(struct flow *f, const char *why, int err)
{
	struct ask *k = ask_of(f);

	(void)err;
	log_info("no trace back from %s: %s", name_of(k), why);
	end(k, NULL);
}

static void on_late(struct timer *t, mono_t now)
{
	struct ask *k = container_of(t, struct ask, late);

	(void)now;
	log_info("no trace back from %s in time", name_of(k));
	end(k, NULL);
}

static const struct flow_ops ops = {
	.opened = opened,
	.message = message,
	.closed = closed,
};

static void begin(struct backs *b, struct ask *k, uint32_t i)
{
	const struct survey_path *p = &b->s->path[i];
	struct sock_from from = { .addr = p->from };
	int r;

	memcpy(from.device, p->device, sizeof from.device);
	k->owner = b;
	k->i = i;
	k->text.len = 0;
	k->late.fire = on_late;
	r = flow_connect(&k->flow, b->loop, &ops, k->in, &p->entry, &from,
			 &quorum_party(b->s->q)->cert, p->node ? &p->node->fp : &b->s->device->fp,
			 NULL, 0, false);
	if (r) {
		log_line(LOG_INFO, r, "no trace back from %s", name_of(k));
		return;
	}
	loop_arm(b->loop, &k->late, mono_add_ms(mono_now(), ANSWER_MS));
	k->busy = true;
	b->busy++;
	b->s->asked++;
}

/* Several addresses of the device make several candidates of one leg. */
static bool under_way(const struct backs *b, const struct survey_path *p)
{
	for (uint32_t k = 0; k < ASKS_AT_ONCE; k++) {
		const struct survey_path *q = &b->s->path[b->ask[k].i];

		if (b->ask[k].busy && addr_same_ip(&p->from, &q->from) &&
		    addr_eq(&p->entry, &q->entry) && !strcmp(p->device, q->device))
			return true;
	}
	return false;
}

/* A node on this host sees us without a network between. */
static bool wanted(const struct backs *b, const struct survey_path *p)
{
	return addr_scope(&p->from) != ADDR_UNSPECIFIED && !survey_back(b->s, p) &&
	       !under_way(b, p);
}

static struct ask *idle(struct backs *b)
{
	for (uint32_t k = 0; k < ASKS_AT_ONCE; k++)
		if (!b->ask[k].busy)
			return &b->ask[k];
	return NULL;
}

static void fill(struct backs *b)
{
	struct ask *k;

	while (b->next < b->s->n && (k = idle(b))) {
		if (wanted(b, &b->s->path[b->next]))
			begin(b, k, b->next);
		b->next++;
	}
}

struct backs *backs_open(struct survey *s, struct loop *l, void (*fn)(void *owner), void *owner)
{
	struct backs *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->s = s;
	b->loop = l;
	b->fn = fn;
	b->owner = owner;
	fill(b);
	return b;
}

bool backs_busy(const struct backs *b)
{
	return b && b->busy;
}

void backs_close(struct backs *b)
{
	free(b);
}
