/* test/unit/test_rx.c - the receiving half: order, duplicates, what a node may try, what it says */
#include "core/rx.h"
#include "test/pair.h"
#include "test/unit/test.h"

enum { LEN = 100 };

static struct pair p;
static uint8_t wire[PAIR_SLOTS][RECORD_BYTES_MAX];
static uint8_t tmp[RECORD_BYTES_MAX];
static const mono_t t0 = { 5000000 };

/* n paths, and `records` sealed records in wire[]. */
static void start(uint32_t n, uint32_t records)
{
	uint64_t number;

	pair_start(&p, n, (struct tx_setup){ 0 }, t0);
	CHECK_EQ(tx_on_share_ack(&p.tx, &p.ack0, t0), TX_OK);
	for (uint32_t i = 0; i < records; i++) {
		CHECK(pair_seal(&p, LEN, t0));
		CHECK_EQ(pair_take(&p, 0, wire[i], &number), RECORD_HEAD + LEN + RECORD_TAG);
	}
}

/* Seals one more record, into wire[at]. */
static void seal_more(uint32_t at)
{
	uint64_t number;

	CHECK(pair_seal(&p, LEN, t0));
	pair_take(&p, 0, wire[at], &number);
}

static bool is_plain(const uint8_t *plain, size_t len, uint64_t number)
{
	uint8_t want[LEN];

	pair_plain(want, number, LEN);
	return len == LEN && !memcmp(plain, want, LEN);
}

/* Gives the receiver a copy of record i, and checks what it lends. */
static enum rx_verdict give(uint32_t i)
{
	const uint8_t *plain;
	size_t len;
	uint64_t base = p.rx.base;
	enum rx_verdict v;

	memcpy(tmp, wire[i], RECORD_HEAD + LEN + RECORD_TAG);
	v = rx_on_record(&p.rx, tmp, RECORD_HEAD + LEN + RECORD_TAG, &plain, &len);
	CHECK(v != RX_NOW || is_plain(plain, len, base));
	rx_settle(&p.rx, tmp, sizeof tmp);
	return v;
}

static bool next_is(uint64_t number)
{
	const uint8_t *plain;
	size_t len;

	return rx_next(&p.rx, &plain, &len) && is_plain(plain, len, number);
}

static bool nothing_next(void)
{
	const uint8_t *plain;
	size_t len;

	return !rx_next(&p.rx, &plain, &len);
}

static void records_in_order_are_lent_at_once(void)
{
	start(2, 3);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_EQ(give(i), RX_NOW);
		CHECK(nothing_next());
	}
}

static void early_records_wait_for_their_turn(void)
{
	start(2, 5);
	CHECK_EQ(give(2), RX_OK);
	CHECK_EQ(give(1), RX_OK);
	CHECK_EQ(give(4), RX_OK);
	CHECK(nothing_next());
	CHECK_EQ(give(0), RX_NOW);
	CHECK(next_is(1));
	CHECK(next_is(2));
	CHECK(nothing_next());
	CHECK_EQ(give(3), RX_NOW);
	CHECK(next_is(4));
	CHECK(nothing_next());
}

static void a_record_is_had_once(void)
{
	start(2, 4);
	CHECK_EQ(give(0), RX_NOW);
	CHECK_EQ(give(0), RX_DUPLICATE);
	CHECK_EQ(give(2), RX_OK);
	CHECK_EQ(give(2), RX_DUPLICATE);
	CHECK_EQ(give(1), RX_NOW);
	CHECK_EQ(give(2), RX_DUPLICATE); /* stored, not yet delivered */
	CHECK(next_is(2));
	CHECK_EQ(give(2), RX_DUPLICATE);
	CHECK_EQ(give(3), RX_NOW);
}

static void an_early_record_stays_where_it_came_until_that_is_wanted_back(void)
{
	const uint8_t *plain;
	size_t len;

	start(2, 4);
	for (uint32_t i = 1; i < 4; i++)
		CHECK_EQ(rx_on_record(&p.rx, wire[i], RECORD_HEAD + LEN + RECORD_TAG, &plain, &len),
			 RX_OK);
	CHECK_EQ(p.rx.away, 3);
	rx_settle(&p.rx, wire[2], RECORD_HEAD); /* of another flow: nothing moves */
	CHECK_EQ(p.rx.away, 3);
	rx_settle(&p.rx, wire[2], sizeof wire[2]);
	CHECK_EQ(p.rx.away, 2);
	memset(wire[2], 0xee, sizeof wire[2]);
	CHECK_EQ(give(0), RX_NOW);
	CHECK(rx_next(&p.rx, &plain, &len));
	CHECK(plain == wire[1] + RECORD_HEAD && is_plain(plain, len, 1));
	CHECK(next_is(2));
	CHECK(next_is(3));
	CHECK_EQ(p.rx.away, 0);
	CHECK(nothing_next());
}

static void an_empty_record_is_a_record(void)
{
	const uint8_t *plain;
	uint64_t number;
	size_t len, rec_len[2];

	start(2, 0);
	for (int i = 0; i < 2; i++) {
		CHECK(pair_seal(&p, 0, t0));
		rec_len[i] = pair_take(&p, 0, wire[i], &number);
	}
	CHECK_EQ(rx_on_record(&p.rx, wire[1], rec_len[1], &plain, &len), RX_OK);
	CHECK_EQ(rx_on_record(&p.rx, wire[0], rec_len[0], &plain, &len), RX_NOW);
	CHECK_EQ(len, 0);
	CHECK(rx_next(&p.rx, &plain, &len));
	CHECK_EQ(len, 0);
	CHECK(nothing_next());
}

static void nothing_above_the_limit_is_taken(void)
{
	const uint8_t *plain;
	size_t len;

	start(2, PAIR_SLOTS);
	CHECK_EQ(give(PAIR_SLOTS - 1), RX_OK);
	memcpy(tmp, wire[0], sizeof tmp);
	for (int byte = 9; byte < 17; byte++) { /* the number: far above, and just at the limit */
		memcpy(tmp, wire[0], sizeof tmp);
		tmp[byte] = 0x80;
		CHECK_EQ(rx_on_record(&p.rx, tmp, RECORD_HEAD + LEN + RECORD_TAG, &plain, &len),
			 RX_BAD_NUMBER);
	}
	tmp[16] = PAIR_SLOTS;
	CHECK_EQ(rx_on_record(&p.rx, tmp, RECORD_HEAD + LEN + RECORD_TAG, &plain, &len),
		 RX_BAD_NUMBER);
	CHECK_EQ(give(0), RX_NOW);
}

static void a_record_changed_on_its_way_is_refused_and_the_true_one_still_taken(void)
{
	const uint8_t *plain;
	size_t len;
	size_t rec_len = RECORD_HEAD + LEN + RECORD_TAG;

	start(2, 2);
	for (size_t bit = 0; bit < 8 * rec_len; bit++) {
		enum rx_verdict v;

		memcpy(tmp, wire[1], rec_len);
		tmp[bit / 8] ^= (uint8_t)(1 << bit % 8);
		v = rx_on_record(&p.rx, tmp, rec_len, &plain, &len);
		if (bit < 40)
			CHECK_EQ(v, RX_BAD_FORM);
		else if (bit < 72)
			CHECK_EQ(v, RX_BAD_EPOCH);
		else
			CHECK(v == RX_BAD_SEAL || v == RX_BAD_NUMBER);
	}
	memcpy(tmp, wire[1], rec_len);
	CHECK_EQ(rx_on_record(&p.rx, tmp, rec_len - 1, &plain, &len), RX_BAD_FORM);
	CHECK_EQ(give(1), RX_OK);
	CHECK_EQ(give(0), RX_NOW);
	CHECK(next_is(1));
}

static void a_record_of_our_own_that_comes_back_does_not_open(void)
{
	static struct pair back;
	struct tx_setup set = { .mem = back.tx_mem, .slot = back.tx_slot, .slots = 64, .turn = 1 };
	const uint8_t *plain;
	uint64_t number;
	size_t len, rec_len;

	start(2, 1);
	pair_keys(&back, 2, 7);
	back.ctx.dir = DIR_TO_DEVICE;
	tx_start(&back.tx, &set, &back.ctx, back.path, 2, back.r, (const uint8_t(*)[32])back.f, 64,
		 t0);
	CHECK(pair_seal(&back, LEN, t0));
	rec_len = pair_take(&back, 0, tmp, &number);
	CHECK_EQ(rx_on_record(&p.rx, tmp, rec_len, &plain, &len), RX_BAD_SEAL);
	CHECK_EQ(give(0), RX_NOW);
}

static void shares_may_come_in_any_order(void)
{
	for (uint32_t n = 1; n <= PATHS_MAX; n++)
		for (uint32_t first = 0; first < n; first++) {
			struct msg_share share[PATHS_MAX];
			struct msg_share_ack ack;

			start(n, 1);
			pair_draw(&p, 40, share);
			for (uint32_t k = 0; k < n; k++) {
				uint32_t i = (first + k) % n;

				CHECK_EQ(rx_on_share(&p.rx, i, &share[i], &ack),
					 k + 1 < n ? RX_OK : RX_CONFIRM);
			}
			CHECK_EQ(tx_on_share_ack(&p.tx, &ack, t0), TX_OK);
			seal_more(1);
			CHECK_EQ(give(1), RX_OK);
			CHECK_EQ(give(0), RX_NOW);
			CHECK(next_is(1));
			CHECK_EQ(p.rx.deliver_e, 1);
		}
}

static void a_share_out_of_place_is_refused(void)
{
	struct msg_share share[PATHS_MAX], m;
	struct msg_share_ack ack;

	start(3, 0);
	pair_draw(&p, 40, share);
	m = share[0];
	m.dir = DIR_TO_DEVICE;
	CHECK_EQ(rx_on_share(&p.rx, 0, &m, &ack), RX_BAD_DIR);
	CHECK_EQ(rx_on_share(&p.rx, 1, &share[0], &ack), RX_BAD_PATH);
	m = share[0];
	m.j = 99;
	CHECK_EQ(rx_on_share(&p.rx, 0, &m, &ack), RX_BAD_PATH);
	CHECK_EQ(rx_on_share(&p.rx, 0, &share[0], &ack), RX_OK);
	CHECK_EQ(rx_on_share(&p.rx, 0, &share[0], &ack), RX_BAD_EPOCH); /* twice */
	CHECK_EQ(rx_on_share(&p.rx, 1, &share[1], &ack), RX_OK);
	CHECK_EQ(rx_on_share(&p.rx, 2, &share[2], &ack), RX_CONFIRM);
	CHECK_EQ(tx_on_share_ack(&p.tx, &ack, t0), TX_OK);
	CHECK_EQ(rx_on_share(&p.rx, 1, &share[1], &ack), RX_BAD_EPOCH); /* complete already */
}

static struct msg_share share_of(uint32_t i, uint32_t e, uint32_t prev_e)
{
	return (struct msg_share){ .dir = PAIR_DIR, .e = e, .prev_e = prev_e, .j = 10 + i };
}

static enum rx_verdict share(uint32_t i, uint32_t e, uint32_t prev_e)
{
	struct msg_share m = share_of(i, e, prev_e);
	struct msg_share_ack ack;

	return rx_on_share(&p.rx, i, &m, &ack);
}

static void an_epoch_must_follow_one_that_is_known(void)
{
	start(2, 1);
	CHECK_EQ(share(0, 0, 0), RX_BAD_EPOCH);
	CHECK_EQ(share(0, 2, 1), RX_BAD_EPOCH); /* 1 never was */
	CHECK_EQ(share(0, RX_EPOCHS, 0), RX_BAD_EPOCH);
	CHECK_EQ(share(0, UINT32_MAX, 0), RX_BAD_EPOCH);
	CHECK_EQ(share(0, UINT32_MAX, UINT32_MAX - 1), RX_BAD_EPOCH);
	CHECK_EQ(share(0, RX_EPOCHS - 1, 0), RX_OK);
	CHECK_EQ(share(1, RX_EPOCHS - 1, 1), RX_BAD_EPOCH); /* another predecessor than at first */
	CHECK_EQ(share(1, RX_EPOCHS - 1, 0), RX_CONFIRM);
	CHECK_EQ(share(0, 1, 0), RX_BAD_EPOCH); /* backwards */
	CHECK_EQ(share(0, RX_EPOCHS, 0), RX_BAD_EPOCH); /* nothing was delivered meanwhile */
	CHECK_EQ(give(0), RX_NOW);
}

static void an_epoch_given_up_is_wiped_and_never_repaired(void)
{
	static const struct rx_epoch none;
	struct msg_share late, m;
	struct msg_share_ack ack;

	start(2, 0);
	late = share_of(1, 1, 0);
	CHECK_EQ(share(0, 1, 0), RX_OK);
	CHECK_EQ(share(0, 2, 0), RX_OK);
	CHECK(!memcmp(&p.rx.epoch[1], &none, sizeof none));
	CHECK_EQ(rx_on_share(&p.rx, 1, &late, &ack), RX_BAD_EPOCH);
	m = share_of(1, 2, 0);
	CHECK_EQ(rx_on_share(&p.rx, 1, &m, &ack), RX_CONFIRM);
	CHECK_EQ(ack.e, 2);
}

static void records_of_an_epoch_that_is_not_complete_are_refused(void)
{
	struct msg_share share_[PATHS_MAX];
	struct msg_share_ack ack;

	start(2, 1);
	pair_draw(&p, 40, share_);
	CHECK_EQ(rx_on_share(&p.rx, 0, &share_[0], &ack), RX_OK);
	memcpy(tmp, wire[0], sizeof tmp);
	wire[0][8] = 1; /* claims epoch 1 */
	CHECK_EQ(give(0), RX_BAD_EPOCH);
	memcpy(wire[0], tmp, sizeof tmp);
}

/* A sender that goes on under an epoch while it chains a new one to an older: only it is to blame,
 * but a key must not be made from a wiped one. */
static void an_epoch_whose_predecessor_is_gone_is_refused(void)
{
	start(2, 1);
	CHECK_EQ(pair_epoch(&p, 40, t0), TX_OK);
	CHECK_EQ(share(0, 2, 0), RX_OK);
	seal_more(1);
	CHECK_EQ(give(0), RX_NOW);
	CHECK_EQ(give(1), RX_NOW); /* epoch 1 is delivered: 0 is wiped */
	CHECK_EQ(share(1, 2, 0), RX_BAD_EPOCH);
}

static void acknowledgements_say_what_was_had(void)
{
	struct msg_ack m;

	start(2, 20);
	give(0);
	give(2);
	give(3);
	give(7);
	rx_ack(&p.rx, &m);
	CHECK_EQ(m.dir, PAIR_DIR);
	CHECK_EQ(m.next, 1);
	CHECK_EQ(m.limit, 1 + PAIR_SLOTS);
	CHECK_EQ(m.n, 2);
	CHECK_EQ(m.range[0].from, 2);
	CHECK_EQ(m.range[0].to, 4);
	CHECK_EQ(m.range[1].from, 7);
	CHECK_EQ(m.range[1].to, 8);
}

/* A driver that cannot deliver at the moment leaves records in order lying; they are had. */
static void records_in_order_that_nobody_fetched_yet_are_had(void)
{
	uint8_t out[FLOWMSG_BYTES_MAX];
	struct flowmsg m = { .type = FLOWMSG_ACK }, back;

	start(2, 6);
	give(1);
	give(2);
	give(4);
	give(0);
	rx_ack(&p.rx, &m.ack);
	CHECK_EQ(m.ack.next, 3);
	CHECK_EQ(m.ack.limit, 1 + PAIR_SLOTS); /* what lies here takes room */
	CHECK_EQ(m.ack.n, 1);
	CHECK_EQ(m.ack.range[0].from, 4);
	CHECK(flowmsg_decode(&back, out, flowmsg_encode(&m, out)));
}

static void an_acknowledgement_names_the_lowest_ranges_and_each_to_its_end(void)
{
	enum { SLOTS = 4 * ACK_RANGES_MAX };
	static struct rx_slot slot[SLOTS];
	struct msg_ack m;

	pair_start(&p, 1, (struct tx_setup){ 0 }, t0);
	p.rx.slot = slot;
	p.rx.slots = p.rx.top = SLOTS;
	for (uint32_t i = 1; i < SLOTS; i++)
		slot[i].len = i % 2 || i == 64 || i == 66; /* 1, 3, .. 61, 63 to 67, 69, .. */
	rx_ack(&p.rx, &m);
	CHECK_EQ(m.n, ACK_RANGES_MAX);
	CHECK_EQ(m.range[0].from, 1);
	CHECK_EQ(m.range[0].to, 2);
	CHECK_EQ(m.range[30].from, 61);
	CHECK_EQ(m.range[31].from, 63);
	CHECK_EQ(m.range[31].to, 68);
}

static void records_since_the_last_acknowledgement_count_early_ones(void)
{
	struct msg_ack m;

	start(2, 5);
	give(2);
	give(3);
	CHECK_EQ(p.rx.since_ack, 2);
	give(3); /* a duplicate tells nothing new */
	CHECK_EQ(p.rx.since_ack, 2);
	give(0);
	CHECK_EQ(p.rx.since_ack, 3);
	rx_ack(&p.rx, &m);
	CHECK_EQ(p.rx.since_ack, 0);
	give(1);
	CHECK(next_is(2));
	CHECK(next_is(3));
	CHECK_EQ(p.rx.since_ack, 1);
}

static void what_comes_while_the_owner_holds_waits_and_is_not_acknowledged(void)
{
	struct msg_ack m;

	start(2, 5);
	give(0);
	p.rx.held = true;
	CHECK_EQ(give(1), RX_OK);
	CHECK_EQ(give(3), RX_OK);
	CHECK_EQ(give(1), RX_DUPLICATE);
	CHECK(!next_is(1));
	rx_ack(&p.rx, &m);
	CHECK_EQ(m.next, 1);
	CHECK_EQ(m.n, 0);
	CHECK_EQ(m.limit, 1 + p.rx.slots);
	p.rx.held = false;
	CHECK(next_is(1));
	CHECK(!next_is(2));
	rx_ack(&p.rx, &m);
	CHECK_EQ(m.next, 2);
	CHECK_EQ(m.range[0].from, 3);
	CHECK_EQ(give(2), RX_NOW);
	CHECK(next_is(3));
}

TEST_MAIN_BEGIN
	RUN(records_in_order_are_lent_at_once);
	RUN(early_records_wait_for_their_turn);
	RUN(a_record_is_had_once);
	RUN(an_early_record_stays_where_it_came_until_that_is_wanted_back);
	RUN(an_empty_record_is_a_record);
	RUN(nothing_above_the_limit_is_taken);
	RUN(a_record_changed_on_its_way_is_refused_and_the_true_one_still_taken);
	RUN(a_record_of_our_own_that_comes_back_does_not_open);
	RUN(shares_may_come_in_any_order);
	RUN(a_share_out_of_place_is_refused);
	RUN(an_epoch_must_follow_one_that_is_known);
	RUN(an_epoch_given_up_is_wiped_and_never_repaired);
	RUN(records_of_an_epoch_that_is_not_complete_are_refused);
	RUN(an_epoch_whose_predecessor_is_gone_is_refused);
	RUN(acknowledgements_say_what_was_had);
	RUN(records_in_order_that_nobody_fetched_yet_are_had);
	RUN(an_acknowledgement_names_the_lowest_ranges_and_each_to_its_end);
	RUN(records_since_the_last_acknowledgement_count_early_ones);
	RUN(what_comes_while_the_owner_holds_waits_and_is_not_acknowledged);
TEST_MAIN_END
