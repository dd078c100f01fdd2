/* test/unit/test_conn.c - conns over loopback: frames, back-pressure, an orderly end */
#include "test/unit/conn_pair.h"

static uint32_t sent;
static bool in_order; /* a test's frames begin with their number */

static int send_number(struct end *e, size_t len)
{
	static uint8_t frame[FRAME_MAX];
	int r;

	memcpy(frame, &sent, 4);
	r = conn_send(&e->conn, frame, len);
	sent += !r;
	return r;
}

enum { PIECE = 50000, PIECES = 400 }; /* much more than queue and sockets hold */

static void fill_up(struct end *e)
{
	while (sent < PIECES && !send_number(e, PIECE))
		;
}

static void echo(struct end *e, const uint8_t *p, size_t len)
{
	CHECK_EQ(conn_send(&e->conn, p, len), 0);
}

static void note_order(const struct end *e, const uint8_t *p, size_t len)
{
	uint32_t number;

	if (len < sizeof number)
		return;
	memcpy(&number, p, sizeof number);
	in_order &= number + 1 == e->frames;
}

static void stop_at_frame_8(struct end *e, const uint8_t *p, size_t len)
{
	note_order(e, p, len);
	if (e->frames == 8)
		loop_stop(&loop);
}

static void frames_of_all_sizes_come_back(void)
{
	static const size_t sizes[8] = { 4, 5, 4092, 4093, 10000, 60000, 100000, 8 };
	size_t total = 0;

	begin(2000);
	far.on_frame = echo;
	near.on_frame = stop_at_frame_8;
	sent = 0;
	in_order = true;
	CHECK_EQ(conn_send(&near.conn, "x", 1), -ENOTCONN);
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(send_number(&near, sizes[i]), 0); /* before the handshake: queued */
		total += sizes[i];
	}
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(near.opens, 1);
	CHECK_EQ(far.opens, 1);
	CHECK_EQ(near.frames, 8);
	CHECK_EQ(near.bytes, total);
	CHECK(in_order);
	finish();
}

static void empty_frames_are_frames(void)
{
	begin(2000);
	far.on_frame = stop_at_frame_8;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(conn_send(&near.conn, NULL, 0), 0);
	run(GUARD_MS);
	CHECK_EQ(far.frames, 8);
	CHECK_EQ(far.bytes, 0);
	finish();
}

static void hold_at_once(struct end *e)
{
	conn_hold(&e->conn, true);
}

static void stop_at_last_piece(struct end *e, const uint8_t *p, size_t len)
{
	note_order(e, p, len);
	if (e->frames == PIECES)
		loop_stop(&loop);
}

static void a_slow_reader_slows_the_sender(void)
{
	uint32_t stuck_at;

	begin(2000);
	sent = 0;
	in_order = true;
	near.on_open = fill_up;
	near.on_drain = fill_up;
	far.on_open = hold_at_once;
	far.on_frame = stop_at_last_piece;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(300);
	CHECK(hung); /* nothing moves any more */
	stuck_at = sent;
	CHECK(stuck_at > 0);
	CHECK(stuck_at < PIECES);
	CHECK_EQ(far.frames, 0);
	CHECK_EQ(send_number(&near, PIECE), -EAGAIN);
	hung = false;
	conn_hold(&far.conn, false);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, PIECES);
	CHECK_EQ(far.bytes, (size_t)PIECES * PIECE);
	CHECK(in_order);
	finish();
}

static void frames_too_long_are_refused(void)
{
	static uint8_t big[OUT_MAX];

	begin(2000);
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	CHECK_EQ(conn_send(&near.conn, big, OUT_MAX), -EMSGSIZE);
	CHECK_EQ(conn_send(&near.conn, big, OUT_MAX - CONN_HEAD_BYTES), 0);
	run(GUARD_MS);
	CHECK_EQ(far.frames, 0);
	CHECK_EQ(far.err, -EPROTO);
	CHECK_STR(far.why, "the peer sent a frame that is too long");
	CHECK_EQ(near.closes, 1);
	finish();
}

static void send_8_and_finish(struct end *e)
{
	for (int i = 0; i < 8; i++)
		CHECK_EQ(send_number(e, 30000), 0);
	conn_finish(&e->conn);
	CHECK_EQ(conn_send(&e->conn, "x", 1), -ENOTCONN);
}

static void note_all(struct end *e, const uint8_t *p, size_t len)
{
	note_order(e, p, len);
}

static void finishing_sends_what_is_queued(void)
{
	begin(2000);
	far.on_frame = note_all;
	sent = 0;
	in_order = true;
	near.on_open = send_8_and_finish;
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, 8);
	CHECK(in_order);
	CHECK_EQ(near.err, 0);
	CHECK_EQ(far.err, 0);
	CHECK_STR(far.why, "closed");
	finish();
}

static void finish_at_frame(struct end *e, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	conn_finish(&e->conn);
}

/* The one that finishes must go on reading to see the other's goodbye. */
static void finishing_drops_what_still_comes(void)
{
	begin(2000);
	sent = 0;
	in_order = true;
	near.on_open = fill_up;
	near.on_drain = fill_up;
	far.on_frame = finish_at_frame;
	near.on_close = far.on_close = stop_at_both_ends;
	CHECK_EQ(conn_connect(&near.conn, &at, NULL, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK(!hung);
	CHECK_EQ(far.frames, 1);
	CHECK_EQ(far.closes, 1);
	CHECK_EQ(near.closes, 1);
	finish();
}

static void a_local_address_is_used(void)
{
	struct addr from, peer;

	begin(2000);
	near.on_open = stop;
	CHECK(addr_parse(&from, "127.0.0.9", 0));
	CHECK_EQ(conn_connect(&near.conn, &at, &from, &far_id.fp), 0);
	run(GUARD_MS);
	CHECK_EQ(sock_name(conn_fd(&near.conn), &peer), 0);
	CHECK(addr_same_ip(&peer, &from));
	finish();
}

TEST_MAIN_BEGIN
	RUN(frames_of_all_sizes_come_back);
	RUN(empty_frames_are_frames);
	RUN(a_slow_reader_slows_the_sender);
	RUN(frames_too_long_are_refused);
	RUN(finishing_sends_what_is_queued);
	RUN(finishing_drops_what_still_comes);
	RUN(a_local_address_is_used);
TEST_MAIN_END
