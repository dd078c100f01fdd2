/* core/kdf.h - the key schedule of `split` (SECRECY.md section 3)
 *
 * HMAC is HMAC-SHA-256 (RFC 2104); fields are joined as they stand, all of fixed length. The key of
 * an epoch is a combiner: pseudorandom if any one of its inputs is unknown, be it the share of one
 * path or the exporter secret of one handshake. Pure. */
#ifndef CORE_KDF_H
#define CORE_KDF_H

#include <stddef.h>
#include <stdint.h>

#include "core/ident.h"

enum {
	PATHS_MAX = 8,	   /* PATHS.md C.1: 2..8 paths; MPTCP's limit too */
	SID_BYTES = 16,
	SHARE_BYTES = 32,  /* also the size of every key here */
	KDF_CTX_BYTES = 67,
	KDF_EXPORT_BYTES = 1 + SID_BYTES + 1 + 4 + 2 * FP_BYTES,
};

/* Both sides of a conversation; also the direction's number. */
enum dir { DIR_TO_DEVICE = 0, DIR_TO_CLIENT = 1 };

/* One path of a session: its number, never reused, and the node that carries it (all zero for the
 * direct path). */
struct path_id {
	uint32_t number;
	struct fp node;
};

/* What a key is bound to: ctx_e = "machete/1" || sid || dir || e || prev_e || pathset || aead. */
struct kdf_ctx {
	uint8_t sid[SID_BYTES];
	uint8_t dir;
	uint32_t e, prev_e;
	uint8_t pathset[32];
	uint8_t aead;
};

void kdf_ctx_encode(const struct kdf_ctx *c, uint8_t out[static KDF_CTX_BYTES]);

/* pathset_hash: SHA-256 of the list sorted by path number; order of `list` does not matter. */
void kdf_pathset(uint8_t out[static 32], const struct path_id *list, uint32_t n);

/* The exporter's context for path number j of n:
 * version || sid || n || j || fp_client || fp_device. */
void kdf_export_ctx(uint8_t out[static KDF_EXPORT_BYTES], const uint8_t sid[static SID_BYTES],
		    uint32_t n, uint32_t j, const struct fp *client, const struct fp *device);

/* CK_0 = HMAC(R_0, "r" || ctx) xor HMAC(F_1, "x" || ctx) xor ... xor HMAC(F_n, "x" || ctx). */
void kdf_first(uint8_t ck[static 32], const struct kdf_ctx *c, const uint8_t r[static 32],
	       const uint8_t (*f)[32], uint32_t n);
/* CK_e = HMAC(R_e, "r" || ctx) xor HMAC(CK_prev, "c" || ctx) xor the same "x" terms for the
 * handshakes of new paths (n of them, mostly 0). */
void kdf_next(uint8_t ck[static 32], const struct kdf_ctx *c, const uint8_t r[static 32],
	      const uint8_t prev[static 32], const uint8_t (*f)[32], uint32_t n);
/* MK_e = HMAC(CK_e, "mk" || ctx). */
void kdf_record_key(uint8_t mk[static 32], const struct kdf_ctx *c, const uint8_t ck[static 32]);
/* HMAC(CK_e, "ack" || ctx): what a SHARE_ACK proves. */
void kdf_share_ack(uint8_t mac[static 32], const struct kdf_ctx *c, const uint8_t ck[static 32]);

/* into ^= share: R_e is the xor of all shares. */
void kdf_xor(uint8_t into[static 32], const uint8_t share[static 32]);

#endif
