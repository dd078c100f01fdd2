/* tuple/msg.c - the messages between replicas, as bytes */
#include "tuple/msg.h"

#include <string.h>

#include "core/check.h"

void msg_head_put(struct buf *b, enum msg_type type, uint32_t config, uint64_t view,
		  uint64_t slot)
{
	buf_put_u8(b, (uint8_t)type);
	buf_put_u32(b, config);
	buf_put_u64(b, view);
	buf_put_u64(b, slot);
}

bool msg_head_get(struct buf *b, struct msg_head *h)
{
	h->type = buf_get_u8(b);
	h->config = buf_get_u32(b);
	h->view = buf_get_u64(b);
	h->slot = buf_get_u64(b);
	return buf_ok(b) && h->type >= MSG_PREPREPARE && h->type < MSG_TYPES &&
	       h->view < UINT64_MAX / 2 && h->slot < UINT64_MAX / 2;
}

bool msg_run_get(struct buf *b, uint32_t *count, const uint8_t **digests)
{
	*count = buf_get_u16(b);
	if (!*count || *count > MSG_RUN_MAX)
		return false;
	*digests = buf_get_bytes(b, (size_t)*count * DIGEST_BYTES);
	return buf_done(b);
}

void msg_status_put(struct buf *b, const struct msg_status *s)
{
	buf_put_u8(b, s->flags);
	buf_put_u64(b, s->stable);
	buf_put_u64(b, s->saved);
	buf_put_u32(b, s->held);
	buf_put_u64(b, (uint64_t)s->time_us);
}

bool msg_status_get(struct buf *b, struct msg_status *s)
{
	s->flags = buf_get_u8(b);
	s->stable = buf_get_u64(b);
	s->saved = buf_get_u64(b);
	s->held = buf_get_u32(b);
	s->time_us = (int64_t)buf_get_u64(b);
	return buf_done(b) && s->time_us >= 0 && s->time_us <= TIME_US_MAX;
}

void checkpoint_put(struct buf *b, const struct checkpoint *c)
{
	buf_put_u64(b, (uint64_t)c->time_us);
	buf_put_bytes(b, c->digest, DIGEST_BYTES);
	buf_put_bytes(b, c->root, DIGEST_BYTES);
}

void checkpoint_get(struct buf *b, struct checkpoint *c)
{
	c->time_us = (int64_t)buf_get_u64(b);
	buf_get_copy(b, c->digest, DIGEST_BYTES);
	buf_get_copy(b, c->root, DIGEST_BYTES);
}

bool checkpoint_eq(const struct checkpoint *a, const struct checkpoint *b)
{
	return a->config == b->config && a->slot == b->slot && a->time_us == b->time_us &&
	       !memcmp(a->digest, b->digest, DIGEST_BYTES) &&
	       !memcmp(a->root, b->root, DIGEST_BYTES);
}

enum { SIGNED_BYTES = 21 + 32 + 4 + 8 + 8 + 2 * DIGEST_BYTES };

static size_t signed_bytes(const struct checkpoint *c, const uint8_t cluster[static 32],
			   uint8_t out[static SIGNED_BYTES])
{
	static const char domain[21] = "machete checkpoint 1";
	struct buf b;

	buf_init(&b, out, SIGNED_BYTES);
	buf_put_bytes(&b, domain, sizeof domain);
	buf_put_bytes(&b, cluster, 32);
	buf_put_u32(&b, c->config);
	buf_put_u64(&b, c->slot);
	checkpoint_put(&b, c);
	MUST(buf_ok(&b));
	return b.len;
}

void checkpoint_sign(const struct checkpoint *c, const uint8_t cluster[static 32],
		     const struct signer *s, struct cert_sig *out)
{
	uint8_t msg[SIGNED_BYTES];
	size_t len = signed_bytes(c, cluster, msg);

	memcpy(out->pub, s->pub, PUB_BYTES);
	out->sig_len = s->sign(s->ctx, msg, len, out->sig);
}

bool checkpoint_verify(const struct checkpoint *c, const uint8_t cluster[static 32],
		       const struct signer *s, const struct fp *who, const struct cert_sig *sig)
{
	uint8_t msg[SIGNED_BYTES];
	size_t len = signed_bytes(c, cluster, msg);
	struct fp fp;

	return s->fp_of(s->ctx, sig->pub, &fp) && fp_eq(&fp, who) &&
	       s->verify(s->ctx, sig->pub, msg, len, sig->sig, sig->sig_len);
}

void sig_put(struct buf *b, const struct cert_sig *s)
{
	buf_put_bytes(b, s->pub, PUB_BYTES);
	buf_put_lv(b, s->sig, s->sig_len);
}

void sig_get(struct buf *b, struct cert_sig *s)
{
	const uint8_t *p;

	buf_get_copy(b, s->pub, PUB_BYTES);
	p = buf_get_lv(b, SIG_BYTES_MAX, &s->sig_len);
	if (s->sig_len)
		memcpy(s->sig, p, s->sig_len);
	else
		b->bad = true;
}

void cert_put(struct buf *b, const struct cert *c)
{
	buf_put_u32(b, c->c.config);
	buf_put_u64(b, c->c.slot);
	checkpoint_put(b, &c->c);
	buf_put_u8(b, (uint8_t)c->count);
	for (uint32_t i = 0; i < c->count; i++) {
		buf_put_u8(b, c->sig[i].replica);
		sig_put(b, &c->sig[i]);
	}
}

bool cert_get(struct buf *b, struct cert *c)
{
	c->c.config = buf_get_u32(b);
	c->c.slot = buf_get_u64(b);
	checkpoint_get(b, &c->c);
	c->count = buf_get_u8(b);
	if (c->count > REPLICAS_MAX || c->c.slot > UINT64_MAX / 2)
		b->bad = true;
	for (uint32_t i = 0; i < c->count && buf_ok(b); i++) {
		c->sig[i].replica = buf_get_u8(b);
#ifndef BUG_DUPLICATES_COUNT
		if (i && c->sig[i].replica <= c->sig[i - 1].replica)
			b->bad = true;
#endif
		sig_get(b, &c->sig[i]);
	}
	return buf_ok(b);
}

bool cert_verify(const struct cert *c, const uint8_t cluster[static 32], const struct signer *s,
		 const struct cluster *members, uint32_t need)
{
	if (!c->c.slot)
		return true;
	if (c->count < need)
		return false;
	for (uint32_t i = 0; i < c->count; i++)
		if (c->sig[i].replica >= members->n ||
		    !checkpoint_verify(&c->c, cluster, s,
				       &members->replica[c->sig[i].replica].fp, &c->sig[i]))
			return false;
	return true;
}
