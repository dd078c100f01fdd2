/* test/unit/test_client.c - what a client takes for an answer, and when it asks again */
#include "test/unit/test.h"
#include "tuple/client.h"

static struct ident id;
static struct client c;
static struct client_effects out;
static bool other_request; /* the replica answers something else */
static const mono_t start = { 1000000 };

static void begin(uint32_t up)
{
	static const uint8_t session[SESSION_BYTES] = { 9 };
	struct cluster cluster = { .faults = 1, .n = 4, .admins = 1 };
	struct op op = { .type = OP_RDP };
	struct signer signer;

	signer_ident(&signer, &id);
	client_init(&c, &cluster, &signer, session);
	client_link(&c, start, up, &out);
	tuple_init(&op.templ);
	tuple_add_any(&op.templ);
	CHECK(client_call(&c, start, &op, &out));
}

static void ask(void)
{
	begin(15);
	CHECK_EQ(out.n, 2);
	CHECK_EQ(out.e[0].to, 15);
	CHECK(!client_call(&c, start, &(struct op){ .type = OP_CLOSE }, &out)); /* one at a time */
}

/* Replica `from` answers `code` for a slot; true when that ends the operation. */
static bool answer(uint32_t from, enum result_code code, uint64_t slot)
{
	uint8_t mem[REPLY_FRAME_MAX], result[16];
	struct result r = { .code = code };
	struct reply reply = { .no = c.no, .slot = slot, .time_us = 77, .result = result };
	struct buf b;

	buf_init(&b, result, sizeof result);
	result_put(&b, &r);
	reply.result_len = b.len;
	memcpy(reply.session, c.session, SESSION_BYTES);
	memcpy(reply.request, c.request_digest, DIGEST_BYTES);
	reply.request[0] ^= other_request;
	buf_init(&b, mem, sizeof mem);
	reply_put(&b, &reply);
	CHECK(client_message(&c, start, from, mem, b.len, &out));
	return out.n && out.e[0].type == CLIENT_DONE;
}

static void it_takes_two_equal_answers_of_different_replicas(void)
{
	ask();
	CHECK(!answer(0, RESULT_NONE, 5));
	CHECK(!answer(0, RESULT_NONE, 5)); /* the same again counts once */
	CHECK(!answer(1, RESULT_OK, 5));
	CHECK(!answer(2, RESULT_NONE, 6)); /* another slot */
	CHECK_EQ(client_word(&c, 1), CLIENT_ANSWER);
	CHECK_EQ(client_word(&c, 3), CLIENT_SILENT);
	CHECK(answer(3, RESULT_NONE, 5));
	CHECK_EQ(out.e[0].result->code, RESULT_NONE);
	CHECK_EQ(c.slot, 5);
	CHECK(!answer(2, RESULT_NONE, 5)); /* over */
}

static void answers_to_another_request_do_not_count(void)
{
	ask();
	other_request = true;
	CHECK(!answer(0, RESULT_NONE, 5));
	other_request = false;
	CHECK(!answer(1, RESULT_NONE, 5));
	CHECK(answer(2, RESULT_NONE, 5));
}

static void notice(uint32_t from, enum client_msg type)
{
	uint8_t mem[64];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	notice_put(&b, type, c.session, c.no, 55);
	CHECK(client_message(&c, start, from, mem, b.len, &out));
}

static void busy_is_no_answer_and_sign_is_obeyed(void)
{
	struct request q;

	ask();
	notice(0, MSG_BUSY);
	notice(1, MSG_BUSY);
	CHECK_EQ(out.n, 0);
	notice(1, MSG_SIGN);
	notice(1, MSG_SIGN);
	CHECK_EQ(out.n, 0); /* it may lie: signatures are dear */
	CHECK_EQ(client_word(&c, 0), CLIENT_BUSY);
	CHECK_EQ(client_word(&c, 1), CLIENT_SIGN);
	notice(2, MSG_SIGN);
	CHECK_EQ(out.n, 2);
	CHECK(request_get(&q, &id.fp, out.e[0].bytes, out.e[0].len));
	CHECK(q.is_signed && q.time_us == 0); /* not the time that a replica names */
	CHECK(request_verify(&q, c.cluster_id, &c.signer));
	notice(3, MSG_SIGN); /* it is signed already */
	CHECK_EQ(out.n, 0);
	CHECK(!answer(0, RESULT_STALE, 7));
	CHECK(!answer(1, RESULT_STALE, 7)); /* signed anew with the agreed time */
	CHECK(request_get(&q, &id.fp, out.e[0].bytes, out.e[0].len) && q.time_us == 77);
}

/* Told to the leader alone, the request would stop the batch that he puts it in. */
static void it_asks_when_2f_1_channels_stand(void)
{
	begin(1);
	CHECK_EQ(out.n, 1);
	CHECK_EQ(out.e[0].type, CLIENT_ARM);
	client_link(&c, start, 3, &out);
	CHECK_EQ(out.n, 0);
	client_link(&c, start, 11, &out);
	CHECK_EQ(out.n, 1);
	CHECK_EQ(out.e[0].to, 11);
	client_link(&c, start, 15, &out);
	CHECK_EQ(out.n, 1);
	CHECK_EQ(out.e[0].to, 4);
	client_link(&c, start, 7, &out);
	CHECK_EQ(out.n, 0);
	client_link(&c, start, 15, &out); /* a new channel: again */
	CHECK_EQ(out.e[0].to, 8);
}

static void with_f_1_channels_it_signs_after_a_while(void)
{
	struct request q;
	mono_t now = start;

	begin(1);
	for (int i = 0; i < 20; i++) {
		now = mono_add_ms(now, CLIENT_RESEND_MS);
		client_timer(&c, now, &out);
		CHECK_EQ(out.n, 1); /* nobody could answer */
		CHECK_EQ(out.e[0].type, CLIENT_ARM);
	}
	client_link(&c, now, 9, &out);
	CHECK_EQ(out.n, 0);
	now = mono_add_ms(now, CLIENT_RESEND_MS);
	client_timer(&c, now, &out);
	CHECK_EQ(out.n, 2);
	CHECK_EQ(out.e[0].to, 9);
	CHECK(request_get(&q, &id.fp, out.e[0].bytes, out.e[0].len) && q.is_signed);
	client_link(&c, now, 11, &out);
	CHECK_EQ(out.n, 1);
	CHECK_EQ(out.e[0].to, 2);
}

static void it_asks_again_ever_more_seldom(void)
{
	mono_t now = start;
	int sent = 0;

	ask();
	for (int i = 0; i < 600; i++) { /* a minute */
		now = mono_add_ms(now, 100);
		if (mono_before(now, c.resend_at))
			continue;
		client_timer(&c, now, &out);
		sent += out.n && out.e[0].type == CLIENT_SEND;
	}
	CHECK(sent >= 8 && sent <= 14);
}

/* Each replica hears of the wait before it hears that it is over, whenever its channel came up. */
static void a_withdrawal_follows_its_wait(void)
{
	struct request q;
	uint8_t wait[32];

	begin(7);
	memcpy(wait, c.request_digest, sizeof wait);
	client_withdraw(&c, start, &out);
	for (int again = 0; again < 2; again++) {
		CHECK_EQ(out.n, 3 - again);
		CHECK_EQ(out.e[0].to, again ? 8 : 7);
		CHECK(request_get(&q, &id.fp, out.e[0].bytes, out.e[0].len));
		CHECK(!request_withdraws(&q));
		CHECK_EQ(out.e[1].to, again ? 8 : 7);
		CHECK(request_get(&q, &id.fp, out.e[1].bytes, out.e[1].len));
		CHECK(request_withdraws(&q) && q.no == c.no);
		client_link(&c, start, 15, &out);
	}
	CHECK(!memcmp(wait, c.request_digest, sizeof wait)); /* it alone is answered */
	CHECK(!answer(0, RESULT_NONE, 5));
	CHECK(answer(3, RESULT_NONE, 5));
	ask();
	CHECK(!c.withdrawn);
}

/* The session that it was executed in may be gone, and with it what forbids to do it twice. */
static void it_repeats_nothing_when_its_session_may_have_ended(void)
{
	mono_t late = mono_add_ms(start, CLIENT_LIFE_MS);

	begin(7);
	CHECK(client_may_repeat(&c, mono_add_ms(late, -1)));
	client_timer(&c, mono_add_ms(late, -1), &out);
	CHECK_EQ(out.e[0].type, CLIENT_SEND);
	CHECK(!client_may_repeat(&c, late));
	client_timer(&c, mono_add_ms(late, CLIENT_RESEND_MAX_MS), &out);
	CHECK(out.n == 1 && out.e[0].type == CLIENT_ARM);
	client_link(&c, late, 15, &out);
	CHECK_EQ(out.n, 0);
}

TEST_MAIN_BEGIN
	ident_new(&id);
	RUN(it_takes_two_equal_answers_of_different_replicas);
	RUN(answers_to_another_request_do_not_count);
	RUN(busy_is_no_answer_and_sign_is_obeyed);
	RUN(it_asks_when_2f_1_channels_stand);
	RUN(with_f_1_channels_it_signs_after_a_while);
	RUN(it_asks_again_ever_more_seldom);
	RUN(a_withdrawal_follows_its_wait);
	RUN(it_repeats_nothing_when_its_session_may_have_ended);
TEST_MAIN_END
