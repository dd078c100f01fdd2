/* test/unit/test_tx.c - the sending half: who carries what, and what may be said to it */
#include "core/tx.h"
#include "core/secret.h"
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

/* Seals `count` records of len bytes and has them all written, flow after flow. */
static void send(uint32_t count, size_t len)
{
	uint64_t number;
	bool more = true;

	while (count--)
		CHECK(pair_seal(&p, len, t0));
	while (more) {
		more = false;
		for (uint32_t i = 0; i < p.n; i++)
			more |= pair_take(&p, i, rec, &number) > 0;
	}
}

static struct msg_ack ack_to(uint64_t next)
{
	return (struct msg_ack){ .dir = PAIR_DIR, .next = next, .limit = next + PAIR_SLOTS };
}

static void acknowledge(uint64_t next)
{
	struct msg_ack m = ack_to(next);

	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
}

static void strict_over(uint32_t n, uint32_t turn, uint32_t records)
{
	uint64_t number, last[PATHS_MAX] = { 0 }, count[PATHS_MAX] = { 0 }, least = -1ul, most = 0;

	pair_start(&p, n, (struct tx_setup){ .sched = SCHED_STRICT, .turn = turn }, t0);
	for (uint32_t sealed = 0; sealed < records;) {
		while (sealed < records && pair_seal(&p, 1 + sealed % 50, t0))
			sealed++;
		for (uint32_t i = n; i-- > 0;) /* the order of asking has no say */
			while (pair_take(&p, i, rec, &number)) {
				CHECK_EQ(number / turn % n, i);
				CHECK(!count[i]++ || number > last[i]);
				last[i] = number;
			}
		acknowledge(p.tx.next);
	}
	for (uint32_t i = 0; i < n; i++) {
		least = count[i] < least ? count[i] : least;
		most = count[i] > most ? count[i] : most;
	}
	CHECK(most - least <= turn);
}

static void strict_gives_each_flow_as_many_records_to_within_one_turn(void)
{
	static const uint32_t turn[] = { 1, 2, 3, 7 };

	for (uint32_t n = 1; n <= PATHS_MAX; n++)
		for (size_t k = 0; k < 4; k++)
			for (uint32_t records = 1; records < 100; records += 1 + records / 8)
				strict_over(n, turn[k], records);
}

static void strict_does_not_give_a_flow_what_is_another_ones(void)
{
	uint64_t number;

	pair_start(&p, 3, (struct tx_setup){ .sched = SCHED_STRICT }, t0);
	CHECK(!tx_has(&p.tx, 0));
	pair_seal(&p, 10, t0);
	CHECK(tx_has(&p.tx, 0));
	CHECK(!tx_has(&p.tx, 1));
	CHECK(!pair_take(&p, 1, rec, &number));
	CHECK(pair_take(&p, 0, rec, &number));
	CHECK(!tx_has(&p.tx, 0));
}

static void fast_gives_the_next_record_to_whoever_asks(void)
{
	uint64_t number;

	start(3);
	for (int i = 0; i < 20; i++)
		pair_seal(&p, 10, t0);
	for (uint32_t i = 0; i < 20; i++) {
		CHECK(pair_take(&p, i % 7 ? 1 : 2, rec, &number));
		CHECK_EQ(number, i);
		CHECK_EQ(p.tx_slot[i].flow, i % 7 ? 1 : 2);
	}
	CHECK(!tx_has(&p.tx, 0));
}

/* Greedy flow 0 asks first each time; the others take what it may not. */
static void cap_of(uint32_t n, uint32_t pct)
{
	uint64_t number, bytes[PATHS_MAX] = { 0 }, all = 0;
	uint32_t rng = n * 1000 + pct;

	pair_start(&p, n, (struct tx_setup){ .max_share_pct = pct }, t0);
	for (uint32_t k = 0; k < 400; k++) {
		uint32_t i = 0;
		size_t len = 0;

		rng = rng * 1664525 + 1013904223;
		pair_seal(&p, rng >> 16 & 1023, t0);
		while (i < n && !(len = pair_take(&p, i, rec, &number)))
			i++;
		CHECK(i < n); /* one of them always may */
		bytes[i] += len;
		all += len;
		CHECK(bytes[i] * 100 <= all * pct + len * 100);
		acknowledge(p.tx.next);
	}
	CHECK(pct == 100 || bytes[0] < all);
}

static void fast_keeps_every_flow_below_max_share(void)
{
	static const uint32_t pct[] = { 100, 90, 50, 34, 25, 20, 17, 15, 13 };

	for (uint32_t n = 2; n <= PATHS_MAX; n++)
		for (size_t k = 0; k < sizeof pct / sizeof *pct; k++)
			if (n * pct[k] >= 100)
				cap_of(n, pct[k]);
}

static void the_window_is_what_both_sides_allow(void)
{
	start(2);
	send(PAIR_SLOTS, 10);
	CHECK(!tx_slot(&p.tx));
	acknowledge(1);
	CHECK(tx_slot(&p.tx));
	send(1, 10);
	CHECK(!tx_slot(&p.tx));
	CHECK(!tx_idle(&p.tx));
	acknowledge(p.tx.next);
	CHECK(tx_idle(&p.tx));
	p.tx.limit = p.tx.next + 3; /* a receiver that buffers less than we do */
	send(3, 10);
	CHECK(!tx_slot(&p.tx));
	acknowledge(p.tx.next - 1);
	CHECK(tx_slot(&p.tx));
}

static void hostile_limits_change_nothing_but_the_limit(void)
{
	struct msg_ack m;

	start(2);
	send(10, 10);
	m = (struct msg_ack){ .dir = PAIR_DIR, .limit = UINT64_MAX };
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	send(PAIR_SLOTS - 10, 10);
	CHECK(!tx_slot(&p.tx)); /* our own memory bounds it still */
	m.limit = 0;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	CHECK_EQ(p.tx.limit, UINT64_MAX); /* what was granted stays granted */
}

static void acknowledgements_may_come_late_and_twice(void)
{
	struct msg_ack early = ack_to(2), late = ack_to(4);

	start(2);
	send(8, 10);
	early.n = 1;
	early.range[0].from = 3;
	early.range[0].to = 4;
	CHECK_EQ(tx_on_ack(&p.tx, &late), TX_OK);
	CHECK_EQ(tx_on_ack(&p.tx, &early), TX_OK);
	CHECK_EQ(tx_on_ack(&p.tx, &late), TX_OK);
	CHECK_EQ(p.tx.base, 4);
}

static void a_flow_whose_record_was_had_is_named_once(void)
{
	struct msg_ack m = ack_to(0);

	start(2);
	send(4, 10); /* flow 0 carries the even ones */
	m.n = 1;
	m.range[0].from = 1;
	m.range[0].to = 2;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	CHECK_EQ(p.tx.had_flows, 2);
	p.tx.had_flows = 0;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK); /* the same again proves nothing */
	CHECK_EQ(p.tx.had_flows, 0);
	acknowledge(3);
	CHECK_EQ(p.tx.had_flows, 1);
}

static void bytes_are_open_until_all_before_them_were_had(void)
{
	struct msg_ack m = ack_to(0);

	start(2);
	send(3, 10);
	CHECK_EQ(p.tx.open_bytes, 30);
	m.n = 1;
	m.range[0].from = 1;
	m.range[0].to = 2;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	CHECK_EQ(p.tx.open_bytes, 30);
	acknowledge(1);
	CHECK_EQ(p.tx.open_bytes, 10);
	acknowledge(3);
	CHECK_EQ(p.tx.open_bytes, 0);
}

static void what_was_not_written_cannot_be_had(void)
{
	const uint8_t *at;
	uint64_t number;
	size_t len;
	struct msg_ack m = ack_to(1);

	start(2);
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_BAD_RANGE); /* not sealed */
	pair_seal(&p, 10, t0);
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_BAD_RANGE); /* not taken */
	CHECK(tx_take(&p.tx, 0, &at, &len, &number));
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_BAD_RANGE); /* half of it may still be here */
	m = ack_to(0);
	m.n = 1;
	m.range[0].from = 1;
	m.range[0].to = UINT64_MAX;
	m.limit = UINT64_MAX;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_BAD_RANGE);
	tx_written(&p.tx, number);
	m = ack_to(1);
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
}

static void messages_about_the_other_direction_are_refused(void)
{
	struct msg_ack m = ack_to(0);
	struct msg_share_ack sa = p.ack0;

	start(2);
	m.dir = sa.dir = DIR_TO_DEVICE;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_BAD_DIR);
	CHECK_EQ(tx_on_share_ack(&p.tx, &sa, t0), TX_BAD_DIR);
}

static void a_gap_in_a_flow_names_the_flow(void)
{
	struct msg_ack m = ack_to(0);
	uint64_t number;

	start(3);
	for (int i = 0; i < 6; i++)
		pair_seal(&p, 10, t0);
	for (uint32_t i = 0; i < 6; i++) /* flows 0 0 1 1 2 2 */
		pair_take(&p, i / 2, rec, &number);
	m.n = 1;
	m.range[0].from = 2; /* flow 0 is slow; 1 is complete, 2 half */
	m.range[0].to = 5;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	m = ack_to(1);
	m.n = 2;
	m.range[0].from = 2;
	m.range[0].to = 4;
	m.range[1].from = 5; /* an older view of flow 2: it was had already */
	m.range[1].to = 6;
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_OK);
	start(3);
	for (int i = 0; i < 6; i++)
		pair_seal(&p, 10, t0);
	for (uint32_t i = 0; i < 6; i++)
		pair_take(&p, i / 2, rec, &number);
	CHECK_EQ(tx_on_ack(&p.tx, &m), TX_STRIPPED);
	CHECK_EQ(p.tx.stripped, 2);
}

static void a_wrong_share_acknowledgement_is_refused(void)
{
	struct msg_share_ack m;

	pair_start(&p, 2, (struct tx_setup){ 0 }, t0);
	for (int bit = 0; bit < 256; bit++) {
		m = p.ack0;
		m.mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_EQ(tx_on_share_ack(&p.tx, &m, t0), TX_BAD_MAC);
	}
	CHECK(!p.tx.confirmed);
	m = p.ack0;
	m.e = 1;
	CHECK_EQ(tx_on_share_ack(&p.tx, &m, t0), TX_BAD_RANGE);
	CHECK_EQ(tx_on_share_ack(&p.tx, &p.ack0, t0), TX_OK);
	CHECK_EQ(tx_on_share_ack(&p.tx, &p.ack0, t0), TX_STALE);
}

TEST_MAIN_BEGIN
	RUN(strict_gives_each_flow_as_many_records_to_within_one_turn);
	RUN(strict_does_not_give_a_flow_what_is_another_ones);
	RUN(fast_gives_the_next_record_to_whoever_asks);
	RUN(fast_keeps_every_flow_below_max_share);
	RUN(the_window_is_what_both_sides_allow);
	RUN(hostile_limits_change_nothing_but_the_limit);
	RUN(acknowledgements_may_come_late_and_twice);
	RUN(a_flow_whose_record_was_had_is_named_once);
	RUN(bytes_are_open_until_all_before_them_were_had);
	RUN(what_was_not_written_cannot_be_had);
	RUN(messages_about_the_other_direction_are_refused);
	RUN(a_gap_in_a_flow_names_the_flow);
	RUN(a_wrong_share_acknowledgement_is_refused);
TEST_MAIN_END
