/* test/fuzz/fuzz_tls.c - a peer's bytes, up to its certificate, into both kinds of engine
 *
 * The first byte chooses: any bytes to a server, any bytes to a client, or a server's flight around
 * any bytes as certificate, which reach the X.509 class. Nobody gets in without a key. */
#include <string.h>

#include "core/check.h"
#include "net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ident id;
static struct tls_cert cert;
static struct tls t;

static void drain(void)
{
	size_t len;

	while (tls_out(&t, &len)) {
		MUST(len <= TLS_OUT_BYTES);
		tls_out_done(&t, len);
	}
}

static void feed(const uint8_t *p, size_t n)
{
	size_t room;
	uint8_t *in;

	for (drain(); n && (in = tls_in(&t, &room)); drain()) {
		room = room < n ? room : n;
		memcpy(in, p, room);
		tls_in_done(&t, room);
		p += room;
		n -= room;
	}
}

static void feed_certificate(const uint8_t *p, size_t n)
{
	static const uint8_t hello[] = {
		0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3, [44] = 0xcc, 0xa9, 0,
	};
	uint8_t head[15] = { 0x16, 3, 3, 0, 0, 11, 0 };
	/* Lengths of record, message, list and certificate. */
	static const size_t add[] = { 10, 6, 3, 0 };
	static const size_t at[] = { 3, 7, 10, 13 };

	if (n > 4000)
		return;
	for (int i = 0; i < 4; i++) {
		head[at[i]] = (uint8_t)((n + add[i]) >> 8);
		head[at[i] + 1] = (uint8_t)(n + add[i]);
	}
	feed(hello, sizeof hello);
	MUST(tls_state(&t) == TLS_SHAKING);
	feed(head, sizeof head);
	feed(p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!cert.len) {
		ident_new(&id);
		tls_cert_make(&cert, &id);
	}
	if (!size)
		return 0;
	if (data[0] & 1)
		tls_server(&t, &cert);
	else
		tls_client(&t, &cert, &id.fp);
	if ((data[0] & 3) == 2)
		feed_certificate(data + 1, size - 1);
	else
		feed(data + 1, size - 1);
	MUST(tls_state(&t) != TLS_OPEN);
	MUST(tls_error_str(&t));
	tls_close(&t);
	drain();
	return 0;
}
