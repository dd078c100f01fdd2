/* test/fuzz/fuzz_replica.c - any messages to one replica of four, from replicas and clients
 *
 * Every signature is taken for good, so that the fuzzer gets behind them: more than f liars may
 * break agreement, but no input may break the replica. Input: {u8 kind, u8 from, u16 length, bytes}
 * again and again; kind selects message, request, timer, and a header that fits. */
#include <string.h>
#include <sys/mman.h>

#include "core/check.h"
#include "tuple/pbft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sign(void *ctx, const void *msg, size_t len, uint8_t sig[static SIG_BYTES_MAX])
{
	(void)ctx;
	(void)msg;
	(void)len;
	memset(sig, 1, 8);
	return 8;
}

static bool verify(void *ctx, const uint8_t pub[static PUB_BYTES], const void *msg, size_t len,
		   const uint8_t *sig, size_t sig_len)
{
	(void)ctx;
	(void)pub;
	(void)msg;
	(void)len;
	(void)sig;
	return sig_len > 0;
}

static bool fp_of(void *ctx, const uint8_t pub[static PUB_BYTES], struct fp *fp)
{
	(void)ctx;
	memset(fp, 0, sizeof *fp);
	fp->b[0] = pub[1] & 7;
	return true;
}

static struct replica *start(struct replica_effects *out)
{
	static void *mem;
	struct replica_setup setup = { .signer = { .sign = sign, .verify = verify,
						   .fp_of = fp_of } };

	if (mem)
		munmap(mem, replica_bytes());
	mem = mmap(NULL, replica_bytes(), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(mem != MAP_FAILED);
	setup.cluster = (struct cluster){ .faults = 1, .n = 4, .admins = 1 };
	for (uint8_t i = 0; i < 4; i++)
		setup.cluster.replica[i].fp.b[0] = i;
	setup.cluster.admin[0].b[0] = 7;
	setup.signer.pub[1] = 1;
	struct replica *r = replica_init(mem, &setup);

	replica_start(r, mono_us(1000000), 1000000, out);
	return r;
}

static void run(struct replica *r, struct replica_effects *out)
{
	size_t len;

	for (uint32_t i = 0; i < out->n; i++) {
		uint64_t cursor = 0;

		if (out->e[i].type != REPLICA_SWITCH)
			continue;
		while (replica_dump(r, &cursor, &len))
			MUST(len % WAL_PAD == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct replica_effects out;
	static uint8_t frame[4096 + MSG_HEAD_BYTES];
	struct replica *r = start(&out);
	int64_t now = 1000000;

	run(r, &out);
	while (size >= 4) {
		struct replica_event ev = { .type = REPLICA_MESSAGE, .from = data[1] & 3,
					    .chan = 1 };
		size_t len = (size_t)data[2] << 8 | data[3];
		struct buf b;

		buf_init(&b, frame, sizeof frame);
		if (data[0] & 0x40) /* a header that fits */
			msg_head_put(&b, MSG_PREPREPARE + data[0] % 16, r->config,
				     r->view + (data[1] >> 7), r->state.slot + (data[1] >> 5 & 3));
		if (data[0] & 0x20)
			ev.type = REPLICA_REQUEST;
		if (data[0] & 0x10)
			ev.type = REPLICA_TIMER;
		ev.client.b[0] = 7;
		data += 4;
		size -= 4;
		len = len > size ? size : len > 4096 ? 4096 : len;
		buf_put_bytes(&b, data, len);
		data += len;
		size -= len;
		now += ev.type == REPLICA_TIMER ? 600000 : 100;
		ev.now = mono_us(now);
		ev.wall_us = now;
		ev.bytes = frame;
		ev.len = b.len;
		ev.slot = r->ckpt->c.slot;
		replica_step(r, &ev, &out);
		run(r, &out);
	}
	return 0;
}
