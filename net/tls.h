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

/* A party's certificate: made once at start, shared by all its engines. It must not move. */
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

/* Our X.509 class: takes the key of the first certificate, whatever else stands there. */
struct tls_x509 {
	const br_x509_class *vtable; /* first, as BearSSL wants it */
	br_x509_decoder_context decoder;
	br_x509_pkey key;
	uint32_t certs;		/* begun in this chain */
	const struct fp *want;	/* NULL: any */
	struct fp want_fp, fp;
	uint8_t pub[PUB_BYTES];
	bool seen;		/* fp and pub are those of the peer */
};

/* Embedded by its owner, who must not move it (it points into itself) nor touch its fields. */
struct tls {
	union {
		br_ssl_engine_context eng; /* the first member of the other two */
		br_ssl_client_context client;
		br_ssl_server_context server;
	} u;
	struct tls_x509 x509;
	int err;   /* ours, beside the engine's */
	bool open; /* the handshake is done */
	bool forgot;
	uint8_t in[TLS_IN_BYTES];
	uint8_t out[TLS_OUT_BYTES];
};

/* Client: only the key with fingerprint `peer` is accepted (copied). Server: any key that the peer
 * proves to own; the caller judges tls_peer() before it uses one byte. A server refuses a peer
 * without certificate. Both borrow `cert`. */
void tls_client(struct tls *t, const struct tls_cert *cert, const struct fp *peer);
void tls_server(struct tls *t, const struct tls_cert *cert);

enum tls_state tls_state(const struct tls *t);
/* Why it closed: 0 is a clean close, else BearSSL's error number; text for a log line. */
int tls_error(const struct tls *t);
const char *tls_error_str(const struct tls *t);
/* Key and fingerprint that the peer proved; NULL unless TLS_OPEN. */
const struct fp *tls_peer(const struct tls *t);
const uint8_t *tls_peer_pub(const struct tls *t);

/* Ciphertext from the network, in pieces of any size: room and where, then how much was put there.
 * The room never goes beyond the record that has begun. None (NULL) while plaintext waits to be
 * read, and after the close. */
uint8_t *tls_in(struct tls *t, size_t *room);
void tls_in_done(struct tls *t, size_t n);
/* Ciphertext for the network: what is left of one record, never more, so that whoever sends all of
 * it may send something of his own before the next. NULL when there is none. */
const uint8_t *tls_out(struct tls *t, size_t *len);
void tls_out_done(struct tls *t, size_t n);
/* Plaintext that arrived; NULL when there is none. */
const uint8_t *tls_read(struct tls *t, size_t *len);
void tls_read_done(struct tls *t, size_t n);
/* Copies plaintext to send into the current record and returns how much it took: 0 while tls_out
 * still has a record. A full record closes itself; flush closes it before, for tls_out. */
size_t tls_write(struct tls *t, const void *p, size_t n);
void tls_flush(struct tls *t);
/* Has close_notify sent; the state is TLS_CLOSED once the peer's came too. */
void tls_close(struct tls *t);

/* Keying material exporter (RFC 5705); ctx has at most 65,535 bytes. False unless TLS_OPEN. */
bool tls_export(struct tls *t, const char *label, const void *ctx, size_t ctx_len,
		uint8_t out[static 32]);
/* Wipes the session's master secret (SECRECY.md section 3, Wiping): no export afterwards. */
void tls_forget(struct tls *t);
/* Wipes everything. */
void tls_fini(struct tls *t);

#endif
