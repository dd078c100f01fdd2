/* cmd/tracer.c - a node's traces to the devices, a device's to the nodes, told to all clients */
#include "cmd/tracer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/legtrace.h"
#include "core/check.h"
#include "core/log.h"

/* One leg: from one of our registered addresses to one of a peer's. */
struct leg {
	struct fp peer;
	struct addr from, to;
	mono_t traced, told; /* us 0: never */
	bool wanted;	     /* both ends are in the directory */
	struct record record;
};

struct tracer {
	const struct party *p;
	struct quorum *q;
	const struct directory *d;
	enum role role;
	struct timer timer;
	struct legtrace run;
	struct quorum_call call;
	struct leg *busy; /* being traced or told */
	bool inserting;	  /* after a replace that found nothing */
	uint32_t n;
	struct leg leg[TRACER_LEGS_MAX];
	char to[ADDR_STR_MAX], text[RECORD_TEXT_MAX]; /* what the call's tuple points at */
};

/* Addresses of a node or device, seen alike. */
struct ends {
	const struct fp *fp;
	const struct addr *addr;
	uint32_t n;
};

static bool ends_at(const struct directory *d, enum role role, uint32_t i, struct ends *e)
{
	const struct node_entry *node = role == ROLE_NODE ? directory_node_at(d, i) : NULL;
	const struct device_entry *dev = role == ROLE_DEVICE ? directory_device_at(d, i) : NULL;

	if (node)
		*e = (struct ends){ &node->fp, node->addr, node->addrs };
	if (dev)
		*e = (struct ends){ &dev->fp, dev->addr, dev->addrs };
	return node || dev;
}

static enum role other(enum role role)
{
	return role == ROLE_NODE ? ROLE_DEVICE : ROLE_NODE;
}

static bool find_self(const struct tracer *t, struct ends *self)
{
	for (uint32_t i = 0; ends_at(t->d, t->role, i, self); i++)
		if (fp_eq(self->fp, &t->p->id.fp))
			return true;
	return false;
}

static void want(struct tracer *t, const struct fp *peer, const struct addr *from,
		 const struct addr *to)
{
	struct leg *l = t->leg;

	while (l < t->leg + t->n && !(addr_eq(&l->to, to) && addr_same_ip(&l->from, from) &&
				      fp_eq(&l->peer, peer)))
		l++;
	if (l == t->leg + TRACER_LEGS_MAX)
		return;
	if (l == t->leg + t->n) {
		*l = (struct leg){ .peer = *peer, .from = *from, .to = *to };
		t->n++;
	}
	l->wanted = true;
}

/* Brings the legs into line with the directory; those of peers that are gone make room. */
static void look(struct tracer *t)
{
	struct ends self, peer;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		t->leg[i].wanted = false;
	if (!find_self(t, &self))
		return;
	for (uint32_t i = 0; ends_at(t->d, other(t->role), i, &peer); i++)
		for (uint32_t k = 0; k < peer.n; k++)
			for (uint32_t m = 0; m < self.n; m++)
				if (addr_is_v4(&peer.addr[k]) == addr_is_v4(&self.addr[m]))
					want(t, peer.fp, &self.addr[m], &peer.addr[k]);
	for (uint32_t i = 0; i < t->n; i++)
		if (t->leg[i].wanted)
			t->leg[n++] = t->leg[i];
	t->n = n;
}

static void again(struct tracer *t)
{
	loop_arm(quorum_loop(t->q), &t->timer, mono_add_ms(mono_now(), TRACER_EVERY_MS));
}

static void make_tuple(struct tracer *t, struct tuple *tuple, bool templ)
{
	tuple_init(tuple);
	tuple_add_str(tuple, "trace");
	tuple_add_bytes(tuple, t->p->id.fp.b, FP_BYTES);
	tuple_add_bytes(tuple, t->busy->peer.b, FP_BYTES);
	tuple_add_str(tuple, t->to);
	if (templ)
		tuple_add_any(tuple);
	else
		tuple_add_str(tuple, t->text);
}

/* The old tuple gives way to the new one; where there is none, the new one is put in. */
static void tell(struct tracer *t, bool insert)
{
	t->inserting = insert;
	t->call.op = (struct op){ .type = insert ? OP_OUT : OP_REPLACE, .ttl_ms = TRACER_LEASE_MS };
	addr_format(&t->busy->to, t->to);
	record_format(&t->busy->record, t->text);
	make_tuple(t, &t->call.op.tuple, false);
	if (!insert)
		make_tuple(t, &t->call.op.templ, true);
	quorum_call(t->q, &t->call);
}

static void told(struct quorum_call *call, int code, const struct result *r)
{
	struct tracer *t = container_of(call, struct tracer, call);

	if (!code && r->code == RESULT_NONE && !t->inserting) {
		tell(t, true);
		return;
	}
	if (!code && r->code == RESULT_OK)
		t->busy->told = mono_now();
	else
		log_info("a trace is not published: %s",
			 code ? "no answer of the manager" : result_code_str[r->code]);
	t->busy = NULL;
	again(t);
}

static void traced(struct legtrace *run)
{
	struct tracer *t = container_of(run, struct tracer, run);

	t->busy->record = run->record;
	t->busy->record.at_s = time(NULL);
	t->busy->record.from = t->busy->from;
	t->busy->record.from.port = 0;
	t->busy->traced = mono_now();
	tell(t, false);
}

/* The route decides the local address: the registered one may be a NAT's. */
static bool begin(struct tracer *t, struct leg *l)
{
	struct probe_ends ends = { .to = l->to };
	int r;

	t->busy = l;
	l->traced = mono_now(); /* whatever comes of it: not again soon */
	t->run.done = traced;
	r = legtrace_start(&t->run, quorum_loop(t->q), &ends);
	if (!r)
		return true;
	log_line(LOG_INFO, r, "no trace");
	t->busy = NULL;
	return false;
}

static bool due(mono_t at, mono_t now, int64_t ms)
{
	return !at.us || mono_diff_us(now, at) >= ms * 1000;
}

static void tick(struct timer *timer, mono_t now)
{
	struct tracer *t = container_of(timer, struct tracer, timer);

	look(t);
	for (uint32_t i = 0; i < t->n; i++) {
		struct leg *l = &t->leg[i];

		if (due(l->traced, now, TRACER_AGE_MS)) {
			if (begin(t, l))
				return;
		} else if (l->record.at_s && due(l->told, now, TRACER_RENEW_MS)) {
			t->busy = l;
			tell(t, false);
			return;
		}
	}
	again(t);
}

struct tracer *tracer_open(const struct party *p, struct quorum *q, const struct directory *d,
			   enum role role)
{
	struct tracer *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->p = p;
	t->q = q;
	t->d = d;
	t->role = role;
	t->timer.fire = tick;
	t->call.done = told;
	again(t);
	return t;
}

void tracer_close(struct tracer *t)
{
	if (!t)
		return;
	legtrace_stop(&t->run);
	quorum_cancel(t->q, &t->call);
	loop_disarm(quorum_loop(t->q), &t->timer);
	free(t);
}
