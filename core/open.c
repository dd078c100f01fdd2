/* core/open.c - what a client asks of a node and what the node answers: OPEN, RENEW, CLOSE, ANSWER
 */
#include "core/open.h"

#include <string.h>

#include <bearssl.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/secret.h"

enum {
	ANSWER_OP = 'a',
	ANSWER_HEAD = OPEN_HEAD_BYTES + 1, /* with the verdict */
	SEALED_MAX = OPEN_OPEN_BYTES - OPEN_SEALED_AT,
};

const char *const open_verdict_str[OPEN_VERDICTS] = {
	[OPEN_OK] = "ok",
	[OPEN_BAD_FORM] = "malformed",
	[OPEN_STALE_BOOT] = "stale boot",
	[OPEN_NOT_ADMITTED] = "client not admitted",
	[OPEN_QUOTA] = "client's quota exceeded",
	[OPEN_FULL] = "node is full",
	[OPEN_BAD_SEAL] = "seal does not open",
	[OPEN_REPLAY] = "replayed nonce",
	[OPEN_BAD_KIND] = "kind of forwarding not offered",
	[OPEN_NO_DEVICE] = "no such registered device",
	[OPEN_NO_PORT] = "port not registered",
	[OPEN_BAD_DEST] = "destination not allowed",
	[OPEN_NO_FORWARD] = "no such forward",
	[OPEN_UNREACHABLE] = "device unreachable",
};
static_assert(ARRAY_LEN(open_verdict_str) == OPEN_VERDICTS, "a text for every verdict");

static void hmac(uint8_t out[static 32], const void *key, size_t key_len, const struct buf *msg)
{
	br_hmac_key_context kc;
	br_hmac_context hc;

	br_hmac_key_init(&kc, &br_sha256_vtable, key, key_len);
	br_hmac_init(&hc, &kc, 0);
	br_hmac_update(&hc, msg->mem, msg->len);
	br_hmac_out(&hc, out);
	wipe(&kc, sizeof kc);
	wipe(&hc, sizeof hc);
}

bool open_pair_init(struct open_pair *p, enum open_side side, const struct ident *self,
		    const uint8_t peer_pub[static PUB_BYTES], const struct fp *peer)
{
	static const char salt[] = "machete/1 open";
	const struct fp *client = side == OPEN_CLIENT ? &self->fp : peer;
	const struct fp *node = side == OPEN_CLIENT ? peer : &self->fp;
	uint8_t ikm[32 + 2 * FP_BYTES];
	struct buf b;

	if (!ident_ecdh(self, peer_pub, ikm))
		return false;
	buf_init(&b, ikm + 32, sizeof ikm - 32);
	buf_put_bytes(&b, client->b, FP_BYTES);
	buf_put_bytes(&b, node->b, FP_BYTES);
	buf_over(&b, ikm, sizeof ikm);
	hmac(p->prk, salt, sizeof salt - 1, &b);
	p->node = *node;
	wipe(ikm, sizeof ikm);
	return true;
}

/* HKDF-Expand for one block: T(1) = HMAC(PRK, info || 0x01). */
static void frame_key(uint8_t key[static 32], const struct open_pair *p, const struct open_ask *ask,
		      enum open_side from)
{
	uint8_t info[2 + BOOT_BYTES + OPEN_NONCE_BYTES + 1];
	struct buf b;

	buf_init(&b, info, sizeof info);
	buf_put_u8(&b, ask->op);
	buf_put_u8(&b, from == OPEN_CLIENT ? 'c' : 'n');
	buf_put_bytes(&b, ask->boot, BOOT_BYTES);
	buf_put_bytes(&b, ask->nonce, OPEN_NONCE_BYTES);
	buf_put_u8(&b, 1);
	MUST(buf_ok(&b));
	hmac(key, p->prk, sizeof p->prk, &b);
}

/* A nonce of zeros is safe: the key is for one frame. */
static void crypt(const uint8_t key[static 32], const uint8_t *head, size_t head_len, uint8_t *data,
		  size_t len, uint8_t tag[static OPEN_TAG_BYTES], bool encrypt)
{
	static const uint8_t nonce[12];

	br_poly1305_ctmul_run(key, nonce, data, len, head, head_len, tag, br_chacha20_ct_run,
			      encrypt);
}

/* Seals what stands in b from `at` to the end, and appends the tag. */
static void seal(struct buf *b, size_t at, const struct open_pair *p, const struct open_ask *ask,
		 enum open_side from)
{
	uint8_t key[32], tag[OPEN_TAG_BYTES];

	MUST(buf_ok(b));
	frame_key(key, p, ask, from);
	crypt(key, b->mem, at, b->mem + at, b->len - at, tag, true);
	buf_put_bytes(b, tag, sizeof tag);
	MUST(buf_ok(b));
	wipe(key, sizeof key);
}

/* Opens frame[at..len) into `out`, which it lays the reader b over. */
static bool unseal(struct buf *b, uint8_t out[static SEALED_MAX], const uint8_t *frame, size_t at,
		   size_t len, const struct open_pair *p, const struct open_ask *ask,
		   enum open_side from)
{
	size_t n = len - at - OPEN_TAG_BYTES;
	uint8_t key[32], tag[OPEN_TAG_BYTES];

	memcpy(out, frame + at, n);
	frame_key(key, p, ask, from);
	crypt(key, frame, at, out, n, tag, false);
	wipe(key, sizeof key);
	buf_over(b, out, n);
	return ct_eq(tag, frame + len - OPEN_TAG_BYTES, OPEN_TAG_BYTES);
}

static size_t request_bytes(uint8_t op)
{
	return op == OPEN_OPEN ? OPEN_OPEN_BYTES
	       : op == OPEN_RENEW || op == OPEN_CLOSE ? OPEN_OTHER_BYTES : 0;
}

static void put_head(struct buf *b, uint8_t op, size_t len)
{
	buf_put_u8(b, OPEN_TYPE);
	buf_put_u8(b, OPEN_VERSION);
	buf_put_u8(b, op);
	buf_put_u16(b, (uint16_t)len);
}

size_t open_make(uint8_t out[static OPEN_FRAME_MAX], const struct open_pair *p,
		 const uint8_t self_pub[static PUB_BYTES], const struct open_ask *ask,
		 const struct open_terms *t)
{
	struct buf b;

	buf_init(&b, out, OPEN_FRAME_MAX);
	put_head(&b, ask->op, request_bytes(ask->op));
	buf_put_bytes(&b, ask->boot, BOOT_BYTES);
	buf_put_bytes(&b, self_pub, PUB_BYTES);
	buf_put_bytes(&b, ask->nonce, OPEN_NONCE_BYTES);
	buf_put_bytes(&b, p->node.b, FP_BYTES);
	if (ask->op == OPEN_OPEN) {
		buf_put_u8(&b, t->kind);
		buf_put_bytes(&b, t->device.b, FP_BYTES);
		buf_put_bytes(&b, t->dest.ip, sizeof t->dest.ip);
		buf_put_u16(&b, t->dest.port);
	} else {
		buf_put_u64(&b, t->forward);
	}
	buf_put_u32(&b, ask->op == OPEN_CLOSE ? 0 : t->lease_s);
	seal(&b, OPEN_SEALED_AT, p, ask, OPEN_CLIENT);
	MUST(b.len == request_bytes(ask->op));
	return b.len;
}

/* Whether a frame may have this op and length; an answer's verdict decides which of its three. */
static bool length_ok(uint8_t op, size_t len)
{
	if (op == ANSWER_OP)
		return len == ANSWER_HEAD || len == ANSWER_HEAD + BOOT_BYTES ||
		       len == OPEN_ANSWER_MAX;
	return len && len == request_bytes(op);
}

int open_frame_len(const uint8_t *in, size_t len)
{
	struct buf b;
	uint8_t type, version, op;
	uint16_t n;

	buf_over(&b, in, len);
	type = buf_get_u8(&b);
	version = buf_get_u8(&b);
	op = buf_get_u8(&b);
	n = buf_get_u16(&b);
	if ((len > 0 && type != OPEN_TYPE) || (len > 1 && version != OPEN_VERSION))
		return -1;
	if (!buf_ok(&b))
		return 0;
	return length_ok(op, n) ? n : -1;
}

bool open_split(struct open_request *r, const uint8_t *frame, size_t len)
{
	struct buf b;

	if (!len || open_frame_len(frame, len) != (int)len || frame[2] == ANSWER_OP)
		return false;
	*r = (struct open_request){ .op = (enum open_op)frame[2], .frame = frame, .len = len };
	buf_over(&b, frame, len);
	buf_get_bytes(&b, OPEN_HEAD_BYTES);
	r->boot = buf_get_bytes(&b, BOOT_BYTES);
	r->pub = buf_get_bytes(&b, PUB_BYTES);
	r->nonce = buf_get_bytes(&b, OPEN_NONCE_BYTES);
	return buf_ok(&b);
}

void open_ask_of(struct open_ask *ask, const struct open_request *r)
{
	ask->op = (uint8_t)r->op;
	memcpy(ask->boot, r->boot, BOOT_BYTES);
	memcpy(ask->nonce, r->nonce, OPEN_NONCE_BYTES);
}

bool open_unseal(struct open_terms *t, const struct open_pair *p, const struct open_request *r)
{
	uint8_t plain[SEALED_MAX];
	struct open_ask ask;
	struct buf b;
	struct fp node;

	memset(t, 0, sizeof *t);
	open_ask_of(&ask, r);
	if (!unseal(&b, plain, r->frame, OPEN_SEALED_AT, r->len, p, &ask, OPEN_CLIENT))
		return false;
	buf_get_copy(&b, node.b, FP_BYTES);
	if (r->op == OPEN_OPEN) {
		t->kind = buf_get_u8(&b);
		buf_get_copy(&b, t->device.b, FP_BYTES);
		buf_get_copy(&b, t->dest.ip, sizeof t->dest.ip);
		t->dest.port = buf_get_u16(&b);
	} else {
		t->forward = buf_get_u64(&b);
	}
	t->lease_s = buf_get_u32(&b);
	return buf_done(&b) && fp_eq(&node, &p->node);
}

static size_t answer_bytes(enum open_verdict v)
{
	return v == OPEN_OK ? OPEN_ANSWER_MAX
	       : v == OPEN_STALE_BOOT ? ANSWER_HEAD + BOOT_BYTES : ANSWER_HEAD;
}

size_t open_answer_make(uint8_t out[static OPEN_ANSWER_MAX], const struct open_pair *p,
			const struct open_ask *ask, const struct open_answer *a)
{
	struct buf b;

	buf_init(&b, out, OPEN_ANSWER_MAX);
	put_head(&b, ANSWER_OP, answer_bytes(a->verdict));
	buf_put_u8(&b, (uint8_t)a->verdict);
	if (a->verdict == OPEN_STALE_BOOT)
		buf_put_bytes(&b, a->boot, BOOT_BYTES);
	if (a->verdict != OPEN_OK)
		return b.len;
	buf_put_u64(&b, a->forward);
	buf_put_u16(&b, a->port);
	buf_put_u32(&b, a->lease_s);
	seal(&b, ANSWER_HEAD, p, ask, OPEN_NODE);
	return b.len;
}

bool open_answer_parse(struct open_answer *a, const struct open_pair *p, const struct open_ask *ask,
		       const uint8_t *in, size_t len)
{
	uint8_t plain[SEALED_MAX], verdict;
	struct buf b;

	memset(a, 0, sizeof *a);
	a->verdict = OPEN_BAD_FORM;
	if (len < ANSWER_HEAD || open_frame_len(in, len) != (int)len || in[2] != ANSWER_OP)
		return false;
	verdict = in[ANSWER_HEAD - 1];
	if (verdict >= OPEN_VERDICTS || len != answer_bytes((enum open_verdict)verdict))
		return false;
	a->verdict = (enum open_verdict)verdict;
	if (a->verdict == OPEN_STALE_BOOT)
		memcpy(a->boot, in + ANSWER_HEAD, BOOT_BYTES);
	if (a->verdict != OPEN_OK)
		return true;
	if (!unseal(&b, plain, in, ANSWER_HEAD, len, p, ask, OPEN_NODE)) {
		a->verdict = OPEN_BAD_SEAL;
		return false;
	}
	a->forward = buf_get_u64(&b);
	a->port = buf_get_u16(&b);
	a->lease_s = buf_get_u32(&b);
	return buf_done(&b) && a->forward;
}
