/* tuple/exec.c - the operations of MANAGER.md B.1, each on a session that is open */
#include <string.h>

#include "core/check.h"
#include "tuple/rules.h"
#include "tuple/state.h"

static uint16_t account_of(const struct state *st, uint16_t session)
{
	return st->session[session].account;
}

/* The first match on which the session's key may do this, or SPACE_NONE. */
static uint32_t find(const struct state *st, uint16_t session, enum action action,
		     const struct tuple *templ, uint32_t from)
{
	const struct space *s = &st->space;
	struct tuple t;

	for (uint32_t i = space_find(s, templ, from, st->time_us); i != SPACE_NONE;
	     i = space_find(s, templ, i + 1, st->time_us)) {
		struct act a = { .action = action, .account = account_of(st, session), .t = &t,
				 .owner = s->entry[i].owner, .skip = SPACE_NONE };

		space_tuple(s, i, &t);
		/* A renewal's lease is judged by the caller: here only whether it may. */
		a.ttl_ms = 0;
		if (rules_check(st, &a) != RESULT_DENIED)
			return i;
	}
	return SPACE_NONE;
}

static enum result_code insert(struct state *st, uint16_t session, const struct op *op,
			       uint32_t skip, uint64_t *id)
{
	uint16_t who = account_of(st, session);
	struct account *a = &st->account[who];
	struct act act = { .action = ACT_INSERT, .account = who, .t = &op->tuple,
			   .ttl_ms = op->ttl_ms, .skip = skip };
	enum result_code code = rules_check(st, &act);
	int64_t expires = op->ttl_ms ? st->time_us + (int64_t)op->ttl_ms * 1000 : SPACE_FOREVER;

	if (code != RESULT_OK)
		return code;
	*id = space_insert(&st->space, &op->tuple, who, expires);
	if (!*id)
		return RESULT_FULL;
	a->tuples++;
	a->bytes += (uint32_t)tuple_bytes(&op->tuple);
	a->held++;
	note_change(st, &op->tuple);
	return RESULT_OK;
}

static void answer_tuple(struct state *st, uint16_t session, enum result_code code, uint32_t i)
{
	struct result r = { .code = code, .id = st->space.entry[i].id, .has_tuple = true };

	space_tuple(&st->space, i, &r.tuple);
	session_answer(st, session, &r);
}

static void answer(struct state *st, uint16_t session, enum result_code code, uint64_t id)
{
	session_answer(st, session, &(struct result){ .code = code, .id = id });
}

static void op_out(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	uint64_t id = 0;
	enum result_code code = insert(st, session, op, SPACE_NONE, &id);

	(void)o;
	answer(st, session, code, id);
	if (code == RESULT_OK)
		state_serve(st, id);
}

/* rdp, inp, rd and in when something matches now. */
static bool take_now(struct state *st, uint16_t session, const struct op *op)
{
	bool remove = op->type == OP_INP || op->type == OP_IN;
	uint32_t i = find(st, session, remove ? ACT_REMOVE : ACT_READ, &op->templ, 0);

	if (i == SPACE_NONE)
		return false;
	answer_tuple(st, session, RESULT_OK, i);
	if (remove)
		tuple_remove(st, i);
	return true;
}

static void op_take(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	(void)o;
	if (!take_now(st, session, op))
		answer(st, session, RESULT_NONE, 0);
}

static void op_wait(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	struct account *a = &st->account[account_of(st, session)];
	uint8_t mem[TUPLE_BYTES_MAX];
	struct waiter *w = &st->waiter[st->waiters];
	struct buf b;

	if (take_now(st, session, op))
		return;
	if (!op->wait_ms) {
		answer(st, session, RESULT_NONE, 0);
		return;
	}
	buf_init(&b, mem, sizeof mem);
	tuple_put(&b, &op->templ);
	if (st->waiters == WAITERS_MAX || a->waiters == WAITERS_PER_KEY ||
	    !arena_fits(&st->answers, b.len)) {
		answer(st, session, RESULT_QUOTA, 0);
		return;
	}
	*w = (struct waiter){ .session = session, .op = (uint8_t)op->type,
			      .deadline_us = st->time_us + (int64_t)op->wait_ms * 1000 };
	w->templ = arena_add(&st->answers, mem, b.len);
	st->waiters++;
	a->waiters++;
	st->session[session].waiting = true;
	o->blocked = true;
}

/* The guard sees every tuple, whatever the caller may read: else an invisible match would let a
 * duplicate in (MANAGER.md B.1). */
static void op_cas(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
#ifdef BUG_CAS_SEES_OWN
	uint32_t i = find(st, session, ACT_REMOVE, &op->templ, 0);
#else
	uint32_t i = space_find(&st->space, &op->templ, 0, st->time_us);
#endif

	if (i == SPACE_NONE)
		op_out(st, session, op, o);
	else if (find(st, session, ACT_READ, &op->templ, i) == i)
		answer_tuple(st, session, RESULT_FOUND, i);
	else
		answer(st, session, RESULT_FOUND, 0);
}

/* The new tuple goes in before the old one goes out: when it does not fit, nothing has changed. */
static void op_replace(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	uint32_t i = find(st, session, ACT_REMOVE, &op->templ, 0);
	uint64_t old, id = 0;
	enum result_code code;

	(void)o;
	if (i == SPACE_NONE) {
		answer(st, session, RESULT_NONE, 0);
		return;
	}
	old = st->space.entry[i].id;
	code = insert(st, session, op, i, &id);
	if (code == RESULT_OK) {
		i = space_after(&st->space, old - 1);
		MUST(st->space.entry[i].id == old);
		tuple_remove(st, i);
	}
	answer(st, session, code, id);
	if (code == RESULT_OK)
		state_serve(st, id);
}

static void op_renew(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	uint32_t i = find(st, session, ACT_RENEW, &op->templ, 0);
	enum result_code code;
	struct tuple t;
	struct act a;

	(void)o;
	if (i == SPACE_NONE) {
		answer(st, session, RESULT_NONE, 0);
		return;
	}
	space_tuple(&st->space, i, &t);
	a = (struct act){ .action = ACT_RENEW, .account = account_of(st, session), .t = &t,
			  .owner = st->space.entry[i].owner, .ttl_ms = op->ttl_ms,
			  .skip = SPACE_NONE };
	code = rules_check(st, &a);
	if (code == RESULT_OK)
		space_renew(&st->space, i, op->ttl_ms ? st->time_us + (int64_t)op->ttl_ms * 1000 :
							SPACE_FOREVER);
	answer(st, session, code, st->space.entry[i].id);
}

static void op_rdall(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	struct space *s = &st->space;
	uint8_t mem[RESULT_BYTES_MAX - 32]; /* the result's own fields take 22 */
	struct result r = { .code = RESULT_NONE };
	uint32_t i = find(st, session, ACT_READ, &op->templ, space_after(s, op->cursor));
	struct tuple t;

	(void)o;
	buf_init(&r.list, mem, sizeof mem);
	for (; i != SPACE_NONE; i = find(st, session, ACT_READ, &op->templ, i + 1)) {
		if ((op->max && r.count == op->max) ||
		    buf_room(&r.list) < 8 + space_tuple_bytes(s, i)) {
			r.cursor = r.id;
			break;
		}
		space_tuple(s, i, &t);
		r.id = s->entry[i].id;
		buf_put_u64(&r.list, r.id);
		tuple_put(&r.list, &t);
		r.count++;
	}
	r.code = r.count ? RESULT_OK : RESULT_NONE;
	session_answer(st, session, &r);
}

static void op_swap(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	struct cluster *c = &st->cluster;

	(void)o;
	if (!(st->account[account_of(st, session)].roles & ROLE_ADMIN)) {
		answer(st, session, RESULT_DENIED, 0);
		return;
	}
	/* One a configuration: who signed its end is known from the line that changed (ckpt.c), and
	 * a newcomer knows all the others. */
	if (st->swapping) {
		answer(st, session, RESULT_AGAIN, 0);
		return;
	}
	if (c->n == 1 || op->index >= c->n ||
	    cluster_swap_refused(c, op->index, &op->fp, &op->addr)) {
		answer(st, session, RESULT_BAD, 0);
		return;
	}
	st->swapping = true;
	st->swapped = op->index;
	st->swapped_fp = c->replica[op->index].fp;
	c->replica[op->index].fp = op->fp;
	if (op->addr.port)
		c->replica[op->index].addr = op->addr;
	st->config++;
	answer(st, session, RESULT_OK, st->config);
}

static void op_close(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	(void)op;
	(void)o;
	st->session[session].closed = true;
	st->account[account_of(st, session)].sessions--;
	answer(st, session, RESULT_OK, 0);
}

void state_operate(struct state *st, uint16_t session, const struct op *op, struct outcome *o)
{
	static void (*const run[OP_TYPES])(struct state *, uint16_t, const struct op *,
					   struct outcome *) = {
		[OP_OUT] = op_out, [OP_RDP] = op_take, [OP_INP] = op_take, [OP_RD] = op_wait,
		[OP_IN] = op_wait, [OP_CAS] = op_cas, [OP_REPLACE] = op_replace,
		[OP_RENEW] = op_renew, [OP_RDALL] = op_rdall, [OP_SWAP] = op_swap,
		[OP_CLOSE] = op_close,
	};

	run[op->type](st, session, op, o);
}

void state_serve(struct state *st, uint64_t id)
{
	for (uint32_t w = 0; w < st->waiters;) {
		struct waiter *x = &st->waiter[w];
		uint16_t session = x->session;
		bool remove = x->op == OP_IN;
		uint32_t i = space_after(&st->space, id - 1);
		struct tuple templ;
		struct buf b;
		size_t len;
		uint8_t *p = arena_get(&st->answers, x->templ, &len);

		if (i == SPACE_NONE || i >= st->space.entries || st->space.entry[i].id != id)
			return;
		buf_over(&b, p, len);
		MUST(tuple_get(&b, &templ));
		if (find(st, session, remove ? ACT_REMOVE : ACT_READ, &templ, i) != i) {
			w++;
			continue;
		}
		waiter_remove(st, w);
		answer_tuple(st, session, RESULT_OK, i);
		outcome_note(st, session);
		if (remove)
			tuple_remove(st, i);
	}
}
