/* test/fuzz/fuzz_request.c - any bytes as request, reply, notice and batch */
#include <string.h>

#include "core/check.h"
#include "tuple/effect.h"
#include "tuple/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fp who;
	static uint8_t mem[CLIENT_FRAME_MAX];
	uint8_t session[SESSION_BYTES], d[DIGEST_BYTES];
	struct request q;
	struct reply r;
	struct batch x;
	uint64_t no;
	int64_t ts;
	struct buf b;

	if (request_get(&q, &who, data, size)) {
		request_digest(&q, d);
		buf_init(&b, mem, sizeof mem);
		request_put(&b, &q);
		MUST(b.len == size && !memcmp(mem, data, size));
		buf_init(&b, mem, sizeof mem);
		request_put_entry(&b, &q);
		MUST(b.len == request_entry_bytes(&q));
	}
	if (reply_get(&r, data, size)) {
		buf_init(&b, mem, sizeof mem);
		reply_put(&b, &r);
		MUST(b.len == size && !memcmp(mem, data, size));
	}
	notice_get(MSG_SIGN, data, size, session, &no, &ts);
	notice_get(MSG_BUSY, data, size, session, &no, &ts);
	if (batch_get(&x, data, size))
		while (x.count--)
			MUST(request_get_entry(&x.requests, &q));
	return 0;
}
