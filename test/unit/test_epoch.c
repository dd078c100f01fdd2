/* test/unit/test_epoch.c - epochs of a direction: when due, when used, what is left of them */
#include "core/rx.h"
#include "core/secret.h"
#include "core/tx.h"
#include "test/pair.h"
#include "test/unit/test.h"

static struct pair p;
static uint8_t rec[RECORD_BYTES_MAX];
static const mono_t t0 = { 5000000 };

static void start(uint32_t n)
{
	pair_start(&p, n, (struct tx_setup){ 0 }, t0);
	CHECK_EQ(tx_on_share_ack(&p.tx, &p.ack0, t0), TX_OK);
}

/* Seals one record and lets the receiver have it; its epoch. */
static uint32_t pass(size_t len, mono_t now)
{
	const uint8_t *plain;
	struct msg_ack m;
	uint64_t number;
	size_t rec_len, n;
	uint32_t e;

	CHECK(pair_seal(&p, len, now));
	rec_len = pair_take(&p, 0, rec, &number);
	CHECK(seal_peek(rec, rec_len, &e, &number));
	CHECK_EQ(rx_on_record(&p.rx, rec, rec_len, &plain, &n), RX_NOW);
	rx_ack(&p.rx, &m);
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	return e;
}

static void due_after_256_kib(void)
{
	start(2);
	for (int i = 0; i < EPOCH_BYTES / RECORD_PLAIN_MAX; i++) {
		CHECK(!tx_epoch_due(&p.tx));
		pass(RECORD_PLAIN_MAX, t0);
	}
	CHECK(tx_epoch_due(&p.tx));
}

static void due_after_a_second_of_use(void)
{
	start(2);
	for (int ms = 0; ms < 1000; ms += 200) {
		pass(1, mono_add_ms(t0, ms));
		CHECK(!tx_epoch_due(&p.tx));
	}
	pass(1, mono_add_us(t0, 999999));
	CHECK(!tx_epoch_due(&p.tx));
	pass(1, mono_add_ms(t0, 1000));
	CHECK(tx_epoch_due(&p.tx));
}

static void due_at_the_first_record_after_silence(void)
{
	start(2);
	pass(1, mono_add_ms(t0, 100)); /* the first of all follows no record */
	CHECK(!tx_epoch_due(&p.tx));
	pass(1, mono_add_us(t0, 100000 + 249999));
	CHECK(!tx_epoch_due(&p.tx));
	pass(1, mono_add_us(t0, 100000 + 249999 + 250000));
	CHECK(tx_epoch_due(&p.tx));
}

static void not_due_before_epoch_0_is_acknowledged(void)
{
	pair_start(&p, 2, (struct tx_setup){ 0 }, t0);
	pass(1, mono_add_ms(t0, 5000));
	CHECK(!tx_epoch_due(&p.tx));
	CHECK_EQ(tx_on_share_ack(&p.tx, &p.ack0, t0), TX_OK);
	CHECK(tx_epoch_due(&p.tx));
}

static void an_epoch_is_used_only_after_its_acknowledgement(void)
{
	struct msg_share share[PATHS_MAX];
	struct msg_share_ack ack;
	mono_t now = mono_add_ms(t0, 2000);

	start(3);
	CHECK_EQ(pass(1, now), 0);
	pair_draw(&p, 50, share);
	CHECK(!tx_epoch_due(&p.tx)); /* one at a time */
	CHECK_EQ(pass(1, now), 0);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_EQ(share[i].j, 10 + i);
		CHECK_EQ(share[i].e, 1);
		CHECK_EQ(share[i].prev_e, 0);
		CHECK_EQ(share[i].dir, PAIR_DIR);
		CHECK_EQ(share[i].share[31], 50 + i);
		CHECK_EQ(pass(1, now), 0);
		CHECK_EQ(rx_on_share(&p.rx, i, &share[i], &ack), i < 2 ? RX_OK : RX_CONFIRM);
	}
	CHECK_EQ(pass(1, now), 0);
	CHECK_EQ(tx_on_share_ack(&p.tx, &ack, now), TX_OK);
	CHECK(!tx_epoch_due(&p.tx));
	CHECK_EQ(pass(1, now), 1);
	CHECK_EQ(tx_on_share_ack(&p.tx, &ack, now), TX_STALE);
}

static bool found(const void *in, size_t n, const uint8_t key[32])
{
	return memmem(in, n, key, 32) != NULL;
}

static void a_direction_forgets_the_keys_of_past_epochs(void)
{
	uint8_t ck[32], mk[32];
	struct kdf_ctx ctx;

	start(2);
	ctx = p.ctx;
	kdf_first(ck, &ctx, p.r, (const uint8_t(*)[32])p.f, 2);
	kdf_record_key(mk, &ctx, ck);
	CHECK(found(&p.tx, sizeof p.tx, ck) && found(&p.rx, sizeof p.rx, ck));
	CHECK(found(&p.tx, sizeof p.tx, mk) && found(&p.rx, sizeof p.rx, mk));
	CHECK(!found(&p.rx, sizeof p.rx, p.r));
	CHECK_EQ(pair_epoch(&p, 50, t0), TX_OK);
	CHECK(!found(&p.tx, sizeof p.tx, ck)); /* the sender has switched */
	CHECK(!found(&p.tx, sizeof p.tx, mk));
	CHECK(found(&p.rx, sizeof p.rx, mk)); /* records may still be on their way */
	CHECK_EQ(pass(1, t0), 1);
	CHECK(!found(&p.rx, sizeof p.rx, ck));
	CHECK(!found(&p.rx, sizeof p.rx, mk));
}

static void nothing_of_a_key_is_left_after_the_end(void)
{
	static const struct seal_key no_key;
	static const struct rx_epoch none[RX_EPOCHS];
	struct msg_share share[PATHS_MAX];
	uint8_t zero[sizeof p.tx.coming] = { 0 };

	start(2);
	pair_draw(&p, 50, share);
	tx_wipe(&p.tx);
	rx_wipe(&p.rx);
	CHECK(!memcmp(&p.tx.coming, zero, sizeof p.tx.coming));
	CHECK(!memcmp(p.tx.ck, zero, sizeof p.tx.ck));
	CHECK(!memcmp(&p.tx.key, &no_key, sizeof no_key));
	CHECK(!memcmp(p.rx.epoch, none, sizeof none));
}

/* One record an epoch, delivered by the receiver, but no acknowledgement reaches the sender. */
static void never_more_epochs_live_than_the_receiver_keeps(void)
{
	const uint8_t *plain;
	struct msg_ack m;
	uint64_t number;
	size_t len, n;
	mono_t now = t0;
	uint32_t e = 0;

	start(2);
	for (;; e++) {
		now = mono_add_ms(now, 2000);
		CHECK(pair_seal(&p, 1, now));
		if (!tx_epoch_due(&p.tx))
			break;
		CHECK_EQ(pair_epoch(&p, (uint8_t)e, now), TX_OK);
	}
	CHECK_EQ(e, EPOCHS_LIVE - 1);
	for (uint32_t i = 0; i <= e; i++) { /* all of them open */
		len = pair_take(&p, 0, rec, &number);
		CHECK_EQ(rx_on_record(&p.rx, rec, len, &plain, &n), RX_NOW);
	}
	CHECK_EQ(p.rx.deliver_e, e);
	rx_ack(&p.rx, &m);
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	CHECK(tx_epoch_due(&p.tx));
}

static void a_share_with_one_bit_flipped_is_noticed_by_the_sender(void)
{
	for (int bit = 0; bit < 256; bit++) {
		struct msg_share share[PATHS_MAX];
		struct msg_share_ack ack;

		start(2);
		pair_draw(&p, 50, share);
		share[bit & 1].share[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_EQ(rx_on_share(&p.rx, 1, &share[1], &ack), RX_OK);
		CHECK_EQ(rx_on_share(&p.rx, 0, &share[0], &ack), RX_CONFIRM);
		CHECK_EQ(tx_on_share_ack(&p.tx, &ack, t0), TX_BAD_MAC);
		pass(1, t0);
		CHECK_EQ(p.tx.ctx.e, 0);
	}
}

/* Headers are equal by design: type, length, epoch and number. */
static void two_sendings_of_one_text_share_no_16_bytes(void)
{
	enum { LEN = 1400, EACH = LEN + RECORD_TAG, TIMES = 3 };
	static uint8_t sent[2 * TIMES][EACH];
	uint64_t number;

	for (int s = 0; s < 2; s++) {
		struct tx_setup set = p.tx.set;

		pair_keys(&p, 2, (uint8_t)(100 + s));
		tx_start(&p.tx, &set, &p.ctx, p.path, 2, p.r, (const uint8_t(*)[32])p.f, 64, t0);
		for (int i = 0; i < TIMES; i++) {
			memset(tx_slot(&p.tx), 'A', LEN);
			tx_commit(&p.tx, LEN, t0);
			CHECK_EQ(pair_take(&p, 0, rec, &number), RECORD_HEAD + EACH);
			memcpy(sent[s * TIMES + i], rec + RECORD_HEAD, EACH);
		}
	}
	for (int a = 0; a < 2 * TIMES; a++)
		for (int b = 0; b < 2 * TIMES; b++)
			for (size_t at = 0; a != b && at + 16 <= EACH; at++)
				CHECK(!memmem(sent[b], EACH, sent[a] + at, 16));
}

TEST_MAIN_BEGIN
	RUN(due_after_256_kib);
	RUN(due_after_a_second_of_use);
	RUN(due_at_the_first_record_after_silence);
	RUN(not_due_before_epoch_0_is_acknowledged);
	RUN(an_epoch_is_used_only_after_its_acknowledgement);
	RUN(a_direction_forgets_the_keys_of_past_epochs);
	RUN(nothing_of_a_key_is_left_after_the_end);
	RUN(never_more_epochs_live_than_the_receiver_keeps);
	RUN(a_share_with_one_bit_flipped_is_noticed_by_the_sender);
	RUN(two_sendings_of_one_text_share_no_16_bytes);
TEST_MAIN_END
