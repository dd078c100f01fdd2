/* core/seal.h - seal and open data records in place (SECRECY.md section 3)
 *
 *	record:  0           1       3        5     9          17             len-16   len
 *	         | type 0x40 | 03 03 | length | e   | number   | ciphertext   | tag    |
 *	                              length counts what follows it
 *	nonce = 0^32 || number        AAD = the 17 bytes of header || ctx_e
 *
 * AES-256-GCM where both CPUs have the instructions, else ChaCha20-Poly1305. Pure. */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearssl.h>

#include "core/kdf.h"

enum {
	RECORD_TYPE = 0x40,	    /* no TLS content type: the engine never sees these */
	RECORD_HEAD = 17,
	RECORD_TAG = 16,
	RECORD_PLAIN_MAX = 16 * 1024,
	RECORD_BYTES_MAX = RECORD_HEAD + RECORD_PLAIN_MAX + RECORD_TAG,
	RECORD_LEN_AT = 5,	    /* `length` counts from here */
};

enum seal_aead { SEAL_NONE = 0, SEAL_AES256_GCM = 1, SEAL_CHACHA20_POLY1305 = 2 };

/* The key of one epoch, ready for use. */
struct seal_key {
	uint8_t aead;
	uint8_t ctx[KDF_CTX_BYTES];
	union {
		struct {
			br_aes_gen_ctr_keys aes;
			br_gcm_context gcm;
		};
		uint8_t chacha[32];
	};
};

/* Whether this CPU has AES and carry-less multiplication. */
bool seal_has_aes(void);

/* Key from MK_e and ctx_e. The struct must not be moved afterwards. */
void seal_key_init(struct seal_key *k, const struct kdf_ctx *c, const uint8_t mk[static 32]);
void seal_key_wipe(struct seal_key *k);

/* Plaintext of plain_len (<= RECORD_PLAIN_MAX) bytes stands at rec + RECORD_HEAD; writes header and
 * tag around it and encrypts. Returns the record's length. */
size_t seal_record(struct seal_key *k, uint8_t *rec, uint32_t e, uint64_t number, size_t plain_len);

/* Reads epoch and number of a whole record of len bytes; false when it is malformed. */
bool seal_peek(const uint8_t *rec, size_t len, uint32_t *e, uint64_t *number);

/* Opens in place: plaintext at rec + RECORD_HEAD, length in *plain_len. False: it does not open. */
bool seal_open(struct seal_key *k, uint8_t *rec, size_t len, size_t *plain_len);

#endif
