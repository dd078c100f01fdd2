/* test/unit/test_open.c - requests and answers: golden bytes, every bit counts, nothing but frames
 *
 * The golden frames were computed by a program of its own from core/open.h's description, with the
 * hmac module of Python and its cryptography package (ECDH, ChaCha20-Poly1305). */
#include "core/open.h"
#include "test/unit/open_kit.h"
#include "test/unit/test.h"

static const char golden_open[] =
	"6d016f00cd"
	"000102030405060708090a0b0c0d0e0f"
	"040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4"
	"ed194a7debcb97712d2dda3ca85aa8765a56f45fc758599652f2897c65306e57"
	"94"
	"404142434445464748494a4b4c4d4e4f"
	"ceee1e4597f725b53d9abdc67a342f97636610077a1f86b7e99b98e3e06b477d"
	"130fe6933c4779461a9cd06bdecf5113098f6fe0423c38b2ee98f454893cda1c"
	"7d18abe8a0ee00e80a40005a284a520fd354381e231aedda656640267ea0cf8b"
	"4aa7488d5b8d46";

static const char golden_renew[] =
	"6d017200a2"
	"000102030405060708090a0b0c0d0e0f"
	"040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4"
	"ed194a7debcb97712d2dda3ca85aa8765a56f45fc758599652f2897c65306e57"
	"94"
	"404142434445464748494a4b4c4d4e4f"
	"2f550663de9f7723caf54cf729a61148e48e64a2be9132abc3867e27738e4d4a"
	"1a3dafe022070a4e684361cc371c7455729d1ecfade5233d7d02fe5c";

static const char golden_answer[] =
	"6d0161002400"
	"2c41c37dfd4057043c50ad8d41aec08b961020a9c08b6870024067f990c9";

static struct ident client, node;
static struct open_pair at_client, at_node;

static void both_sides_derive_the_same_pair(void)
{
	client = kit_key(0x11);
	node = kit_key(0x22);
	CHECK(open_pair_init(&at_client, OPEN_CLIENT, &client, node.pub, &node.fp));
	CHECK(open_pair_init(&at_node, OPEN_NODE, &node, client.pub, &client.fp));
	CHECK(!memcmp(&at_client, &at_node, sizeof at_node));
}

static void refuses_a_key_that_is_no_point(void)
{
	uint8_t pub[PUB_BYTES];
	struct open_pair p;

	memcpy(pub, node.pub, sizeof pub);
	pub[64] ^= 1;
	CHECK(!open_pair_init(&p, OPEN_CLIENT, &client, pub, &node.fp));
}

static void check_golden(enum open_op op, uint32_t lease_s, const char *hex)
{
	struct open_ask ask = kit_ask(op);
	struct open_terms t = kit_terms();
	uint8_t want[OPEN_FRAME_MAX], got[OPEN_FRAME_MAX];
	size_t n = kit_unhex(want, hex);

	t.lease_s = lease_s;
	CHECK_EQ(open_make(got, &at_client, client.pub, &ask, &t), n);
	CHECK(!memcmp(got, want, n));
	CHECK_EQ(open_frame_len(want, n), n);
}

static void requests_match_the_golden_bytes(void)
{
	check_golden(OPEN_OPEN, 60, golden_open);
	check_golden(OPEN_RENEW, 30, golden_renew);
}

static void answers_match_the_golden_bytes(void)
{
	struct open_answer a = { .forward = 0x0102030405060708, .port = 7201, .lease_s = 60 };
	struct open_ask ask = kit_ask(OPEN_OPEN);
	uint8_t want[OPEN_ANSWER_MAX], got[OPEN_ANSWER_MAX];
	size_t n = kit_unhex(want, golden_answer);
	struct open_answer back;

	CHECK_EQ(n, OPEN_ANSWER_MAX);
	CHECK_EQ(open_answer_make(got, &at_node, &ask, &a), n);
	CHECK(!memcmp(got, want, n));
	CHECK(open_answer_parse(&back, &at_client, &ask, want, n));
	CHECK_EQ(back.verdict, OPEN_OK);
	CHECK_EQ(back.forward, a.forward);
	CHECK_EQ(back.port, 7201);
	CHECK_EQ(back.lease_s, 60);
}

/* Nobody could renew it, and 0 is none everywhere. */
static void a_forward_without_a_number_is_none(void)
{
	struct open_answer a = { .port = 7201, .lease_s = 60 }, back;
	struct open_ask ask = kit_ask(OPEN_OPEN);
	uint8_t frame[OPEN_ANSWER_MAX];
	size_t n = open_answer_make(frame, &at_node, &ask, &a);

	CHECK(!open_answer_parse(&back, &at_client, &ask, frame, n));
}

static bool node_reads(struct open_terms *t, const uint8_t *frame, size_t len)
{
	struct open_request r;

	return open_split(&r, frame, len) && open_unseal(t, &at_node, &r);
}

static void the_node_reads_what_the_client_wrote(void)
{
	struct open_terms want = kit_terms(), got;
	uint8_t frame[OPEN_FRAME_MAX];
	struct open_ask ask = kit_ask(OPEN_OPEN);

	CHECK(node_reads(&got, frame, open_make(frame, &at_client, client.pub, &ask, &want)));
	CHECK_EQ(got.kind, OPEN_RELAY);
	CHECK(fp_eq(&got.device, &want.device));
	CHECK(addr_eq(&got.dest, &want.dest));
	CHECK_EQ(got.lease_s, 60);
	ask.op = OPEN_RENEW;
	CHECK(node_reads(&got, frame, open_make(frame, &at_client, client.pub, &ask, &want)));
	CHECK_EQ(got.forward, want.forward);
	CHECK_EQ(got.lease_s, 60);
	ask.op = OPEN_CLOSE;
	CHECK(node_reads(&got, frame, open_make(frame, &at_client, client.pub, &ask, &want)));
	CHECK_EQ(got.forward, want.forward);
	CHECK_EQ(got.lease_s, 0);
}

static void every_flipped_bit_of_a_request_is_refused(void)
{
	static const enum open_op ops[] = { OPEN_OPEN, OPEN_RENEW, OPEN_CLOSE };

	for (int k = 0; k < 3; k++) {
		struct open_terms t = kit_terms();
		struct open_ask ask = kit_ask(ops[k]);
		uint8_t frame[OPEN_FRAME_MAX];
		size_t n = open_make(frame, &at_client, client.pub, &ask, &t);

		for (size_t bit = 0; bit < 8 * n; bit++) {
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
			CHECK(!node_reads(&t, frame, n));
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		CHECK(node_reads(&t, frame, n));
	}
}

static void every_flipped_bit_of_a_success_is_refused(void)
{
	struct open_answer a = { .forward = 7, .lease_s = 60 }, back;
	struct open_ask ask = kit_ask(OPEN_OPEN);
	uint8_t in[OPEN_ANSWER_MAX];
	size_t n = open_answer_make(in, &at_node, &ask, &a);

	for (size_t bit = 0; bit < 8 * n; bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(!open_answer_parse(&back, &at_client, &ask, in, n));
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK(open_answer_parse(&back, &at_client, &ask, in, n));
}

static void an_answer_fits_its_own_request_only(void)
{
	struct open_answer a = { .forward = 7, .lease_s = 60 }, back;
	struct open_ask ask = kit_ask(OPEN_OPEN), other = kit_ask(OPEN_RENEW);
	uint8_t in[OPEN_ANSWER_MAX];
	size_t n = open_answer_make(in, &at_node, &ask, &a);

	CHECK(!open_answer_parse(&back, &at_client, &other, in, n));
	other = ask;
	other.nonce[15] ^= 1;
	CHECK(!open_answer_parse(&back, &at_client, &other, in, n));
	other = ask;
	other.boot[0] ^= 1;
	CHECK(!open_answer_parse(&back, &at_client, &other, in, n));
	CHECK_EQ(back.verdict, OPEN_BAD_SEAL);
}

static void a_request_is_for_one_node_and_from_one_client(void)
{
	struct ident third = kit_key(0x44);
	struct open_ask ask = kit_ask(OPEN_OPEN);
	struct open_terms t = kit_terms();
	uint8_t frame[OPEN_FRAME_MAX];
	struct open_pair p;

	CHECK(open_pair_init(&p, OPEN_CLIENT, &client, third.pub, &third.fp));
	CHECK(!node_reads(&t, frame, open_make(frame, &p, client.pub, &ask, &t)));
	CHECK(open_pair_init(&p, OPEN_CLIENT, &third, node.pub, &node.fp));
	CHECK(!node_reads(&t, frame, open_make(frame, &p, client.pub, &ask, &t)));
	p = at_client;
	p.node = third.fp;
	CHECK(!node_reads(&t, frame, open_make(frame, &p, client.pub, &ask, &t)));
}

static void every_refusal_comes_through_by_name(void)
{
	struct open_ask ask = kit_ask(OPEN_OPEN);
	struct open_answer back;

	for (int v = OPEN_BAD_FORM; v < OPEN_VERDICTS; v++) {
		struct open_answer a = { .verdict = (enum open_verdict)v, .boot = { 9, 8, 7 } };
		uint8_t in[OPEN_ANSWER_MAX];
		size_t n = open_answer_make(in, NULL, NULL, &a);

		CHECK_EQ(open_frame_len(in, n), n);
		CHECK(open_answer_parse(&back, &at_client, &ask, in, n));
		CHECK_EQ(back.verdict, v);
		CHECK_EQ(back.boot[0], v == OPEN_STALE_BOOT ? 9 : 0);
		CHECK(open_verdict_str[v] && *open_verdict_str[v]);
		in[OPEN_HEAD_BYTES] = OPEN_VERDICTS;
		CHECK(!open_answer_parse(&back, &at_client, &ask, in, n));
	}
}

static void tells_a_frame_by_its_first_bytes(void)
{
	uint8_t in[OPEN_FRAME_MAX] = { 'm', 1, 'o', 0, OPEN_OPEN_BYTES };

	for (size_t n = 0; n < OPEN_HEAD_BYTES; n++)
		CHECK_EQ(open_frame_len(in, n), 0);
	CHECK_EQ(open_frame_len(in, 5), OPEN_OPEN_BYTES);
	in[4]++;
	CHECK_EQ(open_frame_len(in, 5), -1);
	in[4]--;
	in[3] = 0xff;
	CHECK_EQ(open_frame_len(in, 5), -1);
	in[3] = 0;
	in[2] = 'x';
	CHECK_EQ(open_frame_len(in, 5), -1);
	in[1] = 2;
	CHECK_EQ(open_frame_len(in, 2), -1);
	in[0] = 0x16;
	CHECK_EQ(open_frame_len(in, 1), -1);
}

static void an_answer_is_no_request_and_the_reverse(void)
{
	struct open_answer a = { .verdict = OPEN_QUOTA }, back;
	struct open_ask ask = kit_ask(OPEN_OPEN);
	struct open_terms t = kit_terms();
	uint8_t frame[OPEN_FRAME_MAX];
	struct open_request r;
	size_t n = open_answer_make(frame, NULL, NULL, &a);

	CHECK(!open_split(&r, frame, n));
	n = open_make(frame, &at_client, client.pub, &ask, &t);
	CHECK(!open_answer_parse(&back, &at_client, &ask, frame, n));
	CHECK(!open_split(&r, frame, n - 1));
	CHECK(!open_split(&r, frame, 0));
	CHECK(open_split(&r, frame, n));
}

TEST_MAIN_BEGIN
RUN(both_sides_derive_the_same_pair);
RUN(refuses_a_key_that_is_no_point);
RUN(requests_match_the_golden_bytes);
RUN(answers_match_the_golden_bytes);
RUN(a_forward_without_a_number_is_none);
RUN(the_node_reads_what_the_client_wrote);
RUN(every_flipped_bit_of_a_request_is_refused);
RUN(every_flipped_bit_of_a_success_is_refused);
RUN(an_answer_fits_its_own_request_only);
RUN(a_request_is_for_one_node_and_from_one_client);
RUN(every_refusal_comes_through_by_name);
RUN(tells_a_frame_by_its_first_bytes);
RUN(an_answer_is_no_request_and_the_reverse);
TEST_MAIN_END
