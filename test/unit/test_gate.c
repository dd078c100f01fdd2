/* test/unit/test_gate.c - the node's checks: every verdict provoked, in order, and no replay */
#include <stdlib.h>

#include "core/gate.h"
#include "test/unit/open_kit.h"
#include "test/unit/test.h"

static struct gate *g;
static struct ident node, client, other;
static struct open_pair pair; /* client and node */
static mono_t now;
static uint32_t fresh; /* counts nonces */

static void draw(uint8_t byte)
{
	uint8_t id[BOOT_BYTES];

	memset(id, byte, sizeof id);
	gate_boot_draw(g, id, now);
}

static void set_up(uint32_t in_all, uint32_t per_client)
{
	struct gate_limits limits = { .kind[OPEN_RELAY] = { in_all, per_client } };
	struct fp list[2] = { client.fp, other.fp };

	gate_init(g, &node, limits, 0x1234567);
	now = mono_us(1000000);
	draw(1);
	CHECK(gate_admit(g, list, 2));
}

static uint8_t kind = OPEN_RELAY; /* that ask_for asks for */

/* A fresh request of the client, sealed for the current boot. */
static size_t ask_for(uint8_t *frame, enum open_op op)
{
	struct open_terms t = kit_terms();
	struct open_ask ask = kit_ask(op);

	t.kind = kind;
	memcpy(ask.boot, gate_boot(g), BOOT_BYTES);
	fresh++;
	memcpy(ask.nonce, &fresh, sizeof fresh);
	return open_make(frame, &pair, client.pub, &ask, &t);
}

static enum open_verdict judge(const uint8_t *frame, size_t len)
{
	struct open_terms t;
	struct open_ask ask;
	uint32_t row;

	return gate_judge(g, frame, len, &ask, &t, &row);
}

static enum open_verdict judge_fresh(enum open_op op)
{
	uint8_t frame[OPEN_FRAME_MAX];

	return judge(frame, ask_for(frame, op));
}

static void lets_a_good_request_through(void)
{
	struct open_answer a = { .forward = 5, .lease_s = 9 }, back;
	uint8_t frame[OPEN_FRAME_MAX], out[OPEN_ANSWER_MAX];
	struct open_terms t;
	struct open_ask ask;
	uint32_t row;
	size_t n;

	set_up(8, 4);
	n = ask_for(frame, OPEN_OPEN);
	CHECK_EQ(gate_judge(g, frame, n, &ask, &t, &row), OPEN_OK);
	CHECK_EQ(gate_find(g, &client.fp), row);
	CHECK_EQ(t.dest.port, 7300);
	CHECK_EQ(g->count[OPEN_OK], 0);
	gate_count(g, OPEN_OK);
	CHECK_EQ(g->count[OPEN_OK], 1);
	n = gate_answer(g, row, &ask, &a, out);
	CHECK(open_answer_parse(&back, &pair, &ask, out, n));
	CHECK_EQ(back.forward, 5);
}

static void refuses_a_bad_form(void)
{
	uint8_t frame[OPEN_FRAME_MAX];
	size_t n;

	set_up(8, 4);
	n = ask_for(frame, OPEN_OPEN);
	CHECK_EQ(judge(frame, n - 1), OPEN_BAD_FORM);
	frame[0] = 0x16;
	CHECK_EQ(judge(frame, n), OPEN_BAD_FORM);
	CHECK_EQ(g->count[OPEN_BAD_FORM], 2);
}

static void refuses_a_boot_but_the_last_two(void)
{
	struct open_answer a = { .verdict = OPEN_STALE_BOOT }, back;
	uint8_t frame[OPEN_FRAME_MAX], zero[OPEN_FRAME_MAX], out[OPEN_ANSWER_MAX];
	struct open_ask ask;
	size_t n, len;

	set_up(8, 4);
	n = ask_for(frame, OPEN_OPEN);
	memcpy(zero, frame, n);
	memset(zero + OPEN_HEAD_BYTES, 0, BOOT_BYTES);
	CHECK_EQ(judge(zero, n), OPEN_STALE_BOOT);
	draw(2);
	CHECK_EQ(judge(frame, n), OPEN_OK);
	draw(3);
	CHECK_EQ(judge(frame, n), OPEN_STALE_BOOT);
	ask = kit_ask(OPEN_OPEN);
	len = gate_answer(g, 0, &ask, &a, out);
	CHECK(open_answer_parse(&back, &pair, &ask, out, len));
	CHECK_EQ(back.boot[0], 3);
}

static void refuses_a_client_that_is_not_admitted(void)
{
	uint8_t frame[OPEN_FRAME_MAX];
	size_t n;

	set_up(8, 4);
	CHECK(gate_admit(g, &other.fp, 1));
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_NOT_ADMITTED);
	n = ask_for(frame, OPEN_OPEN);
	CHECK(gate_admit(g, &client.fp, 1));
	CHECK_EQ(judge(frame, n), OPEN_OK);
	frame[OPEN_HEAD_BYTES + BOOT_BYTES + 1] ^= 1;
	CHECK_EQ(judge(frame, n), OPEN_NOT_ADMITTED);
}

static void refuses_what_exceeds_the_clients_quota(void)
{
	uint32_t row;

	set_up(8, 2);
	row = (uint32_t)gate_find(g, &client.fp);
	gate_forward_begin(g, row, OPEN_RELAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_OK);
	gate_forward_begin(g, row, OPEN_RELAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_QUOTA);
	CHECK_EQ(judge_fresh(OPEN_CLOSE), OPEN_OK);
	CHECK_EQ(judge_fresh(OPEN_RENEW), OPEN_OK);
	gate_forward_end(g, row, OPEN_RELAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_OK);
}

static void a_client_holds_no_more_than_are_vacant(void)
{
	uint32_t row, held = 0;

	set_up(8, 8);
	row = (uint32_t)gate_find(g, &client.fp);
	for (; held < 8 && judge_fresh(OPEN_OPEN) == OPEN_OK; held++)
		gate_forward_begin(g, row, OPEN_RELAY);
	CHECK_EQ(held, 4);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_QUOTA);
	for (; held; held--)
		gate_forward_end(g, row, OPEN_RELAY);
	for (; held < 7; held++)
		gate_forward_begin(g, (uint32_t)gate_find(g, &other.fp), OPEN_RELAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_OK);
	gate_forward_begin(g, row, OPEN_RELAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_FULL);
}

static void refuses_when_the_node_is_full(void)
{
	set_up(1, 2);
	gate_forward_begin(g, (uint32_t)gate_find(g, &other.fp), OPEN_RELAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_FULL);
}

static enum open_verdict judge_kind(uint8_t k)
{
	enum open_verdict v;

	kind = k;
	v = judge_fresh(OPEN_OPEN);
	kind = OPEN_RELAY;
	return v;
}

static void refuses_a_kind_that_the_node_does_not_offer(void)
{
	set_up(8, 4);
	CHECK_EQ(judge_kind(OPEN_NAT), OPEN_BAD_KIND);
	CHECK_EQ(judge_kind(0), OPEN_BAD_KIND);
	CHECK_EQ(judge_kind(OPEN_KINDS), OPEN_BAD_KIND);
	CHECK_EQ(judge_kind(255), OPEN_BAD_KIND);
	CHECK_EQ(judge_kind(OPEN_RELAY), OPEN_OK);
}

static void each_kind_has_limits_of_its_own(void)
{
	uint32_t row;

	set_up(8, 1);
	g->limits.kind[OPEN_NAT] = (struct gate_limit){ 2, 1 };
	row = (uint32_t)gate_find(g, &client.fp);
	gate_forward_begin(g, row, OPEN_RELAY);
	CHECK_EQ(judge_kind(OPEN_RELAY), OPEN_QUOTA);
	CHECK_EQ(judge_kind(OPEN_NAT), OPEN_OK);
	gate_forward_begin(g, (uint32_t)gate_find(g, &other.fp), OPEN_NAT);
	gate_forward_begin(g, (uint32_t)gate_find(g, &other.fp), OPEN_NAT);
	CHECK_EQ(judge_kind(OPEN_NAT), OPEN_QUOTA);
	gate_forward_end(g, row, OPEN_RELAY);
	CHECK_EQ(judge_kind(OPEN_NAT), OPEN_FULL);
	CHECK_EQ(judge_kind(OPEN_RELAY), OPEN_OK);
}

static void refuses_a_seal_that_does_not_open(void)
{
	uint8_t frame[OPEN_FRAME_MAX];
	size_t n;

	set_up(8, 4);
	n = ask_for(frame, OPEN_OPEN);
	for (size_t at = OPEN_SEALED_AT - OPEN_NONCE_BYTES; at < n; at++) {
		frame[at] ^= 0x80;
		CHECK_EQ(judge(frame, n), OPEN_BAD_SEAL);
		frame[at] ^= 0x80;
	}
	frame[2] = OPEN_CLOSE;
	CHECK_EQ(judge(frame, n), OPEN_BAD_FORM);
	frame[2] = OPEN_OPEN;
	CHECK_EQ(judge(frame, n), OPEN_OK);
}

static void refuses_a_renewal_made_into_a_close(void)
{
	uint8_t frame[OPEN_FRAME_MAX];
	size_t n;

	set_up(8, 4);
	n = ask_for(frame, OPEN_RENEW);
	frame[2] = OPEN_CLOSE;
	CHECK_EQ(judge(frame, n), OPEN_BAD_SEAL);
}

static void refuses_a_nonce_that_was_used_before(void)
{
	uint8_t frame[OPEN_FRAME_MAX];
	size_t n;

	set_up(8, 4);
	n = ask_for(frame, OPEN_OPEN);
	CHECK_EQ(judge(frame, n), OPEN_OK);
	CHECK_EQ(judge(frame, n), OPEN_REPLAY);
	draw(2);
	CHECK_EQ(judge(frame, n), OPEN_REPLAY);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_OK);
}

static void a_refused_seal_does_not_use_up_the_nonce(void)
{
	uint8_t frame[OPEN_FRAME_MAX];
	size_t n;

	set_up(8, 4);
	n = ask_for(frame, OPEN_OPEN);
	frame[n - 1] ^= 1;
	CHECK_EQ(judge(frame, n), OPEN_BAD_SEAL);
	frame[n - 1] ^= 1;
	CHECK_EQ(judge(frame, n), OPEN_OK);
}

/* No nonce is accepted twice however many came in between, up to the client's share. */
static void a_clients_nonces_are_bounded_and_all_remembered(void)
{
	uint8_t first[OPEN_FRAME_MAX];
	size_t n;
	int bad = 0;

	set_up(8, 4);
	n = ask_for(first, OPEN_OPEN);
	CHECK_EQ(judge(first, n), OPEN_OK);
	for (int i = 1; i < NONCES_CLIENT_MAX; i++)
		bad += judge_fresh(OPEN_OPEN) != OPEN_OK;
	CHECK_EQ(bad, 0);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_QUOTA);
	CHECK(!gate_boot_due(g, mono_add_ms(now, BOOT_MS_MIN - 1)));
	now = mono_add_ms(now, BOOT_MS_MIN);
	CHECK(gate_boot_due(g, now));
	draw(2);
	CHECK(!gate_boot_due(g, mono_add_ms(now, BOOT_MS_MIN)));
	CHECK_EQ(judge(first, n), OPEN_STALE_BOOT);
	CHECK_EQ(judge_fresh(OPEN_OPEN), OPEN_OK);
}

static void a_boot_ends_after_ten_minutes(void)
{
	set_up(8, 4);
	CHECK(!gate_boot_due(g, mono_add_ms(now, BOOT_MS - 1)));
	CHECK(gate_boot_due(g, mono_add_ms(now, BOOT_MS)));
	CHECK_EQ(gate_boot_end(g).us, mono_add_ms(now, BOOT_MS).us);
}

static void an_evicted_clients_row_stays_while_it_has_forwards(void)
{
	struct ident third = kit_key(0x55);
	struct fp list[2] = { other.fp, third.fp };
	uint32_t row;

	set_up(8, 4);
	row = (uint32_t)gate_find(g, &client.fp);
	gate_forward_begin(g, row, OPEN_RELAY);
	CHECK(gate_admit(g, list, 2));
	CHECK(!gate_admitted(g, row));
	CHECK_EQ(gate_find(g, &client.fp), row);
	gate_forward_end(g, row, OPEN_RELAY);
	CHECK(gate_admit(g, &third.fp, 1));
	CHECK(gate_admit(g, list, 2));
	CHECK(gate_admitted(g, (uint32_t)gate_find(g, &other.fp)));
	CHECK(gate_admitted(g, (uint32_t)gate_find(g, &third.fp)));
}

static void says_so_when_there_are_too_many_clients(void)
{
	static struct fp list[GATE_CLIENTS_MAX + 1];

	gate_init(g, &node, (struct gate_limits){ .kind[OPEN_RELAY] = { 8, 4 } }, 1);
	for (uint32_t i = 0; i <= GATE_CLIENTS_MAX; i++)
		memcpy(list[i].b, &i, sizeof i);
	CHECK(gate_admit(g, list, GATE_CLIENTS_MAX));
	CHECK(!gate_admit(g, list, GATE_CLIENTS_MAX + 1));
	CHECK(gate_admit(g, list + 1, GATE_CLIENTS_MAX));
}

static bool make_parties(void)
{
	node = kit_key(0x22);
	client = kit_key(0x11);
	other = kit_key(0x44);
	g = calloc(1, sizeof *g);
	return g && open_pair_init(&pair, OPEN_CLIENT, &client, node.pub, &node.fp);
}

TEST_MAIN_BEGIN
if (!make_parties())
	return 1;
RUN(lets_a_good_request_through);
RUN(refuses_a_bad_form);
RUN(refuses_a_boot_but_the_last_two);
RUN(refuses_a_client_that_is_not_admitted);
RUN(refuses_what_exceeds_the_clients_quota);
RUN(a_client_holds_no_more_than_are_vacant);
RUN(refuses_when_the_node_is_full);
RUN(refuses_a_kind_that_the_node_does_not_offer);
RUN(each_kind_has_limits_of_its_own);
RUN(refuses_a_seal_that_does_not_open);
RUN(refuses_a_renewal_made_into_a_close);
RUN(refuses_a_nonce_that_was_used_before);
RUN(a_refused_seal_does_not_use_up_the_nonce);
RUN(a_clients_nonces_are_bounded_and_all_remembered);
RUN(a_boot_ends_after_ten_minutes);
RUN(an_evicted_clients_row_stays_while_it_has_forwards);
RUN(says_so_when_there_are_too_many_clients);
gate_fini(g);
free(g);
TEST_MAIN_END
