/* test/fuzz/fuzz_ack.c - acknowledgements of any content to a sender in the middle of its work */
#include "core/buf.h"
#include "core/check.h"
#include "test/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pair p;
static mono_t now;
static const uint8_t *rec;
static uint64_t taken[PATHS_MAX]; /* 1 + the number of a record that is not yet written */

static void seal(struct buf *in)
{
	for (uint8_t n = buf_get_u8(in) % 16; n; n--)
		pair_seal(&p, n, now);
}

static void take(struct buf *in)
{
	uint32_t i = buf_get_u8(in) % p.n;
	uint64_t number;
	size_t len;

	if (!taken[i] && tx_take(&p.tx, i, &rec, &len, &number))
		taken[i] = number + 1;
}

static void written(struct buf *in)
{
	uint32_t i = buf_get_u8(in) % p.n;

	if (taken[i])
		tx_written(&p.tx, taken[i] - 1);
	taken[i] = 0;
}

/* Numbers close to what is true, in a few bytes. */
static void near_ack(struct buf *in)
{
	struct flowmsg m = { .type = FLOWMSG_ACK, .ack = { .dir = PAIR_DIR } }, back;
	uint8_t out[FLOWMSG_BYTES_MAX];
	uint64_t at = p.tx.base + (uint64_t)(int8_t)buf_get_u8(in);

	m.ack.next = at;
	m.ack.limit = at + buf_get_u8(in);
	for (m.ack.n = 0; m.ack.n < buf_get_u8(in) % 4; m.ack.n++) {
		at = m.ack.range[m.ack.n].from = at + buf_get_u8(in) % 8;
		at = m.ack.range[m.ack.n].to = at + buf_get_u8(in) % 8;
	}
	if (flowmsg_decode(&back, out, flowmsg_encode(&m, out)))
		tx_on_ack(&p.tx, &back.ack);
}

static void raw_ack(struct buf *in)
{
	size_t len = flowmsg_length(in->mem + in->pos, buf_left(in));
	const uint8_t *bytes = buf_get_bytes(in, len);
	struct flowmsg m;

	if (!bytes || !flowmsg_decode(&m, bytes, len))
		return;
	if (m.type == FLOWMSG_ACK)
		tx_on_ack(&p.tx, &m.ack);
	if (m.type == FLOWMSG_SHARE_ACK)
		MUST(tx_on_share_ack(&p.tx, &m.share_ack, now) != TX_OK); /* it cannot know CK */
}

static void epoch(struct buf *in)
{
	now = mono_add_ms(now, buf_get_u16(in));
	if (tx_epoch_due(&p.tx))
		MUST(pair_epoch(&p, buf_get_u8(in), now) == TX_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const step[])(struct buf *) = { seal,	take,	 written,
						      near_ack, raw_ack, epoch };
	struct tx_setup set;
	struct buf in;

	buf_over(&in, data, size);
	set = (struct tx_setup){ .sched = buf_get_u8(&in) % 2, .turn = buf_get_u8(&in) % 5 };
	now = mono_us(1000000);
	memset(taken, 0, sizeof taken);
	pair_start(&p, 1 + buf_get_u8(&in) % PATHS_MAX, set, now);
	MUST(tx_on_share_ack(&p.tx, &p.ack0, now) == TX_OK);
	while (buf_ok(&in) && buf_left(&in)) {
		uint64_t base = p.tx.base, limit = p.tx.limit;

		step[buf_get_u8(&in) % (sizeof step / sizeof *step)](&in);
		MUST(p.tx.base >= base);
		MUST(p.tx.base <= p.tx.next);
		MUST(p.tx.next - p.tx.base <= PAIR_SLOTS);
		MUST(p.tx.limit >= limit);
	}
	return 0;
}
