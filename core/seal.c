/* core/seal.c - seal and open data records in place (SECRECY.md section 3) */
#include "core/seal.h"

#include <string.h>

#include "core/buf.h"
#include "core/check.h"
#include "core/secret.h"

bool seal_has_aes(void)
{
	return br_aes_x86ni_ctr_get_vtable() && br_ghash_pclmul_get();
}

/* The best constant-time implementations that the CPU offers. */
static const br_block_ctr_class *aes_ctr(void)
{
	const br_block_ctr_class *ni = br_aes_x86ni_ctr_get_vtable();

	return ni ? ni : &br_aes_ct64_ctr_vtable;
}

static br_ghash ghash(void)
{
	br_ghash clmul = br_ghash_pclmul_get();

	return clmul ? clmul : br_ghash_ctmul64;
}

static br_chacha20_run chacha(void)
{
	br_chacha20_run sse2 = br_chacha20_sse2_get();

	return sse2 ? sse2 : br_chacha20_ct_run;
}

static br_poly1305_run poly(void)
{
	br_poly1305_run q = br_poly1305_ctmulq_get();

	return q ? q : br_poly1305_ctmul_run;
}

void seal_key_init(struct seal_key *k, const struct kdf_ctx *c, const uint8_t mk[static 32])
{
	const br_block_ctr_class *ctr = aes_ctr();

	memset(k, 0, sizeof *k);
	k->aead = c->aead;
	kdf_ctx_encode(c, k->ctx);
	if (k->aead == SEAL_AES256_GCM) {
		ctr->init(&k->aes.vtable, mk, 32);
		br_gcm_init(&k->gcm, &k->aes.vtable, ghash());
	} else {
		memcpy(k->chacha, mk, 32);
	}
}

void seal_key_wipe(struct seal_key *k)
{
	wipe(k, sizeof *k);
}

/* The last 8 bytes of the header are the number: nonce = 0^32 || number. */
static void crypt(struct seal_key *k, uint8_t *rec, size_t n, uint8_t tag[RECORD_TAG], bool encrypt)
{
	uint8_t aad[RECORD_HEAD + KDF_CTX_BYTES];
	uint8_t nonce[12] = { 0 };

	memcpy(aad, rec, RECORD_HEAD);
	memcpy(aad + RECORD_HEAD, k->ctx, sizeof k->ctx);
	memcpy(nonce + 4, rec + RECORD_HEAD - 8, 8);
	if (k->aead == SEAL_AES256_GCM) {
		br_gcm_reset(&k->gcm, nonce, sizeof nonce);
		br_gcm_aad_inject(&k->gcm, aad, sizeof aad);
		br_gcm_flip(&k->gcm);
		br_gcm_run(&k->gcm, encrypt, rec + RECORD_HEAD, n);
		br_gcm_get_tag(&k->gcm, tag);
		return;
	}
	poly()(k->chacha, nonce, rec + RECORD_HEAD, n, aad, sizeof aad, tag, chacha(), encrypt);
}

size_t seal_record(struct seal_key *k, uint8_t *rec, uint32_t e, uint64_t number, size_t plain_len)
{
	size_t len = RECORD_HEAD + plain_len + RECORD_TAG;
	struct buf b;

	MUST(plain_len <= RECORD_PLAIN_MAX);
	buf_init(&b, rec, RECORD_HEAD);
	buf_put_u8(&b, RECORD_TYPE);
	buf_put_u16(&b, 0x0303);
	buf_put_u16(&b, (uint16_t)(len - RECORD_LEN_AT));
	buf_put_u32(&b, e);
	buf_put_u64(&b, number);
	crypt(k, rec, plain_len, rec + RECORD_HEAD + plain_len, true);
	return len;
}

bool seal_peek(const uint8_t *rec, size_t len, uint32_t *e, uint64_t *number)
{
	struct buf b;
	bool ok;

	buf_over(&b, rec, len);
	ok = buf_get_u8(&b) == RECORD_TYPE;
	ok &= buf_get_u16(&b) == 0x0303;
	ok &= buf_get_u16(&b) == len - RECORD_LEN_AT;
	*e = buf_get_u32(&b);
	*number = buf_get_u64(&b);
	return ok && buf_ok(&b) && len >= RECORD_HEAD + RECORD_TAG && len <= RECORD_BYTES_MAX;
}

bool seal_open(struct seal_key *k, uint8_t *rec, size_t len, size_t *plain_len)
{
	size_t n = len - RECORD_HEAD - RECORD_TAG;
	uint8_t tag[RECORD_TAG];

	MUST(len >= RECORD_HEAD + RECORD_TAG);
	crypt(k, rec, n, tag, false);
	*plain_len = n;
	return ct_eq(tag, rec + len - RECORD_TAG, RECORD_TAG);
}
