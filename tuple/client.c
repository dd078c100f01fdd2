/* tuple/client.c - one session with the manager: requests to all replicas, f+1 equal answers
 *
 * f+1 equal answers hold one of a correct replica; and since every operation is ordered, with one
 * slot open at a time, they are linearizable (MANAGER.md B.3). */
#include "tuple/client.h"

#include <string.h>

#include "core/check.h"

void client_init(struct client *c, const struct cluster *cluster, const struct signer *signer,
		 const uint8_t session[static SESSION_BYTES])
{
	memset(c, 0, sizeof *c);
	c->n = cluster->n;
	c->faults = cluster->faults;
	c->signer = *signer;
	cluster_id(cluster, c->cluster_id);
	MUST(signer->fp_of(signer->ctx, signer->pub, &c->fp));
	memcpy(c->session, session, SESSION_BYTES);
}

static struct client_effect *push(struct client_effects *out, enum client_effect_type type)
{
	struct client_effect *e;

	MUST(out->n < CLIENT_EFFECTS_MAX);
	e = &out->e[out->n++];
	*e = (struct client_effect){ .type = type };
	return e;
}

bool client_may_repeat(const struct client *c, mono_t now)
{
	return mono_before(now, mono_add_ms(c->begun, CLIENT_LIFE_MS));
}

/* With a withdrawal goes its wait, first: who is told one alone would hold up the other. */
static void send(struct client *c, mono_t now, uint32_t to, struct client_effects *out)
{
	struct client_effect *e;

	for (int word = 0; word <= c->withdrawn && client_may_repeat(c, now); word++) {
		e = push(out, CLIENT_SEND);
		e->to = to;
		e->bytes = word ? c->word : c->frame;
		e->len = word ? c->word_len : c->frame_len;
	}
}

static void arm(struct client *c, mono_t now, struct client_effects *out)
{
	c->resend_at = mono_add_ms(now, c->resend_ms);
	push(out, CLIENT_ARM)->at = c->resend_at;
}

static size_t encode_one(struct client *c, const uint8_t *op, size_t op_len, uint8_t *frame,
			 size_t bytes)
{
	uint8_t body[REQUEST_BODY_MAX], msg[REQUEST_SIGNED_MAX], sig[SIG_BYTES_MAX];
	struct request q = { .client = c->fp, .is_signed = c->signed_now, .body = body,
			     .pub = c->signer.pub, .sig = sig, .op = op, .op_len = op_len };
	struct buf b;
	size_t len;

	buf_init(&b, body, sizeof body);
	buf_put_bytes(&b, c->session, SESSION_BYTES);
	buf_put_u64(&b, c->no);
	buf_put_u64(&b, (uint64_t)c->time_us);
	buf_put_bytes(&b, op, op_len);
	MUST(buf_ok(&b));
	q.body_len = b.len;
	if (c->signed_now) {
		len = request_signed(c->cluster_id, body, b.len, msg);
		q.sig_len = c->signer.sign(c->signer.ctx, msg, len, sig);
	}
	request_digest(&q, c->request_digest);
	buf_init(&b, frame, bytes);
	request_put(&b, &q);
	MUST(buf_ok(&b));
	return b.len;
}

/* The frames of the operation under way; signed when a replica asked for it. */
static void encode(struct client *c)
{
	static const uint8_t word = OP_WITHDRAW;

	if (c->withdrawn)
		c->word_len = encode_one(c, &word, sizeof word, c->word, sizeof c->word);
	c->frame_len = encode_one(c, c->op, c->op_len, c->frame, sizeof c->frame);
}

bool client_call(struct client *c, mono_t now, const struct op *op, struct client_effects *out)
{
	struct buf b;

	out->n = 0;
	if (c->busy)
		return false;
	buf_init(&b, c->op, sizeof c->op);
	op_put(&b, op);
	if (!buf_ok(&b))
		return false;
	c->op_len = b.len;
	c->no++;
	c->begun = now;
	c->busy = true;
	c->signed_now = c->withdrawn = false;
	c->resend_ms = CLIENT_RESEND_MS;
	memset(c->vote, 0, sizeof c->vote);
	encode(c);
#ifdef BUG_NOT_HELD
	c->held = false;
#else
	c->held = bits(c->up) < 2 * c->faults + 1;
#endif
	if (!c->held)
		send(c, now, c->up, out);
	arm(c, now, out);
	return true;
}

void client_withdraw(struct client *c, mono_t now, struct client_effects *out)
{
	out->n = 0;
	c->withdrawn = true;
	c->resend_ms = CLIENT_RESEND_MS;
	encode(c);
	send(c, now, c->up, out);
	arm(c, now, out);
}

/* Digest of what a replica says: slot, time and result. */
static void vote_digest(const struct reply *r, uint8_t out[static DIGEST_BYTES])
{
	uint8_t mem[8 + 8 + RESULT_BYTES_MAX];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	buf_put_u64(&b, r->slot);
	buf_put_u64(&b, (uint64_t)r->time_us);
	buf_put_bytes(&b, r->result, r->result_len);
	MUST(buf_ok(&b));
	ident_sha256(mem, b.len, out);
}

/* The same again, signed, with a time that f+1 replicas agreed on: the signature is valid around
 * it, and who named a time to come could let the request run again then. 0, which is what a new
 * session knows, makes it void, and the answer that says so brings the time. */
static void sign_again(struct client *c, mono_t now, int64_t time_us, struct client_effects *out)
{
	c->signed_now = true;
	c->time_us = time_us;
	memset(c->vote, 0, sizeof c->vote);
	encode(c);
	send(c, now, c->up, out);
	arm(c, now, out);
}

static bool accept(struct client *c, mono_t now, const struct reply *r, struct client_effects *out)
{
	struct client_effect *e;

	memcpy(c->answer, r->result, r->result_len);
	if (!result_get(&c->result, c->answer, r->result_len))
		return false;
	if (c->result.code == RESULT_STALE) {
		sign_again(c, now, r->time_us, out);
		return true;
	}
	c->slot = r->slot;
	c->time_us = r->time_us;
	c->busy = false;
	e = push(out, CLIENT_DONE);
	e->result = &c->result;
	return true;
}

static bool take_reply(struct client *c, mono_t now, uint32_t from, const struct reply *r,
		       struct client_effects *out)
{
	struct client_vote *v = &c->vote[from];
	uint32_t equal = 0;

	if (memcmp(r->session, c->session, SESSION_BYTES) || r->no != c->no)
		return true; /* of before */
#ifndef BUG_NO_REQUEST_DIGEST
	if (memcmp(r->request, c->request_digest, DIGEST_BYTES))
		return true; /* of another request under our number */
#endif
	v->heard = v->valid = true;
	vote_digest(r, v->digest);
	for (uint32_t i = 0; i < c->n; i++)
		equal += c->vote[i].valid && !memcmp(c->vote[i].digest, v->digest, DIGEST_BYTES);
#ifdef BUG_ALL_ANSWERS
	if (equal < c->n)
#else
	if (equal < c->faults + 1)
#endif
		return true;
	return accept(c, now, r, out);
}

bool client_message(struct client *c, mono_t now, uint32_t from, const uint8_t *p, size_t len,
		    struct client_effects *out)
{
	uint8_t session[SESSION_BYTES];
	struct reply r;
	int64_t time_us;
	uint32_t asking = 0;
	uint64_t no;
	bool sign;

	out->n = 0;
	if (from >= c->n || !len)
		return false;
	if (p[0] == MSG_REPLY) {
		if (!reply_get(&r, p, len))
			return false;
		return !c->busy || take_reply(c, now, from, &r, out);
	}
	sign = p[0] == MSG_SIGN;
	if (!notice_get(sign ? MSG_SIGN : MSG_BUSY, p, len, session, &no, &time_us))
		return false;
	if (!c->busy || no != c->no || memcmp(session, c->session, SESSION_BYTES))
		return true;
	c->vote[from].heard = true;
	c->vote[from].sign |= sign;
	for (uint32_t i = 0; i < c->n; i++)
		asking += c->vote[i].sign;
	if (asking > c->faults && !c->signed_now)
		sign_again(c, now, c->time_us, out);
	return true;
}

void client_link(struct client *c, mono_t now, uint32_t up, struct client_effects *out)
{
	uint32_t fresh = up & ~c->up;

	out->n = 0;
	c->up = up;
	if (!c->busy || !fresh || (c->held && bits(up) < 2 * c->faults + 1))
		return;
	send(c, now, c->held ? up : fresh, out);
	c->held = false;
}

void client_timer(struct client *c, mono_t now, struct client_effects *out)
{
	out->n = 0;
	if (!c->busy)
		return;
	if (c->held && !mono_before(now, c->resend_at) && bits(c->up) > c->faults) {
		c->held = false;
		sign_again(c, now, c->time_us, out);
		return;
	}
	if (!c->held && !mono_before(now, c->resend_at)) {
		send(c, now, c->up, out);
		c->resend_ms *= 2;
		if (c->resend_ms > CLIENT_RESEND_MAX_MS)
			c->resend_ms = CLIENT_RESEND_MAX_MS;
	}
	arm(c, now, out);
}

enum client_word client_word(const struct client *c, uint32_t i)
{
	const struct client_vote *v = &c->vote[i];

	if (v->valid || v->sign)
		return v->valid ? CLIENT_ANSWER : CLIENT_SIGN;
	return v->heard ? CLIENT_BUSY : CLIENT_SILENT;
}
