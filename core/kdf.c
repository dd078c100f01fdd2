/* core/kdf.c - the key schedule of `split` (SECRECY.md section 3) */
#include "core/kdf.h"

#include <string.h>

#include <bearssl.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/secret.h"

static const char tag[9] = "machete/1"; /* no NUL: nine bytes */

void kdf_ctx_encode(const struct kdf_ctx *c, uint8_t out[static KDF_CTX_BYTES])
{
	struct buf b;

	buf_init(&b, out, KDF_CTX_BYTES);
	buf_put_bytes(&b, tag, sizeof tag);
	buf_put_bytes(&b, c->sid, sizeof c->sid);
	buf_put_u8(&b, c->dir);
	buf_put_u32(&b, c->e);
	buf_put_u32(&b, c->prev_e);
	buf_put_bytes(&b, c->pathset, sizeof c->pathset);
	buf_put_u8(&b, c->aead);
	MUST(buf_ok(&b) && b.len == KDF_CTX_BYTES);
}

void kdf_pathset(uint8_t out[static 32], const struct path_id *list, uint32_t n)
{
	br_sha256_context sha;
	uint32_t last = 0;

	br_sha256_init(&sha);
	for (uint32_t i = 0; i < n; i++) {
		const struct path_id *least = NULL;
		uint8_t number[4];
		struct buf b;

		for (uint32_t k = 0; k < n; k++)
			if ((!i || list[k].number > last) &&
			    (!least || list[k].number < least->number))
				least = &list[k];
		if (!least) /* a number twice: the codec refuses that, hash what is there */
			break;
		last = least->number;
		buf_init(&b, number, sizeof number);
		buf_put_u32(&b, least->number);
		br_sha256_update(&sha, number, sizeof number);
		br_sha256_update(&sha, least->node.b, sizeof least->node.b);
	}
	br_sha256_out(&sha, out);
}

void kdf_export_ctx(uint8_t out[static KDF_EXPORT_BYTES], const uint8_t sid[static SID_BYTES],
		    uint32_t n, uint32_t j, const struct fp *client, const struct fp *device)
{
	struct buf b;

	buf_init(&b, out, KDF_EXPORT_BYTES);
	buf_put_u8(&b, 1);
	buf_put_bytes(&b, sid, SID_BYTES);
	buf_put_u8(&b, (uint8_t)n);
	buf_put_u32(&b, j);
	buf_put_bytes(&b, client->b, FP_BYTES);
	buf_put_bytes(&b, device->b, FP_BYTES);
	MUST(buf_ok(&b) && b.len == KDF_EXPORT_BYTES);
}

/* out = HMAC(key, label || ctx). */
static void mac(uint8_t out[static 32], const uint8_t key[static 32], const char *label,
		const struct kdf_ctx *c)
{
	uint8_t ctx[KDF_CTX_BYTES];
	br_hmac_key_context kc;
	br_hmac_context hc;

	kdf_ctx_encode(c, ctx);
	br_hmac_key_init(&kc, &br_sha256_vtable, key, 32);
	br_hmac_init(&hc, &kc, 0);
	br_hmac_update(&hc, label, strlen(label));
	br_hmac_update(&hc, ctx, sizeof ctx);
	br_hmac_out(&hc, out);
	wipe(&kc, sizeof kc);
	wipe(&hc, sizeof hc);
}

void kdf_xor(uint8_t into[static 32], const uint8_t share[static 32])
{
	for (int i = 0; i < 32; i++)
		into[i] ^= share[i];
}

static void mix(uint8_t ck[static 32], const uint8_t key[static 32], const char *label,
		const struct kdf_ctx *c)
{
	uint8_t term[32];

	mac(term, key, label, c);
	kdf_xor(ck, term);
	wipe(term, sizeof term);
}

void kdf_first(uint8_t ck[static 32], const struct kdf_ctx *c, const uint8_t r[static 32],
	       const uint8_t (*f)[32], uint32_t n)
{
	mac(ck, r, "r", c);
	for (uint32_t i = 0; i < n; i++)
		mix(ck, f[i], "x", c);
}

void kdf_next(uint8_t ck[static 32], const struct kdf_ctx *c, const uint8_t r[static 32],
	      const uint8_t prev[static 32], const uint8_t (*f)[32], uint32_t n)
{
	kdf_first(ck, c, r, f, n);
	mix(ck, prev, "c", c);
}

void kdf_record_key(uint8_t mk[static 32], const struct kdf_ctx *c, const uint8_t ck[static 32])
{
	mac(mk, ck, "mk", c);
}

void kdf_share_ack(uint8_t out[static 32], const struct kdf_ctx *c, const uint8_t ck[static 32])
{
	mac(out, ck, "ack", c);
}
