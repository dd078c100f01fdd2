/* core/ident.h - a party's P-256 key pair, and the fingerprint that names it
 *
 * ARCHITECTURE section 4: the fingerprint is SHA-256 of the 65-byte uncompressed point, written as
 * base64url without padding (43 characters). ident_new draws again until that begins with a letter
 * or digit, so that it is never taken for an option. */
#ifndef CORE_IDENT_H
#define CORE_IDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PUB_BYTES = 65,	      /* 0x04, x, y (SEC 1, 2.3.3) */
	PRIV_BYTES = 32,
	FP_BYTES = 32,
	FP_STR_MAX = 44,      /* 43 characters and NUL */
	SIG_BYTES_MAX = 72,   /* ECDSA P-256, ASN.1 DER */
	KEY_TEXT_MAX = 64,    /* the key file: one base64url line and NUL */
};

struct fp {
	uint8_t b[FP_BYTES];
};

struct ident {
	uint8_t priv[PRIV_BYTES];
	uint8_t pub[PUB_BYTES];
	struct fp fp;
};

/* A fresh key pair from core/secret. */
void ident_new(struct ident *id);
/* Rebuild from a private scalar; false when it is 0 or not below the group order. */
bool ident_from_priv(struct ident *id, const uint8_t priv[static PRIV_BYTES]);
/* The key file's text: base64url of the scalar (43 characters) and a newline. parse takes it with
 * or without the newline, and nothing else. */
void ident_format(const struct ident *id, char out[static KEY_TEXT_MAX]);
bool ident_parse(struct ident *id, const char *text, size_t len);

/* Fingerprint of a public key; false when it is no uncompressed point of the curve. */
bool fp_of_pub(struct fp *fp, const uint8_t *pub, size_t len);
/* 43 characters; parse takes the canonical form only (RFC 4648, 3.5). */
void fp_format(const struct fp *fp, char out[static FP_STR_MAX]);
bool fp_parse(struct fp *fp, const char *text);
bool fp_eq(const struct fp *a, const struct fp *b);
/* Total order, like memcmp. */
int fp_cmp(const struct fp *a, const struct fp *b);

/* ECDH: out = x coordinate of priv * peer; false when peer is not a point of the curve. */
bool ident_ecdh(const struct ident *id, const uint8_t peer[static PUB_BYTES],
		uint8_t out[static 32]);

/* Deterministic ECDSA (RFC 6979) over SHA-256(msg), DER. Returns the signature's length, which
 * differs from message to message. verify: false for a bad signature or key. */
size_t ident_sign(const struct ident *id, const void *msg, size_t len,
		  uint8_t sig[static SIG_BYTES_MAX]);
bool ident_verify(const uint8_t pub[static PUB_BYTES], const void *msg, size_t len,
		  const uint8_t *sig, size_t sig_len);

void ident_wipe(struct ident *id);

/* SHA-256, for those who need no more than that. */
void ident_sha256(const void *p, size_t len, uint8_t out[static 32]);

#endif
