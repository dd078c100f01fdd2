/* net/tls.c - one TLS 1.2 engine: bytes in, bytes out, keys pinned by fingerprint; no sockets
 *
 * The suites are set one by one: br_ssl_*_init_full would link 80 KB of RSA, CBC and DES. Without
 * extended master secret (RFC 7627) an exporter alone does not bind both keys, so whoever uses
 * tls_export puts both fingerprints into its context. */
#include "net/tls.h"

#include <string.h>

#include "core/check.h"
#include "core/secret.h"

enum {
	SERIAL_BYTES = 16,
	ENTROPY_BYTES = 48, /* 256 bits and a nonce of 128, as SP 800-90A wants them */
	ALERT_FROM_PEER = BR_ERR_RECV_FATAL_ALERT,
	ALERT_BY_US = BR_ERR_SEND_FATAL_ALERT,
};

/* SEQUENCE { SET { SEQUENCE { commonName, UTF8String "machete" } } } */
#define NAME                                                                                    \
	0x30, 0x12, 0x31, 0x10, 0x30, 0x0e, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x07, 'm', 'a', \
		'c', 'h', 'e', 't', 'e'
/* SEQUENCE { ecdsa-with-SHA256 } */
#define ECDSA_SHA256 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02

/* TBSCertificate (RFC 5280, 4.1), version 1, with holes for the serial number and the point. */
static const struct tbs {
	uint8_t head[3], serial_head[2], serial[SERIAL_BYTES], algorithm[12], issuer[20];
	uint8_t validity_head[2], not_before[15], not_after[17], subject[20];
	uint8_t key_head[2], key_algorithm[21], point_head[3], point[PUB_BYTES];
} tbs_template = {
	.head = { 0x30, 0x81, sizeof(struct tbs) - 3 },
	.serial_head = { 0x02, SERIAL_BYTES },
	.algorithm = { ECDSA_SHA256 },
	.issuer = { NAME },
	.validity_head = { 0x30, 0x20 },
	/* Up to 2049 UTCTime, after that GeneralizedTime (RFC 5280, 4.1.2.5). */
	.not_before = { 0x17, 0x0d, '7', '0', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0',
			'Z' },
	.not_after = { 0x18, 0x0f, '9', '9', '9', '9', '1', '2', '3', '1', '2', '3', '5', '9', '5',
		       '9', 'Z' },
	.subject = { NAME },
	.key_head = { 0x30, 0x59 },
	/* SEQUENCE { id-ecPublicKey, prime256v1 } */
	.key_algorithm = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
			   0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 },
	.point_head = { 0x03, PUB_BYTES + 1, 0 },
};
static_assert(sizeof(struct tbs) == 198, "bytes only, no padding");

/* SEQUENCE { tbs, ECDSA_SHA256, BIT STRING { 0 unused bits, signature } } */
void tls_cert_make(struct tls_cert *c, const struct ident *id)
{
	static const uint8_t algorithm[] = { ECDSA_SHA256 };
	struct tbs tbs = tbs_template;
	uint8_t sig[SIG_BYTES_MAX];
	size_t sig_len, inner;
	uint8_t *p = c->der;

	secret_bytes(tbs.serial, sizeof tbs.serial);
	tbs.serial[0] = (tbs.serial[0] & 0x7f) | 0x40; /* positive, and no zero to be left out */
	memcpy(tbs.point, id->pub, sizeof tbs.point);
	sig_len = ident_sign(id, &tbs, sizeof tbs, sig);
	inner = sizeof tbs + sizeof algorithm + 3 + sig_len;
	MUST(inner + 4 <= sizeof c->der);
	*p++ = 0x30;
	*p++ = 0x82;
	*p++ = (uint8_t)(inner >> 8);
	*p++ = (uint8_t)inner;
	memcpy(p, &tbs, sizeof tbs);
	memcpy(p += sizeof tbs, algorithm, sizeof algorithm);
	p += sizeof algorithm;
	*p++ = 0x03;
	*p++ = (uint8_t)(sig_len + 1);
	*p++ = 0;
	memcpy(p, sig, sig_len);
	c->len = inner + 4;
	c->chain = (br_x509_certificate){ .data = c->der, .data_len = c->len };
	/* BearSSL's structure has no const; it does not write through it. */
	c->key = (br_ec_private_key){ .curve = BR_EC_secp256r1,
				      .x = (uint8_t *)(uintptr_t)id->priv,
				      .xlen = PRIV_BYTES };
}

static struct tls_x509 *x509_of(const br_x509_class **ctx)
{
	return container_of(ctx, struct tls_x509, vtable);
}

static void x509_start_chain(const br_x509_class **ctx, const char *server_name)
{
	struct tls_x509 *x = x509_of(ctx);

	(void)server_name;
	x->certs = 0;
	x->seen = false;
	br_x509_decoder_init(&x->decoder, NULL, NULL);
}

static void x509_start_cert(const br_x509_class **ctx, uint32_t length)
{
	(void)length;
	x509_of(ctx)->certs++;
}

/* BearSSL's decoder does not stop by itself: pushed on after an error it runs through code that was
 * never meant to be reached, and out of its tables (found by test/fuzz/fuzz_tls.c, BearSSL 0.6). */
static void x509_append(const br_x509_class **ctx, const unsigned char *buf, size_t len)
{
	struct tls_x509 *x = x509_of(ctx);
	bool wants_more = br_x509_decoder_last_error(&x->decoder) == BR_ERR_X509_TRUNCATED;

	if (x->certs == 1 && wants_more)
		br_x509_decoder_push(&x->decoder, buf, len);
}

static void x509_end_cert(const br_x509_class **ctx)
{
	(void)ctx;
}

/* That the point is on the curve is checked where the signature by it is. */
static unsigned x509_end_chain(const br_x509_class **ctx)
{
	struct tls_x509 *x = x509_of(ctx);
	const br_x509_pkey *k = br_x509_decoder_get_pkey(&x->decoder);

	if (!k)
		return x->certs ? (unsigned)br_x509_decoder_last_error(&x->decoder)
				: BR_ERR_X509_EMPTY_CHAIN;
	if (k->key_type != BR_KEYTYPE_EC || k->key.ec.curve != BR_EC_secp256r1 ||
	    k->key.ec.qlen != PUB_BYTES)
		return BR_ERR_X509_WRONG_KEY_TYPE;
	memcpy(x->pub, k->key.ec.q, PUB_BYTES);
	ident_sha256(x->pub, PUB_BYTES, x->fp.b);
	if (x->want && !fp_eq(x->want, &x->fp))
		return BR_ERR_X509_NOT_TRUSTED;
	x->key = (br_x509_pkey){ .key_type = BR_KEYTYPE_EC };
	x->key.key.ec =
	    (br_ec_public_key){ .curve = BR_EC_secp256r1, .q = x->pub, .qlen = PUB_BYTES };
	x->seen = true;
	return 0;
}

/* For signatures only: no static ECDH. */
static const br_x509_pkey *x509_get_pkey(const br_x509_class *const *ctx, unsigned *usages)
{
	const struct tls_x509 *x = (const struct tls_x509 *)(const void *)ctx;

	if (usages)
		*usages = BR_KEYTYPE_SIGN;
	return x->seen ? &x->key : NULL;
}

static const br_x509_class x509_class = {
	sizeof(struct tls_x509), x509_start_chain, x509_start_cert, x509_append,
	x509_end_cert,		 x509_end_chain,   x509_get_pkey,
};

/* AES only with the CPU's help: slow and large without. */
static void set_suites(br_ssl_engine_context *eng)
{
	static const uint16_t suites[] = { BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
					   BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 };
	const br_block_ctr_class *ctr = br_aes_x86ni_ctr_get_vtable();
	br_ghash ghash = br_ghash_pclmul_get();
	br_chacha20_run chacha = br_chacha20_sse2_get();
	br_poly1305_run poly = br_poly1305_ctmulq_get();
	bool aes = ctr && ghash;

	br_ssl_engine_set_suites(eng, aes ? suites : suites + 1, aes ? 2 : 1);
	if (aes) {
		br_ssl_engine_set_aes_ctr(eng, ctr);
		br_ssl_engine_set_ghash(eng, ghash);
		br_ssl_engine_set_gcm(eng, &br_sslrec_in_gcm_vtable, &br_sslrec_out_gcm_vtable);
	}
	br_ssl_engine_set_chacha20(eng, chacha ? chacha : br_chacha20_ct_run);
	br_ssl_engine_set_poly1305(eng, poly ? poly : br_poly1305_ctmul_run);
	br_ssl_engine_set_chapol(eng, &br_sslrec_in_chapol_vtable, &br_sslrec_out_chapol_vtable);
}

/* After the context was zeroed. */
static void set_engine(struct tls *t)
{
	br_ssl_engine_context *eng = &t->u.eng;
	uint8_t entropy[ENTROPY_BYTES];

	br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_all_flags(eng, BR_OPT_NO_RENEGOTIATION);
	set_suites(eng);
	br_ssl_engine_set_ec(eng, &br_ec_p256_m31);
	br_ssl_engine_set_ecdsa(eng, br_ecdsa_i31_vrfy_asn1);
	br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_prf_sha256(eng, br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(eng, br_tls12_sha384_prf);
	br_ssl_engine_set_x509(eng, &t->x509.vtable);
	br_ssl_engine_set_buffers_bidi(eng, t->in, sizeof t->in, t->out, sizeof t->out);
	secret_bytes(entropy, sizeof entropy);
	br_ssl_engine_inject_entropy(eng, entropy, sizeof entropy);
	wipe(entropy, sizeof entropy);
}

static void begin(struct tls *t, const struct fp *want)
{
	t->x509.vtable = &x509_class;
	t->x509.certs = 0;
	t->x509.seen = false;
	t->x509.want = want ? &t->x509.want_fp : NULL;
	if (want)
		t->x509.want_fp = *want;
	t->err = 0;
	t->open = false;
	t->forgot = false;
	set_engine(t);
}

void tls_client(struct tls *t, const struct tls_cert *cert, const struct fp *peer)
{
	br_ssl_client_zero(&t->u.client);
	begin(t, peer);
	br_ssl_client_set_single_ec(&t->u.client, &cert->chain, 1, &cert->key, BR_KEYTYPE_SIGN,
				    BR_KEYTYPE_EC, &br_ec_p256_m31, br_ecdsa_i31_sign_asn1);
	MUST(br_ssl_client_reset(&t->u.client, NULL, 0));
}

/* The anchor's name has BearSSL ask for a certificate; any client may take itself to be meant. */
void tls_server(struct tls *t, const struct tls_cert *cert)
{
	static uint8_t name[] = { NAME };
	static const br_x500_name anchor = { name, sizeof name };

	br_ssl_server_zero(&t->u.server);
	begin(t, NULL);
	br_ssl_server_set_single_ec(&t->u.server, &cert->chain, 1, &cert->key, BR_KEYTYPE_SIGN,
				    BR_KEYTYPE_EC, &br_ec_p256_m31, br_ecdsa_i31_sign_asn1);
	br_ssl_server_set_trust_anchor_names(&t->u.server, &anchor, 1);
	MUST(br_ssl_server_reset(&t->u.server));
}

/* Called after each step of the engine: application data may flow for the first time. A peer whose
 * key did not come through our class (as a resumed session's would not) is none. */
static void settle(struct tls *t)
{
	if (t->open || !(t->u.eng.application_data & 1))
		return;
	if (t->x509.seen)
		t->open = true;
	else
		t->err = BR_ERR_NO_CLIENT_AUTH;
}

enum tls_state tls_state(const struct tls *t)
{
	if (t->err || br_ssl_engine_current_state(&t->u.eng) == BR_SSL_CLOSED)
		return TLS_CLOSED;
	return t->open ? TLS_OPEN : TLS_SHAKING;
}

int tls_error(const struct tls *t)
{
	return t->err ? t->err : br_ssl_engine_last_error(&t->u.eng);
}

static const struct {
	int err;
	const char *text;
} errors[] = {
	{ BR_ERR_OK, "closed" },
	{ BR_ERR_UNSUPPORTED_VERSION, "the peer does not speak TLS 1.2" },
	{ BR_ERR_BAD_VERSION, "the peer changed the TLS version" },
	{ BR_ERR_TOO_LARGE, "the peer sent a TLS record larger than our buffer" },
	{ BR_ERR_BAD_MAC, "a TLS record was changed on the way" },
	{ BR_ERR_UNEXPECTED, "the peer sent a TLS message out of turn" },
	{ BR_ERR_BAD_CIPHER_SUITE, "the peer chose a cipher suite that was not offered" },
	{ BR_ERR_BAD_FINISHED, "the handshake was changed on the way" },
	{ BR_ERR_BAD_SIGNATURE, "the peer does not own the key that it shows" },
	{ BR_ERR_NO_CLIENT_AUTH, "the peer shows no certificate" },
	{ BR_ERR_X509_EMPTY_CHAIN, "the peer shows no certificate" },
	{ BR_ERR_X509_WRONG_KEY_TYPE, "the peer's key is not of curve P-256" },
	{ BR_ERR_X509_UNSUPPORTED, "the peer's key is not of curve P-256" },
	{ BR_ERR_X509_NOT_TRUSTED, "the peer has another key than the one expected" },
	{ ALERT_FROM_PEER + 20, "the peer says that a record was changed on the way" },
	{ ALERT_FROM_PEER + 40,
	  "the peer refuses the handshake: it takes none of our cipher suites" },
	{ ALERT_FROM_PEER + 42, "the peer does not like our certificate" },
	{ ALERT_FROM_PEER + 48, "the peer wants certificates of an authority: it is no machete" },
	{ ALERT_FROM_PEER + 70, "the peer does not speak TLS 1.2" },
	{ ALERT_FROM_PEER + 100, "the peer refuses to renegotiate" },
	{ ALERT_BY_US + 40, "the peer offers no cipher suite, curve or hash that we take" },
	{ ALERT_BY_US + 70, "the peer does not speak TLS 1.2" },
};

const char *tls_error_str(const struct tls *t)
{
	int err = tls_error(t);

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].err == err)
			return errors[i].text;
	if (err >= BR_ERR_X509_INVALID_VALUE && err < ALERT_FROM_PEER)
		return "the peer's certificate cannot be read";
	if (err >= ALERT_FROM_PEER && err < ALERT_BY_US)
		return "the peer ended the connection with a TLS alert";
	return "the peer does not speak TLS as machete does";
}

const struct fp *tls_peer(const struct tls *t)
{
	return tls_state(t) == TLS_OPEN ? &t->x509.fp : NULL;
}

const uint8_t *tls_peer_pub(const struct tls *t)
{
	return tls_state(t) == TLS_OPEN ? t->x509.pub : NULL;
}

uint8_t *tls_in(struct tls *t, size_t *room)
{
	*room = 0;
	return t->err ? NULL : br_ssl_engine_recvrec_buf(&t->u.eng, room);
}

void tls_in_done(struct tls *t, size_t n)
{
	size_t room;

	if (!n)
		return;
	tls_in(t, &room);
	MUST(n <= room);
	br_ssl_engine_recvrec_ack(&t->u.eng, n);
	settle(t);
}

const uint8_t *tls_out(struct tls *t, size_t *len)
{
	*len = 0;
	return t->err ? NULL : br_ssl_engine_sendrec_buf(&t->u.eng, len);
}

void tls_out_done(struct tls *t, size_t n)
{
	size_t len;

	if (!n)
		return;
	tls_out(t, &len);
	MUST(n <= len);
	br_ssl_engine_sendrec_ack(&t->u.eng, n);
	settle(t);
}

const uint8_t *tls_read(struct tls *t, size_t *len)
{
	*len = 0;
	return t->open ? br_ssl_engine_recvapp_buf(&t->u.eng, len) : NULL;
}

void tls_read_done(struct tls *t, size_t n)
{
	size_t len;

	if (!n)
		return;
	tls_read(t, &len);
	MUST(n <= len);
	br_ssl_engine_recvapp_ack(&t->u.eng, n);
}

size_t tls_write(struct tls *t, const void *p, size_t n)
{
	size_t room = 0;
	uint8_t *to = t->open ? br_ssl_engine_sendapp_buf(&t->u.eng, &room) : NULL;

	if (!to || !n)
		return 0;
	if (n > room)
		n = room;
	memcpy(to, p, n);
	br_ssl_engine_sendapp_ack(&t->u.eng, n);
	return n;
}

void tls_flush(struct tls *t)
{
	if (t->open)
		br_ssl_engine_flush(&t->u.eng, 0);
}

void tls_close(struct tls *t)
{
	br_ssl_engine_close(&t->u.eng);
}

bool tls_export(struct tls *t, const char *label, const void *ctx, size_t ctx_len,
		uint8_t out[static 32])
{
	MUST(ctx_len <= UINT16_MAX);
	if (t->forgot || tls_state(t) != TLS_OPEN)
		return false;
	return br_ssl_key_export(&t->u.eng, out, 32, label, ctx, ctx_len) == 1;
}

void tls_forget(struct tls *t)
{
	wipe(t->u.eng.session.master_secret, sizeof t->u.eng.session.master_secret);
	t->forgot = true;
}

void tls_fini(struct tls *t)
{
	wipe(t, sizeof *t);
}
