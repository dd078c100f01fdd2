/* net/tls.h - one TLS 1.2 engine: bytes in, bytes out, keys pinned by fingerprint; no sockets
 *
 * BearSSL with ECDHE_ECDSA and AEAD suites only, P-256 only (br_ec_p256_m31), both sides
 * authenticated by self-signed certificates made on the fly of which only the public key counts, no
 * resumption, no renegotiation (SECRECY.md section 3). Separate input and output buffers. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearssl.h>

#include "core/ident.h"

enum {
	TLS_PLAIN_MAX = 4096, /* our largest TLS record; only shares, acks and tuples go inside */
	TLS_IN_BYTES = TLS_PLAIN_MAX + 325,
	TLS_OUT_BYTES = TLS_PLAIN_MAX + 85,
	TLS_CERT_MAX = 400,   /* our own certificate, DER */
};

/* A party's certificate: made once at start, shared by all its engines. */
struct tls_cert {
	uint8_t der[TLS_CERT_MAX];
	size_t len;
	br_x509_certificate chain;
	br_ec_private_key key;
};

/* Builds the self-signed certificate; dates 1970 to 9999, subject "machete", random serial. `id` is
 * borrowed for the life of the cert. */
void tls_cert_make(struct tls_cert *c, const struct ident *id);

enum tls_state { TLS_SHAKING = 0, TLS_OPEN, TLS_CLOSED, TLS_STATES };

struct tls; /* in tls.h as a struct, so that owners can embed it; fields are tls.c's */

/* Client: only the key with fingerprint `peer` is accepted. Server: any key that the peer proves to
 * own; the caller judges tls_peer() before it uses one byte. A server refuses a peer without
 * certificate. Both borrow `cert`. */
void tls_client(struct tls *t, const struct tls_cert *cert, const struct fp *peer);
void tls_server(struct tls *t, const struct tls_cert *cert);

enum tls_state tls_state(const struct tls *t);
/* Why it closed: 0 is a clean close, else BearSSL's error number; text for a log line. */
int tls_error(const struct tls *t);
const char *tls_error_str(const struct tls *t);
/* Key and fingerprint that the peer proved; NULL until TLS_OPEN. */
const struct fp *tls_peer(const struct tls *t);
const uint8_t *tls_peer_pub(const struct tls *t);

/* Ciphertext from the network: room and where, then how much was put there. */
uint8_t *tls_in(struct tls *t, size_t *room);
void tls_in_done(struct tls *t, size_t n);
/* Ciphertext for the network. */
const uint8_t *tls_out(struct tls *t, size_t *len);
void tls_out_done(struct tls *t, size_t n);
/* Plaintext that arrived. */
const uint8_t *tls_read(struct tls *t, size_t *len);
void tls_read_done(struct tls *t, size_t n);
/* Room for plaintext to send; write copies at most that much and returns how much it took;
 * flush closes the record so that tls_out has it. */
size_t tls_write(struct tls *t, const void *p, size_t n);
void tls_flush(struct tls *t);
/* Sends close_notify. */
void tls_close(struct tls *t);

/* Keying material exporter (RFC 5705) with context; false before TLS_OPEN. */
bool tls_export(struct tls *t, const char *label, const void *ctx, size_t ctx_len, uint8_t out[static 32]);
/* Wipes the session's master secret (SECRECY.md section 3, Wiping): no export afterwards. */
void tls_forget(struct tls *t);
/* Wipes everything. */
void tls_fini(struct tls *t);

#endif
