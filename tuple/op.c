/* tuple/op.c - operations on the tuple space and their results, as values and as bytes */
#include "tuple/op.h"

#include <string.h>

#include "core/check.h"

const char *const result_code_str[] = {
	[RESULT_OK] = "ok",
	[RESULT_NONE] = "nothing matches",
	[RESULT_FOUND] = "something matches already",
	[RESULT_DENIED] = "not allowed",
	[RESULT_QUOTA] = "over the quota of this key",
	[RESULT_FULL] = "the space is full",
	[RESULT_TTL] = "the lease is outside the limits",
	[RESULT_BAD] = "the operation makes no sense",
	[RESULT_NO_SESSION] = "the session does not exist any more",
	[RESULT_STALE] = "the signed request is too old",
	[RESULT_AGAIN] = "another replica is being replaced",
};
static_assert(ARRAY_LEN(result_code_str) == RESULT_CODES, "a text for every code");

/* What each operation carries, in this order. */
enum { HAS_TEMPL = 1, HAS_TUPLE = 2, HAS_TTL = 4, HAS_WAIT = 8, HAS_PAGE = 16, HAS_SWAP = 32 };
enum { HAS_NOTHING = 64 };

static const uint8_t parts[OP_TYPES] = {
	[OP_OUT] = HAS_TUPLE | HAS_TTL,
	[OP_RDP] = HAS_TEMPL,
	[OP_INP] = HAS_TEMPL,
	[OP_RD] = HAS_TEMPL | HAS_WAIT,
	[OP_IN] = HAS_TEMPL | HAS_WAIT,
	[OP_CAS] = HAS_TEMPL | HAS_TUPLE | HAS_TTL,
	[OP_REPLACE] = HAS_TEMPL | HAS_TUPLE | HAS_TTL,
	[OP_RENEW] = HAS_TEMPL | HAS_TTL,
	[OP_RDALL] = HAS_TEMPL | HAS_PAGE,
	[OP_SWAP] = HAS_SWAP,
	[OP_CLOSE] = HAS_NOTHING,
};

static void put_addr(struct buf *b, const struct addr *a)
{
	buf_put_bytes(b, a->ip, sizeof a->ip);
	buf_put_u16(b, a->port);
}

void op_put(struct buf *b, const struct op *op)
{
	uint8_t has = op->type > 0 && op->type < OP_TYPES ? parts[op->type] : 0;

	if (!has)
		b->bad = true;
	if ((has & HAS_TUPLE) && tuple_is_template(&op->tuple))
		b->bad = true;
	buf_put_u8(b, (uint8_t)op->type);
	if (has & HAS_TEMPL)
		tuple_put(b, &op->templ);
	if (has & HAS_TUPLE)
		tuple_put(b, &op->tuple);
	if (has & HAS_TTL)
		buf_put_u32(b, op->ttl_ms);
	if (has & HAS_WAIT)
		buf_put_u32(b, op->wait_ms);
	if (has & HAS_PAGE) {
		buf_put_u64(b, op->cursor);
		buf_put_u32(b, op->max);
	}
	if (has & HAS_SWAP) {
		buf_put_u32(b, op->index);
		buf_put_bytes(b, op->fp.b, FP_BYTES);
		put_addr(b, &op->addr);
	}
}

bool op_get(struct op *op, const uint8_t *p, size_t len)
{
	struct buf b;
	uint8_t has;

	buf_over(&b, p, len);
	op->type = buf_get_u8(&b);
	if (!op->type || op->type >= OP_TYPES)
		return false;
	has = parts[op->type];
	if (has & HAS_TEMPL)
		tuple_get(&b, &op->templ);
	if ((has & HAS_TUPLE) && (!tuple_get(&b, &op->tuple) || tuple_is_template(&op->tuple)))
		return false;
	op->ttl_ms = has & HAS_TTL ? buf_get_u32(&b) : 0;
	op->wait_ms = has & HAS_WAIT ? buf_get_u32(&b) : 0;
	op->cursor = has & HAS_PAGE ? buf_get_u64(&b) : 0;
	op->max = has & HAS_PAGE ? buf_get_u32(&b) : 0;
	if (has & HAS_SWAP) {
		op->index = buf_get_u32(&b);
		buf_get_copy(&b, op->fp.b, FP_BYTES);
		buf_get_copy(&b, op->addr.ip, sizeof op->addr.ip);
		op->addr.port = buf_get_u16(&b);
	}
	return buf_done(&b) && op->wait_ms <= WAIT_MS_MAX;
}

/* {u8 code, u64 id, u8 kind, ...}: nothing, a tuple, or a page {u64 cursor, u32 count, tuples} */
enum { KIND_PLAIN, KIND_TUPLE, KIND_PAGE };

void result_put(struct buf *b, const struct result *r)
{
	buf_put_u8(b, (uint8_t)r->code);
	buf_put_u64(b, r->id);
	if (r->count || r->list.len) {
		buf_put_u8(b, KIND_PAGE);
		buf_put_u64(b, r->cursor);
		buf_put_u32(b, r->count);
		buf_put_bytes(b, r->list.mem, r->list.len);
	} else if (r->has_tuple) {
		buf_put_u8(b, KIND_TUPLE);
		tuple_put(b, &r->tuple);
	} else {
		buf_put_u8(b, KIND_PLAIN);
	}
}

bool result_get(struct result *r, const uint8_t *p, size_t len)
{
	struct buf b;
	uint8_t kind;
	size_t left;

	memset(r, 0, sizeof *r);
	buf_over(&b, p, len);
	r->code = buf_get_u8(&b);
	r->id = buf_get_u64(&b);
	kind = buf_get_u8(&b);
	if (!buf_ok(&b) || r->code >= RESULT_CODES || kind > KIND_PAGE)
		return false;
	if (kind == KIND_TUPLE) {
		r->has_tuple = true;
		return tuple_get(&b, &r->tuple) && buf_done(&b);
	}
	if (kind == KIND_PAGE) {
		r->cursor = buf_get_u64(&b);
		r->count = buf_get_u32(&b);
		left = buf_left(&b);
		if (!buf_ok(&b) || !r->count)
			return false;
		buf_over(&r->list, buf_get_bytes(&b, left), left);
	}
	return buf_done(&b);
}

bool result_next(struct result *r, struct tuple *t, uint64_t *id)
{
	if (!r->count)
		return false;
	r->count--;
	*id = buf_get_u64(&r->list);
	return tuple_get(&r->list, t);
}
