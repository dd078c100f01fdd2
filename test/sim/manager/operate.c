/* test/sim/manager/operate.c - the model's operations, and who may do what */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/model.h"

enum { LEASE_MIN_MS = 1000, LEASE_MAX_MS = 600000 };

enum right { READ, REMOVE, RENEW };

const struct tag model_tags[FREE] = {
	[MEMBER] = { "member", ROLE_ADMIN, 0 },
	[NODE] = { "node", ROLE_NODE, 4 },
	[DEVICE] = { "device", ROLE_DEVICE, 4 },
	[TRACE] = { "trace", ROLE_NODE | ROLE_DEVICE, 256 },
};

int tag_of(const struct tuple *t)
{
	int i = 0;

	while (i < FREE && !tuple_is_str(t, 0, model_tags[i].name))
		i++;
	return i;
}

static bool is_fp(const struct field *f, const struct fp *fp)
{
	return f->type == FIELD_BYTES && f->len == FP_BYTES && !memcmp(f->bytes, fp->b, FP_BYTES);
}

uint32_t roles_as(const struct fp *who, const struct field *name)
{
	uint32_t roles = 0;

	for (uint32_t i = 0; i < model.items; i++) {
		const struct field *f = model.item[i]->t.f;

		if (tag_of(&model.item[i]->t) == MEMBER && is_fp(&f[3], who) &&
		    (!name || field_eq(name, &f[2])))
			roles |= role_parse(f[1].bytes, f[1].len);
	}
	return roles;
}

uint32_t roles_of(const struct fp *who)
{
	return roles_as(who, NULL) | (cluster_is_admin(&model.cluster, who) ? ROLE_ADMIN : 0);
}

static bool may(enum right right, const struct fp *who, const struct item *x)
{
	int tag = tag_of(&x->t);
	bool own = fp_eq(who, &x->owner);
	uint32_t roles = roles_of(who);

	if (right == READ || !roles)
		return roles;
	if (tag == FREE)
		return right == REMOVE || own;
	if (tag == MEMBER)
		return right == REMOVE && (roles & ROLE_ADMIN);
	return own && (right == REMOVE || tag == TRACE || (roles & model_tags[tag].roles));
}

/* The first match at or after number `from` on which it may do this, or NOBODY. */
static int find(enum right right, const struct fp *who, const struct tuple *templ, uint32_t from)
{
	for (uint32_t i = from; i < model.items; i++)
		if (tuple_match(templ, &model.item[i]->t) && may(right, who, model.item[i]))
			return (int)i;
	return NOBODY;
}

void item_remove(uint32_t i)
{
	model.members |= tag_of(&model.item[i]->t) == MEMBER;
	free(model.item[i]);
	memmove(&model.item[i], &model.item[i + 1], (--model.items - i) * sizeof model.item[0]);
}

static void expect_item(struct visit *v, enum result_code code, const struct item *x)
{
	expect(v, &(struct result){ .code = code, .id = x->id, .has_tuple = true,
				    .tuple = x->t });
}

/* A tuple of the same name (field `at`) that forbids this one; `skip` is about to go. */
static bool is_taken(const struct tuple *t, int tag, int skip)
{
	uint32_t at = tag == MEMBER ? 2 : 1;

	for (uint32_t i = 0; i < model.items; i++) {
		const struct field *f = model.item[i]->t.f;

		if ((int)i == skip || tag_of(&model.item[i]->t) != tag ||
		    !field_eq(&f[at], &t->f[at]))
			continue;
		if (tag != MEMBER || !field_eq(&f[3], &t->f[3]) || field_eq(&f[1], &t->f[1]))
			return true;
	}
	return false;
}

static bool is_valid(const struct tuple *t, int tag, const struct fp *who)
{
	static struct member_tuple member;
	static struct node_tuple node;
	static struct device_tuple device;

	if (tag == MEMBER)
		return member_decode(&member, t);
	if (tag == TRACE)
		return t->n > 1 && is_fp(&t->f[1], who);
	if (!(tag == NODE ? node_decode(&node, t) : device_decode(&device, t)))
		return false;
	return is_fp(&t->f[2], who) && (roles_as(who, &t->f[1]) & model_tags[tag].roles);
}

static enum result_code may_insert(const struct fp *who, const struct op *op, int skip)
{
	const struct tuple *t = &op->tuple;
	int tag = tag_of(t);
	uint32_t roles = roles_of(who), own = 0;

	if (tag == FREE)
		return RESULT_OK;
	if (!(roles & model_tags[tag].roles) || !is_valid(t, tag, who))
		return RESULT_DENIED;
	if (tag == MEMBER ? op->ttl_ms != 0 :
			    op->ttl_ms < LEASE_MIN_MS || op->ttl_ms > LEASE_MAX_MS)
		return RESULT_TTL;
	if (tag != TRACE && is_taken(t, tag, skip))
		return RESULT_FOUND;
	for (uint32_t i = 0; i < model.items; i++)
		own += (int)i != skip && tag_of(&model.item[i]->t) == tag &&
		       fp_eq(&model.item[i]->owner, who);
	return model_tags[tag].quota && own >= model_tags[tag].quota ? RESULT_QUOTA : RESULT_OK;
}

static int64_t lease_end(uint32_t ttl_ms)
{
	return ttl_ms ? model.now_us + (int64_t)ttl_ms * 1000 : SPACE_FOREVER;
}

static struct item *insert(const struct fp *who, const struct op *op)
{
	struct item *x = calloc(1, sizeof *x);
	struct buf b;

	MUST(x && model.items < ITEMS_MAX);
	x->id = model.next_id++;
	x->owner = *who;
	x->expires_us = lease_end(op->ttl_ms);
	buf_init(&b, x->bytes, sizeof x->bytes);
	tuple_put(&b, &op->tuple);
	x->len = b.len;
	buf_over(&b, x->bytes, x->len);
	MUST(tuple_get(&b, &x->t));
	model.members |= tag_of(&x->t) == MEMBER;
	model.item[model.items++] = x;
	return x;
}

/* The newest tuple, to who waits for it. */
static void serve(uint64_t id)
{
	for (uint32_t w = 0; w < model.waits;) {
		struct visit *v = &model.visit[model.wait[w].visit];
		bool take = model.wait[w].remove;
		uint32_t last = model.items - 1;

		if (!model.items || model.item[last]->id != id)
			return;
		if (find(take ? REMOVE : READ, &v->who, &model.wait[w].templ, last) == NOBODY) {
			w++;
			continue;
		}
		wait_remove(w);
		expect_item(v, RESULT_OK, model.item[last]);
		if (take)
			item_remove(last);
	}
}

static void op_out(struct visit *v, const struct op *op)
{
	enum result_code code = may_insert(&v->who, op, NOBODY);
	uint64_t id = code == RESULT_OK ? insert(&v->who, op)->id : 0;

	expect_code(v, code, id);
	serve(id);
}

static void op_take(struct visit *v, const struct op *op)
{
	bool remove = op->type == OP_INP || op->type == OP_IN;
	int i = find(remove ? REMOVE : READ, &v->who, &op->templ, 0);
	struct wait *w = &model.wait[model.waits];
	uint32_t own = 0;
	struct buf b;

	if (i != NOBODY) {
		expect_item(v, RESULT_OK, model.item[i]);
		if (remove)
			item_remove((uint32_t)i);
		return;
	}
	for (uint32_t k = 0; k < model.waits; k++)
		own += fp_eq(&model.visit[model.wait[k].visit].who, &v->who);
	if ((op->type != OP_RD && op->type != OP_IN) || !op->wait_ms) {
		expect_code(v, RESULT_NONE, 0);
	} else if (own == WAITERS_PER_KEY || model.waits == WAITERS_MAX) {
		expect_code(v, RESULT_QUOTA, 0);
	} else {
		if (!next_outcome(&v->who, v->id, v->last)->blocked)
			fail(model.s, "I14: slot %llu answers what should wait",
			     (unsigned long long)model.s->oracle->slot);
		*w = (struct wait){ .visit = (uint32_t)(v - model.visit), .remove = remove,
				    .deadline_us = lease_end(op->wait_ms) };
		buf_init(&b, w->bytes, sizeof w->bytes);
		tuple_put(&b, &op->templ);
		buf_over(&b, w->bytes, b.len);
		MUST(tuple_get(&b, &w->templ));
		model.waits++;
		v->waiting = true;
	}
}

/* The guard sees what its caller may not take, and even what he may not read. */
static void op_cas(struct visit *v, const struct op *op)
{
	for (uint32_t i = 0; i < model.items; i++)
		if (tuple_match(&op->templ, &model.item[i]->t)) {
			expect_item(v, RESULT_FOUND, model.item[i]);
			return;
		}
	op_out(v, op);
}

static void op_replace(struct visit *v, const struct op *op)
{
	int old = find(REMOVE, &v->who, &op->templ, 0);
	enum result_code code = old == NOBODY ? RESULT_NONE : may_insert(&v->who, op, old);
	uint64_t id = code == RESULT_OK ? insert(&v->who, op)->id : 0;

	if (code == RESULT_OK)
		item_remove((uint32_t)old);
	expect_code(v, code, id);
	serve(id);
}

static void op_renew(struct visit *v, const struct op *op)
{
	int i = find(RENEW, &v->who, &op->templ, 0);
	bool fits;

	if (i == NOBODY) {
		expect_code(v, RESULT_NONE, 0);
		return;
	}
	fits = tag_of(&model.item[i]->t) == FREE ||
	       (op->ttl_ms >= LEASE_MIN_MS && op->ttl_ms <= LEASE_MAX_MS);
	if (fits)
		model.item[i]->expires_us = lease_end(op->ttl_ms);
	expect_code(v, fits ? RESULT_OK : RESULT_TTL, model.item[i]->id);
}

static void op_rdall(struct visit *v, const struct op *op)
{
	uint8_t mem[RESULT_BYTES_MAX - 32];
	struct result r = { .code = RESULT_NONE };
	int i;

	buf_init(&r.list, mem, sizeof mem);
	for (uint32_t from = 0; (i = find(READ, &v->who, &op->templ, from)) != NOBODY;
	     from = (uint32_t)i + 1) {
		const struct item *x = model.item[i];

		if (x->id <= op->cursor)
			continue;
		if ((op->max && r.count == op->max) || buf_room(&r.list) < 8 + x->len) {
			r.cursor = r.id;
			break;
		}
		r.id = x->id;
		buf_put_u64(&r.list, x->id);
		buf_put_bytes(&r.list, x->bytes, x->len);
		r.count++;
		r.code = RESULT_OK;
	}
	expect(v, &r);
}

static void op_swap(struct visit *v, const struct op *op)
{
	struct cluster *c = &model.cluster;
	int at = cluster_find(c, &op->fp);
	bool bad = op->index >= c->n || cluster_is_admin(c, &op->fp);

	for (uint32_t i = 0; !bad && i < c->n; i++) {
		bool there = op->addr.port && addr_eq(&c->replica[i].addr, &op->addr);

		bad = i == op->index ? at == (int)i && (there || !op->addr.port)
				     : at == (int)i || there;
	}
	if (!(roles_of(&v->who) & ROLE_ADMIN)) {
		expect_code(v, RESULT_DENIED, 0);
	} else if (model.swapping) {
		expect_code(v, RESULT_AGAIN, 0);
	} else if (bad) {
		expect_code(v, RESULT_BAD, 0);
	} else {
		model.swapping = true;
		c->replica[op->index].fp = op->fp;
		if (op->addr.port)
			c->replica[op->index].addr = op->addr;
		expect_code(v, RESULT_OK, ++model.config);
	}
}

void operate(struct visit *v, const struct request *q)
{
	static void (*const run[OP_TYPES])(struct visit *, const struct op *) = {
		[OP_OUT] = op_out, [OP_RDP] = op_take, [OP_INP] = op_take, [OP_RD] = op_take,
		[OP_IN] = op_take, [OP_CAS] = op_cas, [OP_REPLACE] = op_replace,
		[OP_RENEW] = op_renew, [OP_RDALL] = op_rdall, [OP_SWAP] = op_swap,
	};
	struct op op;

	if (!op_get(&op, q->op, q->op_len)) {
		expect_code(v, RESULT_BAD, 0);
	} else if (op.type == OP_CLOSE) {
		v->closed = true;
		expect_code(v, RESULT_OK, 0);
	} else {
		run[op.type](v, &op);
	}
}

