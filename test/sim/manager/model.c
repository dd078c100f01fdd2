/* test/sim/manager/model.c - I14: what operations do and who may do what, told a second time
 *
 * A list of tuples, sessions and waiters after the words of MANAGER.md B.1, without the product's
 * rules, accounts and indexes. Each batch that the oracle executed is executed here once more: all
 * answers must be the same, and then the space. So nobody gets or takes what he has no right to,
 * cas never adds a second match, and what has expired is gone. Bounds of the whole space are left
 * out: no run comes near them. */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/model.h"

struct model model;

void model_reset(struct sim *s)
{
	for (uint32_t i = 0; i < model.items; i++)
		free(model.item[i]);
	memset(&model, 0, sizeof model);
	model.s = s;
	model.cluster = s->cluster;
	model.next_id = 1;
}

void wait_remove(uint32_t i)
{
	memmove(&model.wait[i], &model.wait[i + 1], (--model.waits - i) * sizeof model.wait[0]);
	for (; i < model.waits; i++) { /* fields point into their own bytes */
		struct buf b;

		buf_over(&b, model.wait[i].bytes, sizeof model.wait[i].bytes);
		MUST(tuple_get(&b, &model.wait[i].templ));
	}
}

void visit_remove(struct visit *v)
{
	for (uint32_t i = model.waits; i-- > 0;)
		if (&model.visit[model.wait[i].visit] == v)
			wait_remove(i);
	v->used = false;
}

const struct outcome *next_outcome(const struct fp *who, const uint8_t *id, uint64_t no)
{
	const struct state *st = model.s->oracle;
	const struct outcome *o = &st->outcome[model.cursor++];

	if (model.cursor > st->outcomes || !fp_eq(&o->client, who) || o->no != no ||
	    memcmp(o->id, id, SESSION_BYTES))
		fail(model.s, "I14: slot %llu answers somebody else than it should",
		     (unsigned long long)st->slot);
	return o;
}

static void expect_bare(const struct request *q, enum result_code code)
{
	const struct outcome *o = next_outcome(&q->client, q->session, q->no);

	if (o->session != SESSION_NONE || o->code != code)
		fail(model.s, "I14: slot %llu: no session gets %u, not %u",
		     (unsigned long long)model.s->oracle->slot, o->code, code);
}

void expect(struct visit *v, const struct result *r)
{
	const struct outcome *o = next_outcome(&v->who, v->id, v->last);
	uint8_t mem[RESULT_BYTES_MAX];
	struct reply have;
	struct result got;
	struct buf b;

	v->waiting = false;
	v->used_us = model.now_us;
	if (o->session != SESSION_NONE && !outcome_lives(model.s->oracle, o))
		return; /* evicted later in the batch */
	buf_init(&b, mem, sizeof mem);
	result_put(&b, r);
	if (o->session == SESSION_NONE || o->blocked ||
	    !state_reply(model.s->oracle, o->session, &have) || have.no != v->last ||
	    !result_get(&got, have.result, have.result_len))
		fail(model.s, "I14: slot %llu has no answer where it should have one",
		     (unsigned long long)model.s->oracle->slot);
	if (have.result_len != b.len || memcmp(have.result, mem, b.len))
		fail(model.s, "I14: slot %llu gives code %u, tuple %llu, not %u and %llu",
		     (unsigned long long)model.s->oracle->slot, got.code,
		     (unsigned long long)got.id, r->code, (unsigned long long)r->id);
}

void expect_code(struct visit *v, enum result_code code, uint64_t id)
{
	expect(v, &(struct result){ .code = code, .id = id });
}

/* Who has no role any more has no session; nor is there a node or device that is no member. */
static void evict(void)
{
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (model.visit[i].used && !roles_of(&model.visit[i].who))
			visit_remove(&model.visit[i]);
	for (uint32_t i = model.items; i-- > 0;) {
		const struct tuple *t = &model.item[i]->t;
		int tag = tag_of(t);
		struct fp fp;

		if (tag != NODE && tag != DEVICE)
			continue;
		memcpy(fp.b, t->f[2].bytes, FP_BYTES);
		if (!(roles_as(&fp, &t->f[1]) & model_tags[tag].roles))
			item_remove(i);
	}
}

static struct visit *visit_open(const struct request *q)
{
	struct visit *v = NULL;
	uint32_t own = 0;

	for (uint32_t i = SESSIONS_MAX; i-- > 0;) {
		struct visit *x = &model.visit[i];

		v = x->used ? v : x;
		own += x->used && !x->closed && fp_eq(&x->who, &q->client);
	}
	if (!v || own >= SESSIONS_PER_KEY)
		return NULL;
	*v = (struct visit){ .used = true, .who = q->client };
	memcpy(v->id, q->session, SESSION_BYTES);
	return v;
}

/* Under the number of a wait it ends that. */
static void withdraw(struct visit *v, const struct request *q)
{
	if (!v->waiting || q->no != v->last || !request_withdraws(q))
		return;
	for (uint32_t i = model.waits; i-- > 0;)
		if (&model.visit[model.wait[i].visit] == v)
			wait_remove(i);
	expect_code(v, RESULT_NONE, 0);
}

static void run_request(const struct request *q)
{
	struct visit *v = NULL;
	int64_t off = q->time_us - model.now_us;

	for (uint32_t i = 0; i < SESSIONS_MAX && !v; i++)
		if (model.visit[i].used && fp_eq(&model.visit[i].who, &q->client) &&
		    !memcmp(model.visit[i].id, q->session, SESSION_BYTES))
			v = &model.visit[i];
	if (v && q->no <= v->last) {
		withdraw(v, q);
		return;
	}
	if (q->is_signed && (off < -60 * SECOND_US || off > 60 * SECOND_US))
		expect_bare(q, RESULT_STALE);
	else if (v && (v->closed || v->waiting || q->no != v->last + 1))
		expect_bare(q, v->closed ? RESULT_NO_SESSION : RESULT_BAD);
	else if (!v && q->no != 1)
		expect_bare(q, RESULT_NO_SESSION);
	else if (!v && !roles_of(&q->client))
		expect_bare(q, RESULT_DENIED);
	else if (!v && !(v = visit_open(q)))
		expect_bare(q, RESULT_QUOTA);
	else {
		v->last = q->no;
		v->used_us = model.now_us;
		operate(v, q);
	}
}

/* What ends by itself: leases, waits, sessions out of use. */
static void pass_time(void)
{
	for (uint32_t i = model.items; i-- > 0;)
		if (model.item[i]->expires_us <= model.now_us)
			item_remove(i);
	for (uint32_t i = 0; i < model.waits;) {
		struct visit *v = &model.visit[model.wait[i].visit];

		if (model.wait[i].deadline_us > model.now_us) {
			i++;
			continue;
		}
		wait_remove(i);
		expect_code(v, RESULT_NONE, 0);
	}
	if (model.now_us < model.sweep_us)
		return;
	model.sweep_us = model.now_us + 10 * SECOND_US;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		struct visit *v = &model.visit[i];

		if (v->used && !v->waiting &&
		    model.now_us - v->used_us > (v->closed ? 120 : 600) * SECOND_US)
			visit_remove(v);
	}
}

static void compare(void)
{
	const struct state *st = model.s->oracle;
	const struct space *sp = &st->space;
	uint32_t k = 0;

	for (uint32_t i = sp->first; i < sp->entries; i++) {
		const struct space_entry *e = &sp->entry[i];
		const struct item *x = k < model.items ? model.item[k] : NULL;
		const uint8_t *p;
		size_t len;

		if (e->block == ARENA_NONE || e->expires_us <= model.now_us)
			continue;
		p = arena_get(&sp->arena, e->block, &len);
		if (!x || x->id != e->id || x->expires_us != e->expires_us || x->len != len ||
		    !fp_eq(&x->owner, &st->account[e->owner].fp) || memcmp(x->bytes, p, len))
			fail(model.s, "I14: after slot %llu tuple %llu is there, and should not",
			     (unsigned long long)st->slot, (unsigned long long)e->id);
		k++;
	}
	if (k < model.items)
		fail(model.s, "I14: after slot %llu tuple %llu is gone, and should not",
		     (unsigned long long)st->slot, (unsigned long long)model.item[k]->id);
	if (model.cursor != st->outcomes || model.waits != st->waiters)
		fail(model.s, "I14: slot %llu gives more answers than it should",
		     (unsigned long long)st->slot);
}

void model_execute(const struct batch *batch)
{
	struct buf b = batch->requests;
	struct request q;

	model.now_us = batch->time_us;
	model.cursor = 0;
	model.swapping = model.members = false;
	pass_time();
	for (uint32_t i = 0; i < batch->count; i++) {
		MUST(request_get_entry(&b, &q));
		model.members = false;
		run_request(&q);
		if (model.members)
			evict();
	}
	compare();
}
