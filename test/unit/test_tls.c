/* test/unit/test_tls.c - two engines back to back in memory: who gets in, what gets through
 *
 * pump() is the network: it carries records in pieces of a given size and can spoil one byte. */
#include "net/tls.h"
#include "core/secret.h"
#include "test/unit/test.h"

enum { PIECE_MAX = 1 << 16 };

static struct ident client_id, server_id, other_id;
static struct tls_cert client_cert, server_cert, other_cert;
static struct tls c, s;
static size_t records, record_bytes_max;

/* One record, or what is left of it, from one to the other. spoil: which byte to change, or -1. */
static bool carry(struct tls *from, struct tls *to, size_t piece, int spoil)
{
	uint8_t record[TLS_OUT_BYTES];
	size_t len, at = 0, room;
	const uint8_t *p = tls_out(from, &len);

	if (!p)
		return false;
	CHECK(len <= sizeof record);
	memcpy(record, p, len);
	CHECK_EQ((size_t)(record[3] << 8 | record[4]) + 5, len);
	records++;
	record_bytes_max = len > record_bytes_max ? len : record_bytes_max;
	tls_out_done(from, len);
	if (spoil >= 0)
		record[(size_t)spoil % len] ^= 1;
	while (at < len) {
		uint8_t *in = tls_in(to, &room);
		size_t n = len - at < piece ? len - at : piece;

		if (!in)
			return false;
		n = n < room ? n : room;
		memcpy(in, record + at, n);
		tls_in_done(to, n);
		at += n;
	}
	return true;
}

static void pump(size_t piece)
{
	while (carry(&c, &s, piece, -1) || carry(&s, &c, piece, -1))
		;
}

static void shake(void)
{
	tls_client(&c, &client_cert, &server_id.fp);
	tls_server(&s, &server_cert);
	pump(PIECE_MAX);
}

static void both_sides_learn_the_other_key(void)
{
	tls_client(&c, &client_cert, &server_id.fp);
	tls_server(&s, &server_cert);
	CHECK_EQ(tls_state(&c), TLS_SHAKING);
	CHECK(!tls_peer(&c));
	CHECK(!tls_peer_pub(&s));
	CHECK_EQ(tls_write(&c, "x", 1), 0);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&c), TLS_OPEN);
	CHECK_EQ(tls_state(&s), TLS_OPEN);
	CHECK(tls_peer(&c) && fp_eq(tls_peer(&c), &server_id.fp));
	CHECK(tls_peer(&s) && fp_eq(tls_peer(&s), &client_id.fp));
	CHECK(tls_peer_pub(&s) && !memcmp(tls_peer_pub(&s), client_id.pub, PUB_BYTES));
}

static void shakes_hands_a_byte_at_a_time(void)
{
	tls_client(&c, &client_cert, &server_id.fp);
	tls_server(&s, &server_cert);
	pump(1);
	CHECK_EQ(tls_state(&c), TLS_OPEN);
	CHECK_EQ(tls_state(&s), TLS_OPEN);
}

/* Byte 43 of the ClientHello's record is the length of the session id. */
static void offers_no_session_to_resume(void)
{
	const uint8_t *p;
	size_t len;

	shake();
	tls_client(&c, &client_cert, &server_id.fp);
	p = tls_out(&c, &len);
	CHECK(p && len > 44);
	CHECK(p && p[0] == 0x16);
	CHECK(p && p[43] == 0);
}

static void refuses_a_server_with_another_key(void)
{
	tls_client(&c, &client_cert, &other_id.fp);
	tls_server(&s, &server_cert);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&c), TLS_CLOSED);
	CHECK_STR(tls_error_str(&c), "the peer has another key than the one expected");
	CHECK(!tls_peer(&c));
	CHECK(tls_state(&s) != TLS_OPEN);
}

static void refuses_a_client_without_certificate(void)
{
	tls_client(&c, &client_cert, &server_id.fp);
	tls_server(&s, &server_cert);
	c.u.client.client_auth_vtable = NULL;
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_STR(tls_error_str(&s), "the peer shows no certificate");
	CHECK(!tls_peer(&s));
	CHECK(tls_state(&c) != TLS_OPEN);
}

static void refuses_keys_that_the_peer_does_not_own(void)
{
	struct tls_cert thief = other_cert;

	thief.chain = server_cert.chain;
	tls_client(&c, &client_cert, &server_id.fp);
	tls_server(&s, &thief);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&c), TLS_CLOSED);
	CHECK_STR(tls_error_str(&c), "the peer does not own the key that it shows");

	thief.chain = client_cert.chain;
	tls_client(&c, &thief, &server_id.fp);
	tls_server(&s, &server_cert);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_STR(tls_error_str(&s), "the peer does not own the key that it shows");
	CHECK(!tls_peer(&s));
}

/* Offset of `what` in the certificate; the test fails without it. */
static size_t find(const struct tls_cert *cert, const void *what, size_t len)
{
	for (size_t i = 0; i + len <= cert->len; i++)
		if (!memcmp(cert->der + i, what, len))
			return i;
	CHECK(!"found");
	return 0;
}

static void refuses_certificates_of_other_curves_and_garbage(void)
{
	static const uint8_t prime256v1[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
	static const uint8_t secp384r1[] = { 6, 5, 0x2b, 0x81, 4, 0, 0x22 };
	struct tls_cert cert = client_cert;
	size_t at = find(&cert, prime256v1, sizeof prime256v1);

	/* The other curve's name is three bytes shorter, and so is everything around it. */
	cert.chain.data = cert.der;
	memcpy(cert.der + at, secp384r1, sizeof secp384r1);
	memmove(cert.der + at + 7, cert.der + at + 10, cert.len - at - 10);
	cert.chain.data_len = cert.len - 3;
	cert.der[at - 10] -= 3;	/* the algorithm, */
	cert.der[at - 12] -= 3;	/* the key, */
	cert.der[6] -= 3;	/* the part that is signed, */
	cert.der[3] -= 3;	/* and the certificate */
	tls_client(&c, &cert, &server_id.fp);
	tls_server(&s, &server_cert);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_STR(tls_error_str(&s), "the peer's key is not of curve P-256");

	memset(cert.der + 20, 0xff, 20);
	tls_client(&c, &cert, &server_id.fp);
	tls_server(&s, &server_cert);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_STR(tls_error_str(&s), "the peer's certificate cannot be read");
}

static void refuses_points_off_the_curve(void)
{
	struct tls_cert cert = client_cert;

	cert.chain.data = cert.der;
	cert.der[find(&cert, client_id.pub, PUB_BYTES) + 64] ^= 1;
	tls_client(&c, &cert, &server_id.fp);
	tls_server(&s, &server_cert);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK(!tls_peer(&s));
}

static void only_the_first_certificate_counts(void)
{
	br_x509_certificate chain[2] = { client_cert.chain, other_cert.chain };

	tls_client(&c, &client_cert, &server_id.fp);
	tls_server(&s, &server_cert);
	c.u.client.client_auth.single_ec.chain = chain;
	c.u.client.client_auth.single_ec.chain_len = 2;
	pump(PIECE_MAX);
	CHECK(tls_peer(&s) && fp_eq(tls_peer(&s), &client_id.fp));
}

static void exporters_agree_and_depend_on_everything(void)
{
	uint8_t a[32], b[32], x[32], before[32];

	tls_client(&c, &client_cert, &server_id.fp);
	CHECK(!tls_export(&c, "EXPORTER-machete-test", "ctx", 3, a));
	shake();
	CHECK(tls_export(&c, "EXPORTER-machete-test", "ctx", 3, a));
	CHECK(tls_export(&s, "EXPORTER-machete-test", "ctx", 3, b));
	CHECK(!memcmp(a, b, 32));
	CHECK(tls_export(&c, "EXPORTER-machete-test", "ctX", 3, x));
	CHECK(memcmp(a, x, 32));
	CHECK(tls_export(&c, "EXPORTER-machete-tesT", "ctx", 3, x));
	CHECK(memcmp(a, x, 32));
	CHECK(tls_export(&c, "EXPORTER-machete-test", "", 0, x));
	CHECK(memcmp(a, x, 32));
	memcpy(before, a, 32);
	shake();
	CHECK(tls_export(&c, "EXPORTER-machete-test", "ctx", 3, a));
	CHECK(memcmp(a, before, 32));
}

static void forgetting_ends_exports_but_not_the_connection(void)
{
	uint8_t a[32], zero[48] = { 0 };
	const uint8_t *p;
	size_t len;

	shake();
	CHECK(memcmp(c.u.eng.session.master_secret, zero, 48));
	tls_forget(&c);
	CHECK(!memcmp(c.u.eng.session.master_secret, zero, 48));
	CHECK(!tls_export(&c, "EXPORTER-machete-test", "ctx", 3, a));
	CHECK_EQ(tls_write(&c, "still", 5), 5);
	tls_flush(&c);
	pump(PIECE_MAX);
	p = tls_read(&s, &len);
	CHECK(p && len == 5 && !memcmp(p, "still", 5));
	tls_fini(&c);
	CHECK_EQ(c.open, false);
}

/* Sends `total` bytes of a pattern in writes of `chunk`, the network giving pieces of `piece`. */
static void stream(struct tls *from, struct tls *to, size_t total, size_t chunk, size_t piece)
{
	static uint8_t data[40000];
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	CHECK(total <= sizeof data);
	while (got < total) {
		size_t n = total - sent < chunk ? total - sent : chunk, len;
		const uint8_t *p;

		sent += tls_write(from, data + sent, n);
		tls_flush(from);
		if (!carry(from, to, piece, -1))
			break;
		while ((p = tls_read(to, &len))) {
			size_t half = (len + 1) / 2; /* read in bits and pieces, too */

			CHECK(!memcmp(p, data + got, half));
			got += half;
			tls_read_done(to, half);
		}
	}
	CHECK_EQ(got, total);
}

static void data_goes_both_ways_in_odd_sizes(void)
{
	static const size_t sizes[] = { 1, 3, 17, 1000, 4095, 4096, 4097, 10000 };

	shake();
	record_bytes_max = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		stream(&c, &s, 3 * sizes[i], sizes[i], 1 + i * 13);
		stream(&s, &c, 3 * sizes[i] + 1, sizes[i], PIECE_MAX);
	}
	CHECK(record_bytes_max > TLS_PLAIN_MAX);
	CHECK(record_bytes_max <= TLS_OUT_BYTES);
}

static void every_flipped_bit_kills(void)
{
	for (int at = 0; at < 40; at++) {
		shake();
		CHECK_EQ(tls_write(&c, "0123456789", 10), 10);
		tls_flush(&c);
		carry(&c, &s, PIECE_MAX, at);
		/* A longer length has the server wait for bytes that the next record brings. */
		if (at == 3 || at == 4) {
			tls_write(&c, "0123456789", 10);
			tls_flush(&c);
			for (int i = 0; i < 20 && carry(&c, &s, PIECE_MAX, -1); i++) {
				tls_write(&c, "0123456789", 10);
				tls_flush(&c);
			}
		}
		CHECK_EQ(tls_state(&s), TLS_CLOSED);
		CHECK(tls_error(&s) != 0);
	}
	shake();
	tls_write(&c, "0123456789", 10);
	tls_flush(&c);
	carry(&c, &s, PIECE_MAX, 30);
	CHECK_STR(tls_error_str(&s), "a TLS record was changed on the way");
}

static void a_spoilt_handshake_never_opens(void)
{
	for (int at = 0; at < 900; at += 11) {
		int left = at;
		bool more = true;

		tls_client(&c, &client_cert, &server_id.fp);
		tls_server(&s, &server_cert);
		while (more) {
			size_t len;
			struct tls *from = tls_out(&c, &len) ? &c : &s;

			tls_out(from, &len);
			more = carry(from, from == &c ? &s : &c, PIECE_MAX,
				     left >= 0 && left < (int)len ? left : -1);
			left -= (int)len;
		}
		if (left < 0)
			CHECK(tls_state(&c) != TLS_OPEN || tls_state(&s) != TLS_OPEN);
	}
}

static void refuses_to_renegotiate(void)
{
	uint8_t before[32], after[32];

	shake();
	CHECK(tls_export(&s, "EXPORTER-machete-test", "", 0, before));
	c.u.eng.flags = 0; /* a client that would */
	CHECK(br_ssl_engine_renegotiate(&c.u.eng));
	pump(PIECE_MAX);
	CHECK_STR(tls_error_str(&c), "the peer refuses to renegotiate");
	CHECK(tls_export(&s, "EXPORTER-machete-test", "", 0, after));
	CHECK(!memcmp(before, after, 32));

	shake();
	s.u.eng.flags = 0; /* a server that would */
	CHECK(br_ssl_engine_renegotiate(&s.u.eng));
	pump(PIECE_MAX);
	CHECK_STR(tls_error_str(&s), "the peer refuses to renegotiate");
	CHECK_EQ(tls_state(&c), TLS_OPEN);
	shake();
	CHECK(!br_ssl_engine_renegotiate(&c.u.eng));
}

static void feed(struct tls *t, const uint8_t *p, size_t n)
{
	for (size_t at = 0, room; at < n; at++) {
		uint8_t *in = tls_in(t, &room);

		if (!in)
			return;
		*in = p[at];
		tls_in_done(t, 1);
	}
}

static void refuses_records_larger_than_its_buffer(void)
{
	static const uint8_t header[5] = { 0x17, 3, 3, 0x20, 0 };

	shake();
	feed(&s, header, sizeof header);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_STR(tls_error_str(&s), "the peer sent a TLS record larger than our buffer");
}

static void refuses_older_versions_and_other_protocols(void)
{
	static const uint8_t http[] = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
	/* TLS 1.1, one suite, no extensions */
	static const uint8_t tls11[] = {
		0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
		0, 0, 2, 0xc0, 0x2c, 1, 0,
	};
	size_t len;

	tls_server(&s, &server_cert);
	feed(&s, http, sizeof http);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	tls_server(&s, &server_cert);
	feed(&s, tls11, sizeof tls11);
	tls_out(&s, &len);
	tls_out_done(&s, len);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_STR(tls_error_str(&s), "the peer does not speak TLS 1.2");
}

static void a_clean_close_is_no_error(void)
{
	shake();
	tls_close(&c);
	pump(PIECE_MAX);
	CHECK_EQ(tls_state(&c), TLS_CLOSED);
	CHECK_EQ(tls_state(&s), TLS_CLOSED);
	CHECK_EQ(tls_error(&c), 0);
	CHECK_EQ(tls_error(&s), 0);
	CHECK_STR(tls_error_str(&s), "closed");
	CHECK_EQ(tls_write(&s, "x", 1), 0);
	CHECK(!tls_peer(&s));
}

TEST_MAIN_BEGIN
	ident_new(&client_id);
	ident_new(&server_id);
	ident_new(&other_id);
	tls_cert_make(&client_cert, &client_id);
	tls_cert_make(&server_cert, &server_id);
	tls_cert_make(&other_cert, &other_id);
	RUN(both_sides_learn_the_other_key);
	RUN(shakes_hands_a_byte_at_a_time);
	RUN(offers_no_session_to_resume);
	RUN(refuses_a_server_with_another_key);
	RUN(refuses_a_client_without_certificate);
	RUN(refuses_keys_that_the_peer_does_not_own);
	RUN(refuses_certificates_of_other_curves_and_garbage);
	RUN(refuses_points_off_the_curve);
	RUN(only_the_first_certificate_counts);
	RUN(exporters_agree_and_depend_on_everything);
	RUN(forgetting_ends_exports_but_not_the_connection);
	RUN(data_goes_both_ways_in_odd_sizes);
	RUN(every_flipped_bit_kills);
	RUN(a_spoilt_handshake_never_opens);
	RUN(refuses_to_renegotiate);
	RUN(refuses_records_larger_than_its_buffer);
	RUN(refuses_older_versions_and_other_protocols);
	RUN(a_clean_close_is_no_error);
TEST_MAIN_END
