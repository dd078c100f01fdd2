/* test/fuzz/fuzz_open.c - the node's side of core/open and core/gate, and the client's
 *
 * First as the bytes come, then with what a stranger cannot make put right (boot, key, tag), so
 * that what lies behind the seal is reached as well. Whatever is let through is whole, and once
 * only. */
#include <stdlib.h>

#include "core/gate.h"
#include "test/unit/open_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ident node, client;
static struct open_pair pair;
static struct gate *gate;

static void set_up(void)
{
	static const uint8_t boot[BOOT_BYTES] = { 1 };

	if (!gate) {
		node = kit_key(0x22);
		client = kit_key(0x11);
		gate = calloc(1, sizeof *gate);
		if (!gate || !open_pair_init(&pair, OPEN_CLIENT, &client, node.pub, &node.fp))
			abort();
		gate_init(gate, &node, (struct gate_limits){ .kind[OPEN_RELAY] = { 8, 4 } }, 7);
		gate_admit(gate, &client.fp, 1);
		gate_boot_draw(gate, boot, mono_us(1));
	}
	if (gate_boot_due(gate, mono_us(BOOT_MS_MIN * 1000LL + 1)))
		gate_boot_draw(gate, boot, mono_us(1));
}

static enum open_verdict judge(const uint8_t *frame, size_t len)
{
	struct open_terms t;
	struct open_ask ask;
	uint32_t row;
	enum open_verdict v = gate_judge(gate, frame, len, &ask, &t, &row);

	if (v == OPEN_OK && gate_judge(gate, frame, len, &ask, &t, &row) == OPEN_OK)
		abort();
	return v;
}

/* The fuzzer's bytes are op, nonce and terms of a request that is well made otherwise. */
static void judge_sealed(const uint8_t *data, size_t size)
{
	struct open_ask ask = kit_ask(size && data[0] & 1 ? OPEN_OPEN : OPEN_RENEW);
	struct open_terms t;
	uint8_t frame[OPEN_FRAME_MAX];

	if (size < sizeof ask.nonce + sizeof t)
		return;
	memcpy(ask.boot, gate_boot(gate), BOOT_BYTES);
	memcpy(ask.nonce, data, sizeof ask.nonce);
	memcpy(&t, data + sizeof ask.nonce, sizeof t);
	judge(frame, open_make(frame, &pair, client.pub, &ask, &t));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct open_ask ask = kit_ask(OPEN_OPEN);
	struct open_answer a;
	int n = open_frame_len(data, size);

	set_up();
	if (n > OPEN_FRAME_MAX || (n > 0 && size < OPEN_HEAD_BYTES))
		abort();
	if (judge(data, size) == OPEN_OK)
		abort(); /* nobody forges a seal */
	if (open_answer_parse(&a, &pair, &ask, data, size) && a.verdict == OPEN_OK)
		abort();
	judge_sealed(data, size);
	return 0;
}
