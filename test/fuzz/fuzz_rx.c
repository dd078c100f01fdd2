/* test/fuzz/fuzz_rx.c - records and shares, true, changed and made up, to a receiver with keys
 *
 * The input is a list of steps. Some come from an honest sender, some from a node that changes
 * records, some from a sender with the keys who lies: it seals whatever number it likes and sends
 * shares of any epoch. The receiver must keep its bounds whatever they do. */
#include "core/buf.h"
#include "core/check.h"
#include "test/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEPT = 8, KEPT_LEN = RECORD_HEAD + 255 + RECORD_TAG };

static struct pair p;
static const mono_t t0 = { 1000000 };
static struct {
	uint8_t rec[KEPT_LEN];
	size_t len;
} kept[KEPT];
static struct msg_share share[PATHS_MAX];

/* What the early ones held when they were opened. */
static struct {
	uint8_t plain[RECORD_PLAIN_MAX];
	size_t len;
} early[PAIR_SLOTS];

/* Records come in one of a few places, as from the buffers of several flows. */
static void give(const uint8_t *bytes, size_t len)
{
	static uint8_t place[4][RECORD_BYTES_MAX], turn;
	uint8_t *rec = place[turn++ % 4];
	uint64_t base = p.rx.base, number;
	const uint8_t *plain;
	enum rx_verdict v;
	uint32_t e;
	size_t n = 0;

	rx_settle(&p.rx, rec, sizeof place[0]);
	memcpy(rec, bytes, len);
	v = rx_on_record(&p.rx, rec, len, &plain, &n);
	MUST(v == RX_NOW ? p.rx.base == base + 1 : p.rx.base == base);
	if (v == RX_OK && seal_peek(rec, len, &e, &number)) {
		memcpy(early[number % PAIR_SLOTS].plain, plain, n);
		early[number % PAIR_SLOTS].len = n;
	}
	MUST(v != RX_NOW || (plain == rec + RECORD_HEAD && n + RECORD_HEAD + RECORD_TAG == len));
}

static void honest_record(struct buf *in)
{
	size_t len = buf_get_u8(in), at = buf_get_u8(in) % KEPT;
	static uint8_t rec[RECORD_BYTES_MAX];
	uint64_t number;

	if (!pair_seal(&p, len, t0))
		return;
	kept[at].len = pair_take(&p, 0, rec, &number);
	memcpy(kept[at].rec, rec, kept[at].len);
	if (buf_get_u8(in) & 1)
		give(kept[at].rec, kept[at].len);
}

static void kept_record(struct buf *in)
{
	size_t at = buf_get_u8(in) % KEPT;
	uint16_t bit = buf_get_u16(in);

	if (bit / 8u < kept[at].len)
		kept[at].rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
	give(kept[at].rec, kept[at].len);
}

static void raw_record(struct buf *in)
{
	size_t len = buf_get_u8(in);
	const uint8_t *bytes = buf_get_bytes(in, len);

	if (bytes)
		give(bytes, len);
}

/* Sealed with the true key of the epoch in use, under a number of the liar's choice. */
static void forged_record(struct buf *in)
{
	static uint8_t rec[RECORD_BYTES_MAX];
	uint64_t number = buf_get_u8(in);
	size_t len = buf_get_u8(in);

	if (number == 255)
		number = buf_get_u64(in);
	give(rec, seal_record(&p.tx.key, rec, p.tx.ctx.e, number, len));
}

static void give_share(uint32_t i, const struct msg_share *m)
{
	struct msg_share_ack ack;

	if (rx_on_share(&p.rx, i, m, &ack) != RX_CONFIRM)
		return;
	MUST(ack.e == m->e && p.rx.top_e == m->e);
	tx_on_share_ack(&p.tx, &ack, t0);
}

static void honest_share(struct buf *in)
{
	uint32_t i = buf_get_u8(in) % p.n;

	if (!p.tx.coming.on && p.tx.last_e < UINT32_MAX)
		pair_draw(&p, buf_get_u8(in), share);
	give_share(i, &share[i]);
}

static void forged_share(struct buf *in)
{
	struct msg_share m = { .dir = PAIR_DIR };
	uint32_t i = buf_get_u8(in) % p.n;

	m.e = p.rx.top_e + (uint32_t)(int8_t)buf_get_u8(in);
	m.prev_e = m.e - buf_get_u8(in) % 8;
	m.j = p.path[i].number;
	if (m.prev_e < m.e) /* the codec lets nothing else through */
		give_share(i, &m);
}

static void look(void)
{
	struct flowmsg m = { .type = FLOWMSG_ACK }, back;
	uint8_t out[FLOWMSG_BYTES_MAX];

	rx_ack(&p.rx, &m.ack);
	MUST(flowmsg_decode(&back, out, flowmsg_encode(&m, out)));
	MUST(m.ack.limit == p.rx.base + PAIR_SLOTS);
	MUST(p.rx.top_e - p.rx.deliver_e < RX_EPOCHS);
	MUST(p.rx.top <= m.ack.limit);
	for (uint32_t k = 0; k < RX_EPOCHS; k++)
		MUST(!p.rx.epoch[k].ready || p.rx.epoch[k].ctx.e >= p.rx.deliver_e);
}

static void next(struct buf *in)
{
	const uint8_t *plain;
	size_t len;

	for (uint8_t most = buf_get_u8(in); most && rx_next(&p.rx, &plain, &len); most--)
		MUST(len == early[(p.rx.base - 1) % PAIR_SLOTS].len &&
		     !memcmp(plain, early[(p.rx.base - 1) % PAIR_SLOTS].plain, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const step[])(struct buf *) = { honest_record, kept_record,  raw_record,
						      forged_record, honest_share, forged_share,
						      next };
	struct msg_ack ack;
	struct buf in;

	buf_over(&in, data, size);
	memset(kept, 0, sizeof kept);
	pair_start(&p, 1 + buf_get_u8(&in) % PATHS_MAX, (struct tx_setup){ 0 }, t0);
	tx_on_share_ack(&p.tx, &p.ack0, t0);
	while (buf_ok(&in) && buf_left(&in)) {
		step[buf_get_u8(&in) % (sizeof step / sizeof *step)](&in);
		look();
		rx_ack(&p.rx, &ack);
		tx_on_ack(&p.tx, &ack);
	}
	return 0;
}
