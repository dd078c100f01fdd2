/* test/unit/test_flowmsg.c - messages inside a flow's TLS: golden bytes, round trips, refusals */
#include "core/flowmsg.h"
#include "test/unit/test.h"

static struct msg_join join_of(uint32_t n)
{
	struct msg_join m = { .n = n, .j = 10 + n - 1, .aead = 2, .window = 0x12345 };

	memset(m.sid, 0x51, sizeof m.sid);
	memset(m.share, 0xee, sizeof m.share);
	for (uint32_t i = 0; i < n; i++) {
		m.path[i].number = 10 + i;
		memset(m.path[i].node.b, (int)(0x80 + i), FP_BYTES);
	}
	return m;
}

static struct msg_ack ack_of(uint32_t n)
{
	struct msg_ack m = { .dir = 1, .next = 5, .limit = 0x0102030405060708, .n = n };

	for (uint32_t i = 0; i < n; i++) {
		m.range[i].from = 10 * i + 6;
		m.range[i].to = 10 * i + 8 + i % 3;
	}
	return m;
}

static struct flowmsg told_of(size_t len)
{
	struct flowmsg m = { .type = FLOWMSG_TOLD,
			     .told = { .kind = TOLD_SESSION, .paths = 4, .seconds = 0x102 } };

	m.told.value = 0x0102030405060708;
	memset(m.told.id, 'i', len);
	memset(m.told.client, 'c', len / 2);
	memset(m.told.device, 'd', len / 3);
	return m;
}

static struct flowmsg stop_of(size_t len)
{
	struct flowmsg m = { .type = FLOWMSG_STOP, .stop = { .code = 7 } };

	memset(m.stop.text, 'x', len);
	return m;
}

static struct flowmsg traced_of(size_t len, bool more)
{
	struct flowmsg m = { .type = FLOWMSG_TRACED, .traced = { .more = more } };

	memset(m.traced.text, '1', len);
	return m;
}

/* Every kind of message at every size that it can have; returns how many there are. */
static size_t sample(size_t i, struct flowmsg *m)
{
	enum { ACKS = ACK_RANGES_MAX + 1, STOPS = STOP_TEXT_MAX + 1 };
	enum { TOLD_FROM = PATHS_MAX + ACKS + STOPS + 4, ASK = TOLD_FROM + TOLD_TEXT_MAX + 1 };

	memset(m, 0, sizeof *m);
	if (i < PATHS_MAX) {
		m->type = FLOWMSG_JOIN;
		m->join = join_of((uint32_t)i + 1);
	} else if (i < PATHS_MAX + ACKS) {
		m->type = FLOWMSG_ACK;
		m->ack = ack_of((uint32_t)i - PATHS_MAX);
	} else if (i < PATHS_MAX + ACKS + STOPS) {
		*m = stop_of(i - PATHS_MAX - ACKS);
	} else if (i < PATHS_MAX + ACKS + STOPS + 2) {
		m->type = i % 2 ? FLOWMSG_PING : FLOWMSG_PONG;
		m->token = 0xfedcba9876543210;
	} else if (i == PATHS_MAX + ACKS + STOPS + 2) {
		m->type = FLOWMSG_SHARE;
		m->share = (struct msg_share){ .dir = 1, .e = 9, .prev_e = 7, .j = 3 };
		memset(m->share.share, 0xab, 32);
	} else if (i >= TOLD_FROM && i < ASK) {
		*m = told_of(i - TOLD_FROM);
	} else if (i == ASK) {
		m->type = FLOWMSG_ASK;
	} else if (i == ASK + 1) {
		m->type = FLOWMSG_TRACE;
	} else if (i > ASK) {
		*m = traced_of(i == ASK + 2 ? 0 : TRACE_PIECE_MAX, i == ASK + 2);
	} else {
		m->type = FLOWMSG_SHARE_ACK;
		m->share_ack = (struct msg_share_ack){ .dir = 1, .e = 9 };
		memset(m->share_ack.mac, 0xcd, 32);
	}
	return ASK + 4;
}

static void every_message_comes_back_as_it_was(void)
{
	uint8_t out[FLOWMSG_BYTES_MAX], again[FLOWMSG_BYTES_MAX];
	struct flowmsg m, back;

	for (size_t i = 0; i < sample(i, &m); i++) {
		size_t len = flowmsg_encode(&m, out);

		CHECK_EQ(flowmsg_length(out, len), len);
		CHECK(flowmsg_decode(&back, out, len));
		CHECK_EQ(back.type, m.type);
		CHECK_EQ(flowmsg_encode(&back, again), len);
		CHECK(!memcmp(out, again, len));
	}
}

static void fields_come_back_where_they_belong(void)
{
	uint8_t out[FLOWMSG_BYTES_MAX];
	struct flowmsg m = { .type = FLOWMSG_JOIN, .join = join_of(3) }, back;

	CHECK(flowmsg_decode(&back, out, flowmsg_encode(&m, out)));
	CHECK(!memcmp(&back.join, &m.join, sizeof m.join));
	m = (struct flowmsg){ .type = FLOWMSG_ACK, .ack = ack_of(2) };
	CHECK(flowmsg_decode(&back, out, flowmsg_encode(&m, out)));
	CHECK_EQ(back.ack.next, 5);
	CHECK_EQ(back.ack.limit, 0x0102030405060708);
	CHECK_EQ(back.ack.range[1].from, 16);
	CHECK_EQ(back.ack.range[1].to, 19);
}

/* Neither with its length field as it was nor with one that agrees with the bytes that are left. */
static void every_truncation_and_every_byte_too_many_is_refused(void)
{
	uint8_t out[FLOWMSG_BYTES_MAX + 1];
	struct flowmsg m, back;

	for (size_t i = 0; i < sample(i, &m); i++) {
		size_t len = flowmsg_encode(&m, out);

		for (size_t cut = 0; cut <= len + 1; cut++) {
			if (cut == len)
				continue;
			flowmsg_encode(&m, out);
			out[len] = 0;
			CHECK(!flowmsg_decode(&back, out, cut));
			if (cut < FLOWMSG_HEAD)
				continue;
			out[1] = (uint8_t)((cut - FLOWMSG_HEAD) >> 8);
			out[2] = (uint8_t)(cut - FLOWMSG_HEAD);
			CHECK(!flowmsg_decode(&back, out, cut));
		}
	}
}

static void the_bytes_are_these(void)
{
	uint8_t out[FLOWMSG_BYTES_MAX];
	struct flowmsg m = { .type = FLOWMSG_JOIN, .join = join_of(2) };

	CHECK_HEX(out, flowmsg_encode(&m, out),
		  "01 0083 01 51515151515151515151515151515151 02 0000000b 02 00012345"
		  "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
		  "0000000a 8080808080808080808080808080808080808080808080808080808080808080"
		  "0000000b 8181818181818181818181818181818181818181818181818181818181818181");
	sample(PATHS_MAX + ACK_RANGES_MAX + STOP_TEXT_MAX + 4, &m);
	CHECK_HEX(out, flowmsg_encode(&m, out),
		  "02 002d 01 00000009 00000007 00000003"
		  "abababababababababababababababababababababababababababababababab");
	sample(PATHS_MAX + ACK_RANGES_MAX + STOP_TEXT_MAX + 5, &m);
	CHECK_HEX(out, flowmsg_encode(&m, out),
		  "03 0025 01 00000009"
		  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
	m = (struct flowmsg){ .type = FLOWMSG_ACK, .ack = ack_of(2) };
	CHECK_HEX(out, flowmsg_encode(&m, out),
		  "04 0032 01 0000000000000005 0102030405060708 02"
		  "0000000000000006 0000000000000008 0000000000000010 0000000000000013");
	m = (struct flowmsg){ .type = FLOWMSG_PING, .token = 0x0102030405060708 };
	CHECK_HEX(out, flowmsg_encode(&m, out), "05 0008 0102030405060708");
	m.type = FLOWMSG_PONG;
	CHECK_HEX(out, flowmsg_encode(&m, out), "06 0008 0102030405060708");
	m = stop_of(2);
	CHECK_HEX(out, flowmsg_encode(&m, out), "07 0005 07 0002 7878");
	m.type = FLOWMSG_ASK;
	CHECK_HEX(out, flowmsg_encode(&m, out), "08 0000");
	m = told_of(3);
	CHECK_HEX(out, flowmsg_encode(&m, out),
		  "09 0019 02 0003 696969 0001 63 0001 64 04 00000102 0102030405060708");
	m.type = FLOWMSG_TRACE;
	CHECK_HEX(out, flowmsg_encode(&m, out), "0a 0000");
	m = traced_of(2, true);
	CHECK_HEX(out, flowmsg_encode(&m, out), "0b 0005 01 0002 3131");
}

static bool taken(const struct flowmsg *m)
{
	uint8_t out[FLOWMSG_BYTES_MAX];
	struct flowmsg back;

	return flowmsg_decode(&back, out, flowmsg_encode(m, out));
}

static void joins_that_contradict_themselves_are_refused(void)
{
	struct flowmsg good = { .type = FLOWMSG_JOIN, .join = join_of(3) }, m = good;
	uint8_t out[FLOWMSG_BYTES_MAX];
	size_t len;

	CHECK(taken(&m));
	m.join.j = 13; /* not in the list */
	CHECK(!taken(&m));
	m = good;
	m.join.path[1].number = 10; /* twice */
	CHECK(!taken(&m));
	m = good;
	m.join.window = WINDOW_MIN - 1;
	CHECK(!taken(&m));
	m.join.window = WINDOW_MIN;
	CHECK(taken(&m));
	m.join.n = 0;
	CHECK(!taken(&m));
	len = flowmsg_encode(&good, out);
	out[3] = FLOWMSG_VERSION + 1;
	CHECK(!flowmsg_decode(&m, out, len));
}

/* A list of 9 paths, all in order but for their number. */
static void a_join_over_too_many_paths_is_refused(void)
{
	struct flowmsg m = { .type = FLOWMSG_JOIN, .join = join_of(PATHS_MAX) };
	uint8_t out[FLOWMSG_BYTES_MAX];
	size_t len = flowmsg_encode(&m, out) + 4 + FP_BYTES;

	memset(out + len - 4 - FP_BYTES, 0x77, 4 + FP_BYTES);
	out[FLOWMSG_HEAD + 1 + SID_BYTES]++;
	out[1] = (uint8_t)((len - FLOWMSG_HEAD) >> 8);
	out[2] = (uint8_t)(len - FLOWMSG_HEAD);
	CHECK(!flowmsg_decode(&m, out, len));
}

static void acknowledgements_out_of_order_are_refused(void)
{
	struct flowmsg good = { .type = FLOWMSG_ACK, .ack = ack_of(3) }, m = good;

	CHECK(taken(&m));
	m.ack.dir = 2;
	CHECK(!taken(&m));
	m = good;
	m.ack.limit = 4; /* below next */
	CHECK(!taken(&m));
	m.ack.limit = 5;
	CHECK(taken(&m));
	m.ack.range[0].from = 5; /* next was had, or it is not next */
	CHECK(!taken(&m));
	m = good;
	m.ack.range[1].to = m.ack.range[1].from; /* empty */
	CHECK(!taken(&m));
	m = good;
	m.ack.range[1].from = m.ack.range[0].to; /* touches */
	CHECK(!taken(&m));
	m = good;
	m.ack.range[2].to = UINT64_MAX;
	CHECK(taken(&m));
	m.ack.range[1].from = m.ack.range[1].to + 1; /* backwards */
	CHECK(!taken(&m));
}

static void too_many_ranges_are_refused(void)
{
	struct flowmsg m = { .type = FLOWMSG_ACK, .ack = ack_of(ACK_RANGES_MAX) };
	uint8_t out[FLOWMSG_BYTES_MAX];
	size_t len = flowmsg_encode(&m, out) + 16;

	memset(out + len - 16, 0x77, 8);
	memset(out + len - 8, 0x78, 8);
	out[FLOWMSG_HEAD + 17]++;
	out[1] = (uint8_t)((len - FLOWMSG_HEAD) >> 8);
	out[2] = (uint8_t)(len - FLOWMSG_HEAD);
	CHECK(!flowmsg_decode(&m, out, len));
}

static void shares_must_follow_an_earlier_epoch(void)
{
	struct flowmsg m = { .type = FLOWMSG_SHARE, .share = { .e = 4, .prev_e = 3, .j = 1 } };

	CHECK(taken(&m));
	m.share.prev_e = 4;
	CHECK(!taken(&m));
	m.share.e = m.share.prev_e = 0; /* the shares of epoch 0 stand in JOINs */
	CHECK(!taken(&m));
	m.share = (struct msg_share){ .dir = 2, .e = 4 };
	CHECK(!taken(&m));
	m = (struct flowmsg){ .type = FLOWMSG_SHARE_ACK, .share_ack = { .dir = 2 } };
	CHECK(!taken(&m));
}

static void a_stop_text_is_one_short_string(void)
{
	uint8_t out[FLOWMSG_BYTES_MAX] = { FLOWMSG_STOP, 0, 6, 3, 0, 3, 'a', 0, 'b' };
	struct flowmsg m;

	CHECK(!flowmsg_decode(&m, out, 9));
	out[7] = '-';
	CHECK(flowmsg_decode(&m, out, 9));
	CHECK_STR(m.stop.text, "a-b");
	CHECK_EQ(m.stop.code, 3);
	memset(out, 'x', sizeof out); /* one byte too long */
	memcpy(out, (uint8_t[]){ FLOWMSG_STOP, 0, STOP_TEXT_MAX + 4, 3, 0, STOP_TEXT_MAX + 1 }, 6);
	CHECK(!flowmsg_decode(&m, out, STOP_TEXT_MAX + 7));
}

static void lines_of_an_unknown_kind_are_refused(void)
{
	struct flowmsg m = told_of(3);

	for (int kind = 0; kind < 256; kind++) {
		m.told.kind = (uint8_t)kind;
		CHECK(taken(&m) == (kind >= TOLD_COUNT && kind <= TOLD_END));
	}
}

static void a_piece_of_a_trace_has_a_length_and_a_mark(void)
{
	uint8_t out[] = { FLOWMSG_TRACED, 0, 5, 1, 0, 2, '1', '1' };
	struct flowmsg m;

	CHECK(flowmsg_decode(&m, out, sizeof out));
	CHECK(m.traced.more);
	CHECK_STR(m.traced.text, "11");
	out[3] = 2;
	CHECK(!flowmsg_decode(&m, out, sizeof out));
	out[3] = 0;
	out[5] = 3;
	CHECK(!flowmsg_decode(&m, out, sizeof out));
	out[5] = 2;
	out[6] = 0;
	CHECK(!flowmsg_decode(&m, out, sizeof out));
}

static void unknown_types_are_refused(void)
{
	uint8_t out[3 + 8] = { 0, 0, 8 };
	struct flowmsg m;

	for (int type = 0; type < 256; type++) {
		out[0] = (uint8_t)type;
		CHECK(flowmsg_decode(&m, out, sizeof out) ==
		      (type == FLOWMSG_PING || type == FLOWMSG_PONG));
	}
}

static void the_length_is_known_from_the_head_on(void)
{
	uint8_t p[3] = { FLOWMSG_PING, 0x01, 0x02 };

	CHECK_EQ(flowmsg_length(p, 0), 0);
	CHECK_EQ(flowmsg_length(p, 2), 0);
	CHECK_EQ(flowmsg_length(p, 3), 0x0102 + 3);
}

TEST_MAIN_BEGIN
	RUN(every_message_comes_back_as_it_was);
	RUN(fields_come_back_where_they_belong);
	RUN(every_truncation_and_every_byte_too_many_is_refused);
	RUN(the_bytes_are_these);
	RUN(joins_that_contradict_themselves_are_refused);
	RUN(a_join_over_too_many_paths_is_refused);
	RUN(acknowledgements_out_of_order_are_refused);
	RUN(too_many_ranges_are_refused);
	RUN(shares_must_follow_an_earlier_epoch);
	RUN(a_stop_text_is_one_short_string);
	RUN(lines_of_an_unknown_kind_are_refused);
	RUN(a_piece_of_a_trace_has_a_length_and_a_mark);
	RUN(unknown_types_are_refused);
	RUN(the_length_is_known_from_the_head_on);
TEST_MAIN_END
