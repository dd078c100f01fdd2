/* core/ident.c - a party's P-256 key pair, and the fingerprint that names it
 *
 * BearSSL's br_ec_p256_m31 refuses points that are not on the curve (SEC 1, 3.2.2.1: the group has
 * prime order, so nothing else is to be checked), but wants scalars within 1..order-1 from us. */
#include "core/ident.h"

#include <string.h>

#include <bearssl.h>

#include "core/check.h"
#include "core/secret.h"

enum {
	B64_CHARS = 43, /* 32 bytes without padding */
	CURVE = BR_EC_secp256r1,
};

static const br_ec_impl *const ec = &br_ec_p256_m31;

static const char b64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The last character holds 4 bits, then two zeros. */
static void b64_put(char out[static B64_CHARS + 1], const uint8_t in[static 32])
{
	uint32_t acc = 0;
	int bits = 0;
	char *p = out;

	for (int i = 0; i < 32; i++) {
		acc = acc << 8 | in[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*p++ = b64url[acc >> (bits - 6) & 63];
	}
	*p++ = b64url[acc << (6 - bits) & 63];
	*p = 0;
}

/* Value of a character, found without a branch or an index that depends on it: it may be a key's.
 * 64 is no character of the alphabet. */
static uint32_t b64_value(char c)
{
	uint32_t v = 64;

	for (uint32_t i = 0; i < 64; i++) {
		uint32_t d = (uint32_t)(uint8_t)c ^ (uint32_t)(uint8_t)b64url[i];
		uint32_t hit = (d - 1) >> 31;

		v ^= (v ^ i) & (0 - hit);
	}
	return v;
}

static bool b64_get(uint8_t out[static 32], const char *in)
{
	uint32_t acc = 0, bad = 0;
	int bits = 0, n = 0;

	for (int i = 0; i < B64_CHARS; i++) {
		uint32_t v = b64_value(in[i]);

		bad |= v >> 6;
		acc = acc << 6 | (v & 63);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[n++] = (uint8_t)(acc >> bits);
	}
	return !bad && !(acc & 3);
}

/* 1 <= x < order; the loop does not stop early, since x is secret. */
static bool scalar_ok(const uint8_t x[static PRIV_BYTES])
{
	size_t len;
	const uint8_t *order = ec->order(CURVE, &len);
	uint32_t borrow = 0, any = 0;

	MUST(len == PRIV_BYTES);
	for (int i = PRIV_BYTES - 1; i >= 0; i--) {
		borrow = ((uint32_t)x[i] - order[i] - borrow) >> 31;
		any |= x[i];
	}
	return borrow && any;
}

bool ident_from_priv(struct ident *id, const uint8_t priv[static PRIV_BYTES])
{
	if (!scalar_ok(priv))
		return false;
	memcpy(id->priv, priv, PRIV_BYTES);
	MUST(ec->mulgen(id->pub, id->priv, PRIV_BYTES, CURVE) == PUB_BYTES);
	ident_sha256(id->pub, PUB_BYTES, id->fp.b);
	return true;
}

void ident_new(struct ident *id)
{
	uint8_t priv[PRIV_BYTES];
	char text[FP_STR_MAX];

	do {
		secret_bytes(priv, sizeof priv);
		text[0] = '-';
		if (ident_from_priv(id, priv))
			fp_format(&id->fp, text);
	} while (text[0] == '-' || text[0] == '_');
	wipe(priv, sizeof priv);
}

void ident_format(const struct ident *id, char out[static KEY_TEXT_MAX])
{
	b64_put(out, id->priv);
	memcpy(out + B64_CHARS, "\n", 2);
}

bool ident_parse(struct ident *id, const char *text, size_t len)
{
	uint8_t priv[PRIV_BYTES];
	bool ok;

	if (len == B64_CHARS + 1 && text[B64_CHARS] == '\n')
		len--;
	if (len != B64_CHARS)
		return false;
	ok = b64_get(priv, text) && ident_from_priv(id, priv);
	wipe(priv, sizeof priv);
	return ok;
}

void ident_wipe(struct ident *id)
{
	wipe(id, sizeof *id);
}

/* Multiplying by one costs little and has the point checked. */
bool fp_of_pub(struct fp *fp, const uint8_t *pub, size_t len)
{
	static const uint8_t one[1] = { 1 };
	uint8_t point[PUB_BYTES];

	if (len != PUB_BYTES)
		return false;
	memcpy(point, pub, sizeof point);
	if (!ec->mul(point, sizeof point, one, sizeof one, CURVE))
		return false;
	ident_sha256(pub, PUB_BYTES, fp->b);
	return true;
}

void fp_format(const struct fp *fp, char out[static FP_STR_MAX])
{
	b64_put(out, fp->b);
}

bool fp_parse(struct fp *fp, const char *text)
{
	return strlen(text) == B64_CHARS && b64_get(fp->b, text);
}

bool fp_eq(const struct fp *a, const struct fp *b)
{
	return ct_eq(a->b, b->b, FP_BYTES);
}

int fp_cmp(const struct fp *a, const struct fp *b)
{
	return memcmp(a->b, b->b, FP_BYTES);
}

bool ident_ecdh(const struct ident *id, const uint8_t peer[static PUB_BYTES],
		uint8_t out[static 32])
{
	uint8_t point[PUB_BYTES];
	bool ok;

	memcpy(point, peer, sizeof point);
	ok = ec->mul(point, sizeof point, id->priv, PRIV_BYTES, CURVE) == 1;
	memset(out, 0, 32);
	if (ok)
		memcpy(out, point + 1, 32);
	wipe(point, sizeof point);
	return ok;
}

/* BearSSL's key structures have no const; it does not write through them. */
size_t ident_sign(const struct ident *id, const void *msg, size_t len,
		  uint8_t sig[static SIG_BYTES_MAX])
{
	uint8_t hash[32], priv[PRIV_BYTES];
	br_ec_private_key sk = { .curve = CURVE, .x = priv, .xlen = PRIV_BYTES };
	size_t n;

	memcpy(priv, id->priv, PRIV_BYTES);
	ident_sha256(msg, len, hash);
	n = br_ecdsa_i31_sign_asn1(ec, &br_sha256_vtable, hash, &sk, sig);
	wipe(priv, sizeof priv);
	MUST(n > 0);
	MUST(n <= SIG_BYTES_MAX);
	return n;
}

bool ident_verify(const uint8_t pub[static PUB_BYTES], const void *msg, size_t len,
		  const uint8_t *sig, size_t sig_len)
{
	uint8_t hash[32], point[PUB_BYTES];
	br_ec_public_key pk = { .curve = CURVE, .q = point, .qlen = PUB_BYTES };

	if (!sig_len)
		return false;
	memcpy(point, pub, PUB_BYTES);
	ident_sha256(msg, len, hash);
	return br_ecdsa_i31_vrfy_asn1(ec, hash, sizeof hash, &pk, sig, sig_len) == 1;
}

void ident_sha256(const void *p, size_t len, uint8_t out[static 32])
{
	br_sha256_context ctx;

	br_sha256_init(&ctx);
	br_sha256_update(&ctx, p, len);
	br_sha256_out(&ctx, out);
}
