/* cmd/asker.c - ask nodes and devices how they are, many at a time */
#include "cmd/asker.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"

static struct asked *asked_of(struct flow *f)
{
	return container_of(f, struct asked, flow);
}

static const struct flow_ops asker_ops;

static void done(struct asked *q)
{
	struct asker *a = q->asker;

	if (!--a->open)
		loop_stop(a->loop);
}

/* The next address that can be tried; none: the party is done. */
static void try_next(struct asked *q)
{
	while (q->next < q->addrs) {
		const struct addr *to = &q->addr[q->next++];
		int r = flow_connect(&q->flow, q->asker->loop, &asker_ops, q->in, to,
				     &(struct sock_from){ 0 }, q->asker->cert, q->fp, NULL, 0,
				     false);

		if (!r)
			return;
		snprintf(q->why, sizeof q->why, "cannot connect: %s", strerror(-r));
	}
	done(q);
}

static void opened(struct flow *f)
{
	flow_send(f, &(struct flowmsg){ .type = FLOWMSG_ASK });
}

static void take_line(struct asked *q, const struct msg_told *m)
{
	if (m->kind == TOLD_END) {
		q->whole = true;
		q->left_out += m->value;
		flow_close(&q->flow);
		done(q);
	} else if (q->lines < LINES_MAX) {
		q->line[q->lines++] = *m;
	} else {
		q->left_out++;
	}
}

static void broken(struct asked *q, const char *why)
{
	snprintf(q->why, sizeof q->why, "%s", why);
	flow_close(&q->flow);
	done(q);
}

static void message(struct flow *f, const struct flowmsg *m)
{
	struct asked *q = asked_of(f);

	if (m->type == FLOWMSG_TOLD)
		take_line(q, &m->told);
	else
		broken(q, m->type == FLOWMSG_STOP ? m->stop.text : "it does not answer to that");
}

static void closed(struct flow *f, const char *why, int err)
{
	struct asked *q = asked_of(f);

	snprintf(q->why, sizeof q->why, "%s%s%s", why, err ? ": " : "", err ? strerror(-err) : "");
	if (f->open)
		done(q);
	else
		try_next(q);
}

static const struct flow_ops asker_ops = {
	.opened = opened,
	.message = message,
	.closed = closed,
};

static void late(struct timer *t, mono_t now)
{
	(void)now;
	loop_stop(container_of(t, struct asker, late)->loop);
}

static void begin(struct asker *a, struct asked *q)
{
	q->asker = a;
	q->whole = false;
	q->lines = q->next = 0;
	q->left_out = 0;
	snprintf(q->why, sizeof q->why, "no answer");
	try_next(q);
}

void asker_run(struct asker *a, struct loop *l, const struct party *p, uint32_t n)
{
	MUST(n <= ASKED_MAX);
	a->loop = l;
	a->cert = &p->cert;
	a->open = n + 1; /* and this function */
	a->late.fire = late;
	l->stop = false;
	l->now = mono_now();
	loop_arm(l, &a->late, mono_add_ms(l->now, ASKER_MS));
	for (uint32_t i = 0; i < n; i++)
		begin(a, &a->asked[i]);
	if (--a->open)
		loop_run(l);
	loop_disarm(l, &a->late);
	for (uint32_t i = 0; i < n; i++)
		flow_close(&a->asked[i].flow);
}
