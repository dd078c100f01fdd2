/* test/fuzz/fuzz_client.c - any bytes as an answer to a client that waits for one */
#include <string.h>

#include "core/check.h"
#include "tuple/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sign(void *ctx, const void *msg, size_t len, uint8_t sig[static SIG_BYTES_MAX])
{
	(void)ctx;
	(void)msg;
	(void)len;
	memset(sig, 1, 8);
	return 8;
}

static bool fp_of(void *ctx, const uint8_t pub[static PUB_BYTES], struct fp *fp)
{
	(void)ctx;
	memcpy(fp->b, pub, FP_BYTES);
	return true;
}

/* The first byte says how the rest is framed: as it is, or behind the right head. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct client c;
	static uint8_t frame[CLIENT_FRAME_MAX];
	static const uint8_t session[SESSION_BYTES];
	struct cluster cluster = { .faults = 1, .n = 4, .admins = 1 };
	struct signer signer = { .sign = sign, .fp_of = fp_of };
	struct client_effects out;
	struct op op = { .type = OP_RDP };
	struct buf b;

	if (!size || size > 4096)
		return 0;
	client_init(&c, &cluster, &signer, session);
	client_link(&c, mono_us(1), 15, &out);
	tuple_init(&op.templ);
	tuple_add_any(&op.templ);
	MUST(client_call(&c, mono_us(1), &op, &out));
	buf_init(&b, frame, sizeof frame);
	if (data[0] & 1) {
		buf_put_u8(&b, 1 + data[0] / 2 % 4);
		buf_put_bytes(&b, session, sizeof session);
		buf_put_u64(&b, 1);
		if (data[0] / 2 % 4 == 1)
			buf_put_bytes(&b, c.request_digest, DIGEST_BYTES);
	}
	buf_put_bytes(&b, data + 1, size - 1);
	for (uint32_t i = 0; i < 3; i++)
		client_message(&c, mono_us(2), i, frame, b.len, &out);
	return 0;
}
