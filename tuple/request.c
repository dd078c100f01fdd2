/* tuple/request.c - what clients ask, replicas answer, and batches carry */
#include "tuple/request.h"

#include <string.h>

#include "core/check.h"
#include "tuple/effect.h"

static_assert(REQUEST_FRAME_MAX <= (int)CLIENT_FRAME_MAX, "a request fits a client's frame");
static_assert(REPLY_FRAME_MAX <= (int)CLIENT_FRAME_MAX, "a reply fits a client's frame");

static void get_body(struct buf *b, struct request *q, size_t len)
{
	struct buf in;

	q->body = buf_get_bytes(b, len);
	q->body_len = len;
	if (!q->body || len <= REQUEST_HEAD_BYTES || len > REQUEST_BODY_MAX) {
		b->bad = true;
		return;
	}
	buf_over(&in, q->body, len);
	buf_get_copy(&in, q->session, SESSION_BYTES);
	q->no = buf_get_u64(&in);
	q->time_us = (int64_t)buf_get_u64(&in);
	q->op_len = buf_left(&in);
	q->op = buf_get_bytes(&in, q->op_len);
	if (!q->no || q->no == UINT64_MAX)
		b->bad = true;
}

static void get_signature(struct buf *b, struct request *q)
{
	uint8_t flag = buf_get_u8(b);

	q->is_signed = flag == 1;
	q->pub = q->sig = NULL;
	q->sig_len = 0;
	if (flag > 1)
		b->bad = true;
	if (!q->is_signed)
		return;
	q->pub = buf_get_bytes(b, PUB_BYTES);
	q->sig = buf_get_lv(b, SIG_BYTES_MAX, &q->sig_len);
	if (!q->sig_len)
		b->bad = true;
}

static void put_signature(struct buf *b, const struct request *q)
{
	buf_put_u8(b, q->is_signed);
	if (!q->is_signed)
		return;
	buf_put_bytes(b, q->pub, PUB_BYTES);
	buf_put_lv(b, q->sig, q->sig_len);
}

bool request_get(struct request *q, const struct fp *client, const uint8_t *p, size_t len)
{
	struct buf b;

	memset(q, 0, sizeof *q);
	q->client = *client;
	buf_over(&b, p, len);
	if (buf_get_u8(&b) != MSG_REQUEST)
		return false;
	get_signature(&b, q);
	get_body(&b, q, buf_left(&b));
	return buf_done(&b);
}

void request_put(struct buf *b, const struct request *q)
{
	buf_put_u8(b, MSG_REQUEST);
	put_signature(b, q);
	buf_put_bytes(b, q->body, q->body_len);
}

void request_put_entry(struct buf *b, const struct request *q)
{
	buf_put_bytes(b, q->client.b, FP_BYTES);
	put_signature(b, q);
	buf_put_lv(b, q->body, q->body_len);
}

bool request_get_entry(struct buf *b, struct request *q)
{
	memset(q, 0, sizeof *q);
	buf_get_copy(b, q->client.b, FP_BYTES);
	get_signature(b, q);
	get_body(b, q, buf_get_u16(b));
	return buf_ok(b);
}

bool request_withdraws(const struct request *q)
{
	return q->op_len == 1 && q->op[0] == OP_WITHDRAW;
}

size_t request_entry_bytes(const struct request *q)
{
	return FP_BYTES + 1 + (q->is_signed ? PUB_BYTES + 2 + q->sig_len : 0) + 2 + q->body_len;
}

void request_digest(const struct request *q, uint8_t out[static DIGEST_BYTES])
{
	uint8_t mem[FP_BYTES + SESSION_BYTES + 8 + OP_BYTES_MAX];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	buf_put_bytes(&b, q->client.b, FP_BYTES);
	buf_put_bytes(&b, q->body, SESSION_BYTES + 8);
	buf_put_bytes(&b, q->op, q->op_len);
	MUST(buf_ok(&b));
	ident_sha256(mem, b.len, out);
}

size_t request_signed(const uint8_t cluster[static 32], const uint8_t *body, size_t len,
		      uint8_t out[static REQUEST_SIGNED_MAX])
{
	static const char domain[] = "machete request 1";
	struct buf b;

	buf_init(&b, out, REQUEST_SIGNED_MAX);
	buf_put_bytes(&b, domain, sizeof domain);
	buf_put_bytes(&b, cluster, 32);
	buf_put_bytes(&b, body, len);
	MUST(buf_ok(&b));
	return b.len;
}

bool request_verify(const struct request *q, const uint8_t cluster[static 32],
		    const struct signer *s)
{
	uint8_t msg[REQUEST_SIGNED_MAX];
	struct fp fp;
	size_t len;

	if (!q->is_signed || !s->fp_of(s->ctx, q->pub, &fp) || !fp_eq(&fp, &q->client))
		return false;
	len = request_signed(cluster, q->body, q->body_len, msg);
	return s->verify(s->ctx, q->pub, msg, len, q->sig, q->sig_len);
}

void reply_put(struct buf *b, const struct reply *r)
{
	buf_put_u8(b, MSG_REPLY);
	buf_put_bytes(b, r->session, SESSION_BYTES);
	buf_put_u64(b, r->no);
	buf_put_bytes(b, r->request, DIGEST_BYTES);
	buf_put_u64(b, r->slot);
	buf_put_u64(b, (uint64_t)r->time_us);
	buf_put_bytes(b, r->result, r->result_len);
}

bool reply_get(struct reply *r, const uint8_t *p, size_t len)
{
	struct buf b;

	buf_over(&b, p, len);
	if (buf_get_u8(&b) != MSG_REPLY)
		return false;
	buf_get_copy(&b, r->session, SESSION_BYTES);
	r->no = buf_get_u64(&b);
	buf_get_copy(&b, r->request, DIGEST_BYTES);
	r->slot = buf_get_u64(&b);
	r->time_us = (int64_t)buf_get_u64(&b);
	r->result_len = buf_left(&b);
	r->result = buf_get_bytes(&b, r->result_len);
	return buf_done(&b) && r->result_len && r->result_len <= RESULT_BYTES_MAX;
}

void notice_put(struct buf *b, enum client_msg type, const uint8_t session[static SESSION_BYTES],
		uint64_t no, int64_t time_us)
{
	buf_put_u8(b, (uint8_t)type);
	buf_put_bytes(b, session, SESSION_BYTES);
	buf_put_u64(b, no);
	if (type == MSG_SIGN)
		buf_put_u64(b, (uint64_t)time_us);
}

bool notice_get(enum client_msg type, const uint8_t *p, size_t len,
		uint8_t session[static SESSION_BYTES], uint64_t *no, int64_t *time_us)
{
	struct buf b;

	buf_over(&b, p, len);
	if (buf_get_u8(&b) != type)
		return false;
	buf_get_copy(&b, session, SESSION_BYTES);
	*no = buf_get_u64(&b);
	*time_us = type == MSG_SIGN ? (int64_t)buf_get_u64(&b) : 0;
	return buf_done(&b);
}

bool batch_get(struct batch *x, const uint8_t *p, size_t len)
{
	struct request q;
	struct buf b;

	if (len > BATCH_BYTES_MAX)
		return false;
	buf_over(&b, p, len);
	buf_get_copy(&b, x->before, DIGEST_BYTES);
	x->time_us = (int64_t)buf_get_u64(&b);
	x->count = buf_get_u16(&b);
	if (!buf_ok(&b) || x->count > BATCH_REQUESTS_MAX || x->time_us <= 0 ||
	    x->time_us > TIME_US_MAX)
		return false;
	x->requests = b;
	for (uint32_t i = 0; i < x->count; i++)
		if (!request_get_entry(&b, &q))
			return false;
	return buf_done(&b);
}

void batch_digest(const uint8_t cluster[static 32], uint32_t config, uint64_t slot,
		  const uint8_t *p, size_t len, uint8_t out[static DIGEST_BYTES])
{
	static const char domain[] = "machete batch 1";
	uint8_t mem[sizeof domain + 32 + 4 + 8 + DIGEST_BYTES], inner[DIGEST_BYTES];
	struct buf b;

	ident_sha256(p, len, inner);
	buf_init(&b, mem, sizeof mem);
	buf_put_bytes(&b, domain, sizeof domain);
	buf_put_bytes(&b, cluster, 32);
	buf_put_u32(&b, config);
	buf_put_u64(&b, slot);
	buf_put_bytes(&b, inner, sizeof inner);
	MUST(buf_ok(&b));
	ident_sha256(mem, b.len, out);
}
